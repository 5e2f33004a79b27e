/* Every allocation and system call of a worker fails once, SQLite's and jansson's included, from opening the queue to
 * the end of a job whose process leaves without a word: the job is queued still or again, or has FAILED, once; it is
 * never left RUNNING, and no process is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "pipeline/job/worker.h"
#include "prof/base/log.h"
#include "tests/fault/fault.h"
#include "tests/fault/sqlite_fault.h"
#include "tests/unit/bundle_fixture.h"

#define QUEUED           "'QUEUED'"
#define FAILED_OR_QUEUED "'FAILED', 'QUEUED'" /* a process that is not started does not crash */

static char dir[PATH_MAX], path[PATH_MAX + 16], crash[PATH_MAX + 16];
static struct buf ready = BUF_INIT; /* the bundle with a job in its queue */
static int reports;

static int setup(void **state)
{
	static const char script[] = "#!/bin/sh\nkill -9 $$\n";

	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	snprintf(crash, sizeof crash, "%s/crash", dir);
	fixture_make(path);
	fixture_write(crash, script, sizeof script - 1);
	assert_int_equal(chmod(crash, 0700), 0);
	assert_int_equal(setenv("PROTEA_STORAGE_ROOT", dir, 1), 0);
	assert_int_equal(setenv("PROTEA_EXPORT_RESUME_DIR", dir, 1), 0);
	assert_int_equal(setenv("PROTEA_DB_RETRY_SECONDS", "1", 1), 0);
	return fsio_read_all(path, BUF_NO_LIMIT, &ready, NULL);
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&ready);
	return fsio_remove_tree(dir, NULL);
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

static void count_report(void *ctx, const struct worker_report *report)
{
	(void)ctx;
	reports++;
	assert_string_not_equal(report->status, "RUNNING");
}

static int work(const char *program, struct err *err)
{
	const struct worker_options options = {.url = path,
					       .program = program,
					       .max_jobs = 1,
					       .poll_s = 0.01,
					       .grace_s = 1,
					       .report = count_report};

	reports = 0;
	return worker_run(&options, err);
}

static long long count(const char *what)
{
	char sql[300];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", what);
	return fixture_int(path, sql);
}

static void check(int rc, const char *status)
{
	char where[120];
	long long started = count("job_events WHERE event = 'job.started'");

	assert_int_equal(count("job WHERE status = 'RUNNING'"), 0);
	assert_in_range(started, 0, 1);
	assert_int_equal(count("job_events WHERE event IN ('job.requeued', 'job.failed')"),
			 started);
	assert_int_equal(reports, started);
	snprintf(where, sizeof where, "job WHERE status IN (%s)", status);
	if (rc == 0)
		assert_int_equal(count(where), 1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* How many runs a failure ended. */
static size_t fail_each(void (*arm)(size_t), const char *program, const char *status, size_t step)
{
	size_t failed = 0;
	int fired = 1;

	for (size_t n = 1; fired; n += step) {
		struct err err = ERR_INIT;
		int rc;

		put_ready();
		arm(n);
		rc = work(program, &err);
		fired = fault_fired();
		fault_disarm();
		if (rc < 0 && rc != ERR_NOMEM)
			fail_msg("failure %zu: %s", n, err.text);
		if (rc == 0 && !fired)
			assert_int_equal(reports, 1);
		failed += rc < 0;
		check(rc, status);
	}
	return failed;
}

static void a_process_that_says_nothing(void **state)
{
	size_t own, others;

	(void)state;
	sqlite_fault_on = 0;
	own = fail_each(fault_arm, "/bin/false", QUEUED, 1);
	sqlite_fault_on = 1;
	others = fail_each(fault_arm, "/bin/false", QUEUED, 97);
	print_message("%zu failures of our own, %zu of SQLite's\n", own, others);
	assert_true(own > 5 && others > 2);
}

static void a_process_that_crashes(void **state)
{
	(void)state;
	sqlite_fault_on = 0;
	assert_true(fail_each(fault_arm, crash, FAILED_OR_QUEUED, 3) > 2);
}

static void a_process_that_cannot_be_started(void **state)
{
	(void)state;
	sqlite_fault_on = 0;
	assert_true(fail_each(fault_arm, "/nowhere", QUEUED, 7) > 1);
}

/* No call's failure ends a worker: a process that could not be started puts the job back. */
static void system_calls(void **state)
{
	(void)state;
	assert_int_equal(fail_each(fault_arm_calls, "/bin/false", QUEUED, 1), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_process_that_says_nothing),
		CASE(a_process_that_crashes),
		CASE(a_process_that_cannot_be_started),
		CASE(system_calls),
	};

	sqlite_fault_install();
	log_init("worker_fault", LOG_QUIET);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
