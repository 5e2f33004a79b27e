/* The kernel for every x86-64: pmaddwd of SSE2, 3 queries x 12 references. */
#include "pipeline/knn/knn_kernel.h"

#include <immintrin.h>
#include <string.h>

#define LANES   4
#define QUERIES 3
#define VECS    3
#define TARGET
typedef __m128i vec;
#define ZERO()          _mm_setzero_si128()
#define LOAD(p)         _mm_load_si128((const __m128i *)(const void *)(p))
#define PAIR(p)         pair(p)
#define MULADD(a, b, c) _mm_add_epi32(a, _mm_madd_epi16(b, c))
#define STORE(p, v)     _mm_store_ps(p, _mm_cvtepi32_ps(v))

static inline vec pair(const uint16_t *p)
{
	int32_t both;

	memcpy(&both, p, sizeof both);
	return _mm_set1_epi32(both);
}

#include "pipeline/knn/knn_i16_body.h"

const struct knn_kernel knn_kernel_portable = {
	.name = "portable",
	.form = KNN_FORM_I16,
	.queries = {QUERIES, 2},
	.refs = {LANES * VECS, 2},
	.query_step = QUERIES,
	.ref_step = 2 * LANES * VECS,
	.depth_step = 16,
	.scores = scores,
};
