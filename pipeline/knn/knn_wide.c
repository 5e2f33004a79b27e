/* Float32 products: see knn_wide.h. */
#include "pipeline/knn/knn_wide.h"

#include <immintrin.h>

#define LOAD(p) (*(const vec *)(const void *)(p))

typedef float vec4 __attribute__((vector_size(16), may_alias));
typedef float vec8 __attribute__((vector_size(32), may_alias));

#define TARGET
#define NAME(f)         f##_base
#define LANES           4
#define MULADD(a, b, c) ((a) + (b) * (c))
#define vec             vec4
#include "pipeline/knn/knn_wide_body.h"
#undef TARGET
#undef NAME
#undef LANES
#undef MULADD
#undef vec

#define TARGET          __attribute__((target("avx2,fma")))
#define NAME(f)         f##_avx2
#define LANES           8
#define MULADD(a, b, c) ((vec8)_mm256_fmadd_ps((__m256)(b), (__m256)(c), (__m256)(a)))
#define vec             vec8
#include "pipeline/knn/knn_wide_body.h"

/* A row of the pool is half as long as what the distances see, which has to be made first. */
__attribute__((target("avx2,fma,f16c"))) static void
dots4_half(const void *halves, const float *const *rows, size_t depth, float *out)
{
	const uint16_t *query = halves;
	__m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;

	for (size_t i = 0; i < depth; i += 8) {
		__m128i half = _mm_loadu_si128((const __m128i *)(const void *)(query + i));
		__m256 x = _mm256_cvtph_ps(half);

		a = _mm256_fmadd_ps(x, _mm256_load_ps(rows[0] + i), a);
		b = _mm256_fmadd_ps(x, _mm256_load_ps(rows[1] + i), b);
		c = _mm256_fmadd_ps(x, _mm256_load_ps(rows[2] + i), c);
		d = _mm256_fmadd_ps(x, _mm256_load_ps(rows[3] + i), d);
	}
	out[0] = sum_lanes_avx2((vec8)a);
	out[1] = sum_lanes_avx2((vec8)b);
	out[2] = sum_lanes_avx2((vec8)c);
	out[3] = sum_lanes_avx2((vec8)d);
}

/* Products of a query, in whatever numbers, and four rows. */
typedef void dots4(const void *query, const float *const *rows, size_t depth, float *out);

static void by_fours(dots4 *dots, const void *query, const float *const *rows, size_t n,
		     size_t depth, float *out)
{
	size_t i, j;

	for (i = 0; i < n; i += 4) {
		const float *four[4];
		float sums[4];

		for (j = 0; j < 4; j++)
			four[j] = rows[i + j < n ? i + j : i];
		dots(query, four, depth, sums);
		for (j = 0; j < 4 && i + j < n; j++)
			out[i + j] = sums[j];
	}
}

void knn_wide_dots(int wide, const float *query, const float *const *rows, size_t n, size_t depth,
		   float *out)
{
	by_fours(wide ? dots4_avx2 : dots4_base, query, rows, n, depth, out);
}

void knn_wide_dots_half(const uint16_t *query, const float *const *rows, size_t n, size_t depth,
			float *out)
{
	by_fours(dots4_half, query, rows, n, depth, out);
}

/* A product, the additions of its lane, two lanes and then up to eight elements joined; a division. */
size_t knn_wide_roundings(size_t depth)
{
	return depth / 8 + 11;
}

void knn_wide_divide(int wide, float *row, size_t n, float divisor)
{
	if (wide)
		divide_avx2(row, n, divisor);
	else
		divide_base(row, n, divisor);
}
