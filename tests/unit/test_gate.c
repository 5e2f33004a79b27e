/* The verdict: counts decide exactly, times by their runs; what cannot be said is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/gate.h"
#include "prof/base/hash.h"
#include "tests/unit/gate_rig.h"

/* ---- a table to begin with: 10 pairs in turns, nothing changed ---- */

#define PAIRS 10

struct rig {
	struct metric_table t;
	struct gate_result g;
	struct gate_options o;
	struct thresholds limits;
};

/* About 1 with a spread of 1 %, the same each time. */
static double noise(uint64_t seed)
{
	double sum = 0;
	uint64_t i;

	for (i = 0; i < 12; i++)
		sum += (double)(hash_u64(seed * 12 + i) >> 11) / 9007199254740992.0;
	return 1 + 0.01 * (sum - 6);
}

static void times(struct metric_table *t, const char *stage, enum metric m, double base, double by)
{
	size_t i;
	uint64_t seed = (stage ? strlen(stage) : 0) * 1000 + (uint64_t)m * 100;

	for (i = 0; i < t->n_a; i++)
		metrics_set(t, 0, i, stage, m, METRIC_KIND_TIME, base * noise(seed + i), NULL);
	for (i = 0; i < t->n_b; i++)
		metrics_set(t, 1, i, stage, m, METRIC_KIND_TIME, base * by * noise(seed + 50 + i),
			    NULL);
}

static void counts(struct metric_table *t, const char *stage, enum metric m, double a, double b)
{
	size_t i;

	for (i = 0; i < t->n_a; i++)
		metrics_set(t, 0, i, stage, m, METRIC_KIND_COUNT, a, NULL);
	for (i = 0; i < t->n_b; i++)
		metrics_set(t, 1, i, stage, m, METRIC_KIND_COUNT, b, NULL);
}

static void values(struct metric_table *t)
{
	times(t, NULL, METRIC_WALL, 2e9, 1);
	times(t, NULL, METRIC_CPU, 1.8e9, 1);
	counts(t, NULL, METRIC_ALLOC_COUNT, 10000, 10000);
	counts(t, NULL, METRIC_ALLOC_BYTES, 1e6, 1e6);
	counts(t, NULL, METRIC_PEAK_HEAP, 5e5, 5e5);
	times(t, "knn", METRIC_WALL, 1e9, 1);
	counts(t, "knn", METRIC_ALLOC_COUNT, 4000, 4000);
	times(t, "align", METRIC_WALL, 4e8, 1);
}

static void begin_with(struct rig *r, size_t n_a, size_t n_b, int step)
{
	memset(r, 0, sizeof(*r));
	gate_add_runs(&r->t, METRICS_BASE, n_a, 0, step);
	gate_add_runs(&r->t, METRICS_CANDIDATE, n_b, step == 2 ? 1 : 40, step);
	values(&r->t);
	r->o.kind = PROFILE_CPU;
}

static void begin(struct rig *r)
{
	begin_with(r, PAIRS, PAIRS, 2);
}

static void limits(struct rig *r, const char *text)
{
	struct err err = ERR_INIT;

	if (thresholds_read(&r->limits, text, strlen(text), "g.json", &err))
		fail_msg("%s", err.text);
	r->o.thresholds = &r->limits;
}

static enum verdict judge(struct rig *r)
{
	struct err err = ERR_INIT;

	gate_release(&r->g);
	if (gate_judge(&r->g, &r->t, NULL, &r->o, &err))
		fail_msg("%s", err.text);
	assert_non_null(r->g.why);
	assert_true(r->g.why[0] != '\0');
	return r->g.verdict;
}

static const struct gate_row *row(const struct rig *r, const char *stage, enum metric m)
{
	size_t i;

	for (i = 0; i < r->g.n; i++) {
		const struct gate_row *x = &r->g.rows[i];

		if (x->metric == m && !x->stage == !stage &&
		    (!stage || strcmp(x->stage, stage) == 0))
			return x;
	}
	fail_msg("no row %s:%s", stage ? stage : "", metric_name(m));
	return NULL;
}

static int remarked(const struct rig *r, const char *words)
{
	size_t i;

	for (i = 0; i < r->g.n_remarks; i++)
		if (strstr(r->g.remarks[i], words))
			return 1;
	return 0;
}

static void end(struct rig *r)
{
	gate_release(&r->g);
	metrics_release(&r->t);
	thresholds_release(&r->limits);
}

/* ---- verdicts ---- */

static void nothing_changed(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_true(r.g.paired);
	assert_int_equal(r.g.refused, 0);
	assert_int_equal(r.g.n, 8);
	assert_int_equal(r.g.n_deciding, 8);
	assert_int_equal(r.g.of[VERDICT_OK] + r.g.of[VERDICT_INCONCLUSIVE], 8);
	assert_int_equal(row(&r, NULL, METRIC_WALL)->d.test, DECIDE_PAIRED);
	assert_int_equal(row(&r, NULL, METRIC_ALLOC_COUNT)->d.test, DECIDE_EXACT);
	/* The whole run first, then stages as they came; metrics as in the enum. */
	assert_null(r.g.rows[0].stage);
	assert_int_equal(r.g.rows[4].metric, METRIC_ALLOC_BYTES);
	assert_string_equal(r.g.rows[5].stage, "knn");
	assert_string_equal(r.g.rows[7].stage, "align");
	assert_non_null(strstr(r.g.why, "8 comparisons"));
	end(&r);
}

static void one_more_allocation_in_a_hundred_is_found(void **state)
{
	const struct gate_row *x;
	struct rig r;

	(void)state;
	begin(&r);
	counts(&r.t, "knn", METRIC_ALLOC_COUNT, 4000, 4040);
	assert_int_equal(judge(&r), VERDICT_REGRESSION);
	x = row(&r, "knn", METRIC_ALLOC_COUNT);
	assert_int_equal(x->d.verdict, VERDICT_REGRESSION);
	assert_true(fabs(x->d.change - 0.01) < 1e-9);
	assert_string_equal(x->accept, "--accept knn:alloc_count --reason '…'");
	assert_string_equal(r.g.why, "stage knn: allocations rose by 1.0 %");
	assert_int_equal(r.g.of[VERDICT_REGRESSION], 1);
	end(&r);
	/* One run of each is enough for a count, and says so. */
	begin_with(&r, 1, 1, 1);
	counts(&r.t, NULL, METRIC_SQL, 100, 101);
	assert_int_equal(judge(&r), VERDICT_REGRESSION);
	assert_int_equal(row(&r, NULL, METRIC_SQL)->d.reason, DECIDE_ONE_COUNT);
	end(&r);
}

static void slower_runs_are_found(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	times(&r.t, NULL, METRIC_WALL, 2e9, 1.08);
	times(&r.t, "knn", METRIC_WALL, 1e9, 1.16);
	assert_int_equal(judge(&r), VERDICT_REGRESSION);
	assert_int_equal(row(&r, NULL, METRIC_WALL)->d.verdict, VERDICT_REGRESSION);
	assert_int_equal(row(&r, "knn", METRIC_WALL)->d.verdict, VERDICT_REGRESSION);
	assert_int_equal(row(&r, NULL, METRIC_CPU)->d.verdict, VERDICT_OK);
	assert_non_null(strstr(r.g.why, "wall time rose by "));
	assert_non_null(strstr(r.g.why, ", and 1 more regression"));
	times(&r.t, NULL, METRIC_WALL, 2e9, 0.9);
	times(&r.t, "knn", METRIC_WALL, 1e9, 0.8);
	assert_int_equal(judge(&r), VERDICT_IMPROVED);
	assert_non_null(strstr(r.g.why, "wall time fell by "));
	end(&r);
}

static void one_regression_beats_an_improvement(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	times(&r.t, NULL, METRIC_WALL, 2e9, 0.8);
	counts(&r.t, NULL, METRIC_ALLOC_COUNT, 100, 150);
	assert_int_equal(judge(&r), VERDICT_REGRESSION);
	assert_int_equal(r.g.of[VERDICT_IMPROVED], 1);
	end(&r);
}

/* ---- what cannot be said ---- */

static void one_run_says_nothing_of_times(void **state)
{
	struct rig r;

	(void)state;
	begin_with(&r, 1, 1, 1);
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(row(&r, NULL, METRIC_WALL)->d.reason, DECIDE_ONE_RUN);
	assert_int_equal(row(&r, NULL, METRIC_ALLOC_COUNT)->d.verdict, VERDICT_OK);
	assert_true(r.g.more > 0);
	assert_non_null(strstr(r.g.why, "wall time cannot be said"));
	assert_non_null(strstr(r.g.why, "more run"));
	/* Asked of the counts alone, it is decided. */
	r.o.metrics = 1u << METRIC_ALLOC_COUNT | 1u << METRIC_PEAK_HEAP;
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n, 3);
	end(&r);
}

static void stages_that_cannot_be_said_matter_where_they_are_named(void **state)
{
	static const double few[] = {1e9, 1.2e9, 0.8e9, 1.1e9, 0.9e9,
				     1e9, 1.3e9, 0.7e9, 1e9,   1.1e9};
	static const double other[] = {1.2e9, 1e9,   1.1e9, 0.8e9, 1.2e9,
				       0.9e9, 1.3e9, 0.8e9, 1.1e9, 1e9};
	struct rig r;

	(void)state;
	begin(&r);
	gate_set(&r.t, 0, "knn", METRIC_WALL, METRIC_KIND_TIME, few, PAIRS);
	gate_set(&r.t, 1, "knn", METRIC_WALL, METRIC_KIND_TIME, other, PAIRS);
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_int_equal(row(&r, "knn", METRIC_WALL)->d.verdict, VERDICT_INCONCLUSIVE);
	assert_false(row(&r, "knn", METRIC_WALL)->relevant);
	limits(&r, "{\"stages\": {\"k*\": {\"wall\": {\"relative\": 0.02}}}}");
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	assert_true(row(&r, "knn", METRIC_WALL)->relevant == 1);
	assert_non_null(strstr(r.g.why, "stage knn: wall time cannot be said"));
	end(&r);
}

static void a_base_of_zero_has_no_relative_change(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	counts(&r.t, NULL, METRIC_SQL, 0, 0);
	assert_int_equal(judge(&r), VERDICT_OK);
	counts(&r.t, NULL, METRIC_SQL, 0, 5);
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(row(&r, NULL, METRIC_SQL)->d.reason, DECIDE_ZERO_BASE);
	assert_non_null(row(&r, NULL, METRIC_SQL)->accept);
	assert_int_equal(r.g.more, 0);
	/* In a stage, too: it is a count. */
	counts(&r.t, NULL, METRIC_SQL, 5, 5);
	counts(&r.t, "knn", METRIC_SQL, 0, 5);
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	limits(&r,
	       "{\"accept\": [{\"stage\": \"knn\", \"metric\": \"sql\", \"reason\": \"cached\"}]}");
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_string_equal(row(&r, "knn", METRIC_SQL)->accepted_by, "cached");
	end(&r);
}

static void values_that_are_no_numbers_are_missing(void **state)
{
	struct rig r;
	size_t i;

	(void)state;
	begin(&r);
	for (i = 0; i < PAIRS; i++) {
		metrics_set(&r.t, 0, i, NULL, METRIC_WALL, METRIC_KIND_TIME, i ? NAN : INFINITY,
			    NULL);
		metrics_set(&r.t, 1, i, "align", METRIC_WALL, METRIC_KIND_TIME, NAN, NULL);
	}
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(row(&r, NULL, METRIC_WALL)->d.reason, DECIDE_NO_BASE);
	assert_string_equal(row(&r, NULL, METRIC_WALL)->note, "the base does not have this value");
	assert_true(row(&r, "align", METRIC_WALL)->is_missing);
	end(&r);
}

static void stages_that_are_new_or_missing_are_named(void **state)
{
	struct rig r;
	size_t i;

	(void)state;
	begin(&r);
	for (i = 0; i < PAIRS; i++) {
		metrics_set(&r.t, 1, i, "parse", METRIC_WALL, METRIC_KIND_TIME, 5e8, NULL);
		metrics_set(&r.t, 1, i, "parse", METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 5, NULL);
		metrics_set(&r.t, 0, i, "old", METRIC_WALL, METRIC_KIND_TIME, 5e8, NULL);
		if (i)
			metrics_set(&r.t, 0, i, "some", METRIC_WALL, METRIC_KIND_TIME, 5e8, NULL);
		metrics_set(&r.t, 1, i, "some", METRIC_WALL, METRIC_KIND_TIME, 5e8, NULL);
	}
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n_new, 1);
	assert_int_equal(r.g.n_missing, 1);
	assert_true(row(&r, "parse", METRIC_WALL)->is_new);
	assert_true(row(&r, "parse", METRIC_ALLOC_COUNT)->is_new);
	assert_true(row(&r, "old", METRIC_WALL)->is_missing);
	assert_false(row(&r, "some", METRIC_WALL)->is_new);
	assert_true(remarked(&r, "stage 'parse' is new"));
	assert_true(remarked(&r, "stage 'old' is missing"));
	assert_true(remarked(&r, "'some' is not in every run"));
	end(&r);
}

static void groups_without_runs_have_no_verdict(void **state)
{
	struct rig r;

	(void)state;
	begin_with(&r, 3, 0, 1);
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	end(&r);
	begin_with(&r, 0, 0, 1);
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(r.g.n, 0);
	end(&r);
}

/* ---- what must not be compared ---- */

static void is_refused_unless_told(struct rig *r, unsigned bit, const char *words, int everything)
{
	assert_int_equal(judge(r), VERDICT_INCONCLUSIVE);
	assert_int_equal(r->g.refused, bit);
	assert_true(remarked(r, words));
	assert_int_equal(row(r, NULL, METRIC_WALL)->refused, bit);
	assert_non_null(strstr(row(r, NULL, METRIC_WALL)->note, "not compared"));
	assert_int_equal(row(r, NULL, METRIC_ALLOC_COUNT)->refused, everything ? bit : 0);
	assert_int_equal(r->g.more, 0);
	assert_non_null(strstr(r->g.why, "not compared"));
	r->o.anyway = bit;
	assert_int_equal(judge(r), VERDICT_OK);
	assert_int_equal(r->g.refused, 0);
	assert_true(remarked(r, "all the same"));
	/* A count that rose is a regression for all that. */
	r->o.anyway = 0;
	counts(&r->t, NULL, METRIC_ALLOC_BYTES, 1e6, 2e6);
	assert_int_equal(judge(r), everything ? VERDICT_INCONCLUSIVE : VERDICT_REGRESSION);
	end(r);
}

static void text(char **field, const char *to)
{
	free(*field);
	*field = strdup(to);
}

static void other_machines_are_refused(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	text(&r.t.runs_b[3].host, "other");
	is_refused_unless_told(&r, GATE_HOSTS, "the base is of h (cpu, 2 CPUs", 0);
	begin(&r);
	text(&r.t.runs_b[0].cpu_model, "faster");
	is_refused_unless_told(&r, GATE_HOSTS, "the candidate of h (faster", 0);
	begin(&r);
	text(&r.t.runs_a[2].kernel, "6.2");
	is_refused_unless_told(&r, GATE_HOSTS, "kernel 6.2", 0);
	begin(&r);
	r.t.runs_a[2].ncpu = 8;
	is_refused_unless_told(&r, GATE_HOSTS, "8 CPUs", 0);
}

static void other_rates_and_modes_are_refused(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	r.t.runs_b[1].rate_hz = 99;
	is_refused_unless_told(&r, GATE_RATES, "the base has 999 Hz, the candidate 99 Hz", 0);
	begin(&r);
	text(&r.t.runs_b[1].mode, "wall");
	is_refused_unless_told(&r, GATE_MODES, "the candidate wall by clock", 0);
	begin(&r);
	text(&r.t.runs_b[1].memory, "off");
	is_refused_unless_told(&r, GATE_MODES, "memory was tracked differently", 0);
}

static void broken_and_failed_runs_are_refused(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	r.t.runs_b[1].finished = 0;
	is_refused_unless_told(&r, GATE_UNFINISHED, "candidate run run3 did not finish", 1);
	begin(&r);
	r.t.runs_a[0].failed = 1;
	r.t.runs_a[0].signal = 9;
	is_refused_unless_told(&r, GATE_FAILED, "base run run0 ended by signal 9", 1);
	begin(&r);
	r.t.runs_a[0].failed = r.t.runs_a[1].failed = 1;
	r.t.runs_a[0].exit_code = 3;
	is_refused_unless_told(&r, GATE_FAILED, "and 1 more ended by exit code 3", 1);
}

static void lossy_runs_are_refused(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	r.t.runs_b[1].loss.counts = 4;
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(row(&r, NULL, METRIC_ALLOC_COUNT)->refused, GATE_LOSSY);
	assert_int_equal(row(&r, NULL, METRIC_WALL)->refused, 0);
	assert_true(remarked(&r, "lost data (4 losses"));
	r.o.anyway = GATE_LOSSY;
	assert_int_equal(judge(&r), VERDICT_OK);
	/* A few samples that are missing spoil no time of a process. */
	r.o.anyway = 0;
	r.t.runs_b[1].loss.counts = 0;
	r.t.runs_b[1].loss.samples = 5;
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n_remarks, 0);
	r.t.runs_b[1].loss.samples = 500;
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_true(remarked(&r, "lost 500 of 1500 samples"));
	/* But CPU time that is the sum of the samples. */
	for (size_t i = 0; i < PAIRS; i++)
		r.t.runs_a[i].cpu_of_samples = r.t.runs_b[i].cpu_of_samples = 1;
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(row(&r, NULL, METRIC_CPU)->refused, GATE_LOSSY);
	assert_true(remarked(&r, "CPU time is the sum of the samples"));
	r.t.runs_b[1].loss.samples = 0;
	r.t.runs_b[1].cpu_of_samples = 0;
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(row(&r, NULL, METRIC_CPU)->refused, GATE_MODES);
	end(&r);
}

/* A committed baseline of counts, of another machine: counts decide, times are not asked for. */
static void kept_counts_of_another_machine_decide(void **state)
{
	struct rig r;
	size_t i;

	(void)state;
	memset(&r, 0, sizeof(r));
	gate_add_runs(&r.t, METRICS_BASE, 3, 0, 1);
	for (i = 0; i < 3; i++) {
		text(&r.t.runs_a[i].host, "laptop");
		r.t.runs_a[i].kept = 1;
	}
	counts(&r.t, NULL, METRIC_ALLOC_COUNT, 100000, 0);
	gate_add_runs(&r.t, METRICS_CANDIDATE, 3, 40, 1);
	for (i = 0; i < 3; i++) {
		metrics_set(&r.t, 1, i, NULL, METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 100000, NULL);
		metrics_set(&r.t, 1, i, NULL, METRIC_WALL, METRIC_KIND_TIME, 1e9, NULL);
		metrics_set(&r.t, 1, i, "s", METRIC_WALL, METRIC_KIND_TIME, 1e9, NULL);
	}
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_string_equal(row(&r, NULL, METRIC_WALL)->note, "the kept values do not have it");
	assert_false(row(&r, NULL, METRIC_WALL)->relevant);
	assert_int_equal(r.g.refused, 0);
	assert_int_equal(r.g.n_remarks, 0);
	/* Named in the file, they are asked for. */
	limits(&r, "{\"metrics\": {\"wall\": {\"relative\": 0.1}}}");
	assert_int_equal(judge(&r), VERDICT_INCONCLUSIVE);
	metrics_set(&r.t, 1, 0, NULL, METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 102000, NULL);
	metrics_set(&r.t, 1, 1, NULL, METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 102000, NULL);
	metrics_set(&r.t, 1, 2, NULL, METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 102000, NULL);
	assert_int_equal(judge(&r), VERDICT_REGRESSION);
	/* With its times in it, they are refused. */
	for (i = 0; i < 3; i++)
		metrics_set(&r.t, 0, i, NULL, METRIC_WALL, METRIC_KIND_TIME, 1e9, NULL);
	assert_int_equal(judge(&r), VERDICT_REGRESSION);
	assert_int_equal(row(&r, NULL, METRIC_WALL)->refused, GATE_HOSTS);
	end(&r);
}

/* Instructions of the whole run alone are kept: no stage is new for that. */
static void kept_values_without_stages_know_no_new_ones(void **state)
{
	struct rig r;

	(void)state;
	begin_with(&r, 0, 2, 1);
	gate_add_runs(&r.t, METRICS_BASE, 1, 0, 1);
	r.t.runs_a[0].kept = 1;
	text(&r.t.runs_a[0].engine, "perf");
	r.t.runs_a[0].rate_hz = 50;
	counts(&r.t, NULL, METRIC_INSTRUCTIONS, 1e6, 1e6);
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n_new, 0);
	assert_int_equal(r.g.n_remarks, 0);
	assert_string_equal(row(&r, "knn", METRIC_WALL)->note, "the kept values do not have it");
	assert_string_equal(row(&r, "knn", METRIC_ALLOC_COUNT)->note,
			    "the kept values do not have it");
	end(&r);
}

/* ---- thresholds ---- */

static void thresholds_are_obeyed(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	times(&r.t, NULL, METRIC_WALL, 2e9, 1.1);
	counts(&r.t, "knn", METRIC_ALLOC_COUNT, 4000, 4100);
	limits(&r, "{\"metrics\": {\"wall\": {\"relative\": 0.25}},\n\"stages\": {\"knn\": "
		   "{\"ignore\": true, \"reason\": \"being rewritten\", \"owner\": \"ann\"}, "
		   "\"kmn\": {}}}");
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_true(row(&r, "knn", METRIC_ALLOC_COUNT)->ignored);
	assert_string_equal(row(&r, "knn", METRIC_WALL)->note, "being rewritten");
	assert_string_equal(row(&r, "knn", METRIC_WALL)->owner, "ann");
	assert_true(fabs(row(&r, NULL, METRIC_WALL)->rule.relative - 0.25) < 1e-9);
	assert_int_equal(r.g.n_deciding, 6);
	assert_true(remarked(&r, "name stage 'kmn', which no run has"));
	end(&r);
}

static void accepted_changes_pass_until_they_are_over(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	counts(&r.t, "knn", METRIC_ALLOC_COUNT, 4000, 4400);
	limits(&r,
	       "{\"accept\": [{\"stage\": \"knn\", \"metric\": \"alloc_count\", \"up_to\": 0.12, "
	       "\"reason\": \"a cache\", \"until\": \"2026-06-30\"},\n {\"stage\": null, "
	       "\"metric\": \"wall\", \"reason\": \"not needed\"},\n {\"stage\": \"gone\", "
	       "\"metric\": \"wall\", \"reason\": \"no such stage\"}]}");
	r.o.now_ns = INT64_C(1780000000000000000); /* 2026-05-28 */
	assert_int_equal(judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n_accepted, 1);
	assert_string_equal(row(&r, "knn", METRIC_ALLOC_COUNT)->accepted_by, "a cache");
	assert_int_equal(row(&r, "knn", METRIC_ALLOC_COUNT)->d.verdict, VERDICT_REGRESSION);
	assert_true(remarked(&r, "the accepted change of wall (line 2) is not there"));
	assert_true(remarked(&r, "gone:wall (line 3) is of what no run has"));
	r.o.now_ns = INT64_C(1785000000000000000); /* 2026-07-25 */
	assert_int_equal(judge(&r), VERDICT_REGRESSION);
	assert_true(remarked(&r, "knn:alloc_count is over since 2026-06-30 (a cache)"));
	/* More than was accepted. */
	r.o.now_ns = 0;
	counts(&r.t, "knn", METRIC_ALLOC_COUNT, 4000, 4600);
	assert_int_equal(judge(&r), VERDICT_REGRESSION);
	end(&r);
}

/* ---- pairs ---- */

static void pairs_are_runs_taken_in_turns(void **state)
{
	struct rig r;

	(void)state;
	begin_with(&r, PAIRS, PAIRS, 1); /* all of one, then all of the other */
	judge(&r);
	assert_false(r.g.paired);
	assert_int_equal(row(&r, NULL, METRIC_WALL)->d.test, DECIDE_TWO_SAMPLE);
	r.o.pairing = GATE_PAIR_ALWAYS;
	judge(&r);
	assert_true(r.g.paired);
	end(&r);
	begin(&r);
	r.o.pairing = GATE_PAIR_NEVER;
	judge(&r);
	assert_false(r.g.paired);
	end(&r);
	begin_with(&r, PAIRS, PAIRS - 1, 2);
	r.o.pairing = GATE_PAIR_ALWAYS;
	judge(&r);
	assert_false(r.g.paired);
	assert_true(remarked(&r, "10 base runs and 9 candidate runs cannot be paired"));
	end(&r);
}

/* The order in which runs are added does not matter: time does. */
static void runs_are_put_in_the_order_of_time(void **state)
{
	struct rig r;
	size_t i;
	double first;

	(void)state;
	begin(&r);
	for (i = 0; i < PAIRS; i++) /* A B B A A B B A … */
		if (i % 2) {
			int64_t x = r.t.runs_a[i].started_at;

			r.t.runs_a[i].started_at = r.t.runs_b[i].started_at;
			r.t.runs_b[i].started_at = x;
		}
	judge(&r);
	assert_true(r.g.paired);
	first = r.t.runs_a[0].started_at > 0 ? metrics_row(&r.t, NULL, METRIC_WALL)->a[0] : 0;
	r.t.runs_a[0].started_at = GATE_START * 2; /* the first is the last now */
	judge(&r);
	assert_true(fabs(row(&r, NULL, METRIC_WALL)->a[PAIRS - 1] - first) < 1);
	assert_false(r.g.paired);
	end(&r);
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
		cmocka_unit_test(values_that_are_no_numbers_are_missing),
		cmocka_unit_test(stages_that_are_new_or_missing_are_named),
		cmocka_unit_test(groups_without_runs_have_no_verdict),
		cmocka_unit_test(other_machines_are_refused),
		cmocka_unit_test(other_rates_and_modes_are_refused),
		cmocka_unit_test(broken_and_failed_runs_are_refused),
		cmocka_unit_test(lossy_runs_are_refused),
		cmocka_unit_test(kept_counts_of_another_machine_decide),
		cmocka_unit_test(kept_values_without_stages_know_no_new_ones),
		cmocka_unit_test(thresholds_are_obeyed),
		cmocka_unit_test(accepted_changes_pass_until_they_are_over),
		cmocka_unit_test(pairs_are_runs_taken_in_turns),
		cmocka_unit_test(runs_are_put_in_the_order_of_time),
		cmocka_unit_test(words_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
