/* Changes of level: what is seen at once by eye is found, at the right place; what is none is not, and how often it is; the
 * rest is stated. Everything is seeded. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/analyze/change_point.h"
#include "prof/base/hash.h"

static struct change_work *work;
static const struct change_rule times = {.relative = 0.02, .alpha = 0.01};
static const struct change_rule counts = {.alpha = 0.01, .count = 1};

static int begin(void **state)
{
	(void)state;
	work = change_work_new();
	return work ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	change_work_free(work);
	return 0;
}

static void near(double a, double b, double by)
{
	if (!(fabs(a - b) <= by))
		fail_msg("%.9g is not %.9g", a, b);
}

/* ---- made noise ---- */

static uint64_t seed;
static double before; /* of noise whose neighbours are alike */

static double uniform(void)
{
	seed += 0x9e3779b97f4a7c15u;
	return ((double)(hash_u64(seed) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* One in ten is five times as far off. */
static double with_outliers(void)
{
	double v = normal();

	return uniform() < 0.1 ? 5 * v : v;
}

/* Never much less, now and then much more: as times of machines are. */
static double skewed(void)
{
	return exp(0.7 * normal()) - 1.28;
}

static double alike(void)
{
	before = 0.3 * before + sqrt(1 - 0.09) * normal();
	return before;
}

static struct change_series found;

static void find(const double *x, size_t n, const struct change_rule *rule)
{
	assert_int_equal(change_find(&found, x, NULL, n, rule, work, NULL), 0);
}

/* How many of `rounds` series of n values without a change (2 % noise) show one, or a drift. */
static int alarms(double (*noise)(void), size_t n, int rounds, int *drifts)
{
	double x[CHANGE_VALUES_MAX];
	int round, hits = 0;
	size_t i;

	*drifts = 0;
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < n; i++)
			x[i] = 100 * (1 + 0.02 * noise());
		find(x, n, &times);
		hits += found.n > 0;
		*drifts += found.drift.n > 0;
		change_release(&found);
	}
	return hits;
}

/* At 1 %: of 500 series 5 +- 4.5 (two standard deviations); neighbours that are alike cost up to 5 %. */
static void noise_is_seldom_a_change(void **state)
{
	static const struct {
		const char *name;
		double (*noise)(void);
		size_t n;
		int most;
	} kinds[] = {{"normal", normal, 12, 9},
		     {"normal", normal, 40, 9},
		     {"outliers", with_outliers, 24, 9},
		     {"skewed", skewed, 24, 9},
		     {"alike 0.3", alike, 24, 30}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int drifts, hits;

		seed = 100 + i;
		hits = alarms(kinds[i].noise, kinds[i].n, 500, &drifts);
		print_message("%s, %zu values: %.1f %% steps, %.1f %% drifts\n", kinds[i].name,
			      kinds[i].n, hits / 5.0, drifts / 5.0);
		assert_in_range(hits, 0, kinds[i].most);
		assert_in_range(drifts, 0, 12);
	}
}

/* ---- steps ---- */

/* 20 values, then `later` that are `more` higher: in how many of 100 the change is found within a place. */
static int power(double more, size_t later, double (*noise)(void))
{
	double x[CHANGE_VALUES_MAX];
	int round, hits = 0;
	size_t i, k;

	for (round = 0; round < 100; round++) {
		int hit = 0;

		for (i = 0; i < 20 + later; i++)
			x[i] = 100 * (i < 20 ? 1 : 1 + more) + 2 * noise();
		find(x, 20 + later, &times);
		for (k = 0; k < found.n; k++)
			hit |= found.points[k].at >= 19 && found.points[k].at <= 21;
		hits += hit;
		change_release(&found);
	}
	return hits;
}

static void steps_are_found_within_a_few_values(void **state)
{
	int four, six, ten;

	(void)state;
	seed = 200;
	four = power(0.05, 4, normal);
	six = power(0.05, 6, normal);
	ten = power(0.05, 10, normal);
	print_message("+5 %% in 2 %% noise, 4, 6, 10 values later: %d, %d, %d %%\n", four, six,
		      ten);
	assert_in_range(four, 40, 100);
	assert_in_range(six, 65, 100);
	assert_in_range(ten, 75, 100);
	assert_in_range(power(0.2, 4, skewed), 85, 100);
}

static void a_step_is_described(void **state)
{
	double x[30];
	size_t i;

	(void)state;
	seed = 300;
	for (i = 0; i < 30; i++)
		x[i] = (i < 18 ? 100 : 110) + normal();
	find(x, 30, &times);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.points[0].at, 18);
	near(found.points[0].before, 100, 1);
	near(found.points[0].after, 110, 1);
	near(found.points[0].change, 0.1, 0.015);
	assert_true(found.points[0].lo < 0.1 && found.points[0].hi > 0.1);
	assert_true(found.points[0].hi - found.points[0].lo < 0.03);
	assert_true(found.points[0].p <= 0.001 && !found.points[0].exact);
	assert_true(found.drift.n == 0);
	near(found.level, 110, 1);
	change_release(&found);
}

/* A regression, the repair, and something else. */
static void several_steps_are_found(void **state)
{
	double x[60];
	size_t i;

	(void)state;
	seed = 400;
	for (i = 0; i < 60; i++)
		x[i] = (i < 15 ? 100 : i < 28 ? 112 : i < 45 ? 100 : 92) + 1.5 * normal();
	find(x, 60, &times);
	assert_int_equal(found.n, 3);
	assert_in_range(found.points[0].at, 14, 16);
	assert_in_range(found.points[1].at, 27, 29);
	assert_in_range(found.points[2].at, 44, 46);
	assert_true(found.points[0].change > 0.09 && found.points[1].change < -0.08 &&
		    found.points[2].change < -0.05);
	change_release(&found);
}

static void one_value_far_off_is_no_change(void **state)
{
	double x[30];
	size_t at;

	(void)state;
	for (at = 0; at < 30; at++) {
		size_t i;

		seed = 500;
		for (i = 0; i < 30; i++)
			x[i] = 100 + normal();
		x[at] = 1000;
		find(x, 30, &times);
		assert_int_equal(found.n, 0);
		assert_int_equal(found.drift.n, 0);
		change_release(&found);
	}
}

static void what_does_not_matter_is_no_change(void **state)
{
	const struct change_rule coarse = {.relative = 0.15, .alpha = 0.01};
	const struct change_rule absolute = {.relative = 0.02, .absolute = 12, .alpha = 0.01};
	double x[30];
	size_t i;

	(void)state;
	seed = 600;
	for (i = 0; i < 30; i++)
		x[i] = (i < 15 ? 100 : 110) + normal();
	find(x, 30, &coarse);
	assert_int_equal(found.n, 0);
	find(x, 30, &absolute);
	assert_int_equal(found.n, 0);
	find(x, 30, &times);
	assert_int_equal(found.n, 1);
	change_release(&found);
}

/* ---- drift ---- */

static void a_drift_is_no_step(void **state)
{
	double x[40];
	size_t i;

	(void)state;
	seed = 700;
	for (i = 0; i < 40; i++)
		x[i] = 100 + 0.5 * (double)i + 1.5 * normal();
	find(x, 40, &times);
	assert_int_equal(found.n, 0);
	assert_int_equal(found.drift.n, 40);
	near(found.drift.change, 0.195, 0.03);
	assert_true(found.drift.lo < 0.195 && found.drift.hi > 0.195 && found.drift.p < 0.001);
	change_release(&found);
}

static void the_last_level_may_drift(void **state)
{
	double x[50];
	size_t i;

	(void)state;
	seed = 800;
	for (i = 0; i < 50; i++)
		x[i] = (i < 25 ? 100 : 140 + 0.5 * (double)(i - 25)) + normal();
	find(x, 50, &times);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.points[0].at, 25);
	assert_int_equal(found.drift.n, 25);
	assert_int_equal(found.drift.from, 25);
	near(found.drift.change, 12.0 / 140, 0.02);
	change_release(&found);
}

/* ---- counts ---- */

static void counts_that_do_not_vary_are_exact(void **state)
{
	double x[12];
	size_t i;

	(void)state;
	for (i = 0; i < 12; i++)
		x[i] = i < 11 ? 1000 : 1001; /* of the last commit alone */
	find(x, 12, &counts);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.points[0].at, 11);
	assert_true(found.points[0].exact && found.points[0].p <= 0);
	near(found.points[0].change, 0.001, 1e-12);
	near(found.points[0].lo, 0.001, 1e-12);
	change_release(&found);

	x[11] = 1000;
	x[5] = 7; /* one that stands alone */
	find(x, 12, &counts);
	assert_int_equal(found.n, 0);
	find(x, 4, &counts);
	assert_true(found.n == 0 && !found.too_few);
	find(x, 3, &counts);
	assert_true(found.too_few);
}

static void counts_that_vary_are_values(void **state)
{
	double x[24];
	size_t i;

	(void)state;
	seed = 900;
	for (i = 0; i < 24; i++)
		x[i] = floor((i < 12 ? 1000 : 1100) + 10 * uniform());
	find(x, 24, &counts);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.points[0].at, 12);
	assert_false(found.points[0].exact);
	change_release(&found);
}

/* A count that is zero has no relative change. */
static void from_nothing(void **state)
{
	double x[12];
	size_t i;

	(void)state;
	for (i = 0; i < 12; i++)
		x[i] = i < 6 ? 0 : 5;
	find(x, 12, &counts);
	assert_int_equal(found.n, 1);
	assert_true(isnan(found.points[0].change) && isnan(found.points[0].lo));
	near(found.points[0].after, 5, 0);
	change_release(&found);
}

/* ---- values ---- */

/* Six commits of four runs each; a change is between commits. */
static void levels_begin_with_a_commit(void **state)
{
	double x[24];
	uint32_t group[24];
	size_t i;

	(void)state;
	seed = 1000;
	for (i = 0; i < 24; i++) {
		group[i] = (uint32_t)(i / 4);
		x[i] = (i < 13 ? 100 : 115) + normal(); /* the first run of the fourth was lucky */
	}
	assert_int_equal(change_find(&found, x, group, 24, &times, work, NULL), 0);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.points[0].at, 12);
	change_release(&found);
	for (i = 0; i < 24; i++)
		group[i] = 7; /* all of one */
	assert_int_equal(change_find(&found, x, group, 24, &times, work, NULL), 0);
	assert_int_equal(found.n, 0);
}

static void places_are_those_of_all_values(void **state)
{
	double x[600];
	size_t i, k = 0;

	(void)state;
	seed = 1100;
	for (i = 0; i < 600; i++)
		x[i] = i % 3 == 0    ? (double)NAN
		       : i % 97 == 1 ? (double)INFINITY
				     : (i < 450 ? 100 : 120) + normal();
	find(x, 600, &times);
	assert_true(found.values > CHANGE_VALUES_MAX && found.values < 400);
	for (i = found.first; i < 600; i++)
		k += isfinite(x[i]) != 0;
	assert_int_equal(k, CHANGE_VALUES_MAX);
	assert_int_equal(found.n, 1);
	assert_in_range(found.points[0].at, 448, 451);
	change_release(&found);
}

static void too_few_say_nothing(void **state)
{
	static const double x[] = {1, 1, 1, 9, 9, 9, 9, 9, 9, NAN};

	(void)state;
	find(x, 10, &times);
	assert_true(found.too_few && found.n == 0 && found.values == 9);
	find(x, 0, &times);
	assert_true(found.too_few && isnan(found.level));
	find(x + 9, 1, &times);
	assert_true(found.too_few && found.values == 0);
}

static void equal_values_have_no_change(void **state)
{
	double x[40];
	size_t i;

	(void)state;
	for (i = 0; i < 40; i++)
		x[i] = 5;
	find(x, 40, &times);
	assert_true(found.n == 0 && found.drift.n == 0 && !found.too_few);
	for (i = 0; i < 40; i++)
		x[i] = i < 36 ? 5 : 6; /* more than half are equal: ranks */
	find(x, 40, &times);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.points[0].at, 36);
	change_release(&found);
}

static void the_same_gives_the_same(void **state)
{
	struct change_series first;
	double x[50];
	size_t i;

	(void)state;
	seed = 1200;
	for (i = 0; i < 50; i++)
		x[i] = (i < 25 ? 100 : 104) + 3 * normal();
	find(x, 50, &times);
	first = found;
	for (i = 0; i < 3; i++) {
		double other[20] = {0};

		find(other, 20, &times);
		change_release(&found);
	}
	find(x, 50, &times);
	assert_int_equal(found.n, first.n);
	assert_memory_equal(&found.step_p, &first.step_p, sizeof found.step_p);
	assert_memory_equal(found.points, first.points, found.n * sizeof *found.points);
	change_release(&found);
	change_release(&first);
}

/* ---- many series ---- */

/* 200 series of noise, 10 with a step: nearly all of these stay, and at most one in 20 of what stays is wrong. */
static void many_series_are_judged_together(void **state)
{
	static struct change_series all[210];
	struct change_series *list[210];
	int right = 0, wrong = 0;
	size_t i, k;

	(void)state;
	seed = 1300;
	for (k = 0; k < 210; k++) {
		double x[24];

		for (i = 0; i < 24; i++)
			x[i] = (k % 21 == 0 && i >= 14 ? 112 : 100) + 2 * normal();
		assert_int_equal(change_find(&all[k], x, NULL, 24, &times, work, NULL), 0);
		list[k] = &all[k];
	}
	assert_int_equal(change_judge(list, 210, 0.05), 0);
	for (k = 0; k < 210; k++) {
		right += k % 21 == 0 && all[k].n > 0;
		wrong += k % 21 != 0 && all[k].n > 0;
		for (i = 0; i < all[k].n; i++)
			assert_true(all[k].points[i].q <= 0.05);
		change_release(&all[k]);
	}
	print_message("of 10 series with a step %d stay, of 200 without %d\n", right, wrong);
	assert_in_range(right, 9, 10);
	assert_in_range(wrong, 0, 1);
	assert_int_equal(change_judge(list, 0, 0.05), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_is_seldom_a_change),
		cmocka_unit_test(steps_are_found_within_a_few_values),
		cmocka_unit_test(a_step_is_described),
		cmocka_unit_test(several_steps_are_found),
		cmocka_unit_test(one_value_far_off_is_no_change),
		cmocka_unit_test(what_does_not_matter_is_no_change),
		cmocka_unit_test(a_drift_is_no_step),
		cmocka_unit_test(the_last_level_may_drift),
		cmocka_unit_test(counts_that_do_not_vary_are_exact),
		cmocka_unit_test(counts_that_vary_are_values),
		cmocka_unit_test(from_nothing),
		cmocka_unit_test(levels_begin_with_a_commit),
		cmocka_unit_test(places_are_those_of_all_values),
		cmocka_unit_test(too_few_say_nothing),
		cmocka_unit_test(equal_values_have_no_change),
		cmocka_unit_test(the_same_gives_the_same),
		cmocka_unit_test(many_series_are_judged_together),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
