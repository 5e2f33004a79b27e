/* The greatest cosine of a term with a set of terms (spec 4.8), to the last bit, without all dot
 * products in float64: rows are also kept as 16-bit integers, whose products are exact integers. With
 * unit vectors u, v and their integer versions u', v' (scaled back),
 *     |u.v - u'.v'| <= |u| |v - v'| + |u - u'| |v'|,
 * so rows whose integer product is further below the greatest than twice that bound cannot be it, and
 * only the others are computed by the rule. A set belongs to one thread. */
#ifndef ANC2VEC_ANC2VEC_MAX_H
#define ANC2VEC_ANC2VEC_MAX_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct anc2vec_set {
	size_t dim, stride;       /* integers per row: dim and zeros */
	double margin;            /* between integer products, beyond which the order is sure */
	const float *const *rows; /* borrowed; of the set at hand */
	uint32_t n;
	int plain; /* some vector is too far from unit length for the bound: all by the rule */
	int16_t *coarse;  /* owned: cap + 1 rows, the last for the vector that is asked for */
	int32_t *product; /* owned: cap */
	/* Pairs waiting to be computed by the rule, and for which vector. */
	const float **left, **right; /* owned: cap each */
	uint32_t *asked;             /* owned: cap */
	double *dot;                 /* owned: cap */
	uint32_t waiting, cap;
	uint64_t computed; /* pairs of the last call that the rule was asked for */
};

void anc2vec_set_init(struct anc2vec_set *s, size_t dim);
void anc2vec_set_release(struct anc2vec_set *s);
/* Turns to other rows: unit vectors, which stay where they are until the next call. */
int anc2vec_set_rows(struct anc2vec_set *s, const float *const *rows, uint32_t n, struct err *err);
/* out[i] = the greatest of anc2vec_dot(u[i], row), the first of equals; NaN for a set without rows. */
void anc2vec_set_max(struct anc2vec_set *s, const float *const *u, uint32_t n, double *out);

#endif
