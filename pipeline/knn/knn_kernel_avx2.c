/* The kernel for AVX2: 3 queries x 24 references, 9 of 16 registers hold sums. */
#include "pipeline/knn/knn_kernel.h"

#include <immintrin.h>
#include <string.h>

#define LANES   8
#define QUERIES 3
#define VECS    3
#define TARGET  __attribute__((target("avx2")))
typedef __m256i vec;
#define ZERO()          _mm256_setzero_si256()
#define LOAD(p)         _mm256_load_si256((const __m256i *)(const void *)(p))
#define PAIR(p)         pair(p)
#define MULADD(a, b, c) _mm256_add_epi32(a, _mm256_madd_epi16(b, c))
#define STORE(p, v)     _mm256_store_ps(p, _mm256_cvtepi32_ps(v))

TARGET static inline vec pair(const uint16_t *p)
{
	int32_t both;

	memcpy(&both, p, sizeof both);
	return _mm256_set1_epi32(both);
}

#include "pipeline/knn/knn_i16_body.h"

const struct knn_kernel knn_kernel_avx2 = {
	.name = "avx2",
	.form = KNN_FORM_I16,
	.queries = {QUERIES, 2},
	.refs = {LANES * VECS, 2},
	.query_step = QUERIES,
	.ref_step = LANES * VECS,
	.depth_step = 16,
	.scores = scores,
};
