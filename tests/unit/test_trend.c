/* Tests of trends: published values, and what can be reckoned by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "prof/analyze/trend.h"
#include "prof/base/hash.h"

static void near(double a, double b, double by)
{
	if (fabs(a - b) > by)
		fail_msg("%.9g is not %.9g", a, b);
}

/* R. O. Gilbert, Statistical Methods for Environmental Pollution Monitoring (1987), section 16.4.1. */
static void kendall_s_of_gilberts_example(void **state)
{
	static const double values[] = {10, 15, 14, 20};
	struct trend_kendall k;

	(void)state;
	trend_kendall(&k, values, 4);
	near(k.s, 4, 0);
	near(k.variance, 26.0 / 3, 1e-12);
}

static void kendall_without_ties(void **state)
{
	double values[10];
	struct trend_kendall k;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		values[i] = i;
	trend_kendall(&k, values, 10);
	near(k.s, 45, 0);
	near(k.variance, 125, 1e-12); /* 10 x 9 x 25 / 18 */
	near(k.z, 44 / sqrt(125), 1e-12);
	near(k.p, 4.151535e-5, 1e-10); /* of z = 3.9354796 */
	for (i = 0; i < 10; i++)
		values[i] = -i;
	trend_kendall(&k, values, 10);
	near(k.z, -44 / sqrt(125), 1e-12);
	assert_true(k.p > 0.9999);
}

/* 28 pairs, 1 + 3 of them tied; (8 x 7 x 21 - 2 x 1 x 9 - 3 x 2 x 11) / 18. */
static void kendall_corrects_for_ties(void **state)
{
	static const double values[] = {1, 2, 2, 3, 3, 3, 4, 5};
	struct trend_kendall k;

	(void)state;
	trend_kendall(&k, values, 8);
	near(k.s, 24, 0);
	near(k.variance, 1092.0 / 18, 1e-12);
	near(k.z, 23 / sqrt(1092.0 / 18), 1e-12);
	near(k.p, 0.00157388, 1e-8); /* of z = 2.9529274 */
}

static void what_does_not_move_has_no_trend(void **state)
{
	double values[300] = {0};
	struct trend_kendall k;

	(void)state;
	trend_kendall(&k, values, 300);
	assert_true(k.s == 0 && k.z == 0 && k.p == 1);
	trend_kendall(&k, values, 1);
	assert_true(k.p == 1);
	trend_kendall(&k, values, 0);
	assert_true(k.p == 1);
}

/* Of series without a trend, no more than 5 % may look like one at 5 %. */
static void noise_is_seldom_taken_for_a_trend(void **state)
{
	struct trend_kendall k;
	uint64_t seed = 7;
	int i, round, hits = 0;

	(void)state;
	for (round = 0; round < 4000; round++) {
		double values[20];

		for (i = 0; i < 20; i++)
			values[i] = (double)(hash_u64(seed++) >> 40);
		trend_kendall(&k, values, 20);
		hits += k.p < 0.05;
	}
	assert_in_range(hits, 120,
			260); /* 200 +- 4 standard deviations, and less for the correction */
}

static void slope_is_the_median_of_slopes(void **state)
{
	/* Slopes by hand: 1, 2, 10/3, 3, 4.5, 6: the middle ones are 3 and 10/3. */
	static const double times[] = {0, 1, 2, 3}, values[] = {0, 1, 4, 10};
	static const double odd[] = {0, 1, 100}; /* 1, 50, 99 */
	double *scratch = malloc(TREND_SCRATCH * sizeof(*scratch));

	(void)state;
	assert_non_null(scratch);
	near(trend_slope(times, values, 4, scratch), 19.0 / 6, 1e-12);
	near(trend_slope(times, odd, 3, scratch), 50, 1e-12);
	near(trend_slope(times, values, 1, scratch), 0, 0);
	static const double same[] = {5, 5, 6};
	near(trend_slope(same, odd, 3, scratch), 99.5,
	     1e-12); /* 100 and 99; one pair is of no time */
	free(scratch);
}

/* Benjamini and Hochberg (1995), section 3.2: at 5 % the four lowest of these 15 are rejected. */
static void false_discoveries_of_the_papers_example(void **state)
{
	static const double p[] = {0.3240, 0.0001, 0.0201, 0.0004, 0.0019, 0.0095, 0.0278, 0.0298,
				   0.0344, 0.0459, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};
	double q[15];
	int i, hits = 0;

	(void)state;
	assert_int_equal(trend_false_discovery(p, q, 15), 0);
	for (i = 0; i < 15; i++)
		hits += q[i] <= 0.05;
	assert_int_equal(hits, 4);
	near(q[5], 0.0095 * 15 / 4, 1e-12);
	near(q[1], 0.0015, 1e-12);
	near(q[2], 0.0603, 1e-12);
	near(q[7], 0.0298 * 15 / 7, 1e-12);
	near(q[14], 1, 0);
	assert_int_equal(trend_false_discovery(p, q, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kendall_s_of_gilberts_example),
		cmocka_unit_test(kendall_without_ties),
		cmocka_unit_test(kendall_corrects_for_ties),
		cmocka_unit_test(what_does_not_move_has_no_trend),
		cmocka_unit_test(noise_is_seldom_taken_for_a_trend),
		cmocka_unit_test(slope_is_the_median_of_slopes),
		cmocka_unit_test(false_discoveries_of_the_papers_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
