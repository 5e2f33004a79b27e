/* The kernels' loops with 64 lanes in plain C, which refuses values beyond 8 bits where the loops count on
 * there being none, and addresses that AVX-512 would not load from. To be included once, after cmocka. */
#ifndef TESTS_ALIGN_MODEL_H
#define TESTS_ALIGN_MODEL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align_strips.h"

#define KERNEL_TARGET
#define KERNEL_LANES 64

typedef struct {
	int8_t lane[KERNEL_LANES];
} vec;

typedef uint64_t mask;

typedef struct {
	int16_t lane[KERNEL_LANES];
} wide;

#define EACH for (unsigned l = 0; l < KERNEL_LANES; l++)

static int8_t checked(int x)
{
	if (x < INT8_MIN || x > INT8_MAX)
		fail_msg("%d does not fit 8 bits", x);
	return (int8_t)x;
}

static vec v_load(const int8_t *p)
{
	vec v;

	assert_int_equal((uintptr_t)p % 64, 0); /* as _mm512_load_si512 needs it */
	memcpy(&v, p, sizeof v);
	return v;
}

static void v_store(int8_t *p, vec v)
{
	assert_int_equal((uintptr_t)p % 64, 0);
	memcpy(p, &v, sizeof v);
}

static vec v_set1(int8_t x)
{
	vec v;

	memset(&v, x, sizeof v);
	return v;
}

static vec v_add(vec a, vec b)
{
	EACH a.lane[l] = checked(a.lane[l] + b.lane[l]);
	return a;
}

static vec v_sub(vec a, vec b)
{
	EACH a.lane[l] = checked(a.lane[l] - b.lane[l]);
	return a;
}

static int8_t cut_off(int x)
{
	if (x < INT8_MIN)
		return INT8_MIN;
	return (int8_t)(x > INT8_MAX ? INT8_MAX : x);
}

static vec v_add_sat(vec a, vec b)
{
	EACH a.lane[l] = cut_off(a.lane[l] + b.lane[l]);
	return a;
}

static vec v_sub_sat(vec a, vec b)
{
	EACH a.lane[l] = cut_off(a.lane[l] - b.lane[l]);
	return a;
}

static vec v_min(vec a, vec b)
{
	EACH a.lane[l] = a.lane[l] < b.lane[l] ? a.lane[l] : b.lane[l];
	return a;
}

static vec v_max(vec a, vec b)
{
	EACH a.lane[l] = a.lane[l] > b.lane[l] ? a.lane[l] : b.lane[l];
	return a;
}

static mask v_greater(vec a, vec b)
{
	mask m = 0;

	EACH m |= (mask)(a.lane[l] > b.lane[l]) << l;
	return m;
}

static mask v_equal(vec a, vec b)
{
	mask m = 0;

	EACH m |= (mask)(a.lane[l] == b.lane[l]) << l;
	return m;
}

static mask v_first(size_t n)
{
	return n < KERNEL_LANES ? ((mask)1 << n) - 1 : ~(mask)0;
}

static vec v_choose(mask m, vec a, vec b)
{
	EACH a.lane[l] = m >> l & 1 ? a.lane[l] : b.lane[l];
	return a;
}

static void v_put(unsigned char *p, mask m)
{
	memcpy(p, &m, sizeof m);
}

static wide w_load(const int16_t *p)
{
	wide w;

	assert_int_equal((uintptr_t)p % 64, 0);
	memcpy(&w, p, sizeof w);
	return w;
}

static void w_store(int16_t *p, wide w)
{
	assert_int_equal((uintptr_t)p % 64, 0);
	memcpy(p, &w, sizeof w);
}

static wide w_set1(int16_t x)
{
	wide w;

	EACH w.lane[l] = x;
	return w;
}

static wide w_add(wide a, wide b)
{
	EACH
	{
		int x = a.lane[l] + b.lane[l];

		a.lane[l] = (int16_t)(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
	}
	return a;
}

static wide w_min(wide a, wide b)
{
	EACH a.lane[l] = a.lane[l] < b.lane[l] ? a.lane[l] : b.lane[l];
	return a;
}

static wide w_max(wide a, wide b)
{
	EACH a.lane[l] = a.lane[l] > b.lane[l] ? a.lane[l] : b.lane[l];
	return a;
}

static wide w_update(wide new, wide old, wide a, wide b)
{
	EACH a.lane[l] = new.lane[l] > old.lane[l] ? a.lane[l] : b.lane[l];
	return a;
}

static wide v_widen(vec v)
{
	wide w;

	EACH w.lane[lane_split(KERNEL_LANES, l)] = v.lane[l];
	return w;
}

static vec w_narrow(wide w)
{
	vec v;

	EACH v.lane[l] = checked(w.lane[lane_split(KERNEL_LANES, l)]);
	return v;
}

/* The queue is in the last 16 lanes, the next byte last. */
static vec v_queue(const int8_t *p)
{
	vec q = {{0}};

	memcpy(q.lane + KERNEL_LANES - CHUNK_STEPS, p - (CHUNK_STEPS - 1), CHUNK_STEPS);
	return q;
}

static vec v_shift(vec v, vec q)
{
	memmove(v.lane + 1, v.lane, KERNEL_LANES - 1);
	v.lane[0] = q.lane[KERNEL_LANES - 1];
	return v;
}

static vec v_push(vec q, vec v)
{
	int8_t *at = q.lane + KERNEL_LANES - CHUNK_STEPS;

	memmove(at + 1, at, CHUNK_STEPS - 1);
	*at = v.lane[KERNEL_LANES - 1];
	return q;
}

static void v_put_queue(int8_t *p, vec q)
{
	memcpy(p - (CHUNK_STEPS - 1), q.lane + KERNEL_LANES - CHUNK_STEPS, CHUNK_STEPS);
}

static void gather_scores(const int8_t *const *row, size_t t, int8_t *out)
{
	for (size_t i = 0; i < CHUNK_STEPS; i++)
		EACH out[i * KERNEL_LANES + l] = row[l][t + i];
}

static void profile(const int8_t *scores, const uint8_t *code, size_t n, int8_t *out)
{
	assert_int_equal(n % 64 + (uintptr_t)code % 64 + (uintptr_t)out % 64, 0);
	for (size_t i = 0; i < n; i++)
		out[i] = scores[code[i]] < LANES_PAD_SCORE - LANES_SHIFT
				 ? LANES_PAD_SCORE
				 : (int8_t)(scores[code[i]] + LANES_SHIFT);
}

#include "pipeline/align/align_kernel_low.h"

static const struct align_kernel model = {
	.name = "model",
	.lanes = KERNEL_LANES,
	.profile = profile,
	.sweep = kernel_sweep,
	.trace = kernel_trace,
	.sweep_low = kernel_sweep_low,
	.trace_low = kernel_trace_low,
};

#endif
