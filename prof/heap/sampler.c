/* Distances and weights of samples, with a logarithm and an exponential of their own, good to a few units in
 * the last place over the ranges that are met here; libm's are not to be had in every target. Pure functions. */
#include "prof/heap/sampler.h"

#include "prof/heap/format.h"

#define RATE_MAX (UINT64_C(1) << 40) /* 1 TiB: so that nothing below can overflow */
#define LN2      0.6931471805599453094
#define LN2_HIGH 0x1.62e42fee00000p-1 /* 32 bits of it: times a small whole number it is exact */
#define LN2_LOW  0x1.a39ef35793c76p-33
#define SQRT_2   1.4142135623730950488
/* exp(-40) is below half a unit in the last place of 1: p is 1 from here on. */
#define X_CERTAIN 40.0

/* SplitMix64 (G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* -ln((k + 1/2) / 2^52) for 0 <= k < 2^52. With m in [1 / sqrt 2, sqrt 2] and s = (m - 1) / (m + 1):
 * ln m = 2 (s + s^3 / 3 + s^5 / 5 ...), |s| < 0.172, and what is left out is below 2 s^21 / 21 < 1e-17. */
static double minus_log(uint64_t k)
{
	union {
		double d;
		uint64_t u;
	} m = {.d = (double)k + 0.5};
	int e = (int)(m.u >> 52) - 1023;
	double s, s2, sum = 0;

	m.u = (m.u & 0xfffffffffffffu) | UINT64_C(1023) << 52;
	if (m.d > SQRT_2) {
		m.d *= 0.5;
		e++;
	}
	s = (m.d - 1) / (m.d + 1);
	s2 = s * s;
	for (int i = 19; i >= 1; i -= 2)
		sum = sum * s2 + 1.0 / i;
	return (52 - e) * LN2 - 2 * s * sum;
}

int64_t heap_sample_gap(uint64_t *random, uint64_t rate)
{
	double gap;

	if (rate <= 1)
		return 1;
	if (rate > RATE_MAX)
		rate = RATE_MAX;
	/* Rounded up: the chance that a point lies within k bytes is then 1 - exp(-k / rate) to the byte. */
	gap = minus_log(next_random(random) >> 12) * (double)rate;
	return (int64_t)gap + 1;
}

/* exp(-x) and 1 - exp(-x) for 0 < x < X_CERTAIN, both without cancellation: x = k ln 2 + r, |r| < 0.347;
 * the series of exp(-r) - 1 is cut at r^15 / 15! < 1e-19. */
static void exp_minus(double x, double *q, double *p)
{
	int k = (int)(x / LN2 + 0.5);
	double r = x - k * LN2_HIGH - k * LN2_LOW, term = 0, scale;

	for (int i = 14; i >= 1; i--)
		term = (1 + term) * (-r / i);
	scale = 1.0 / (double)(UINT64_C(1) << k);
	*q = scale + scale * term;
	*p = k ? 1 - *q : -term;
}

static uint64_t nearest(double v)
{
	return (uint64_t)(v + 0.5);
}

struct heap_weight heap_sample_weight(uint64_t bytes, uint64_t rate)
{
	struct heap_weight w = {bytes, HEAP_COUNT_UNIT_SAMPLED, 0};
	double z = (double)bytes, x, q, p;

	if (rate > RATE_MAX)
		rate = RATE_MAX;
	x = rate > 1 ? (z + 1) / (double)rate : X_CERTAIN;
	if (x >= X_CERTAIN)
		return w;
	exp_minus(x, &q, &p);
	/* Always rounded the same way, so that a free takes off what was added. As z / p >= rate * z / (z + 1),
	 * half a byte is less than 1 / rate of it. */
	w.bytes = nearest(z / p);
	w.count = nearest(HEAP_COUNT_UNIT_SAMPLED / p);
	w.variance = z / p * (z / p) * q;
	return w;
}
