/* Private to this room: rows as the kernels read them, and how far that is from the truth. A row x
 * is written as mean + scale * k + rest with small numbers k (knn_kernel.h); norms of what is left
 * out are kept per row, so that a score bounds the real product whatever the data look like.
 * Thread-safe. */
#ifndef KNN_KNN_PACK_H
#define KNN_KNN_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/knn/knn_exact.h"
#include "pipeline/knn/knn_kernel.h"

struct knn_packer {
	enum knn_metric metric;
	enum knn_form form;
	size_t dim, depth; /* depth: dim and padding */
	int wide;          /* whether AVX2 may be used */
	int halves;        /* whether rows of the pool can be multiplied as they are */
	double gamma;      /* a score's own rounding, relative to the norms of both k */
	float *mean;       /* owned; depth values on a 64-byte boundary */
	double mean_square;
};

/* With c = x - mean: c = scale * k + rest. */
struct knn_row {
	double scale;
	double norm;  /* >= |c| */
	double rest;  /* >= |rest| */
	double along; /* mean . x */
};

/* Everything but the values of `mean`, which are zero. 0 or ERR_NOMEM. */
int knn_packer_init(struct knn_packer *p, enum knn_metric metric, const struct knn_kernel *kernel,
		    size_t dim);
/* From now on rows are packed for `kernel`, whose depth_step divides that of the first one. */
void knn_packer_use(struct knn_packer *p, const struct knn_kernel *kernel);
void knn_packer_release(struct knn_packer *p);
/* Takes the mean of rows x that the caller gives one by one; `sum` has dim zeros at first. */
void knn_packer_center(struct knn_packer *p, const double *sum, size_t n_rows);

/* Row `bits` of the pool as the distances see it (cosine: divided by `scale`). */
void knn_load_row(const struct knn_packer *p, const uint16_t *bits, float scale, float *out);

enum knn_side_of { KNN_OF_QUERIES, KNN_OF_REFS };

/* Packs x, as knn_load_row leaves it in depth floats on a 64-byte boundary and padded with zeros.
 * x is overwritten; k has room for depth elements. */
void knn_pack_row(const struct knn_packer *p, enum knn_side_of side, float *x, uint16_t *k,
		  struct knn_row *row);

/* Puts k at place `at` of packed rows, which have room for depth uint16 each in every form. */
void knn_place_row(const struct knn_kernel *kernel, enum knn_side_of side, size_t depth,
		   const uint16_t *k, size_t at, uint16_t *packed);

/* What a panel's rows and a query bring to the test
 *     score * scale >= cut * over - bias - rest * norms - norm * rests,
 * which every pair passes whose real product is at least the cut (docs/knn.md). */
struct knn_side { /* arrays on 64-byte boundaries, as many as the panel has places */
	float *over, *bias, *norms, *rests;
};

struct knn_test {
	float scale, cut, rest, norm;
};

/* Row `at` of a panel; `bias` is what knn_bias says of it. A place without a row passes nothing. */
void knn_side_set(const struct knn_packer *p, const struct knn_side *side, size_t at,
		  const struct knn_row *row, double bias);
void knn_side_clear(const struct knn_side *side, size_t at);
/* The query's side; `cut` is what knn_cut says of it and of its limit. */
void knn_test_set(const struct knn_packer *p, struct knn_test *t, const struct knn_row *query,
		  double cut);

/* The places among the first n whose scores pass, ascending; n is a multiple of 8. */
size_t knn_pick(int wide, const struct knn_test *t, const struct knn_side *side,
		const float *scores, size_t n, uint32_t *picked);
/* The same of one place. */
int knn_passes(const struct knn_test *t, const struct knn_side *side, const float *scores,
	       size_t at);

#endif
