/* What a run writes into a bundle: jobs, events; several processes at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/core/text.h"
#include "pipeline/source/source.h"
#include "prof/base/clock.h"
#include "tests/unit/at_once.h"
#include "tests/unit/bundle_fixture.h"
#include "tests/unit/dataset_made.h"

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

static int insert(struct source *s, struct source_claim *c, const char *id, const char *operation)
{
	*c = (struct source_claim){0};
	memcpy(c->job_id, id, UUID_TEXT);
	return source_insert_job(s, c, operation, "{}", &err);
}

static int files_in_dir(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* ---- jobs ------------------------------------------------------------------------------------- */

static void a_queued_job_is_claimed_once(void **state)
{
	struct source *s = open_it(SOURCE_WRITE);

	(void)state;
	assert_int_equal(claim(s, JOB_1), 1);
	assert_string_equal(job.claim.job_id, JOB_1);
	assert_string_equal(job.operation, "export_research_dataset");
	assert_string_equal(job.payload_json, "{\"k\": 5}");
	assert_int_equal(claim(s, JOB_1), 0);
	assert_null(job.operation);
	assert_null(job.payload_json);
	assert_int_equal(claim(s, JOB_2), ERR_NOTFOUND);
	source_close(s);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job WHERE status = 'RUNNING' AND"
					   " julianday(leased_until) - julianday(started_at)"
					   " BETWEEN 119.9 / 86400 AND 120.1 / 86400 AND"
					   " abs(julianday('now') - julianday(started_at))"
					   " < 60.0 / 86400"),
			 1);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_events WHERE"
					   " event = 'job.started' AND level = 'info' AND"
					   " payload ->> 'worker' = 'host:1'"),
			 1);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event"), 1);
}

static void a_child_of_a_cancelled_job_is_cancelled(void **state)
{
	struct source *s = open_it(SOURCE_WRITE);

	(void)state;
	fixture_sql(path,
		    "INSERT INTO job (id, operation, queue_name, status, parent_job_id) VALUES"
		    " ('" JOB_2 "', 'x', 'q', 'QUEUED', '" JOB_1 "');"
		    "UPDATE job SET status = 'CANCELLED' WHERE id = '" JOB_1 "'");
	assert_int_equal(claim(s, JOB_2), ERR_CANCELLED);
	assert_null(job.operation);
	source_close(s);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event WHERE job_id = '" JOB_2
					   "' AND event = 'job.cancelled' AND"
					   " fields ->> 'reason' = 'parent_cancelled'"),
			 1);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job WHERE id = '" JOB_2 "' AND"
					   " status = 'CANCELLED' AND finished_at IS NOT NULL"),
			 1);
}

static void a_job_lives_from_insert_to_finish(void **state)
{
	struct source *s = open_it(SOURCE_WRITE);
	struct source_claim mine, nobodys = {.job_id = SET_OLD};

	(void)state;
	done(insert(s, &mine, JOB_2, "export_research_dataset"));
	assert_int_equal(insert(s, &(struct source_claim){0}, JOB_2, "x"), ERR_DATABASE);
	done(source_check_job(s, &mine, &err));
	done(source_extend_lease(s, &mine, &err));
	done(finish(s, &mine, "FAILED", "FormatError", "no such thing"));
	done(finish(s, &mine, "FAILED", "FormatError", "no such thing")); /* its answer was lost */
	assert_int_equal(finish(s, &mine, "SUCCEEDED", NULL, NULL), ERR_EXISTS);
	assert_non_null(strstr(err.text, "FAILED"));
	assert_int_equal(source_extend_lease(s, &mine, &err), ERR_EXISTS);
	assert_int_equal(source_extend_lease(s, &nobodys, &err), ERR_NOTFOUND);
	assert_int_equal(finish(s, &nobodys, "FAILED", NULL, NULL), ERR_NOTFOUND);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event WHERE job_id = '" JOB_2
					   "' AND event = 'job.failed' AND level = 'error' AND"
					   " message = 'no such thing' AND"
					   " fields ->> 'error_code' = 'FormatError'"),
			 1);
	fixture_sql(path, "UPDATE job SET status = 'CANCELLED' WHERE id = '" JOB_2 "'");
	assert_int_equal(source_extend_lease(s, &mine, &err), ERR_CANCELLED);
	assert_int_equal(source_check_job(s, &mine, &err), ERR_CANCELLED);
	source_close(s);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job WHERE id = '" JOB_2 "' AND"
					   " queue_name = 'protea.training' AND started_at ="
					   " created_at AND finished_at >= started_at AND"
					   " error_code = 'FormatError' AND"
					   " error_message = 'no such thing'"),
			 1);
}

static void optional_job_columns_may_be_absent(void **state)
{
	struct source *s;
	struct source_claim mine;
	struct source_dataset d = dataset(SNAP_2, "d");

	(void)state;
	fixture_sql(path, "PRAGMA foreign_keys = 0; CREATE TABLE j AS SELECT * FROM job;"
			  "DROP VIEW job_events; DROP TABLE job; ALTER TABLE j RENAME TO job;"
			  "ALTER TABLE job DROP COLUMN leased_until;"
			  "ALTER TABLE job DROP COLUMN parent_job_id;"
			  "ALTER TABLE dataset DROP COLUMN schema_sha_v2;"
			  "CREATE TABLE d AS SELECT * FROM dataset; DROP TABLE dataset;"
			  "ALTER TABLE d RENAME TO dataset;"
			  "CREATE TABLE e AS SELECT * FROM job_event; DROP TABLE job_event;"
			  "ALTER TABLE e RENAME TO job_event");
	s = open_it(SOURCE_WRITE);
	assert_int_equal(claim(s, JOB_1), 1);
	done(insert(s, &mine, JOB_2, "x"));
	done(source_extend_lease(s, &mine, &err));
	assert_int_equal(source_take_expired(s, SOURCE_QUEUE, "x", &worker, &job, &err), 0);
	done(source_insert_dataset(s, &d, &err));
	done(finish(s, &mine, "SUCCEEDED", NULL, NULL));
	source_close(s);
	assert_int_equal(fixture_int(path, "SELECT max(id) FROM job_event"), 2);
}

static int claim_alone(int nth)
{
	struct source *s;
	char name[16];
	struct source_claimant who = {.worker = name};
	int rc;

	if (source_open(&s, path, SOURCE_WRITE, &err) < 0)
		return 3;
	snprintf(name, sizeof name, "w%d", nth);
	rc = source_claim_job(s, JOB_1, &who, &job, &err);
	source_job_release(&job);
	source_close(s);
	return rc < 0 ? 2 : rc;
}

static void of_many_processes_one_claims_the_job(void **state)
{
	int count[4];

	(void)state;
	at_once(claim_alone, count);
	assert_int_equal(count[1], 1);
	assert_int_equal(count[0], N_PROCESSES - 1);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event"), 1);
}

/* ---- events ----------------------------------------------------------------------------------- */

static struct source_event event(const char *name)
{
	return (struct source_event){.job_id = JOB_1,
				     .ts_ns = INT64_C(1704112200500000000),
				     .level = "info",
				     .event = name,
				     .fields_json = "{\"elapsed_s\": 1.5}",
				     .progress_current = -1,
				     .progress_total = -1};
}

static void events_are_visible_at_once_and_move_the_progress(void **state)
{
	struct source *s = open_it(SOURCE_WRITE);
	struct source_event e = event("a");

	(void)state;
	done(source_insert_event(s, &e, &err));
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_events WHERE event = 'a' AND"
					   " created_at = '2024-01-01T12:30:00.500000Z' AND"
					   " message IS NULL AND payload ->> 'elapsed_s' = 1.5"),
			 1);
	e.progress_current = 3;
	done(source_insert_event(s, &e, &err));
	e.progress_current = -1;
	e.progress_total = 10;
	e.message = "half way \xe2\x80\xa6";
	e.fields_json = NULL;
	done(source_insert_event(s, &e, &err));
	assert_int_equal(
		fixture_int(path, "SELECT progress_current * 100 + progress_total FROM job"), 310);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event WHERE id = 3 AND"
					   " fields = '{}' AND message LIKE 'half%'"),
			 1);
	e.job_id = JOB_2; /* no such job: the foreign key says no, as in PostgreSQL */
	assert_int_equal(source_insert_event(s, &e, &err), ERR_DATABASE);
	source_close(s);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event"), 3);
}

static struct source *inner;

static int emit_while_reading(void *ctx, const struct source_protein *row, struct err *e)
{
	struct source_event ev = event(row->accession);

	++*(int *)ctx;
	return source_insert_event(inner, &ev, e);
}

static void events_can_be_written_while_rows_are_read(void **state)
{
	struct source *reader = open_it(SOURCE_READ);
	int64_t start_ns = clock_mono_ns();
	int rows = 0;

	(void)state;
	inner = open_it(SOURCE_WRITE);
	done(source_proteins(reader, emit_while_reading, &rows, &err));
	assert_int_equal(rows, 5);
	assert_true(clock_elapsed_s(start_ns) < 5.0); /* far below one busy timeout */
	source_close(inner);
	source_close(reader);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event"), 5);
}

static int emit_many(int nth)
{
	struct source *s;
	struct source_event e = event("many");

	(void)nth;
	if (source_open(&s, path, SOURCE_WRITE, &err) < 0)
		return 3;
	for (int i = 0; i < 40; i++)
		if (source_insert_event(s, &e, &err) < 0)
			return 2;
	source_close(s);
	return 0;
}

static void processes_write_events_side_by_side(void **state)
{
	int count[4];

	(void)state;
	at_once(emit_many, count);
	assert_int_equal(count[0], N_PROCESSES);
	assert_int_equal(fixture_int(path, "SELECT count(DISTINCT id) FROM job_event"),
			 N_PROCESSES * 40);
}

/* Half of the processes come and go as writers, half as readers; each switch of the journal meets
 * others in every state. */
static int come_and_go(int nth)
{
	struct source *s;
	struct source_event e = event("come");

	for (int i = 0; i < 40; i++) {
		if (source_open(&s, path, nth % 2 ? SOURCE_READ : SOURCE_WRITE, &err) < 0)
			goto failed;
		if (nth % 2 ? source_has_snapshot(s, SNAP_1, &err) != 1
			    : source_insert_event(s, &e, &err) < 0)
			goto failed;
		source_close(s);
	}
	return 0;
failed:
	fprintf(stderr, "%d: %s\n", nth, err.text);
	return 2;
}

static void writers_and_readers_come_and_go(void **state)
{
	int count[4];

	(void)state;
	at_once(come_and_go, count);
	assert_int_equal(count[0], N_PROCESSES);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event"), N_PROCESSES / 2 * 40);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM pragma_integrity_check"
					   " WHERE integrity_check <> 'ok'"),
			 0);
}

static void a_bundle_at_rest_is_one_file(void **state)
{
	struct source *a = open_it(SOURCE_WRITE);
	struct source *b = open_it(SOURCE_WRITE);
	struct source *c = open_it(SOURCE_READ);
	struct source_event e = event("x");

	(void)state;
	done(source_insert_event(a, &e, &err));
	done(source_insert_event(b, &e, &err));
	assert_int_equal(source_has_dataset(c, "d", &err), 0);
	source_close(c);
	source_close(a);
	done(source_insert_event(b, &e, &err));
	source_close(b);
	assert_int_equal(files_in_dir(), 1);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM job_event"), 3);
}

/* A writer is killed again and again; what it committed is there, the bundle opens and is sound. */
static void a_killed_writer_leaves_a_sound_bundle(void **state)
{
	(void)state;
	for (int round = 0; round < 8; round++) {
		struct source *s;
		int fd[2], status;
		long long told = 0;
		pid_t pid;

		assert_int_equal(pipe(fd), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct source_event e = event("k");

			if (source_open(&s, path, SOURCE_WRITE, &err) < 0)
				_exit(1);
			while (source_insert_event(s, &e, &err) == 0)
				if (write(fd[1], "x", 1) != 1)
					_exit(1);
			_exit(1);
		}
		close(fd[1]);
		for (char byte; told < 5 + round && read(fd[0], &byte, 1) == 1;)
			told++;
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		for (char byte; read(fd[0], &byte, 1) == 1;)
			told++;
		close(fd[0]);
		s = open_it(round % 2 ? SOURCE_READ : SOURCE_WRITE);
		assert_int_equal(source_has_dataset(s, "d", &err), 0);
		source_close(s);
		assert_true(fixture_int(path, "SELECT count(*) FROM job_event") >= told);
		assert_int_equal(fixture_int(path, "SELECT count(*) FROM pragma_integrity_check"
						   " WHERE integrity_check <> 'ok'"),
				 0);
		fixture_sql(path, "DELETE FROM job_event");
	}
}

/* What a crash in rollback mode leaves: the file half written and the journal to undo it. */
static void a_hot_journal_is_rolled_back_for_readers(void **state)
{
	char journal[PATH_MAX + 32];
	struct source *s;
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		sqlite3 *db;

		sqlite3_open(path, &db);
		sqlite3_exec(db,
			     "PRAGMA cache_size = 1; BEGIN; WITH RECURSIVE c (i) AS"
			     " (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000)"
			     " INSERT INTO bundle_note SELECT 'k' || i, i FROM c",
			     NULL, NULL, NULL);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(journal, sizeof journal, "%s-journal", path);
	assert_int_equal(fsio_exists(journal), 1);
	s = open_it(SOURCE_READ);
	assert_int_equal(source_has_snapshot(s, SNAP_1, &err), 1);
	source_close(s);
	assert_int_equal(fsio_exists(journal), 0);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM bundle_note"), 1);
}

/* ---- reading -------------------------------------------------------------------------------------- */

static void a_handle_for_reading_writes_nothing(void **state)
{
	struct source *s = open_it(SOURCE_READ);
	struct source_event e = event("x");
	struct source_dataset d = dataset(SNAP_2, "d");
	struct source_claim mine = {.job_id = JOB_1};

	(void)state;
	assert_int_equal(source_insert_event(s, &e, &err), ERR_INTERNAL);
	assert_int_equal(insert(s, &mine, JOB_2, "x"), ERR_INTERNAL);
	assert_int_equal(claim(s, JOB_1), ERR_INTERNAL);
	assert_int_equal(source_claim_next(s, SOURCE_QUEUE, OPERATION, &worker, &job, &err),
			 ERR_INTERNAL);
	assert_int_equal(source_take_expired(s, SOURCE_QUEUE, OPERATION, &worker, &job, &err),
			 ERR_INTERNAL);
	assert_int_equal(source_requeue_job(s, &mine, "x", &err), ERR_INTERNAL);
	assert_int_equal(source_insert_dataset(s, &d, &err), ERR_INTERNAL);
	assert_int_equal(finish(s, &mine, "FAILED", NULL, NULL), ERR_INTERNAL);
	assert_int_equal(source_extend_lease(s, &mine, &err), ERR_INTERNAL);
	source_close(s);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_queued_job_is_claimed_once),
		CASE(a_child_of_a_cancelled_job_is_cancelled),
		CASE(a_job_lives_from_insert_to_finish),
		CASE(optional_job_columns_may_be_absent),
		CASE(of_many_processes_one_claims_the_job),
		CASE(events_are_visible_at_once_and_move_the_progress),
		CASE(events_can_be_written_while_rows_are_read),
		CASE(processes_write_events_side_by_side),
		CASE(writers_and_readers_come_and_go),
		CASE(a_bundle_at_rest_is_one_file),
		CASE(a_killed_writer_leaves_a_sound_bundle),
		CASE(a_hot_journal_is_rolled_back_for_readers),
		CASE(a_handle_for_reading_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
