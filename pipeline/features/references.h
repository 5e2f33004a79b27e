/* References of a pair (spec 4.4): per aspect the proteins of the pool with usable annotations, in
 * pool order, each with its annotation rows; and the counts of 4.6 that depend on them alone.
 * Read-only after building. */
#ifndef FEATURES_REFERENCES_H
#define FEATURES_REFERENCES_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/ontology/annset.h"
#include "pipeline/ontology/ontology.h"
#include "pipeline/pool/pool.h"
#include "prof/base/err.h"

struct ref_list { /* one aspect */
	uint32_t n;
	uint32_t *row;   /* owned: pool row of each reference, ascending */
	uint32_t *start; /* owned: n + 1; rows of a reference in `ann` */
	uint32_t *ann;   /* owned: row numbers of the annotation set, ascending per reference */
};

struct references {
	const struct annset *set; /* borrowed */
	struct ref_list aspect[ASPECTS];
	uint32_t *term_freq; /* owned: per term */
	uint32_t *density;   /* owned: per pool row */
	uint64_t annotation_rows;
};

int references_build(struct references *r, const struct annset *set, const struct ontology *o,
		     const struct pool *pool, struct err *err);
void references_release(struct references *r);

#endif
