/* Values in the binary forms of PostgreSQL and pgvector, from bytes that may be anything. Nothing here needs
 * a connection. A function that refuses answers ERR_FORMAT, and fills nothing. */
#ifndef POSTGRES_PGVALUE_H
#define POSTGRES_PGVALUE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"
#include "prof/postgres/pgcopy.h"

static inline int pgvalue_is_null(const struct pgcopy_field *f)
{
	return f->len < 0;
}

/* smallint, integer, bigint by length. */
int pgvalue_int(const struct pgcopy_field *f, int64_t *v);
int pgvalue_bool(const struct pgcopy_field *f, int *v);

#define PGVALUE_UUID 37
int pgvalue_uuid(const struct pgcopy_field *f, char out[PGVALUE_UUID]); /* lower case */
/* timestamptz as unix nanoseconds; infinity and years outside 1678 to 2262 are refused. */
int pgvalue_stamp(const struct pgcopy_field *f, int64_t *unix_ns);
/* text, varchar, json: UTF-8 without NUL. *bad (may be NULL): where it is not. */
int pgvalue_text(const struct pgcopy_field *f, const char **text, size_t *len, size_t *bad);
/* jsonb: version byte 1, then text. */
int pgvalue_jsonb(const struct pgcopy_field *f, const char **text, size_t *len);

struct pgvalue_vector {
	const unsigned char *values; /* dim values; borrowed from the field or from `scratch` */
	size_t dim;
	int width;  /* bytes a value: 2 (float16) or 4 (float32) */
	int little; /* 1: little-endian, 0: big-endian */
};

enum pgvalue_vector_kind {
	PGVALUE_VECTOR,  /* pgvector's vector: float32 */
	PGVALUE_HALFVEC, /* pgvector's halfvec: float16 */
	PGVALUE_REAL,    /* real[] */
	PGVALUE_BYTEA,   /* raw little-endian, width by embedding_dim */
};

/* `dim`: embedding_dim of the row, needed for bytea, -1 elsewhere when there is none. `err` says what is
 * wrong with the value; the caller adds which row. */
int pgvalue_vector(const struct pgcopy_field *f, enum pgvalue_vector_kind kind, int64_t dim,
		   struct buf *scratch, struct pgvalue_vector *out, struct err *err);

#endif
