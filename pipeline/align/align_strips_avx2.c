/* The fast engine's kernel for AVX2: 32 lanes. Thread-safe. */
#include "pipeline/align/align_strips.h"

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

INLINE vec v_add_sat(vec a, vec b)
{
	return _mm256_adds_epi8(a, b);
}

INLINE vec v_sub_sat(vec a, vec b)
{
	return _mm256_subs_epi8(a, b);
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

INLINE mask v_first(size_t n)
{
	static const int8_t ones[2 * KERNEL_LANES] = {
		-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
		-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	};

	return _mm256_loadu_si256((const __m256i *)(const void *)(ones + KERNEL_LANES - n));
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
	return (wide){_mm256_adds_epi16(a.low, b.low), _mm256_adds_epi16(a.high, b.high)};
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

INLINE __m128i load16(const int8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* The lower half of a queue is what comes, the next byte highest; the upper half is what has left. So
 * v_shift needs VINSERTI128 only, whose result is there two cycles sooner than that of VPERM2I128
 * (Zen 3): it is on the longest way from a step to the next. */
INLINE vec v_queue(const int8_t *p)
{
	return _mm256_broadcastsi128_si256(load16(p - (CHUNK_STEPS - 1)));
}

INLINE vec v_shift(vec v, vec queue)
{
	__m256i before = _mm256_inserti128_si256(queue, _mm256_castsi256_si128(v), 1);

	return _mm256_alignr_epi8(v, before, 15);
}

INLINE vec v_push(vec queue, vec v)
{
	return _mm256_alignr_epi8(queue, v, 15);
}

INLINE void v_put_queue(int8_t *p, vec queue)
{
	_mm_storeu_si128((__m128i *)(void *)(p - (CHUNK_STEPS - 1)),
			 _mm256_extracti128_si256(queue, 1));
}

/* Transposes 16 x 16 bytes in each half: every pass turns the address bits of a byte, (register,
 * position), by one place, so four passes swap the two. */
INLINE void transpose(__m256i v[16])
{
#pragma GCC unroll 4
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

INLINE void gather_scores(const int8_t *const *row, size_t t, int8_t *out)
{
	__m256i v[16];

#pragma GCC unroll 16
	for (size_t i = 0; i < 16; i++)
		v[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(row[i] + t)),
					       load16(row[i + 16] + t), 1);
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
	__m256i low = _mm256_broadcastsi128_si256(profile_half(scores));
	__m256i high = _mm256_broadcastsi128_si256(profile_half(scores + 16));

	for (size_t i = 0; i < n; i += KERNEL_LANES) {
		__m256i c = _mm256_load_si256((const __m256i *)(const void *)(code + i));

		v_store(out + i,
			_mm256_blendv_epi8(_mm256_shuffle_epi8(low, c),
					   _mm256_shuffle_epi8(high, c), _mm256_slli_epi16(c, 3)));
	}
}

#include "pipeline/align/align_kernel_low.h"

const struct align_kernel align_kernel_avx2 = {
	.name = "avx2",
	.lanes = KERNEL_LANES,
	.profile = profile,
	.sweep = kernel_sweep,
	.trace = kernel_trace,
	.sweep_low = kernel_sweep_low,
	.trace_low = kernel_trace_low,
};
