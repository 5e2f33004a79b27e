/* Has a database the tables of spec 2.1? One look at information_schema.columns: required columns with their
 * types, optional ones, the type of embeddings. All that is missing or wrong is said at once. */
#include "pipeline/source/pg_schema.h"

#include <string.h>

#include "pipeline/bundle/pg_columns.h"
#include "prof/base/buf.h"

/* Types by the names information_schema gives them (of the base type where a domain is used). */
static const struct {
	const char *kind, *types; /* blank-separated; "": any */
} kinds[] = {
	{"uuid", "uuid"},
	{"text", "varchar text bpchar name"},
	{"integer", "int2 int4 int8"},
	{"timestamptz", "timestamptz timestamp"},
	{"json", "jsonb json"},
	{"embedding", "halfvec vector _float4 bytea"},
	{"status", ""},
};

/* Columns as "name:kind"; a name in brackets is optional. */
static const struct {
	const char *table;
	int for_writing;
	const char *columns;
} tables[] = {
	{"ontology_snapshot", 0, "id:uuid obo_version:text"},
	{"go_term", 0, "id:integer go_id:text aspect:text ontology_snapshot_id:uuid"},
	{"go_term_relationship", 0,
	 "id:integer child_go_term_id:integer parent_go_term_id:integer relation_type:text"
	 " ontology_snapshot_id:uuid"},
	{"annotation_set", 0,
	 "id:uuid source:text source_version:text ontology_snapshot_id:uuid"
	 " created_at:timestamptz"},
	{"sequence", 0, "id:integer sequence:text"},
	{"protein", 0, "accession:text sequence_id:integer taxonomy_id:text"},
	{"protein_go_annotation", 0,
	 "id:integer annotation_set_id:uuid protein_accession:text go_term_id:integer"
	 " qualifier:text evidence_code:text"},
	{"embedding_config", 0, "id:uuid model_name:text"},
	{"sequence_embedding", 0,
	 "id:integer sequence_id:integer embedding_config_id:uuid embedding:embedding"
	 " [chunk_index_s:integer [embedding_dim:integer"},
	{"evaluation_set", 0,
	 "id:uuid old_annotation_set_id:uuid new_annotation_set_id:uuid stats:json"
	 " groundtruth_uri:text created_at:timestamptz"},
	{"job", 1,
	 "id:uuid operation:text queue_name:text status:status payload:json meta:json"
	 " created_at:timestamptz started_at:timestamptz finished_at:timestamptz"
	 " progress_current:integer progress_total:integer error_code:text error_message:text"
	 " [parent_job_id:uuid [leased_until:timestamptz"},
	{"job_event", 1,
	 "id:integer job_id:uuid ts:timestamptz level:text event:text message:text fields:json"},
	{"dataset", 1,
	 "id:uuid name:text operation:text job_id:uuid storage_backend:text key_prefix:text"
	 " train_uri:text eval_uri:text manifest_uri:text schema_sha:text manifest_sha:text"
	 " n_train_rows:integer n_eval_rows:integer k:integer annotation_source:text"
	 " embedding_config_id:uuid ontology_snapshot_id:uuid train_snapshot_pairs:json"
	 " eval_snapshot_pair:text producer_version:text producer_git_sha:text meta:json"
	 " created_at:timestamptz [schema_sha_v2:text"},
};

#define N_TABLES (sizeof tables / sizeof tables[0])

/* 1: `word` is one of the blank-separated words. */
static int has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += n)
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
			return 1;
	return 0;
}

static const char *types_of_kind(const char *kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].types;
	return "";
}

/* One "name:kind" of a table. */
static void check_column(const struct pg_rows *rows, const char *table, char *spec,
			 struct buf *missing, struct buf *wrong)
{
	int optional = *spec == '[';
	char *name = spec + optional;
	char *kind = strchr(name, ':');
	const char *type, *types;

	*kind++ = '\0';
	types = types_of_kind(kind);
	type = pg_columns_type(rows, table, name);
	if (!type && !optional)
		buf_printf(missing, "%scolumn %s.%s", missing->len ? ", " : "", table, name);
	if (type && *types && !has_word(types, type))
		buf_printf(wrong, "%s%s.%s is %s (%s is needed)", wrong->len ? ", " : "", table,
			   name, type,
			   strcmp(kind, "embedding") == 0 ? "halfvec, vector, real[] or bytea"
							  : kind);
}

static void check_table(const struct pg_rows *rows, const char *table, const char *columns,
			struct buf *missing, struct buf *wrong)
{
	char spec[80];

	if (!pg_columns_type(rows, table, "")) {
		buf_printf(missing, "%stable %s", missing->len ? ", " : "", table);
		return;
	}
	while (*columns) {
		size_t n = strcspn(columns, " ");

		memcpy(spec, columns, n);
		spec[n] = '\0';
		check_column(rows, table, spec, missing, wrong);
		columns += n + strspn(columns + n, " ");
	}
}

static enum pgvalue_vector_kind vector_kind(const char *type)
{
	if (!type || strcmp(type, "halfvec") == 0)
		return PGVALUE_HALFVEC;
	if (strcmp(type, "vector") == 0)
		return PGVALUE_VECTOR;
	return strcmp(type, "bytea") == 0 ? PGVALUE_BYTEA : PGVALUE_REAL;
}

static int say(const char *name, const struct buf *missing, const struct buf *wrong,
	       struct err *err)
{
	if (buf_failed(missing) || buf_failed(wrong))
		return err_nomem(err, "the check of a database");
	if (!missing->len && !wrong->len)
		return 0;
	return err_set(err, ERR_FORMAT, "'%s' lacks what an export needs: %s%s%s%s%s", name,
		       missing->len ? "missing " : "", buf_str(missing),
		       missing->len && wrong->len ? "; " : "", buf_str(wrong),
		       missing->len
			       ? " (or this user may not see it: docs/postgres.md lists tables and "
				 "rights)"
			       : "");
}

int pg_schema_probe(struct pg *pg, const char *name, int writing, struct pg_schema *found,
		    struct err *err)
{
	struct buf missing = BUF_INIT, wrong = BUF_INIT;
	struct pg_rows *rows;
	int rc = pg_columns_read(pg, &rows, err);

	*found = (struct pg_schema){0};
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < N_TABLES; i++)
		if (writing || !tables[i].for_writing)
			check_table(rows, tables[i].table, tables[i].columns, &missing, &wrong);
	rc = say(name, &missing, &wrong, err);
	found->has_chunk = pg_columns_type(rows, "sequence_embedding", "chunk_index_s") != NULL;
	found->has_dim = pg_columns_type(rows, "sequence_embedding", "embedding_dim") != NULL;
	found->has_parent_job = pg_columns_type(rows, "job", "parent_job_id") != NULL;
	found->has_lease = pg_columns_type(rows, "job", "leased_until") != NULL;
	found->has_sha_v2 = pg_columns_type(rows, "dataset", "schema_sha_v2") != NULL;
	found->has_events_view = pg_columns_type(rows, "job_events", "") != NULL;
	found->vectors = vector_kind(pg_columns_type(rows, "sequence_embedding", "embedding"));
	pg_rows_free(rows);
	buf_release(&missing);
	buf_release(&wrong);
	return rc;
}
