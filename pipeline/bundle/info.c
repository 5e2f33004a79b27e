/* What is in a bundle: see info.h. Each part is one SELECT whose column names are the keys. */
#include "pipeline/bundle/info.h"

#include <string.h>
#include <sys/stat.h>

#include "pipeline/bundle/db.h"
#include "pipeline/bundle/rows.h"
#include "pipeline/bundle/schema.h"
#include "pipeline/core/text.h"

enum shape {
	LIST,   /* rows as objects in an array */
	SINGLE, /* the only row as an object */
	MAP,    /* rows of (key, value) as one object */
};

struct part {
	const char *key;
	const char *table;
	enum shape shape;
	const char *sql;
};

static const struct part parts[] = {
	{"snapshots", "ontology_snapshot", LIST,
	 "SELECT s.id AS id, s.obo_version AS obo_version,"
	 " (SELECT count(*) FROM go_term t WHERE t.ontology_snapshot_id = s.id) AS terms,"
	 " (SELECT count(*) FROM go_term t WHERE t.ontology_snapshot_id = s.id"
	 "  AND t.aspect <> '') AS terms_with_aspect,"
	 " (SELECT count(*) FROM go_term_relationship r WHERE r.ontology_snapshot_id = s.id"
	 "  AND r.relation_type IN ('is_a', 'part_of')) AS edges"
	 " FROM ontology_snapshot s ORDER BY s.obo_version, s.id"},
	{"annotation_sets", "annotation_set", LIST,
	 "SELECT a.id AS id, a.source AS source, a.source_version AS version,"
	 " a.ontology_snapshot_id AS snapshot, s.obo_version AS obo_version,"
	 " a.created_at AS created_at,"
	 " (SELECT count(*) FROM protein_go_annotation p WHERE p.annotation_set_id = a.id)"
	 "  AS rows,"
	 " (SELECT count(*) FROM (SELECT DISTINCT p.protein_accession"
	 "  FROM protein_go_annotation p WHERE p.annotation_set_id = a.id)) AS proteins"
	 " FROM annotation_set a LEFT JOIN ontology_snapshot s ON s.id = a.ontology_snapshot_id"
	 " ORDER BY a.source, CAST(a.source_version AS INTEGER), a.source_version, a.id"},
	{"proteins", "protein", SINGLE,
	 "SELECT count(*) AS total, count(sequence_id) AS with_sequence,"
	 " count(nullif(taxonomy_id, '')) AS with_taxon FROM protein"},
	{"sequences", "sequence", SINGLE,
	 "SELECT count(*) AS total, coalesce(sum(length(sequence)), 0) AS residues,"
	 " coalesce(max(length(sequence)), 0) AS longest FROM sequence"},
	{"evaluation_sets", "evaluation_set", LIST,
	 "SELECT id, old_annotation_set_id AS old, new_annotation_set_id AS new,"
	 " CASE WHEN json_valid(stats) THEN"
	 "  json_extract(stats, '$.pivot_ontology_snapshot_id') END AS pivot,"
	 " groundtruth_uri, created_at FROM evaluation_set ORDER BY created_at, id"},
	{"jobs", "job", MAP, "SELECT status, count(*) FROM job GROUP BY status ORDER BY status"},
	{"datasets", "dataset", LIST,
	 "SELECT id, name, k, n_train_rows AS train_rows, n_eval_rows AS eval_rows, created_at"
	 " FROM dataset ORDER BY created_at, name"},
};

/* dim and precision are those of the first row: 'bundle check' compares them all. */
static const char embeddings_with_dim[] =
	"SELECT c.id AS config, c.model_name AS model,"
	" (SELECT count(*) FROM sequence_embedding e WHERE e.embedding_config_id = c.id) AS rows,"
	" (SELECT count(*) FROM (SELECT DISTINCT e.sequence_id FROM sequence_embedding e"
	"  WHERE e.embedding_config_id = c.id)) AS sequences,"
	" f.embedding_dim AS dim,"
	" CASE length(f.embedding) WHEN 2 * f.embedding_dim THEN 'float16'"
	"  WHEN 4 * f.embedding_dim THEN 'float32' END AS precision,"
	" (SELECT count(*) FROM sequence_embedding e WHERE e.embedding_config_id = c.id)"
	"  * length(f.embedding) AS bytes"
	" FROM embedding_config c LEFT JOIN sequence_embedding f ON f.id ="
	" (SELECT e.id FROM sequence_embedding e WHERE e.embedding_config_id = c.id"
	"  ORDER BY e.sequence_id, e.id LIMIT 1)"
	" ORDER BY c.model_name, c.id";

static const char embeddings_without_dim[] =
	"SELECT c.id AS config, c.model_name AS model,"
	" (SELECT count(*) FROM sequence_embedding e WHERE e.embedding_config_id = c.id) AS rows,"
	" NULL AS dim, NULL AS precision"
	" FROM embedding_config c ORDER BY c.model_name, c.id";

/* A column as JSON; NULL after a failure. */
static json_t *column_value(struct bundle_rows *r, int col)
{
	size_t len;
	const char *text;
	json_t *value = NULL;

	switch (sqlite3_column_type(r->stmt, col)) {
	case SQLITE_INTEGER:
		value = json_integer(sqlite3_column_int64(r->stmt, col));
		break;
	case SQLITE_FLOAT:
		value = json_real(sqlite3_column_double(r->stmt, col));
		break;
	case SQLITE_NULL:
		value = json_null();
		break;
	default:
		text = bundle_rows_text(r, col, &len);
		if (r->failed)
			return NULL;
		value = json_stringn(text, len);
		break;
	}
	if (!value)
		r->failed = err_nomem(r->err, "what is in the bundle");
	return value;
}

static void put_new(struct bundle_rows *r, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key ? key : "", value) < 0 && !r->failed)
		r->failed = err_nomem(r->err, "what is in the bundle");
}

static json_t *row_object(struct bundle_rows *r)
{
	json_t *object = json_object();
	int n = sqlite3_column_count(r->stmt);

	if (!object)
		r->failed = err_nomem(r->err, "what is in the bundle");
	for (int i = 0; i < n && !r->failed; i++) {
		json_t *value = column_value(r, i);

		if (value)
			put_new(r, object, sqlite3_column_name(r->stmt, i), value);
	}
	return object;
}

static void put_row(struct bundle_rows *r, json_t *into, enum shape shape)
{
	if (shape == LIST) {
		if (json_array_append_new(into, row_object(r)) < 0 && !r->failed)
			r->failed = err_nomem(r->err, "what is in the bundle");
	} else if (shape == MAP) {
		const char *key = bundle_rows_text(r, 0, NULL);
		json_t *value = r->failed ? NULL : column_value(r, 1);

		if (value)
			put_new(r, into, key, value);
	} else {
		json_t *row = row_object(r);

		if (!r->failed && json_object_update(into, row) < 0)
			r->failed = err_nomem(r->err, "what is in the bundle");
		json_decref(row);
	}
}

static int add_part(json_t *info, sqlite3 *db, const struct part *p, struct err *err)
{
	json_t *into = p->shape == LIST ? json_array() : json_object();
	struct bundle_rows r;
	int rc;

	if (json_object_set_new(info, p->key, into) < 0)
		return err_nomem(err, "what is in the bundle");
	bundle_rows_begin(&r, db, p->table, p->sql, err);
	while (bundle_rows_next(&r) > 0)
		put_row(&r, into, p->shape);
	rc = bundle_rows_end(&r);
	return rc;
}

static int add_embeddings(json_t *info, sqlite3 *db, struct err *err)
{
	struct part p = {"embeddings", "sequence_embedding", LIST, embeddings_without_dim};
	int has_dim = bundle_schema_has_column(db, p.table, "embedding_dim", err);

	if (has_dim < 0)
		return has_dim;
	if (has_dim)
		p.sql = embeddings_with_dim;
	return add_part(info, db, &p, err);
}

static int add_notes(json_t *info, sqlite3 *db, struct err *err)
{
	static const struct part p = {"notes", "bundle_note", MAP,
				      "SELECT key, value FROM bundle_note ORDER BY key"};
	int has = bundle_schema_has_column(db, p.table, "value", err);

	if (has > 0)
		return add_part(info, db, &p, err);
	if (has == 0 && json_object_set_new(info, p.key, json_object()) < 0)
		return err_nomem(err, "what is in the bundle");
	return has;
}

static int add_head(json_t *info, sqlite3 *db, const char *path, struct err *err)
{
	sqlite3_int64 version;
	json_t *name = json_string(path);
	struct stat st;
	int rc = bundle_db_int(db, "PRAGMA user_version", &version, err);

	if (rc == 0 && stat(path, &st) < 0)
		rc = err_sys(err, ERR_IO, "cannot read '%s'", path);
	if (rc < 0) {
		json_decref(name);
		return rc;
	}
	if (json_object_set_new(info, "path", name ? name : json_null()) <
		    0 || /* not UTF-8: null */
	    json_object_set_new(info, "bytes", json_integer(st.st_size)) < 0 ||
	    json_object_set_new(info, "schema_version", json_integer(version)) < 0)
		return err_nomem(err, "what is in the bundle");
	return 0;
}

static int collect(json_t *info, sqlite3 *db, const char *path, struct err *err)
{
	int rc = add_head(info, db, path, err);

	for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof parts[0]; i++)
		rc = add_part(info, db, &parts[i], err);
	if (rc == 0)
		rc = add_embeddings(info, db, err);
	if (rc == 0)
		rc = add_notes(info, db, err);
	return rc;
}

int bundle_info(json_t **out, const char *path, struct err *err)
{
	json_t *info = json_object();
	sqlite3 *db = NULL;
	int rc;

	*out = NULL;
	if (!info)
		return err_nomem(err, "what is in the bundle");
	rc = bundle_db_open(&db, path, 0, err);
	if (rc == 0)
		rc = bundle_schema_check(db, path, err);
	if (rc == 0)
		rc = collect(info, db, path, err);
	bundle_db_close(db);
	if (rc < 0)
		json_decref(info);
	else
		*out = info;
	return rc;
}
