/* Every allocation of ending a job whose run is gone fails once, SQLite's and jansson's included: the job is as it was or
 * has the one end it should have, whole; never another because there was no memory to look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "pipeline/job/problems.h"
#include "pipeline/job/retry.h"
#include "pipeline/job/settle.h"
#include "tests/fault/fault.h"
#include "tests/fault/sqlite_fault.h"
#include "tests/unit/bundle_fixture.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];
static struct settings settings;
static struct buf ready = BUF_INIT; /* the bundle with the job claimed */
static struct source_job job;

static int setup(void **state)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *environment;

	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	environment = json_pack("{s:s, s:s}", "PROTEA_EXPORT_RESUME_DIR", "resume",
				"PROTEA_STORAGE_ROOT", "store");
	assert_int_equal(settings_load(&settings, environment, dir, &problems, NULL), 0);
	json_decref(environment);
	settings.db_retry_s = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	source_job_release(&job);
	settings_release(&settings);
	buf_release(&ready);
	return fsio_remove_tree(dir, NULL);
}

/* Claims the job, with a data set in its name if `registered`, and keeps the bundle as it then is. */
static void make_ready(int registered)
{
	const struct source_claimant who = {.worker = "w"};
	const struct source_dataset row = {.id = SNAP_2,
					   .name = "d",
					   .operation = "o",
					   .job_id = JOB_1,
					   .storage_backend = "local",
					   .key_prefix = "p",
					   .manifest_uri = "m",
					   .schema_sha = "s",
					   .n_train_rows = 7,
					   .k = 5,
					   .annotation_source = "goa",
					   .train_snapshot_pairs_json = "[\"a\"]"};
	struct err err = ERR_INIT;
	struct source *s;

	fixture_sql(path,
		    "UPDATE job SET payload = '{\"output_name\": \" d \"}' WHERE id = '" JOB_1 "'");
	assert_int_equal(source_open(&s, path, SOURCE_WRITE, &err), 0);
	assert_int_equal(source_claim_job(s, JOB_1, &who, &job, &err), 1);
	if (registered)
		assert_int_equal(source_insert_dataset(s, &row, &err), 0);
	source_close(s);
	assert_int_equal(fsio_read_all(path, BUF_NO_LIMIT, &ready, &err), 0);
}

static void put_ready(void)
{
	static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
	char name[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		unlink(name);
	}
	fixture_write(path, ready.data, ready.len);
}

static int end_it(const char *requeue, enum settled *what, struct err *err)
{
	const struct settle_reason why = {"WorkerCrashed", "it is gone", requeue};
	struct source *s;
	int rc = source_open(&s, path, SOURCE_READ | SOURCE_WRITE, err);

	if (rc == 0)
		rc = settle_job(s, &settings, &job, &why, what, err);
	source_close(s);
	return rc;
}

/* How many rows of job_events say so. */
static long long count(const char *condition)
{
	char sql[2048];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM job_events WHERE %s", condition);
	return fixture_int(path, sql);
}

static const char ends[] = "event IN ('job.succeeded', 'job.failed', 'job.requeued')";

/* `whole` holds for the one event that ends it so. */
static void check_end(int rc, enum settled what, enum settled want, const char *whole)
{
	long long ended = count(ends);

	if (rc == 0) {
		assert_int_equal(what, want);
		assert_int_equal(ended, 1);
	}
	assert_in_range(ended, 0, 1); /* a failure may come after the commit */
	if (ended && count(whole) != 1)
		fail_msg("an end that is not whole, or another");
	assert_int_equal(fixture_int(path, "SELECT (SELECT status <> 'RUNNING' FROM job WHERE id ="
					   " '" JOB_1 "') = (SELECT count(*) FROM job_events WHERE"
					   " event IN ('job.succeeded', 'job.failed',"
					   " 'job.requeued'))"),
			 1);
}

static size_t fail_each(const char *requeue, enum settled want, const char *whole, size_t step)
{
	enum settled what;
	size_t n, failed = 0;
	int rc, fired = 1;

	for (n = 1; fired; n += step) {
		struct err err = ERR_INIT;

		what = SETTLED_ELSEWHERE;
		put_ready();
		fault_arm(n);
		rc = end_it(requeue, &what, &err);
		fired = fault_fired();
		fault_disarm();
		if (rc < 0 && rc != ERR_NOMEM)
			fail_msg("allocation %zu: %s", n, err.text);
		assert_true(fired || rc == 0);
		failed += rc < 0;
		check_end(rc, what, want, whole);
	}
	return failed;
}

static void each_failure(const char *requeue, enum settled want, const char *whole)
{
	size_t own, others;

	sqlite_fault_on = 0;
	own = fail_each(requeue, want, whole, 1);
	sqlite_fault_on = 1;
	others = fail_each(requeue, want, whole, 7);
	print_message("%zu failures of our own, %zu of SQLite's\n", own, others);
	assert_true(own > 5 && others > 10);
}

static void a_job_whose_data_set_is_there(void **state)
{
	(void)state;
	make_ready(1);
	each_failure("lease_expired", SETTLED_SUCCEEDED,
		     "event = 'job.succeeded' AND payload ->> '$.result.dumped' = 1 AND"
		     " payload ->> '$.result.registered_before' = 1 AND"
		     " payload ->> '$.result.dump_stats.n_train_rows' = 7 AND"
		     " payload ->> '$.result.dump_stats.schema_sha' = 's' AND"
		     " payload ->> '$.result.dump_stats.train_snapshot_pairs[0]' = 'a' AND"
		     " payload ->> '$.result.output_name' = 'd' AND"
		     " payload ->> '$.result.dataset_id' = '" SNAP_2 "' AND"
		     " payload ->> '$.result.key_prefix' = 'p' AND"
		     " payload ->> '$.result.manifest_uri' = 'm'");
}

static void a_job_that_goes_back(void **state)
{
	(void)state;
	make_ready(0);
	each_failure("lease_expired", SETTLED_REQUEUED,
		     "event = 'job.requeued' AND payload ->> '$.reason' = 'lease_expired'");
}

static void a_job_that_fails(void **state)
{
	(void)state;
	make_ready(0);
	each_failure(NULL, SETTLED_FAILED,
		     "event = 'job.failed' AND message = 'it is gone' AND"
		     " payload ->> 'error_code' = 'WorkerCrashed'");
}

/* No memory is no reason to wait, and no source is left open. */
static void opening_does_not_wait_for_memory(void **state)
{
	size_t n, failed = 0;
	int fired = 1;

	(void)state;
	make_ready(0);
	for (n = 1; fired; n++) {
		struct err err = ERR_INIT;
		struct source *s = NULL;
		int rc;

		fault_arm(n);
		rc = retry_open(&s, path, SOURCE_READ, 3600, &err);
		fired = fault_fired();
		fault_disarm();
		assert_int_equal(rc == 0, s != NULL);
		if (rc < 0 && rc != ERR_NOMEM)
			fail_msg("allocation %zu: %s", n, err.text);
		failed += rc < 0;
		source_close(s);
	}
	assert_true(failed > 5);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_job_whose_data_set_is_there),
		CASE(a_job_that_goes_back),
		CASE(a_job_that_fails),
		CASE(opening_does_not_wait_for_memory),
	};

	sqlite_fault_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
