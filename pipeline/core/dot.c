/* Normative dot products: see dot.h. A vector lane holds one row's accumulator, so vector and scalar
 * code make the same additions in the same order; products are exact and need no care. */
#include "pipeline/core/dot.h"

#include <immintrin.h>

#include "pipeline/core/simd.h"

#define WIDE 8 /* rows of one pass of the AVX2 code: two sums of four lanes hide their latency */

/* Lane r of out[i] is rows[r][at + i], widened. */
__attribute__((target("avx2"))) static inline void load_4x4(const float *const *rows, size_t at,
							    __m256d out[4])
{
	__m128 r0 = _mm_loadu_ps(rows[0] + at), r1 = _mm_loadu_ps(rows[1] + at);
	__m128 r2 = _mm_loadu_ps(rows[2] + at), r3 = _mm_loadu_ps(rows[3] + at);

	_MM_TRANSPOSE4_PS(r0, r1, r2, r3);
	out[0] = _mm256_cvtps_pd(r0);
	out[1] = _mm256_cvtps_pd(r1);
	out[2] = _mm256_cvtps_pd(r2);
	out[3] = _mm256_cvtps_pd(r3);
}

__attribute__((target("avx2"))) static void add_8(const float *a, const float *const *rows,
						  size_t n, double *sums)
{
	__m256d low = _mm256_loadu_pd(sums), high = _mm256_loadu_pd(sums + 4), x[4], y[4];
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		load_4x4(rows, i, x);
		load_4x4(rows + 4, i, y);
		for (size_t k = 0; k < 4; k++) {
			__m256d factor = _mm256_set1_pd((double)a[i + k]);

			low = _mm256_add_pd(low, _mm256_mul_pd(factor, x[k]));
			high = _mm256_add_pd(high, _mm256_mul_pd(factor, y[k]));
		}
	}
	_mm256_storeu_pd(sums, low);
	_mm256_storeu_pd(sums + 4, high);
	for (size_t r = 0; r < WIDE; r++) {
		for (size_t k = i; k < n; k++)
			sums[r] += (double)a[k] * (double)rows[r][k];
	}
}

/* For every processor: four independent sums. */
static void add_4(const float *a, const float *const *rows, size_t n, double *sums)
{
	double s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];

	for (size_t i = 0; i < n; i++) {
		double x = (double)a[i];

		s0 += x * (double)rows[0][i];
		s1 += x * (double)rows[1][i];
		s2 += x * (double)rows[2][i];
		s3 += x * (double)rows[3][i];
	}
	sums[0] = s0;
	sums[1] = s1;
	sums[2] = s2;
	sums[3] = s3;
}

static double add_1(const float *a, const float *b, size_t n, double sum)
{
	for (size_t i = 0; i < n; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

/* Fewer rows than WIDE, the last one repeated: one after the other they would take longer. */
static void add_few(const float *a, const float *const *rows, size_t n_rows, size_t n, double *sums)
{
	const float *all[WIDE];
	double all_sums[WIDE];

	for (size_t r = 0; r < WIDE; r++) {
		size_t from = r < n_rows ? r : n_rows - 1;

		all[r] = rows[from];
		all_sums[r] = sums[from];
	}
	add_8(a, all, n, all_sums);
	for (size_t r = 0; r < n_rows; r++)
		sums[r] = all_sums[r];
}

void dot_f32_add(const float *a, const float *const *rows, size_t n_rows, size_t n, double *sums)
{
	size_t r = 0;

	if (n_rows >= 2 && simd_level() >= SIMD_AVX2) {
		for (; r + WIDE <= n_rows; r += WIDE)
			add_8(a, rows + r, n, sums + r);
		if (n_rows - r >= 2) {
			add_few(a, rows + r, n_rows - r, n, sums + r);
			return;
		}
	}
	for (; r + 4 <= n_rows; r += 4)
		add_4(a, rows + r, n, sums + r);
	for (; r < n_rows; r++)
		sums[r] = add_1(a, rows[r], n, sums[r]);
}

double dot_f32(const float *a, const float *b, size_t n)
{
	return (double)(float)add_1(a, b, n, 0.0);
}

void dot_f32_many(const float *a, const float *const *rows, size_t n_rows, size_t n, double *out)
{
	for (size_t r = 0; r < n_rows; r++)
		out[r] = 0.0;
	dot_f32_add(a, rows, n_rows, n, out);
	for (size_t r = 0; r < n_rows; r++)
		out[r] = (double)(float)out[r];
}

/* Products i … i+3 of four pairs, turned so that lane p of out[k] is product k of pair p. */
__attribute__((target("avx2"))) static inline void
multiply_4x4(const float *const *a, const float *const *b, size_t at, __m256d out[4])
{
	__m256d p[4], low[2], high[2];

#pragma GCC unroll 4
	for (size_t k = 0; k < 4; k++)
		p[k] = _mm256_mul_pd(_mm256_cvtps_pd(_mm_loadu_ps(a[k] + at)),
				     _mm256_cvtps_pd(_mm_loadu_ps(b[k] + at)));
	low[0] = _mm256_unpacklo_pd(p[0], p[1]); /* products 0, 2 of pairs 0, 1 */
	high[0] = _mm256_unpackhi_pd(p[0], p[1]);
	low[1] = _mm256_unpacklo_pd(p[2], p[3]);
	high[1] = _mm256_unpackhi_pd(p[2], p[3]);
	out[0] = _mm256_permute2f128_pd(low[0], low[1], 0x20);
	out[1] = _mm256_permute2f128_pd(high[0], high[1], 0x20);
	out[2] = _mm256_permute2f128_pd(low[0], low[1], 0x31);
	out[3] = _mm256_permute2f128_pd(high[0], high[1], 0x31);
}

/* Eight pairs: two sums of four lanes hide each other's latency. */
__attribute__((target("avx2"))) static void pairs_8(const float *const *a, const float *const *b,
						    size_t n, double *sums)
{
	__m256d low = _mm256_setzero_pd(), high = low, x[4], y[4];
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		multiply_4x4(a, b, i, x);
		multiply_4x4(a + 4, b + 4, i, y);
#pragma GCC unroll 4
		for (size_t k = 0; k < 4; k++) {
			low = _mm256_add_pd(low, x[k]);
			high = _mm256_add_pd(high, y[k]);
		}
	}
	_mm256_storeu_pd(sums, low);
	_mm256_storeu_pd(sums + 4, high);
	for (size_t p = 0; p < WIDE; p++) {
		for (size_t k = i; k < n; k++)
			sums[p] += (double)a[p][k] * (double)b[p][k];
	}
}

/* For every processor: four independent sums. */
static void pairs_4(const float *const *a, const float *const *b, size_t n, double *sums)
{
	double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;

	for (size_t i = 0; i < n; i++) {
		s0 += (double)a[0][i] * (double)b[0][i];
		s1 += (double)a[1][i] * (double)b[1][i];
		s2 += (double)a[2][i] * (double)b[2][i];
		s3 += (double)a[3][i] * (double)b[3][i];
	}
	sums[0] = s0;
	sums[1] = s1;
	sums[2] = s2;
	sums[3] = s3;
}

void dot_f32_pairs(const float *const *a, const float *const *b, size_t n_pairs, size_t n,
		   double *out)
{
	size_t p = 0;

	if (simd_level() >= SIMD_AVX2) {
		for (; p + WIDE <= n_pairs; p += WIDE)
			pairs_8(a + p, b + p, n, out + p);
	}
	for (; p + 4 <= n_pairs; p += 4)
		pairs_4(a + p, b + p, n, out + p);
	for (; p < n_pairs; p++)
		out[p] = add_1(a[p], b[p], n, 0.0);
	for (p = 0; p < n_pairs; p++)
		out[p] = (double)(float)out[p];
}
