/* The normative distance and the error bound of the fast pass: see knn_exact.h.
 *
 * The bound. u = 2^-24 is float32's unit roundoff, s the real dot product, N = sum |q_i r_i|, and
 * g(n) = n u / (1 - n u) how far n roundings in a row can lead (Higham, Accuracy and Stability of
 * Numerical Algorithms, section 3.1: it holds for any order of summation, n being the most
 * roundings that one term goes through).
 *
 * Fast product f: a term meets at most t roundings (t = 0: the real product). Normative sum e in
 * float64, S = e rounded to float32. On every path
 *     |f - s| <= g(t) N,   |e - s| <= h N with h = d 2^-53 / (1 - d 2^-53),
 *     |S - e| <= u |e|;   write G = g(t) + h.
 * Products of halves, raw or divided by their norm, are above 10^-28 or zero: nothing underflows.
 *
 * Cosine. D = 1 - S rounded. The rows are divided by norms with a relative error below 50 u (at
 * most 80 roundings in the pairwise sum, halved by the root, and three more), so N <= B = 1.0001.
 * Then D <= L implies
 *     S >= 1 - L - u (1 + |S|)   and   f >= 1 - L - (G B + u (1 + 3 B)).
 *
 * l2. D = max(0, A - 2 S rounded), A = Q + R rounded, Q and R the pairwise sums of squares, within
 * 80 u of the real ones, so N <= |q| |r| <= 1.00001 A / 2. Then D <= L implies
 *     2 S >= A - L - u |A - 2 S| >= A - L - 2.01 u A,
 *     f >= (A - L) / 2 - A (1.6 u + 0.501 G),
 *     f >= (Q + R) (1 - E) / 2 - L / 2   for E = 5 u + 1.01 G, since A >= (Q + R) (1 - u).
 * as f - bias >= cut with
 *     bias = R (1 - E) / 2,   cut = Q (1 - E) / 2 - L / 2,
 * and E = 16 u + 1.01 G to spare what the float64 arithmetic of the two may lose. */
#include "pipeline/knn/knn_exact.h"

#include <math.h>
#include <stdint.h>

#include "pipeline/core/dot.h"
#include "pipeline/core/pairwise.h"

#define UNIT_F32 0x1p-24
#define UNIT_F64 0x1p-53

float knn_row_scale(enum knn_metric metric, const float *row, size_t dim)
{
	if (metric == KNN_L2)
		return pairwise_sumsq_f32(row, dim);
	return pairwise_norm_f32(row, dim) + 1e-9f;
}

static float distance(enum knn_metric metric, double sum, float query_scale, float row_scale)
{
	float dot = (float)sum, d;

	if (metric == KNN_COSINE)
		return 1.0f - dot;
	d = (query_scale + row_scale) - 2.0f * dot;
	return d > 0.0f ? d : 0.0f;
}

void knn_distances(enum knn_metric metric, size_t dim, const float *query, float query_scale,
		   const float *const *rows, const float *row_scales, size_t n, float *out)
{
	const float *full[KNN_BATCH];
	double sums[KNN_BATCH] = {0};
	size_t i;

	for (i = 0; i < KNN_BATCH; i++)
		full[i] = rows[i < n ? i : 0];
	/* Eight sums side by side cost less than three one by one. */
	dot_f32_add(query, full, n <= 2 ? n : KNN_BATCH, dim, sums);
	for (i = 0; i < n; i++)
		out[i] = distance(metric, sums[i], query_scale,
				  metric == KNN_L2 ? row_scales[i] : 0.0f);
}

static double grown(double n, double unit)
{
	return n * unit < 0.5 ? n * unit / (1.0 - n * unit) : (double)INFINITY;
}

void knn_bound_init(struct knn_bound *b, enum knn_metric metric, size_t dim, size_t roundings)
{
	double g = grown((double)roundings, UNIT_F32) + grown((double)dim, UNIT_F64);

	b->metric = metric;
	if (metric == KNN_L2)
		b->slack = 1.01 * g + 16 * UNIT_F32;
	else
		b->slack = 1.0001 * g + UNIT_F32 * (1 + 3 * 1.0001);
}

double knn_bias(const struct knn_bound *b, float row_scale)
{
	if (b->metric == KNN_COSINE || b->slack >= 1.0)
		return 0.0;
	return 0.5 * (1.0 - b->slack) * (double)row_scale;
}

double knn_cut(const struct knn_bound *b, float query_scale, float limit)
{
	if (limit == INFINITY ||
	    b->slack >= 1.0) /* a dimension in the millions: let everything pass */
		return (double)-INFINITY;
	if (b->metric == KNN_COSINE)
		return 1.0 - (double)limit - b->slack;
	return 0.5 * (1.0 - b->slack) * (double)query_scale - 0.5 * (double)limit;
}
