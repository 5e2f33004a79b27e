/* Jobs of a PostgreSQL source: making, reading and claiming them. Rows that others are claiming are passed
 * over (SKIP LOCKED), so that many workers do not wait for each other. A claim whose commit got no answer is
 * known by its started_at. */
#include "pipeline/source/pg_jobs_int.h"

#include <stdlib.h>
#include <string.h>

struct claiming {
	struct pg_source *p;
	const char *job_id; /* NULL: the next of the queue */
	const char *queue, *operation;
	const struct source_claimant *who;
	struct source_job *job; /* filled by the try before, if that got so far */
	int cancelled;          /* with its parent */
};

static int lease_of(int lease_s)
{
	return lease_s > 0 ? lease_s : SOURCE_LEASE_S;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static int read_in(struct pg_tx *tx, const char *job_id, struct source_job *job, struct err *err)
{
	const char *const params[] = {job_id};
	struct pg_rows *rows;
	int rc = pg_tx_query(tx, &rows, "SELECT " PG_JOB_COLUMNS " FROM job WHERE id = $1", params,
			     1, err);

	if (rc == 0 && pg_rows_count(rows) > 0)
		rc = pg_jobs_fill(rows, job, err);
	pg_rows_free(rows);
	return rc;
}

struct reading {
	const char *job_id;
	struct source_job *job;
};

static int read_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	const struct reading *r = ctx;

	return read_in(tx, r->job_id, r->job, err);
}

int pg_source_read_job(struct source *s, const char *job_id, struct source_job *job,
		       struct err *err)
{
	struct reading r = {job_id, job};

	return pg_jobs_transact(pg_of(s), pg_of(s)->pg, read_body, &r, err);
}

/* ---- a job of our own ------------------------------------------------------------------------------ */

struct inserting {
	struct pg_source *p;
	struct source_claim *claim;
	const char *operation, *payload_json;
};

static int insert_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	const struct inserting *in = ctx;
	char lease[PG_INT_TEXT];
	const char *const params[] = {in->claim->job_id, in->operation, in->payload_json,
				      pg_int_text(lease_of(in->claim->lease_s), lease)};
	struct source_job there = {0};
	struct pg_rows *rows;
	int rc = tx->tries ? read_in(tx, in->claim->job_id, &there, err) : 0;

	if (rc == 1) /* the try before got through after all */
		in->claim->started_us = there.claim.started_us;
	source_job_release(&there);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = pg_tx_query(
		tx, &rows,
		in->p->has_lease
			? "INSERT INTO job (id, operation, queue_name, status, payload, meta,"
			  " created_at, started_at, leased_until) VALUES ($1, $2, '" SOURCE_QUEUE
			  "', 'RUNNING', $3, '{}', now(), now(),"
			  " now() + $4::int * interval '1 second') RETURNING " PG_US("started_at")
			: "INSERT INTO job (id, operation, queue_name, status, payload, meta,"
			  " created_at, started_at) VALUES ($1, $2, '" SOURCE_QUEUE
			  "', 'RUNNING', $3, '{}', now(), now()) RETURNING " PG_US("started_at"),
		params, in->p->has_lease ? 4 : 3, err);
	if (rc == 0)
		in->claim->started_us = pg_rows_int(rows, 0, 0, 0);
	pg_rows_free(rows);
	return rc;
}

int pg_source_insert_job(struct source *s, struct source_claim *claim, const char *operation,
			 const char *payload_json, struct err *err)
{
	struct pg_source *p = pg_of(s);
	struct inserting in = {p, claim, operation, payload_json};
	int rc = pg_jobs_require_writing(p, err);

	return rc ? rc : pg_jobs_transact(p, p->pg, insert_body, &in, err);
}

/* ---- claiming -------------------------------------------------------------------------------------- */

/* A child of a cancelled job is cancelled before it runs (spec 6.1). */
static int cancel_with_parent(struct pg_tx *tx, struct claiming *c, struct err *err)
{
	const char *const params[] = {c->job->claim.job_id};
	long cancelled = 0;
	int rc = 0;

	if (c->p->has_parent_job)
		rc = pg_tx_run(tx,
			       "UPDATE job SET status = 'CANCELLED', finished_at = now()"
			       " WHERE id = $1 AND (SELECT p.status FROM job p"
			       " WHERE p.id = job.parent_job_id) = 'CANCELLED'",
			       params, 1, &cancelled, err);
	if (rc == 0 && cancelled)
		rc = pg_tx_event(tx, c->job->claim.job_id, "info", "job.cancelled", NULL,
				 "{\"reason\": \"parent_cancelled\"}", err);
	c->cancelled = rc == 0 && cancelled > 0;
	return rc;
}

/* {"worker": …}: malloc'ed. */
static char *worker_fields(const char *worker)
{
	json_t *fields = json_pack("{s:s}", "worker", worker);
	char *text = fields ? json_compact(fields) : NULL;

	json_decref(fields);
	return text;
}

/* What the conditional update has made ours is in `rows`. */
static int take_rows(struct pg_tx *tx, struct claiming *c, const struct pg_rows *rows,
		     struct err *err)
{
	char *fields = worker_fields(c->who->worker);
	int rc = fields ? pg_jobs_fill(rows, c->job, err) : err_nomem(err, "an event");

	if (rc == 1) {
		c->job->claim.lease_s = c->who->lease_s;
		rc = pg_tx_event(tx, c->job->claim.job_id, "info", "job.started", NULL, fields,
				 err);
	}
	free(fields);
	if (rc == 0)
		rc = cancel_with_parent(tx, c, err);
	return rc < 0 ? rc : 1;
}

/* The row becomes RUNNING with us, if it is still claimable. 1, 0 it is not. */
static int claim_row(struct pg_tx *tx, struct claiming *c, const char *job_id, struct err *err)
{
	char lease[PG_INT_TEXT];
	const char *const params[] = {job_id,
				      c->who->again ? "{QUEUED,FAILED,CANCELLED}" : "{QUEUED}",
				      pg_int_text(lease_of(c->who->lease_s), lease)};
	struct pg_rows *rows;
	int rc = pg_tx_query(
		tx, &rows,
		c->p->has_lease
			? "UPDATE job SET status = 'RUNNING', started_at = now(), finished_at ="
			  " NULL, error_code = NULL, error_message = NULL, leased_until ="
			  " now() + $3::int * interval '1 second' WHERE id = $1 AND"
			  " status::text = ANY ($2::text[]) RETURNING " PG_JOB_COLUMNS
			: "UPDATE job SET status = 'RUNNING', started_at = now(), finished_at ="
			  " NULL, error_code = NULL, error_message = NULL WHERE id = $1 AND"
			  " status::text = ANY ($2::text[]) RETURNING " PG_JOB_COLUMNS,
		params, c->p->has_lease ? 3 : 2, err);

	if (rc == 0 && pg_rows_count(rows) > 0)
		rc = take_rows(tx, c, rows, err);
	pg_rows_free(rows);
	return rc;
}

/* After a lost answer: has the try before been committed? 1: the job is ours. */
static int claimed_before(struct pg_tx *tx, struct claiming *c, struct err *err)
{
	struct source_job there = {0};
	int rc = 0;

	if (tx->tries && c->job->claim.started_us)
		rc = read_in(tx, c->job->claim.job_id, &there, err);
	if (rc == 1) {
		rc = there.claim.started_us == c->job->claim.started_us &&
		     (strcmp(there.status, "RUNNING") == 0 || c->cancelled);
		if (!rc)
			source_job_release(c->job);
	}
	source_job_release(&there);
	return rc;
}

static int claim_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	struct claiming *c = ctx;
	struct source_job there = {0};
	int rc = claimed_before(tx, c, err);

	if (rc == 0)
		rc = claim_row(tx, c, c->job_id, err);
	if (rc == 0) {
		rc = read_in(tx, c->job_id, &there, err);
		if (rc == 0)
			rc = err_set(err, ERR_NOTFOUND, "no job %s in '%s'", c->job_id,
				     c->p->base.name);
		source_job_release(&there);
		return rc < 0 ? rc : 0;
	}
	return rc;
}

int pg_source_claim_job(struct source *s, const char *job_id, const struct source_claimant *who,
			struct source_job *job, struct err *err)
{
	struct pg_source *p = pg_of(s);
	struct claiming c = {.p = p, .job_id = job_id, .who = who, .job = job};
	int rc = pg_jobs_require_writing(p, err);

	if (rc == 0)
		rc = pg_jobs_transact(p, p->pg, claim_body, &c, err);
	if (rc == 1 && c.cancelled)
		return err_set(err, ERR_CANCELLED, "job %s: its parent job was cancelled", job_id);
	return rc;
}

/* The id of the first row that `sql` finds and locks; "" none. */
static int find_id(struct pg_tx *tx, const struct claiming *c, const char *sql, char id[UUID_TEXT],
		   struct err *err)
{
	const char *const params[] = {c->queue, c->operation};
	struct pg_rows *rows;
	int rc = pg_tx_query(tx, &rows, sql, params, 2, err);
	const char *text = rc == 0 ? pg_rows_text(rows, 0, 0) : NULL;

	id[0] = '\0';
	if (text && uuid_normalise(text, id) != 0)
		rc = err_set(err, ERR_FORMAT, "a job's id is no UUID");
	pg_rows_free(rows);
	return rc;
}

static int next_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	struct claiming *c = ctx;
	char id[UUID_TEXT];
	int rc = claimed_before(tx, c, err);

	if (rc != 0)
		return rc;
	rc = find_id(tx, c,
		     "SELECT id FROM job WHERE status = 'QUEUED' AND queue_name = $1 AND"
		     " operation = $2 ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED",
		     id, err);
	return rc < 0 || !id[0] ? rc : claim_row(tx, c, id, err);
}

int pg_source_claim_next(struct source *s, const char *queue, const char *operation,
			 const struct source_claimant *who, struct source_job *job, struct err *err)
{
	struct pg_source *p = pg_of(s);
	struct claiming c = {
		.p = p, .queue = queue, .operation = operation, .who = who, .job = job};
	int rc = pg_jobs_require_writing(p, err);

	while (rc == 0) {
		source_job_release(job);
		c.cancelled = 0;
		rc = pg_jobs_transact(p, p->pg, next_body, &c, err);
		if (rc != 1 || !c.cancelled)
			break;
		rc = 0; /* cancelled with its parent: the one after it */
	}
	return rc;
}

/* ---- expired leases -------------------------------------------------------------------------------- */

static int expired_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	struct claiming *c = ctx;
	char id[UUID_TEXT], lease[PG_INT_TEXT];
	const char *const params[] = {id, pg_int_text(lease_of(c->who->lease_s), lease)};
	struct pg_rows *rows;
	int rc = claimed_before(tx, c, err);

	if (rc != 0)
		return rc;
	rc = find_id(tx, c,
		     "SELECT id FROM job WHERE status = 'RUNNING' AND queue_name = $1 AND"
		     " operation = $2 AND leased_until < now() ORDER BY created_at, id LIMIT 1"
		     " FOR UPDATE SKIP LOCKED",
		     id, err);
	if (rc < 0 || !id[0])
		return rc;
	rc = pg_tx_query(tx, &rows,
			 "UPDATE job SET started_at = now(), leased_until ="
			 " now() + $2::int * interval '1 second' WHERE id = $1"
			 " RETURNING " PG_JOB_COLUMNS,
			 params, 2, err);
	if (rc == 0)
		rc = pg_jobs_fill(rows, c->job, err);
	if (rc == 1)
		c->job->claim.lease_s = c->who->lease_s;
	pg_rows_free(rows);
	return rc;
}

int pg_source_take_expired(struct source *s, const char *queue, const char *operation,
			   const struct source_claimant *who, struct source_job *job,
			   struct err *err)
{
	struct pg_source *p = pg_of(s);
	struct claiming c = {
		.p = p, .queue = queue, .operation = operation, .who = who, .job = job};
	int rc = pg_jobs_require_writing(p, err);

	return rc || !p->has_lease ? rc : pg_jobs_transact(p, p->pg, expired_body, &c, err);
}
