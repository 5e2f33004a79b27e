/* Term vectors derived from an ontology alone, for those who have no trained ones: the random
 * projection of each term's ancestor set. Vectors of terms that share ancestors are near each other.
 *
 * Every GO id has a base vector of +1 and -1, drawn from a hash of the seed and the id. The vector of
 * a term is the sum of the base vectors of itself and all its ancestors (is_a, part_of), scaled to
 * length 1. Sums of +-1 are exact, so the float32 results are the same on every machine. */
#ifndef BUNDLE_ANC2VEC_MAKE_H
#define BUNDLE_ANC2VEC_MAKE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct anc2vec_vectors {
	char **go_id;   /* owned, ascending byte order; only terms with an aspect */
	float *vectors; /* owned, n x dim */
	size_t n, dim;
	char *version; /* owned: obo_version of the snapshot */
};

#define ANC2VEC_MAX_DIM 8192

/* `version` NULL: the bundle's only snapshot, or the newest by the date (YYYY-MM-DD) in its version. */
int anc2vec_make(struct anc2vec_vectors *out, const char *bundle, const char *version, size_t dim,
		 uint64_t seed, struct err *err);
void anc2vec_vectors_release(struct anc2vec_vectors *v);

/* Entry `i` of a base vector: +1 or -1. Part of the format: archives depend on it. */
int anc2vec_base(uint64_t seed, const char *go_id, size_t i);

#endif
