/* JSON through jansson: the last part of text.h. Writing is our own, because reals must be spelled as
 * Python spells them and jansson cannot. */
#include "pipeline/core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Without memory for a longer token jansson 2.14 drops the character and goes on (its lexer ignores
 * strbuffer's failure), so a string could come out shorter than it is. Its allocations are watched
 * therefore, from before the first one. */
static _Thread_local int starved;

static void *watched_malloc(size_t n)
{
	void *p = malloc(n);

	if (!p)
		starved = 1;
	return p;
}

__attribute__((constructor)) static void watch(void)
{
	json_set_alloc_funcs(watched_malloc, free);
}

json_t *json_parse(const char *name, const char *bytes, size_t n, struct err *err)
{
	json_error_t why;
	json_t *value;

	starved = 0;
	if (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
		bytes += 3;
		n -= 3;
	}
	value = json_loadb(bytes, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (starved) {
		json_decref(value);
		err_nomem(err, name);
		return NULL;
	}
	if (!value)
		err_set(err, ERR_FORMAT, "%s:%d:%d: %s", name, why.line, why.column, why.text);
	return value;
}

struct writer {
	struct buf out;
	int pretty; /* two blanks and ASCII, else compact and UTF-8 */
};

/* The code point at *p of valid UTF-8 (jansson checks on the way in), which moves on. */
static unsigned long utf8_next(const unsigned char **p)
{
	const unsigned char *s = *p;
	unsigned long c = s[0];

	if (c < 0x80) {
		*p += 1;
	} else if (c < 0xe0) {
		c = (c & 0x1f) << 6 | (s[1] & 0x3fu);
		*p += 2;
	} else if (c < 0xf0) {
		c = (c & 0x0f) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
		*p += 3;
	} else {
		c = (c & 0x07) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
		*p += 4;
	}
	return c;
}

static void put_escape(struct buf *out, unsigned long c)
{
	static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: what, spelled */
	size_t i;

	for (i = 0; i + 1 < sizeof named; i += 2) {
		if (c == (unsigned char)named[i]) {
			buf_putc(out, '\\');
			buf_putc(out, named[i + 1]);
			return;
		}
	}
	if (c < 0x10000) {
		buf_printf(out, "\\u%04lx", c);
		return;
	}
	c -= 0x10000; /* a UTF-16 surrogate pair */
	buf_printf(out, "\\u%04lx\\u%04lx", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

static void put_text(struct writer *w, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len, *from = p;

	buf_putc(&w->out, '"');
	while (p < end) {
		const unsigned char *at = p;
		unsigned long c = utf8_next(&p);

		if (c >= 0x20 && c != '"' && c != '\\' && (!w->pretty || c < 0x7f))
			continue;
		buf_put(&w->out, from, (size_t)(at - from));
		put_escape(&w->out, c);
		from = p;
	}
	buf_put(&w->out, from, (size_t)(end - from));
	buf_putc(&w->out, '"');
}

static void put_break(struct writer *w, size_t depth)
{
	if (!w->pretty)
		return;
	buf_putc(&w->out, '\n');
	while (depth-- > 0)
		buf_puts(&w->out, "  ");
}

static void put_value(struct writer *w, const json_t *value, size_t depth);

static void put_array(struct writer *w, const json_t *array, size_t depth)
{
	size_t i, n = json_array_size(array);

	buf_putc(&w->out, '[');
	for (i = 0; i < n; i++) {
		if (i)
			buf_putc(&w->out, ',');
		put_break(w, depth + 1);
		put_value(w, json_array_get(array, i), depth + 1);
	}
	if (n)
		put_break(w, depth);
	buf_putc(&w->out, ']');
}

static void put_object(struct writer *w, json_t *object, size_t depth)
{
	void *it = json_object_iter(object);
	int first = 1;

	buf_putc(&w->out, '{');
	for (; it; it = json_object_iter_next(object, it), first = 0) {
		if (!first)
			buf_putc(&w->out, ',');
		put_break(w, depth + 1);
		put_text(w, json_object_iter_key(it), json_object_iter_key_len(it));
		buf_puts(&w->out, w->pretty ? ": " : ":");
		put_value(w, json_object_iter_value(it), depth + 1);
	}
	if (!first)
		put_break(w, depth);
	buf_putc(&w->out, '}');
}

static void put_real(struct writer *w, double v)
{
	char text[DOUBLE_TEXT];

	double_shortest(v, text); /* jansson holds no NaN and no infinity */
	buf_puts(&w->out, text);
}

static void put_value(struct writer *w, const json_t *value, size_t depth)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		put_object(w, (json_t *)(uintptr_t)value, depth); /* only its iterator asks */
		break;
	case JSON_ARRAY:
		put_array(w, value, depth);
		break;
	case JSON_STRING:
		put_text(w, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		buf_printf(&w->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		put_real(w, json_real_value(value));
		break;
	case JSON_TRUE:
		buf_puts(&w->out, "true");
		break;
	case JSON_FALSE:
		buf_puts(&w->out, "false");
		break;
	case JSON_NULL:
		buf_puts(&w->out, "null");
		break;
	}
}

static char *write_json(const json_t *value, int pretty)
{
	struct writer w = {.out = BUF_INIT, .pretty = pretty};
	char *text;

	put_value(&w, value, 0);
	text = buf_steal(&w.out, NULL);
	buf_release(&w.out);
	return text;
}

char *json_compact(const json_t *value)
{
	return write_json(value, 0);
}

char *json_pretty_ascii(const json_t *value)
{
	return write_json(value, 1);
}

json_t *json_rounded(double v, int decimals)
{
	char text[400]; /* the largest double has 309 digits */

	if (!isfinite(v))
		return json_null();
	if (decimals < 0)
		decimals = 0;
	if (decimals > 17)
		decimals = 17;
	snprintf(text, sizeof text, "%.*f", decimals, v);
	v = strtod(text, NULL);
	if (v == 0)
		v = 0; /* "-0.0" means nothing to a reader */
	if (decimals == 0 && v >= -0x1p62 && v <= 0x1p62)
		return json_integer((json_int_t)v);
	return json_real(v);
}
