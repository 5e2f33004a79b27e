/* Walking through JSON: see json_in.h. */
#include "prof/formats/json_in.h"

#include <stdlib.h>
#include <string.h>

void json_in_begin(struct json_in *j, const char *data, size_t n, struct err *err)
{
	memset(j, 0, sizeof(*j));
	j->start = j->at = data;
	j->end = data + n;
	j->err = err;
	buf_init(&j->text, BUF_NO_LIMIT);
}

void json_in_end(struct json_in *j)
{
	buf_release(&j->text);
}

void json_in_go(struct json_in *j, const char *at)
{
	j->at = at;
	j->fresh = 1;
	j->depth = 0;
}

int json_in_is(const char *key, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(key, name, n) == 0;
}

int json_in_fail(struct json_in *j, const char *what)
{
	unsigned long long line = 1;
	const char *begin = j->start, *lf;

	while (begin < j->at && (lf = memchr(begin, '\n', (size_t)(j->at - begin)))) {
		begin = lf + 1;
		line++;
	}
	return err_set(j->err, ERR_FORMAT, "line %llu, column %llu: %s", line,
		       (unsigned long long)(j->at - begin) + 1, what);
}

static void blanks(struct json_in *j)
{
	while (j->at < j->end &&
	       (*j->at == ' ' || *j->at == '\n' || *j->at == '\t' || *j->at == '\r'))
		j->at++;
}

enum json_in_type json_in_peek(struct json_in *j)
{
	blanks(j);
	if (j->at == j->end)
		return JSON_IN_BAD;
	switch (*j->at) {
	case '{':
		return JSON_IN_OBJECT;
	case '[':
		return JSON_IN_ARRAY;
	case '"':
		return JSON_IN_STRING;
	case 't':
		return JSON_IN_TRUE;
	case 'f':
		return JSON_IN_FALSE;
	case 'n':
		return JSON_IN_NULL;
	default:
		return *j->at == '-' || (*j->at >= '0' && *j->at <= '9') ? JSON_IN_NUMBER
									 : JSON_IN_BAD;
	}
}

static int enter(struct json_in *j, char bracket, const char *what)
{
	blanks(j);
	if (j->at == j->end || *j->at != bracket)
		return json_in_fail(j, what);
	if (++j->depth > JSON_IN_DEPTH)
		return json_in_fail(j, "objects and arrays inside each other, too deep");
	j->at++;
	j->fresh = 1;
	return 0;
}

int json_in_object(struct json_in *j)
{
	return enter(j, '{', "an object {…} should stand here");
}

int json_in_array(struct json_in *j)
{
	return enter(j, '[', "an array […] should stand here");
}

/* 1: in front of the next member; 0: behind `bracket`. */
static int next(struct json_in *j, char bracket)
{
	blanks(j);
	if (j->at < j->end && *j->at == bracket) {
		j->at++;
		j->depth--;
		j->fresh = 0;
		return 0;
	}
	if (!j->fresh) {
		if (j->at == j->end || *j->at != ',')
			return json_in_fail(j, bracket == '}' ? "',' or '}' should stand here"
							      : "',' or ']' should stand here");
		j->at++;
		blanks(j);
	}
	j->fresh = 0;
	return 1;
}

int json_in_key(struct json_in *j, const char **key, size_t *n)
{
	int rc = next(j, '}');

	if (rc <= 0)
		return rc;
	rc = json_in_string(j, key, n);
	if (rc)
		return rc;
	blanks(j);
	if (j->at == j->end || *j->at != ':')
		return json_in_fail(j, "':' should stand here");
	j->at++;
	return 1;
}

int json_in_item(struct json_in *j)
{
	return next(j, ']');
}

/* ---- strings ---- */

static int hex4(const char *p, uint32_t *code)
{
	int i;

	*code = 0;
	for (i = 0; i < 4; i++) {
		char c = p[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		*code = *code << 4 | (uint32_t)digit;
	}
	return 0;
}

static void put_code(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_putc(b, (char)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		buf_putc(b, (char)(0xe0 | c >> 12));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
	} else {
		buf_putc(b, (char)(0xf0 | c >> 18));
		buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_putc(b, (char)(0x80 | (c & 0x3f)));
}

/* Behind "\u". Half of a pair alone is U+FFFD. */
static int escape_code(struct json_in *j)
{
	uint32_t code, low;

	if (j->end - j->at < 4 || hex4(j->at, &code))
		return json_in_fail(j, "four hexadecimal digits should stand behind \\u");
	j->at += 4;
	if (code >= 0xd800 && code < 0xdc00 && j->end - j->at >= 6 && j->at[0] == '\\' &&
	    j->at[1] == 'u' && hex4(j->at + 2, &low) == 0 && low >= 0xdc00 && low < 0xe000) {
		j->at += 6;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	put_code(&j->text, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
	return 0;
}

static int escape(struct json_in *j)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *hit;
	char c = j->at < j->end ? *j->at++ : '\0';

	if (c == 'u')
		return escape_code(j);
	hit = c ? strchr(from, c) : NULL;
	if (!hit)
		return json_in_fail(j, "no such escape");
	buf_putc(&j->text, to[hit - from]);
	return 0;
}

int json_in_string(struct json_in *j, const char **text, size_t *n)
{
	blanks(j);
	if (j->at == j->end || *j->at != '"')
		return json_in_fail(j, "a string should stand here");
	j->at++;
	buf_clear(&j->text);
	for (;;) {
		const char *run = j->at;

		while (j->at < j->end && *j->at != '"' && *j->at != '\\' &&
		       (unsigned char)*j->at >= 0x20)
			j->at++;
		buf_put(&j->text, run, (size_t)(j->at - run));
		if (j->at == j->end)
			return json_in_fail(j,
					    "the text ends inside a string: the file is cut short");
		if (*j->at == '"')
			break;
		if (*j->at != '\\')
			return json_in_fail(j, "a control character in a string");
		j->at++;
		if (escape(j))
			return ERR_FORMAT;
	}
	j->at++;
	j->fresh = 0;
	if (buf_failed(&j->text))
		return err_nomem(j->err, "a string");
	*text = buf_str(&j->text);
	*n = j->text.len;
	return 0;
}

/* ---- the rest ---- */

static const char *digits(const char *at)
{
	while (*at >= '0' && *at <= '9')
		at++;
	return at;
}

/* Behind the number that begins at `at`; NULL: there is none. */
static const char *number_end(const char *at)
{
	const char *from = *at == '-' ? at + 1 : at;
	const char *p = *from == '0' ? from + 1 : digits(from);

	if (p == from)
		return NULL;
	if (*p == '.') {
		from = p + 1;
		p = digits(from);
		if (p == from)
			return NULL;
	}
	if (*p == 'e' || *p == 'E') {
		from = p[1] == '+' || p[1] == '-' ? p + 2 : p + 1;
		p = digits(from);
		if (p == from)
			return NULL;
	}
	return p;
}

int json_in_number(struct json_in *j, double *number)
{
	const char *end;
	uint64_t whole = 0;

	blanks(j);
	end = j->at < j->end ? number_end(j->at) : NULL;
	if (!end)
		return json_in_fail(j, "a number should stand here");
	if (*j->at != '-' && end - j->at <= 15) {
		const char *p = digits(j->at);

		if (p == end) {
			for (p = j->at; p < end; p++)
				whole = whole * 10 + (uint64_t)(*p - '0');
			*number = (double)whole;
			j->at = end;
			j->fresh = 0;
			return 0;
		}
	}
	*number = strtod(j->at, NULL);
	j->at = end;
	j->fresh = 0;
	return 0;
}

int json_in_index(struct json_in *j, uint32_t *index)
{
	double number;
	int rc;

	*index = UINT32_MAX;
	if (json_in_peek(j) == JSON_IN_NULL)
		return json_in_skip(j);
	rc = json_in_number(j, &number);
	if (rc)
		return rc;
	if (number == -1)
		return 0;
	if (!(number >= 0 && number < UINT32_MAX) || number != (double)(uint32_t)number)
		return json_in_fail(j, "a whole number from 0 on should stand before here");
	*index = (uint32_t)number;
	return 0;
}

static int skip_word(struct json_in *j, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(j->end - j->at) < n || memcmp(j->at, word, n) != 0)
		return json_in_fail(j, "true, false or null should stand here");
	j->at += n;
	j->fresh = 0;
	return 0;
}

int json_in_skip(struct json_in *j)
{
	const char *text;
	size_t n;
	double number;
	int rc;

	switch (json_in_peek(j)) {
	case JSON_IN_OBJECT:
		rc = json_in_object(j);
		while (rc == 0 && (rc = json_in_key(j, &text, &n)) > 0)
			rc = json_in_skip(j);
		return rc;
	case JSON_IN_ARRAY:
		rc = json_in_array(j);
		while (rc == 0 && (rc = json_in_item(j)) > 0)
			rc = json_in_skip(j);
		return rc;
	case JSON_IN_STRING:
		return json_in_string(j, &text, &n);
	case JSON_IN_NUMBER:
		return json_in_number(j, &number);
	case JSON_IN_TRUE:
		return skip_word(j, "true");
	case JSON_IN_FALSE:
		return skip_word(j, "false");
	case JSON_IN_NULL:
		return skip_word(j, "null");
	default:
		return json_in_fail(j, j->at == j->end ? "the text ends here: the file is cut short"
						       : "a value should stand here");
	}
}

int json_in_later(struct json_in *j, const char **at)
{
	blanks(j);
	*at = j->at;
	return json_in_skip(j);
}

int json_in_done(struct json_in *j)
{
	blanks(j);
	return j->at == j->end ? 0 : json_in_fail(j, "nothing more should stand behind the end");
}
