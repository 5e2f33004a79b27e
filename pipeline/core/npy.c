/* NPY headers: a reader for the one Python literal they hold (a dict of three known keys) and a
 * writer. Rows of files are in npy_file.c, element conversion in npy_data.c. Thread-safe. */
#include "pipeline/core/npy.h"

#include <stdio.h>
#include <string.h>

#include "pipeline/core/npy_data.h"

#define MAGIC       "\x93NUMPY"
#define MAGIC_BYTES 6
#define ALIGN_BYTES 64 /* ARRAY_ALIGN of numpy/lib/format.py */
/* A header of three keys and four dimensions needs some 150 bytes; NumPy itself stops at 10,000. */
#define MAX_HEADER ((size_t)64 << 10)

struct cursor {
	const char *start; /* of the file, for offsets in messages */
	const char *at;
	const char *end;
	const char *name;
	struct err *err;
};

static int syntax(struct cursor *c, const char *what)
{
	return err_set(c->err, ERR_FORMAT,
		       "'%s': offset %zu: %s in the header of an npy array; write the file again",
		       c->name, (size_t)(c->at - c->start), what);
}

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n'))
		c->at++;
}

static int peek(struct cursor *c)
{
	skip_blanks(c);
	return c->at < c->end ? (unsigned char)*c->at : -1;
}

static int accept(struct cursor *c, char want)
{
	if (peek(c) != want)
		return 0;
	c->at++;
	return 1;
}

/* A quoted text without escapes. */
static int read_text(struct cursor *c, const char **text, size_t *len)
{
	int quote = peek(c);

	if (quote != '\'' && quote != '"')
		return syntax(c, "no quoted text");
	const char *start = c->at + 1;
	const char *stop = memchr(start, quote, (size_t)(c->end - start));

	if (!stop || memchr(start, '\\', (size_t)(stop - start)))
		return syntax(c, "a quoted text that does not end");
	*text = start;
	*len = (size_t)(stop - start);
	c->at = stop + 1;
	return 0;
}

static int read_bool(struct cursor *c, int *value)
{
	static const char *const words[2] = {"False", "True"};

	skip_blanks(c);
	for (int i = 0; i < 2; i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(c->end - c->at) >= n && memcmp(c->at, words[i], n) == 0) {
			c->at += n;
			*value = i;
			return 0;
		}
	}
	return syntax(c, "neither True nor False");
}

/* Digits only; signs, blanks inside and values above 2^63 - 1 are refused. */
static int read_number(struct cursor *c, uint64_t *value)
{
	uint64_t v = 0;

	if (peek(c) < '0' || peek(c) > '9')
		return syntax(c, "no number");
	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (unsigned)(*c->at - '0'), &v) || v > INT64_MAX)
			return syntax(c, "a number that is too large");
	}
	if (c->at < c->end && *c->at == 'L') /* written by Python 2 */
		c->at++;
	*value = v;
	return 0;
}

static int read_shape(struct cursor *c, struct npy_header *h)
{
	h->n_dims = 0;
	if (!accept(c, '('))
		return syntax(c, "no tuple");
	while (!accept(c, ')')) {
		if (h->n_dims == NPY_MAX_DIMS)
			return syntax(c, "more than four dimensions");
		int rc = read_number(c, &h->shape[h->n_dims]);

		if (rc < 0)
			return rc;
		h->n_dims++;
		if (!accept(c, ',') && peek(c) != ')')
			return syntax(c, "no comma");
	}
	return 0;
}

static int unknown_type(struct cursor *c, const char *descr, size_t len)
{
	return err_set(
		c->err, ERR_UNSUPPORTED,
		"'%s': elements of type '%.*s' are not read; store float16, float32, float64, "
		"int32, int64, U, S or O",
		c->name, (int)(len < 40 ? len : 40), descr);
}

struct type_row {
	char kind;
	size_t item_size; /* as written; 0: any */
	enum npy_type type;
};

static const struct type_row type_rows[] = {
	{'f', 2, NPY_F16}, {'f', 4, NPY_F32},     {'f', 8, NPY_F64},   {'i', 4, NPY_I32},
	{'i', 8, NPY_I64}, {'U', 0, NPY_UNICODE}, {'S', 0, NPY_BYTES}, {'a', 0, NPY_BYTES},
};

/* The digits behind the kind, without overflow. -1: not a number below 2^31. */
static int64_t parse_size(const char *text, size_t len)
{
	int64_t v = 0;

	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		v = v * 10 + (text[i] - '0');
		if (v > INT32_MAX)
			return -1;
	}
	return v;
}

static int set_type(struct cursor *c, const char *descr, size_t len, struct npy_header *h)
{
	const char *kind = descr;

	if (len > 0 && strchr("<>=|", *kind) && *kind)
		kind++;
	h->big_endian = *descr == '>';
	size_t left = len - (size_t)(kind - descr);

	if (left > 0 && *kind == 'O') {
		h->type = NPY_OBJECT;
		h->item_size = 0;
		h->big_endian = 0;
		return left == 1 || parse_size(kind + 1, left - 1) >= 0
			       ? 0
			       : unknown_type(c, descr, len);
	}
	int64_t size = left > 1 ? parse_size(kind + 1, left - 1) : -1;

	for (size_t i = 0; size >= 0 && i < sizeof type_rows / sizeof *type_rows; i++) {
		const struct type_row *row = &type_rows[i];

		if (row->kind != *kind || (row->item_size && row->item_size != (size_t)size))
			continue;
		h->type = row->type;
		h->item_size = (size_t)size * (row->type == NPY_UNICODE ? 4 : 1);
		return 0;
	}
	return unknown_type(c, descr, len);
}

static int read_descr(struct cursor *c, struct npy_header *h)
{
	const char *descr;
	size_t len;
	int rc;

	if (peek(c) == '[' || peek(c) == '(')
		return err_set(c->err, ERR_UNSUPPORTED,
			       "'%s': a structured array is not read; store plain columns",
			       c->name);
	rc = read_text(c, &descr, &len);
	return rc < 0 ? rc : set_type(c, descr, len, h);
}

enum key {
	KEY_DESCR,
	KEY_ORDER,
	KEY_SHAPE,
	N_KEYS,
};

static int read_value(struct cursor *c, enum key key, struct npy_header *h)
{
	if (key == KEY_DESCR)
		return read_descr(c, h);
	if (key == KEY_ORDER)
		return read_bool(c, &h->fortran_order);
	return read_shape(c, h);
}

static int read_key(struct cursor *c, unsigned *seen, enum key *key)
{
	static const char *const names[N_KEYS] = {"descr", "fortran_order", "shape"};
	const char *text;
	size_t len;
	int rc = read_text(c, &text, &len);

	if (rc < 0)
		return rc;
	for (unsigned k = 0; k < N_KEYS; k++) {
		if (len == strlen(names[k]) && memcmp(text, names[k], len) == 0) {
			if (*seen & 1u << k)
				return syntax(c, "a key that comes twice");
			*seen |= 1u << k;
			*key = (enum key)k;
			return accept(c, ':') ? 0 : syntax(c, "no colon");
		}
	}
	return syntax(c, "an unknown key");
}

static int read_dict(struct cursor *c, struct npy_header *h)
{
	unsigned seen = 0;

	if (!accept(c, '{'))
		return syntax(c, "no dict");
	while (!accept(c, '}')) {
		enum key key = KEY_DESCR;
		int rc = read_key(c, &seen, &key);

		if (rc == 0)
			rc = read_value(c, key, h);
		if (rc < 0)
			return rc;
		if (!accept(c, ',') && peek(c) != '}')
			return syntax(c, "no comma");
	}
	if (seen != (1u << N_KEYS) - 1)
		return syntax(c, "a missing key (descr, fortran_order or shape)");
	return peek(c) < 0 ? 0 : syntax(c, "text after the dict");
}

static int check_size(struct cursor *c, struct npy_header *h)
{
	uint64_t items = 1, bytes;

	for (size_t i = 0; i < h->n_dims; i++) {
		if (__builtin_mul_overflow(items, h->shape[i], &items))
			return syntax(c, "a shape that is too large");
	}
	if (__builtin_mul_overflow(items, h->item_size ? h->item_size : 1, &bytes) ||
	    bytes > INT64_MAX - MAX_HEADER - ALIGN_BYTES)
		return syntax(c, "a shape that is too large");
	h->n_items = items;
	return 0;
}

/* Where the dict starts and ends, from magic and version. */
static int find_dict(struct cursor *c, size_t n)
{
	const unsigned char *b = (const unsigned char *)c->start;
	size_t len, start;

	if (n < MAGIC_BYTES + 2 || memcmp(b, MAGIC, MAGIC_BYTES) != 0)
		return err_set(c->err, ERR_FORMAT, "'%s' is not an npy array (no NUMPY magic)",
			       c->name);
	if (b[6] < 1 || b[6] > 3 || b[7] != 0)
		return err_set(c->err, ERR_UNSUPPORTED,
			       "'%s': npy format %u.%u is not known; save it with NumPy 1 or 2",
			       c->name, b[6], b[7]);
	start = b[6] == 1 ? 10 : 12;
	if (n < start)
		return syntax(c, "the end of the file");
	len = b[8] | (size_t)b[9] << 8;
	if (b[6] > 1)
		len |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
	c->at += start;
	if (len > MAX_HEADER)
		return syntax(c, "too many bytes");
	if (len > n - start)
		return syntax(c, "the end of the file");
	c->end = c->at + len;
	return 0;
}

int npy_parse(const void *bytes, size_t n, const char *name, struct npy_header *h, struct err *err)
{
	struct cursor c = {.start = bytes, .at = bytes, .name = name, .err = err};
	int rc = find_dict(&c, n);

	*h = (struct npy_header){0};
	if (rc == 0)
		rc = read_dict(&c, h);
	if (rc == 0)
		rc = check_size(&c, h);
	if (rc == 0)
		h->data_offset = (size_t)(c.end - c.start);
	return rc;
}

int npy_write_header(struct buf *out, const char *descr, const uint64_t *shape, size_t n_dims)
{
	struct buf dict = BUF_INIT;

	buf_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
	for (size_t i = 0; i < n_dims; i++)
		buf_printf(&dict, "%s%llu", i ? ", " : "", (unsigned long long)shape[i]);
	buf_puts(&dict, n_dims == 1 ? ",), }" : "), }");
	size_t plain = MAGIC_BYTES + 4 + dict.len + 1;

	for (size_t pad = (ALIGN_BYTES - plain % ALIGN_BYTES) % ALIGN_BYTES; pad > 0; pad--)
		buf_putc(&dict, ' ');
	buf_putc(&dict, '\n');
	buf_put(out, MAGIC "\x01\x00", MAGIC_BYTES + 2);
	buf_put_u16(out, (uint16_t)dict.len);
	int rc = dict.len > UINT16_MAX ? ERR_ARG : buf_failed(&dict);

	if (rc == 0)
		rc = buf_put(out, buf_str(&dict), dict.len);
	buf_release(&dict);
	return rc;
}

/* Invalid text, told with the element it is in. */
static int bad_text(int rc, uint64_t i, struct err *err)
{
	if (rc == ERR_FORMAT)
		return err_set(err, rc,
			       "element %llu is not valid Unicode text; write the file again",
			       (unsigned long long)i);
	return err_nomem(err, "a text of an npy array");
}

int npy_text(const struct npy_header *h, const void *data, uint64_t i, struct buf *out,
	     struct err *err)
{
	const unsigned char *src = data;
	size_t n = h->item_size;
	int rc;

	if (h->type != NPY_UNICODE && h->type != NPY_BYTES)
		return err_set(err, ERR_ARG, "the array holds no text");
	src += (size_t)i * n;
	if (h->type == NPY_UNICODE) {
		rc = npy_ucs4_text(src, n / 4, h->big_endian, out);
		return rc < 0 ? bad_text(rc, i, err) : 0;
	}
	while (n > 0 && src[n - 1] == 0)
		n--;
	if (!npy_utf8_valid(src, n))
		return bad_text(ERR_FORMAT, i, err);
	rc = buf_put(out, src, n);
	return rc < 0 ? bad_text(rc, i, err) : 0;
}
