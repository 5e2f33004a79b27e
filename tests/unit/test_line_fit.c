/* Lines through points: what can be reckoned by hand, points that are wrong, numbers that are none, how often intervals
 * hold. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/line_fit.h"
#include "prof/base/err.h"
#include "prof/base/hash.h"

static void near(double a, double b, double by)
{
	if (!(fabs(a - b) <= by))
		fail_msg("%.12g is not %.12g", a, b);
}

static uint64_t seed;

static double uniform(void)
{
	seed += 0x9e3779b97f4a7c15u;
	return ((double)(hash_u64(seed) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

static void points_on_a_line_give_it(void **state)
{
	static const double x[] = {1, 2, 4, 8}, y[] = {13, 16, 22, 34};
	struct line_fit f;

	(void)state;
	assert_int_equal(line_fit_make(&f, x, y, 4, LINE_ABSOLUTE, NULL, NULL), 0);
	near(f.base, 10, 1e-9);
	near(f.per_item, 3, 1e-9);
	near(f.lo, 3, 1e-6);
	near(f.hi, 3, 1e-6);
	near(line_fit_at(&f, 100), 310, 1e-6);
	assert_true(f.n == 4 && f.sizes == 4 && f.left_out == 0);
	near(f.least_x, 1, 0);
	near(f.most_x, 8, 0);
}

/* By hand: x̄ = 2, Sxx = 2, slope 1.5, base 0.3333; residuals 1/6, -1/3, 1/6: s = 0.4082; t(1) = 12.7062. */
static void intervals_are_those_of_student(void **state)
{
	static const double x[] = {1, 2, 3}, y[] = {2, 3, 5};
	struct line_fit f;

	(void)state;
	assert_int_equal(line_fit_make(&f, x, y, 3, LINE_ABSOLUTE, NULL, NULL), 0);
	near(f.per_item, 1.5, 1e-12);
	near(f.base, 1.0 / 3, 1e-12);
	near(f.spread, sqrt(1.0 / 6), 1e-12);
	near(f.hi, 1.5 + 12.7062047 * sqrt(1.0 / 6) / sqrt(2), 1e-5);
	near(f.lo, 0, 0);
	near(line_fit_half(&f, 2, 0), 12.7062047 * sqrt(1.0 / 6) / sqrt(3), 1e-5);
	near(line_fit_half(&f, 2, 1), 12.7062047 * sqrt(1.0 / 6) * sqrt(4.0 / 3), 1e-5);
}

static void neither_part_is_below_nothing(void **state)
{
	static const double x[] = {1, 2, 3}, falls[] = {9, 6, 3}, steep[] = {0, 10, 20};
	struct line_fit f;

	(void)state;
	assert_int_equal(line_fit_make(&f, x, falls, 3, LINE_ABSOLUTE, NULL, NULL), 0);
	near(f.per_item, 0, 0);
	near(f.base, 6, 1e-12);
	assert_int_equal(line_fit_make(&f, x, steep, 3, LINE_ABSOLUTE, NULL, NULL), 0);
	near(f.base, 0, 0);
	near(f.per_item, 80.0 / 14, 1e-12);
}

static void a_wrong_point_is_left_out(void **state)
{
	static const double x[] = {1, 1, 2, 2, 4, 4, 8, 8};
	double y[] = {13, 13.1, 16, 16.1, 22, 80, 34, 34.1};
	struct line_fit f;
	char out[8];

	(void)state;
	assert_int_equal(line_fit_make(&f, x, y, 8, LINE_ABSOLUTE, out, NULL), 0);
	assert_int_equal(f.left_out, 1);
	assert_int_equal(out[5], 1);
	near(f.per_item, 3, 0.05);
	y[4] = 80.1; /* both of that size */
	assert_int_equal(line_fit_make(&f, x, y, 8, LINE_ABSOLUTE, out, NULL), 0);
	assert_int_equal(f.left_out, 2);
	y[4] = y[5] = 22;
	y[6] = y[7] = 90; /* all of the largest: the points make no line */
	assert_int_equal(line_fit_make(&f, x, y, 8, LINE_ABSOLUTE, out, NULL), 0);
	assert_int_equal(f.left_out, 0);
	y[0] = y[2] = y[4] = 90; /* too many to be wrong */
	y[6] = y[7] = 34;
	assert_int_equal(line_fit_make(&f, x, y, 8, LINE_ABSOLUTE, out, NULL), 0);
	assert_int_equal(f.left_out, 0);
}

static void numbers_that_are_none_do_not_count(void **state)
{
	static const double x[] = {1, 2, NAN, 3, INFINITY, 4, -1};
	static const double y[] = {3, 5, 100, 7, 100, NAN, 100};
	struct line_fit f;

	(void)state;
	assert_int_equal(line_fit_make(&f, x, y, 7, LINE_ABSOLUTE, NULL, NULL), 0);
	assert_int_equal(f.n, 3);
	near(f.per_item, 2, 1e-12);
	assert_int_equal(line_fit_make(&f, x, y, 1, LINE_ABSOLUTE, NULL, NULL), ERR_LIMIT);
	assert_int_equal(f.sizes, 1);
	assert_int_equal(line_fit_make(&f, x, y, 0, LINE_RELATIVE, NULL, NULL), ERR_LIMIT);
	assert_int_equal(f.sizes, 0);
}

static void two_points_have_no_spread(void **state)
{
	static const double x[] = {1, 3}, y[] = {10, 20};
	struct line_fit f;

	(void)state;
	assert_int_equal(line_fit_make(&f, x, y, 2, LINE_ABSOLUTE, NULL, NULL), 0);
	near(f.per_item, 5, 1e-12);
	assert_true(isnan(f.lo) && isnan(f.hi) && isnan(f.spread));
	assert_true(isnan(line_fit_half(&f, 2, 1)));
}

static void many_points_are_a_line_too(void **state)
{
	static double x[3000], y[3000];
	struct line_fit f;
	int i;

	(void)state;
	seed = 1;
	for (i = 0; i < 3000; i++) {
		x[i] = 1 + i % 1000;
		y[i] = 1000 + 7 * x[i] + 10 * normal();
		if (i % 7 == 0)
			y[i] *= 3;
	}
	assert_int_equal(line_fit_make(&f, x, y, 3000, LINE_ABSOLUTE, NULL, NULL), 0);
	near(f.per_item, 7, 0.01);
	near(f.base, 1000, 3);
	assert_in_range(f.left_out, 428, 560);
}

/* 95 % intervals hold in 90 to 98 of 100: leaving points out makes them a little too narrow. */
static void intervals_hold(void **state)
{
	static const double sizes[] = {1, 1, 2, 2, 4, 4, 8, 8, 16, 16};
	int i, k, noise, held[2] = {0, 0}, new_held[2] = {0, 0};

	(void)state;
	seed = 2;
	for (noise = 0; noise < 2; noise++)
		for (i = 0; i < 1000; i++) {
			struct line_fit f;
			double y[10], fresh;

			for (k = 0; k < 10; k++) {
				double at = 100 + 20 * sizes[k];

				y[k] = at + (noise == LINE_RELATIVE ? 0.03 * at : 5) * normal();
			}
			assert_int_equal(
				line_fit_make(&f, sizes, y, 10, (enum line_noise)noise, NULL, NULL),
				0);
			held[noise] += f.lo <= 20 && f.hi >= 20;
			fresh = 260 + (noise == LINE_RELATIVE ? 0.03 * 260 : 5) * normal();
			new_held[noise] +=
				fabs(fresh - line_fit_at(&f, 8)) <= line_fit_half(&f, 8, 1);
		}
	print_message("slope held %d, %d of 1000; new points %d, %d\n", held[0], held[1],
		      new_held[0], new_held[1]);
	for (noise = 0; noise < 2; noise++) {
		assert_in_range(held[noise], 900, 985);
		assert_in_range(new_held[noise], 900, 985);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_on_a_line_give_it),
		cmocka_unit_test(intervals_are_those_of_student),
		cmocka_unit_test(neither_part_is_below_nothing),
		cmocka_unit_test(a_wrong_point_is_left_out),
		cmocka_unit_test(numbers_that_are_none_do_not_count),
		cmocka_unit_test(two_points_have_no_spread),
		cmocka_unit_test(many_points_are_a_line_too),
		cmocka_unit_test(intervals_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
