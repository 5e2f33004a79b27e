/* What a run writes into a bundle: its job, events and data set. Each function is one transaction,
 * committed when it returns. */
#include "pipeline/source/bundle_source.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/db.h"
#include "pipeline/core/text.h"
#include "prof/base/clock.h"

#define LEASE_NS (INT64_C(120) * 1000000000) /* spec 6.1 */
#define QUEUE    "protea.training"           /* spec 2.1 */
#define DO_WRITE "write to"

static int require_writing(struct bundle_source *b, struct err *err)
{
	if (b->writing)
		return 0;
	return err_set(err, ERR_INTERNAL, "bundle '%s' was opened for reading only", b->base.name);
}

/* ---- statements ------------------------------------------------------------------------------- */

/* One value of a statement; texts are borrowed. */
struct value {
	enum { VALUE_TEXT, VALUE_INT, VALUE_STAMP } type;
	const char *text; /* NULL: NULL */
	int64_t number;
};

#define TEXT(t)  ((struct value){.type = VALUE_TEXT, .text = (t)})
#define INT(n)   ((struct value){.type = VALUE_INT, .number = (n)})
#define STAMP(n) ((struct value){.type = VALUE_STAMP, .number = (n)})

static int bind_value(sqlite3_stmt *stmt, int at, const struct value *v)
{
	char stamp[STAMP_TEXT];

	switch (v->type) {
	case VALUE_INT:
		return sqlite3_bind_int64(stmt, at, v->number);
	case VALUE_STAMP:
		stamp_format(v->number, stamp);
		return sqlite3_bind_text(stmt, at, stamp, -1, SQLITE_TRANSIENT);
	default:
		return sqlite3_bind_text(stmt, at, v->text, -1, SQLITE_STATIC);
	}
}

/* Prepares with values bound. */
static int prepare(sqlite3 *db, sqlite3_stmt **stmt, const char *sql, const struct value *values,
		   int n, struct err *err)
{
	int rc = sqlite3_prepare_v2(db, sql, -1, stmt, NULL);

	for (int i = 0; rc == SQLITE_OK && i < n; i++)
		rc = bind_value(*stmt, i + 1, &values[i]);
	if (rc == SQLITE_OK)
		return 0;
	rc = bundle_db_fail(db, rc, DO_WRITE, err);
	sqlite3_finalize(*stmt);
	*stmt = NULL;
	return rc;
}

/* Runs one statement; *changed (may be NULL): rows touched. */
static int run(sqlite3 *db, const char *sql, const struct value *values, int n, int *changed,
	       struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = prepare(db, &stmt, sql, values, n, err);

	if (rc < 0)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE || rc == SQLITE_ROW) {
		if (changed)
			*changed = sqlite3_changes(db);
		rc = 0;
	} else {
		rc = bundle_db_fail(db, rc, DO_WRITE, err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

#define N_VALUES(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ---- events ----------------------------------------------------------------------------------- */

/* The id is given out here because a bundle made by other programs may have an id column that SQLite
 * does not fill by itself; the write lock makes it unique. */
static int put_event(sqlite3 *db, const struct source_event *e, struct err *err)
{
	const struct value values[] = {
		TEXT(e->job_id), STAMP(e->ts_ns),  TEXT(e->level),
		TEXT(e->event),  TEXT(e->message), TEXT(e->fields_json ? e->fields_json : "{}"),
	};

	return run(db,
		   "INSERT INTO job_event (id, job_id, ts, level, event, message, fields) VALUES"
		   " ((SELECT coalesce(max(id), 0) + 1 FROM job_event), ?1, ?2, ?3, ?4, ?5, ?6)",
		   values, N_VALUES(values), NULL, err);
}

static int put_progress(sqlite3 *db, const struct source_event *e, struct err *err)
{
	const struct value values[] = {TEXT(e->job_id), INT(e->progress_current),
				       INT(e->progress_total)};

	if (e->progress_current < 0 && e->progress_total < 0)
		return 0;
	return run(db,
		   "UPDATE job SET"
		   " progress_current = CASE WHEN ?2 < 0 THEN progress_current ELSE ?2 END,"
		   " progress_total = CASE WHEN ?3 < 0 THEN progress_total ELSE ?3 END"
		   " WHERE id = ?1",
		   values, N_VALUES(values), NULL, err);
}

/* Commits when rc is 0, else undoes all. */
static int finish_transaction(sqlite3 *db, int rc, struct err *err)
{
	if (rc == 0)
		return bundle_db_commit(db, err);
	bundle_db_rollback(db);
	return rc;
}

int bundle_insert_event(struct source *s, const struct source_event *row, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	int rc = require_writing(b, err);

	if (rc == 0)
		rc = bundle_db_begin(b->db, err);
	if (rc < 0)
		return rc;
	rc = put_event(b->db, row, err);
	if (rc == 0)
		rc = put_progress(b->db, row, err);
	return finish_transaction(b->db, rc, err);
}

/* ---- jobs ------------------------------------------------------------------------------------- */

int bundle_insert_job(struct source *s, const char *job_id, const char *operation,
		      const char *payload_json, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	int64_t now = clock_real_ns();
	const struct value values[] = {TEXT(job_id), TEXT(operation), TEXT(payload_json),
				       STAMP(now), STAMP(now + LEASE_NS)};
	int rc = require_writing(b, err);

	if (rc == 0)
		rc = bundle_db_begin(b->db, err);
	if (rc < 0)
		return rc;
	rc = run(b->db,
		 b->has_lease ? "INSERT INTO job (id, operation, queue_name, status, payload, meta,"
				" created_at, started_at, leased_until) VALUES"
				" (?1, ?2, '" QUEUE "', 'RUNNING', ?3, '{}', ?4, ?4, ?5)"
			      : "INSERT INTO job (id, operation, queue_name, status, payload, meta,"
				" created_at, started_at) VALUES"
				" (?1, ?2, '" QUEUE "', 'RUNNING', ?3, '{}', ?4, ?4)",
		 values, b->has_lease ? 5 : 4, NULL, err);
	return finish_transaction(b->db, rc, err);
}

/* Copies of up to two text columns of the job's row (malloc'ed, "" for NULL). 1, 0 no such job. */
static int job_texts(sqlite3 *db, const char *sql, const char *job_id, char **first, char **second,
		     struct err *err)
{
	const struct value values[] = {TEXT(job_id)};
	char **out[] = {first, second};
	sqlite3_stmt *stmt;
	int rc = prepare(db, &stmt, sql, values, 1, err);

	if (rc < 0)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		rc = 1;
		for (int i = 0; i < 2 && out[i] && rc == 1; i++) {
			const char *text = (const char *)sqlite3_column_text(stmt, i);

			*out[i] = strdup(text ? text : "");
			if (!*out[i])
				rc = err_nomem(err, "a job");
		}
	} else if (rc == SQLITE_DONE) {
		rc = 0;
	} else {
		rc = bundle_db_fail(db, rc, "read", err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int no_such_job(sqlite3 *db, const char *job_id, struct err *err)
{
	return err_set(err, ERR_NOTFOUND, "no job %s in '%s'", job_id, bundle_db_name(db));
}

/* Why a job is not RUNNING: ERR_NOTFOUND, ERR_CANCELLED, or ERR_DATABASE with its status. */
static int not_running(sqlite3 *db, const char *job_id, struct err *err)
{
	char *status = NULL;
	int rc = job_texts(db, "SELECT status FROM job WHERE id = ?1", job_id, &status, NULL, err);

	if (rc == 0)
		rc = no_such_job(db, job_id, err);
	else if (rc > 0 && strcmp(status, "CANCELLED") == 0)
		rc = err_set(err, ERR_CANCELLED, "job %s was cancelled", job_id);
	else if (rc > 0)
		rc = err_set(err, ERR_DATABASE, "job %s is %.20s, not RUNNING: left alone", job_id,
			     status);
	free(status);
	return rc;
}

static int put_job_event(sqlite3 *db, const char *job_id, const char *event, const char *key,
			 const char *value, int64_t now, struct err *err)
{
	struct source_event e = {.job_id = job_id,
				 .ts_ns = now,
				 .level = "info",
				 .event = event,
				 .progress_current = -1,
				 .progress_total = -1};
	json_t *fields = json_pack("{s:s}", key, value);
	char *text = fields ? json_compact(fields) : NULL;
	int rc;

	json_decref(fields);
	if (!text)
		return err_nomem(err, "an event");
	e.fields_json = text;
	rc = put_event(db, &e, err);
	free(text);
	return rc;
}

/* A child of a cancelled job is cancelled before it runs (spec 6.1). *cancelled is told. */
static int cancel_with_parent(struct bundle_source *b, const char *job_id, int64_t now,
			      int *cancelled, struct err *err)
{
	const struct value values[] = {TEXT(job_id), STAMP(now)};
	int rc;

	*cancelled = 0;
	if (!b->has_parent_job)
		return 0;
	rc = run(b->db,
		 "UPDATE job SET status = 'CANCELLED', finished_at = ?2 WHERE id = ?1 AND"
		 " (SELECT p.status FROM job p WHERE p.id = job.parent_job_id) = 'CANCELLED'",
		 values, N_VALUES(values), cancelled, err);
	if (rc == 0 && *cancelled)
		rc = put_job_event(b->db, job_id, "job.cancelled", "reason", "parent_cancelled",
				   now, err);
	return rc;
}

/* Inside the transaction: 1 claimed, 0 not QUEUED. */
static int claim(struct bundle_source *b, const char *job_id, const char *worker, char **operation,
		 char **payload_json, int *cancelled, struct err *err)
{
	int64_t now = clock_real_ns();
	const struct value values[] = {TEXT(job_id), STAMP(now), STAMP(now + LEASE_NS)};
	int changed = 0;
	int rc;

	rc = run(b->db,
		 b->has_lease ? "UPDATE job SET status = 'RUNNING', started_at = ?2,"
				" leased_until = ?3 WHERE id = ?1 AND status = 'QUEUED'"
			      : "UPDATE job SET status = 'RUNNING', started_at = ?2"
				" WHERE id = ?1 AND status = 'QUEUED'",
		 values, b->has_lease ? 3 : 2, &changed, err);
	if (rc < 0)
		return rc;
	rc = job_texts(b->db, "SELECT operation, payload FROM job WHERE id = ?1", job_id, operation,
		       payload_json, err);
	if (rc == 0)
		return no_such_job(b->db, job_id, err);
	if (rc < 0 || !changed)
		return rc < 0 ? rc : 0;
	rc = put_job_event(b->db, job_id, "job.started", "worker", worker, now, err);
	if (rc == 0)
		rc = cancel_with_parent(b, job_id, now, cancelled, err);
	return rc < 0 ? rc : 1;
}

int bundle_claim_job(struct source *s, const char *job_id, const char *worker, char **operation,
		     char **payload_json, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	int cancelled = 0;
	int rc = require_writing(b, err);
	int done;

	if (rc == 0)
		rc = bundle_db_begin(b->db, err);
	if (rc < 0)
		return rc;
	rc = claim(b, job_id, worker, operation, payload_json, &cancelled, err);
	done = finish_transaction(b->db, rc < 0 ? rc : 0, err);
	if (done == 0 && rc == 1 && !cancelled)
		return 1;
	free(*operation);
	free(*payload_json);
	*operation = *payload_json = NULL;
	if (done == 0 && cancelled)
		return err_set(err, ERR_CANCELLED, "job %s: its parent job was cancelled", job_id);
	return done;
}

int bundle_finish_job(struct source *s, const char *job_id, const char *status,
		      const char *error_code, const char *error_message, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	const struct value values[] = {TEXT(job_id), TEXT(status), STAMP(clock_real_ns()),
				       TEXT(error_code), TEXT(error_message)};
	int changed = 0;
	int rc = require_writing(b, err);

	if (rc == 0)
		rc = bundle_db_begin(b->db, err);
	if (rc < 0)
		return rc;
	rc = run(b->db,
		 "UPDATE job SET status = ?2, finished_at = ?3, error_code = ?4,"
		 " error_message = ?5 WHERE id = ?1 AND status = 'RUNNING'",
		 values, N_VALUES(values), &changed, err);
	if (rc == 0 && !changed)
		rc = not_running(b->db, job_id, err);
	return finish_transaction(b->db, rc, err);
}

int bundle_extend_lease(struct source *s, const char *job_id, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	const struct value values[] = {TEXT(job_id), STAMP(clock_real_ns() + LEASE_NS)};
	int changed = 0;
	int rc = require_writing(b, err);

	if (rc == 0)
		rc = bundle_db_begin(b->db, err);
	if (rc < 0)
		return rc;
	rc = run(b->db,
		 b->has_lease ? "UPDATE job SET leased_until = ?2"
				" WHERE id = ?1 AND status = 'RUNNING'"
			      : "UPDATE job SET status = status"
				" WHERE id = ?1 AND status = 'RUNNING'",
		 values, b->has_lease ? 2 : 1, &changed, err);
	if (rc == 0 && !changed)
		rc = not_running(b->db, job_id, err);
	return finish_transaction(b->db, rc, err);
}

/* ---- data sets -------------------------------------------------------------------------------- */

int bundle_has_dataset(struct source *s, const char *name, struct err *err)
{
	sqlite3 *db = bundle_of(s)->db;
	const struct value values[] = {TEXT(name)};
	sqlite3_stmt *stmt;
	int rc = prepare(db, &stmt, "SELECT 1 FROM dataset WHERE name = ?1", values, 1, err);

	if (rc < 0)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		rc = rc == SQLITE_ROW;
	else
		rc = bundle_db_fail(db, rc, "read", err);
	sqlite3_finalize(stmt);
	return rc;
}

static int put_dataset(struct bundle_source *b, const struct source_dataset *d, struct err *err)
{
	const struct value values[] = {
		TEXT(d->id),
		TEXT(d->name),
		TEXT(d->operation),
		TEXT(d->job_id),
		TEXT(d->storage_backend),
		TEXT(d->key_prefix),
		TEXT(d->train_uri),
		TEXT(d->eval_uri),
		TEXT(d->manifest_uri),
		TEXT(d->schema_sha),
		TEXT(d->manifest_sha),
		INT(d->n_train_rows),
		INT(d->n_eval_rows),
		INT(d->k),
		TEXT(d->annotation_source),
		TEXT(d->embedding_config_id),
		TEXT(d->ontology_snapshot_id),
		TEXT(d->train_snapshot_pairs_json ? d->train_snapshot_pairs_json : "[]"),
		TEXT(d->eval_snapshot_pair),
		TEXT(d->producer_version),
		TEXT(d->producer_git_sha),
		TEXT(d->meta_json ? d->meta_json : "{}"),
		STAMP(d->created_at_ns),
		TEXT(d->schema_sha_v2), /* last: its column may be absent */
	};
#define DATASET_COLUMNS                                                                            \
	"id, name, operation, job_id, storage_backend, key_prefix, train_uri, eval_uri,"           \
	" manifest_uri, schema_sha, manifest_sha, n_train_rows, n_eval_rows, k,"                   \
	" annotation_source, embedding_config_id, ontology_snapshot_id, train_snapshot_pairs,"     \
	" eval_snapshot_pair, producer_version, producer_git_sha, meta, created_at"
#define DATASET_VALUES                                                                             \
	"?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,"    \
	" ?20, ?21, ?22, ?23"

	return run(b->db,
		   b->has_sha_v2 ? "INSERT INTO dataset (" DATASET_COLUMNS ", schema_sha_v2)"
				   " VALUES (" DATASET_VALUES ", ?24)"
				 : "INSERT INTO dataset (" DATASET_COLUMNS ")"
				   " VALUES (" DATASET_VALUES ")",
		   values, b->has_sha_v2 ? N_VALUES(values) : N_VALUES(values) - 1, NULL, err);
}

int bundle_insert_dataset(struct source *s, const struct source_dataset *row, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	int rc = require_writing(b, err);

	/* what is registered must survive a power cut, unlike an event */
	if (rc == 0)
		rc = bundle_db_exec(b->db, "PRAGMA synchronous = FULL", DO_WRITE, err);
	if (rc == 0)
		rc = bundle_db_begin(b->db, err);
	if (rc < 0)
		return rc;
	rc = bundle_has_dataset(s, row->name, err);
	if (rc == 1)
		rc = err_set(err, ERR_EXISTS, "data set '%s' exists already in '%s'", row->name,
			     b->base.name);
	if (rc == 0)
		rc = put_dataset(b, row, err);
	return finish_transaction(b->db, rc, err);
}
