/* Queues of jobs in a bundle: which is next, whose lease is over, what is claimed again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/source/source.h"
#include "tests/unit/bundle_fixture.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];
static struct err err;
static struct source_job job;

static int setup(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	err = (struct err)ERR_INIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	source_job_release(&job);
	return fsio_remove_tree(dir, NULL);
}

static struct source *open_it(unsigned flags)
{
	struct source *s = NULL;

	if (source_open(&s, path, flags, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static void done(int rc)
{
	if (rc < 0)
		fail_msg("%s", err.text);
	assert_int_equal(rc, 0);
}

#define OPERATION "export_research_dataset"
#define JOB_3     "55555555-0000-4000-8000-000000000003"
#define JOB_4     "55555555-0000-4000-8000-000000000004"
#define JOB_5     "55555555-0000-4000-8000-000000000005"
#define JOB_6     "55555555-0000-4000-8000-000000000006"

static const struct source_claimant worker = {.worker = "host:1"};

static int claim(struct source *s, const char *id)
{
	source_job_release(&job);
	return source_claim_job(s, id, &worker, &job, &err);
}

static int finish(struct source *s, const struct source_claim *c, const char *status,
		  const char *code, const char *message)
{
	const struct source_end end = {
		.status = status, .error_code = code, .error_message = message};

	return source_finish_job(s, c, &end, &err);
}

static int claim_next(struct source *s)
{
	source_job_release(&job);
	return source_claim_next(s, SOURCE_QUEUE, OPERATION, &worker, &job, &err);
}

static int take_expired(struct source *s)
{
	source_job_release(&job);
	return source_take_expired(s, SOURCE_QUEUE, OPERATION, &worker, &job, &err);
}

static void the_oldest_job_of_a_queue_is_next(void **state)
{
	struct source *s = open_it(SOURCE_WRITE);

	(void)state;
	/* instants in other clothes; another queue, another operation, a cancelled parent */
	fixture_sql(path, "UPDATE job SET created_at = '2024-01-01T12:00:00Z';"
			  "INSERT INTO job (id, operation, queue_name, status, created_at,"
			  " parent_job_id) VALUES"
			  " ('" JOB_2 "', '" OPERATION "', '" SOURCE_QUEUE "', 'QUEUED',"
			  "  '2024-01-01 13:30:00+02:00', NULL),"
			  " ('" JOB_3 "', '" OPERATION "', '" SOURCE_QUEUE "', 'CANCELLED',"
			  "  '2023-01-01T00:00:00Z', NULL),"
			  " ('" JOB_4 "', '" OPERATION "', '" SOURCE_QUEUE "', 'QUEUED',"
			  "  '2023-01-01T00:00:00Z', '" JOB_3 "'),"
			  " ('" JOB_5 "', '" OPERATION "', 'other', 'QUEUED',"
			  "  '2023-01-01T00:00:00Z', NULL),"
			  " ('" JOB_6 "', 'other', '" SOURCE_QUEUE "', 'QUEUED',"
			  "  '2023-01-01T00:00:00Z', NULL)");
	assert_int_equal(claim_next(s), 1);
	assert_string_equal(job.claim.job_id, JOB_2);
	assert_int_equal(claim_next(s), 1);
	assert_string_equal(job.claim.job_id, JOB_1);
	assert_int_equal(claim_next(s), 0);
	assert_null(job.payload_json);
	source_close(s);
	assert_int_equal(fixture_int(path,
				     "SELECT count(*) FROM job WHERE (id = '" JOB_4
				     "' AND status = 'CANCELLED') OR"
				     " (id IN ('" JOB_5 "', '" JOB_6 "') AND status = 'QUEUED')"),
			 3);
}

static void an_expired_job_is_taken_over_once(void **state)
{
	struct source *s = open_it(SOURCE_WRITE);
	struct source_claim lost, mine;

	(void)state;
	assert_int_equal(claim_next(s), 1);
	lost = job.claim;
	assert_int_equal(take_expired(s), 0); /* its lease holds */
	fixture_sql(path, "UPDATE job SET leased_until = '2024-01-01T00:00:00Z'");
	assert_int_equal(take_expired(s), 1);
	mine = job.claim;
	assert_string_equal(mine.job_id, lost.job_id);
	assert_string_equal(job.payload_json, "{\"k\": 5}");
	assert_int_equal(job.requeues, 0);
	assert_int_equal(take_expired(s), 0);
	/* who has lost it can do nothing to it any more */
	assert_int_equal(source_extend_lease(s, &lost, &err), ERR_EXISTS);
	assert_int_equal(source_check_job(s, &lost, &err), ERR_EXISTS);
	assert_int_equal(finish(s, &lost, "SUCCEEDED", NULL, NULL), ERR_EXISTS);
	assert_int_equal(source_requeue_job(s, &lost, "x", &err), ERR_EXISTS);
	done(source_check_job(s, &mine, &err));
	for (int i = 1; i <= 3; i++) {
		done(source_requeue_job(s, &mine, "lease_expired", &err));
		assert_int_equal(source_check_job(s, &mine, &err), ERR_EXISTS);
		assert_int_equal(claim_next(s), 1);
		assert_int_equal(job.requeues, i);
		mine = job.claim;
	}
	done(finish(s, &mine, "FAILED", "LeaseExpired", "gone"));
	assert_int_equal(take_expired(s), 0);
	source_close(s);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event WHERE event ="
					   " 'job.requeued' AND level = 'warning' AND"
					   " fields ->> 'reason' = 'lease_expired' AND"
					   " fields ->> 'requeues' BETWEEN 1 AND 3"),
			 3);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event WHERE event IN"
					   " ('job.failed', 'job.succeeded')"),
			 1);
}

static void a_job_that_ended_is_claimed_again_when_asked(void **state)
{
	struct source *s = open_it(SOURCE_WRITE);
	struct source_claimant again = {.worker = "w", .lease_s = 7, .again = 1};

	(void)state;
	assert_int_equal(claim(s, JOB_1), 1);
	assert_int_equal(source_claim_job(s, JOB_1, &again, &(struct source_job){0}, &err), 0);
	done(finish(s, &job.claim, "FAILED", "X", "y"));
	assert_int_equal(claim(s, JOB_1), 0);
	source_job_release(&job);
	assert_int_equal(source_claim_job(s, JOB_1, &again, &job, &err), 1);
	assert_int_equal(fixture_int(path,
				     "SELECT count(*) FROM job WHERE status = 'RUNNING' AND"
				     " finished_at IS NULL AND error_code IS NULL AND"
				     " error_message IS NULL AND julianday(leased_until) -"
				     " julianday(started_at) BETWEEN 6.9 / 86400 AND 7.1 / 86400"),
			 1);
	done(finish(s, &job.claim, "SUCCEEDED", NULL, NULL));
	assert_int_equal(source_claim_job(s, JOB_1, &again, &(struct source_job){0}, &err), 0);
	source_job_release(&job);
	assert_int_equal(source_read_job(s, JOB_1, &job, &err), 1);
	assert_string_equal(job.status, "SUCCEEDED");
	assert_int_equal(source_read_job(s, JOB_2, &(struct source_job){0}, &err), 0);
	source_close(s);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_oldest_job_of_a_queue_is_next),
		CASE(an_expired_job_is_taken_over_once),
		CASE(a_job_that_ended_is_claimed_again_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
