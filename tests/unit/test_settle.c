/* Ends of jobs whose run is gone, and trying again: with a bundle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/job/problems.h"
#include "pipeline/job/retry.h"
#include "pipeline/job/settle.h"
#include "pipeline/job/uploads.h"
#include "prof/base/clock.h"
#include "tests/unit/bundle_fixture.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];
static struct err err;
static struct settings settings;
static struct source *s;
static struct source_job job;

static int setup(void **state)
{
	struct problems problems = PROBLEMS_INIT;
	json_t *environment;

	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	err = (struct err)ERR_INIT;
	environment = json_pack("{s:s, s:s}", "PROTEA_EXPORT_RESUME_DIR", "resume",
				"PROTEA_STORAGE_ROOT", "store");
	assert_int_equal(settings_load(&settings, environment, dir, &problems, &err), 0);
	json_decref(environment);
	settings.db_retry_s = 0;
	assert_int_equal(source_open(&s, path, SOURCE_READ | SOURCE_WRITE, &err), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	source_job_release(&job);
	source_close(s);
	settings_release(&settings);
	cancel_reset();
	return fsio_remove_tree(dir, NULL);
}

/* The fixture's job, ours, with this payload. */
static void claim(const char *payload)
{
	const struct source_claimant who = {.worker = "w"};
	char sql[512];

	snprintf(sql, sizeof sql, "UPDATE job SET payload = '%s' WHERE id = '" JOB_1 "'", payload);
	fixture_sql(path, sql);
	source_job_release(&job);
	assert_int_equal(source_claim_job(s, JOB_1, &who, &job, &err), 1);
}

static enum settled settle(const char *requeue)
{
	const struct settle_reason why = {"WorkerCrashed", "it is gone", requeue};
	enum settled what = SETTLED_ELSEWHERE;

	if (settle_job(s, &settings, &job, &why, &what, &err) != 0)
		fail_msg("%s", err.text);
	return what;
}

static void registered(const char *name, const char *job_id)
{
	const struct source_dataset row = {.id = SNAP_2,
					   .name = name,
					   .operation = "o",
					   .job_id = job_id,
					   .storage_backend = "local",
					   .key_prefix = "p",
					   .manifest_uri = "m",
					   .schema_sha = "s",
					   .n_train_rows = 7,
					   .k = 5,
					   .annotation_source = "goa",
					   .train_snapshot_pairs_json = "[\"a\"]"};

	assert_int_equal(source_insert_dataset(s, &row, &err), 0);
}

static long long count(const char *condition)
{
	char sql[512];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM job_events WHERE %s", condition);
	return fixture_int(path, sql);
}

static void a_job_whose_data_set_is_there_has_succeeded(void **state)
{
	(void)state;
	claim("{\"output_name\": \" d \"}");
	registered("d", JOB_1);
	assert_int_equal(settle("lease_expired"), SETTLED_SUCCEEDED);
	assert_int_equal(
		count("event = 'job.succeeded' AND"
		      " payload ->> '$.result.dump_stats.n_train_rows' = 7 AND"
		      " payload ->> '$.result.dump_stats.train_snapshot_pairs[0]' = 'a' AND"
		      " payload ->> '$.result.output_name' = 'd'"),
		1);
	assert_int_equal(settle("lease_expired"), SETTLED_SUCCEEDED); /* said before */
	assert_int_equal(count("event = 'job.succeeded'"), 1);
}

static void a_data_set_of_another_job_is_none_of_its(void **state)
{
	(void)state;
	claim("{\"output_name\": \"d\"}");
	registered("d", NULL);
	assert_int_equal(settle(NULL), SETTLED_FAILED);
	assert_int_equal(count("event = 'job.failed' AND message = 'it is gone' AND"
			       " payload ->> 'error_code' = 'WorkerCrashed'"),
			 1);
	assert_int_equal(settle("again"), SETTLED_ELSEWHERE);
}

static void a_job_goes_back_three_times(void **state)
{
	(void)state;
	for (int i = 0; i < SETTLE_REQUEUES; i++) {
		claim("{\"output_name\": \"d\"}");
		assert_int_equal(job.requeues, i);
		assert_int_equal(settle("lease_expired"), SETTLED_REQUEUED);
	}
	claim("{\"output_name\": \"d\"}");
	assert_int_equal(settle("lease_expired"), SETTLED_FAILED);
	assert_int_equal(count("event = 'job.requeued'"), SETTLE_REQUEUES);
	assert_int_equal(count("event IN ('job.failed', 'job.succeeded')"), 1);
}

static void put(const char *name, const char *text)
{
	char file[PATH_MAX + 128], folder[PATH_MAX + 64];

	snprintf(folder, sizeof folder, "%s/store/datasets/d", dir);
	assert_int_equal(fsio_mkdirs(folder, &err), 0);
	snprintf(file, sizeof file, "%s/%s", folder, name);
	assert_int_equal(fsio_write_file(file, text, strlen(text), &err), 0);
}

static int there(const char *name)
{
	char file[PATH_MAX + 64];

	snprintf(file, sizeof file, "%s/store/datasets/d/%s", dir, name);
	return fsio_exists(file);
}

/* Three objects: ours, with its journal, and two of others. */
static void upload(void)
{
	struct uploads u;
	char sha[SHA256_HEX], resume[PATH_MAX + 16];

	snprintf(resume, sizeof resume, "%s/resume", dir);
	assert_int_equal(fsio_mkdirs(resume, &err), 0);
	put("manifest.json", "ours");
	put("train.parquet", "theirs");
	put("eval.parquet", "unknown");
	assert_int_equal(sha256_hex("ours", 4, sha), 0);
	assert_int_equal(uploads_open(&u, settings.resume_dir, s, "d", &err), 0);
	assert_int_equal(uploads_note(&u, "datasets/d/manifest.json", sha, &err), 0);
	assert_int_equal(uploads_note(&u, "datasets/d/train.parquet", sha, &err), 0);
	uploads_close(&u);
}

/* What the journal names, with the bytes it names, goes; nobody else's. */
static void what_is_not_ours_is_left(void)
{
	assert_false(there("manifest.json"));
	assert_true(there("train.parquet"));
	assert_true(there("eval.parquet"));
}

static void what_a_failed_job_uploaded_is_removed(void **state)
{
	(void)state;
	claim("{\"output_name\": \"d\"}");
	upload();
	assert_int_equal(settle(NULL), SETTLED_FAILED);
	what_is_not_ours_is_left();
}

/* Its next run may end before it looks. */
static void what_a_job_that_goes_back_uploaded_is_removed(void **state)
{
	(void)state;
	claim("{\"output_name\": \"d\"}");
	upload();
	assert_int_equal(settle("lease_expired"), SETTLED_REQUEUED);
	what_is_not_ours_is_left();
}

static void what_is_registered_stays(void **state)
{
	(void)state;
	claim("{\"output_name\": \"d\"}");
	upload();
	registered("d", NULL);
	assert_int_equal(settle(NULL), SETTLED_FAILED);
	assert_true(there("manifest.json"));
}

static void the_owner_of_a_name_is_given_a_moment(void **state)
{
	char ready[PATH_MAX + 32];
	struct source *owner;
	pid_t child;

	(void)state;
	claim("{\"output_name\": \"d\"}");
	upload();
	snprintf(ready, sizeof ready, "%s/ready", dir);
	child = fork();
	if (child == 0) {
		if (source_open(&owner, path, SOURCE_WRITE, &err) ||
		    source_reserve_name(owner, "d", &err) || fsio_write_file(ready, "", 0, &err))
			_exit(1);
		retry_pause(500);
		_exit(0); /* its lock goes with it, as that of a process that was killed */
	}
	while (!fsio_exists(ready) && waitpid(child, NULL, WNOHANG) == 0)
		retry_pause(10);
	assert_int_equal(settle(NULL), SETTLED_FAILED);
	what_is_not_ours_is_left();
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void hostile_payloads_are_ended_all_the_same(void **state)
{
	static const char *const payloads[] = {
		"",
		"[]",
		"{",
		"{\"output_name\": 5}",
		"{\"output_name\": \"../../x\"}",
		"{\"output_name\": \"a b\"}",
		"{\"output_name\": \"\"}",
		"{\"output_name\": \".x\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
		claim(payloads[i]);
		assert_int_equal(settle(NULL), SETTLED_FAILED);
		fixture_sql(path, "UPDATE job SET status = 'QUEUED' WHERE id = '" JOB_1 "'");
	}
}

/* ---- trying again ------------------------------------------------------------------------------- */

static void only_passing_failures_are_tried_again(void **state)
{
	struct retry t;
	struct err why = {.code = ERR_NETWORK};

	(void)state;
	retry_begin(&t, 0);
	assert_int_equal(retry_again(&t, &why), 0); /* no patience */
	retry_begin(&t, 60);
	assert_int_equal(retry_again(&t, &why), 1);
	why.code = ERR_ARG;
	assert_int_equal(retry_again(&t, &why), 0);
	why.code = ERR_DATABASE; /* a busy bundle: a few times */
	retry_begin(&t, 60);
	t.tries = 3;
	assert_int_equal(retry_again(&t, &why), 0);
}

static void a_stop_signal_shortens_the_patience(void **state)
{
	struct retry t;
	int64_t start = clock_mono_ns();

	(void)state;
	retry_begin(&t, 1000);
	cancel_request(SIGTERM);
	assert_int_equal(retry_anyway(&t), 1);
	assert_true(t.stopping);
	assert_true(t.until_ns - start < INT64_C(60) * 1000000000);
	t.until_ns = start;
	assert_int_equal(retry_anyway(&t), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_job_whose_data_set_is_there_has_succeeded),
		CASE(a_data_set_of_another_job_is_none_of_its),
		CASE(a_job_goes_back_three_times),
		CASE(what_a_failed_job_uploaded_is_removed),
		CASE(what_a_job_that_goes_back_uploaded_is_removed),
		CASE(what_is_registered_stays),
		CASE(the_owner_of_a_name_is_given_a_moment),
		CASE(hostile_payloads_are_ended_all_the_same),
		CASE(only_passing_failures_are_tried_again),
		CASE(a_stop_signal_shortens_the_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
