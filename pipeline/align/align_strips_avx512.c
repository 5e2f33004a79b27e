/* The fast engine's kernel for AVX-512BW: 64 lanes. Thread-safe. */
#include "pipeline/align/align_strips.h"

#include <immintrin.h>
#include <string.h>

#define KERNEL_TARGET __attribute__((target("avx512f,avx512bw")))
#define KERNEL_LANES  64
#define INLINE        static inline __attribute__((always_inline)) KERNEL_TARGET

typedef __m512i vec;
typedef __mmask64 mask;
typedef struct {
	__m512i low, high;
} wide;

INLINE vec v_load(const int8_t *p)
{
	return _mm512_load_si512(p);
}

INLINE void v_store(int8_t *p, vec v)
{
	_mm512_store_si512(p, v);
}

INLINE vec v_set1(int8_t x)
{
	return _mm512_set1_epi8(x);
}

INLINE vec v_add(vec a, vec b)
{
	return _mm512_add_epi8(a, b);
}

INLINE vec v_sub(vec a, vec b)
{
	return _mm512_sub_epi8(a, b);
}

INLINE vec v_add_sat(vec a, vec b)
{
	return _mm512_adds_epi8(a, b);
}

INLINE vec v_sub_sat(vec a, vec b)
{
	return _mm512_subs_epi8(a, b);
}

INLINE vec v_min(vec a, vec b)
{
	return _mm512_min_epi8(a, b);
}

INLINE vec v_max(vec a, vec b)
{
	return _mm512_max_epi8(a, b);
}

INLINE mask v_greater(vec a, vec b)
{
	return _mm512_cmpgt_epi8_mask(a, b);
}

INLINE mask v_equal(vec a, vec b)
{
	return _mm512_cmpeq_epi8_mask(a, b);
}

INLINE mask v_first(size_t n)
{
	return n < KERNEL_LANES ? ((__mmask64)1 << n) - 1 : ~(__mmask64)0;
}

INLINE vec v_choose(mask m, vec a, vec b)
{
	return _mm512_mask_blend_epi8(m, b, a);
}

INLINE void v_put(unsigned char *p, mask m)
{
	uint64_t word = m;

	memcpy(p, &word, sizeof word);
}

INLINE wide w_load(const int16_t *p)
{
	return (wide){_mm512_load_si512(p), _mm512_load_si512(p + 32)};
}

INLINE void w_store(int16_t *p, wide w)
{
	_mm512_store_si512(p, w.low);
	_mm512_store_si512(p + 32, w.high);
}

INLINE wide w_set1(int16_t x)
{
	return (wide){_mm512_set1_epi16(x), _mm512_set1_epi16(x)};
}

INLINE wide w_add(wide a, wide b)
{
	return (wide){_mm512_adds_epi16(a.low, b.low), _mm512_adds_epi16(a.high, b.high)};
}

INLINE wide w_min(wide a, wide b)
{
	return (wide){_mm512_min_epi16(a.low, b.low), _mm512_min_epi16(a.high, b.high)};
}

INLINE wide w_max(wide a, wide b)
{
	return (wide){_mm512_max_epi16(a.low, b.low), _mm512_max_epi16(a.high, b.high)};
}

INLINE wide w_update(wide new, wide old, wide a, wide b)
{
	__mmask32 low = _mm512_cmpgt_epi16_mask(new.low, old.low);
	__mmask32 high = _mm512_cmpgt_epi16_mask(new.high, old.high);

	return (wide){_mm512_mask_blend_epi16(low, b.low, a.low),
		      _mm512_mask_blend_epi16(high, b.high, a.high)};
}

INLINE wide v_widen(vec v)
{
	return (wide){
		_mm512_srai_epi16(_mm512_unpacklo_epi8(v, v), 8),
		_mm512_srai_epi16(_mm512_unpackhi_epi8(v, v), 8),
	};
}

INLINE vec w_narrow(wide w)
{
	return _mm512_packs_epi16(w.low, w.high);
}

INLINE __m128i load16(const int8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* A queue is in the uppermost quarter, the next byte highest. */
INLINE vec v_queue(const int8_t *p)
{
	return _mm512_broadcast_i32x4(load16(p - (CHUNK_STEPS - 1)));
}

INLINE vec v_shift(vec v, vec queue)
{
	return _mm512_alignr_epi8(v, _mm512_alignr_epi64(v, queue, 6), 15);
}

INLINE vec v_push(vec queue, vec v)
{
	return _mm512_alignr_epi8(queue, v, 15);
}

INLINE void v_put_queue(int8_t *p, vec queue)
{
	_mm_storeu_si128((__m128i *)(void *)(p - (CHUNK_STEPS - 1)),
			 _mm512_extracti32x4_epi32(queue, 3));
}

/* Transposes 16 x 16 bytes in each quarter: every pass turns the address bits of a byte, (register,
 * position), by one place, so four passes swap the two. */
INLINE void transpose(__m512i v[16])
{
#pragma GCC unroll 4
	for (int pass = 0; pass < 4; pass++) {
		__m512i t[16];

#pragma GCC unroll 8
		for (int i = 0; i < 8; i++) {
			t[2 * i] = _mm512_unpacklo_epi8(v[i], v[i + 8]);
			t[2 * i + 1] = _mm512_unpackhi_epi8(v[i], v[i + 8]);
		}
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			v[i] = t[i];
	}
}

INLINE void gather_scores(const int8_t *const *row, size_t t, int8_t *out)
{
	__m512i v[16];

#pragma GCC unroll 16
	for (size_t i = 0; i < 16; i++) {
		v[i] = _mm512_castsi128_si512(load16(row[i] + t));
		v[i] = _mm512_inserti32x4(v[i], load16(row[i + 16] + t), 1);
		v[i] = _mm512_inserti32x4(v[i], load16(row[i + 32] + t), 2);
		v[i] = _mm512_inserti32x4(v[i], load16(row[i + 48] + t), 3);
	}
	transpose(v);
#pragma GCC unroll 16
	for (size_t i = 0; i < 16; i++)
		v_store(out + i * KERNEL_LANES, v[i]);
}

/* VPSHUFB looks up the lower and the upper 16 entries, bit 4 of the code chooses. */
INLINE __m128i profile_half(const int8_t *scores)
{
	__m128i s = _mm_add_epi8(load16(scores), _mm_set1_epi8(LANES_SHIFT));

	return _mm_max_epi8(s, _mm_set1_epi8(LANES_PAD_SCORE));
}

static KERNEL_TARGET void profile(const int8_t *scores, const uint8_t *code, size_t n, int8_t *out)
{
	__m512i low = _mm512_broadcast_i32x4(profile_half(scores));
	__m512i high = _mm512_broadcast_i32x4(profile_half(scores + 16));

	for (size_t i = 0; i < n; i += KERNEL_LANES) {
		__m512i c = _mm512_load_si512(code + i);

		v_store(out + i,
			_mm512_mask_blend_epi8(_mm512_test_epi8_mask(c, _mm512_set1_epi8(16)),
					       _mm512_shuffle_epi8(low, c),
					       _mm512_shuffle_epi8(high, c)));
	}
}

#include "pipeline/align/align_kernel_low.h"

const struct align_kernel align_kernel_avx512 = {
	.name = "avx512",
	.lanes = KERNEL_LANES,
	.profile = profile,
	.sweep = kernel_sweep,
	.trace = kernel_trace,
	.sweep_low = kernel_sweep_low,
	.trace_low = kernel_trace_low,
};
