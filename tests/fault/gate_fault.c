/* Every allocation of a comparison fails once: the table of values, thresholds, kept values, the verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "prof/analyze/baseline.h"
#include "prof/analyze/gate.h"
#include "tests/fault/each.h"
#include "tests/unit/gate_rig.h"

static const char *const file =
	"{\"metrics\": {\"wall\": {\"relative\": 0.5, \"reason\": \"r\", \"owner\": \"o\"}}, "
	"\"stages\": {\"s*\": {\"sql\": {\"ignore\": true, \"reason\": \"r\"}, \"owner\": \"o\"}}, "
	"\"functions\": {\"relative\": 0.1, \"reason\": \"r\"}, "
	"\"accept\": [{\"stage\": \"t\", \"metric\": \"sql\", \"reason\": \"why\", \"owner\": "
	"\"o\", "
	"\"until\": \"2027-01-01\"}]}";

static struct profile profile;
static struct metric_table table;
static struct buf kept = BUF_INIT;

static int make(void **state)
{
	static const double a[] = {1, 2, 3, 4, 5, 6, 7, 8}, b[] = {11, 12, 13, 14, 15, 16, 17, 18};
	size_t i;

	(void)state;
	json_set_alloc_funcs(malloc, free); /* those that can fail */
	gate_profile(&profile, 0, "full");
	made_sample(&profile, PROFILE_ALLOC, PROFILE_NONE, 0, "main;f", 10, 1000);
	for (i = 0; i < 40; i++) {
		char name[16];

		snprintf(name, sizeof(name), i % 2 ? "s\xff%zu" : "s%zu", i);
		made_stage(&profile, name, i ? (uint32_t)i - 1 : PROFILE_NONE, 10);
	}
	gate_sql(&profile, 3, 10);
	gate_add_runs(&table, METRICS_BASE, 8, 0, 2);
	gate_add_runs(&table, METRICS_CANDIDATE, 8, 1, 2);
	free(table.runs_b[0].host);
	table.runs_b[0].host = strdup("other");
	gate_set(&table, 0, NULL, METRIC_WALL, METRIC_KIND_TIME, a, 8);
	gate_set(&table, 1, NULL, METRIC_WALL, METRIC_KIND_TIME, b, 8);
	gate_set(&table, 0, "s1", METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, a, 8);
	gate_set(&table, 1, "s1", METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, b, 8);
	gate_set(&table, 0, "t", METRIC_SQL, METRIC_KIND_COUNT, a, 1);
	gate_set(&table, 1, "t", METRIC_SQL, METRIC_KIND_COUNT, b, 1);
	gate_set(&table, 1, "new", METRIC_SQL, METRIC_KIND_COUNT, b, 1);
	return baseline_write(&kept, &table, METRICS_BASE, 0, NULL);
}

static int drop(void **state)
{
	(void)state;
	profile_release(&profile);
	metrics_release(&table);
	buf_release(&kept);
	return 0;
}

static int runs_once(void)
{
	struct metric_table t = {0};
	int rc = 0, i;

	for (i = 0; rc == 0 && i < 10; i++)
		rc = metrics_add_run(&t, i % 2, &profile, NULL);
	if (rc)
		assert_int_equal(t.n_a + t.n_b, i - 1); /* the one that failed is not in it */
	else
		assert_int_equal(t.n_a, 5);
	metrics_release(&t);
	return rc;
}

static void runs(void **state)
{
	(void)state;
	assert_true(fault_each(runs_once, 0) > 50);
}

static int thresholds_once(void)
{
	struct err err = ERR_INIT;
	struct thresholds t;
	int rc = thresholds_read(&t, file, strlen(file), "f", &err);

	if (rc == 0)
		assert_int_equal(t.n_accept, 1);
	else /* jansson without memory sees tokens that are none */
		assert_true(err.code == ERR_NOMEM ||
			    (err.code == ERR_FORMAT && err.text[0] == 'f'));
	thresholds_release(&t);
	return rc;
}

static void files_of_thresholds(void **state)
{
	(void)state;
	assert_true(fault_each(thresholds_once, 0) > 20);
}

static int add_once(void)
{
	const struct threshold_new add = {
		.stage = "x", .metric = METRIC_SQL, .up_to = 1, .reason = "why"};
	char *out;
	size_t n;
	int rc = thresholds_add_accept(&out, &n, file, strlen(file), "f", &add, NULL);

	if (rc)
		assert_null(out);
	else
		assert_non_null(strstr(out, "\"x\""));
	free(out);
	return rc;
}

static void accepted_changes(void **state)
{
	(void)state;
	assert_true(fault_each(add_once, 0) > 50);
}

static int words_once(void)
{
	char *words = thresholds_accept_words("a b", METRIC_SQL);
	int rc = words ? 0 : ERR_NOMEM;

	free(words);
	return rc;
}

static int write_once(void)
{
	struct buf b = BUF_INIT;
	int rc = baseline_write(&b, &table, METRICS_BASE, 0, NULL);

	if (rc == 0)
		assert_string_equal(b.data, kept.data);
	buf_release(&b);
	return rc;
}

static int read_once(void)
{
	struct metric_table t = {0};
	int rc = baseline_read(&t, METRICS_BASE, kept.data, kept.len, "f", NULL);

	assert_int_equal(t.n_a, rc ? 0 : 8);
	metrics_release(&t);
	return rc;
}

static void kept_values(void **state)
{
	(void)state;
	assert_true(fault_each(words_once, 0) > 0);
	assert_true(fault_each(write_once, 0) > 20);
	assert_true(fault_each(read_once, 0) > 50);
}

static struct thresholds limits;

static int judge_once(void)
{
	const struct gate_options o = {.thresholds = &limits, .normalise = "total"};
	struct gate_result g;
	int rc = gate_judge(&g, &table, NULL, &o, NULL);

	if (rc == 0) {
		assert_int_equal(g.verdict, VERDICT_REGRESSION);
		gate_release(&g);
	}
	return rc;
}

static void verdicts(void **state)
{
	(void)state;
	assert_int_equal(thresholds_read(&limits, file, strlen(file), "f", NULL), 0);
	assert_true(fault_each(judge_once, 0) > 3);
	thresholds_release(&limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs),
		cmocka_unit_test(files_of_thresholds),
		cmocka_unit_test(accepted_changes),
		cmocka_unit_test(kept_values),
		cmocka_unit_test(verdicts),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
