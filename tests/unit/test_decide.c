/* Decisions on one series: clear and doubtful changes, few runs, noisy pairs, drift. Counts and bad input are in
 * test_decide_input.c, error rates in test_decide_family.c. */
#include "tests/unit/decide_rig.h"

/* ---- words ---- */

static void every_verdict_and_reason_has_words(void **state)
{
	int i, k;

	(void)state;
	assert_string_equal(verdict_name(VERDICT_OK), "ok");
	assert_string_equal(verdict_name(VERDICT_IMPROVED), "improved");
	assert_string_equal(verdict_name(VERDICT_REGRESSION), "regression");
	assert_string_equal(verdict_name(VERDICT_INCONCLUSIVE), "inconclusive");
	assert_string_equal(decide_reason_text(DECIDE_DECIDED), "");
	for (i = 1; i < DECIDE_REASONS; i++) {
		assert_true(strlen(decide_reason_text((enum decide_reason)i)) > 10);
		for (k = 1; k < i; k++)
			assert_string_not_equal(decide_reason_text((enum decide_reason)i),
						decide_reason_text((enum decide_reason)k));
	}
}

/* ---- times ---- */

static void a_clear_change_is_told(void **state)
{
	(void)state;
	fill(N, 1e9, 1.1e9, 0.02);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	assert_int_equal(d.test, DECIDE_PAIRED);
	near(d.change, 0.1, 0.01);
	assert_true(d.lo > 0.09 && d.hi < 0.11 && d.lo < d.change && d.change < d.hi);
	near(d.p, ldexp(1, -N), 0);
	assert_true(d.worse == 1 && d.n_a == N && d.n_b == N && d.more == 0);
	near(d.alpha, DECIDE_ALPHA, 0);
	near(d.size, DECIDE_SIZE, 0);

	fill(N, 1e9, 0.9e9, 0.02);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_IMPROVED, DECIDE_DECIDED);
	assert_int_equal(d.worse, -1);

	fill(N, 1e9, 1.001e9, 0.02);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_OK, DECIDE_DECIDED);
}

static void throughput_is_worse_when_it_falls(void **state)
{
	(void)state;
	fill(N, 1e6, 0.9e6, 0.02);
	PAIRS(N, .relative = 0.02, .higher_is_better = 1);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	near(d.change, -0.1, 0.01);
	assert_int_equal(d.worse, 1);
	fill(N, 1e6, 1.1e6, 0.02);
	PAIRS(N, .relative = 0.02, .higher_is_better = 1);
	expect(VERDICT_IMPROVED, DECIDE_DECIDED);
}

/* A change is told from none, but not that it is more than what matters. */
static void a_change_near_the_smallest_that_matters_stays_open(void **state)
{
	(void)state;
	fill(N, 1e9, 1.015e9, 0.03);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_INCONCLUSIVE, DECIDE_SPREAD);
	assert_true(d.p < 0.001 && d.more > 0 && d.more <= DECIDE_MORE_MAX);
	PAIRS(N, .relative = 0.035);
	expect(VERDICT_OK, DECIDE_DECIDED);
}

static void both_minima_must_be_exceeded(void **state)
{
	(void)state;
	fill(N, 1e6, 1.5e6, 0.02); /* 0.5 ms more of 1 ms */
	PAIRS(N, .relative = 0.02, .absolute = 1e6);
	expect(VERDICT_OK, DECIDE_DECIDED);
	PAIRS(N, .relative = 0.02, .absolute = 1e5);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	PAIRS(N, .relative = 0.6, .absolute = 1e5);
	expect(VERDICT_OK, DECIDE_DECIDED);
	fill(N, 1e6, 0.5e6, 0.02); /* nothing can become faster by more than it takes */
	PAIRS(N, .relative = 0.02, .absolute = 2e6);
	expect(VERDICT_OK, DECIDE_DECIDED);
}

/* The same data with the sides swapped says the opposite. */
static void sides_are_treated_alike(void **state)
{
	double swap[N], lo, hi, p;
	int round;

	(void)state;
	for (round = 0; round < 20; round++) {
		enum verdict v;

		fill(N, 1e9, 1e9 * (0.9 + 0.01 * round), 0.1);
		PAIRS(N, .relative = 0.02);
		lo = d.lo;
		hi = d.hi;
		p = d.p;
		v = d.verdict;
		memcpy(swap, a, sizeof(swap));
		memcpy(a, b, sizeof(swap));
		memcpy(b, swap, sizeof(swap));
		PAIRS(N, .relative = 0.02);
		near(d.p, p, 1e-15);
		near((1 + d.lo) * (1 + hi), 1, 0.02); /* but for what is drawn */
		near((1 + d.hi) * (1 + lo), 1, 0.02);
		if (v == VERDICT_REGRESSION)
			assert_true(d.verdict != VERDICT_REGRESSION);
		if (v == VERDICT_IMPROVED)
			assert_true(d.verdict != VERDICT_IMPROVED);
	}
}

static void it_is_deterministic(void **state)
{
	struct decision first;
	struct decide_scratch other = {0};

	(void)state;
	fill(N, 1e9, 1.03e9, 0.1);
	PAIRS(N, .relative = 0.02);
	first = d;
	judge(100, 100, 0, 0, (struct decide_rule){0}); /* the room was used for something else */
	PAIRS(N, .relative = 0.02);
	assert_true(d.lo <= first.lo && d.lo >= first.lo && d.hi <= first.hi && d.hi >= first.hi);
	decide(&d, &(struct decide_series){a, b, N, N, 1, 0},
	       &(struct decide_rule){.relative = 0.02}, &other);
	assert_true(d.lo <= first.lo && d.lo >= first.lo && d.hi <= first.hi && d.hi >= first.hi);
	decide_scratch_release(&other);
	assert_null(other.values);
}

/* ---- few runs ---- */

static void few_pairs_are_judged_as_two_groups(void **state)
{
	size_t n;

	(void)state;
	fill(N, 1e9, 2e9, 0.02);
	for (n = 2; n < 5; n++) {
		PAIRS(n, .relative = 0.02);
		expect(VERDICT_INCONCLUSIVE, DECIDE_FEW_RUNS);
		assert_int_equal(d.more, 5 - n);
		assert_int_equal(d.test, DECIDE_TWO_SAMPLE);
	}
	for (n = 5; n < 14; n++) {
		PAIRS(n, .relative = 0.02);
		expect(VERDICT_REGRESSION, DECIDE_DECIDED);
		assert_int_equal(d.test, n < DECIDE_PAIRS_MIN ? DECIDE_TWO_SAMPLE : DECIDE_PAIRED);
		assert_true(d.paired);
	}
	PAIRS(1, .relative = 0.02);
	expect(VERDICT_INCONCLUSIVE, DECIDE_ONE_RUN);
	near(d.change, b[0] / a[0] - 1, 1e-12);
	assert_true(isnan(d.lo) && isnan(d.hi));
	assert_int_equal(d.more, 4);
	judge(1, 9, 0, 1, (struct decide_rule){.relative = 0.02});
	expect(VERDICT_INCONCLUSIVE, DECIDE_ONE_RUN);
}

static void groups_of_unequal_size(void **state)
{
	(void)state;
	fill(N, 1e9, 1.2e9, 0.02);
	judge(3, 17, 0, 1, (struct decide_rule){.relative = 0.02});
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	assert_int_equal(d.n_a, 3);
	assert_int_equal(d.n_b, 17);
	judge(3, 17, 1, 0, (struct decide_rule){.relative = 0.02}); /* no pairs, whatever is said */
	assert_int_equal(d.test, DECIDE_TWO_SAMPLE);
	judge(2, 3, 0, 1, (struct decide_rule){.relative = 0.02});
	expect(VERDICT_INCONCLUSIVE, DECIDE_FEW_RUNS);
}

/* A smaller error asks for more pairs: 1 of 252 for 5 and 5, 1 of 924, 1 of 3,432. */
static void smaller_errors_need_more_pairs(void **state)
{
	(void)state;
	fill(N, 1e9, 2e9, 0.02);
	PAIRS(6, .relative = 0.02, .alpha = 0.001);
	expect(VERDICT_INCONCLUSIVE, DECIDE_FEW_RUNS);
	assert_int_equal(d.more, 1);
	PAIRS(7, .relative = 0.02, .alpha = 0.001);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
}

/* As many more pairs as were said mostly decide. */
static void more_pairs_decide_as_foretold(void **state)
{
	int round, open = 0, decided = 0;

	(void)state;
	dice_seed(&dice, 9);
	for (round = 0; round < 60; round++) {
		size_t i, n = 10;

		for (i = 0; i < 256; i++) {
			a[i] = exp(0.1 * (dice_uniform(&dice) + dice_uniform(&dice)));
			b[i] = 1.05 * exp(0.1 * (dice_uniform(&dice) + dice_uniform(&dice)));
		}
		PAIRS(n, .relative = 0.025);
		if (d.verdict != VERDICT_INCONCLUSIVE || d.more == 0)
			continue;
		open++;
		n += d.more;
		assert_true(n < 256);
		PAIRS(n, .relative = 0.025);
		decided += d.verdict == VERDICT_REGRESSION;
	}
	assert_true(open > 10);
	assert_true(decided * 10 > open * 6);
}

static void what_is_too_noisy_is_called_so(void **state)
{
	size_t i;

	(void)state;
	dice_seed(&dice, 3);
	for (i = 0; i < N; i++) {
		a[i] = exp(3 * dice_uniform(&dice));
		b[i] = exp(3 * dice_uniform(&dice));
	}
	PAIRS(N, .relative = 0.001);
	expect(VERDICT_INCONCLUSIVE, DECIDE_NOISY);
	assert_int_equal(d.more, 0);
}

/* ---- noisy pairs ---- */

static void a_pair_far_off_is_rejected(void **state)
{
	(void)state;
	fill(N, 1e9, 1e9, 0.02);
	b[5] *= 3;
	a[11] *= 2;
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_OK, DECIDE_DECIDED);
	assert_int_equal(d.rejected, 2);
	assert_int_equal(d.n_a, N - 2);
	judge(N, N, 0, 1, (struct decide_rule){.relative = 0.02});
	assert_int_equal(d.rejected, 2);
}

/* Where all the far ones are slow candidates, they may be what changed. */
static void pairs_far_off_to_one_side_are_kept(void **state)
{
	(void)state;
	fill(N, 1e9, 1e9, 0.02);
	b[5] *= 3;
	b[9] *= 3;
	b[14] *= 3;
	PAIRS(N, .relative = 0.02);
	assert_int_equal(d.rejected, 0);
	judge(N, N, 0, 1, (struct decide_rule){.relative = 0.02});
	assert_int_equal(d.rejected, 0);
	a[1] *= 3; /* one of the other side too: noise */
	PAIRS(N, .relative = 0.02);
	assert_int_equal(d.rejected, 4);
}

static void many_far_off_are_no_outliers(void **state)
{
	size_t i;

	(void)state;
	fill(N, 1e9, 1e9, 0.02);
	for (i = 0; i < 6; i++)
		(i % 2 ? a : b)[3 * i] *= 4;
	PAIRS(N, .relative = 0.001);
	assert_int_equal(d.rejected, 0);
	expect(VERDICT_INCONCLUSIVE, DECIDE_OUTLIERS);
}

/* ---- groups that ran one after the other ---- */

static void what_drifts_is_no_change(void **state)
{
	size_t i;

	(void)state;
	fill(N, 1e9, 1e9, 0.01);
	for (i = 0; i < N; i++) { /* the machine slows down all the time */
		a[i] *= 1 + 0.005 * (double)i;
		b[i] *= 1 + 0.005 * (double)(N + i);
	}
	judge(N, N, 0, 0, (struct decide_rule){.relative = 0.02});
	expect(VERDICT_INCONCLUSIVE, DECIDE_DRIFT);
	near(d.drift, 0.09, 0.02);
	judge(N, N, 0, 1, (struct decide_rule){.relative = 0.02}); /* were they mixed, it was one */
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	near(d.drift, 0, 0);
}

static void a_jump_between_groups_that_do_not_drift_is_one(void **state)
{
	(void)state;
	fill(N, 1e9, 1.1e9, 0.02);
	judge(N, N, 0, 0, (struct decide_rule){.relative = 0.02});
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	assert_true(d.drift < 0.02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_and_reason_has_words),
		cmocka_unit_test(a_clear_change_is_told),
		cmocka_unit_test(throughput_is_worse_when_it_falls),
		cmocka_unit_test(a_change_near_the_smallest_that_matters_stays_open),
		cmocka_unit_test(both_minima_must_be_exceeded),
		cmocka_unit_test(sides_are_treated_alike),
		cmocka_unit_test(it_is_deterministic),
		cmocka_unit_test(few_pairs_are_judged_as_two_groups),
		cmocka_unit_test(groups_of_unequal_size),
		cmocka_unit_test(smaller_errors_need_more_pairs),
		cmocka_unit_test(more_pairs_decide_as_foretold),
		cmocka_unit_test(what_is_too_noisy_is_called_so),
		cmocka_unit_test(a_pair_far_off_is_rejected),
		cmocka_unit_test(pairs_far_off_to_one_side_are_kept),
		cmocka_unit_test(many_far_off_are_no_outliers),
		cmocka_unit_test(what_drifts_is_no_change),
		cmocka_unit_test(a_jump_between_groups_that_do_not_drift_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
