/* Rows of table dataset in PostgreSQL. A row is written by the session that holds the advisory lock on its
 * name, if there is one: when the row is there, the lock was held to the end. */
#include "pipeline/source/pg_jobs_int.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH_US(param) "timestamptz 'epoch' + " param "::bigint * interval '1 microsecond'"

/* ---- reading ------------------------------------------------------------------------------------- */

struct lookup {
	const char *name;
	const char *sql; /* selects one text */
	char **text;     /* malloc'ed; NULL: not wanted */
};

static int look_up(struct pg_tx *tx, void *ctx, struct err *err)
{
	const struct lookup *l = ctx;
	const char *const params[] = {l->name};
	struct pg_rows *rows;
	int rc = pg_tx_query(tx, &rows, l->sql, params, 1, err);

	if (rc == 0 && pg_rows_count(rows) > 0) {
		const char *text = pg_rows_text(rows, 0, 0);

		rc = 1;
		if (l->text) {
			free(*l->text);
			*l->text = strdup(text ? text : "");
			rc = *l->text ? 1 : err_nomem(err, "a data set");
		}
	}
	pg_rows_free(rows);
	return rc;
}

int pg_source_has_dataset(struct source *s, const char *name, struct err *err)
{
	struct lookup l = {name, "SELECT id FROM dataset WHERE name = $1", NULL};

	return pg_jobs_transact(pg_of(s), pg_of(s)->pg, look_up, &l, err);
}

int pg_source_read_dataset(struct source *s, const char *name, char **json, struct err *err)
{
	struct lookup l = {name, "SELECT row_to_json(d)::text FROM dataset d WHERE name = $1",
			   json};

	return pg_jobs_transact(pg_of(s), pg_of(s)->pg, look_up, &l, err);
}

/* ---- writing ------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                    \
	"id, name, operation, job_id, storage_backend, key_prefix, train_uri, eval_uri,"           \
	" manifest_uri, schema_sha, manifest_sha, n_train_rows, n_eval_rows, k,"                   \
	" annotation_source, embedding_config_id, ontology_snapshot_id, train_snapshot_pairs,"     \
	" eval_snapshot_pair, producer_version, producer_git_sha, meta, created_at"
#define VALUES                                                                                     \
	"$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,"    \
	" $20, $21, $22, " EPOCH_US("$23")

struct insertion {
	struct pg_source *p;
	const struct source_dataset *row;
};

static int put_row(struct pg_tx *tx, const struct insertion *in, struct err *err)
{
	const struct source_dataset *d = in->row;
	char n_train[PG_INT_TEXT], n_eval[PG_INT_TEXT], k[PG_INT_TEXT], stamp[PG_INT_TEXT];
	const char *const params[] = {
		d->id,
		d->name,
		d->operation,
		d->job_id,
		d->storage_backend,
		d->key_prefix,
		d->train_uri,
		d->eval_uri,
		d->manifest_uri,
		d->schema_sha,
		d->manifest_sha,
		pg_int_text(d->n_train_rows, n_train),
		pg_int_text(d->n_eval_rows, n_eval),
		pg_int_text(d->k, k),
		d->annotation_source,
		d->embedding_config_id,
		d->ontology_snapshot_id,
		d->train_snapshot_pairs_json ? d->train_snapshot_pairs_json : "[]",
		d->eval_snapshot_pair,
		d->producer_version,
		d->producer_git_sha,
		d->meta_json ? d->meta_json : "{}",
		pg_int_text(d->created_at_ns / 1000, stamp),
		d->schema_sha_v2, /* last: its column may be absent */
	};

	return pg_tx_run(tx,
			 in->p->has_sha_v2 ? "INSERT INTO dataset (" COLUMNS
					     ", schema_sha_v2) VALUES (" VALUES ", $24)"
					   : "INSERT INTO dataset (" COLUMNS ") VALUES (" VALUES
					     ")",
			 params, in->p->has_sha_v2 ? 24 : 23, NULL, err);
}

/* Locks the job's row to the end of the transaction, so that whoever ends the job sees what we register, or we see
 * its end. *status: malloc'ed; NULL: no such job. */
static int lock_job(struct pg_tx *tx, const struct insertion *in, char **status, struct err *err)
{
	struct lookup l = {in->row->job_id,
			   "SELECT status FROM job WHERE id = $1 FOR NO KEY UPDATE", status};
	int rc = in->row->job_id ? look_up(tx, &l, err) : 0;

	return rc < 0 ? rc : 0;
}

static int insert_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	const struct insertion *in = ctx;
	char *id = NULL, *status = NULL;
	struct lookup l = {in->row->name, "SELECT id FROM dataset WHERE name = $1", &id};
	int rc = lock_job(tx, in, &status, err);

	if (rc == 0)
		rc = look_up(tx, &l, err);
	if (rc == 1)
		rc = strcmp(id, in->row->id) == 0
			     ? 0
			     : err_set(err, ERR_EXISTS, "data set '%s' exists already in '%s'",
				       in->row->name, in->p->base.name);
	else if (rc == 0 && status)
		rc = source_may_register(in->row, status, err);
	if (rc == 0 && !id)
		rc = put_row(tx, in, err);
	free(status);
	free(id);
	return rc;
}

/* What is registered must survive a crash of the server, whatever the role's settings say. */
static int durable_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	int rc = pg_exec(tx->pg, "SET LOCAL synchronous_commit TO on", err);

	return rc ? rc : insert_body(tx, ctx, err);
}

int pg_source_insert_dataset(struct source *s, const struct source_dataset *row, struct err *err)
{
	struct pg_source *p = pg_of(s);
	struct insertion in = {p, row};
	int rc = pg_jobs_require_writing(p, err);

	if (rc)
		return rc;
	if (!p->name_held || strcmp(p->name_held, row->name) != 0)
		return pg_jobs_transact(p, p->pg, durable_body, &in, err);
	return pg_jobs_held(p, durable_body, &in, err);
}
