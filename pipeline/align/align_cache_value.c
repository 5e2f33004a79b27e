/* The text of a cache row and its key: spec 8. Written as Python's json.dumps writes the original's
 * dictionary, read in any spelling of JSON. Thread-safe. */
#include "pipeline/align/align_cache.h"

#include "pipeline/core/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct value_key {
	const char *name;
	size_t offset; /* of the double in struct align_values */
	int whole;     /* an integer in Python */
};

#define FIELD(f) offsetof(struct align_values, f)

static const struct value_key value_keys[] = {
	{"identity_nw", FIELD(identity_nw), 0},       {"similarity_nw", FIELD(similarity_nw), 0},
	{"alignment_score_nw", FIELD(score_nw), 0},   {"gaps_pct_nw", FIELD(gaps_pct_nw), 0},
	{"alignment_length_nw", FIELD(length_nw), 0}, {"length_query", FIELD(length_query), 1},
	{"length_ref", FIELD(length_ref), 1},         {"identity_sw", FIELD(identity_sw), 0},
	{"similarity_sw", FIELD(similarity_sw), 0},   {"alignment_score_sw", FIELD(score_sw), 0},
	{"gaps_pct_sw", FIELD(gaps_pct_sw), 0},       {"alignment_length_sw", FIELD(length_sw), 0},
};

#define N_KEYS      (sizeof value_keys / sizeof value_keys[0])
#define NUMBER_TEXT 512 /* longer numbers are refused: nobody writes them */
#define MAX_DEPTH   32

void align_cache_key(const char query_md5[MD5_HEX], const char ref_md5[MD5_HEX],
		     char key[ALIGN_KEY_TEXT])
{
	static const char tail[] = ":10:1:blosum62";

	memcpy(key, query_md5, MD5_HEX - 1);
	key[MD5_HEX - 1] = ':';
	memcpy(key + MD5_HEX, ref_md5, MD5_HEX - 1);
	memcpy(key + 2 * MD5_HEX - 1, tail, sizeof tail);
}

static double get(const struct align_values *v, const struct value_key *k)
{
	double x;

	memcpy(&x, (const char *)v + k->offset, sizeof x);
	return x;
}

static void set(struct align_values *v, const struct value_key *k, double x)
{
	memcpy((char *)v + k->offset, &x, sizeof x);
}

static void number_text(double x, int whole, char out[DOUBLE_TEXT])
{
	if (whole && x >= 0 && x < 9e15 && x == floor(x)) /* below 2^53: exact */
		snprintf(out, DOUBLE_TEXT, "%.0f", x);
	else
		double_shortest(x, out);
}

int align_cache_value_format(const struct align_values *v, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < N_KEYS; i++) {
		const struct value_key *k = &value_keys[i];
		char number[DOUBLE_TEXT];
		double x = get(v, k);
		int n;

		if (!isfinite(x))
			return ERR_ARG;
		number_text(x, k->whole, number);
		n = snprintf(out + at, size - at, "%s\"%s\": %s%s", i == 0 ? "{" : "", k->name,
			     number, i + 1 == N_KEYS ? "}" : ", ");
		if (n < 0 || (size_t)n >= size - at)
			return ERR_LIMIT;
		at += (size_t)n;
	}
	return 0;
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* A reader of its own because jansson drops digits without a word when its buffer cannot grow. */
struct cursor {
	const char *at, *end;
};

static int peek(const struct cursor *c)
{
	return c->at < c->end ? (unsigned char)*c->at : -1;
}

static void skip_blanks(struct cursor *c)
{
	while (peek(c) == ' ' || peek(c) == '\t' || peek(c) == '\n' || peek(c) == '\r')
		c->at++;
}

/* The next token is `ch`, blanks around it aside. */
static int take(struct cursor *c, char ch)
{
	skip_blanks(c);
	if (peek(c) != ch)
		return 0;
	c->at++;
	skip_blanks(c);
	return 1;
}

/* The inside of a string, escapes as they stand: no key of ours has one. */
static int take_string(struct cursor *c, const char **text, size_t *len)
{
	if (peek(c) != '"')
		return 0;
	*text = ++c->at;
	while (peek(c) != '"') {
		if (peek(c) < 0x20) /* the end, too */
			return 0;
		c->at += *c->at == '\\' && c->end - c->at > 1 ? 2 : 1;
	}
	*len = (size_t)(c->at++ - *text);
	return 1;
}

static int take_digits(struct cursor *c)
{
	const char *start = c->at;

	while (peek(c) >= '0' && peek(c) <= '9')
		c->at++;
	return c->at > start;
}

#if LDBL_MANT_DIG == 64
static const long double power_of_ten[] = {
	1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
	1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L,
};

/* digits / 10^n, rounded once. Both are exact in 64 bits of mantissa, so the quotient is the true one
 * rounded to 64 bits; rounding that to 53 can only differ from rounding the true one when the other 11
 * bits lie next to the middle. Then 0: not told. */
static int quotient(uint64_t digits, unsigned n, double *value)
{
	long double q = (long double)digits / power_of_ten[n];
	uint64_t mantissa;

	memcpy(&mantissa, &q, sizeof mantissa);
	mantissa &= 0x7ff;
	if (mantissa >= 0x3ff && mantissa <= 0x401)
		return 0;
	*value = (double)q;
	return 1;
}
#else
/* Both exact in a double: the quotient is rounded once. */
static int quotient(uint64_t digits, unsigned n, double *value)
{
	double power = 1;

	if (digits > UINT64_C(1) << 53)
		return 0;
	for (; n > 0; n--)
		power *= 10;
	*value = (double)digits / power;
	return 1;
}
#endif

/* A number of at most 18 digits and no exponent, as nearly all are; 0: any other, nothing is taken. */
static int take_plain_number(struct cursor *c, double *value)
{
	const char *at = c->at, *first, *point = NULL;
	int negative = at < c->end && *at == '-';
	uint64_t digits = 0;
	size_t n;

	at += negative;
	for (first = at; at < c->end && at - first < 20; at++) {
		if (*at >= '0' && *at <= '9')
			digits = digits * 10 + (uint64_t)(*at - '0');
		else if (*at == '.' && !point && at > first)
			point = at;
		else
			break;
	}
	n = (size_t)(at - first) - (point != NULL);
	if (at == c->end || *at == 'e' || *at == 'E' || *at == '.' || n == 0 || n > 18 ||
	    (*at >= '0' && *at <= '9') || (point && point + 1 == at) ||
	    (*first == '0' && at > first + 1 && point != first + 1))
		return 0;
	if (!quotient(digits, point ? (unsigned)(at - point - 1) : 0, value))
		return 0;
	if (negative)
		*value = -*value;
	c->at = at;
	return 1;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static int take_number(struct cursor *c, double *value)
{
	const char *start = c->at;
	char text[NUMBER_TEXT];
	size_t len;

	if (take_plain_number(c, value))
		return 1;
	if (peek(c) == '-')
		c->at++;
	if (peek(c) == '0')
		c->at++;
	else if (!take_digits(c))
		return 0;
	if (peek(c) == '.' && (c->at++, !take_digits(c)))
		return 0;
	if (peek(c) == 'e' || peek(c) == 'E') {
		c->at++;
		if (peek(c) == '+' || peek(c) == '-')
			c->at++;
		if (!take_digits(c))
			return 0;
	}
	len = (size_t)(c->at - start);
	if (len >= sizeof text)
		return 0;
	memcpy(text, start, len);
	text[len] = '\0';
	*value = strtod(text, NULL);
	return isfinite(*value);
}

static int take_word(struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
		return 0;
	c->at += len;
	return 1;
}

static int skip_value(struct cursor *c, int depth);

/* Members of an array or an object, up to and with `close`. */
static int skip_members(struct cursor *c, char close, int depth)
{
	const char *text;
	size_t len;

	if (take(c, close))
		return 1;
	do {
		if (close == '}' && !(take_string(c, &text, &len) && take(c, ':')))
			return 0;
		if (!skip_value(c, depth))
			return 0;
	} while (take(c, ','));
	return take(c, close);
}

/* Values under keys that we do not know. */
static int skip_value(struct cursor *c, int depth)
{
	const char *text;
	double number;
	size_t len;

	switch (peek(c)) {
	case '"':
		return take_string(c, &text, &len);
	case '[':
		return depth < MAX_DEPTH && take(c, '[') && skip_members(c, ']', depth + 1);
	case '{':
		return depth < MAX_DEPTH && take(c, '{') && skip_members(c, '}', depth + 1);
	case 't':
		return take_word(c, "true");
	case 'f':
		return take_word(c, "false");
	case 'n':
		return take_word(c, "null");
	default:
		return take_number(c, &number);
	}
}

/* The number of a known key, N_KEYS for others. They mostly come in our order. */
static unsigned find_key(const char *text, size_t len, unsigned expected)
{
	unsigned n = 0;

	for (; n < N_KEYS; n++) {
		const struct value_key *k = &value_keys[(expected + n) % N_KEYS];

		if (strlen(k->name) == len && memcmp(k->name, text, len) == 0)
			return (expected + n) % N_KEYS;
	}
	return N_KEYS;
}

/* A key as we and the original write it, with a number after it; 0: anything else, nothing is taken. */
static int take_own_key(struct cursor *c, const char *name)
{
	size_t len = strlen(name);

	if ((size_t)(c->end - c->at) < len + 5 || c->at[0] != '"' ||
	    memcmp(c->at + 1, name, len) != 0 || memcmp(c->at + 1 + len, "\": ", 3) != 0 ||
	    (c->at[len + 4] != '-' && (c->at[len + 4] < '0' || c->at[len + 4] > '9')))
		return 0;
	c->at += len + 4;
	return 1;
}

/* One `"key": value`; a known key's bit is set in *seen. */
static int take_member(struct cursor *c, struct align_values *v, unsigned *seen, unsigned *expected)
{
	const char *text;
	double number;
	unsigned i;
	size_t len;

	i = *expected;
	if (i == N_KEYS || !take_own_key(c, value_keys[i].name)) {
		if (!take_string(c, &text, &len) || !take(c, ':'))
			return 0;
		i = find_key(text, len, i);
	}
	if (i == N_KEYS)
		return skip_value(c, 0);
	if (!take_number(c, &number))
		return 0;
	set(v, &value_keys[i], number);
	*seen |= 1u << i;
	*expected = i + 1;
	return 1;
}

int align_cache_value_parse(const char *text, size_t len, struct align_values *v)
{
	struct cursor c = {text, text + len};
	struct align_values fresh;
	unsigned seen = 0, expected = 0;

	if (!take(&c, '{'))
		return ERR_FORMAT;
	do {
		if (!take_member(&c, &fresh, &seen, &expected))
			return ERR_FORMAT;
	} while (take(&c, ','));
	if (!take(&c, '}') || c.at != c.end || seen != (1u << N_KEYS) - 1)
		return ERR_FORMAT;
	*v = fresh;
	return 0;
}
