/* Tables of a bundle: see schema.h. The SQL below is spec 2.1 in SQLite's types; uniqueness beyond
 * primary keys is written as indexes so that bulk loads may add it last. */
#include "pipeline/bundle/schema.h"

#include <stddef.h>
#include <string.h>

#include "pipeline/bundle/db.h"
#include "prof/base/buf.h"

/* uuid, varchar, jsonb and timestamptz are TEXT; a boolean is INTEGER. protein is stored in the order
 * it is read in (WITHOUT ROWID). */
static const char schema_tables[] =
	"CREATE TABLE ontology_snapshot ("
	" id TEXT PRIMARY KEY NOT NULL,"
	" obo_version TEXT NOT NULL,"
	" obo_url TEXT,"
	" ia_url TEXT,"
	" loaded_at TEXT);"

	"CREATE TABLE go_term ("
	" id INTEGER PRIMARY KEY,"
	" go_id TEXT NOT NULL,"
	" aspect TEXT,"
	" name TEXT,"
	" is_obsolete INTEGER,"
	" ontology_snapshot_id TEXT NOT NULL REFERENCES ontology_snapshot(id));"

	"CREATE TABLE go_term_relationship ("
	" id INTEGER PRIMARY KEY,"
	" child_go_term_id INTEGER NOT NULL REFERENCES go_term(id),"
	" parent_go_term_id INTEGER NOT NULL REFERENCES go_term(id),"
	" relation_type TEXT NOT NULL,"
	" ontology_snapshot_id TEXT NOT NULL REFERENCES ontology_snapshot(id));"

	"CREATE TABLE annotation_set ("
	" id TEXT PRIMARY KEY NOT NULL,"
	" source TEXT NOT NULL,"
	" source_version TEXT,"
	" ontology_snapshot_id TEXT NOT NULL REFERENCES ontology_snapshot(id),"
	" created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));"

	"CREATE TABLE sequence ("
	" id INTEGER PRIMARY KEY,"
	" sequence TEXT NOT NULL,"
	" sequence_hash TEXT NOT NULL);"

	"CREATE TABLE protein ("
	" accession TEXT PRIMARY KEY NOT NULL,"
	" sequence_id INTEGER REFERENCES sequence(id),"
	" taxonomy_id TEXT) WITHOUT ROWID;"

	"CREATE TABLE protein_go_annotation ("
	" id INTEGER PRIMARY KEY,"
	" annotation_set_id TEXT NOT NULL REFERENCES annotation_set(id),"
	" protein_accession TEXT NOT NULL REFERENCES protein(accession),"
	" go_term_id INTEGER NOT NULL REFERENCES go_term(id),"
	" qualifier TEXT,"
	" evidence_code TEXT);"

	"CREATE TABLE embedding_config ("
	" id TEXT PRIMARY KEY NOT NULL,"
	" model_name TEXT NOT NULL);"

	"CREATE TABLE sequence_embedding ("
	" id INTEGER PRIMARY KEY,"
	" sequence_id INTEGER NOT NULL REFERENCES sequence(id),"
	" embedding_config_id TEXT NOT NULL REFERENCES embedding_config(id),"
	" chunk_index_s INTEGER NOT NULL DEFAULT 0,"
	" chunk_index_e INTEGER,"
	" embedding_dim INTEGER NOT NULL,"
	" embedding BLOB NOT NULL);"

	"CREATE TABLE evaluation_set ("
	" id TEXT PRIMARY KEY NOT NULL,"
	" old_annotation_set_id TEXT NOT NULL REFERENCES annotation_set(id),"
	" new_annotation_set_id TEXT NOT NULL REFERENCES annotation_set(id),"
	" stats TEXT NOT NULL DEFAULT '{}',"
	" groundtruth_uri TEXT,"
	" created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));"

	"CREATE TABLE job ("
	" id TEXT PRIMARY KEY NOT NULL,"
	" operation TEXT NOT NULL,"
	" queue_name TEXT NOT NULL,"
	" status TEXT NOT NULL DEFAULT 'QUEUED'"
	"  CHECK (status IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),"
	" payload TEXT NOT NULL DEFAULT '{}',"
	" meta TEXT NOT NULL DEFAULT '{}',"
	" created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),"
	" started_at TEXT,"
	" finished_at TEXT,"
	" progress_current INTEGER,"
	" progress_total INTEGER,"
	" parent_job_id TEXT REFERENCES job(id),"
	" leased_until TEXT,"
	" error_code TEXT,"
	" error_message TEXT);"

	"CREATE TABLE job_event ("
	" id INTEGER PRIMARY KEY,"
	" job_id TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE,"
	" ts TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),"
	" level TEXT NOT NULL DEFAULT 'info',"
	" event TEXT NOT NULL,"
	" message TEXT,"
	" fields TEXT NOT NULL DEFAULT '{}');"

	"CREATE TABLE dataset ("
	" id TEXT PRIMARY KEY NOT NULL,"
	" name TEXT NOT NULL UNIQUE,"
	" operation TEXT NOT NULL,"
	" job_id TEXT REFERENCES job(id),"
	" storage_backend TEXT NOT NULL,"
	" key_prefix TEXT NOT NULL,"
	" train_uri TEXT,"
	" eval_uri TEXT,"
	" manifest_uri TEXT NOT NULL,"
	" schema_sha TEXT NOT NULL,"
	" schema_sha_v2 TEXT,"
	" manifest_sha TEXT,"
	" n_train_rows INTEGER NOT NULL DEFAULT 0,"
	" n_eval_rows INTEGER NOT NULL DEFAULT 0,"
	" k INTEGER NOT NULL,"
	" annotation_source TEXT NOT NULL,"
	" embedding_config_id TEXT REFERENCES embedding_config(id),"
	" ontology_snapshot_id TEXT REFERENCES ontology_snapshot(id),"
	" train_snapshot_pairs TEXT NOT NULL DEFAULT '[]',"
	" eval_snapshot_pair TEXT,"
	" producer_version TEXT,"
	" producer_git_sha TEXT,"
	" meta TEXT NOT NULL DEFAULT '{}',"
	" created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));"

	"CREATE TABLE bundle_note ("
	" key TEXT PRIMARY KEY NOT NULL,"
	" value TEXT) WITHOUT ROWID;"

	"CREATE VIEW job_events AS"
	" SELECT id, job_id, event, ts AS created_at, level, message, fields AS payload"
	" FROM job_event;";

/* The unique index of protein_go_annotation begins with the columns of the index that spec 2.1 asks
 * for, so that one is not made twice. An index on one column ends with the row's id in SQLite, which
 * makes it the order in which the pipeline reads. */
static const char schema_indexes[] =
	"CREATE UNIQUE INDEX ontology_snapshot_version ON ontology_snapshot (obo_version);"
	"CREATE UNIQUE INDEX go_term_go_id ON go_term (go_id, ontology_snapshot_id);"
	"CREATE INDEX go_term_snapshot ON go_term (ontology_snapshot_id);"
	"CREATE INDEX go_term_relationship_snapshot ON go_term_relationship (ontology_snapshot_id);"
	"CREATE UNIQUE INDEX sequence_text_hash ON sequence (sequence_hash);"
	"CREATE UNIQUE INDEX protein_go_annotation_row ON protein_go_annotation"
	" (annotation_set_id, protein_accession, go_term_id, evidence_code);"
	"CREATE INDEX protein_go_annotation_set ON protein_go_annotation (annotation_set_id);"
	"CREATE UNIQUE INDEX sequence_embedding_row ON sequence_embedding"
	" (sequence_id, embedding_config_id, chunk_index_s);"
	"CREATE INDEX sequence_embedding_config ON sequence_embedding"
	" (embedding_config_id, sequence_id);"
	"CREATE INDEX evaluation_set_pair ON evaluation_set"
	" (old_annotation_set_id, new_annotation_set_id);"
	"CREATE INDEX job_event_job ON job_event (job_id);";

/* Required columns; the "-- opt" ones of spec 2.1 are not listed. */
struct required_table {
	const char *table;
	const char *columns; /* blank-separated */
};

static const struct required_table required[] = {
	{"ontology_snapshot", "id obo_version"},
	{"go_term", "id go_id aspect ontology_snapshot_id"},
	{"go_term_relationship",
	 "id child_go_term_id parent_go_term_id relation_type ontology_snapshot_id"},
	{"annotation_set", "id source source_version ontology_snapshot_id created_at"},
	{"sequence", "id sequence"},
	{"protein", "accession sequence_id taxonomy_id"},
	{"protein_go_annotation",
	 "id annotation_set_id protein_accession go_term_id qualifier evidence_code"},
	{"embedding_config", "id model_name"},
	{"sequence_embedding", "id sequence_id embedding_config_id embedding"},
	{"evaluation_set",
	 "id old_annotation_set_id new_annotation_set_id stats groundtruth_uri created_at"},
	{"job", "id operation queue_name status payload meta created_at started_at finished_at "
		"progress_current progress_total error_code error_message"},
	{"job_event", "id job_id ts level event message fields"},
	{"dataset", "id name operation job_id storage_backend key_prefix train_uri eval_uri "
		    "manifest_uri schema_sha manifest_sha n_train_rows n_eval_rows k "
		    "annotation_source embedding_config_id ontology_snapshot_id "
		    "train_snapshot_pairs eval_snapshot_pair producer_version "
		    "producer_git_sha meta created_at"},
};

#define N_REQUIRED (sizeof required / sizeof required[0])

int bundle_schema_create_tables(sqlite3 *db, struct err *err)
{
	struct buf ids = BUF_INIT;
	int rc;

	buf_printf(&ids, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		   BUNDLE_APPLICATION_ID, BUNDLE_SCHEMA_VERSION);
	if (buf_failed(&ids)) {
		rc = err_nomem(err, "the tables of a bundle");
		goto release;
	}
	rc = bundle_db_exec(db, schema_tables, "create the tables of", err);
	if (rc == 0)
		rc = bundle_db_exec(db, buf_str(&ids), "mark", err);
release:
	buf_release(&ids);
	return rc;
}

int bundle_schema_create_indexes(sqlite3 *db, struct err *err)
{
	return bundle_db_exec(db, schema_indexes, "create the indexes of", err);
}

int bundle_schema_create(sqlite3 *db, struct err *err)
{
	int rc = bundle_schema_create_tables(db, err);

	return rc < 0 ? rc : bundle_schema_create_indexes(db, err);
}

/* Asks SQLite for a column; SQLITE_ERROR means that it or its table is not there. */
static int column_metadata(sqlite3 *db, const char *table, const char *column, int *is_key,
			   struct err *err)
{
	int rc = sqlite3_table_column_metadata(db, "main", table, column, NULL, NULL, NULL, is_key,
					       NULL);

	if (rc == SQLITE_OK)
		return 1;
	if ((rc & 0xff) == SQLITE_ERROR)
		return 0;
	return bundle_db_fail(db, rc, "read the tables of", err);
}

int bundle_schema_has_column(sqlite3 *db, const char *table, const char *column, struct err *err)
{
	return column_metadata(db, table, column, NULL, err);
}

int bundle_schema_is_key(sqlite3 *db, const char *table, const char *column, struct err *err)
{
	int is_key = 0;
	int rc = column_metadata(db, table, column, &is_key, err);

	return rc < 0 ? rc : rc && is_key;
}

/* 1: a table that holds rows; views and virtual tables, which could run code of the file, are not. */
static int is_plain_table(sqlite3 *db, const char *table, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db,
				    "SELECT 1 FROM sqlite_schema WHERE type = 'table'"
				    " AND rootpage > 0 AND name = ?1 COLLATE NOCASE",
				    -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		rc = bundle_db_fail(db, rc, "read the tables of", err);
	else
		rc = rc == SQLITE_ROW;
	sqlite3_finalize(stmt);
	return rc;
}

static void add_missing(struct buf *missing, const char *kind, const char *table,
			const char *column)
{
	buf_printf(missing, "%s%s %s%s%s", missing->len ? ", " : "", kind, table, column ? "." : "",
		   column ? column : "");
}

/* Appends what one table lacks. */
static int check_table(sqlite3 *db, const struct required_table *t, struct buf *missing,
		       struct err *err)
{
	char column[64];
	const char *at = t->columns;
	int there = is_plain_table(db, t->table, err);

	if (there <= 0) {
		if (there == 0)
			add_missing(missing, "table", t->table, NULL);
		return there;
	}
	while (*at) {
		size_t n = strcspn(at, " ");

		memcpy(column, at, n);
		column[n] = '\0';
		at += n + strspn(at + n, " ");
		there = column_metadata(db, t->table, column, NULL, err);
		if (there < 0)
			return there;
		if (!there)
			add_missing(missing, "column", t->table, column);
	}
	return 0;
}

/* A foreign file is told by its application_id, a newer bundle by its user_version. */
static int check_identity(sqlite3 *db, const char *name, struct err *err)
{
	sqlite3_int64 application, version;
	int rc = bundle_db_int(db, "PRAGMA application_id", &application, err);

	if (rc < 0)
		return rc;
	if (application != 0 && application != BUNDLE_APPLICATION_ID)
		return err_set(err, ERR_FORMAT,
			       "'%s' is a database of another program (application_id 0x%08x), not "
			       "a bundle",
			       name, (unsigned)application);
	if (application == 0)
		return 0;
	rc = bundle_db_int(db, "PRAGMA user_version", &version, err);
	if (rc < 0)
		return rc;
	if (version > BUNDLE_SCHEMA_VERSION)
		return err_set(
			err, ERR_FORMAT,
			"'%s' is a bundle of version %lld, this program reads up to %d: use a "
			"newer protea-export",
			name, (long long)version, BUNDLE_SCHEMA_VERSION);
	return 0;
}

int bundle_schema_check(sqlite3 *db, const char *name, struct err *err)
{
	struct buf missing = BUF_INIT;
	int rc = check_identity(db, name, err);

	for (size_t i = 0; rc == 0 && i < N_REQUIRED; i++)
		rc = check_table(db, &required[i], &missing, err);
	if (rc == 0 && buf_failed(&missing))
		rc = err_nomem(err, "the check of a bundle");
	if (rc == 0 && missing.len)
		rc = err_set(
			err, ERR_FORMAT,
			"'%s' is not a bundle, or an incomplete one: missing %s; make one with "
			"'protea-export bundle create'",
			name, buf_str(&missing));
	buf_release(&missing);
	return rc;
}
