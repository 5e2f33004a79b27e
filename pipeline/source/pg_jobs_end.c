/* Jobs of a PostgreSQL source: leases, ends, putting back. Each update asks for id, status RUNNING and the
 * started_at of the claim, so that nobody touches a job that has become somebody else's. */
#include "pipeline/source/pg_jobs_int.h"

#include <stdlib.h>
#include <string.h>

#define OURS " WHERE id = $1 AND status = 'RUNNING' AND " PG_US("started_at") " = $2::bigint"

struct ours {
	struct pg_source *p;
	const struct source_claim *claim;
	const struct source_end *end;
	const char *reason;
};

/* Why is the job not ours? *status (may be NULL) is what it was when it was, else empty. */
static int whose(struct pg_tx *tx, const struct ours *o, char status[32], struct err *err)
{
	const char *const params[] = {o->claim->job_id};
	struct pg_rows *rows;
	int rc = pg_tx_query(tx, &rows,
			     "SELECT status, " PG_US("started_at") " FROM job WHERE id = $1",
			     params, 1, err);
	const char *is = rc == 0 ? pg_rows_text(rows, 0, 0) : NULL;
	int same = is && pg_rows_int(rows, 0, 1, 0) == o->claim->started_us;

	if (status)
		status[0] = '\0';
	if (status && same)
		memccpy(status, is, '\0', 31);
	if (rc < 0)
		;
	else if (!is)
		rc = err_set(err, ERR_NOTFOUND, "no job %s in '%s'", o->claim->job_id,
			     o->p->base.name);
	else if (same && strcmp(is, "RUNNING") == 0)
		rc = 0;
	else if (strcmp(is, "CANCELLED") == 0)
		rc = err_set(err, ERR_CANCELLED, "job %s was cancelled", o->claim->job_id);
	else if (strcmp(is, "RUNNING") == 0)
		rc = err_set(err, ERR_EXISTS, "job %s has been given to somebody else",
			     o->claim->job_id);
	else
		rc = err_set(err, ERR_EXISTS, "job %s is %.20s, not RUNNING: left alone",
			     o->claim->job_id, is);
	pg_rows_free(rows);
	return rc;
}

static int check_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	return whose(tx, ctx, NULL, err);
}

int pg_source_check_job(struct source *s, const struct source_claim *claim, struct err *err)
{
	struct ours o = {.p = pg_of(s), .claim = claim};

	return pg_jobs_transact(o.p, o.p->pg, check_body, &o, err);
}

/* ---- lease ----------------------------------------------------------------------------------------- */

static int extend_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	const struct ours *o = ctx;
	char started[PG_INT_TEXT], lease[PG_INT_TEXT];
	const char *const params[] = {
		o->claim->job_id, pg_int_text(o->claim->started_us, started),
		pg_int_text(o->claim->lease_s > 0 ? o->claim->lease_s : SOURCE_LEASE_S, lease)};
	long changed = 0;
	int rc = !o->p->has_lease ? 0
				  : pg_tx_run(tx,
					      "UPDATE job SET leased_until ="
					      " now() + $3::int * interval '1 second'" OURS,
					      params, 3, &changed, err);

	return rc == 0 && !changed ? whose(tx, o, NULL, err) : rc;
}

int pg_source_extend_lease(struct source *s, const struct source_claim *claim, struct err *err)
{
	struct ours o = {.p = pg_of(s), .claim = claim};
	int rc = pg_jobs_require_writing(o.p, err);

	return rc ? rc : pg_jobs_transact(o.p, o.p->pg, extend_body, &o, err);
}

/* ---- putting back ---------------------------------------------------------------------------------- */

static int requeue_event(struct pg_tx *tx, const struct ours *o, struct err *err)
{
	const char *const params[] = {o->claim->job_id, o->reason};

	return pg_tx_run(tx,
			 "INSERT INTO job_event (job_id, ts, level, event, fields) VALUES ($1,"
			 " now(), 'warning', 'job.requeued', jsonb_build_object("
			 "'reason', $2::text, 'requeues', 1 + (SELECT count(*) FROM job_event e"
			 " WHERE e.job_id = $1 AND e.event = 'job.requeued')))",
			 params, 2, NULL, err);
}

static int requeue_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	const struct ours *o = ctx;
	char started[PG_INT_TEXT];
	const char *const params[] = {o->claim->job_id, pg_int_text(o->claim->started_us, started)};
	long changed = 0;
	int rc = pg_tx_run(tx,
			   o->p->has_lease ? "UPDATE job SET status = 'QUEUED', started_at = NULL,"
					     " leased_until = NULL" OURS
					   : "UPDATE job SET status = 'QUEUED', started_at ="
					     " NULL" OURS,
			   params, 2, &changed, err);

	if (rc == 0)
		rc = changed ? requeue_event(tx, o, err) : whose(tx, o, NULL, err);
	return rc;
}

int pg_source_requeue_job(struct source *s, const struct source_claim *claim, const char *reason,
			  struct err *err)
{
	struct ours o = {.p = pg_of(s), .claim = claim, .reason = reason};
	int rc = pg_jobs_require_writing(o.p, err);

	return rc ? rc : pg_jobs_transact(o.p, o.p->pg, requeue_body, &o, err);
}

/* ---- end ------------------------------------------------------------------------------------------- */

static int end_event(struct pg_tx *tx, const struct ours *o, struct err *err)
{
	const struct source_end *end = o->end;
	int failed = strcmp(end->status, "SUCCEEDED") != 0;
	json_t *fields =
		end->fields_json ? NULL : json_pack("{s:s?}", "error_code", end->error_code);
	char *text = fields ? json_compact(fields) : NULL;
	int rc = end->fields_json || text
			 ? pg_tx_event(tx, o->claim->job_id, failed ? "error" : "info",
				       failed ? "job.failed" : "job.succeeded", end->error_message,
				       text ? text : end->fields_json, err)
			 : err_nomem(err, "an event");

	json_decref(fields);
	free(text);
	return rc;
}

/* 1: this job has registered a data set. A session of its run that we believe lost may be at it now: it holds the
 * row's lock until it is through, and the next statement sees what it did. */
static int has_registered(struct pg_tx *tx, const struct ours *o, struct err *err)
{
	const char *const params[] = {o->claim->job_id};
	struct pg_rows *rows = NULL;
	int rc = pg_tx_run(tx, "SELECT 1 FROM job WHERE id = $1 FOR UPDATE", params, 1, NULL, err);

	if (rc == 0)
		rc = pg_tx_query(tx, &rows, "SELECT 1 FROM dataset WHERE job_id = $1 LIMIT 1",
				 params, 1, err);
	if (rc == 0)
		rc = pg_rows_count(rows) > 0;
	pg_rows_free(rows);
	return rc;
}

static int finish_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	const struct ours *o = ctx;
	char started[PG_INT_TEXT], status[32] = "";
	const char *const params[] = {o->claim->job_id, pg_int_text(o->claim->started_us, started),
				      o->end->status, o->end->error_code, o->end->error_message};
	long changed = 0;
	int rc = strcmp(o->end->status, "FAILED") == 0 ? has_registered(tx, o, err) : 0;

	if (rc == 1) {
		rc = whose(tx, o, NULL, err);
		return rc ? rc : 1;
	}
	if (rc == 0)
		rc = pg_tx_run(tx,
			       "UPDATE job SET status = $3, finished_at = now(), error_code = $4,"
			       " error_message = $5" OURS,
			       params, 5, &changed, err);
	if (rc == 0 && changed)
		return end_event(tx, o, err);
	if (rc == 0)
		rc = whose(tx, o, status, err);
	if (rc == ERR_EXISTS && strcmp(status, o->end->status) == 0)
		rc = 0; /* said before */
	return rc;
}

int pg_source_finish_job(struct source *s, const struct source_claim *claim,
			 const struct source_end *end, struct err *err)
{
	struct ours o = {.p = pg_of(s), .claim = claim, .end = end};
	int rc = pg_jobs_require_writing(o.p, err);

	return rc ? rc : pg_jobs_transact(o.p, o.p->pg, finish_body, &o, err);
}
