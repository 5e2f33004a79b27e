/* JavaScript made small for a page: comments and blanks go, names that are declared in a file get short
 * ones. Knows the part of the language that viewer/js is written in (docs/viewer.md); run at build time,
 * once for each file. Single-threaded; ends the program on what it cannot read. */
#ifndef VIEWER_LEAN_H
#define VIEWER_LEAN_H

#include <stddef.h>

enum token_kind {
	TOKEN_NAME, /* identifier or keyword */
	TOKEN_NUMBER,
	TOKEN_TEXT, /* string, regular expression, part of a template */
	TOKEN_SIGN,
	TOKEN_END,
};

enum brace_kind { BRACE_NONE, BRACE_BLOCK, BRACE_OBJECT, BRACE_CLASS };

struct token {
	enum token_kind kind;
	const char *text;
	size_t len;
	int line_before;       /* a line ended between it and the token before */
	size_t other;          /* of ( [ { and their ends: the place of the other one */
	size_t open;           /* the bracket it stands in; SIZE_MAX: none */
	enum brace_kind brace; /* of { and } */
	int name;              /* of names that are declared in the file: number, else -1 */
	int shorthand;         /* {name} stands for {name: name} */
};

struct tokens {
	struct token *at; /* owned; ends with TOKEN_END */
	size_t n;
};

/* token.c */
void tokens_read(struct tokens *t, const char *text, size_t len);
int token_is(const struct token *t, const char *text);
_Noreturn void lean_fail(const struct token *t, const char *what);

/* names.c: gives every token of a declared name its number; the number of names. */
int names_find(struct tokens *t);
/* The short text of each number (caller frees all); none is a name that the file uses otherwise. */
char **names_short(const struct tokens *t, int n);

#endif
