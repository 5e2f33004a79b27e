/* Tests of least squares with and without signs, and of power laws: against brute force and known truth. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/nnls.h"
#include "prof/analyze/power.h"
#include "tests/unit/model_rig.h"

static void near(double a, double b, double by)
{
	if (!(fabs(a - b) <= by))
		fail_msg("%.12g is not %.12g", a, b);
}

/* The best of all choices of columns whose solution has no negative value. */
static double brute(const struct nnls *m)
{
	double best = INFINITY, x[NNLS_COLUMNS], rss;
	unsigned use;
	size_t j;

	for (use = 0; use < 1u << m->columns; use++) {
		int fine = 1;

		nnls_solve_free(m, use, x, &rss);
		for (j = 0; j < m->columns; j++)
			fine &= x[j] >= 0;
		if (fine && rss < best)
			best = rss;
	}
	return best;
}

static void solves_as_brute_force_does(void **state)
{
	uint64_t seed = 1;
	int round;

	(void)state;
	for (round = 0; round < 3000; round++) {
		size_t columns = 1 + (size_t)(rig_uniform(&seed) * 6);
		size_t rows = 1 + (size_t)(rig_uniform(&seed) * 12), i, j;
		double row[NNLS_COLUMNS], x[NNLS_COLUMNS], rss;
		struct nnls m;
		unsigned active;

		nnls_init(&m, columns);
		for (i = 0; i < rows; i++) {
			for (j = 0; j < columns; j++)
				row[j] = round % 3 ? rig_uniform(&seed) : rig_normal(&seed);
			if (round % 5 == 0 && columns > 1)
				row[1] = 2 * row[0];
			nnls_add(&m, row, rig_normal(&seed) + 0.5);
		}
		active = nnls_solve(&m, x, &rss);
		for (j = 0; j < columns; j++) {
			assert_true(x[j] >= 0);
			assert_int_equal(x[j] > 0, active >> j & 1);
		}
		if (!(rss <= brute(&m) * (1 + 1e-9) + 1e-12))
			fail_msg("round %d: %.15g, not %.15g", round, rss, brute(&m));
	}
}

static void exact_systems_are_solved(void **state)
{
	const double truth[] = {3, 0, 0.25};
	double x[3], rss;
	struct nnls m;
	uint64_t seed = 2;
	size_t i;

	(void)state;
	nnls_init(&m, 3);
	for (i = 0; i < 20; i++) {
		const double row[] = {1, rig_uniform(&seed), 1e6 * rig_uniform(&seed)};

		nnls_add(&m, row, truth[0] * row[0] + truth[2] * row[2]);
	}
	nnls_solve(&m, x, &rss);
	near(x[0], 3, 1e-8);
	near(x[1], 0, 1e-7);
	near(x[2], 0.25, 1e-13);
}

static void nothing_to_solve(void **state)
{
	double x[2], rss;
	const double zero[] = {0, 0};
	struct nnls m;

	(void)state;
	nnls_init(&m, 2);
	assert_int_equal(nnls_solve(&m, x, &rss), 0);
	near(x[0] + x[1] + rss, 0, 0);
	nnls_add(&m, zero, 5);
	assert_int_equal(nnls_solve(&m, x, &rss), 0);
	near(rss, 25, 1e-12);
}

/* Variances of a line through 0, 1, 2: (X'X)^-1 = [5/6 -1/2; -1/2 1/2]. */
static void inverse_of_a_line(void **state)
{
	double inverse[NNLS_COLUMNS][NNLS_COLUMNS];
	struct nnls m;
	int i;

	(void)state;
	nnls_init(&m, 2);
	for (i = 0; i < 3; i++) {
		const double row[] = {1, i};

		nnls_add(&m, row, 1);
	}
	nnls_inverse(&m, 3, inverse);
	near(inverse[0][0], 5.0 / 6, 1e-12);
	near(inverse[0][1], -0.5, 1e-12);
	near(inverse[1][0], -0.5, 1e-12);
	near(inverse[1][1], 0.5, 1e-12);
	nnls_inverse(&m, 2, inverse);
	near(inverse[1][1], 0.2, 1e-12);
	near(inverse[0][0], 0, 0);
}

/* ---- power laws ---- */

static void exponents_are_found(void **state)
{
	double x[40][2], y[40];
	struct power_fit f;
	uint64_t seed = 3;
	int i;

	(void)state;
	for (i = 0; i < 40; i++) {
		x[i][0] = 100 * (1 + 20 * rig_uniform(&seed));
		x[i][1] = 10 * (1 + 9 * rig_uniform(&seed));
		y[i] = 7 * pow(x[i][0], 1.5) * x[i][1] * exp(0.03 * rig_normal(&seed));
	}
	power_fit(&f, x[0], y, 40, 2, 1, 0.95);
	assert_int_equal(f.fitted, 2);
	near(f.params[0].exponent, 1.5, 0.03);
	near(f.params[1].exponent, 1, 0.03);
	assert_true(f.params[0].lo < f.params[0].exponent && f.params[0].hi > f.params[0].exponent);
	assert_true(f.params[0].hi - f.params[0].lo < 0.06);
	near(f.s, 0.03, 0.01);
	near(f.constant, log(7), 0.15);
	assert_true(f.r2 > 0.99);
}

static void intervals_of_exponents_hold_what_they_promise(void **state)
{
	uint64_t seed = 4;
	int round, i, inside = 0;

	(void)state;
	for (round = 0; round < 2000; round++) {
		double x[8], y[8];
		struct power_fit f;

		for (i = 0; i < 8; i++) {
			x[i] = 1 << i;
			y[i] = x[i] * exp(0.1 * rig_normal(&seed));
		}
		power_fit(&f, x, y, 8, 1, 1, 0.95);
		inside += f.params[0].lo <= 1 && f.params[0].hi >= 1;
	}
	if (inside < 1870 || inside > 1930) /* 1900, three standard deviations */
		fail_msg("%d of 2000 intervals of 95 %%", inside);
}

static void tied_and_constant_ones_are_named(void **state)
{
	double x[20][4], y[20];
	struct power_fit f;
	uint64_t seed = 5;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		x[i][0] = 5;
		x[i][1] = 100 * (i + 1);
		x[i][2] = 3 * pow(x[i][1], 2) * (1 + 0.01 * rig_normal(&seed));
		x[i][3] = 1 + rig_uniform(&seed) * 9;
		y[i] = x[i][1] * x[i][3];
	}
	power_fit(&f, x[0], y, 20, 4, 1, 0.95);
	assert_int_equal(f.params[0].state, POWER_CONSTANT);
	assert_int_equal(f.params[1].state, POWER_FITTED);
	assert_int_equal(f.params[2].state, POWER_TIED);
	assert_int_equal(f.params[2].with, 1);
	assert_int_equal(f.params[3].state, POWER_FITTED);
	assert_true(isnan(f.params[0].exponent) && isnan(f.params[2].exponent));
	near(f.params[1].exponent, 1, 1e-9);
}

/* z is x times y: neither alone gives it, both together do. */
static void three_tied_ones(void **state)
{
	double x[30][3];
	struct power_fit f;
	uint64_t seed = 6;
	int i;

	(void)state;
	for (i = 0; i < 30; i++) {
		x[i][0] = 1 + 99 * rig_uniform(&seed);
		x[i][1] = 1 + 99 * rig_uniform(&seed);
		x[i][2] = x[i][0] * x[i][1];
	}
	power_identify(&f, x[0], 30, 3);
	assert_int_equal(f.params[1].state, POWER_FITTED);
	assert_int_equal(f.params[2].state, POWER_TIED);
}

static void too_few_or_none(void **state)
{
	const double x[] = {1, 2, 4, 0, NAN, -1, INFINITY}, y[] = {1, 2, 4, 1, 1, 1, 1};
	struct power_fit f;

	(void)state;
	power_fit(&f, x, y, 0, 1, 1, 0.95);
	assert_int_equal(f.params[0].state, POWER_CONSTANT);
	power_fit(&f, x, y, 1, 1, 1, 0.95);
	assert_int_equal(f.params[0].state, POWER_CONSTANT);
	power_fit(&f, x, y, 2, 1, 1, 0.95);
	near(f.params[0].exponent, 1, 1e-12);
	assert_true(isnan(f.params[0].lo) && isnan(f.s));
	power_fit(&f, x, y, 7, 1, 1, 0.95);
	assert_int_equal(f.used, 3);
	near(f.params[0].exponent, 1, 1e-12);
	power_fit(&f, x, y, 3, 1, 3, 0.95); /* three observations as good as one */
	assert_true(isnan(f.params[0].lo));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(solves_as_brute_force_does),
		cmocka_unit_test(exact_systems_are_solved),
		cmocka_unit_test(nothing_to_solve),
		cmocka_unit_test(inverse_of_a_line),
		cmocka_unit_test(exponents_are_found),
		cmocka_unit_test(intervals_of_exponents_hold_what_they_promise),
		cmocka_unit_test(tied_and_constant_ones_are_named),
		cmocka_unit_test(three_tied_ones),
		cmocka_unit_test(too_few_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
