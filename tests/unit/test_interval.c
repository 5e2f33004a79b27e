/* Intervals of estimated sums: what they promise for any numbers, against the equation they solve, and
 * against counts of a Poisson process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "prof/base/interval.h"
#include "tests/unit/numbers.h"

#define Z 1.959963984540054

static double any(uint64_t *s, double most)
{
	return ((double)(splitmix(s) >> 12) + 0.5) * 0x1p-52 * most;
}

static void a_sum_without_variance_is_certain(void **state)
{
	double lo, hi;

	(void)state;
	interval_of_sum(1234, 0, &lo, &hi);
	assert_true(lo == 1234 && hi == 1234);
	interval_of_sum(0, 0, &lo, &hi);
	assert_true(lo == 0 && hi == 0);
	interval_of_sampled(1234, 0, 1, &lo, &hi);
	assert_true(lo == 1234 && hi == 1234);
	interval_of_sampled(0, 0, 0, &lo, &hi);
	assert_true(lo == 0 && hi == 0);
}

/* Nothing was seen: up to z^2 samples may have been missed, each of them worth the rate. */
static void nothing_seen_is_not_nothing(void **state)
{
	double lo, hi;

	(void)state;
	interval_of_sampled(0, 0, 1000, &lo, &hi);
	assert_true(lo == 0);
	assert_true(fabs(hi - Z * Z * 1000) < 1e-6);
}

static void the_estimate_lies_inside_and_nothing_is_below_0(void **state)
{
	uint64_t s = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		double value = any(&s, 1e12), variance = any(&s, 1e20), lo, hi;

		interval_of_sum(value, variance, &lo, &hi);
		assert_true(lo >= 0 && lo <= value && value <= hi && isfinite(hi));
		interval_of_sampled(value, variance, any(&s, 1e7), &lo, &hi);
		assert_true(lo >= 0 && lo <= value && value <= hi && isfinite(hi));
	}
}

/* At its ends the estimate is z standard deviations of what would be true there away. */
static void the_ends_solve_the_equation(void **state)
{
	uint64_t s = 2;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		double rate = 2 + any(&s, 1e6), value = 1e9 + any(&s, 1e9);
		double variance = any(&s, 1e14), lo, hi;

		interval_of_sampled(value, variance, rate, &lo, &hi);
		assert_true(fabs((hi - value) / sqrt(variance + rate * (hi - value)) - Z) < 1e-6);
		assert_true(fabs((value - lo) / sqrt(variance + rate * (lo - value)) - Z) < 1e-6);
	}
}

static void more_variance_is_less_certain(void **state)
{
	double lo1, hi1, lo2, hi2;

	(void)state;
	interval_of_sum(1e6, 1e8, &lo1, &hi1);
	interval_of_sum(1e6, 4e8, &lo2, &hi2);
	assert_true(lo2 < lo1 && hi1 < hi2);
	assert_true(fabs((hi2 - lo2) / (hi1 - lo1) - 2) < 0.01);
}

static int poisson(uint64_t *s, double mean)
{
	double product = 1, end = exp(-mean);
	int n = -1;

	do {
		product *= any(s, 1);
		n++;
	} while (product > end);
	return n;
}

/* n samples worth w each: value n w, variance n w^2. */
static void counts_of_samples_are_covered(void **state)
{
	uint64_t s = 3;

	(void)state;
	for (int mean = 5; mean <= 200; mean += mean < 20 ? 1 : 20) {
		double w = 512, truth = mean * w, covered = 0, known = 0, runs = 20000;

		for (int i = 0; i < (int)runs; i++) {
			double n = poisson(&s, mean), lo, hi;

			interval_of_sum(n * w, n * w * w, &lo, &hi);
			covered += lo <= truth && truth <= hi;
			interval_of_sampled(n * w, n * w * w, w, &lo, &hi);
			known += lo <= truth && truth <= hi;
		}
		if (mean == 5 || mean == 10 || mean == 20 || mean == 200)
			print_message("%d samples: %.1f %% covered\n", mean, 100 * known / runs);
		assert_true(covered / runs > 0.92 && covered / runs < 0.98);
		assert_true(known / runs > 0.92 && known / runs < 0.98);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_without_variance_is_certain),
		cmocka_unit_test(nothing_seen_is_not_nothing),
		cmocka_unit_test(the_estimate_lies_inside_and_nothing_is_below_0),
		cmocka_unit_test(the_ends_solve_the_equation),
		cmocka_unit_test(more_variance_is_less_certain),
		cmocka_unit_test(counts_of_samples_are_covered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
