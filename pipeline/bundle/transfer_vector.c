/* Embeddings on their way: see transfer_vector.h. */
#include "pipeline/bundle/transfer_vector.h"

#include <endian.h>
#include <string.h>

#include "pipeline/core/half.h"

#define REAL_OID 700

void transfer_vector_release(struct transfer_vector *v)
{
	buf_release(&v->out);
	buf_release(&v->scratch);
}

static uint16_t half_at(const unsigned char *p)
{
	uint16_t h;

	memcpy(&h, p, sizeof h);
	return le16toh(h);
}

static float float_at(const unsigned char *p)
{
	uint32_t bits;
	float f;

	memcpy(&bits, p, sizeof bits);
	bits = le32toh(bits);
	memcpy(&f, &bits, sizeof f);
	return f;
}

static void put_be16(char *to, uint16_t h)
{
	h = htobe16(h);
	memcpy(to, &h, sizeof h);
}

static void put_be32(char *to, uint32_t v)
{
	v = htobe32(v);
	memcpy(to, &v, sizeof v);
}

static uint32_t float_bits(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof bits);
	return bits;
}

/* Value i as float16 or float32. */
static uint16_t as_half(const unsigned char *p, int width, size_t i)
{
	return width == 2 ? half_at(p + 2 * i) : half_from_float_by_text(float_at(p + 4 * i));
}

static float as_float(const unsigned char *p, int width, size_t i)
{
	return width == 2 ? half_to_float(half_at(p + 2 * i)) : float_at(p + 4 * i);
}

static void halfvec(char *to, const unsigned char *p, int width, size_t dim)
{
	put_be16(to, (uint16_t)dim);
	put_be16(to + 2, 0);
	for (size_t i = 0; i < dim; i++)
		put_be16(to + 4 + 2 * i, as_half(p, width, i));
}

static void vector(char *to, const unsigned char *p, int width, size_t dim)
{
	put_be16(to, (uint16_t)dim);
	put_be16(to + 2, 0);
	for (size_t i = 0; i < dim; i++)
		put_be32(to + 4 + 4 * i, float_bits(as_float(p, width, i)));
}

static void real_array(char *to, const unsigned char *p, int width, size_t dim)
{
	put_be32(to, 1); /* dimensions, then: no NULLs, type, length, lower bound */
	put_be32(to + 4, 0);
	put_be32(to + 8, REAL_OID);
	put_be32(to + 12, (uint32_t)dim);
	put_be32(to + 16, 1);
	for (size_t i = 0; i < dim; i++) {
		put_be32(to + 20 + 8 * i, 4);
		put_be32(to + 24 + 8 * i, float_bits(as_float(p, width, i)));
	}
}

int transfer_vector_put(struct transfer_vector *v, struct pgcopy_writer *w, const void *bytes,
			size_t len, int64_t dim, const char *type)
{
	int width = dim > 0 && (uint64_t)dim == len / 2 && len % 2 == 0   ? 2
		    : dim > 0 && (uint64_t)dim == len / 4 && len % 4 == 0 ? 4
									  : 0;
	size_t n = (size_t)dim;
	char *to;

	if (!width || (*type != 'b' && *type != '_' && dim > UINT16_MAX))
		return ERR_FORMAT;
	if (strcmp(type, "bytea") == 0) {
		pgcopy_put_bytes(w, bytes, len);
		return 0;
	}
	if (!v->out.max)
		buf_init(&v->out, BUF_NO_LIMIT);
	buf_clear(&v->out);
	to = buf_reserve(&v->out, 24 + 8 * n);
	if (!to)
		return ERR_NOMEM;
	if (strcmp(type, "halfvec") == 0) {
		halfvec(to, bytes, width, n);
		pgcopy_put_bytes(w, to, 4 + 2 * n);
	} else if (strcmp(type, "vector") == 0) {
		vector(to, bytes, width, n);
		pgcopy_put_bytes(w, to, 4 + 4 * n);
	} else {
		real_array(to, bytes, width, n);
		pgcopy_put_bytes(w, to, 20 + 8 * n);
	}
	return 0;
}

const void *transfer_vector_bytes(struct transfer_vector *v, const struct pgvalue_vector *value,
				  size_t *len)
{
	const unsigned char *from = value->values;
	char *to;

	*len = value->dim * (size_t)value->width;
	if (value->little)
		return from;
	if (!v->out.max)
		buf_init(&v->out, BUF_NO_LIMIT);
	buf_clear(&v->out);
	to = buf_reserve(&v->out, *len + 1);
	if (!to)
		return NULL;
	for (size_t i = 0; i < value->dim; i++)
		for (int b = 0; b < value->width; b++)
			to[i * (size_t)value->width + (size_t)b] = (char)
				from[i * (size_t)value->width + (size_t)(value->width - 1 - b)];
	return to;
}
