/* Looks: when they are due, what they spend, that borders hold what they promise for random walks, and when they stop. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "prof/analyze/bootstrap.h"
#include "prof/analyze/rank.h"
#include "prof/analyze/sequential.h"

static void near(double a, double b, double by)
{
	if (!(fabs(a - b) <= by))
		fail_msg("%.15g is not %.15g", a, b);
}

static size_t looks_of(size_t max, size_t *at)
{
	struct sequential s;
	size_t n, looks = 0;

	sequential_start(&s, max, 0, 0);
	for (n = 1; n <= max; n++)
		if (sequential_due(&s, n)) {
			sequential_look(&s, n);
			at[looks++] = n;
		}
	assert_int_equal(s.looks, looks);
	assert_true(s.last);
	return looks;
}

static void looks_come_a_third_later_each_time(void **state)
{
	static const size_t expected[] = {8, 11, 15, 20, 27, 36, 48, 60};
	size_t at[64], i;

	(void)state;
	assert_int_equal(looks_of(60, at), 8);
	for (i = 0; i < 8; i++)
		assert_int_equal(at[i], expected[i]);
	assert_int_equal(looks_of(5, at), 1);
	assert_int_equal(at[0], 5);
	assert_int_equal(looks_of(1, at), 1);
	assert_int_equal(looks_of(20, at), 4);
	assert_true(looks_of(10000, at) <= SEQUENTIAL_LOOKS);
}

/* Where pairs are set aside the next look waits for the next number; one that is passed is not made up for. */
static void a_number_is_looked_at_once(void **state)
{
	struct sequential s;

	(void)state;
	sequential_start(&s, 20, 0, 0);
	assert_true(!sequential_due(&s, 7));
	assert_true(sequential_due(&s, 8));
	sequential_look(&s, 8);
	assert_true(!sequential_due(&s, 8));
	sequential_look(&s, 8); /* no second look at the same */
	assert_int_equal(s.looks, 1);
	assert_true(sequential_due(&s, 25));
}

/* What all looks get, added up, is what was allowed. */
static void alpha_adds_up(void **state)
{
	size_t max, n;

	(void)state;
	for (max = 1; max < 200; max += 7) {
		struct sequential s;
		double sum = 0, least = 1;

		sequential_start(&s, max, 0.01, 0);
		for (n = 1; n <= max; n++) {
			if (!sequential_due(&s, n))
				continue;
			sequential_look(&s, n);
			assert_true(s.alpha_now > 0 && s.size_now > 0);
			least = rank_sum_least(n, n);
			if (least <= s.alpha_now) /* some test could use it */
				sum += s.alpha_now;
		}
		assert_true(sum <= 0.01 + 1e-15);
		if (least <= s.alpha_now) /* nothing is left */
			near(sum, 0.01, 1e-12);
	}
}

/* The first look of 8 of 60 pairs may spend 0.01 x (8 / 60)^3, less than the 1 of 12,870 that 8 and 8 can show: it is kept.
 * That of 8 of 20 can be used by the rank sum, if not by signed ranks: it is spent. */
static void what_cannot_be_used_is_kept(void **state)
{
	struct sequential s;

	(void)state;
	sequential_start(&s, 60, 0.01, 0.1);
	sequential_look(&s, 8);
	near(s.alpha_now, 0.01 * 8 * 8 * 8 / 216000, 1e-15);
	sequential_look(&s, 30);
	near(s.alpha_now, 0.01 * 0.125, 1e-15);
	sequential_start(&s, 20, 0.01, 0.1);
	sequential_look(&s, 8);
	near(s.alpha_now, 0.01 * 0.064, 1e-15);
	near(s.size_now, 0.1 * 0.16, 1e-12);
	assert_true(rank_sum_least(8, 8) <= s.alpha_now && s.alpha_now < rank_signed_least(8));
	sequential_look(&s, 15);
	near(s.alpha_now, 0.01 * (0.421875 - 0.064), 1e-15);
	sequential_look(&s, 20);
	near(s.alpha_now, 0.01 * (1 - 0.421875), 1e-15);
	assert_true(s.last);
	assert_true(s.size_now > 0.07 && s.size_now < 0.1); /* looks have much in common */
}

static double normal(struct dice *g)
{
	return sqrt(-2 * log(dice_uniform(g))) * cos(2 * M_PI * dice_uniform(g));
}

/* Random walks cross one of the borders of size as often as all looks together may err. */
static void borders_hold_for_random_walks(void **state)
{
	static const size_t maxima[] = {20, 40, 100};
	size_t m;

	(void)state;
	for (m = 0; m < 3; m++) {
		struct sequential s;
		struct dice g;
		double border[256];
		int trial, crossed = 0, trials = 20000;
		size_t n;

		dice_seed(&g, 3 + m);
		sequential_start(&s, maxima[m], 0, 0.1);
		for (n = 1; n <= maxima[m]; n++) {
			border[n] = INFINITY;
			if (!sequential_due(&s, n))
				continue;
			sequential_look(&s, n);
			if (rank_signed_least(n) <= s.size_now / 2)
				border[n] = rank_normal_quantile(s.size_now / 2);
		}
		for (trial = 0; trial < trials; trial++) {
			double sum = 0;

			for (n = 1; n <= maxima[m]; n++) {
				sum += normal(&g);
				if (sum > border[n] * sqrt((double)n))
					break;
			}
			crossed += n <= maxima[m];
		}
		near((double)crossed / trials, 0.05, 0.005);
	}
}

/* A single look is a test at the end. */
static void one_look_gets_everything(void **state)
{
	struct sequential s;

	(void)state;
	sequential_start(&s, 7, 0.02, 0.2);
	sequential_look(&s, 7);
	near(s.alpha_now, 0.02, 1e-15);
	near(s.size_now, 0.2, 1e-9);
	assert_true(s.last);
}

static void an_early_end_gets_what_is_left(void **state)
{
	struct sequential s;

	(void)state;
	sequential_start(&s, 40, 0.01, 0.1);
	sequential_look(&s, 20);
	near(s.alpha_now, 0.01 / 8, 1e-15);
	sequential_end(&s, 30);
	assert_true(s.last);
	assert_int_equal(s.n, 30);
	near(s.alpha_now, 0.01 * 7 / 8, 1e-15);
	sequential_end(&s, 31); /* once */
	assert_int_equal(s.n, 30);
	sequential_look(&s, 32);
	assert_int_equal(s.n, 30);
	sequential_start(&s, 0, 0, 0);
	assert_true(sequential_due(&s, 1));
	near(s.alpha, DECIDE_ALPHA, 0);
	near(s.size, DECIDE_SIZE, 0);
}

/* ---- stopping ---- */

static struct sequential at_look(size_t n, size_t max)
{
	struct sequential s;

	sequential_start(&s, max, 0, 0);
	sequential_look(&s, n);
	return s;
}

static void it_stops_when_it_knows(void **state)
{
	struct decision d[3] = {
		{.verdict = VERDICT_OK},
		{.verdict = VERDICT_IMPROVED},
		{.verdict = VERDICT_INCONCLUSIVE, .reason = DECIDE_SPREAD, .p = 0.2, .more = 5}};
	struct sequential early = at_look(8, 40), late = at_look(36, 40), last = at_look(40, 40);

	(void)state;
	assert_int_equal(sequential_stops(&early, d, 2), SEQUENTIAL_DECIDED);
	assert_int_equal(sequential_stops(&early, d, 3), SEQUENTIAL_GO_ON);
	assert_int_equal(sequential_stops(&last, d, 3), SEQUENTIAL_LAST);
	d[0].verdict = VERDICT_REGRESSION;
	assert_int_equal(sequential_stops(&early, d, 3), SEQUENTIAL_CHANGED);
	d[0].verdict = VERDICT_OK;
	d[2].more = 100;
	assert_int_equal(sequential_stops(&early, d, 3), SEQUENTIAL_GO_ON); /* rough, so early */
	assert_int_equal(sequential_stops(&late, d, 3), SEQUENTIAL_FUTILE);
	d[2].p = 0.01; /* a change is likely: that is worth all pairs */
	assert_int_equal(sequential_stops(&late, d, 3), SEQUENTIAL_GO_ON);
	d[2].p = 0.2;
	d[2].more = 10;
	assert_int_equal(sequential_stops(&late, d, 3), SEQUENTIAL_GO_ON);
	d[2].reason = DECIDE_ZERO_BASE; /* no number of pairs helps */
	assert_int_equal(sequential_stops(&early, d, 3), SEQUENTIAL_FUTILE);
	assert_int_equal(sequential_stops(&early, d, 0), SEQUENTIAL_DECIDED);
}

static void stages_hold_nothing_up_unless_they_likely_changed(void **state)
{
	struct decision d[2] = {
		{.verdict = VERDICT_OK, .whole = 1},
		{.verdict = VERDICT_INCONCLUSIVE, .reason = DECIDE_SPREAD, .p = 0.3, .more = 5}};
	struct sequential early = at_look(8, 40);

	(void)state;
	assert_int_equal(sequential_stops(&early, d, 2), SEQUENTIAL_DECIDED);
	d[1].p = 0.01;
	assert_int_equal(sequential_stops(&early, d, 2), SEQUENTIAL_GO_ON);
	d[1].p = 0.3;
	d[1].whole = 1;
	assert_int_equal(sequential_stops(&early, d, 2), SEQUENTIAL_GO_ON);
}

static void every_end_has_words(void **state)
{
	int e;

	(void)state;
	assert_string_equal(sequential_stop_text(SEQUENTIAL_GO_ON), "");
	for (e = SEQUENTIAL_CHANGED; e <= SEQUENTIAL_LAST; e++)
		assert_true(strlen(sequential_stop_text((enum sequential_stop)e)) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_come_a_third_later_each_time),
		cmocka_unit_test(a_number_is_looked_at_once),
		cmocka_unit_test(alpha_adds_up),
		cmocka_unit_test(what_cannot_be_used_is_kept),
		cmocka_unit_test(borders_hold_for_random_walks),
		cmocka_unit_test(one_look_gets_everything),
		cmocka_unit_test(an_early_end_gets_what_is_left),
		cmocka_unit_test(it_stops_when_it_knows),
		cmocka_unit_test(stages_hold_nothing_up_unless_they_likely_changed),
		cmocka_unit_test(every_end_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
