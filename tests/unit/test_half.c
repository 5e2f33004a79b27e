/* core/half: exhaustive over all halves and all rounding boundaries, and against NumPy's own
 * conversions (tests/golden/numerics.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "pipeline/core/half.h"
#include "tests/golden/numerics.h"
#include "tests/unit/numbers.h"

#define HALF_INF 0x7c00u

/* The definition of binary16, without any bit of float32 in it. */
static double by_definition(uint16_t h)
{
	int exponent = h >> 10 & 31, mantissa = h & 0x3ff;
	double v = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);

	if (exponent == 31)
		v = mantissa ? (double)NAN : (double)INFINITY;
	return h & 0x8000 ? -v : v;
}

static void every_half_widens_to_its_defined_value(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < 65536; h++) {
		double want = by_definition((uint16_t)h);
		double got = (double)half_to_float((uint16_t)h);

		if (isnan(want))
			assert_true(isnan(got));
		else
			assert_true(double_bits(got) == double_bits(want));
		assert_int_equal(half_is_finite((uint16_t)h), isfinite(want) != 0);
	}
}

static void every_half_survives_the_round_trip(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < 65536; h++) {
		float f = half_to_float((uint16_t)h);

		if (isnan(f)) {
			assert_true(isnan(half_to_float(half_from_float(f))));
			continue;
		}
		assert_int_equal(half_from_float(f), h);
		assert_int_equal(half_from_double((double)f), h);
		assert_int_equal(half_from_float_by_text(f), h);
	}
}

static void rows_equal_single_conversions_at_every_length_and_offset(void **state)
{
	static uint16_t in[65536];
	static float out[65536];

	(void)state;
	for (uint32_t h = 0; h < 65536; h++)
		in[h] = (uint16_t)h;
	half_to_floats(in, out, 65536);
	for (uint32_t h = 0; h < 65536; h++)
		assert_int_equal(float_bits(out[h]), float_bits(half_to_float((uint16_t)h)));
	for (size_t n = 0; n < 40; n++) {
		memset(out, 0x55, sizeof out);
		half_to_floats(in + 1000 + n, out, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(float_bits(out[i]),
					 float_bits(half_to_float((uint16_t)(1000 + n + i))));
		assert_int_equal(float_bits(out[n]), 0x55555555);
	}
}

/* Conversion is monotone, so what happens on both sides of each midpoint decides all values. */
static void doubles_round_to_nearest_even_around_every_midpoint(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < HALF_INF; h++) {
		double low = by_definition((uint16_t)h);
		double high = h + 1 == HALF_INF ? 65536.0 : by_definition((uint16_t)(h + 1));
		double middle = (low + high) / 2;
		uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);

		assert_int_equal(half_from_double(middle), even);
		assert_int_equal(half_from_double(-middle), even | 0x8000);
		assert_int_equal(half_from_double(nextafter(middle, 0)), h);
		assert_int_equal(half_from_double(nextafter(middle, 1e9)), h + 1);
	}
}

static void floats_round_to_nearest_even_around_every_midpoint(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < HALF_INF; h++) {
		double low = by_definition((uint16_t)h);
		double high = h + 1 == HALF_INF ? 65536.0 : by_definition((uint16_t)(h + 1));
		float middle = (float)((low + high) / 2);
		uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);

		assert_int_equal(half_from_float(middle), even);
		assert_int_equal(half_from_float(-middle), even | 0x8000);
		assert_int_equal(half_from_float(nextafterf(middle, 0)), h);
		assert_int_equal(half_from_float(nextafterf(middle, 1e9f)), h + 1);
	}
}

static void the_ends_of_the_range_are_zero_and_infinity(void **state)
{
	(void)state;
	assert_int_equal(half_from_float(65504.0f), 0x7bff);
	assert_int_equal(half_from_float(65519.996f), 0x7bff);
	assert_int_equal(half_from_float(65520.0f), HALF_INF);
	assert_int_equal(half_from_float(-3e38f), 0xfc00);
	assert_int_equal(half_from_float(INFINITY), HALF_INF);
	assert_int_equal(half_from_float(-0.0f), 0x8000);
	assert_int_equal(half_from_float(1e-45f), 0);
	assert_int_equal(half_from_double(-5e-324), 0x8000);
	assert_int_equal(half_from_double(1.7e308), HALF_INF);
	assert_int_equal(half_from_double((double)-INFINITY), 0xfc00);
	assert_false(half_is_finite(half_from_float(NAN)));
	assert_true(isnan(half_to_float(half_from_double((double)NAN))));
}

static void random_bit_patterns_round_as_numpy_rounds_them(void **state)
{
	uint64_t seed = 11, hash = FNV_START;

	(void)state;
	for (size_t i = 0; i < 4000; i++) {
		uint32_t bits = (uint32_t)splitmix(&seed);

		if (i % 2 == 0)
			bits = (bits & 0x807fffff) | ((bits >> 23) % 48 + 100) << 23;
		float f = bits_float(bits);
		uint16_t h = isnan(f) ? 0x7e00 : half_from_float(f);

		if (i < sizeof golden_half_first / sizeof *golden_half_first)
			assert_int_equal(h, golden_half_first[i]);
		hash = fnv_word(hash, h);
	}
	assert_true(hash == GOLDEN_HALF_FROM_FLOAT);
}

static void random_doubles_round_as_numpy_rounds_them(void **state)
{
	uint64_t seed = 13, hash = FNV_START;

	(void)state;
	for (size_t i = 0; i < 4000; i++) {
		uint64_t bits = splitmix(&seed);

		bits = (bits & 0x800fffffffffffff) | ((bits >> 52) % 48 + 996) << 52;
		if (i % 2 == 0)
			bits &= 0xffffff0000000000;
		hash = fnv_word(hash, half_from_double(bits_double(bits)));
	}
	assert_true(hash == GOLDEN_HALF_FROM_DOUBLE);
}

static void the_text_route_gives_the_examples_of_the_spec(void **state)
{
	(void)state;
	assert_true(half_to_float(half_from_float(1.00048828125f)) == 1.0f);
	assert_true(half_to_float(half_from_float_by_text(1.00048828125f)) == 1.0009765625f);
	assert_int_equal(half_from_float_by_text(-1.00048828125f), 0xbc01);
	assert_int_equal(half_from_float_by_text(0x1p-25f), 0);
}

static void the_text_route_equals_pythons_at_every_midpoint(void **state)
{
	uint64_t hash = FNV_START;
	int differs = 0;

	(void)state;
	for (uint32_t h = 0; h < HALF_INF; h++) {
		double high = h + 1 == HALF_INF ? 65536.0 : by_definition((uint16_t)(h + 1));
		float middle = (float)((by_definition((uint16_t)h) + high) / 2);
		uint16_t text = half_from_float_by_text(middle);

		assert_int_equal(half_from_float_by_text(-middle), text | 0x8000);
		assert_int_equal(half_from_float_by_text(nextafterf(middle, 0)), h);
		assert_int_equal(half_from_float_by_text(nextafterf(middle, 1e9f)), h + 1);
		differs += text != half_from_float(middle);
		hash = fnv_word(hash, text);
	}
	assert_int_equal(differs, GOLDEN_HALF_TEXT_DIFFERS);
	assert_true(hash == GOLDEN_HALF_TEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_half_widens_to_its_defined_value),
		cmocka_unit_test(every_half_survives_the_round_trip),
		cmocka_unit_test(rows_equal_single_conversions_at_every_length_and_offset),
		cmocka_unit_test(doubles_round_to_nearest_even_around_every_midpoint),
		cmocka_unit_test(floats_round_to_nearest_even_around_every_midpoint),
		cmocka_unit_test(the_ends_of_the_range_are_zero_and_infinity),
		cmocka_unit_test(random_bit_patterns_round_as_numpy_rounds_them),
		cmocka_unit_test(random_doubles_round_as_numpy_rounds_them),
		cmocka_unit_test(the_text_route_gives_the_examples_of_the_spec),
		cmocka_unit_test(the_text_route_equals_pythons_at_every_midpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
