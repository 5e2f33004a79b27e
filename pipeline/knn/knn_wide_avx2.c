/* The kernel for AVX2 and FMA: 4 queries x 3 references, 12 of 16 registers hold sums. */
#include "pipeline/knn/knn_wide.h"

#include <immintrin.h>

#define LANES  8
#define ROWS   3
#define TARGET __attribute__((target("avx2,fma")))
typedef __m256 vec;
#define LOAD(p)         _mm256_load_ps(p)
#define STORE(p, v)     _mm256_store_ps(p, v)
#define FILL(x)         _mm256_set1_ps(x)
#define MULADD(a, b, c) _mm256_fmadd_ps(a, b, c)

TARGET static void sum4(const vec v[4], float out[4])
{
	vec low = _mm256_hadd_ps(v[0], v[1]), high = _mm256_hadd_ps(v[2], v[3]);
	vec all = _mm256_hadd_ps(low, high);

	_mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
}

#include "pipeline/knn/knn_wide_body.h"

const struct knn_wide knn_wide_avx2 = {"avx2", scores, divide};
