/* From text to tokens, brackets matched: see lean.h. Whether a slash begins a regular expression is told by
 * the token before it. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/lean/lean.h"

struct reader {
	struct tokens *t;
	const char *at, *end;
	int line;      /* a line ended since the last token */
	size_t *stack; /* owned; open brackets */
	size_t depth, cap;
};

void lean_fail(const struct token *t, const char *what)
{
	fprintf(stderr, "lean: %s at '%.*s'\n", what, (int)(t->len < 60 ? t->len : 60), t->text);
	exit(1);
}

static void *grown(void *p, size_t n, size_t size)
{
	p = realloc(p, n * size);
	if (!p) {
		fprintf(stderr, "lean: out of memory\n");
		exit(1);
	}
	return p;
}

int token_is(const struct token *t, const char *text)
{
	return t->len == strlen(text) && memcmp(t->text, text, t->len) == 0;
}

static struct token *last(const struct tokens *t)
{
	return t->n ? &t->at[t->n - 1] : NULL;
}

static void put(struct reader *r, enum token_kind kind, const char *end)
{
	struct tokens *t = r->t;

	if ((t->n & (t->n - 1)) == 0)
		t->at = grown(t->at, t->n ? 2 * t->n : 1, sizeof *t->at);
	t->at[t->n++] = (struct token){.kind = kind,
				       .text = r->at,
				       .len = (size_t)(end - r->at),
				       .line_before = r->line,
				       .other = SIZE_MAX,
				       .open = r->depth ? r->stack[r->depth - 1] : SIZE_MAX,
				       .name = -1};
	r->at = end;
	r->line = 0;
}

static int is_word(int c)
{
	return isalnum(c) || c == '_' || c == '$';
}

static int one_of(const struct token *t, const char *const *words)
{
	for (; *words; words++)
		if (token_is(t, *words))
			return 1;
	return 0;
}

/* What is an operand ends before a division; anything else before a regular expression. */
static int after_operand(const struct tokens *t)
{
	static const char *const words[] = {"return", "typeof", "case", "of",  "in",
					    "else",   "do",     "void", "new", NULL};
	const struct token *b = last(t);

	if (!b)
		return 0;
	if (b->kind == TOKEN_NAME)
		return !one_of(b, words);
	return b->kind != TOKEN_SIGN || token_is(b, ")") || token_is(b, "]") || token_is(b, "}");
}

/* The end of a string or regular expression that begins at r->at; NULL: it has none. */
static const char *text_end(const struct reader *r, char quote)
{
	const char *p = r->at + 1;
	int in_class = 0;

	for (; p < r->end && *p != '\n'; p++) {
		if (*p == '\\')
			p++;
		else if (quote == '/' && *p == '[')
			in_class = 1;
		else if (quote == '/' && *p == ']')
			in_class = 0;
		else if (*p == quote && !in_class)
			break;
	}
	if (p >= r->end || *p != quote)
		return NULL;
	p++;
	while (quote == '/' && p < r->end && is_word((unsigned char)*p))
		p++;
	return p;
}

/* A part of a template: from ` or } to ` or ${. */
static const char *template_end(const struct reader *r)
{
	const char *p = r->at + 1;

	for (; p < r->end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '`')
			return p + 1;
		else if (*p == '$' && p + 1 < r->end && p[1] == '{')
			return p + 2;
	}
	return NULL;
}

static void open_bracket(struct reader *r)
{
	if (r->depth == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 16;
		r->stack = grown(r->stack, r->cap, sizeof *r->stack);
	}
	r->stack[r->depth++] = r->t->n - 1;
}

static size_t close_bracket(struct reader *r)
{
	if (r->depth == 0) {
		fprintf(stderr, "lean: a bracket that nothing opens\n");
		exit(1);
	}
	return r->stack[--r->depth];
}

static void put_template(struct reader *r)
{
	const char *end = template_end(r);
	size_t other = SIZE_MAX;

	if (!end)
		lean_fail(last(r->t), "a template without its end after this");
	if (*r->at == '}')
		other = close_bracket(r);
	put(r, TOKEN_TEXT, end);
	if (other != SIZE_MAX) {
		r->t->at[other].other = r->t->n - 1;
		last(r->t)->other = other;
	}
	if (end[-1] == '{')
		open_bracket(r);
}

static void put_text(struct reader *r)
{
	const char *end = text_end(r, *r->at);

	if (!end)
		lean_fail(last(r->t), "a text without its end after this");
	put(r, TOKEN_TEXT, end);
}

static enum brace_kind brace_after(const struct tokens *t, size_t brace)
{
	static const char *const blocks[] = {")",     "=>", "else", "do", "try", "finally",
					     "catch", ";",  "{",    "}",  NULL};
	const struct token *b = brace ? &t->at[brace - 1] : NULL;
	static const char *const objects[] = {"return", "const", "let", "var", "of", "in", NULL};

	if (!b || (b->kind != TOKEN_TEXT && one_of(b, blocks)))
		return BRACE_BLOCK;
	if (b->kind == TOKEN_NAME && !one_of(b, objects))
		return BRACE_CLASS; /* class Name { */
	return BRACE_OBJECT;
}

static void put_sign(struct reader *r)
{
	static const char *const longest[] = {"...", "===", "!==", ">>>", "**", "=>", "==",
					      "!=",  "<=",  ">=",  "&&",  "||", "??", "?.",
					      "++",  "--",  "+=",  "-=",  "*=", "/=", "%=",
					      "&=",  "|=",  "^=",  "<<",  ">>", NULL};
	const char *const *sign = longest;
	size_t at = r->t->n, n = 1;
	char c = *r->at;

	for (; *sign; sign++)
		if ((size_t)(r->end - r->at) >= strlen(*sign) &&
		    memcmp(r->at, *sign, strlen(*sign)) == 0) {
			n = strlen(*sign);
			break;
		}
	/* a?.5:1 has no chain in it */
	if (n == 2 && c == '?' && r->at[1] == '.' && r->at + 2 < r->end &&
	    isdigit((unsigned char)r->at[2]))
		n = 1;
	if (strchr(")]}", c)) {
		size_t other = close_bracket(r);

		put(r, TOKEN_SIGN, r->at + n);
		r->t->at[at].other = other;
		r->t->at[at].brace = r->t->at[other].brace;
		r->t->at[other].other = at;
		return;
	}
	put(r, TOKEN_SIGN, r->at + n);
	if (strchr("([{", c)) {
		if (c == '{')
			r->t->at[at].brace = brace_after(r->t, at);
		open_bracket(r);
	}
}

/* Past blanks and comments. */
static void skip(struct reader *r)
{
	while (r->at < r->end) {
		if (isspace((unsigned char)*r->at)) {
			r->line |= *r->at == '\n';
			r->at++;
		} else if (r->end - r->at > 1 && r->at[0] == '/' && r->at[1] == '/') {
			while (r->at < r->end && *r->at != '\n')
				r->at++;
		} else if (r->end - r->at > 1 && r->at[0] == '/' && r->at[1] == '*') {
			const char *end = strstr(r->at + 2, "*/");

			r->at = end ? end + 2 : r->end;
		} else {
			return;
		}
	}
}

static const char *number_end(const struct reader *r)
{
	const char *p = r->at + 1;
	int hex = *r->at == '0' && p < r->end && (*p == 'x' || *p == 'X');

	for (; p < r->end; p++) {
		int sign = (*p == '+' || *p == '-') && !hex && (p[-1] == 'e' || p[-1] == 'E');

		if (!is_word((unsigned char)*p) && *p != '.' && !sign)
			break;
	}
	return p;
}

static void put_next(struct reader *r)
{
	const char *p = r->at;
	char c = *p;

	if (isdigit((unsigned char)c) ||
	    (c == '.' && r->end - p > 1 && isdigit((unsigned char)p[1]))) {
		put(r, TOKEN_NUMBER, number_end(r));
	} else if (is_word((unsigned char)c)) {
		while (p < r->end && is_word((unsigned char)*p))
			p++;
		put(r, TOKEN_NAME, p);
	} else if (c == '\'' || c == '"' || (c == '/' && !after_operand(r->t))) {
		put_text(r);
	} else if (c == '`' ||
		   (c == '}' && r->depth && r->t->at[r->stack[r->depth - 1]].kind == TOKEN_TEXT)) {
		put_template(r);
	} else {
		put_sign(r);
	}
}

void tokens_read(struct tokens *t, const char *text, size_t len)
{
	struct reader r = {.t = t, .at = text, .end = text + len};

	*t = (struct tokens){0};
	for (skip(&r); r.at < r.end; skip(&r))
		put_next(&r);
	put(&r, TOKEN_END, r.at);
	if (r.depth)
		lean_fail(&t->at[r.stack[r.depth - 1]], "a bracket that nothing closes");
	free(r.stack);
}
