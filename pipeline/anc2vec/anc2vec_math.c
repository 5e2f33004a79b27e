/* Anc2vec arithmetic (spec 4.8), to the last bit: pairwise norms and sequential float32 centroids; dot
 * products are core's. Thread-safe. */
#include "pipeline/anc2vec/anc2vec.h"

#include <string.h>

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

int anc2vec_centroid(const float *const *rows, size_t n, size_t dim, float *unit)
{
	if (n == 0)
		return 0;
	memcpy(unit, rows[0], dim * sizeof *unit);
	for (size_t r = 1; r < n; r++) {
		for (size_t i = 0; i < dim; i++)
			unit[i] += rows[r][i];
	}
	for (size_t i = 0; i < dim; i++)
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
