/* What a run writes into a bundle besides its job: events and its data set. Each function is one
 * transaction, committed when it returns. */
#include "pipeline/source/bundle_sql.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/db.h"

/* ---- events ----------------------------------------------------------------------------------- */

/* The id is given out here because a bundle made by other programs may have an id column that SQLite
 * does not fill by itself; the write lock makes it unique. */
int bundle_put_event(sqlite3 *db, const struct source_event *e, struct err *err)
{
	const struct bundle_value values[] = {
		TEXT(e->job_id), STAMP(e->ts_ns),  TEXT(e->level),
		TEXT(e->event),  TEXT(e->message), TEXT(e->fields_json ? e->fields_json : "{}"),
	};

	return bundle_sql_run(
		db,
		"INSERT INTO job_event (id, job_id, ts, level, event, message, fields) VALUES"
		" ((SELECT coalesce(max(id), 0) + 1 FROM job_event), ?1, ?2, ?3, ?4, ?5, ?6)",
		values, N_VALUES(values), NULL, err);
}

static int put_progress(sqlite3 *db, const struct source_event *e, struct err *err)
{
	const struct bundle_value values[] = {TEXT(e->job_id), INT(e->progress_current),
					      INT(e->progress_total)};

	if (e->progress_current < 0 && e->progress_total < 0)
		return 0;
	return bundle_sql_run(
		db,
		"UPDATE job SET"
		" progress_current = CASE WHEN ?2 < 0 THEN progress_current ELSE ?2 END,"
		" progress_total = CASE WHEN ?3 < 0 THEN progress_total ELSE ?3 END"
		" WHERE id = ?1",
		values, N_VALUES(values), NULL, err);
}

int bundle_insert_event(struct source *s, const struct source_event *row, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	int rc = bundle_sql_begin(b, err);

	if (rc < 0)
		return rc;
	rc = bundle_put_event(b->db, row, err);
	if (rc == 0)
		rc = put_progress(b->db, row, err);
	return bundle_sql_end(b, rc, err);
}

/* ---- data sets -------------------------------------------------------------------------------- */

/* 1 and the id (malloc'ed) of the data set of this name, 0 none. */
static int dataset_id(sqlite3 *db, const char *name, char **id, struct err *err)
{
	const struct bundle_value values[] = {TEXT(name)};

	return bundle_sql_texts(db, "SELECT id FROM dataset WHERE name = ?1", values, 1, id, 1,
				err);
}

int bundle_has_dataset(struct source *s, const char *name, struct err *err)
{
	char *id;
	int rc = dataset_id(bundle_of(s)->db, name, &id, err);

	free(id);
	return rc;
}

#define ROW_JSON                                                                                   \
	"SELECT json_object('id', id, 'name', name, 'job_id', job_id, 'storage_backend',"          \
	" storage_backend, 'key_prefix', key_prefix, 'train_uri', train_uri, 'eval_uri', "         \
	"eval_uri,"                                                                                \
	" 'manifest_uri', manifest_uri, 'schema_sha', schema_sha, 'manifest_sha', manifest_sha,"   \
	" 'n_train_rows', n_train_rows, 'n_eval_rows', n_eval_rows, 'train_snapshot_pairs',"       \
	" train_snapshot_pairs, 'eval_snapshot_pair', eval_snapshot_pair)"                         \
	" FROM dataset WHERE name = ?1"

int bundle_read_dataset(struct source *s, const char *name, char **json, struct err *err)
{
	const struct bundle_value values[] = {TEXT(name)};

	return bundle_sql_texts(bundle_of(s)->db, ROW_JSON, values, 1, json, 1, err);
}

static int put_dataset(struct bundle_source *b, const struct source_dataset *d, struct err *err)
{
	const struct bundle_value values[] = {
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

	return bundle_sql_run(
		b->db,
		b->has_sha_v2 ? "INSERT INTO dataset (" DATASET_COLUMNS ", schema_sha_v2)"
				" VALUES (" DATASET_VALUES ", ?24)"
			      : "INSERT INTO dataset (" DATASET_COLUMNS ")"
				" VALUES (" DATASET_VALUES ")",
		values, b->has_sha_v2 ? N_VALUES(values) : N_VALUES(values) - 1, NULL, err);
}

int bundle_insert_dataset(struct source *s, const struct source_dataset *row, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	const struct bundle_value values[] = {TEXT(row->job_id)};
	char *id = NULL, *status = NULL;
	int rc = bundle_sql_writing(b, err);

	/* what is registered must survive a power cut, unlike an event */
	if (rc == 0)
		rc = bundle_db_exec(b->db, "PRAGMA synchronous = FULL", "write to", err);
	if (rc == 0)
		rc = bundle_db_begin(b->db, err);
	if (rc < 0)
		return rc;
	rc = dataset_id(b->db, row->name, &id, err);
	if (rc == 1)
		rc = strcmp(id, row->id) == 0
			     ? 0
			     : err_set(err, ERR_EXISTS, "data set '%s' exists already in '%s'",
				       row->name, b->base.name);
	else if (rc == 0)
		rc = bundle_sql_texts(b->db, "SELECT status FROM job WHERE id = ?1", values, 1,
				      &status, 1, err);
	if (rc == 1)
		rc = source_may_register(row, status, err);
	if (rc == 0 && !id)
		rc = put_dataset(b, row, err);
	free(status);
	free(id);
	return bundle_sql_end(b, rc, err);
}
