/* Decisions on one series: what counts say, what few runs cannot say, bad input, noisy pairs, drift. How often they err
 * is in test_decide_noise.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "prof/analyze/bootstrap.h"
#include "prof/analyze/decide.h"

#define N 20

static struct decide_scratch scratch;
static struct decision d;
static struct dice dice;
static double a[256], b[256];

static void near(double x, double y, double by)
{
	if (!(fabs(x - y) <= by))
		fail_msg("%.15g is not %.15g", x, y);
}

static void judge(size_t n_a, size_t n_b, int paired, int mixed, struct decide_rule r)
{
	assert_int_equal(
		decide(&d, &(struct decide_series){a, b, n_a, n_b, paired, mixed}, &r, &scratch),
		0);
}

#define PAIRS(n, ...)     judge(n, n, 1, 0, (struct decide_rule){__VA_ARGS__})
#define COUNTS(m, n, ...) judge(m, n, 0, 1, (struct decide_rule){.count = 1, __VA_ARGS__})

static void expect(enum verdict verdict, enum decide_reason reason)
{
	if (d.verdict != verdict || d.reason != reason)
		fail_msg("%s, %s (%d): change %g [%g, %g] p %g", verdict_name(d.verdict),
			 decide_reason_text(d.reason), d.reason, d.change, d.lo, d.hi, d.p);
}

/* n runs of each side around `base` and `candidate`, that differ by `spread`. */
static void fill(size_t n, double base, double candidate, double spread)
{
	size_t i;

	dice_seed(&dice, 5);
	for (i = 0; i < n; i++) {
		a[i] = base * (1 + spread * (dice_uniform(&dice) - 0.5));
		b[i] = candidate * (1 + spread * (dice_uniform(&dice) - 0.5));
	}
}

static void same(double *v, size_t n, double value)
{
	while (n--)
		v[n] = value;
}

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
	for (n = 5; n < 9; n++) {
		PAIRS(n, .relative = 0.02);
		expect(VERDICT_REGRESSION, DECIDE_DECIDED);
		assert_int_equal(d.test, n < DECIDE_PAIRS_MIN ? DECIDE_TWO_SAMPLE : DECIDE_PAIRED);
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

/* A smaller error asks for more pairs: 2^-10 is the first below 0.001. */
static void smaller_errors_need_more_pairs(void **state)
{
	(void)state;
	fill(N, 1e9, 2e9, 0.02);
	PAIRS(9, .relative = 0.02, .alpha = 0.001);
	expect(VERDICT_INCONCLUSIVE, DECIDE_FEW_RUNS);
	assert_int_equal(d.more, 1);
	PAIRS(10, .relative = 0.02, .alpha = 0.001);
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

/* ---- counts ---- */

static void counts_that_do_not_vary_are_exact(void **state)
{
	(void)state;
	same(a, 5, 1000);
	same(b, 5, 1010);
	COUNTS(5, 5, .relative = 0.005);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	assert_int_equal(d.test, DECIDE_EXACT);
	near(d.change, 0.01, 1e-15);
	near(d.lo, 0.01, 1e-15);
	near(d.p, 0, 0);
	COUNTS(5, 5, .relative = 0.01); /* up to that does not matter */
	expect(VERDICT_OK, DECIDE_DECIDED);
	near(d.p, 1, 0);
	COUNTS(5, 5, .relative = 0.001, .absolute = 10);
	expect(VERDICT_OK, DECIDE_DECIDED);
	COUNTS(5, 5, .absolute = 9);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	COUNTS(5, 5, .higher_is_better = 1);
	expect(VERDICT_IMPROVED, DECIDE_DECIDED);
	same(b, 5, 999);
	COUNTS(5, 5);
	expect(VERDICT_IMPROVED, DECIDE_DECIDED);
	same(b, 5, 1000);
	COUNTS(5, 5);
	expect(VERDICT_OK, DECIDE_DECIDED);
	near(d.change, 0, 0);
}

static void one_percent_of_a_count_is_always_found(void **state)
{
	double base;

	(void)state;
	for (base = 100; base < 1e15; base *= 7.3) {
		a[0] = floor(base);
		b[0] = ceil(a[0] * 1.01);
		COUNTS(1, 1, .relative = 0.005);
		expect(VERDICT_REGRESSION, DECIDE_ONE_COUNT);
		assert_true(strstr(decide_reason_text(d.reason), "not known") != NULL);
		COUNTS(1, 1, .relative = 0.05);
		expect(VERDICT_OK, DECIDE_ONE_COUNT);
	}
}

/* A count that varies by far less than what matters is compared by its extremes. */
static void steady_counts_are_exact(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		a[i] = 100000 + (double)(i % 2);
		b[i] = 101100 + (double)(i % 2);
	}
	COUNTS(4, 4, .relative = 0.01);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	assert_int_equal(d.test, DECIDE_EXACT);
	assert_true(d.lo < d.change && d.change < d.hi);
	same(b, 4, 100003);
	COUNTS(4, 4, .relative = 0.01);
	expect(VERDICT_OK, DECIDE_DECIDED);
	assert_int_equal(d.test, DECIDE_EXACT);
	COUNTS(2, 2, .relative = 0.01); /* two runs do not show that it is steady */
	expect(VERDICT_INCONCLUSIVE, DECIDE_FEW_RUNS);
	same(b, 4, 101001); /* 1 % is between the extremes */
	COUNTS(4, 4, .relative = 0.01);
	assert_int_equal(d.test, DECIDE_TWO_SAMPLE);
}

static void counts_that_vary_are_judged_as_times(void **state)
{
	(void)state;
	fill(N, 1000, 1100, 0.05);
	COUNTS(N, N, .relative = 0.001);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	assert_int_equal(d.test, DECIDE_TWO_SAMPLE);
	fill(N, 1000, 1000, 0.002); /* less than half a percent cannot matter where it varies */
	COUNTS(N, N);
	expect(VERDICT_OK, DECIDE_DECIDED);
	a[0] = 1000;
	b[0] = 1001;
	b[1] = 1002;
	COUNTS(1, 2);
	expect(VERDICT_INCONCLUSIVE, DECIDE_ONE_RUN);
}

/* ---- bad input ---- */

static void a_base_of_zero(void **state)
{
	(void)state;
	same(a, N, 0);
	same(b, N, 0);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_OK, DECIDE_DECIDED);
	near(d.change, 0, 0);
	COUNTS(3, 3);
	expect(VERDICT_OK, DECIDE_DECIDED);
	same(b, N, 7);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_INCONCLUSIVE, DECIDE_ZERO_BASE);
	assert_true(isnan(d.change) && isnan(d.lo));
	PAIRS(N, .relative = 0.02, .absolute = 7);
	expect(VERDICT_OK, DECIDE_DECIDED);
	assert_true(isnan(d.change));
	PAIRS(N, .relative = 0.02, .absolute = 6);
	expect(VERDICT_INCONCLUSIVE, DECIDE_ZERO_BASE);
}

/* Of exact counts a rise from nothing has no relative change, but it is one. */
static void a_count_that_rises_from_zero_is_open(void **state)
{
	(void)state;
	same(a, 3, 0);
	same(b, 3, 7);
	COUNTS(3, 3, .relative = 0.01);
	expect(VERDICT_INCONCLUSIVE, DECIDE_ZERO_BASE);
	COUNTS(3, 3, .relative = 0.01, .absolute = 10);
	expect(VERDICT_OK, DECIDE_DECIDED);
	near(d.base, 0, 0);
	near(d.candidate, 7, 0);
}

static void missing_values_leave_their_pair_out(void **state)
{
	(void)state;
	fill(N, 1e9, 1.1e9, 0.02);
	a[3] = NAN;
	b[7] = NAN;
	b[3] = NAN;
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	assert_int_equal(d.n_a, N - 2);
	judge(N, N, 0, 1, (struct decide_rule){.relative = 0.02});
	assert_int_equal(d.n_a, N - 1);
	assert_int_equal(d.n_b, N - 2);
	same(b, N, NAN);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_INCONCLUSIVE, DECIDE_NO_CANDIDATE);
	assert_true(isnan(d.candidate) && !isnan(d.base));
	same(a, N, NAN);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_INCONCLUSIVE, DECIDE_NO_BASE);
	judge(0, 0, 0, 0, (struct decide_rule){0});
	expect(VERDICT_INCONCLUSIVE, DECIDE_NO_BASE);
	judge(0, 0, 1, 0, (struct decide_rule){.count = 1});
	expect(VERDICT_INCONCLUSIVE, DECIDE_NO_BASE);
	fill(N, 1, 1, 0); /* no pair is whole, but both sides have runs */
	same(a, N / 2, NAN);
	same(b + N / 2, N / 2, NAN);
	PAIRS(N, .relative = 0.02);
	assert_int_equal(d.n_a, N / 2);
	assert_int_equal(d.test, DECIDE_TWO_SAMPLE);
}

static void infinite_and_huge_values(void **state)
{
	(void)state;
	fill(N, 1e9, 1e9, 0.02);
	b[4] = INFINITY;
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_INCONCLUSIVE, DECIDE_NOT_FINITE);
	COUNTS(N, N);
	expect(VERDICT_INCONCLUSIVE, DECIDE_NOT_FINITE);
	fill(N, 1e307, 1.1e307, 0.02);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	near(d.base / 1e307, 1, 0.02);
	fill(N, 1e-300, 1.1e-300, 0.02);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	same(a, N, 1e-300); /* differences of such a size, as parts of the base, are not numbers */
	same(b, N, -1e300);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_INCONCLUSIVE, DECIDE_NOT_FINITE);
}

static void negative_values_are_compared_by_differences(void **state)
{
	(void)state;
	fill(N, -100, -90, 0.02); /* 10 % of the base more */
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	near(d.change, 0.1, 0.01);
	fill(N, 100, 110, 0.02);
	a[0] = 0; /* one value without a logarithm */
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	near(d.change, 0.1, 0.02);
}

static void values_that_are_all_equal(void **state)
{
	(void)state;
	same(a, N, 5);
	same(b, N, 5);
	PAIRS(N, .relative = 0.02);
	expect(VERDICT_OK, DECIDE_DECIDED);
	near(d.p, 1, 0);
	near(d.lo, 0, 0);
	near(d.hi, 0, 0);
	PAIRS(N); /* every change matters, and there is none */
	expect(VERDICT_OK, DECIDE_DECIDED);
	same(b, N, 6);
	PAIRS(N);
	expect(VERDICT_REGRESSION, DECIDE_DECIDED);
	near(d.change, 0.2, 1e-12);
}

static void without_a_minimum_no_change_cannot_be_shown(void **state)
{
	(void)state;
	fill(N, 1e9, 1e9, 0.02);
	PAIRS(N);
	expect(VERDICT_INCONCLUSIVE, DECIDE_NO_MINIMUM);
	PAIRS(N, .relative = -1, .absolute = NAN);
	expect(VERDICT_INCONCLUSIVE, DECIDE_NO_MINIMUM);
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

static int release(void **state)
{
	(void)state;
	decide_scratch_release(&scratch);
	return 0;
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
		cmocka_unit_test(counts_that_do_not_vary_are_exact),
		cmocka_unit_test(one_percent_of_a_count_is_always_found),
		cmocka_unit_test(steady_counts_are_exact),
		cmocka_unit_test(counts_that_vary_are_judged_as_times),
		cmocka_unit_test(a_base_of_zero),
		cmocka_unit_test(a_count_that_rises_from_zero_is_open),
		cmocka_unit_test(missing_values_leave_their_pair_out),
		cmocka_unit_test(infinite_and_huge_values),
		cmocka_unit_test(negative_values_are_compared_by_differences),
		cmocka_unit_test(values_that_are_all_equal),
		cmocka_unit_test(without_a_minimum_no_change_cannot_be_shown),
		cmocka_unit_test(a_pair_far_off_is_rejected),
		cmocka_unit_test(pairs_far_off_to_one_side_are_kept),
		cmocka_unit_test(many_far_off_are_no_outliers),
		cmocka_unit_test(what_drifts_is_no_change),
		cmocka_unit_test(a_jump_between_groups_that_do_not_drift_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
