/* Binary values: see pgvalue.h. Lengths come first, so that no byte outside the field is read. */
#include "prof/postgres/pgvalue.h"

#include <string.h>

#include "prof/base/utf8.h"

#define EPOCH_S    INT64_C(946684800) /* 2000-01-01 in unix seconds */
#define US_PER_S   INT64_C(1000000)
#define FLOAT4_OID 700

static uint64_t be(const unsigned char *p, int n)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

int pgvalue_int(const struct pgcopy_field *f, int64_t *v)
{
	switch (f->len) {
	case 2:
		*v = (int16_t)be(f->bytes, 2);
		return 0;
	case 4:
		*v = (int32_t)be(f->bytes, 4);
		return 0;
	case 8:
		*v = (int64_t)be(f->bytes, 8);
		return 0;
	default:
		return ERR_FORMAT;
	}
}

int pgvalue_bool(const struct pgcopy_field *f, int *v)
{
	if (f->len != 1 || f->bytes[0] > 1)
		return ERR_FORMAT;
	*v = f->bytes[0];
	return 0;
}

int pgvalue_uuid(const struct pgcopy_field *f, char out[PGVALUE_UUID])
{
	static const char digits[] = "0123456789abcdef";
	char *at = out;

	if (f->len != 16)
		return ERR_FORMAT;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[f->bytes[i] >> 4];
		*at++ = digits[f->bytes[i] & 15];
	}
	*at = '\0';
	return 0;
}

int pgvalue_stamp(const struct pgcopy_field *f, int64_t *unix_ns)
{
	int64_t us;

	if (f->len != 8)
		return ERR_FORMAT;
	us = (int64_t)be(f->bytes, 8);
	if (us > INT64_MAX / 1000 - EPOCH_S * US_PER_S ||
	    us < INT64_MIN / 1000 - EPOCH_S * US_PER_S)
		return ERR_FORMAT;
	us += EPOCH_S * US_PER_S;
	*unix_ns = us * 1000;
	return 0;
}

static int check_text(const char *text, size_t len, size_t *bad)
{
	size_t at = 0;

	while (at < len) {
		size_t n = (unsigned char)text[at] < 0x80 ? text[at] != '\0'
							  : utf8_length(text + at, len - at);

		if (n == 0) {
			if (bad)
				*bad = at;
			return ERR_FORMAT;
		}
		at += n;
	}
	return 0;
}

int pgvalue_text(const struct pgcopy_field *f, const char **text, size_t *len, size_t *bad)
{
	if (bad)
		*bad = 0;
	if (f->len < 0 || check_text((const char *)f->bytes, (size_t)f->len, bad) < 0)
		return ERR_FORMAT;
	*text = (const char *)f->bytes;
	if (len)
		*len = (size_t)f->len;
	return 0;
}

int pgvalue_jsonb(const struct pgcopy_field *f, const char **text, size_t *len)
{
	if (f->len < 1 || f->bytes[0] != 1 ||
	    check_text((const char *)f->bytes + 1, (size_t)f->len - 1, NULL) < 0)
		return ERR_FORMAT;
	*text = (const char *)f->bytes + 1;
	*len = (size_t)f->len - 1;
	return 0;
}

/* ---- vectors ---------------------------------------------------------------------------------- */

/* pgvector: uint16 dimension, uint16 0, values. */
static int pgvector(const struct pgcopy_field *f, int width, struct pgvalue_vector *out,
		    struct err *err)
{
	size_t dim;

	if (f->len < 4)
		return err_set(err, ERR_FORMAT, "a vector of %d bytes has no head", f->len);
	dim = (size_t)be(f->bytes, 2);
	if (be(f->bytes + 2, 2) != 0 || (size_t)f->len != 4 + dim * (size_t)width)
		return err_set(err, ERR_FORMAT, "a vector of %d bytes says %zu values of %d",
			       f->len, dim, width);
	*out = (struct pgvalue_vector){.values = f->bytes + 4, .dim = dim, .width = width};
	return 0;
}

/* Elements of an array: each a length of 4 and its bytes. They are brought together in `scratch`. */
static int elements(const unsigned char *at, size_t left, size_t dim, struct buf *scratch,
		    struct err *err)
{
	char *to;

	buf_clear(scratch);
	to = buf_reserve(scratch, dim * 4 + 1);
	if (!to)
		return err_nomem(err, "an embedding");
	for (size_t i = 0; i < dim; i++) {
		uint32_t len = left >= 4 ? (uint32_t)be(at, 4) : 0;

		if (len == UINT32_MAX)
			return err_set(err, ERR_FORMAT, "element %zu of the array is NULL", i + 1);
		if (left < 8 || len != 4)
			return err_set(err, ERR_FORMAT,
				       "element %zu of the array is no number of 4 bytes", i + 1);
		memcpy(to + i * 4, at + 4, 4);
		at += 8;
		left -= 8;
	}
	if (left)
		return err_set(err, ERR_FORMAT, "%zu bytes behind the last element", left);
	scratch->len = dim * 4;
	return 0;
}

static int real_array(const struct pgcopy_field *f, struct buf *scratch, struct pgvalue_vector *out,
		      struct err *err)
{
	uint32_t n_dims, type;
	size_t dim;
	int rc;

	if (f->len < 12)
		return err_set(err, ERR_FORMAT, "an array of %d bytes has no head", f->len);
	n_dims = (uint32_t)be(f->bytes, 4);
	type = (uint32_t)be(f->bytes + 8, 4);
	if (type != FLOAT4_OID)
		return err_set(err, ERR_FORMAT, "an array of type %u, real (%d) is needed", type,
			       FLOAT4_OID);
	if (n_dims == 0 && f->len == 12) {
		*out = (struct pgvalue_vector){.values = f->bytes, .width = 4};
		return 0;
	}
	if (n_dims != 1 || f->len < 20)
		return err_set(err, ERR_FORMAT, "an array of %u dimensions, one is needed", n_dims);
	dim = (size_t)be(f->bytes + 12, 4);
	if (dim > (size_t)(f->len - 20) / 4) /* a NULL takes 4 bytes, a number 8 */
		return err_set(err, ERR_FORMAT, "an array of %d bytes says %zu elements", f->len,
			       dim);
	rc = elements(f->bytes + 20, (size_t)f->len - 20, dim, scratch, err);
	if (rc == 0)
		*out = (struct pgvalue_vector){
			.values = (const unsigned char *)scratch->data, .dim = dim, .width = 4};
	return rc;
}

static int raw_bytes(const struct pgcopy_field *f, int64_t dim, struct pgvalue_vector *out,
		     struct err *err)
{
	int64_t len = f->len;
	int width =
		dim > 0 && dim <= len && len % dim == 0 ? (int)(len / dim < 5 ? len / dim : 5) : 0;

	if (width != 2 && width != 4)
		return err_set(err, ERR_FORMAT,
			       "embedding has %lld bytes for embedding_dim %lld, 2 or 4 bytes per "
			       "value are needed",
			       (long long)len, (long long)dim);
	*out = (struct pgvalue_vector){
		.values = f->bytes, .dim = (size_t)dim, .width = width, .little = 1};
	return 0;
}

int pgvalue_vector(const struct pgcopy_field *f, enum pgvalue_vector_kind kind, int64_t dim,
		   struct buf *scratch, struct pgvalue_vector *out, struct err *err)
{
	if (f->len < 0)
		return err_set(err, ERR_FORMAT, "embedding is NULL");
	switch (kind) {
	case PGVALUE_VECTOR:
		return pgvector(f, 4, out, err);
	case PGVALUE_HALFVEC:
		return pgvector(f, 2, out, err);
	case PGVALUE_REAL:
		return real_array(f, scratch, out, err);
	default:
		return raw_bytes(f, dim, out, err);
	}
}
