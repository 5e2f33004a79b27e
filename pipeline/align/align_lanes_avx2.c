/* The fast engine's kernel for AVX2: 32 lanes, and the look-up of scores for 16 lanes, which the
 * kernel for AVX-512 shares. Thread-safe. */
#include "pipeline/align/align_lanes.h"

#include <immintrin.h>
#include <string.h>

#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL_LANES  32
#define INLINE        static inline __attribute__((always_inline)) KERNEL_TARGET

typedef __m256i vec;
typedef __m256i mask;
typedef struct {
	__m256i low, high;
} wide;

INLINE vec v_load(const int8_t *p)
{
	return _mm256_load_si256((const __m256i *)(const void *)p);
}

INLINE void v_store(int8_t *p, vec v)
{
	_mm256_store_si256((__m256i *)(void *)p, v);
}

INLINE vec v_set1(int8_t x)
{
	return _mm256_set1_epi8(x);
}

INLINE vec v_add(vec a, vec b)
{
	return _mm256_add_epi8(a, b);
}

INLINE vec v_sub(vec a, vec b)
{
	return _mm256_sub_epi8(a, b);
}

INLINE vec v_min(vec a, vec b)
{
	return _mm256_min_epi8(a, b);
}

INLINE vec v_max(vec a, vec b)
{
	return _mm256_max_epi8(a, b);
}

INLINE mask v_greater(vec a, vec b)
{
	return _mm256_cmpgt_epi8(a, b);
}

INLINE mask v_equal(vec a, vec b)
{
	return _mm256_cmpeq_epi8(a, b);
}

INLINE vec v_choose(mask m, vec a, vec b)
{
	return _mm256_blendv_epi8(b, a, m);
}

INLINE void v_put(unsigned char *p, mask m)
{
	uint32_t word = (uint32_t)_mm256_movemask_epi8(m);

	memcpy(p, &word, sizeof word);
}

INLINE wide w_load(const int16_t *p)
{
	const __m256i *at = (const __m256i *)(const void *)p;

	return (wide){_mm256_load_si256(at), _mm256_load_si256(at + 1)};
}

INLINE void w_store(int16_t *p, wide w)
{
	__m256i *at = (__m256i *)(void *)p;

	_mm256_store_si256(at, w.low);
	_mm256_store_si256(at + 1, w.high);
}

INLINE wide w_set1(int16_t x)
{
	return (wide){_mm256_set1_epi16(x), _mm256_set1_epi16(x)};
}

INLINE wide w_add(wide a, wide b)
{
	return (wide){_mm256_add_epi16(a.low, b.low), _mm256_add_epi16(a.high, b.high)};
}

INLINE wide w_min(wide a, wide b)
{
	return (wide){_mm256_min_epi16(a.low, b.low), _mm256_min_epi16(a.high, b.high)};
}

INLINE wide w_max(wide a, wide b)
{
	return (wide){_mm256_max_epi16(a.low, b.low), _mm256_max_epi16(a.high, b.high)};
}

INLINE wide w_update(wide new, wide old, wide a, wide b)
{
	return (wide){
		_mm256_blendv_epi8(b.low, a.low, _mm256_cmpgt_epi16(new.low, old.low)),
		_mm256_blendv_epi8(b.high, a.high, _mm256_cmpgt_epi16(new.high, old.high)),
	};
}

INLINE wide v_widen(vec v)
{
	return (wide){
		_mm256_srai_epi16(_mm256_unpacklo_epi8(v, v), 8),
		_mm256_srai_epi16(_mm256_unpackhi_epi8(v, v), 8),
	};
}

INLINE vec w_narrow(wide w)
{
	return _mm256_packs_epi16(w.low, w.high);
}

/* Transposes 16 x 16 bytes in each half: every pass turns the address bits of a byte, (register,
 * position), by one place, so four passes swap the two. */
INLINE void transpose(__m256i v[16])
{
	for (int pass = 0; pass < 4; pass++) {
		__m256i t[16];

#pragma GCC unroll 8
		for (int i = 0; i < 8; i++) {
			t[2 * i] = _mm256_unpacklo_epi8(v[i], v[i + 8]);
			t[2 * i + 1] = _mm256_unpackhi_epi8(v[i], v[i + 8]);
		}
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			v[i] = t[i];
	}
}

INLINE __m256i load32(const uint8_t *p)
{
	return _mm256_load_si256((const __m256i *)(const void *)p);
}

INLINE __m256i load16_twice(const int8_t *p)
{
	return _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)p));
}

/* A lane's letter selects a row of the table; VPSHUFB then looks up 32 rows of its query at once
 * (codes of the other half of the table are 0x80 and give 0). What comes out is lane by lane and is
 * transposed to row by row. */
KERNEL_TARGET void align_lookup_avx2(const struct lane_machine *m, const uint8_t *low,
				     const uint8_t *high, const uint8_t *letters, size_t stride,
				     int8_t *scores)
{
	for (size_t r = 0; r < m->row_stride; r += LOOKUP_ROWS) {
		__m256i v[16];

#pragma GCC unroll 16
		for (size_t lane = 0; lane < 16; lane++) {
			const int8_t *table = m->table[letters[lane]];
			const uint8_t *l = low + lane * m->row_stride + r;
			const uint8_t *h = high + lane * m->row_stride + r;

			v[lane] = _mm256_or_si256(
				_mm256_shuffle_epi8(load16_twice(table), load32(l)),
				_mm256_shuffle_epi8(load16_twice(table + 16), load32(h)));
		}
		transpose(v);
#pragma GCC unroll 16
		for (size_t i = 0; i < 16; i++) {
			__m128i *first = (__m128i *)(void *)(scores + (r + i) * stride);
			__m128i *second = (__m128i *)(void *)(scores + (r + 16 + i) * stride);

			_mm_store_si128(first, _mm256_castsi256_si128(v[i]));
			_mm_store_si128(second, _mm256_extracti128_si256(v[i], 1));
		}
	}
}

INLINE void look_up(struct lane_machine *m)
{
	for (size_t lane = 0; lane < KERNEL_LANES; lane += 16)
		align_lookup_avx2(m, m->query_low + lane * m->row_stride,
				  m->query_high + lane * m->row_stride, m->letters + lane,
				  KERNEL_LANES, m->scores + lane);
}

#include "pipeline/align/align_kernel.h"

const struct align_kernel align_kernel_avx2 = {
	.name = "avx2",
	.lanes = KERNEL_LANES,
	.sweep = kernel_sweep,
};
