/* The int16 kernel for AVX-512F and BW, of processors without VNNI: VPMADDWD gives the sum of a
 * pair's two products, VPADDD adds it. Sums cannot overflow (knn_kernel.h). */
#include "pipeline/knn/knn_kernel.h"

#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))
typedef __m512i vec;
#define ZERO()            _mm512_setzero_si512()
#define LOAD(p)           _mm512_load_si512(p)
#define FILL(p)           _mm512_set1_epi32(pair(p))
#define MULADD(sum, a, b) _mm512_add_epi32(sum, _mm512_madd_epi16(a, b))
#define STORE(p, sum)     _mm512_store_ps(p, _mm512_cvtepi32_ps(sum))

static inline int pair(const uint16_t *p)
{
	int both;

	memcpy(&both, p, sizeof both);
	return both;
}

#include "pipeline/knn/knn_kernel_avx512_body.h"

const struct knn_kernel knn_kernel_avx512 = KERNEL_OF("avx512");
