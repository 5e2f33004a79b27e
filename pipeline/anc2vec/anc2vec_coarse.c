/* Unit vectors as 16-bit integers: see anc2vec_coarse.h. */
#include "pipeline/anc2vec/anc2vec_coarse.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

/* Eight at a time by SSE2, which every processor has: to nearest even, clamped to 16 bits. */
static __m128i eight_integers(const float *v)
{
	__m128 scale = _mm_set1_ps(COARSE_SCALE);
	__m128i low = _mm_cvtps_epi32(_mm_mul_ps(_mm_loadu_ps(v), scale));
	__m128i high = _mm_cvtps_epi32(_mm_mul_ps(_mm_loadu_ps(v + 4), scale));

	return _mm_packs_epi32(low, high);
}

static double sum_of_squares(const float *v, size_t n)
{
	double sum[4] = {0};
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		for (size_t k = 0; k < 4; k++)
			sum[k] += (double)v[i + k] * (double)v[i + k];
	for (; i < n; i++)
		sum[0] += (double)v[i] * (double)v[i];
	return sum[0] + sum[1] + (sum[2] + sum[3]);
}

double coarse_make(const float *v, size_t dim, size_t stride, int16_t *out)
{
	float tail[8] = {0};
	size_t i = 0;

	for (; i + 8 <= dim; i += 8)
		_mm_storeu_si128((__m128i *)(void *)(out + i), eight_integers(v + i));
	if (i < dim) {
		memcpy(tail, v + i, (dim - i) * sizeof *v);
		_mm_storeu_si128((__m128i *)(void *)(out + i), eight_integers(tail));
		i += 8;
	}
	memset(out + i, 0, (stride - i) * sizeof *out);
	return sum_of_squares(v, dim);
}

/* Half a unit for the rounding to an integer, and a little for that of the product before it. */
double coarse_error(size_t dim)
{
	return sqrt((double)dim) * (0.502 / (double)COARSE_SCALE);
}

static void products_portable(const int16_t *a, const int16_t *rows, size_t n, size_t stride,
			      int32_t *out)
{
	for (size_t r = 0; r < n; r++, rows += stride) {
		__m128i sum = _mm_setzero_si128();
		int32_t lane[4];

		for (size_t i = 0; i < stride; i += 8) {
			__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(a + i));
			__m128i y = _mm_loadu_si128((const __m128i *)(const void *)(rows + i));

			sum = _mm_add_epi32(sum, _mm_madd_epi16(x, y));
		}
		_mm_storeu_si128((__m128i *)(void *)lane, sum);
		out[r] = lane[0] + lane[1] + (lane[2] + lane[3]);
	}
}

__attribute__((target("avx2"))) static inline __m256i product_16(__m256i sum, __m256i x,
								 const int16_t *row)
{
	__m256i y = _mm256_loadu_si256((const __m256i *)(const void *)row);

	return _mm256_add_epi32(sum, _mm256_madd_epi16(x, y));
}

/* Lanes of four sums -> the four totals. */
__attribute__((target("avx2"))) static inline __m128i total_of_4(const __m256i *sum)
{
	__m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]),
				      _mm256_hadd_epi32(sum[2], sum[3]));

	return _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
}

__attribute__((target("avx2"))) static void products_avx2(const int16_t *a, const int16_t *rows,
							  size_t n, size_t stride, int32_t *out)
{
	size_t r = 0;

	for (; r + 4 <= n; r += 4, rows += 4 * stride) {
		__m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(),
				  _mm256_setzero_si256(), _mm256_setzero_si256()};

		for (size_t i = 0; i < stride; i += 16) {
			__m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(a + i));

			sum[0] = product_16(sum[0], x, rows + i);
			sum[1] = product_16(sum[1], x, rows + stride + i);
			sum[2] = product_16(sum[2], x, rows + 2 * stride + i);
			sum[3] = product_16(sum[3], x, rows + 3 * stride + i);
		}
		_mm_storeu_si128((__m128i *)(void *)(out + r), total_of_4(sum));
	}
	products_portable(a, rows, n - r, stride, out + r);
}

coarse_fn *coarse_kernel(enum simd_level level)
{
	return level >= SIMD_AVX2 ? products_avx2 : products_portable;
}
