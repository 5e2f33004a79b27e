/* Every allocation of ours and every system call of what is written about a job into PostgreSQL fails once: the row is
 * as it was before the call or as it should be behind it, and the same call without failures gives the one result it
 * should. Needs a server: PROTEA_TEST_DB names an empty database with the tables (tests/cli/148_pg_fault.sh has one);
 * without it all is skipped. libpq's own allocations do not come through here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/source/source.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/postgres/pg.h"
#include "tests/fault/fault.h"

#define JOB   "55555555-0000-4000-8000-000000000001"
#define SET   "66666666-0000-4000-8000-000000000001"
#define QUEUE "protea.fault"
#define OP    "export_research_dataset"

static const char *url;
static struct pg *admin;
static struct source_claim ours;
static const struct source_claimant who = {.worker = "a \"worker\""};

static void sql(const char *text)
{
	struct err err = ERR_INIT;

	if (pg_exec(admin, text, &err) != 0)
		fail_msg("%s", err.text);
}

static long long count(const char *what)
{
	char text[400];
	struct pg_rows *rows;
	struct err err = ERR_INIT;
	long long n;

	snprintf(text, sizeof text, "SELECT count(*) FROM %s", what);
	if (pg_query(admin, &rows, text, NULL, 0, &err) != 0)
		fail_msg("%s", err.text);
	n = pg_rows_int(rows, 0, 0, -1);
	pg_rows_free(rows);
	return n;
}

/* A job in the queue, and nothing else. */
static void queued(void)
{
	sql("DELETE FROM dataset; DELETE FROM job_event; DELETE FROM job;"
	    "INSERT INTO job (id, operation, queue_name, payload) VALUES ('" JOB "', '" OP
	    "', '" QUEUE "', '{\"k\": 5}')");
}

/* The same, and it is ours. */
static void claimed(void)
{
	struct pg_rows *rows;
	struct err err = ERR_INIT;

	queued();
	if (pg_query(admin, &rows,
		     "UPDATE job SET status = 'RUNNING', started_at = now(), leased_until = now()"
		     " RETURNING (extract(epoch FROM started_at) * 1000000)::bigint",
		     NULL, 0, &err) != 0)
		fail_msg("%s", err.text);
	ours = (struct source_claim){.job_id = JOB, .started_us = pg_rows_int(rows, 0, 0, 0)};
	pg_rows_free(rows);
}

/* One call about a job, and what it leaves. */
struct subject {
	const char *name;
	void (*prepare)(void);
	int (*call)(struct source *s, struct err *err); /* 0: done, also when it was done before */
	const char *done;                               /* what there is one of then */
	const char *never;                              /* what there never is */
};

static int claim_next(struct source *s, struct err *err)
{
	struct source_job job = {0};
	int rc = source_claim_next(s, QUEUE, OP, &who, &job, err);

	source_job_release(&job);
	return rc < 0 ? rc : 0;
}

static int claim_it(struct source *s, struct err *err)
{
	struct source_job job = {0};
	int rc = source_claim_job(s, JOB, &who, &job, err);

	source_job_release(&job);
	return rc < 0 ? rc : 0;
}

static int expired(struct source *s, struct err *err)
{
	struct source_job job = {0};
	int rc = source_take_expired(s, QUEUE, OP, &who, &job, err);

	source_job_release(&job);
	return rc < 0 ? rc : 0;
}

static void long_ago(void)
{
	claimed();
	sql("UPDATE job SET leased_until = now() - interval '1 h', started_at = now() - interval "
	    "'2 h'");
}

static int extend(struct source *s, struct err *err)
{
	int rc = source_extend_lease(s, &ours, err);

	return rc ? rc : source_check_job(s, &ours, err);
}

static int succeed(struct source *s, struct err *err)
{
	const struct source_end end = {.status = "SUCCEEDED", .fields_json = "{\"result\": 7}"};

	return source_finish_job(s, &ours, &end, err);
}

static int fail_it(struct source *s, struct err *err)
{
	const struct source_end end = {
		.status = "FAILED", .error_code = "X", .error_message = "why"};

	return source_finish_job(s, &ours, &end, err);
}

/* A second time it is not ours any more. */
static int requeue(struct source *s, struct err *err)
{
	int rc = source_requeue_job(s, &ours, "why", err);

	return rc == ERR_EXISTS ? 0 : rc;
}

static int tell(struct source *s, struct err *err)
{
	const struct source_event e = {.job_id = JOB,
				       .ts_ns = clock_real_ns(),
				       .level = "info",
				       .event = "told",
				       .fields_json = "{}",
				       .progress_current = 1,
				       .progress_total = 2};

	return source_insert_event(s, &e, err);
}

static int register_it(struct source *s, struct err *err)
{
	const struct source_dataset row = {.id = SET,
					   .name = "d",
					   .operation = OP,
					   .job_id = JOB,
					   .storage_backend = "local",
					   .key_prefix = "p",
					   .manifest_uri = "m",
					   .schema_sha = "s",
					   .annotation_source = "goa",
					   .train_snapshot_pairs_json = "[\"a\"]"};
	char *json = NULL;
	int rc = source_reserve_name(s, "d", err);

	if (rc == 0)
		rc = source_check_name(s, err);
	if (rc == 0)
		rc = source_insert_dataset(s, &row, err);
	if (rc == 0)
		rc = source_read_dataset(s, "d", &json, err);
	free(json);
	source_release_name(s);
	return rc < 0 ? rc : 0;
}

static const struct subject subjects[] = {
	{"claim_next", queued, claim_next, "job_event WHERE event = 'job.started'", NULL},
	{"claim", queued, claim_it, "job_event WHERE event = 'job.started'", NULL},
	{"take_expired", long_ago, expired, "job WHERE started_at > now() - interval '1 h'",
	 "job WHERE status <> 'RUNNING'"},
	{"extend", claimed, extend, "job WHERE status = 'RUNNING' AND leased_until > now()",
	 "job WHERE status <> 'RUNNING'"},
	{"succeed", claimed, succeed,
	 "job j JOIN job_event e ON e.job_id = j.id WHERE status = 'SUCCEEDED' AND event ="
	 " 'job.succeeded' AND fields ->> 'result' = '7'",
	 "job_event WHERE event = 'job.failed'"},
	{"fail", claimed, fail_it,
	 "job j JOIN job_event e ON e.job_id = j.id WHERE status = 'FAILED' AND event ="
	 " 'job.failed' AND fields ->> 'error_code' = 'X'",
	 "job_event WHERE event = 'job.succeeded'"},
	{"requeue", claimed, requeue,
	 "job j JOIN job_event e ON e.job_id = j.id WHERE status = 'QUEUED' AND event ="
	 " 'job.requeued'",
	 "job WHERE finished_at IS NOT NULL"},
	{"event", claimed, tell, "job_event WHERE event = 'told'", NULL},
	{"dataset", claimed, register_it, "dataset WHERE name = 'd'",
	 "dataset WHERE id <> '" SET "'"},
};

/* Where a job stands and what has been told of it go together. */
static void check_whole(const struct subject *t, size_t n)
{
	if (count("job j WHERE (status <> 'QUEUED') <> (started_at IS NOT NULL)") ||
	    count("job j WHERE (status IN ('SUCCEEDED', 'FAILED')) <> (SELECT count(*) = 1 FROM"
		  " job_event e WHERE e.job_id = j.id AND event IN ('job.succeeded',"
		  " 'job.failed'))") ||
	    count("job_event WHERE event = 'job.started'") > 1 || count(t->done) > 1 ||
	    (t->never && count(t->never)))
		fail_msg("%s, failure %zu: a half", t->name, n);
}

/* Opening is the same for all: the first one's fails too. */
static int once(const struct subject *t, size_t n, void (*arm)(size_t), struct err *err)
{
	int is_first = t == subjects, rc = 0;
	struct source *s = NULL;

	if (arm && is_first)
		arm(n);
	rc = source_open(&s, url, SOURCE_READ | SOURCE_WRITE, err);
	if (arm && !is_first)
		arm(n);
	if (rc == 0)
		rc = t->call(s, err);
	source_close(s);
	return rc;
}

/* How many of them ended the call. */
static size_t fail_each(const struct subject *t, void (*arm)(size_t))
{
	size_t failed = 0;
	int fired = 1;

	for (size_t n = 1; fired; n++) {
		struct err err = ERR_INIT;
		int rc;

		t->prepare();
		rc = once(t, n, arm, &err);
		fired = fault_fired();
		fault_disarm();
		if (rc != 0 && (rc != ERR_NOMEM || !fired))
			fail_msg("%s, failure %zu: %s", t->name, n, err.text);
		check_whole(t, n);
		failed += rc != 0;
		if (rc != 0 && once(t, n, NULL, &err) != 0)
			fail_msg("%s, behind failure %zu: %s", t->name, n, err.text);
		check_whole(t, n);
		assert_int_equal(count(t->done), 1);
	}
	return failed;
}

static void each_allocation(void **state)
{
	(void)state;
	if (!url)
		skip();
	for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
		size_t failed = fail_each(&subjects[i], fault_arm);

		print_message("%s: %zu failures\n", subjects[i].name, failed);
		assert_true(failed > 1);
	}
}

/* poll() that was interrupted: no call fails of it. */
static void each_call(void **state)
{
	(void)state;
	if (!url)
		skip();
	for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
		assert_int_equal(fail_each(&subjects[i], fault_arm_calls), 0);
}

static void no_session_is_left(void **state)
{
	(void)state;
	if (!url)
		skip();
	for (int i = 0; i < 600 && count("pg_stat_activity WHERE application_name LIKE"
					 " 'protea-export%'");
	     i++)
		usleep(100000);
	assert_int_equal(count("pg_stat_activity WHERE application_name LIKE 'protea-export%'"), 0);
	assert_int_equal(count("pg_locks WHERE locktype = 'advisory'"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation),
		cmocka_unit_test(each_call),
		cmocka_unit_test(no_session_is_left),
	};
	struct err err = ERR_INIT;
	int rc;

	log_init("pg_jobs_fault", LOG_QUIET);
	url = getenv("PROTEA_TEST_DB");
	if (url && pg_open(&admin, url, "admin", &err) != 0) {
		print_error("%s\n", err.text);
		return 1;
	}
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	pg_close(admin);
	return rc;
}
