/* Many series judged together: false discoveries against the plain formula, weights, directions; and whole comparisons of
 * 40 stages x 4 times of the same program on recorded noise, with and without looks in between. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/trials.h"

static void near(double a, double b, double by)
{
	if (!(fabs(a - b) <= by))
		fail_msg("%.15g is not %.15g", a, b);
}

static struct decision made(double p, int worse)
{
	return (struct decision){.verdict = worse > 0   ? VERDICT_REGRESSION
					    : worse < 0 ? VERDICT_IMPROVED
							: VERDICT_OK,
				 .test = DECIDE_PAIRED,
				 .p = p,
				 .q = p,
				 .worse = worse,
				 .n_a = 20,
				 .n_b = 20,
				 .alpha = 0.01};
}

/* ---- the formula ---- */

/* The lowest rate at which i is still discovered: over all thresholds t that take it, N t / (how many are below t). */
static double plain_q(const double *p, size_t n, size_t i)
{
	double least = 1;
	size_t k, j;

	for (k = 0; k < n; k++) {
		size_t below = 0;

		if (p[k] < p[i])
			continue;
		for (j = 0; j < n; j++)
			below += p[j] <= p[k];
		least = fmin(least, p[k] * (double)n / (double)below);
	}
	return least;
}

static void q_is_that_of_benjamini_and_hochberg(void **state)
{
	struct decision d[40];
	struct dice g;
	double p[40];
	int round;
	size_t i;

	(void)state;
	dice_seed(&g, 1);
	for (round = 0; round < 200; round++) {
		size_t n = 1 + dice_below(&g, 40);

		for (i = 0; i < n; i++) {
			p[i] = pow(dice_uniform(&g), 1 + dice_below(&g, 4));
			if (round % 2)
				p[i] = ceil(p[i] * 8) / 8; /* ties */
			d[i] = made(p[i], 1);
		}
		assert_int_equal(decide_family(d, n, 0.05), 0);
		for (i = 0; i < n; i++) {
			near(d[i].q, plain_q(p, n, i), 1e-12);
			near(d[i].p, p[i], 0);
			assert_int_equal(d[i].verdict == VERDICT_REGRESSION, d[i].q <= 0.05);
			near(d[i].alpha, 0.05, 0);
		}
	}
}

static void directions_are_families_of_their_own(void **state)
{
	struct decision d[10];
	size_t i;

	(void)state;
	for (i = 0; i < 9; i++)
		d[i] = made(0.0005, -1);
	d[9] = made(0.004, 1);
	decide_family(d, 10, 0.01);
	for (i = 0; i < 9; i++) { /* nine help each other, not the tenth */
		near(d[i].q, 0.0005 * 10 / 9, 1e-15);
		assert_int_equal(d[i].verdict, VERDICT_IMPROVED);
	}
	near(d[9].q, 0.04, 1e-15);
	assert_int_equal(d[9].verdict, VERDICT_INCONCLUSIVE);
	assert_int_equal(d[9].reason, DECIDE_MANY);
	assert_true(d[9].more > 0 && d[9].more < 40);
}

/* Half of the error allowed is the whole run's, however many stages there are. */
static void the_whole_run_is_not_hidden_by_stages(void **state)
{
	static struct decision d[402];
	size_t i;

	(void)state;
	for (i = 0; i < 402; i++)
		d[i] = made(0.5 + (double)i / 1000, 0);
	d[0] = made(0.002, 1);
	d[0].whole = d[1].whole = 1;
	d[9] = made(0.002, 1);
	decide_family(d, 402, 0.01);
	near(d[0].q, 0.002 * 4, 1e-12);
	assert_int_equal(d[0].verdict, VERDICT_REGRESSION);
	assert_int_equal(d[9].verdict, VERDICT_INCONCLUSIVE);
	near(d[9].q, 0.8, 1e-9);
	d[9] = made(1e-5, 1); /* among 400 stages that is 0.01 x 0.5 / 400 */
	decide_family(d, 402, 0.01);
	assert_int_equal(d[9].verdict, VERDICT_REGRESSION);
}

/* Nine tenths of what is left for stages go by their size. */
static void large_stages_are_not_hidden_by_small_ones(void **state)
{
	static struct decision d[101];
	size_t i;
	double sum = 0;

	(void)state;
	for (i = 0; i < 101; i++) {
		d[i] = made(0.5 + (double)i / 1000, 0);
		d[i].weight = i == 1 ? 0.5 : 0.005;
	}
	d[0].whole = 1;
	d[0].weight = 77; /* the whole run has none */
	d[1] = made(0.001, 1);
	d[1].weight = 0.5;
	decide_family(d, 101, 0.01);
	near(d[1].q, 0.001 * 2 / (0.1 / 100 + 0.9 * 0.5 / (0.5 + 99 * 0.005)), 1e-12);
	assert_int_equal(d[1].verdict, VERDICT_REGRESSION);
	for (i = 0; i < 101;
	     i++) { /* all the weights add up: each alone just passes at its own share */
		double lo = 0, hi = 1;
		int step;

		for (step = 0; step < 60; step++) {
			struct decision e[101];
			double mid = (lo + hi) / 2;
			size_t k;

			for (k = 0; k < 101; k++) {
				e[k] = made(k == i ? mid : 1, k == i);
				e[k].weight = d[k].weight;
				e[k].whole = d[k].whole;
			}
			decide_family(e, 101, 0.01);
			*(e[i].verdict == VERDICT_REGRESSION ? &lo : &hi) = mid;
		}
		sum += lo;
	}
	near(sum, 0.01, 1e-9);
	for (i = 0; i < 101; i++)
		d[i].weight = i % 2 ? NAN : -1;
	d[1] = made(0.00004, 1);
	decide_family(d, 101, 0.01);
	near(d[1].q, 0.00004 * 200, 1e-12);
}

static void exact_and_open_decisions_stay(void **state)
{
	struct decision d[4] = {made(0, 1), made(0.9, 0), made(0.0001, 1), made(1, 0)};

	(void)state;
	d[0].test = DECIDE_EXACT;
	d[1].verdict = VERDICT_INCONCLUSIVE;
	d[1].reason = DECIDE_SPREAD;
	d[1].more = 7;
	d[3].test = DECIDE_NONE;
	d[3].verdict = VERDICT_INCONCLUSIVE;
	d[3].reason = DECIDE_NOT_FINITE;
	decide_family(d, 4, 0);
	assert_int_equal(d[0].verdict, VERDICT_REGRESSION);
	assert_int_equal(d[1].reason, DECIDE_SPREAD);
	assert_int_equal(d[1].more, 7);
	near(d[2].q, 0.0002, 1e-12); /* two are judged */
	assert_int_equal(d[3].reason, DECIDE_NOT_FINITE);
	near(d[3].q, 1, 0);
	assert_int_equal(decide_family(d, 0, 0.01), 0);
	assert_int_equal(decide_family(NULL, 0, 0.01), 0);
}

/* The order of the series does not matter. */
static void order_does_not_matter(void **state)
{
	struct decision d[9], e[9];
	size_t i;

	(void)state;
	for (i = 0; i < 9; i++)
		d[i] = e[8 - i] = made(0.0004 * (double)(i * i % 5 + 1), i % 3 ? 1 : -1);
	decide_family(d, 9, 0.01);
	decide_family(e, 9, 0.01);
	for (i = 0; i < 9; i++) {
		near(d[i].q, e[8 - i].q, 0);
		assert_int_equal(d[i].verdict, e[8 - i].verdict);
	}
}

/* ---- how many runs ---- */

/* The first n runs of each side of `count` series that did not change but for number `changed`, doubled; the first
 * `whole` are of the whole run. Returns the verdict on the changed one. */
static enum verdict judge_made(struct decision *d, size_t count, size_t whole, size_t changed,
			       size_t n, int paired)
{
	struct decide_scratch scratch = {0};
	struct dice g;
	size_t i, k;

	dice_seed(&g, 7);
	for (k = 0; k < count; k++) {
		struct decide_rule r = {.relative = 0.02, .whole = k < whole};
		double a[TRIAL_PAIRS], b[TRIAL_PAIRS];

		for (i = 0; i < TRIAL_PAIRS; i++) {
			a[i] = 1e9 * (1 + 0.01 * dice_uniform(&g));
			b[i] = (k == changed ? 2e9 : 1e9) * (1 + 0.01 * dice_uniform(&g));
		}
		assert_true(n <= TRIAL_PAIRS);
		assert_int_equal(
			decide(&d[k], &(struct decide_series){a, b, n, n, paired, 1}, &r, &scratch),
			0);
		d[k].weight = k < whole ? 0 : 0.1;
	}
	decide_scratch_release(&scratch);
	assert_int_equal(decide_family(d, count, 0.01), 0);
	return d[changed].verdict;
}

/* A change that some number of runs shows, more runs show too: with all the metrics there are, with stages and without. */
static void more_runs_do_not_make_it_worse(void **state)
{
	static const size_t sizes[][2] = {{1, 1}, {3, 3}, {8, 8}, {7, 3}, {24, 4}, {48, 8}};
	struct decision d[48];
	size_t k, n;
	int paired;

	(void)state;
	for (paired = 0; paired < 2; paired++)
		for (k = 0; k < 6; k++) {
			int found = 0;

			for (n = 1; n <= 16; n++) {
				enum verdict v =
					judge_made(d, sizes[k][0], sizes[k][1], 0, n, paired);

				assert_int_equal(v, found || v == VERDICT_REGRESSION
							    ? VERDICT_REGRESSION
							    : VERDICT_INCONCLUSIVE);
				found |= v == VERDICT_REGRESSION;
			}
			assert_true(found);
		}
	for (n = 5; n <= 9; n++) /* wall, CPU and memory, kept */
		assert_int_equal(judge_made(d, 3, 3, 0, n, 1),
				 n < 6 ? VERDICT_INCONCLUSIVE : VERDICT_REGRESSION);
}

/* With as many more runs as were said it is decided, and not with fewer. */
static void as_many_more_runs_as_said_decide(void **state)
{
	static const size_t sizes[][3] = {{1, 1, 0}, {3, 3, 0}, {8, 8, 0}, {24, 4, 0}, {84, 4, 50}};
	struct decision d[84], e[84];
	size_t k, n, i;
	int paired, asked = 0;

	(void)state;
	for (paired = 0; paired < 2; paired++)
		for (k = 0; k < 5; k++)
			for (n = 1; n <= 8; n++) {
				const size_t *s = sizes[k];

				if (judge_made(d, s[0], s[1], s[2], n, paired) ==
				    VERDICT_REGRESSION)
					continue;
				asked++;
				assert_true(d[s[2]].more > 0);
				assert_int_equal(
					judge_made(e, s[0], s[1], s[2], n + d[s[2]].more, paired),
					VERDICT_REGRESSION);
				for (i = 0; i < s[0]; i++) /* nobody is told less than helps */
					if (d[i].reason == DECIDE_ONE_RUN ||
					    d[i].reason == DECIDE_FEW_RUNS)
						assert_true(d[i].more > 0);
				if (d[s[2]].reason != DECIDE_ONE_RUN && d[s[2]].more > 1 && n < 5)
					assert_int_equal(judge_made(e, s[0], s[1], s[2],
								    n + d[s[2]].more - 1, paired),
							 VERDICT_INCONCLUSIVE);
			}
	assert_true(asked > 40);
	judge_made(d, 3, 3, 0, 1, 0); /* 1 and 1: one of three is sure enough with 6 and 6 */
	assert_int_equal(d[0].more, 5);
	judge_made(d, 3, 3, 0, 5, 1);
	assert_int_equal(d[0].reason, DECIDE_MANY);
	assert_int_equal(d[0].more, 1);
}

/* ---- comparisons of recorded noise; tests/bench/bench_decide.c runs many more of them ---- */

static struct noise neighbour, neighbours, crowded;
static double rows[TRIAL_ROWS][2][TRIAL_PAIRS];

/* Of a program with itself; how many of them claim a change for the worse anywhere. */
static int false_alarms(const struct noise *noise, int comparisons)
{
	struct trial t = {.noise = noise,
			  .pairs = 10,
			  .relative = 0.02,
			  .absolute = 1e6,
			  .order = NOISE_QUADS};
	struct decision d[TRIAL_ROWS];
	int i, alarms = 0;

	dice_seed(&t.dice, 40);
	for (i = 0; i < comparisons; i++) {
		size_t n = trial_rows(&t, rows);

		assert_int_equal(n, 160);
		assert_int_equal(trial_family(&t, d, rows, n, t.pairs), 0);
		alarms += trial_claims(d, n, VERDICT_REGRESSION);
	}
	decide_scratch_release(&t.scratch);
	return alarms;
}

static void a_program_compared_with_itself(void **state)
{
	int alarms;

	(void)state;
	alarms = false_alarms(&neighbour, 30) + false_alarms(&neighbours, 30) +
		 false_alarms(&crowded, 30);
	print_message("# 90 comparisons of 40 stages x 4 times, 10 pairs: %d false alarms\n",
		      alarms);
	assert_true(alarms <= 1);
}

static void a_program_compared_with_itself_by_looks(void **state)
{
	struct trial t = {
		.pairs = 20, .relative = 0.02, .absolute = 1e6, .stages = 5, .order = NOISE_QUADS};
	struct rates r = {0};
	int i;

	(void)state;
	dice_seed(&t.dice, 41);
	for (i = 0; i < 90; i++) {
		t.noise = i % 3 == 0 ? &neighbour : i % 3 == 1 ? &neighbours : &crowded;
		trial_looks(&t, &r);
	}
	decide_scratch_release(&t.scratch);
	print_message("# 90 comparisons of 5 stages x 4 times with looks: %zu false alarms, %.1f "
		      "pairs\n",
		      r.of[VERDICT_REGRESSION], (double)r.stopped_at / 90);
	assert_true(r.of[VERDICT_REGRESSION] <= 1);
}

/* Runs of a third of a second beside a noisy neighbour, 5 % slower: found within 20 pairs, looks and stages included. */
static void five_percent_are_found_beside_a_noisy_neighbour(void **state)
{
	struct trial t = {.noise = &neighbour,
			  .pairs = 20,
			  .width = 8,
			  .relative = 0.02,
			  .absolute = 1e6,
			  .stages = 5,
			  .effect = 0.05,
			  .order = NOISE_QUADS};
	struct rates r = {0};
	int i;

	(void)state;
	dice_seed(&t.dice, 42);
	for (i = 0; i < 80; i++)
		trial_looks(&t, &r);
	decide_scratch_release(&t.scratch);
	print_message("# 80 comparisons, 5 %% slower: %zu found, %zu called ok, %.1f pairs\n",
		      r.of[VERDICT_REGRESSION], r.of[VERDICT_OK], (double)r.stopped_at / 80);
	assert_true(r.of[VERDICT_REGRESSION] * 100 >= 95 * r.trials);
	assert_int_equal(r.of[VERDICT_OK], 0);
}

/* A stage of a third of a second, one of 20 with 4 times each, the others and the run as a whole unchanged: what many
 * series cost. */
static void five_percent_of_one_stage_are_mostly_found(void **state)
{
	enum { ROUNDS = 40 };
	size_t found = trial_one_stage(&neighbour, 0.05, ROUNDS);

	(void)state;
	print_message("# 5 %% more of one stage of 20: found in %zu of %d\n", found, ROUNDS);
	assert_true(found * 100 >= (size_t)80 * ROUNDS);
}

/* Groups that ran one after the other: taken for mixed ones, their drift is called a change far more often. */
static void groups_in_sequence_are_judged_with_care(void **state)
{
	const struct noise *noises[] = {&neighbour, &neighbours, &crowded};
	size_t claims[2], mixed, i, k;

	(void)state;
	for (mixed = 0; mixed < 2; mixed++) {
		struct rates r = {0};

		for (k = 0; k < 3; k++) {
			struct trial t = {.noise = noises[k],
					  .pairs = 20,
					  .width = 1,
					  .groups = 1,
					  .mixed = (int)mixed,
					  .relative = 0.02};

			dice_seed(&t.dice, 45);
			for (i = 0; i < 300; i++)
				trial_one(&t, &r, 0);
			decide_scratch_release(&t.scratch);
		}
		claims[mixed] = r.of[VERDICT_REGRESSION] + r.of[VERDICT_IMPROVED];
	}
	print_message("# 900 comparisons in sequence: %zu claims, %zu without care\n", claims[0],
		      claims[1]);
	assert_true(claims[0] <= 27);
	assert_true(claims[1] > 4 * claims[0]);
}

static int read_noise(void **state)
{
	(void)state;
	if (noise_read(&neighbour, "neighbour") != 0 ||
	    noise_read(&neighbours, "neighbours") != 0 || noise_read(&crowded, "crowded") != 0)
		return -1;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(q_is_that_of_benjamini_and_hochberg),
		cmocka_unit_test(directions_are_families_of_their_own),
		cmocka_unit_test(the_whole_run_is_not_hidden_by_stages),
		cmocka_unit_test(large_stages_are_not_hidden_by_small_ones),
		cmocka_unit_test(exact_and_open_decisions_stay),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(more_runs_do_not_make_it_worse),
		cmocka_unit_test(as_many_more_runs_as_said_decide),
		cmocka_unit_test(a_program_compared_with_itself),
		cmocka_unit_test(a_program_compared_with_itself_by_looks),
		cmocka_unit_test(five_percent_are_found_beside_a_noisy_neighbour),
		cmocka_unit_test(five_percent_of_one_stage_are_mostly_found),
		cmocka_unit_test(groups_in_sequence_are_judged_with_care),
	};

	return cmocka_run_group_tests(tests, read_noise, NULL);
}
