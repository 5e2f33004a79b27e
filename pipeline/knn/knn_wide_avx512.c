/* The kernel for AVX-512F: 4 queries x 6 references, 24 of 32 registers hold sums. */
#include "pipeline/knn/knn_wide.h"

#include <immintrin.h>

#define LANES  16
#define ROWS   6
#define TARGET __attribute__((target("avx512f")))
typedef __m512 vec;
#define LOAD(p)         _mm512_load_ps(p)
#define STORE(p, v)     _mm512_store_ps(p, v)
#define FILL(x)         _mm512_set1_ps(x)
#define MULADD(a, b, c) _mm512_fmadd_ps(a, b, c)

TARGET static __m256 halves(vec v)
{
	__m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));

	return _mm256_add_ps(_mm512_castps512_ps256(v), high);
}

TARGET static void sum4(const vec v[4], float out[4])
{
	__m256 low = _mm256_hadd_ps(halves(v[0]), halves(v[1]));
	__m256 high = _mm256_hadd_ps(halves(v[2]), halves(v[3]));
	__m256 all = _mm256_hadd_ps(low, high);

	_mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
}

#include "pipeline/knn/knn_wide_body.h"

const struct knn_wide knn_wide_avx512 = {"avx512", scores, divide};
