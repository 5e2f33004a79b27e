/* The tables that a bundle is made with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "tests/unit/bundle_fixture.h"

static sqlite3 *db;
static struct err err;

static int setup(void **state)
{
	(void)state;
	if (sqlite3_open(":memory:", &db) != SQLITE_OK || bundle_schema_create(db, &err) < 0)
		return -1;
	return sqlite3_exec(db, fixture_rows, NULL, NULL, NULL);
}

static int teardown(void **state)
{
	(void)state;
	return sqlite3_close(db);
}

/* First column of the first row as text. */
static void says(const char *sql, const char *wanted)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), wanted);
	sqlite3_finalize(stmt);
}

static void a_bundle_says_what_it_is(void **state)
{
	(void)state;
	says("PRAGMA application_id", "1347572802"); /* "PRTB" */
	says("PRAGMA user_version", "1");
	assert_int_equal(bundle_schema_check(db, "fresh", &err), 0);
}

/* Names and order of spec 2.1; outsiders query them. */
static void tables_have_the_columns_of_the_specification(void **state)
{
	static const char *const tables[][2] = {
		{"ontology_snapshot", "id,obo_version,obo_url,ia_url,loaded_at"},
		{"go_term", "id,go_id,aspect,name,is_obsolete,ontology_snapshot_id"},
		{"go_term_relationship",
		 "id,child_go_term_id,parent_go_term_id,relation_type,ontology_snapshot_id"},
		{"annotation_set", "id,source,source_version,ontology_snapshot_id,created_at"},
		{"sequence", "id,sequence,sequence_hash"},
		{"protein", "accession,sequence_id,taxonomy_id"},
		{"protein_go_annotation",
		 "id,annotation_set_id,protein_accession,go_term_id,qualifier,evidence_code"},
		{"embedding_config", "id,model_name"},
		{"sequence_embedding", "id,sequence_id,embedding_config_id,chunk_index_s,"
				       "chunk_index_e,embedding_dim,embedding"},
		{"evaluation_set", "id,old_annotation_set_id,new_annotation_set_id,stats,"
				   "groundtruth_uri,created_at"},
		{"job", "id,operation,queue_name,status,payload,meta,created_at,started_at,"
			"finished_at,progress_current,progress_total,parent_job_id,leased_until,"
			"error_code,error_message"},
		{"job_event", "id,job_id,ts,level,event,message,fields"},
		{"job_events", "id,job_id,event,created_at,level,message,payload"},
		{"dataset", "id,name,operation,job_id,storage_backend,key_prefix,train_uri,"
			    "eval_uri,manifest_uri,schema_sha,schema_sha_v2,manifest_sha,"
			    "n_train_rows,n_eval_rows,k,annotation_source,embedding_config_id,"
			    "ontology_snapshot_id,train_snapshot_pairs,eval_snapshot_pair,"
			    "producer_version,producer_git_sha,meta,created_at"},
		{"bundle_note", "key,value"},
	};
	char sql[128];

	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		snprintf(sql, sizeof sql, "SELECT group_concat(name) FROM pragma_table_info('%s')",
			 tables[i][0]);
		says(sql, tables[i][1]);
	}
}

static void refuses(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_CONSTRAINT)
		fail_msg("accepted: %s", sql);
}

static void what_must_be_unique_is(void **state)
{
	(void)state;
	refuses("INSERT INTO ontology_snapshot (id, obo_version) VALUES ('x',"
		" 'releases/2024-01-17')");
	refuses("INSERT INTO go_term (id, go_id, ontology_snapshot_id) VALUES (99, 'GO:0003674', "
		"'" SNAP_1 "')");
	refuses("INSERT INTO protein VALUES ('P1', NULL, NULL)");
	refuses("INSERT INTO sequence VALUES (99, 'X', 'bc5a0dfbf35ec22ac2c0f8c1e5534d8e')");
	refuses("INSERT INTO protein_go_annotation VALUES (99, '" SET_OLD "', 'P2', 3, 'enables',"
		" 'EXP')");
	refuses("INSERT INTO sequence_embedding (id, sequence_id, embedding_config_id,"
		" embedding_dim, embedding) VALUES (99, 2, '" CONFIG_H "', 1, x'0000')");
	refuses("INSERT INTO job (id, operation, queue_name, status) VALUES ('x', 'o', 'q',"
		" 'queued')");
	refuses("UPDATE protein SET accession = NULL");
	/* NULL codes differ, as in PostgreSQL */
	assert_int_equal(sqlite3_exec(db,
				      "INSERT INTO protein_go_annotation VALUES (98, '" SET_OLD
				      "', 'P1', 4, NULL, NULL)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
}

static void foreign_keys_hold_and_events_die_with_their_job(void **state)
{
	(void)state;
	says("SELECT count(*) FROM pragma_foreign_key_check", "0");
	assert_int_equal(sqlite3_exec(db,
				      "PRAGMA foreign_keys = 1; INSERT INTO job_event (job_id,"
				      " event) VALUES ('" JOB_1 "', 'e'); DELETE FROM job",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	says("SELECT count(*) FROM job_event", "0");
	refuses("INSERT INTO protein VALUES ('Q', 999, NULL)");
}

static void defaults_are_those_of_the_specification(void **state)
{
	(void)state;
	says("SELECT status || payload || meta FROM job WHERE status = 'QUEUED'",
	     "QUEUED{\"k\": 5}{}");
	says("SELECT count(*) FROM job WHERE created_at GLOB"
	     " '20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9]*Z'",
	     "1");
}

static void tables_cannot_be_made_twice(void **state)
{
	(void)state;
	assert_int_equal(bundle_schema_create(db, &err), ERR_DATABASE);
	assert_non_null(strstr(err.text, "already exists"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_bundle_says_what_it_is),
		CASE(tables_have_the_columns_of_the_specification),
		CASE(what_must_be_unique_is),
		CASE(foreign_keys_hold_and_events_die_with_their_job),
		CASE(defaults_are_those_of_the_specification),
		CASE(tables_cannot_be_made_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
