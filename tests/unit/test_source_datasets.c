/* Data sets of a bundle: each name once, and none of a job that has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/core/text.h"
#include "pipeline/source/source.h"
#include "tests/unit/at_once.h"
#include "tests/unit/bundle_fixture.h"
#include "tests/unit/dataset_made.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];
static struct err err;
static struct source *s;
static struct source_job job;

static int setup(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	err = (struct err)ERR_INIT;
	return source_open(&s, path, SOURCE_WRITE, &err);
}

static int teardown(void **state)
{
	(void)state;
	source_close(s);
	source_job_release(&job);
	return fsio_remove_tree(dir, NULL);
}

static void done(int rc)
{
	if (rc < 0)
		fail_msg("%s", err.text);
	assert_int_equal(rc, 0);
}

static void claim(void)
{
	const struct source_claimant who = {.worker = "host:1"};

	assert_int_equal(source_claim_job(s, JOB_1, &who, &job, &err), 1);
}

static int finish(const char *status)
{
	const struct source_end end = {.status = status, .error_message = "gone"};

	return source_finish_job(s, &job.claim, &end, &err);
}

static void a_data_set_is_registered_once(void **state)
{
	struct source_dataset d = dataset(SNAP_2, "d");

	(void)state;
	assert_int_equal(source_has_dataset(s, "d", &err), 0);
	done(source_insert_dataset(s, &d, &err));
	assert_int_equal(source_has_dataset(s, "d", &err), 1);
	d.id = SNAP_1;
	assert_int_equal(source_insert_dataset(s, &d, &err), ERR_EXISTS);
	d.name = "e";
	d.job_id = JOB_2; /* no such job */
	assert_int_equal(source_insert_dataset(s, &d, &err), ERR_DATABASE);
	assert_int_equal(
		fixture_int(
			path,
			"SELECT count(*) FROM dataset WHERE name = 'd' AND eval_uri IS NULL AND"
			" n_train_rows = 5000000000 AND n_eval_rows = 0 AND k = 5 AND"
			" schema_sha_v2 IS NULL AND producer_git_sha IS NULL AND meta = '{}' AND"
			" eval_snapshot_pair IS NULL AND train_snapshot_pairs ->> 0 ="
			" 'v160-v165' AND created_at = '2024-01-01T12:30:00.500000Z' AND"
			" manifest_sha = '00' AND producer_version = '0.1.0'"),
		1);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM dataset"), 1);
}

static void a_job_that_has_registered_cannot_fail(void **state)
{
	struct source_dataset d = dataset(SNAP_2, "d");

	(void)state;
	claim();
	done(source_insert_dataset(s, &d, &err));
	assert_int_equal(finish("FAILED"), 1);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job WHERE status = 'RUNNING'"), 1);
	done(finish("SUCCEEDED"));
	assert_int_equal(finish("FAILED"), ERR_EXISTS);
}

static void a_job_that_has_ended_registers_nothing(void **state)
{
	struct source_dataset d = dataset(SNAP_2, "d");

	(void)state;
	claim();
	done(finish("FAILED"));
	assert_int_equal(source_insert_dataset(s, &d, &err), ERR_EXISTS);
	assert_non_null(strstr(err.text, "is FAILED by now"));
	fixture_sql(path, "UPDATE job SET status = 'CANCELLED' WHERE id = '" JOB_1 "'");
	assert_int_equal(source_insert_dataset(s, &d, &err), ERR_CANCELLED);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM dataset"), 0);
}

static int register_alone(int nth)
{
	struct source_dataset d = dataset(NULL, "d");
	struct source *own;
	char id[UUID_TEXT];
	int rc;

	(void)nth;
	if (uuid_random(id) < 0 || source_open(&own, path, SOURCE_WRITE, &err) < 0)
		return 3;
	d.id = id;
	rc = source_insert_dataset(own, &d, &err);
	source_close(own);
	return rc == ERR_EXISTS ? 1 : rc < 0 ? 2 : 0;
}

static void of_many_processes_one_registers_a_name(void **state)
{
	int count[4];

	(void)state;
	at_once(register_alone, count);
	assert_int_equal(count[0], 1);
	assert_int_equal(count[1], N_PROCESSES - 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_data_set_is_registered_once),
		CASE(a_job_that_has_registered_cannot_fail),
		CASE(a_job_that_has_ended_registers_nothing),
		CASE(of_many_processes_one_registers_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
