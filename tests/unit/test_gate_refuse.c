/* What must not be compared, and is not unless told: other machines, rates and modes, broken, failed and lossy runs; and
 * what kept values leave out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/verdict_rig.h"

static void is_refused_unless_told(struct rig *r, unsigned bit, const char *words, int everything)
{
	assert_int_equal(rig_judge(r), VERDICT_INCONCLUSIVE);
	assert_int_equal(r->g.refused, bit);
	assert_true(rig_remarked(r, words));
	assert_int_equal(rig_row(r, NULL, METRIC_WALL)->refused, bit);
	assert_non_null(strstr(rig_row(r, NULL, METRIC_WALL)->note, "not compared"));
	assert_int_equal(rig_row(r, NULL, METRIC_ALLOC_COUNT)->refused, everything ? bit : 0);
	assert_int_equal(r->g.more, 0);
	assert_non_null(strstr(r->g.why, "not compared"));
	r->o.anyway = bit;
	assert_int_equal(rig_judge(r), VERDICT_OK);
	assert_int_equal(r->g.refused, 0);
	assert_true(rig_remarked(r, "all the same"));
	/* A count that rose is a regression for all that. */
	r->o.anyway = 0;
	rig_counts(&r->t, NULL, METRIC_ALLOC_BYTES, 1e6, 2e6);
	assert_int_equal(rig_judge(r), everything ? VERDICT_INCONCLUSIVE : VERDICT_REGRESSION);
	rig_end(r);
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
	rig_begin(&r);
	text(&r.t.runs_b[3].host, "other");
	is_refused_unless_told(&r, GATE_HOSTS, "the base is of h (cpu, 2 CPUs", 0);
	rig_begin(&r);
	text(&r.t.runs_b[0].cpu_model, "faster");
	is_refused_unless_told(&r, GATE_HOSTS, "the candidate of h (faster", 0);
	rig_begin(&r);
	text(&r.t.runs_a[2].kernel, "6.2");
	is_refused_unless_told(&r, GATE_HOSTS, "kernel 6.2", 0);
	rig_begin(&r);
	r.t.runs_a[2].ncpu = 8;
	is_refused_unless_told(&r, GATE_HOSTS, "8 CPUs", 0);
}

static void other_rates_and_modes_are_refused(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	r.t.runs_b[1].rate_hz = 99;
	is_refused_unless_told(&r, GATE_RATES, "the base has 999 Hz, the candidate 99 Hz", 0);
	rig_begin(&r);
	text(&r.t.runs_b[1].mode, "wall");
	is_refused_unless_told(&r, GATE_MODES, "the candidate wall by clock", 0);
	rig_begin(&r);
	text(&r.t.runs_b[1].memory, "off");
	is_refused_unless_told(&r, GATE_MODES, "memory was tracked differently", 0);
}

static void broken_and_failed_runs_are_refused(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	r.t.runs_b[1].finished = 0;
	is_refused_unless_told(&r, GATE_UNFINISHED, "candidate run run3 did not finish", 1);
	rig_begin(&r);
	r.t.runs_a[0].failed = 1;
	r.t.runs_a[0].signal = 9;
	is_refused_unless_told(&r, GATE_FAILED, "base run run0 ended by signal 9", 1);
	rig_begin(&r);
	r.t.runs_a[0].failed = r.t.runs_a[1].failed = 1;
	r.t.runs_a[0].exit_code = 3;
	is_refused_unless_told(&r, GATE_FAILED, "and 1 more ended by exit code 3", 1);
}

static void lossy_runs_are_refused(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r);
	r.t.runs_b[1].loss.counts = 4;
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(rig_row(&r, NULL, METRIC_ALLOC_COUNT)->refused, GATE_LOSSY);
	assert_int_equal(rig_row(&r, NULL, METRIC_WALL)->refused, 0);
	assert_true(rig_remarked(&r, "lost data (4 losses"));
	r.o.anyway = GATE_LOSSY;
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	/* A few samples that are missing spoil no time of a process. */
	r.o.anyway = 0;
	r.t.runs_b[1].loss.counts = 0;
	r.t.runs_b[1].loss.samples = 5;
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n_remarks, 0);
	r.t.runs_b[1].loss.samples = 500;
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_true(rig_remarked(&r, "lost 500 of 1500 samples"));
	/* But CPU time that is the sum of the samples. */
	for (size_t i = 0; i < PAIRS; i++)
		r.t.runs_a[i].cpu_of_samples = r.t.runs_b[i].cpu_of_samples = 1;
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(rig_row(&r, NULL, METRIC_CPU)->refused, GATE_LOSSY);
	assert_true(rig_remarked(&r, "CPU time is the sum of the samples"));
	r.t.runs_b[1].loss.samples = 0;
	r.t.runs_b[1].cpu_of_samples = 0;
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	assert_int_equal(rig_row(&r, NULL, METRIC_CPU)->refused, GATE_MODES);
	rig_end(&r);
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
	rig_counts(&r.t, NULL, METRIC_ALLOC_COUNT, 100000, 0);
	gate_add_runs(&r.t, METRICS_CANDIDATE, 3, 40, 1);
	for (i = 0; i < 3; i++) {
		metrics_set(&r.t, 1, i, NULL, METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 100000, NULL);
		metrics_set(&r.t, 1, i, NULL, METRIC_WALL, METRIC_KIND_TIME, 1e9, NULL);
		metrics_set(&r.t, 1, i, "s", METRIC_WALL, METRIC_KIND_TIME, 1e9, NULL);
	}
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_string_equal(rig_row(&r, NULL, METRIC_WALL)->note, "the kept values do not have it");
	assert_false(rig_row(&r, NULL, METRIC_WALL)->relevant);
	assert_int_equal(r.g.refused, 0);
	assert_int_equal(r.g.n_remarks, 0);
	/* Named in the file, they are asked for. */
	rig_limits(&r, "{\"metrics\": {\"wall\": {\"relative\": 0.1}}}");
	assert_int_equal(rig_judge(&r), VERDICT_INCONCLUSIVE);
	metrics_set(&r.t, 1, 0, NULL, METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 102000, NULL);
	metrics_set(&r.t, 1, 1, NULL, METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 102000, NULL);
	metrics_set(&r.t, 1, 2, NULL, METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, 102000, NULL);
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	/* With its times in it, they are refused. */
	for (i = 0; i < 3; i++)
		metrics_set(&r.t, 0, i, NULL, METRIC_WALL, METRIC_KIND_TIME, 1e9, NULL);
	assert_int_equal(rig_judge(&r), VERDICT_REGRESSION);
	assert_int_equal(rig_row(&r, NULL, METRIC_WALL)->refused, GATE_HOSTS);
	rig_end(&r);
}

/* Instructions of the whole run alone are kept: no stage is new for that. */
static void kept_values_without_stages_know_no_new_ones(void **state)
{
	struct rig r;

	(void)state;
	rig_begin_with(&r, 0, 2, 1);
	gate_add_runs(&r.t, METRICS_BASE, 1, 0, 1);
	r.t.runs_a[0].kept = 1;
	text(&r.t.runs_a[0].engine, "perf");
	r.t.runs_a[0].rate_hz = 50;
	rig_counts(&r.t, NULL, METRIC_INSTRUCTIONS, 1e6, 1e6);
	assert_int_equal(rig_judge(&r), VERDICT_OK);
	assert_int_equal(r.g.n_new, 0);
	assert_int_equal(r.g.n_remarks, 1); /* what the kept values lack, and no more */
	assert_true(rig_remarked(&r, "only the candidate has "));
	assert_null(strstr(r.g.remarks[0], "instructions"));
	assert_string_equal(rig_row(&r, "knn", METRIC_WALL)->note,
			    "the kept values do not have it");
	assert_string_equal(rig_row(&r, "knn", METRIC_ALLOC_COUNT)->note,
			    "the kept values do not have it");
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_machines_are_refused),
		cmocka_unit_test(other_rates_and_modes_are_refused),
		cmocka_unit_test(broken_and_failed_runs_are_refused),
		cmocka_unit_test(lossy_runs_are_refused),
		cmocka_unit_test(kept_counts_of_another_machine_decide),
		cmocka_unit_test(kept_values_without_stages_know_no_new_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
