/* Types and texts of every column that is read: part of bundle_check(). One pass over each table. */
#include "pipeline/bundle/check_parts.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/rows.h"
#include "pipeline/bundle/schema.h"
#include "pipeline/core/text.h"

#define COLUMNS_MAX 24

/* What a column holds; an upper-case letter allows NULL. */
enum holds {
	TEXT = 't',
	UUID = 'u',
	INTEGER = 'i',
	STAMP = 's',
	JSON = 'j',
	OPTIONAL = '?', /* before the letter: the column may be absent */
};

struct table {
	const char *table;
	const char *columns; /* name:holds, blank-separated; the first names the row */
};

static const struct table tables[] = {
	{"ontology_snapshot", "id:u obo_version:t loaded_at:?S"},
	{"go_term", "id:i go_id:t aspect:T name:?T ontology_snapshot_id:u"},
	{"go_term_relationship", "id:i child_go_term_id:i parent_go_term_id:i relation_type:t "
				 "ontology_snapshot_id:u"},
	{"annotation_set", "id:u source:t source_version:T ontology_snapshot_id:u created_at:s"},
	{"sequence", "id:i sequence:t sequence_hash:?t"},
	{"protein", "accession:t sequence_id:I taxonomy_id:T"},
	{"protein_go_annotation", "id:i annotation_set_id:u protein_accession:t go_term_id:i "
				  "qualifier:T evidence_code:T"},
	{"embedding_config", "id:u model_name:t"},
	{"sequence_embedding", "id:i sequence_id:i embedding_config_id:u chunk_index_s:?i "
			       "embedding_dim:?i"},
	{"evaluation_set", "id:u old_annotation_set_id:u new_annotation_set_id:u stats:j "
			   "groundtruth_uri:T created_at:s"},
	{"job", "id:u operation:t queue_name:t status:t payload:j meta:j created_at:s started_at:S "
		"finished_at:S progress_current:I progress_total:I parent_job_id:?U "
		"leased_until:?S error_code:T error_message:T"},
	{"job_event", "id:i job_id:u ts:s level:t event:t message:T fields:j"},
	{"dataset", "id:u name:t operation:t job_id:U storage_backend:t key_prefix:t train_uri:T "
		    "eval_uri:T manifest_uri:t schema_sha:t schema_sha_v2:?T manifest_sha:T "
		    "n_train_rows:i n_eval_rows:i k:i annotation_source:t "
		    "embedding_config_id:U ontology_snapshot_id:U train_snapshot_pairs:j "
		    "eval_snapshot_pair:T producer_version:T producer_git_sha:T meta:j "
		    "created_at:s"},
};

struct scan {
	struct bundle_checker *c;
	const struct table *table;
	struct buf sql;
	char holds[COLUMNS_MAX];
	int n_columns;
};

/* Reads "name:holds" at *at and moves it on; 0 at the end. */
static int next_column(const char **at, char name[64], char *holds, int *optional)
{
	const char *colon = strchr(*at, ':');
	size_t n;

	if (!colon)
		return 0;
	n = (size_t)(colon - *at);
	memcpy(name, *at, n);
	name[n] = '\0';
	*optional = colon[1] == OPTIONAL;
	*holds = colon[1 + *optional];
	*at = colon + 2 + *optional;
	*at += strspn(*at, " ");
	return 1;
}

static int make_query(struct scan *s)
{
	const char *at = s->table->columns;
	char name[64], holds;
	int optional;

	while (next_column(&at, name, &holds, &optional)) {
		int there = optional ? bundle_schema_has_column(s->c->db, s->table->table, name,
								s->c->err)
				     : 1;

		if (there < 0)
			return there;
		if (!there)
			continue;
		buf_printf(&s->sql, "%s%s", s->n_columns ? ", " : "SELECT ", name);
		s->holds[s->n_columns++] = holds;
	}
	buf_printf(&s->sql, " FROM %s", s->table->table);
	return buf_failed(&s->sql) ? err_nomem(s->c->err, "a query") : 0;
}

static void check_json(struct bundle_rows *r, int col)
{
	struct err bad = ERR_INIT;
	size_t len;
	const char *text = bundle_rows_text(r, col, &len);
	json_t *value;

	if (r->failed)
		return;
	value = json_parse("JSON", text, len, &bad);
	if (!value && bad.code == ERR_NOMEM)
		r->failed = err_nomem(r->err, "JSON of the bundle");
	else if (!value)
		bundle_rows_bad(r, "column %s: %s", sqlite3_column_name(r->stmt, col), bad.text);
	json_decref(value);
}

/* One column of the row at hand; a fault is left in r->failed. */
static void check_column(struct bundle_rows *r, int col, char holds)
{
	int may_be_null = holds >= 'A' && holds <= 'Z';

	if (may_be_null && bundle_rows_is_null(r, col))
		return;
	switch (may_be_null ? holds - 'A' + 'a' : holds) {
	case TEXT:
		bundle_rows_text(r, col, NULL);
		break;
	case UUID:
		bundle_rows_uuid(r, col);
		break;
	case INTEGER:
		bundle_rows_int(r, col);
		break;
	case STAMP:
		bundle_rows_stamp(r, col);
		break;
	default:
		check_json(r, col);
		break;
	}
}

/* Moves a fault of the row into the report. */
static int report_fault(struct scan *s, struct bundle_rows *r)
{
	static const struct check_kind kind = {
		"bad-value", "a column holds what it must not: reading this table stops there",
		BUNDLE_ERROR};
	const char *text = r->err->text;
	const char *table = strstr(text, "table ");
	int rc = r->failed;

	if (rc != ERR_FORMAT)
		return rc;
	r->failed = 0;
	return check_add(s->c, &kind, table ? table : text);
}

static int scan_table(struct bundle_checker *c, const struct table *table)
{
	struct scan s = {.c = c, .table = table, .sql = BUF_INIT};
	struct err fault = ERR_INIT;
	struct bundle_rows r;
	int rc = make_query(&s);

	if (rc < 0)
		goto release;
	bundle_rows_begin(&r, c->db, table->table, buf_str(&s.sql), &fault);
	while (rc == 0 && bundle_rows_next(&r) > 0)
		for (int col = 0; rc == 0 && col < s.n_columns; col++) {
			check_column(&r, col, s.holds[col]);
			if (r.failed)
				rc = report_fault(&s, &r);
		}
	if (bundle_rows_end(&r) < 0 && (rc == 0 || rc == fault.code))
		rc = err_set(c->err, fault.code, "%s", fault.text);
release:
	buf_release(&s.sql);
	return rc;
}

int check_values(struct bundle_checker *c)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof tables[0]; i++)
		rc = scan_table(c, &tables[i]);
	return rc;
}
