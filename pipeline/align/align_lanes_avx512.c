/* The fast engine's kernel for AVX-512BW: 64 lanes. Scores are looked up 16 lanes at a time as with
 * AVX2. Thread-safe. */
#include "pipeline/align/align_lanes.h"

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
	return (wide){_mm512_add_epi16(a.low, b.low), _mm512_add_epi16(a.high, b.high)};
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

INLINE void look_up(struct lane_machine *m)
{
	for (size_t lane = 0; lane < KERNEL_LANES; lane += 16)
		align_lookup_avx2(m, m->query_low + lane * m->row_stride,
				  m->query_high + lane * m->row_stride, m->letters + lane,
				  KERNEL_LANES, m->scores + lane);
}

#include "pipeline/align/align_kernel.h"

const struct align_kernel align_kernel_avx512 = {
	.name = "avx512",
	.lanes = KERNEL_LANES,
	.sweep = kernel_sweep,
};
