/* Between the files of the normaliser of SQL: what is known while a text is read. Private to prof/base/sqlnorm*. */
#ifndef BASE_SQLNORM_INTERNAL_H
#define BASE_SQLNORM_INTERNAL_H

#include <stdint.h>
#include <string.h>

#include "prof/base/sqlnorm.h"

#define K0     0x9e3779b97f4a7c15u
#define K1     0xd6e8feb86659fd93u
#define LISTS  8 /* that may lie in each other; deeper ones are written out */
#define SHAPES 4 /* of elements that a list remembers */

enum kind { /* of the token before */
	    K_START,
	    K_WORD,    /* identifier or keyword after which a sign is an operator */
	    K_KEYWORD, /* after which a sign belongs to its number */
	    K_LITERAL,
	    K_OPEN,
	    K_CLOSE,
	    K_COMMA,
	    K_SEMI,
	    K_DOT,
	    K_CAST,
	    K_OP,
	    K_COLON,
};

enum word { W_OTHER, W_IN, W_VALUES, W_ARRAY, W_IS, W_NOT, W_SET, W_NULL, W_BOOL, W_SIGN };

enum list_kind { L_NONE, L_IN, L_VALUES, L_ARRAY };

struct mark { /* a place in what was written */
	uint64_t hash;
	size_t at;
	enum kind kind;
};

struct list {
	struct mark before; /* the element, and the comma that leads to it */
	uint64_t shapes[SHAPES];
	uint32_t n_shapes;
	uint32_t depth; /* of brackets inside it */
	enum list_kind kind;
	int folded, open; /* an element is under way */
};

struct norm {
	const unsigned char *p, *end;
	char *text;
	size_t room, at; /* at may pass room: then the text is cut */
	uint64_t hash, literals;
	uint32_t n_literals, depth;
	enum kind kind;
	enum word word;            /* of the token before, if it was a word */
	enum list_kind wanted;     /* the list that an opening bracket starts now */
	const unsigned char *last; /* the word before, if word is W_OTHER and kind K_WORD */
	size_t last_len;
	int string; /* the token before was a string */
	int semi;
	unsigned flags;
	uint8_t backslash;
	uint32_t n_lists;
	struct list lists[LISTS];
};

/* Up to eight bytes as a number, without reading past them. */
static inline uint64_t load(const unsigned char *p, size_t n)
{
	uint32_t from, to;
	uint64_t v;

	if (n >= 8) {
		memcpy(&v, p, 8);
		return v;
	}
	if (n >= 4) {
		memcpy(&from, p, 4);
		memcpy(&to, p + n - 4, 4);
		return from | (uint64_t)to << (8 * (n - 4));
	}
	if (n == 0)
		return 0;
	return p[0] | (uint64_t)p[n / 2] << (8 * (n / 2)) | (uint64_t)p[n - 1] << (8 * (n - 1));
}

/* A-Z become a-z in all eight bytes at once. */
static inline uint64_t lower(uint64_t v)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t low = v & 0x7f * ones;
	uint64_t from_a = low + (0x80 - 'A') * ones, past_z = low + (0x80 - 'Z' - 1) * ones;

	return v | ((from_a & ~past_z & ~v & 0x80 * ones) >> 2);
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 p = (u128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t mix(uint64_t h, uint64_t v)
{
	return fold(h ^ v ^ K0, K1);
}

/* sqlnorm_list.c: a token of its own bytes, `word`: in lower case; a literal; brackets, commas. */
void sqlnorm_put(struct norm *n, enum kind kind, const unsigned char *p, size_t len, int word);
/* An unquoted word; `low`: it in lower case, if it has no more than eight bytes. */
void sqlnorm_put_word(struct norm *n, enum kind kind, const unsigned char *p, size_t len,
		      uint64_t low);
void sqlnorm_put_literal(struct norm *n, const unsigned char *p, size_t len, int string);
void sqlnorm_put_comma(struct norm *n);
void sqlnorm_put_open(struct norm *n, unsigned char c);
void sqlnorm_put_close(struct norm *n, unsigned char c);
/* Between the rows of VALUES: a comma and an opening bracket go on with it, anything else ends it. Returns 1 if
 * it took the byte. */
int sqlnorm_values_go_on(struct norm *n, unsigned char c);
/* The bytes ended inside lists: what was begun last is not known. */
void sqlnorm_lists_cut(struct norm *n);
/* sqlnorm.c: is the token before a word after which an operand comes? */
int sqlnorm_after_keyword(const struct norm *n);

#endif
