/* Private to this room: the normative distance of spec 4.5, and how far the fast float32 pass may
 * be from it. Thread-safe. */
#ifndef KNN_KNN_EXACT_H
#define KNN_KNN_EXACT_H

#include <stddef.h>

#include "pipeline/knn/knn.h"

/* What a row is divided by (cosine: its norm + 1e-9) or its sum of squares (l2), in float32. */
float knn_row_scale(enum knn_metric metric, const float *row, size_t dim);

#define KNN_BATCH 8
/* Normative distances of `query` to up to KNN_BATCH rows. Rows are as the fast pass sees them
 * (cosine: divided; l2: raw); scales are read for l2 only. */
void knn_distances(enum knn_metric metric, size_t dim, const float *query, float query_scale,
		   const float *const *rows, const float *row_scales, size_t n, float *out);

/* The test that no true neighbour fails: a row whose normative distance is at most `limit` has
 *     product - bias >= cut
 * where bias = knn_bias(b, its scale) and cut = knn_cut(b, the query's scale, limit). The product is
 * the real one or a float32 one whose terms meet at most `roundings` roundings. Derivation in
 * knn_exact.c. */
struct knn_bound {
	enum knn_metric metric;
	double slack; /* cosine: absolute, l2: relative to the sums of squares */
};

void knn_bound_init(struct knn_bound *b, enum knn_metric metric, size_t dim, size_t roundings);
double knn_bias(const struct knn_bound *b, float row_scale);
double knn_cut(const struct knn_bound *b, float query_scale, float limit);

#endif
