/* The verdict: counts decide exactly, times by their runs; what cannot be said is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/base/utf8.h"
#include "tests/unit/verdict_rig.h"

/* ---- verdicts ---- */

static void nothing_changed(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_true(r.g.paired);
	assert_int_equal(r.g.refused, 0);
	assert_int_equal(r.g.n, 8);
	assert_int_equal(r.g.n_deciding, 8);
	assert_int_equal(r.g.of[VERDICT_OK] + r.g.of[VERDICT_INCONCLUSIVE], 8);
	assert_int_equal(rig_row(&r, NULL, METRIC_WALL)->d.test, DECIDE_TWO_SAMPLE);
	assert_int_equal(rig_row(&r, NULL, METRIC_ALLOC_COUNT)->d.test, DECIDE_EXACT);
	/* The whole run first, then stages as they came; metrics as in the enum. */
	assert_null(r.g.rows[0].stage);
	assert_int_equal(r.g.rows[4].metric, METRIC_ALLOC_BYTES);
	assert_string_equal(r.g.rows[5].stage, "knn");
	assert_string_equal(r.g.rows[7].stage, "align");
	assert_non_null(strstr(r.g.why, "8 comparisons"));
	rig_end(&r);
}

static void one_more_allocation_in_a_hundred_is_found(void **state)
{
	const struct gate_row *x;
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_counts(&r.t, "knn", METRIC_ALLOC_COUNT, 4000, 4040);
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	x = rig_row(&r, "knn", METRIC_ALLOC_COUNT);
	assert_int_equal(x->d.verdict, VERDICT_REGRESSION);
	assert_true(fabs(x->d.change - 0.01) < 1e-9);
	assert_string_equal(x->accept, "--accept knn:alloc_count --reason '…'");
	assert_string_equal(r.g.why, "stage knn: allocations rose by 1.0 %");
	assert_int_equal(r.g.of[VERDICT_REGRESSION], 1);
	rig_end(&r);
	/* One run of each is enough for a count, and says so. */
	rig_begin_with(&r, 1, 1, 1);
	rig_counts(&r.t, NULL, METRIC_SQL, 100, 101);
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	assert_int_equal(rig_row(&r, NULL, METRIC_SQL)->d.reason, DECIDE_ONE_COUNT);
	rig_end(&r);
}

static void slower_runs_are_found(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_times(&r.t, NULL, METRIC_WALL, 2e9, 1.08);
	rig_times(&r.t, "knn", METRIC_WALL, 1e9, 1.16);
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	assert_int_equal(rig_row(&r, NULL, METRIC_WALL)->d.verdict, VERDICT_REGRESSION);
	assert_int_equal(rig_row(&r, "knn", METRIC_WALL)->d.verdict, VERDICT_REGRESSION);
	assert_int_equal(rig_row(&r, NULL, METRIC_CPU)->d.verdict, VERDICT_OK);
	assert_non_null(strstr(r.g.why, "wall time rose by "));
	assert_non_null(strstr(r.g.why, ", and 1 more regression"));
	rig_times(&r.t, NULL, METRIC_WALL, 2e9, 0.9);
	rig_times(&r.t, "knn", METRIC_WALL, 1e9, 0.8);
	assert_int_equal(rig_judge(&r), VERDICT_IMPROVED);
	assert_non_null(strstr(r.g.why, "wall time fell by "));
	rig_end(&r);
}

static void one_regression_beats_an_improvement(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_times(&r.t, NULL, METRIC_WALL, 2e9, 0.8);
	rig_counts(&r.t, NULL, METRIC_ALLOC_COUNT, 100, 150);
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	assert_int_equal(r.g.of[VERDICT_IMPROVED], 1);
	rig_end(&r);
}

/* ---- what cannot be said ---- */

static void one_run_says_nothing_of_times(void **state)
{
	struct rig r;

	(void)state;
	rig_begin_with(&r, 1, 1, 1);
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(rig_row(&r, NULL, METRIC_WALL)->d.reason, DECIDE_ONE_RUN);
	assert_int_equal(rig_row(&r, NULL, METRIC_ALLOC_COUNT)->d.verdict, VERDICT_OK);
	assert_true(r.g.more > 0);
	assert_non_null(strstr(r.g.why, "wall time cannot be said"));
	assert_non_null(strstr(r.g.why, "more run"));
	/* Asked of the counts alone, it is decided. */
	r.o.metrics = 1u << METRIC_ALLOC_COUNT | 1u << METRIC_PEAK_HEAP;
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n, 3);
	rig_end(&r);
}

static void stages_that_cannot_be_said_matter_where_they_are_named(void **state)
{
	static const double few[] = {1e9, 1.2e9, 0.8e9, 1.1e9, 0.9e9,
				     1e9, 1.3e9, 0.7e9, 1e9,   1.1e9};
	static const double other[] = {1.2e9, 1e9,   1.1e9, 0.8e9, 1.2e9,
				       0.9e9, 1.3e9, 0.8e9, 1.1e9, 1e9};
	struct rig r;

	(void)state;
	rig_begin(&r);
	gate_set(&r.t, 0, "knn", METRIC_WALL, METRIC_KIND_TIME, few, PAIRS);
	gate_set(&r.t, 1, "knn", METRIC_WALL, METRIC_KIND_TIME, other, PAIRS);
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_int_equal(rig_row(&r, "knn", METRIC_WALL)->d.verdict, VERDICT_INCONCLUSIVE);
	assert_false(rig_row(&r, "knn", METRIC_WALL)->relevant);
	rig_limits(&r, "{\"stages\": {\"k*\": {\"wall\": {\"relative\": 0.02}}}}");
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	assert_true(rig_row(&r, "knn", METRIC_WALL)->relevant == 1);
	assert_non_null(strstr(r.g.why, "stage knn: wall time cannot be said"));
	rig_end(&r);
}

static void a_base_of_zero_has_no_relative_change(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_counts(&r.t, NULL, METRIC_SQL, 0, 0);
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	rig_counts(&r.t, NULL, METRIC_SQL, 0, 5);
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(rig_row(&r, NULL, METRIC_SQL)->d.reason, DECIDE_ZERO_BASE);
	assert_non_null(rig_row(&r, NULL, METRIC_SQL)->accept);
	assert_int_equal(r.g.more, 0);
	/* In a stage, too: it is a count. */
	rig_counts(&r.t, NULL, METRIC_SQL, 5, 5);
	rig_counts(&r.t, "knn", METRIC_SQL, 0, 5);
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	rig_limits(&r, "{\"accept\": [{\"stage\": \"knn\", \"metric\": \"sql\", \"reason\": "
		       "\"cached\"}]}");
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_string_equal(rig_row(&r, "knn", METRIC_SQL)->accepted_by, "cached");
	rig_end(&r);
}

/* Of sampled memory nothing must be known: what it cannot say matters where the thresholds name it. */
static void estimates_decide_where_they_are_named(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	metrics_set(&r.t, 0, 0, NULL, METRIC_PEAK_HEAP, METRIC_KIND_ESTIMATE, 0, NULL);
	rig_counts(&r.t, NULL, METRIC_PEAK_HEAP, 0, 5e7);
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_int_equal(rig_row(&r, NULL, METRIC_PEAK_HEAP)->kind, METRIC_KIND_ESTIMATE);
	rig_limits(&r, "{\"metrics\": {\"peak_heap\": {\"relative\": 0.1}}}");
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	rig_end(&r);
}

static void values_that_are_no_numbers_are_missing(void **state)
{
	struct rig r;
	size_t i;

	(void)state;
	rig_begin(&r);
	for (i = 0; i < PAIRS; i++) {
		metrics_set(&r.t, 0, i, NULL, METRIC_WALL, METRIC_KIND_TIME, i ? NAN : INFINITY,
			    NULL);
		metrics_set(&r.t, 1, i, "align", METRIC_WALL, METRIC_KIND_TIME, NAN, NULL);
	}
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(rig_row(&r, NULL, METRIC_WALL)->d.reason, DECIDE_NO_BASE);
	assert_string_equal(rig_row(&r, NULL, METRIC_WALL)->note,
			    "the base does not have this value");
	assert_true(rig_row(&r, "align", METRIC_WALL)->is_missing);
	rig_end(&r);
}

static void stages_that_are_new_or_missing_are_named(void **state)
{
	struct rig r;
	size_t i;

	(void)state;
	rig_begin(&r);
	for (i = 0; i < PAIRS; i++) {
		metrics_set(&r.t, 1, i, "parse", METRIC_WALL, METRIC_KIND_TIME, 5e8, NULL);
		metrics_set(&r.t, 1, i, "parse", METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 5, NULL);
		metrics_set(&r.t, 0, i, "old", METRIC_WALL, METRIC_KIND_TIME, 5e8, NULL);
		if (i)
			metrics_set(&r.t, 0, i, "some", METRIC_WALL, METRIC_KIND_TIME, 5e8, NULL);
		metrics_set(&r.t, 1, i, "some", METRIC_WALL, METRIC_KIND_TIME, 5e8, NULL);
	}
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n_new, 1);
	assert_int_equal(r.g.n_missing, 1);
	assert_true(rig_row(&r, "parse", METRIC_WALL)->is_new);
	assert_true(rig_row(&r, "parse", METRIC_ALLOC_COUNT)->is_new);
	assert_true(rig_row(&r, "old", METRIC_WALL)->is_missing);
	assert_false(rig_row(&r, "some", METRIC_WALL)->is_new);
	assert_true(rig_remarked(&r, "stage 'parse' is new"));
	assert_true(rig_remarked(&r, "stage 'old' is missing"));
	assert_true(rig_remarked(&r, "'some' is not in every run"));
	rig_end(&r);
}

static void groups_without_runs_have_no_verdict(void **state)
{
	struct rig r;

	(void)state;
	rig_begin_with(&r, 3, 0, 1);
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	rig_end(&r);
	rig_begin_with(&r, 0, 0, 1);
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(r.g.n, 0);
	rig_end(&r);
}

/* ---- thresholds ---- */

static void thresholds_are_obeyed(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_times(&r.t, NULL, METRIC_WALL, 2e9, 1.1);
	rig_counts(&r.t, "knn", METRIC_ALLOC_COUNT, 4000, 4100);
	rig_limits(&r, "{\"metrics\": {\"wall\": {\"relative\": 0.25}},\n\"stages\": {\"knn\": "
		       "{\"ignore\": true, \"reason\": \"being rewritten\", \"owner\": \"ann\"}, "
		       "\"kmn\": {}}}");
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_true(rig_row(&r, "knn", METRIC_ALLOC_COUNT)->ignored);
	assert_string_equal(rig_row(&r, "knn", METRIC_WALL)->note, "being rewritten");
	assert_string_equal(rig_row(&r, "knn", METRIC_WALL)->owner, "ann");
	assert_true(fabs(rig_row(&r, NULL, METRIC_WALL)->rule.relative - 0.25) < 1e-9);
	assert_int_equal(r.g.n_deciding, 6);
	assert_true(rig_remarked(&r, "name stage 'kmn', which no run has"));
	rig_end(&r);
}

static void accepted_changes_pass_until_they_are_over(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_counts(&r.t, "knn", METRIC_ALLOC_COUNT, 4000, 4400);
	rig_limits(
		&r,
		"{\"accept\": [{\"stage\": \"knn\", \"metric\": \"alloc_count\", \"up_to\": 0.12, "
		"\"reason\": \"a cache\", \"until\": \"2026-06-30\"},\n {\"stage\": null, "
		"\"metric\": \"wall\", \"reason\": \"not needed\"},\n {\"stage\": \"gone\", "
		"\"metric\": \"wall\", \"reason\": \"no such stage\"}]}");
	r.o.now_ns = INT64_C(1780000000000000000); /* 2026-05-28 */
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n_accepted, 1);
	assert_string_equal(rig_row(&r, "knn", METRIC_ALLOC_COUNT)->accepted_by, "a cache");
	assert_int_equal(rig_row(&r, "knn", METRIC_ALLOC_COUNT)->d.verdict, VERDICT_REGRESSION);
	assert_true(rig_remarked(&r, "the accepted change of wall (line 2) is not there"));
	assert_true(rig_remarked(&r, "gone:wall (line 3) is of what no run has"));
	r.o.now_ns = INT64_C(1785000000000000000); /* 2026-07-25 */
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	assert_true(rig_remarked(&r, "knn:alloc_count is over since 2026-06-30 (a cache)"));
	assert_int_equal(r.g.n_deciding, 8); /* it decides again */
	/* More than was accepted. */
	r.o.now_ns = 0;
	rig_counts(&r.t, "knn", METRIC_ALLOC_COUNT, 4000, 4600);
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	rig_end(&r);
}

/* No look of --exec ends with what was accepted. */
static void accepted_changes_are_not_what_looks_wait_for(void **state)
{
	struct rig r;
	size_t i;

	(void)state;
	rig_begin(&r);
	rig_counts(&r.t, "knn", METRIC_ALLOC_COUNT, 4000, 4400);
	rig_limits(&r, "{\"accept\": [{\"stage\": \"knn\", \"metric\": \"alloc_count\", "
		       "\"reason\": \"a cache\"}]}");
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n, 8);
	assert_int_equal(r.g.n_deciding, 7);
	for (i = 0; i < r.g.n_deciding; i++)
		assert_int_not_equal(r.g.deciding[i].verdict, VERDICT_REGRESSION);
	rig_end(&r);
}

/* As the number that the reader sees, not the lower end of an interval. */
static void the_change_itself_is_what_is_accepted(void **state)
{
	const struct gate_row *x;
	struct rig r;
	size_t i;

	(void)state;
	rig_begin(&r);
	for (i = 0; i < PAIRS; i++) {
		metrics_set(&r.t, 0, i, NULL, METRIC_WALL, METRIC_KIND_TIME, 2e9, NULL);
		metrics_set(&r.t, 1, i, NULL, METRIC_WALL, METRIC_KIND_TIME,
			    2e9 * (1.10 + 0.04 * (double)i), NULL);
	}
	rig_limits(&r, "{\"accept\": [{\"stage\": null, \"metric\": \"wall\", \"up_to\": "
		       "\"24%\", \"reason\": \"slower\"}]}");
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	x = rig_row(&r, NULL, METRIC_WALL);
	assert_true(x->d.lo < 0.24 && x->d.change > 0.24);
	assert_null(x->accepted_by);
	r.limits.accept[0].up_to = x->d.change;
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	rig_end(&r);
}

static void what_fell_to_nothing_fell_to_0(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_counts(&r.t, NULL, METRIC_ALLOC_COUNT, 10000, 0);
	assert_int_equal(rig_judge(&r), VERDICT_IMPROVED);
	assert_string_equal(r.g.why, "allocations fell to 0");
	rig_counts(&r.t, NULL, METRIC_ALLOC_COUNT, 10000, 3);
	assert_int_equal(rig_judge(&r), VERDICT_IMPROVED);
	assert_string_equal(r.g.why, "allocations fell by more than 99 %");
	rig_counts(&r.t, NULL, METRIC_ALLOC_COUNT, 10000, 500);
	assert_int_equal(rig_judge(&r), VERDICT_IMPROVED);
	assert_string_equal(r.g.why, "allocations fell by 95 %");
	rig_counts(&r.t, NULL, METRIC_ALLOC_COUNT, 10, 11350);
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	assert_string_equal(r.g.why, "allocations rose 1,135-fold");
	rig_end(&r);
}

/* Statements that the base has none of, and that may not have been recorded there. */
static void counts_of_the_candidate_alone_are_said_first(void **state)
{
	struct rig r;
	size_t i;

	(void)state;
	rig_begin(&r);
	for (i = 0; i < PAIRS; i++)
		metrics_set(&r.t, 1, i, NULL, METRIC_SQL, METRIC_KIND_COUNT, 5000, NULL);
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	assert_true(rig_remarked(&r, "only the candidate has SQL statements (5,000)"));
	for (i = 0; i < PAIRS; i++)
		r.t.runs_a[i].kept = 1;
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_non_null(strstr(r.g.why, "not compared, the candidate alone has: SQL statements "
					"(5,000)"));
	assert_true(rig_remarked(&r, "only the candidate has SQL statements (5,000)"));
	rig_counts(&r.t, NULL, METRIC_SQL, 5000, 5000);
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_null(strstr(r.g.why, "not compared"));
	rig_end(&r);
}

/* A text that is too long ends with a whole character, whatever its alphabet. */
static void long_texts_end_with_a_character(void **state)
{
	static const char word[] = "\xd0\xb4\xe4\xb8\xad\xf0\x9f\x98\x80"; /* 2, 3, 4 bytes */
	const char *said;
	struct rig r;
	char reason[2048];
	size_t lead, n;

	(void)state;
	for (lead = 1; lead <= 9; lead++) {
		memset(reason, 'a', lead);
		for (n = lead; n + 9 < 1500; n += 9)
			memcpy(reason + n, word, 9);
		reason[n] = '\0';
		rig_begin(&r);
		rig_counts(&r.t, NULL, METRIC_ALLOC_COUNT, 10000, 10500);
		rig_limits(&r, "{\"accept\": [{\"stage\": null, \"metric\": \"alloc_count\", "
			       "\"reason\": \"x\"}]}");
		free(r.limits.accept[0].reason);
		r.limits.accept[0].reason = strdup(reason);
		assert_int_equal(rig_judge(&r), VERDICT_OK);
		said = rig_row(&r, NULL, METRIC_ALLOC_COUNT)->accepted_by;
		assert_true(strlen(said) >= 1020 && strlen(said) < 1024);
		assert_true(utf8_valid(said, strlen(said)));
		assert_int_equal(strncmp(said, reason, strlen(said)), 0);
		rig_end(&r);
	}
}

/* ---- pairs ---- */

static void pairs_are_runs_taken_in_turns(void **state)
{
	struct rig r;

	(void)state;
	rig_begin_with(&r, PAIRS, PAIRS, 1); /* all of one, then all of the other */
	rig_judge(&r);
	assert_false(r.g.paired);
	assert_int_equal(rig_row(&r, NULL, METRIC_WALL)->d.test, DECIDE_TWO_SAMPLE);
	r.o.pairing = GATE_PAIR_ALWAYS;
	rig_judge(&r);
	assert_true(r.g.paired);
	rig_end(&r);
	rig_begin(&r);
	r.o.pairing = GATE_PAIR_NEVER;
	rig_judge(&r);
	assert_false(r.g.paired);
	rig_end(&r);
	rig_begin_with(&r, PAIRS, PAIRS - 1, 2);
	r.o.pairing = GATE_PAIR_ALWAYS;
	rig_judge(&r);
	assert_false(r.g.paired);
	assert_true(rig_remarked(&r, "10 base runs and 9 candidate runs cannot be paired"));
	rig_end(&r);
}

/* The order in which runs are added does not matter: time does. */
static void runs_are_put_in_the_order_of_time(void **state)
{
	struct rig r;
	size_t i;
	double first;

	(void)state;
	rig_begin(&r);
	for (i = 0; i < PAIRS; i++) /* A B B A A B B A … */
		if (i % 2) {
			int64_t x = r.t.runs_a[i].started_at;

			r.t.runs_a[i].started_at = r.t.runs_b[i].started_at;
			r.t.runs_b[i].started_at = x;
		}
	rig_judge(&r);
	assert_true(r.g.paired);
	first = r.t.runs_a[0].started_at > 0 ? metrics_row(&r.t, NULL, METRIC_WALL)->a[0] : 0;
	r.t.runs_a[0].started_at = GATE_START * 2; /* the first is the last now */
	rig_judge(&r);
	assert_true(fabs(rig_row(&r, NULL, METRIC_WALL)->a[PAIRS - 1] - first) < 1);
	assert_false(r.g.paired);
	rig_end(&r);
}

static void words_are_read_back(void **state)
{
	char out[METRIC_TEXT];
	int bit;

	(void)state;
	for (bit = 1; bit <= GATE_FAILED; bit <<= 1)
		assert_int_equal(gate_anyway_parse(gate_anyway_name((enum gate_anyway)bit)), bit);
	assert_int_equal(gate_anyway_parse("all"), GATE_ANYWAY_ALL);
	assert_int_equal(gate_anyway_parse("host"), -1);
	assert_string_equal(gate_change_text(out, 0.0234), "+2.3 %");
	assert_string_equal(gate_change_text(out, -0.12), "-12 %");
	assert_string_equal(gate_change_text(out, 0.0012), "+0.12 %");
	assert_string_equal(gate_change_text(out, 2.4), "x 3.4");
	assert_string_equal(gate_change_text(out, 1134), "x 1,135");
	assert_string_equal(gate_change_text(out, 1e20), "x 1e+20");
	assert_string_equal(gate_change_text(out, 0), "0 %");
	assert_string_equal(gate_change_text(out, NAN), "-");
	assert_string_equal(gate_change_text(out, INFINITY), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changed),
		cmocka_unit_test(one_more_allocation_in_a_hundred_is_found),
		cmocka_unit_test(slower_runs_are_found),
		cmocka_unit_test(one_regression_beats_an_improvement),
		cmocka_unit_test(one_run_says_nothing_of_times),
		cmocka_unit_test(stages_that_cannot_be_said_matter_where_they_are_named),
		cmocka_unit_test(a_base_of_zero_has_no_relative_change),
		cmocka_unit_test(estimates_decide_where_they_are_named),
		cmocka_unit_test(values_that_are_no_numbers_are_missing),
		cmocka_unit_test(stages_that_are_new_or_missing_are_named),
		cmocka_unit_test(groups_without_runs_have_no_verdict),
		cmocka_unit_test(thresholds_are_obeyed),
		cmocka_unit_test(accepted_changes_pass_until_they_are_over),
		cmocka_unit_test(accepted_changes_are_not_what_looks_wait_for),
		cmocka_unit_test(the_change_itself_is_what_is_accepted),
		cmocka_unit_test(what_fell_to_nothing_fell_to_0),
		cmocka_unit_test(counts_of_the_candidate_alone_are_said_first),
		cmocka_unit_test(long_texts_end_with_a_character),
		cmocka_unit_test(pairs_are_runs_taken_in_turns),
		cmocka_unit_test(runs_are_put_in_the_order_of_time),
		cmocka_unit_test(words_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
