/* The fast engine's kernel for AVX-512BW: 32 lanes. A cell's record is four 32-bit masks, one bit a
 * lane. Scores are looked up 16 lanes at a time as with AVX2. Thread-safe. */
#include "pipeline/align/align_lanes.h"

#include <immintrin.h>
#include <string.h>

#define KERNEL_TARGET __attribute__((target("avx512f,avx512bw")))
#define KERNEL_LANES  32
#define INLINE        static inline __attribute__((always_inline)) KERNEL_TARGET

typedef __m512i vec;
typedef __mmask32 mask;

INLINE vec v_load(const int16_t *p)
{
	return _mm512_load_si512(p);
}

INLINE void v_store(int16_t *p, vec v)
{
	_mm512_store_si512(p, v);
}

INLINE vec v_widen(const int8_t *p)
{
	return _mm512_cvtepi8_epi16(_mm256_load_si256((const __m256i *)(const void *)p));
}

INLINE vec v_set1(int16_t x)
{
	return _mm512_set1_epi16(x);
}

INLINE vec v_add(vec a, vec b)
{
	return _mm512_add_epi16(a, b);
}

INLINE vec v_sub(vec a, vec b)
{
	return _mm512_sub_epi16(a, b);
}

INLINE vec v_max(vec a, vec b)
{
	return _mm512_max_epi16(a, b);
}

INLINE mask v_greater(vec a, vec b)
{
	return _mm512_cmpgt_epi16_mask(a, b);
}

INLINE mask v_equal(vec a, vec b)
{
	return _mm512_cmpeq_epi16_mask(a, b);
}

INLINE vec v_choose(mask m, vec a, vec b)
{
	return _mm512_mask_blend_epi16(m, b, a);
}

INLINE unsigned char *put_cell(unsigned char *p, mask d, mask f, mask ins, mask del)
{
	uint32_t words[4] = {d, f, ins, del};

	memcpy(p, words, sizeof words);
	return p + sizeof words;
}

static unsigned read_cell(const unsigned char *p, unsigned lane)
{
	uint32_t words[4];

	memcpy(words, p, sizeof words);
	return (words[0] >> lane & 1) | (words[1] >> lane & 1) << 1 | (words[2] >> lane & 1) << 2 |
	       (words[3] >> lane & 1) << 3;
}

INLINE void look_up(struct lane_group *g, size_t rows, size_t column)
{
	size_t padded = (rows + LOOKUP_ROWS - 1) / LOOKUP_ROWS * LOOKUP_ROWS;
	const uint8_t *letters = g->ref + (column - 1) * KERNEL_LANES;

	for (size_t half = 0; half < KERNEL_LANES; half += 16)
		align_lookup_avx2(g, g->query_low + half * g->row_stride,
				  g->query_high + half * g->row_stride, letters + half, padded,
				  KERNEL_LANES, g->scores + half);
}

#include "pipeline/align/align_kernel.h"

const struct align_kernel align_kernel_avx512 = {
	.name = "avx512",
	.lanes = KERNEL_LANES,
	.cell_bytes = 16,
	.columns = kernel_columns,
	.cell = read_cell,
};
