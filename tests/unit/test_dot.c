/* core/dot: every number of rows and every length gives the bits of the plain loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "pipeline/core/dot.h"
#include "pipeline/core/simd.h"
#include "tests/unit/numbers.h"

#define MAX_ROWS 21
#define MAX_LEN  70

static float values[MAX_ROWS + 1][MAX_LEN];
static const float *rows[MAX_ROWS];

static int make_values(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (size_t r = 0; r <= MAX_ROWS; r++) {
		for (size_t i = 0; i < MAX_LEN; i++) {
			uint64_t z = splitmix(&seed);
			/* Exponents far apart, so that another order would show. */
			uint32_t exponent = 87 + (uint32_t)(z >> 8) % 80;

			values[r][i] = bits_float((uint32_t)(z >> 40) << 31 | exponent << 23 |
						  (uint32_t)(z >> 41));
		}
		if (r < MAX_ROWS)
			rows[r] = values[r + 1];
	}
	return 0;
}

static double by_definition(const float *a, const float *b, size_t n)
{
	volatile double sum = 0.0;

	for (size_t i = 0; i < n; i++) {
		volatile double product = (double)a[i] * (double)b[i];

		sum = sum + product;
	}
	return (double)(float)sum;
}

static void many_rows_equal_the_plain_loop(void **state)
{
	double out[MAX_ROWS];

	(void)state;
	for (size_t n = 0; n <= MAX_LEN; n++) {
		for (size_t n_rows = 0; n_rows <= MAX_ROWS; n_rows++) {
			dot_f32_many(values[0], rows, n_rows, n, out);
			for (size_t r = 0; r < n_rows; r++) {
				double want = by_definition(values[0], rows[r], n);

				assert_true(double_bits(out[r]) == double_bits(want));
				assert_true(double_bits(dot_f32(values[0], rows[r], n)) ==
					    double_bits(want));
			}
		}
	}
}

static void pieces_continue_one_sum(void **state)
{
	const float *tail[MAX_ROWS];

	(void)state;
	for (size_t cut = 0; cut <= MAX_LEN; cut++) {
		double whole[MAX_ROWS] = {0}, pieces[MAX_ROWS] = {0};

		for (size_t r = 0; r < MAX_ROWS; r++)
			tail[r] = rows[r] + cut;
		dot_f32_add(values[0], rows, MAX_ROWS, MAX_LEN, whole);
		dot_f32_add(values[0], rows, MAX_ROWS, cut, pieces);
		dot_f32_add(values[0] + cut, tail, MAX_ROWS, MAX_LEN - cut, pieces);
		for (size_t r = 0; r < MAX_ROWS; r++)
			assert_true(double_bits(whole[r]) == double_bits(pieces[r]));
	}
}

static void pairs_equal_the_plain_loop(void **state)
{
	const float *left[MAX_ROWS];
	double out[MAX_ROWS];

	(void)state;
	for (size_t r = 0; r < MAX_ROWS; r++)
		left[r] = values[(r * 5 + 2) % MAX_ROWS];
	for (size_t n = 0; n <= MAX_LEN; n++) {
		for (size_t pairs = 0; pairs <= MAX_ROWS; pairs++) {
			dot_f32_pairs(left, rows, pairs, n, out);
			for (size_t p = 0; p < pairs; p++)
				assert_true(double_bits(out[p]) ==
					    double_bits(by_definition(left[p], rows[p], n)));
		}
	}
}

/* The same again with other vector instructions. */
static void every_level_equals_the_plain_loop(void **state)
{
	static const char *const level_name[SIMD_LEVELS] = {"portable", "avx2", "avx512"};

	for (enum simd_level l = SIMD_PORTABLE; l <= simd_offered(); l++) {
		setenv("PROTEA_SIMD", level_name[l], 1);
		assert_int_equal(simd_reread(), l);
		many_rows_equal_the_plain_loop(state);
		pieces_continue_one_sum(state);
		pairs_equal_the_plain_loop(state);
	}
	setenv("PROTEA_SIMD", "no such level", 1);
	assert_int_equal(simd_reread(), simd_offered());
	unsetenv("PROTEA_SIMD");
	assert_int_equal(simd_reread(), simd_offered());
}

static void the_sum_is_rounded_once(void **state)
{
	/* 1 + 2^-24 + 2^-40: in float32 steps the small parts would be lost one by one. */
	const float a[3] = {1.0f, 0x1p-24f, 0x1p-40f}, ones[3] = {1.0f, 1.0f, 1.0f};

	(void)state;
	assert_true(dot_f32(a, ones, 3) == (double)0x1.000002p0f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_rows_equal_the_plain_loop),
		cmocka_unit_test(pieces_continue_one_sum),
		cmocka_unit_test(pairs_equal_the_plain_loop),
		cmocka_unit_test(every_level_equals_the_plain_loop),
		cmocka_unit_test(the_sum_is_rounded_once),
	};

	return cmocka_run_group_tests(tests, make_values, NULL);
}
