/* Anc2vec term vectors (spec 2.3, 4.8): the archive (.npz, or a TSV of go_id and D numbers), and a
 * pool of unit vectors for the terms of one pair. Float arithmetic is exactly the spec's. Read-only
 * after opening: any number of threads may ask. */
#ifndef ANC2VEC_ANC2VEC_H
#define ANC2VEC_ANC2VEC_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct anc2vec; /* the archive */

int anc2vec_open(struct anc2vec **out, const char *path, struct err *err);
void anc2vec_close(struct anc2vec *a);
size_t anc2vec_dim(const struct anc2vec *a);
size_t anc2vec_count(const struct anc2vec *a);        /* distinct go_ids */
const char *anc2vec_release(const struct anc2vec *a); /* "" if not stated */
/* The raw float32 vector, dim values; NULL if absent. Duplicate ids: the last one. */
const float *anc2vec_find(const struct anc2vec *a, const char *go_id);
/* go_id of entry i (0 … count-1), in ascending byte order; for conversion and info. */
const char *anc2vec_term(const struct anc2vec *a, size_t i);

/* Unit vector u = v / norm (norm: pairwise float32). 1, or 0 when norm is not > 0. */
int anc2vec_unit(const float *v, size_t dim, float *u);
/* Centroid of `n` unit rows (rows[i] of dim floats): sequential float32 sums, divided by n; then its
 * own unit vector. 1, or 0 when n is 0 or the centroid's norm is 0. */
int anc2vec_centroid(const float *const *rows, size_t n, size_t dim, float *unit);
/* Float64 dot product over ascending i, rounded once to float32, widened. */
double anc2vec_dot(const float *a, const float *b, size_t dim);
/* The same value for each of `n` rows, several at a time. */
void anc2vec_dot_many(const float *a, const float *const *rows, size_t n, size_t dim, double *out);

/* Converts or writes archives: fixed-width unicode go_ids, float32 embeddings, ontology_release. */
int anc2vec_write_npz(const char *path, const char *const *go_ids, const float *vectors, size_t n,
		      size_t dim, const char *release, struct err *err);

#endif
