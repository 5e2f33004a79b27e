/* Decisions on counts, and on input that cannot be judged: zero, missing, infinite, huge, negative, equal. */
#include "tests/unit/decide_rig.h"

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
	/* The text promises no more than that. */
	assert_non_null(strstr(decide_reason_text(d.reason), "where so much does not matter"));
}

/* Of exact counts a rise from nothing has no relative change, but it is one. */
static void a_count_that_rises_from_zero_is_open(void **state)
{
	(void)state;
	same(a, 3, 0);
	same(b, 3, 7);
	COUNTS(3, 3, .relative = 0.01);
	expect(VERDICT_INCONCLUSIVE, DECIDE_ZERO_BASE);
	COUNTS(3, 3, .relative = 0.01, .absolute = 6);
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

static double any_number(int kind)
{
	static const double odd[] = {NAN, INFINITY, -INFINITY, 0, 1e308, -1e308, 5e-324, -3};

	switch (kind) {
	case 0:
		return 100 + dice_below(&dice, 5);
	case 1:
		return dice_below(&dice, 2) ? odd[dice_below(&dice, 8)] : 100;
	case 2:
		return exp(3 * dice_uniform(&dice));
	case 3:
		return 1e307 * (1 + 10 * dice_uniform(&dice));
	default:
		return (double)dice_below(&dice, 3) - 1;
	}
}

/* Whatever the numbers and rules are, a decision agrees with itself. */
static void any_numbers_give_a_decision_that_agrees_with_itself(void **state)
{
	int round;

	(void)state;
	dice_seed(&dice, 5);
	for (round = 0; round < 4000; round++) {
		size_t n_a = dice_below(&dice, 20), n_b = dice_below(&dice, 20), i;
		int kind = (int)dice_below(&dice, 5);
		struct decide_rule r = {.relative = any_number(dice_below(&dice, 2) ? 1 : 4),
					.absolute = any_number(1) * dice_below(&dice, 2),
					.alpha = 1.5 * dice_uniform(&dice),
					.size = 3 * dice_uniform(&dice),
					.count = (int)dice_below(&dice, 2),
					.higher_is_better = (int)dice_below(&dice, 2)};

		for (i = 0; i < 20; i++) {
			a[i] = any_number(kind);
			b[i] = any_number(kind);
		}
		if (dice_below(&dice, 2))
			n_b = n_a;
		judge(n_a, n_b, (int)dice_below(&dice, 2), (int)dice_below(&dice, 2), r);
		assert_true(d.p >= 0 && d.p <= 1);
		assert_true(!(d.lo > d.hi));
		assert_true(d.more == 0 || d.verdict == VERDICT_INCONCLUSIVE);
		assert_true((d.verdict == VERDICT_INCONCLUSIVE) ==
			    (d.reason != DECIDE_DECIDED && d.reason != DECIDE_ONE_COUNT));
		if (d.verdict == VERDICT_REGRESSION || d.verdict == VERDICT_IMPROVED)
			assert_true(!isnan(d.change) && d.worse != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		cmocka_unit_test(any_numbers_give_a_decision_that_agrees_with_itself),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
