/* The kernels for AVX-512F and BW, of processors without VNNI. int16: VPMADDWD gives the sum of a pair's
 * two products, VPADDD adds it; bytes likewise with VPMADDUBSW and VPADDW. Sums cannot overflow
 * (knn_kernel.h). */
#include "pipeline/knn/knn_kernel.h"

#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))
typedef __m512i vec;
#define ZERO()             _mm512_setzero_si512()
#define LOAD(p)            _mm512_load_si512(p)
#define FILL(p)            _mm512_set1_epi32(four_bytes(p))
#define FILL4(p)           _mm512_set1_epi32(four_bytes(p))
#define MULADD(sum, a, b)  _mm512_add_epi32(sum, _mm512_madd_epi16(a, b))
#define MULADD8(sum, a, b) _mm512_add_epi16(sum, _mm512_maddubs_epi16(a, b))
#define HEAD(v)            (v)
#define TOTAL(total, sum)  _mm512_add_epi32(total, _mm512_madd_epi16(sum, _mm512_set1_epi16(1)))
#define STORE(p, sum)      _mm512_store_ps(p, _mm512_cvtepi32_ps(sum))

static inline int four_bytes(const void *p)
{
	int all;

	memcpy(&all, p, sizeof all);
	return all;
}

#include "pipeline/knn/knn_kernel_avx512_body.h"
#include "pipeline/knn/knn_kernel_avx512_bytes.h"

static const struct knn_kernel int16_kernel = KERNEL_OF("avx512");

const struct knn_kernel knn_kernel_avx512 = BYTES_KERNEL_OF("avx512", &int16_kernel);
