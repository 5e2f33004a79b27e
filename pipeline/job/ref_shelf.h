/* References that are built: each once for an annotation set and the proteins of a pool, whatever number of pairs
 * and cells look at them. A single run drops them with the last pair that does; a grid keeps those of the
 * pools that it keeps. */
#ifndef JOB_REF_SHELF_H
#define JOB_REF_SHELF_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/digest.h"
#include "pipeline/features/references.h"

struct kept_references {
	size_t version;            /* of the plan: its annotation set */
	char proteins[SHA256_HEX]; /* of the pool, row by row */
	unsigned users;
	uint64_t bytes;
	struct references refs;
};

struct ref_shelf {
	struct kept_references **list; /* owned, and each of them: borrowers point into it */
	size_t n, cap;
};

/* Those of a version's set and a pool in *out, built unless they are there; for ref_shelf_give_back() later. */
int ref_shelf_take(struct ref_shelf *s, size_t version, const struct annset *set,
		   const struct ontology *o, const struct pool *pool, const struct references **out,
		   struct err *err);
/* `keep`: others may want them. NULL is fine. */
void ref_shelf_give_back(struct ref_shelf *s, const struct references *refs, int keep);
/* Of those that nobody uses only the ones of these pools stay. */
void ref_shelf_keep(struct ref_shelf *s, const struct pool *const *pools, size_t n);
/* Bytes of those that are not of this pool (NULL: of all). */
uint64_t ref_shelf_bytes(const struct ref_shelf *s, const struct pool *pool);
void ref_shelf_clear(struct ref_shelf *s); /* a zeroed struct is fine */

#endif
