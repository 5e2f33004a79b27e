/* Kept values: written the same way each time, read back as they were, and refused where they are not whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/baseline.h"
#include "tests/unit/gate_rig.h"

static void fill(struct metric_table *t)
{
	static const double wall[] = {1e9, 1.25e9, NAN}, count[] = {15, 15, 15};
	static const double part[] = {0.1, 1.0 / 3, 1e300};
	struct gate_run odd = gate_known(9);

	odd.label = (char *)(uintptr_t) "{\"k\": \"v\"}";
	odd.failed = 1;
	odd.signal = 9;
	odd.finished = 0;
	odd.loss.counts = odd.lost = UINT64_MAX;
	odd.cpu_of_samples = 1;
	odd.version = (char *)(uintptr_t) "1.0\n\"x\"";
	gate_add_runs(t, METRICS_BASE, 2, 1, 1);
	if (metrics_add_known(t, METRICS_BASE, &odd, NULL))
		abort();
	gate_add_runs(t, METRICS_CANDIDATE, 1, 5, 1);
	gate_set(t, METRICS_BASE, "st\"age", METRIC_WALL, METRIC_KIND_TIME, wall, 3);
	gate_set(t, METRICS_BASE, "st\"age", METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, count, 3);
	gate_set(t, METRICS_BASE, NULL, METRIC_PEAK_HEAP, METRIC_KIND_ESTIMATE, part, 3);
	gate_set(t, METRICS_BASE, NULL, METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, count, 3);
	gate_set(t, METRICS_CANDIDATE, NULL, METRIC_SQL, METRIC_KIND_COUNT, count, 1);
}

static void same_values(const struct metric_table *t, const struct metric_table *u)
{
	size_t i, k;

	assert_int_equal(t->n_a, u->n_a);
	for (i = 0; i < t->n; i++) {
		const struct metric_row *x = &t->rows[i];
		const struct metric_row *y = metrics_row(u, x->stage, x->metric);

		if (x->metric == METRIC_SQL) {
			assert_null(y);
			continue;
		}
		assert_non_null(y);
		assert_int_equal(x->kind, y->kind);
		for (k = 0; k < t->n_a; k++)
			assert_true(isnan(x->a[k]) ? isnan(y->a[k])
						   : !(x->a[k] < y->a[k]) && !(x->a[k] > y->a[k]));
	}
}

static void values_come_back_and_bytes_are_the_same(void **state)
{
	struct metric_table t = {0}, u = {0};
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	fill(&t);
	assert_int_equal(baseline_write(&one, &t, METRICS_BASE, 0, &err), 0);
	assert_true(baseline_is(one.data, one.len));
	if (baseline_read(&u, METRICS_BASE, one.data, one.len, "b.json", &err))
		fail_msg("%s", err.text);
	same_values(&t, &u);
	assert_string_equal(u.runs_a[0].host, "h");
	assert_string_equal(u.runs_a[0].source, "b.json");
	assert_int_equal(u.runs_a[0].kept, 1);
	assert_int_equal(u.runs_a[1].started_at, t.runs_a[1].started_at);
	assert_int_equal(u.runs_a[1].samples, 1000);
	assert_string_equal(u.runs_a[2].label, "{\"k\": \"v\"}");
	assert_string_equal(u.runs_a[2].version, "1.0\n\"x\"");
	assert_int_equal(u.runs_a[2].failed, 1);
	assert_int_equal(u.runs_a[2].signal, 9);
	assert_int_equal(u.runs_a[2].finished, 0);
	assert_int_equal(u.runs_a[2].cpu_of_samples, 1);
	assert_int_equal(u.runs_a[2].loss.counts, INT64_MAX);
	assert_int_equal(baseline_write(&two, &u, METRICS_BASE, 0, &err), 0);
	assert_string_equal(one.data, two.data);
	/* The whole run is written first, whoever came first. */
	assert_true(strstr(one.data, "{\"stage\": null") < strstr(one.data, "{\"stage\": \"st"));
	metrics_release(&t);
	metrics_release(&u);
	buf_release(&one);
	buf_release(&two);
}

static void counts_can_be_kept_alone(void **state)
{
	struct metric_table t = {0};
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	fill(&t);
	assert_int_equal(baseline_write(&b, &t, METRICS_BASE, BASELINE_COUNTS, NULL), 0);
	assert_null(strstr(b.data, "\"wall\""));
	assert_non_null(strstr(b.data, "{\"stage\": \"st\\\"age\", \"metric\": \"alloc_count\", "
				       "\"kind\": \"count\", \"values\": [15, 15, 15]}"));
	buf_clear(&b);
	assert_int_equal(baseline_write(&b, &t, METRICS_BASE, 1u << METRIC_SQL, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "no run has a value"));
	metrics_release(&t);
	buf_clear(&b);
	assert_int_equal(baseline_write(&b, &t, METRICS_BASE, 0, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "no run was given"));
	buf_release(&b);
}

static void it_may_be_the_candidate_beside_runs(void **state)
{
	struct metric_table t = {0}, u = {0};
	struct buf b = BUF_INIT;

	(void)state;
	fill(&t);
	assert_int_equal(baseline_write(&b, &t, METRICS_BASE, 0, NULL), 0);
	gate_add_runs(&u, METRICS_CANDIDATE, 2, 1, 1);
	assert_int_equal(baseline_read(&u, METRICS_CANDIDATE, b.data, b.len, "x", NULL), 0);
	assert_int_equal(baseline_read(&u, METRICS_BASE, b.data, b.len, "y", NULL), 0);
	assert_int_equal(u.n_b, 5);
	assert_int_equal(u.n_a, 3);
	assert_true(isnan(metrics_row(&u, NULL, METRIC_ALLOC_COUNT)->b[1]));
	assert_true(metrics_row(&u, NULL, METRIC_ALLOC_COUNT)->b[2] > 14);
	/* The same file once more is more runs. */
	assert_int_equal(baseline_read(&u, METRICS_BASE, b.data, b.len, "y", NULL), 0);
	assert_int_equal(u.n_a, 6);
	metrics_release(&t);
	metrics_release(&u);
	buf_release(&b);
}

#define HEAD "{\"format\": \"protea-gate-baseline\", \"version\": 1,\n"
#define RUN  "\"runs\": [{\"id\": \"a\"}],\n"

static void what_is_not_whole_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "f:1: "},
		{"{", "f:1: "},
		{"[]", "this is no baseline"},
		{"{\"format\": \"x\"}", "this is no baseline"},
		{"{\"format\": \"protea-gate-baseline\"}", "'version' must be a number"},
		{"{\"format\": \"protea-gate-baseline\", \"version\": 2}", "is newer than this"},
		{HEAD "\"runs\": []}", "f:2: 'runs' must be a list of at least one"},
		{HEAD "\"runs\": [1]}", "f:2: a run must be an object"},
		{HEAD "\"runs\": [{\"id\": 1}]}", "'id' must be a text"},
		{HEAD "\"runs\": [{\"ncpu\": -1}]}", "'ncpu' must lie"},
		{HEAD "\"runs\": [{\"ncpu\": 0.5}]}", "'ncpu' must be a whole number"},
		{HEAD "\"runs\": [{\"signal\": 99999}]}", "'signal' must lie"},
		{HEAD "\"runs\": [{\"finished\": 1}]}", "'finished' must be true or false"},
		{HEAD "\"runs\": [{\"rate_hz\": -1}]}", "'rate_hz' must be a number"},
		{HEAD "\"runs\": [{\"rate_hz\": \"1\"}]}", "'rate_hz' must be a number"},
		{HEAD RUN "\"x\": 1}", "'metrics' must be a list"},
		{HEAD RUN "\"metrics\": [\n1]}", "f:4: a row must be an object"},
		{HEAD RUN "\"metrics\": [{}]}", "f:3: 'stage' must be"},
		{HEAD RUN "\"metrics\": [{\"stage\": 1}]}", "'stage' must be"},
		{HEAD RUN "\"metrics\": [{\"stage\": null}]}", "'metric' is none"},
		{HEAD RUN "\"metrics\": [{\"stage\": null, \"metric\": \"sql\"}]}",
		 "'kind' must be"},
		{HEAD RUN
		 "\"metrics\": [{\"stage\": null, \"metric\": \"sql\", \"kind\": \"count\"}]}",
		 "'values' must be a list of 1"},
		{HEAD RUN
		 "\"metrics\": [{\"stage\": null, \"metric\": \"sql\", \"kind\": \"count\", "
		 "\"values\": [1, 2]}]}",
		 "'values' must be a list of 1"},
		{HEAD RUN
		 "\"metrics\": [{\"stage\": null, \"metric\": \"sql\", \"kind\": \"count\", "
		 "\"values\": [-1]}]}",
		 "a value must be a number"},
		{HEAD RUN
		 "\"metrics\": [{\"stage\": null, \"metric\": \"sql\", \"kind\": \"count\", "
		 "\"depth\": -1, \"values\": [1]}]}",
		 "'depth' must lie"},
		{HEAD RUN
		 "\"metrics\": [{\"stage\": null, \"metric\": \"sql\", \"kind\": \"count\", "
		 "\"values\": [1]},\n{\"stage\": null, \"metric\": \"sql\", \"kind\": "
		 "\"count\", \"values\": [1]}]}",
		 "f:4: the same stage and metric"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct metric_table t = {0};
		struct err err = ERR_INIT;

		gate_add_runs(&t, METRICS_BASE, 1, 1, 1);
		if (baseline_read(&t, METRICS_BASE, bad[i].text, strlen(bad[i].text), "f", &err) !=
			    ERR_FORMAT ||
		    !strstr(err.text, bad[i].says))
			fail_msg("%s: %s", bad[i].text, err.text);
		assert_int_equal(t.n_a, 1);
		metrics_release(&t);
	}
}

static void other_files_are_none(void **state)
{
	static const char other[] = "SQLite format 3", named[] = " \n{\"x\": 1}";

	(void)state;
	assert_false(baseline_is(other, sizeof(other)));
	assert_false(baseline_is(named, sizeof(named) - 1));
	assert_false(baseline_is("", 0));
	assert_true(baseline_is(HEAD, sizeof(HEAD) - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_back_and_bytes_are_the_same),
		cmocka_unit_test(counts_can_be_kept_alone),
		cmocka_unit_test(it_may_be_the_candidate_beside_runs),
		cmocka_unit_test(what_is_not_whole_is_refused),
		cmocka_unit_test(other_files_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
