/* Register kernels of the scatter matrix, one per vector length: see pca_kernel.h. */
#include "pipeline/pca/pca_kernel.h"

#include <immintrin.h>

/* 4 x 4 in eight SSE2 registers. */
static void add_portable(const double *a, const double *b, size_t n_rows, double *block, size_t ld)
{
	__m128d low[4], high[4];

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
		low[i] = _mm_loadu_pd(block + i * ld);
		high[i] = _mm_loadu_pd(block + i * ld + 2);
	}
	for (size_t r = 0; r < n_rows; r++, a += 4, b += 4) {
		__m128d x = _mm_loadu_pd(b), y = _mm_loadu_pd(b + 2);

#pragma GCC unroll 4
		for (size_t i = 0; i < 4; i++) {
			__m128d f = _mm_set1_pd(a[i]);

			low[i] = _mm_add_pd(low[i], _mm_mul_pd(f, x));
			high[i] = _mm_add_pd(high[i], _mm_mul_pd(f, y));
		}
	}
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
		_mm_storeu_pd(block + i * ld, low[i]);
		_mm_storeu_pd(block + i * ld + 2, high[i]);
	}
}

/* 4 x 12: twelve sums, three vectors of the panel and a factor in sixteen registers. */
__attribute__((target("avx2,fma"))) static void add_avx2(const double *a, const double *b,
							 size_t n_rows, double *block, size_t ld)
{
	__m256d sum[4][3];

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
#pragma GCC unroll 3
		for (size_t j = 0; j < 3; j++)
			sum[i][j] = _mm256_loadu_pd(block + i * ld + 4 * j);
	}
	for (size_t r = 0; r < n_rows; r++, a += 12, b += 12) {
		__m256d x = _mm256_loadu_pd(b), y = _mm256_loadu_pd(b + 4),
			z = _mm256_loadu_pd(b + 8);

#pragma GCC unroll 4
		for (size_t i = 0; i < 4; i++) {
			__m256d f = _mm256_set1_pd(a[i]);

			sum[i][0] = _mm256_fmadd_pd(f, x, sum[i][0]);
			sum[i][1] = _mm256_fmadd_pd(f, y, sum[i][1]);
			sum[i][2] = _mm256_fmadd_pd(f, z, sum[i][2]);
		}
	}
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
#pragma GCC unroll 3
		for (size_t j = 0; j < 3; j++)
			_mm256_storeu_pd(block + i * ld + 4 * j, sum[i][j]);
	}
}

/* 8 x 24: the same with twenty-four sums in thirty-two registers. */
__attribute__((target("avx512f"))) static void add_avx512(const double *a, const double *b,
							  size_t n_rows, double *block, size_t ld)
{
	__m512d sum[8][3];

#pragma GCC unroll 8
	for (size_t i = 0; i < 8; i++) {
#pragma GCC unroll 3
		for (size_t j = 0; j < 3; j++)
			sum[i][j] = _mm512_loadu_pd(block + i * ld + 8 * j);
	}
	for (size_t r = 0; r < n_rows; r++, a += 24, b += 24) {
		__m512d x = _mm512_loadu_pd(b), y = _mm512_loadu_pd(b + 8),
			z = _mm512_loadu_pd(b + 16);

#pragma GCC unroll 8
		for (size_t i = 0; i < 8; i++) {
			__m512d f = _mm512_set1_pd(a[i]);

			sum[i][0] = _mm512_fmadd_pd(f, x, sum[i][0]);
			sum[i][1] = _mm512_fmadd_pd(f, y, sum[i][1]);
			sum[i][2] = _mm512_fmadd_pd(f, z, sum[i][2]);
		}
	}
#pragma GCC unroll 8
	for (size_t i = 0; i < 8; i++) {
#pragma GCC unroll 3
		for (size_t j = 0; j < 3; j++)
			_mm512_storeu_pd(block + i * ld + 8 * j, sum[i][j]);
	}
}

static const struct pca_kernel kernels[SIMD_LEVELS] = {
	[SIMD_PORTABLE] = {.panel = 4, .step = 4, .add = add_portable},
	[SIMD_AVX2] = {.panel = 12, .step = 4, .add = add_avx2},
	[SIMD_AVX512] = {.panel = 24, .step = 8, .add = add_avx512},
};

const struct pca_kernel *pca_kernel(enum simd_level level)
{
	return &kernels[level];
}
