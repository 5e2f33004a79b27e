/* core/pairwise: bit for bit what NumPy gave (tests/golden/numerics.h), at every length to 2000. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pipeline/core/pairwise.h"
#include "tests/golden/numerics.h"
#include "tests/unit/numbers.h"

#define N_VALUES  4099
#define N_LENGTHS (sizeof golden_lengths / sizeof *golden_lengths)

static float single[N_VALUES];
static double third[N_VALUES];
static double scratch[N_VALUES];

static int make_values(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (size_t i = 0; i < N_VALUES; i++) {
		uint64_t z = splitmix(&seed);
		double v = ldexp((double)((int64_t)(z >> 40) - (1 << 23)), (int)(z & 15) - 28);

		single[i] = (float)v;
		third[i] = v / 3.0;
	}
	return 0;
}

static void chosen_lengths_equal_numpy(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_LENGTHS; i++) {
		size_t n = golden_lengths[i];

		assert_int_equal(float_bits(pairwise_sum_f32(single, n)), golden_sum_f32[i]);
		assert_int_equal(float_bits(pairwise_norm_f32(single, n)), golden_norm_f32[i]);
		assert_int_equal(double_bits(pairwise_sum_f64(third, n)), golden_sum_f64[i]);
		assert_int_equal(double_bits(pairwise_std_f64(third, n, scratch)),
				 golden_std_f64[i]);
	}
}

static void every_length_to_2000_equals_numpy(void **state)
{
	uint64_t h[4] = {FNV_START, FNV_START, FNV_START, FNV_START};

	(void)state;
	for (size_t n = 0; n <= 2000; n++) {
		h[0] = fnv_word(h[0], float_bits(pairwise_sum_f32(single, n)));
		h[1] = fnv_word(h[1], float_bits(pairwise_norm_f32(single, n)));
		h[2] = fnv_word(h[2], double_bits(pairwise_sum_f64(third, n)));
		h[3] = fnv_word(h[3], double_bits(pairwise_std_f64(third, n, scratch)));
	}
	assert_true(h[0] == GOLDEN_SUM_F32_0_TO_2000);
	assert_true(h[1] == GOLDEN_NORM_F32_0_TO_2000);
	assert_true(h[2] == GOLDEN_SUM_F64_0_TO_2000);
	assert_true(h[3] == GOLDEN_STD_F64_0_TO_2000);
}

static void squares_are_rounded_before_they_are_added(void **state)
{
	float squares[N_VALUES];

	(void)state;
	for (size_t i = 0; i < N_VALUES; i++)
		squares[i] = single[i] * single[i];
	for (size_t n = 0; n < N_VALUES; n += 7) {
		float want = pairwise_sum_f32(squares, n);

		assert_int_equal(float_bits(pairwise_sumsq_f32(single, n)), float_bits(want));
		assert_int_equal(float_bits(pairwise_norm_f32(single, n)), float_bits(sqrtf(want)));
	}
}

static void squares_that_underflow_have_norm_zero(void **state)
{
	const float tiny[3] = {1e-30f, -1e-30f, 1e-30f};

	(void)state;
	assert_int_equal(float_bits(pairwise_norm_f32(tiny, 3)), 0);
}

static void fewer_than_two_values_do_not_deviate(void **state)
{
	const double one[1] = {5.0};

	(void)state;
	assert_int_equal(double_bits(pairwise_std_f64(one, 0, scratch)), 0);
	assert_int_equal(double_bits(pairwise_std_f64(one, 1, scratch)), 0);
}

static void the_start_is_a_positive_zero(void **state)
{
	const float minus[2] = {-0.0f, -0.0f};

	(void)state;
	assert_int_equal(float_bits(pairwise_sum_f32(minus, 0)), 0);
	assert_int_equal(float_bits(pairwise_sum_f32(minus, 2)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen_lengths_equal_numpy),
		cmocka_unit_test(every_length_to_2000_equals_numpy),
		cmocka_unit_test(squares_are_rounded_before_they_are_added),
		cmocka_unit_test(squares_that_underflow_have_norm_zero),
		cmocka_unit_test(fewer_than_two_values_do_not_deviate),
		cmocka_unit_test(the_start_is_a_positive_zero),
	};

	return cmocka_run_group_tests(tests, make_values, NULL);
}
