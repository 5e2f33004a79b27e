/* Anc2vec arithmetic (spec 4.8), to the last bit: pairwise norms and sequential float32 centroids; dot
 * products are core's. Thread-safe. */
#include "pipeline/anc2vec/anc2vec.h"

#include <immintrin.h>

#include "pipeline/core/dot.h"
#include "pipeline/core/pairwise.h"

static int divide_by_norm(const float *v, size_t dim, float *u)
{
	float norm = pairwise_norm_f32(v, dim);

	if (!(norm > 0.0f))
		return 0;
	for (size_t i = 0; i < dim; i++)
		u[i] = v[i] / norm;
	return 1;
}

int anc2vec_unit(const float *v, size_t dim, float *u)
{
	return divide_by_norm(v, dim, u);
}

/* Columns `at` … of the sums over the rows in order, four to a register (SSE2, which every processor
 * has): sixteen columns stay in registers while the rows go by. */
static void add_columns(const float *const *rows, size_t n, size_t at, float *sum)
{
	__m128 s[4];

#pragma GCC unroll 4
	for (size_t k = 0; k < 4; k++)
		s[k] = _mm_loadu_ps(rows[0] + at + 4 * k);
	for (size_t r = 1; r < n; r++) {
#pragma GCC unroll 4
		for (size_t k = 0; k < 4; k++)
			s[k] = _mm_add_ps(s[k], _mm_loadu_ps(rows[r] + at + 4 * k));
	}
#pragma GCC unroll 4
	for (size_t k = 0; k < 4; k++)
		_mm_storeu_ps(sum + at + 4 * k, s[k]);
}

int anc2vec_centroid(const float *const *rows, size_t n, size_t dim, float *unit)
{
	size_t i = 0;

	if (n == 0)
		return 0;
	for (; i + 16 <= dim; i += 16)
		add_columns(rows, n, i, unit);
	for (; i < dim; i++) {
		unit[i] = rows[0][i];
		for (size_t r = 1; r < n; r++)
			unit[i] += rows[r][i];
	}
	for (i = 0; i < dim; i++)
		unit[i] /= (float)n;
	return divide_by_norm(unit, dim, unit);
}

double anc2vec_dot(const float *a, const float *b, size_t dim)
{
	return dot_f32(a, b, dim);
}

void anc2vec_dot_many(const float *a, const float *const *rows, size_t n, size_t dim, double *out)
{
	dot_f32_many(a, rows, n, dim, out);
}
