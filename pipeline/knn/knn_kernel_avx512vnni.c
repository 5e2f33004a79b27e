/* The kernels for AVX-512 VNNI. int16: VPDPWSSD adds a pair's two products to the sum, all in one
 * instruction; sums cannot overflow. Bytes: VPDPBUSD adds four to an int32, whose lower half is the sum of
 * the block (knn_kernel.h: what queries have too much is taken away modulo 2^16). */
#include "pipeline/knn/knn_kernel.h"

#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vnni")))
typedef __m512i vec;
#define ZERO()             _mm512_setzero_si512()
#define LOAD(p)            _mm512_load_si512(p)
#define FILL(p)            _mm512_set1_epi32(four_bytes(p))
#define FILL4(p)           _mm512_set1_epi32(four_bytes(p))
#define MULADD(sum, a, b)  _mm512_dpwssd_epi32(sum, a, b)
#define MULADD8(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#define HEAD(v)            _mm512_madd_epi16(v, _mm512_set1_epi16(1))
#define TOTAL(total, sum)  _mm512_add_epi32(total, _mm512_srai_epi32(_mm512_slli_epi32(sum, 16), 16))
#define STORE(p, sum)      _mm512_store_ps(p, _mm512_cvtepi32_ps(sum))

static inline int four_bytes(const void *p)
{
	int all;

	memcpy(&all, p, sizeof all);
	return all;
}

#include "pipeline/knn/knn_kernel_avx512_body.h"
#include "pipeline/knn/knn_kernel_avx512_bytes.h"

static const struct knn_kernel int16_kernel = KERNEL_OF("avx512vnni");

const struct knn_kernel knn_kernel_avx512vnni = BYTES_KERNEL_OF("avx512vnni", &int16_kernel);
