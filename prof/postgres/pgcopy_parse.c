/* The binary COPY stream, from bytes that come in pieces of any size: head, tuples, trailer. A tuple that
 * lies in one piece is passed on where it is; the beginning of one whose end is to come is kept. */
#include "prof/postgres/pgcopy.h"

#include <string.h>

#define SIGNATURE     "PGCOPY\n\377\r\n" /* and a NUL */
#define SIGNATURE_LEN 11
#define HEAD_LEN      (SIGNATURE_LEN + 8)
#define EXTENSION_MAX 65536
#define TUPLE_MAX     ((size_t)1 << 30) /* what PostgreSQL can hold in a row */
#define HAS_OIDS      (1u << 16)

enum { STATE_HEAD, STATE_TUPLES, STATE_END };

static uint32_t be32(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint16_t be16(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

void pgcopy_parser_init(struct pgcopy_parser *p, int n_fields, pgcopy_fn *fn, void *ctx)
{
	*p = (struct pgcopy_parser){
		.fn = fn, .ctx = ctx, .n_fields = n_fields, .tuple_max = TUPLE_MAX};
	buf_init(&p->rest, BUF_NO_LIMIT);
}

void pgcopy_parser_release(struct pgcopy_parser *p)
{
	buf_release(&p->rest);
}

/* Bytes of the head at `at`; 0: not all are here. */
static int64_t take_head(struct pgcopy_parser *p, const char *at, size_t n, struct err *err)
{
	uint32_t flags, extension;

	if (memcmp(at, SIGNATURE, n < SIGNATURE_LEN ? n : SIGNATURE_LEN) != 0)
		return err_set(err, ERR_FORMAT, "the COPY stream does not begin as one");
	if (n < HEAD_LEN)
		return 0;
	flags = be32(at + SIGNATURE_LEN);
	extension = be32(at + SIGNATURE_LEN + 4);
	if (flags >> 16)
		return err_set(err, ERR_UNSUPPORTED, "the COPY stream has unknown flags 0x%08x%s",
			       flags, flags & HAS_OIDS ? " (object ids)" : "");
	if (extension > EXTENSION_MAX)
		return err_set(err, ERR_FORMAT, "the COPY stream has a head of %u bytes",
			       extension);
	if (n < HEAD_LEN + extension)
		return 0;
	p->state = STATE_TUPLES;
	return HEAD_LEN + (int64_t)extension;
}

/* Fields of the tuple at `at`: its bytes, 0 if not all are here. */
static int64_t take_fields(const struct pgcopy_parser *p, struct pgcopy_field *fields,
			   const char *at, size_t n, struct err *err)
{
	size_t used = 2;

	for (int i = 0; i < p->n_fields; i++) {
		int32_t len;

		if (n - used < 4)
			return 0;
		len = (int32_t)be32(at + used);
		used += 4;
		fields[i].len = len;
		fields[i].bytes = (const unsigned char *)at + used;
		if (len == -1)
			continue;
		if (len < 0 || (size_t)len > p->tuple_max || used + (size_t)len > p->tuple_max)
			return err_set(err, ERR_FORMAT,
				       "tuple %llu of the COPY stream: field %d has length %d",
				       (unsigned long long)p->tuples + 1, i + 1, len);
		if (n - used < (size_t)len)
			return 0;
		used += (size_t)len;
	}
	return (int64_t)used;
}

/* NULs behind the fields: where one ends, the length of the next has been read, so its byte may be
 * written; what stands behind the tuple is put back. */
static int push(struct pgcopy_parser *p, struct pgcopy_field *fields, char *at, size_t used,
		struct err *err)
{
	char behind = at[used];
	int rc;

	for (int i = 0; i < p->n_fields; i++)
		if (fields[i].len >= 0)
			at[fields[i].bytes - (const unsigned char *)at + fields[i].len] = '\0';
	rc = p->fn(p->ctx, fields, p->n_fields, err);
	at[used] = behind;
	p->tuples++;
	return rc < 0 ? rc : 0;
}

/* One tuple or the trailer at `at`: bytes used, 0 if not all are here. */
static int64_t take_tuple(struct pgcopy_parser *p, char *at, size_t n, struct err *err)
{
	struct pgcopy_field fields[PGCOPY_FIELDS_MAX];
	int64_t used;
	int16_t count;
	int rc;

	if (n < 2)
		return 0;
	count = (int16_t)be16(at);
	if (count == -1) {
		p->state = STATE_END;
		return 2;
	}
	if (count != p->n_fields)
		return err_set(err, ERR_FORMAT,
			       "tuple %llu of the COPY stream has %d fields, %d are needed",
			       (unsigned long long)p->tuples + 1, count, p->n_fields);
	used = take_fields(p, fields, at, n, err);
	if (used <= 0)
		return used;
	rc = push(p, fields, at, (size_t)used, err);
	return rc < 0 ? rc : used;
}

/* Bytes used of what is here; the rest begins something whose end is to come. */
static int64_t take_all(struct pgcopy_parser *p, char *bytes, size_t n, struct err *err)
{
	size_t at = 0;
	int64_t used = 1;

	while (used > 0 && at < n) {
		if (p->state == STATE_END)
			return err_set(err, ERR_FORMAT, "bytes behind the end of the COPY stream");
		used = p->state == STATE_HEAD ? take_head(p, bytes + at, n - at, err)
					      : take_tuple(p, bytes + at, n - at, err);
		if (used < 0)
			return used;
		at += (size_t)used;
	}
	return (int64_t)at;
}

static int keep(struct pgcopy_parser *p, const char *bytes, size_t n, struct err *err)
{
	if (p->rest.len + n > p->tuple_max + HEAD_LEN + EXTENSION_MAX)
		return err_set(err, ERR_LIMIT,
			       "a tuple of the COPY stream is larger than %zu bytes", p->tuple_max);
	return buf_put(&p->rest, bytes, n) < 0 ? err_nomem(err, "a tuple") : 0;
}

int pgcopy_parser_feed(struct pgcopy_parser *p, char *bytes, size_t n, struct err *err)
{
	int64_t used;
	int rc;

	if (p->n_fields < 1 || p->n_fields > PGCOPY_FIELDS_MAX)
		return err_set(err, ERR_INTERNAL, "a COPY of %d fields", p->n_fields);
	if (p->rest.len == 0) {
		used = take_all(p, bytes, n, err);
		if (used < 0)
			return (int)used;
		if ((size_t)used == n)
			return 0;
		return keep(p, bytes + used, n - (size_t)used, err);
	}
	rc = keep(p, bytes, n, err);
	if (rc < 0)
		return rc;
	used = take_all(p, p->rest.data, p->rest.len, err);
	if (used < 0)
		return (int)used;
	p->rest.len -= (size_t)used;
	memmove(p->rest.data, p->rest.data + used, p->rest.len + 1);
	return 0;
}

int pgcopy_parser_end(struct pgcopy_parser *p, struct err *err)
{
	if (p->state == STATE_END && p->rest.len == 0)
		return 0;
	return err_set(err, ERR_FORMAT, "the COPY stream is cut off after %llu tuples",
		       (unsigned long long)p->tuples);
}
