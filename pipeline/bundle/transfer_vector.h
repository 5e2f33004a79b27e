/* Embeddings between a bundle's little-endian values and the forms of a database's column. Private to the
 * transfer. */
#ifndef BUNDLE_TRANSFER_VECTOR_H
#define BUNDLE_TRANSFER_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "prof/postgres/pgcopy.h"
#include "prof/postgres/pgvalue.h"

struct transfer_vector {
	struct buf out;
	struct buf scratch;
};

void transfer_vector_release(struct transfer_vector *v); /* zeroed is fine */

/* Puts one field of the column type `type` ("halfvec", "vector", "_float4", "bytea") from `len` bytes of `dim`
 * float16 or float32. float32 becomes halfvec by the text route (spec 2.2). ERR_FORMAT: length and
 * dimension do not fit; ERR_NOMEM. */
int transfer_vector_put(struct transfer_vector *v, struct pgcopy_writer *w, const void *bytes,
			size_t len, int64_t dim, const char *type);

/* The bytes a bundle keeps for a value that pgvalue_vector() took apart: the same width, little-endian.
 * Valid until the next call. NULL: no memory. */
const void *transfer_vector_bytes(struct transfer_vector *v, const struct pgvalue_vector *value,
				  size_t *len);

#endif
