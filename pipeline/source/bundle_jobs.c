/* Jobs of a bundle. Each function is one transaction, committed when it returns. Whether a job is whose is
 * looked up and acted upon under the write lock; stamps are compared as instants (spec B.22), which SQL
 * cannot do with texts. */
#include "pipeline/source/bundle_sql.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/db.h"
#include "pipeline/core/cancel.h"
#include "prof/base/clock.h"

#define SECOND INT64_C(1000000000)

/* Stamps hold microseconds. */
static int64_t now_ns(void)
{
	int64_t now = clock_real_ns();

	return now - now % 1000;
}

static int64_t lease_ns(int lease_s)
{
	return (lease_s > 0 ? lease_s : SOURCE_LEASE_S) * SECOND;
}

/* 0: no stamp. */
static int64_t stamp_of(const char *text)
{
	int64_t ns;

	return text && stamp_parse(text, &ns) == 0 ? ns : 0;
}

static void free_texts(char **text, int n)
{
	while (n > 0)
		free(text[--n]);
}

/* ---- events of a job's life --------------------------------------------------------------------- */

/* Takes fields. */
static int put_job_event_at(sqlite3 *db, int64_t ts_ns, const char *job_id, const char *level,
			    const char *event, const char *message, json_t *fields, struct err *err)
{
	struct source_event e = {.job_id = job_id,
				 .ts_ns = ts_ns,
				 .level = level,
				 .event = event,
				 .message = message,
				 .progress_current = -1,
				 .progress_total = -1};
	char *text = fields ? json_compact(fields) : NULL;
	int rc;

	json_decref(fields);
	if (!text)
		return err_nomem(err, "an event");
	e.fields_json = text;
	rc = bundle_put_event(db, &e, err);
	free(text);
	return rc;
}

static int put_job_event(sqlite3 *db, const char *job_id, const char *level, const char *event,
			 const char *message, json_t *fields, struct err *err)
{
	return put_job_event_at(db, now_ns(), job_id, level, event, message, fields, err);
}

/* ---- whose is it -------------------------------------------------------------------------------- */

/* Is the job ours? 0, or why not; *status (may be NULL, else malloc'ed also on failure). */
static int ours(sqlite3 *db, const struct source_claim *claim, char **status, struct err *err)
{
	const struct bundle_value values[] = {TEXT(claim->job_id)};
	char *text[2];
	int rc = bundle_sql_texts(db, "SELECT status, started_at FROM job WHERE id = ?1", values, 1,
				  text, 2, err);
	int same;

	if (status)
		*status = NULL;
	if (rc == 0)
		return err_set(err, ERR_NOTFOUND, "no job %s in '%s'", claim->job_id,
			       bundle_db_name(db));
	if (rc < 0)
		return rc;
	same = stamp_of(text[1]) / 1000 == claim->started_us;
	if (same && strcmp(text[0], "RUNNING") == 0)
		rc = 0;
	else if (strcmp(text[0], "CANCELLED") == 0)
		rc = err_set(err, ERR_CANCELLED, "job %s was cancelled", claim->job_id);
	else if (!same && strcmp(text[0], "RUNNING") == 0)
		rc = err_set(err, ERR_EXISTS, "job %s has been given to somebody else",
			     claim->job_id);
	else
		rc = err_set(err, ERR_EXISTS, "job %s is %.20s, not RUNNING: left alone",
			     claim->job_id, text[0]);
	if (status && same) {
		*status = text[0];
		text[0] = NULL;
	}
	free_texts(text, 2);
	return rc;
}

int bundle_check_job(struct source *s, const struct source_claim *claim, struct err *err)
{
	return ours(bundle_of(s)->db, claim, NULL, err);
}

/* ---- reading ------------------------------------------------------------------------------------ */

#define JOB_COLUMNS                                                                                \
	"id, status, operation, payload, started_at, (SELECT count(*) FROM job_event e"            \
	" WHERE e.job_id = job.id AND e.event = 'job.requeued')"

enum {
	COLUMN_ID,
	COLUMN_STATUS,
	COLUMN_OPERATION,
	COLUMN_PAYLOAD,
	COLUMN_STARTED,
	COLUMN_REQUEUES,
	COLUMNS
};

/* First row of `sql`, which selects JOB_COLUMNS. 1, 0 none. */
static int read_job(sqlite3 *db, const char *sql, const struct bundle_value *values, int n,
		    struct source_job *job, struct err *err)
{
	char *text[COLUMNS];
	int rc = bundle_sql_texts(db, sql, values, n, text, COLUMNS, err);

	if (rc <= 0)
		return rc;
	memccpy(job->claim.job_id, text[COLUMN_ID], '\0', UUID_TEXT - 1);
	job->claim.started_us = stamp_of(text[COLUMN_STARTED]) / 1000;
	job->requeues = (int)strtol(text[COLUMN_REQUEUES], NULL, 10);
	job->status = text[COLUMN_STATUS];
	job->operation = text[COLUMN_OPERATION];
	job->payload_json = text[COLUMN_PAYLOAD];
	free(text[COLUMN_ID]);
	free(text[COLUMN_STARTED]);
	free(text[COLUMN_REQUEUES]);
	return 1;
}

int bundle_read_job(struct source *s, const char *job_id, struct source_job *job, struct err *err)
{
	const struct bundle_value values[] = {TEXT(job_id)};

	return read_job(bundle_of(s)->db, "SELECT " JOB_COLUMNS " FROM job WHERE id = ?1", values,
			1, job, err);
}

/* ---- beginning ---------------------------------------------------------------------------------- */

int bundle_insert_job(struct source *s, struct source_claim *claim, const char *operation,
		      const char *payload_json, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	int64_t now = now_ns();
	const struct bundle_value values[] = {TEXT(claim->job_id), TEXT(operation),
					      TEXT(payload_json), STAMP(now),
					      STAMP(now + lease_ns(claim->lease_s))};
	int rc = bundle_sql_begin(b, err);

	if (rc < 0)
		return rc;
	rc = bundle_sql_run(
		b->db,
		b->has_lease ? "INSERT INTO job (id, operation, queue_name, status, payload, meta,"
			       " created_at, started_at, leased_until) VALUES"
			       " (?1, ?2, '" SOURCE_QUEUE "', 'RUNNING', ?3, '{}', ?4, ?4, ?5)"
			     : "INSERT INTO job (id, operation, queue_name, status, payload, meta,"
			       " created_at, started_at) VALUES"
			       " (?1, ?2, '" SOURCE_QUEUE "', 'RUNNING', ?3, '{}', ?4, ?4)",
		values, b->has_lease ? 5 : 4, NULL, err);
	claim->started_us = now / 1000;
	return bundle_sql_end(b, rc, err);
}

/* The row becomes ours: started now, with a lease; what an earlier end left in it is cleared. */
static int take(struct bundle_source *b, struct source_job *job, int lease_s, struct err *err)
{
	int64_t now = now_ns();
	const struct bundle_value values[] = {TEXT(job->claim.job_id), STAMP(now),
					      STAMP(now + lease_ns(lease_s))};

	job->claim.started_us = now / 1000;
	job->claim.lease_s = lease_s;
	return bundle_sql_run(b->db,
			      b->has_lease
				      ? "UPDATE job SET status = 'RUNNING', started_at = ?2,"
					" finished_at = NULL, error_code = NULL,"
					" error_message = NULL, leased_until = ?3 WHERE id = ?1"
				      : "UPDATE job SET status = 'RUNNING', started_at = ?2,"
					" finished_at = NULL, error_code = NULL,"
					" error_message = NULL WHERE id = ?1",
			      values, b->has_lease ? 3 : 2, NULL, err);
}

/* A child of a cancelled job is cancelled before it runs (spec 6.1). *cancelled is told. */
static int cancel_with_parent(struct bundle_source *b, const char *job_id, int *cancelled,
			      struct err *err)
{
	const struct bundle_value values[] = {TEXT(job_id), STAMP(now_ns())};
	int rc;

	*cancelled = 0;
	if (!b->has_parent_job)
		return 0;
	rc = bundle_sql_run(
		b->db,
		"UPDATE job SET status = 'CANCELLED', finished_at = ?2 WHERE id = ?1 AND"
		" (SELECT p.status FROM job p WHERE p.id = job.parent_job_id) = 'CANCELLED'",
		values, N_VALUES(values), cancelled, err);
	if (rc == 0 && *cancelled)
		rc = put_job_event(b->db, job_id, "info", "job.cancelled", NULL,
				   json_pack("{s:s}", "reason", "parent_cancelled"), err);
	return rc;
}

/* Inside the transaction, of a job that may be claimed: 1, also if it was *cancelled with its parent. */
static int claim(struct bundle_source *b, const struct source_claimant *who, struct source_job *job,
		 int *cancelled, struct err *err)
{
	int rc = take(b, job, who->lease_s, err);

	if (rc == 0)
		rc = put_job_event(b->db, job->claim.job_id, "info", "job.started", NULL,
				   json_pack("{s:s}", "worker", who->worker), err);
	if (rc == 0)
		rc = cancel_with_parent(b, job->claim.job_id, cancelled, err);
	return rc < 0 ? rc : 1;
}

static int claimable(const struct source_job *job, const struct source_claimant *who)
{
	return strcmp(job->status, "QUEUED") == 0 ||
	       (who->again &&
		(strcmp(job->status, "FAILED") == 0 || strcmp(job->status, "CANCELLED") == 0));
}

int bundle_claim_job(struct source *s, const char *job_id, const struct source_claimant *who,
		     struct source_job *job, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	int cancelled = 0;
	int rc = bundle_sql_begin(b, err);

	if (rc < 0)
		return rc;
	rc = bundle_read_job(s, job_id, job, err);
	if (rc == 0)
		rc = err_set(err, ERR_NOTFOUND, "no job %s in '%s'", job_id, b->base.name);
	else if (rc == 1)
		rc = claimable(job, who) ? claim(b, who, job, &cancelled, err) : 0;
	rc = bundle_sql_end(b, rc, err);
	if (rc == 1 && cancelled)
		return err_set(err, ERR_CANCELLED, "job %s: its parent job was cancelled", job_id);
	return rc;
}

int bundle_claim_next(struct source *s, const char *queue, const char *operation,
		      const struct source_claimant *who, struct source_job *job, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	const struct bundle_value values[] = {TEXT(queue), TEXT(operation)};
	int cancelled, rc;

	do {
		cancelled = 0;
		source_job_release(job);
		rc = bundle_sql_begin(b, err);
		if (rc < 0)
			return rc;
		rc = read_job(b->db,
			      "SELECT " JOB_COLUMNS " FROM job WHERE status = 'QUEUED' AND"
			      " queue_name = ?1 AND operation = ?2"
			      " ORDER BY julianday(created_at), created_at, id LIMIT 1",
			      values, 2, job, err);
		if (rc == 1)
			rc = claim(b, who, job, &cancelled, err);
		rc = bundle_sql_end(b, rc, err);
	} while (rc == 1 && cancelled);
	return rc;
}

/* ---- expired leases ------------------------------------------------------------------------------ */

/* The id of a RUNNING job whose lease is over; "" none. */
static int find_expired(struct bundle_source *b, const char *queue, const char *operation,
			char id[UUID_TEXT], struct err *err)
{
	const struct bundle_value values[] = {TEXT(queue), TEXT(operation)};
	int64_t now = clock_real_ns();
	sqlite3_stmt *stmt;
	int rc = bundle_sql_prepare(b->db, &stmt,
				    "SELECT id, leased_until FROM job WHERE status = 'RUNNING' AND"
				    " queue_name = ?1 AND operation = ?2 AND"
				    " leased_until IS NOT NULL ORDER BY created_at, id",
				    values, 2, err);

	id[0] = '\0';
	if (rc < 0)
		return rc;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && !id[0]) {
		int64_t until = stamp_of((const char *)sqlite3_column_text(stmt, 1));

		if (until && until < now)
			memccpy(id, sqlite3_column_text(stmt, 0), '\0', UUID_TEXT - 1);
	}
	rc = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : bundle_db_fail(b->db, rc, "read", err);
	sqlite3_finalize(stmt);
	return rc;
}

int bundle_take_expired(struct source *s, const char *queue, const char *operation,
			const struct source_claimant *who, struct source_job *job, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	char id[UUID_TEXT] = "";
	int rc = b->has_lease ? bundle_sql_begin(b, err) : 0;

	if (rc < 0 || !b->has_lease)
		return rc;
	rc = find_expired(b, queue, operation, id, err);
	if (rc == 0 && id[0])
		rc = bundle_read_job(s, id, job, err);
	if (rc == 1) {
		rc = take(b, job, who->lease_s, err);
		rc = rc < 0 ? rc : 1;
	}
	return bundle_sql_end(b, rc, err);
}

int bundle_requeue_job(struct source *s, const struct source_claim *claim, const char *reason,
		       struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	struct source_job job = {0};
	const struct bundle_value values[] = {TEXT(claim->job_id)};
	int rc = bundle_sql_begin(b, err);

	if (rc < 0)
		return rc;
	rc = ours(b->db, claim, NULL, err);
	if (rc == 0)
		rc = bundle_read_job(s, claim->job_id, &job, err);
	if (rc == 1)
		rc = bundle_sql_run(b->db,
				    b->has_lease ? "UPDATE job SET status = 'QUEUED', started_at ="
						   " NULL, leased_until = NULL WHERE id = ?1"
						 : "UPDATE job SET status = 'QUEUED', started_at ="
						   " NULL WHERE id = ?1",
				    values, 1, NULL, err);
	if (rc == 0)
		rc = put_job_event(
			b->db, claim->job_id, "warning", "job.requeued", NULL,
			json_pack("{s:s, s:i}", "reason", reason, "requeues", job.requeues + 1),
			err);
	source_job_release(&job);
	return bundle_sql_end(b, rc, err);
}

/* ---- going on and ending ------------------------------------------------------------------------- */

int bundle_extend_lease(struct source *s, const struct source_claim *claim, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	const struct bundle_value values[] = {TEXT(claim->job_id),
					      STAMP(now_ns() + lease_ns(claim->lease_s))};
	int rc = bundle_sql_begin(b, err);

	if (rc < 0)
		return rc;
	rc = ours(b->db, claim, NULL, err);
	if (rc == 0 && b->has_lease)
		rc = bundle_sql_run(b->db, "UPDATE job SET leased_until = ?2 WHERE id = ?1", values,
				    2, NULL, err);
	return bundle_sql_end(b, rc, err);
}

static int put_end_event(sqlite3 *db, int64_t now, const char *job_id, const struct source_end *end,
			 struct err *err)
{
	int failed = strcmp(end->status, "SUCCEEDED") != 0;
	json_t *fields = end->fields_json ? json_parse("an event", end->fields_json,
						       strlen(end->fields_json), err)
					  : json_pack("{s:s?}", "error_code", end->error_code);

	return put_job_event_at(db, now, job_id, failed ? "error" : "info",
				failed ? "job.failed" : "job.succeeded", end->error_message, fields,
				err);
}

int bundle_finish_job(struct source *s, const struct source_claim *claim,
		      const struct source_end *end, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	int64_t now = now_ns();
	const struct bundle_value values[] = {TEXT(claim->job_id), TEXT(end->status), STAMP(now),
					      TEXT(end->error_code), TEXT(end->error_message)};
	char *status = NULL, *id = NULL;
	int rc = bundle_sql_begin(b, err);

	if (rc < 0)
		return rc;
	rc = ours(b->db, claim, &status, err);
	if (rc == 0 && strcmp(end->status, "FAILED") == 0)
		rc = bundle_sql_texts(b->db, "SELECT id FROM dataset WHERE job_id = ?1", values, 1,
				      &id, 1, err);
	free(id);
	if (rc == ERR_EXISTS && status && strcmp(status, end->status) == 0) {
		free(status);
		return bundle_sql_end(b, 0, err); /* said before */
	}
	if (rc == 0)
		rc = bundle_sql_run(b->db,
				    "UPDATE job SET status = ?2, finished_at = ?3, error_code = ?4,"
				    " error_message = ?5 WHERE id = ?1",
				    values, N_VALUES(values), NULL, err);
	if (rc == 0)
		rc = put_end_event(b->db, now, claim->job_id, end, err);
	free(status);
	return bundle_sql_end(b, rc, err);
}

/* Nobody tells of new jobs: time passes, unless a signal comes. */
int bundle_wait_jobs(struct source *s, int timeout_ms, struct err *err)
{
	(void)s;
	if (!cancel_requested() && poll(NULL, 0, timeout_ms) < 0 && errno != EINTR)
		return err_sys(err, ERR_IO, "cannot wait");
	return 0;
}
