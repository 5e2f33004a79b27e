/* binary16 conversions. Integer arithmetic decides every rounding, so the current floating-point
 * environment plays no role; the row conversion uses F16C where the processor has it. NaNs come out
 * quiet on every path, as the hardware makes them. Leaves ranges and finiteness policies to callers.
 * Thread-safe. */
#include "pipeline/core/half.h"

#include <cpuid.h>
#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALF_INF       0x7c00u
#define HALF_NAN_QUIET 0x0200u
/* Low bits of a float32 that do not fit a normal half: 23 - 10. */
#define F32_EXTRA_BITS 13

static uint32_t f32_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof u);
	return u;
}

static float f32_from_bits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof f);
	return f;
}

float half_to_float(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
	uint32_t exponent = (h >> 10) & 31u;
	uint32_t mantissa = h & 0x3ffu;

	if (exponent == 31) {
		uint32_t quiet = mantissa ? 0x400000u : 0;

		return f32_from_bits(sign | 0x7f800000u | quiet | mantissa << F32_EXTRA_BITS);
	}
	if (exponent == 0) {
		/* mantissa * 2^-24 is exact in float32. */
		float v = (float)mantissa * 0x1p-24f;

		return f32_from_bits(sign | f32_bits(v));
	}
	return f32_from_bits(sign | (exponent + 112) << 23 | mantissa << F32_EXTRA_BITS);
}

/* `m` without its lowest `shift` bits (1 … 63), rounded to nearest, ties to even. */
static uint64_t shift_round_even(uint64_t m, unsigned shift)
{
	uint64_t kept = m >> shift;
	uint64_t rest = m & (((uint64_t)1 << shift) - 1);
	uint64_t middle = (uint64_t)1 << (shift - 1);

	return kept + (rest > middle || (rest == middle && (kept & 1)));
}

/* A finite value 1.f * 2^exponent with `frac_bits` bits of f (leading 1 included in `m`). A carry out
 * of the mantissa runs into the exponent field, which is exactly what rounding up must do. */
static uint16_t half_round(uint16_t sign, int exponent, uint64_t m, unsigned frac_bits)
{
	if (exponent > 15)
		return (uint16_t)(sign | HALF_INF);
	if (exponent >= -14) {
		uint64_t r = shift_round_even(m, frac_bits - 10);

		return (uint16_t)(sign | (r + ((uint64_t)(exponent + 14) << 10)));
	}
	/* Below 2^-25 everything is nearer to 0 than to the smallest half, 2^-24. */
	if (exponent < -25)
		return sign;
	return (uint16_t)(sign | shift_round_even(m, frac_bits - 10 + (unsigned)(-14 - exponent)));
}

uint16_t half_from_float(float f)
{
	uint32_t u = f32_bits(f);
	uint16_t sign = (uint16_t)(u >> 16 & 0x8000u);
	int exponent = (int)(u >> 23 & 0xff);
	uint32_t mantissa = u & 0x7fffffu;

	if (exponent == 255) {
		uint32_t nan = mantissa ? HALF_NAN_QUIET | mantissa >> F32_EXTRA_BITS : 0;

		return (uint16_t)(sign | HALF_INF | nan);
	}
	if (exponent == 0) /* below 2^-126: far under half the smallest half */
		return sign;
	return half_round(sign, exponent - 127, mantissa | 0x800000u, 23);
}

uint16_t half_from_double(double d)
{
	uint64_t u;

	memcpy(&u, &d, sizeof u);
	uint16_t sign = (uint16_t)(u >> 48 & 0x8000u);
	int exponent = (int)(u >> 52 & 0x7ff);
	uint64_t mantissa = u & (((uint64_t)1 << 52) - 1);

	if (exponent == 2047) {
		uint64_t nan = mantissa ? HALF_NAN_QUIET | mantissa >> 42 : 0;

		return (uint16_t)(sign | HALF_INF | nan);
	}
	if (exponent == 0)
		return sign;
	return half_round(sign, exponent - 1023, mantissa | (uint64_t)1 << 52, 52);
}

int half_is_finite(uint16_t h)
{
	return (h & HALF_INF) != HALF_INF;
}

/* Whether the finite float32 lies exactly midway between two halves (the overflow threshold 65520
 * counts). */
static int is_midpoint(uint32_t u)
{
	int exponent = (int)(u >> 23 & 0xff) - 127;
	uint32_t m = (u & 0x7fffffu) | 0x800000u;
	int shift = F32_EXTRA_BITS;

	if (exponent > 15 || exponent < -25)
		return 0;
	if (exponent < -14)
		shift += -14 - exponent;
	return (m & ((1u << shift) - 1)) == 1u << (shift - 1);
}

/* The shortest decimal that restores `f`, read back as a double. printf gives the closest decimal of
 * each length; a closest one that fails while another of its length restores f can happen only at
 * powers of two, and the one such midpoint, 2^-25, is not of that kind (2.9802322e-08). */
static double by_shortest_text(float f)
{
	char text[32];

	for (int digits = 1; digits <= 9; digits++) {
		snprintf(text, sizeof text, "%.*e", digits - 1, (double)f);
		if (strtof(text, NULL) == f)
			break;
	}
	return strtod(text, NULL);
}

uint16_t half_from_float_by_text(float f)
{
	if (is_midpoint(f32_bits(f)))
		return half_from_double(by_shortest_text(f));
	return half_from_float(f);
}

__attribute__((target("avx,f16c"))) static size_t to_floats_f16c(const uint16_t *in, float *out,
								 size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		__m128i h = _mm_loadu_si128((const __m128i *)(const void *)(in + i));

		_mm256_storeu_ps(out + i, _mm256_cvtph_ps(h));
	}
	return i;
}

/* cpuid traps under a hypervisor, so its answer is kept: 0 not asked, 1 no, 2 yes. Racing threads
 * store the same answer. */
int half_has_f16c(void)
{
	static int answer;
	int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);

	if (!known) {
		unsigned a = 0, b = 0, c = 0, d = 0;
		int yes = __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) &&
			  (c & bit_F16C);

		known = yes ? 2 : 1;
		__atomic_store_n(&answer, known, __ATOMIC_RELAXED);
	}
	return known == 2;
}

void half_to_floats(const uint16_t *in, float *out, size_t n)
{
	size_t i = n >= 8 && half_has_f16c() ? to_floats_f16c(in, out, n) : 0;

	for (; i < n; i++)
		out[i] = half_to_float(in[i]);
}
