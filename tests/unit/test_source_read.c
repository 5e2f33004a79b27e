/* Reading a bundle through the source interface: content, order, types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "pipeline/source/source.h"
#include "tests/unit/source_reader.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];

static int setup(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	buf_init(&seen, BUF_NO_LIMIT);
	err = (struct err)ERR_INIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&seen);
	return fsio_remove_tree(dir, NULL);
}

static struct source *open_it(void)
{
	struct source *s = NULL;

	if (source_open(&s, path, SOURCE_READ, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static int stop_at_once(void *ctx, const struct source_protein *row, struct err *e)
{
	(void)row;
	++*(int *)ctx;
	return err_set(e, ERR_LIMIT, "enough");
}

static void saw(const char *text)
{
	assert_string_equal(buf_str(&seen), text);
	buf_clear(&seen);
}

/* ---- content ---------------------------------------------------------------------------------- */

static void every_stream_gives_its_rows_in_order(void **state)
{
	static const int64_t ids[] = {-5, 1, 2, 3, 4, 7, 900};
	struct source *s = open_it();

	(void)state;
	assert_string_equal(source_kind(s), "bundle");
	assert_string_equal(source_name(s), path);
	assert_int_equal(source_has_snapshot(s, SNAP_1, &err), 1);
	assert_int_equal(source_has_snapshot(s, SET_OLD, &err), 0);
	assert_int_equal(source_configs(s, on_config, NULL, &err), 0);
	saw(CONFIG_H "=esm2\n" CONFIG_F "=prot_t5\n");
	assert_int_equal(source_annotation_sets(s, "goa", on_set, NULL, &err), 0);
	saw(SET_OLD " 160 " SNAP_1 " 1704112200500000000\n" SET_NEW " 165 " SNAP_2
		    " 1717200000000000000\n");
	assert_int_equal(source_annotation_sets(s, "quickgo", on_set, NULL, &err), 0);
	saw(SET_QGO " NULL " SNAP_1 " 1704153600000000000\n");
	assert_int_equal(source_evaluation_sets(s, SET_OLD, SET_NEW, on_eval, NULL, &err), 0);
	saw(EVAL_1 " " SNAP_2 " NULL 1719792000000000000\n");
	assert_int_equal(source_evaluation_sets(s, SET_NEW, SET_OLD, on_eval, NULL, &err), 0);
	saw("");
	assert_int_equal(source_terms(s, SNAP_1, on_term, NULL, &err), 0);
	saw("1 GO:0003674 F\n2 GO:0008150 P\n3 GO:0005488 F\n4 GO:0005515 F\n"
	    "5 GO:0000005 -\n6 GO:0000006 -\n");
	assert_int_equal(source_edges(s, SNAP_1, on_edge, NULL, &err), 0);
	saw("3>1\n4>3\n4>2\n");
	assert_int_equal(source_annotations(s, SET_OLD, on_annotation, NULL, &err), 0);
	saw("10 P2 3 NULL EXP\n12 P1 4 NOT|enables NULL\n13 A0A 2 involved_in IEA\n");
	assert_int_equal(source_proteins(s, on_protein, NULL, &err), 0);
	saw("A0A -1 NULL\nP1 1 9606\nP2 2 10090\nP2-2 2 10090\nP3 3 \n");
	assert_int_equal(source_embeddings(s, CONFIG_H, on_embedding, NULL, &err), 0);
	saw("2 seq 1 chunk 512 dim 4 003c003c003c003c\n3 seq 1 chunk 0 dim 4 00bc00bc00bc00bc\n"
	    "1 seq 2 chunk 0 dim 4 003c004000420044\n");
	assert_int_equal(source_embeddings(s, CONFIG_F, on_embedding, NULL, &err), 0);
	saw("4 seq 1 chunk 0 dim 2 0000803f00000040\n");
	assert_int_equal(source_sequences(s, ids, 7, on_sequence, NULL, &err), 0);
	saw("1=MKV\n2=MKVLA\n3=\n7=WWW\n");
	source_close(s);
}

static void an_estimate_tells_rows_and_dimension(void **state)
{
	struct source *s = open_it();
	uint64_t rows = 9, dim = 9;

	(void)state;
	assert_int_equal(source_embedding_estimate(s, CONFIG_H, &rows, &dim, &err), 0);
	assert_int_equal(rows, 3);
	assert_int_equal(dim, 4);
	assert_int_equal(source_embedded_proteins(s, CONFIG_H, &rows, &err), 0);
	assert_int_equal(rows, 3); /* P1; P2 and P2-2 share a sequence; A0A has none, P3 no row */
	assert_int_equal(source_embedded_proteins(s, CONFIG_F, &rows, &err), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(source_embedding_estimate(s, SNAP_1, &rows, &dim, &err), 0);
	assert_int_equal(rows, 0);
	assert_int_equal(dim, 0);
	source_close(s);
}

static void a_callback_ends_the_stream_with_its_code(void **state)
{
	struct source *s = open_it();
	int calls = 0;

	(void)state;
	assert_int_equal(source_proteins(s, stop_at_once, &calls, &err), ERR_LIMIT);
	assert_int_equal(calls, 1);
	assert_string_equal(err.text, "enough");
	source_close(s);
}

static void optional_columns_may_be_absent(void **state)
{
	struct source *s;

	(void)state;
	fixture_sql(path, "DROP INDEX sequence_embedding_row; DROP INDEX sequence_text_hash;"
			  "ALTER TABLE sequence_embedding DROP COLUMN chunk_index_s;"
			  "ALTER TABLE sequence_embedding DROP COLUMN chunk_index_e;"
			  "ALTER TABLE sequence DROP COLUMN sequence_hash;"
			  "ALTER TABLE go_term DROP COLUMN name;"
			  "ALTER TABLE go_term DROP COLUMN is_obsolete;"
			  "ALTER TABLE ontology_snapshot DROP COLUMN obo_url;"
			  "ALTER TABLE protein ADD COLUMN extra TEXT;"
			  "DROP TABLE bundle_note; DROP VIEW job_events;"
			  "CREATE TABLE unrelated (x); PRAGMA application_id = 0");
	s = open_it();
	assert_int_equal(source_embeddings(s, CONFIG_H, on_embedding, NULL, &err), 0);
	saw("2 seq 1 chunk 0 dim 4 003c003c003c003c\n3 seq 1 chunk 0 dim 4 00bc00bc00bc00bc\n"
	    "1 seq 2 chunk 0 dim 4 003c004000420044\n");
	source_close(s);
}

static void embeddings_need_their_dimension_column(void **state)
{
	struct source *s;
	uint64_t rows, dim;

	(void)state;
	fixture_sql(path, "ALTER TABLE sequence_embedding DROP COLUMN embedding_dim");
	s = open_it();
	assert_int_equal(source_embeddings(s, CONFIG_H, on_embedding, NULL, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "embedding_dim"));
	assert_int_equal(source_embedding_estimate(s, CONFIG_H, &rows, &dim, &err), ERR_FORMAT);
	source_close(s);
}

static void sequences_come_the_same_without_a_key(void **state)
{
	static const int64_t ids[] = {-5, 2, 3, 7, 900}, bad[] = {2, 2};
	struct source *s;

	(void)state;
	fixture_sql(path, "PRAGMA foreign_keys = 0; ALTER TABLE sequence RENAME TO old;"
			  "CREATE TABLE sequence AS SELECT * FROM old ORDER BY id DESC;");
	s = open_it();
	assert_int_equal(source_sequences(s, ids, 5, on_sequence, NULL, &err), 0);
	saw("2=MKVLA\n3=\n7=WWW\n");
	assert_int_equal(source_sequences(s, bad, 2, on_sequence, NULL, &err), ERR_INTERNAL);
	assert_int_equal(source_sequences(s, NULL, 0, on_sequence, NULL, &err), 0);
	source_close(s);
}

/* ---- no sorting ------------------------------------------------------------------------------- */

/* Each statement of the streams, as in bundle_read.c and bundle_vectors.c. */
static void the_indexes_give_the_order_without_sorting(void **state)
{
	static const char *const queries[] = {
		"SELECT id, go_id, aspect FROM go_term WHERE ontology_snapshot_id = ?1 ORDER BY id",
		"SELECT id, child_go_term_id FROM go_term_relationship WHERE"
		" ontology_snapshot_id = ?1 AND relation_type IN ('is_a', 'part_of') ORDER BY id",
		"SELECT id, go_term_id FROM protein_go_annotation WHERE annotation_set_id = ?1"
		" ORDER BY id",
		"SELECT accession FROM protein ORDER BY accession COLLATE BINARY",
		"SELECT id, embedding FROM sequence_embedding WHERE embedding_config_id = ?1"
		" ORDER BY sequence_id, id",
	};
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
		sqlite3_stmt *stmt;
		char sql[512];

		snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", queries[i]);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			const char *plan = (const char *)sqlite3_column_text(stmt, 3);

			assert_null(strstr(plan, "TEMP B-TREE"));
			if (strstr(queries[i], "WHERE"))
				assert_non_null(strstr(plan, "SEARCH"));
		}
		sqlite3_finalize(stmt);
	}
	sqlite3_close(db);
}

/* ---- what is refused -------------------------------------------------------------------------- */

static void refused(const char *url, unsigned flags, int code, const char *part)
{
	struct source *s = (void *)1;

	err = (struct err)ERR_INIT;
	if (source_open(&s, url, flags, &err) != code)
		fail_msg("%s: %d, not %d", err.text, err.code, code);
	assert_null(s);
	if (!strstr(err.text, part))
		fail_msg("'%s' lacks '%s'", err.text, part);
}

static void urls_that_cannot_be_opened_are_refused(void **state)
{
	char url[PATH_MAX + 32];

	(void)state;
	refused("bundle:", 0, ERR_ARG, "names no file");
	refused("bundle:/nonexistent/b", 0, ERR_NOTFOUND, "/nonexistent/b");
	refused("no-such-file", 0, ERR_NOTFOUND, "no-such-file");
	refused("mysql://h/db", 0, ERR_ARG, "mysql");
	refused("bundle::memory:", 0, ERR_NOTFOUND, ":memory:");
	refused("bundle:/dev/null", 0, ERR_FORMAT, "not a file");
	snprintf(url, sizeof url, "bundle:%s", dir);
	refused(url, 0, ERR_FORMAT, "not a file");
	snprintf(url, sizeof url, "bundle:%s", path);
	assert_int_equal(truncate(path, 0), 0);
	refused(url, 0, ERR_FORMAT, "empty");
}

static void a_postgres_password_is_never_shown(void **state)
{
	static const char *const urls[] = {
		"postgresql://user:s3cret@127.0.0.1:1/protea",
		"postgresql+psycopg2://u@127.0.0.1:1/d?sslmode=disable&password=s3cret",
		"postgresql://u:x@s3cret@h/d",
		"postgresql://u:x?s3cret@h/d",
		"postgresql://u:x/s3cret@h/d",
		"postgresql://u:x#s3cret@h/d",
		"postgresql://h/d?password=s3cret@x",
		"postgresql://u@h/d?password=x@s3cret",
		"postgresql://u:s3cret",
		"postgresql://u:5s3cret/d",
		"postgresql://h:1,u:s3cret/d",
		"postgresql://[::1]:s3cret/d",
	};

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		struct source *s = NULL;

		assert_true(source_open(&s, urls[i], 0, &err) < 0);
		assert_null(s);
		if (strstr(err.text, "s3cret"))
			fail_msg("password shown: %s", err.text);
	}
}

static void a_file_that_is_no_bundle_is_told_all_it_lacks(void **state)
{
	(void)state;
	fixture_sql(path, "DROP VIEW job_events; DROP TABLE job_event; DROP INDEX go_term_snapshot;"
			  "ALTER TABLE go_term DROP COLUMN aspect;"
			  "ALTER TABLE dataset DROP COLUMN manifest_uri");
	refused(path, 0, ERR_FORMAT, "table job_event");
	refused(path, 0, ERR_FORMAT, "column go_term.aspect");
	refused(path, 0, ERR_FORMAT, "column dataset.manifest_uri");
	refused(path, SOURCE_WRITE, ERR_FORMAT, "table job_event");
}

static void foreign_and_newer_files_are_left_alone(void **state)
{
	struct buf before = BUF_INIT, after = BUF_INIT;

	(void)state;
	fixture_sql(path, "PRAGMA application_id = 0x12345678");
	assert_int_equal(fsio_read_all(path, BUF_NO_LIMIT, &before, &err), 0);
	refused(path, 0, ERR_FORMAT, "0x12345678");
	refused(path, SOURCE_WRITE, ERR_FORMAT, "0x12345678");
	assert_int_equal(fsio_read_all(path, BUF_NO_LIMIT, &after, &err), 0);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	buf_release(&before);
	buf_release(&after);
	fixture_sql(path, "PRAGMA application_id = 0x50525442; PRAGMA user_version = 2");
	refused(path, 0, ERR_FORMAT, "version 2");
}

static void views_and_virtual_tables_do_not_count_as_tables(void **state)
{
	(void)state;
	fixture_sql(path, "DROP TABLE evaluation_set; CREATE VIEW evaluation_set AS SELECT"
			  " '' AS id, '' AS old_annotation_set_id, '' AS new_annotation_set_id,"
			  " '' AS stats, '' AS groundtruth_uri, '' AS created_at");
	refused(path, 0, ERR_FORMAT, "table evaluation_set");
}

static void texts_in_utf16_are_refused(void **state)
{
	char other[PATH_MAX + 32];

	(void)state;
	snprintf(other, sizeof other, "%s/utf16.sqlite", dir);
	fixture_sql(other, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (x)");
	refused(other, 0, ERR_FORMAT, "UTF-16le");
}

/* Root may write everywhere, so these run as nobody; 0: this cannot be done here. */
static int become_nobody(void)
{
	if (geteuid() != 0)
		return 1;
	if (seteuid(65534) < 0)
		return 0;
	if (eaccess(dir, X_OK) == 0)
		return 1;
	return seteuid(0);
}

static void become_root(void)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void writing_to_a_read_only_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	if (!become_nobody())
		skip();
	refused(path, SOURCE_WRITE, ERR_DATABASE, "cannot be written");
	source_close(open_it());
	become_root();
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(chmod(dir, 0555), 0);
	if (!become_nobody())
		skip();
	refused(path, SOURCE_WRITE, ERR_DATABASE, "folder must be writable");
	source_close(open_it());
	become_root();
	fixture_sql(path, "PRAGMA journal_mode = WAL");
	if (!become_nobody())
		skip();
	refused(path, 0, ERR_IO, "WAL mode needs a writable folder");
	become_root();
	assert_int_equal(chmod(path, 0), 0);
	if (!become_nobody())
		skip();
	refused(path, 0, ERR_IO, "ermission denied");
	become_root();
	assert_int_equal(chmod(dir, 0755), 0);
}

/* ---- rows that are wrong ---------------------------------------------------------------------- */

static void broken(const char *sql, int (*read)(struct source *), const char *part)
{
	struct source *s;

	unlink(path);
	fixture_make(path);
	fixture_sql(path, sql);
	s = open_it();
	err = (struct err)ERR_INIT;
	assert_int_equal(read(s), ERR_FORMAT);
	if (!strstr(err.text, part))
		fail_msg("'%s' lacks '%s'", err.text, part);
	source_close(s);
	buf_clear(&seen);
}

static void wrong_values_are_named_with_table_row_and_column(void **state)
{
	(void)state;
	broken("UPDATE go_term SET go_id = x'00ff' WHERE id = 3", read_terms,
	       "table go_term, row '3': column go_id holds bytes, must hold text");
	broken("UPDATE go_term SET aspect = 'molecular' WHERE id = 3", read_terms, "one letter");
	broken("UPDATE go_term SET aspect = CAST(x'ff' AS TEXT) WHERE id = 3", read_terms,
	       "invalid UTF-8 at byte 0");
	broken("UPDATE go_term_relationship SET parent_go_term_id = 'x' WHERE id = 2", read_edges,
	       "table go_term_relationship, row '2': column parent_go_term_id holds text");
	broken("UPDATE protein SET accession = CAST(x'503100' AS TEXT) WHERE accession = 'P1'",
	       read_proteins, "a NUL byte at byte 2");
	broken("UPDATE protein SET accession = CAST(x'50c0af' AS TEXT) WHERE accession = 'P1'",
	       read_proteins, "invalid UTF-8 at byte 1");
	broken("UPDATE protein SET accession = CAST(x'50303132333435363738393000' AS TEXT)"
	       " WHERE accession = 'P1'",
	       read_proteins, "a NUL byte at byte 12");
	broken("UPDATE protein SET accession = CAST(x'5030313233343536f4908080' AS TEXT)"
	       " WHERE accession = 'P1'",
	       read_proteins, "invalid UTF-8 at byte 8");
	broken("UPDATE protein SET accession = CAST(x'50303132333435eda080' AS TEXT)"
	       " WHERE accession = 'P1'",
	       read_proteins, "invalid UTF-8 at byte 7");
	broken("UPDATE protein SET accession = '' WHERE accession = 'P1'", read_proteins, "empty");
	broken("UPDATE protein SET sequence_id = 1.5 WHERE accession = 'P1'", read_proteins,
	       "row 'P1': column sequence_id holds a real number");
	broken("UPDATE protein SET sequence_id = -1 WHERE accession = 'P1'", read_proteins,
	       "negative");
	broken("UPDATE protein_go_annotation SET go_term_id = 'GO:1' WHERE id = 12",
	       read_annotations, "row '12'");
	broken("UPDATE annotation_set SET created_at = 'yesterday'", read_sets, "'yesterday'");
	broken("UPDATE annotation_set SET ontology_snapshot_id = 'x'", read_sets, "not a UUID");
	broken("UPDATE embedding_config SET id = upper('abcdef00-0000-4000-8000-000000000001')"
	       " WHERE model_name = 'esm2'",
	       read_configs, "not a UUID in lower case");
	broken("UPDATE evaluation_set SET stats = '{\"a\": '", read_evals, "not JSON");
	broken("UPDATE evaluation_set SET stats = '{\"pivot_ontology_snapshot_id\": \"x\"}'",
	       read_evals, "pivot_ontology_snapshot_id is not a UUID");
	broken("UPDATE sequence SET sequence = x'4d' WHERE id = 2", read_sequences,
	       "table sequence, row '2'");
}

static void wrong_embeddings_are_named_with_their_lengths(void **state)
{
	(void)state;
	broken("UPDATE sequence_embedding SET embedding = x'0000' WHERE id = 1", read_embeddings,
	       CONFIG_H ", sequence 2: embedding has 2 bytes for embedding_dim 4");
	broken("UPDATE sequence_embedding SET embedding_dim = 0 WHERE id = 1", read_embeddings,
	       "embedding_dim 0");
	broken("UPDATE sequence_embedding SET embedding_dim = -4 WHERE id = 1", read_embeddings,
	       "embedding_dim -4");
	broken("UPDATE sequence_embedding SET embedding_dim = 0x4000000000000004 WHERE id = 1",
	       read_embeddings, "embedding_dim 4611686018427387908");
	broken("UPDATE sequence_embedding SET embedding = x'' WHERE id = 1", read_embeddings,
	       "0 bytes");
	broken("UPDATE sequence_embedding SET embedding = '[1,2]' WHERE id = 1", read_embeddings,
	       "holds text, must hold bytes");
}

static void rows_of_other_dimensions_are_passed_on(void **state)
{
	struct source *s;

	(void)state;
	fixture_sql(path, "UPDATE sequence_embedding SET embedding_dim = 1, embedding = x'0000803f'"
			  " WHERE id = 2");
	s = open_it();
	assert_int_equal(source_embeddings(s, CONFIG_H, on_embedding, NULL, &err), 0);
	saw("2 seq 1 chunk 512 dim 1 0000803f\n3 seq 1 chunk 0 dim 4 00bc00bc00bc00bc\n"
	    "1 seq 2 chunk 0 dim 4 003c004000420044\n");
	source_close(s);
}

static void duplicate_keys_without_a_key_are_found(void **state)
{
	(void)state;
	broken("CREATE TABLE t AS SELECT * FROM protein; DROP TABLE protein;"
	       "ALTER TABLE t RENAME TO protein; INSERT INTO protein VALUES ('P1', 1, '1')",
	       read_proteins, "comes twice");
	broken("CREATE TABLE t AS SELECT * FROM go_term; DROP TABLE go_term;"
	       "ALTER TABLE t RENAME TO go_term;"
	       "INSERT INTO go_term SELECT * FROM go_term WHERE id = 3",
	       read_terms, "comes twice");
	broken("CREATE TABLE t AS SELECT * FROM sequence_embedding; DROP TABLE sequence_embedding;"
	       "ALTER TABLE t RENAME TO sequence_embedding;"
	       "INSERT INTO sequence_embedding SELECT * FROM sequence_embedding WHERE id = 3",
	       read_embeddings, "comes twice");
}

static void a_signal_stops_a_stream(void **state)
{
	struct source *s = open_it();
	int rc;

	(void)state;
	fixture_sql(path, "WITH RECURSIVE c (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM c WHERE"
			  " i < 60000) INSERT INTO protein SELECT 'Q' || i, NULL, NULL FROM c");
	cancel_request(15);
	rc = source_proteins(s, on_protein, NULL, &err);
	cancel_reset();
	assert_int_equal(rc, ERR_CANCELLED);
	source_close(s);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_stream_gives_its_rows_in_order),
		CASE(an_estimate_tells_rows_and_dimension),
		CASE(a_callback_ends_the_stream_with_its_code),
		CASE(optional_columns_may_be_absent),
		CASE(embeddings_need_their_dimension_column),
		CASE(sequences_come_the_same_without_a_key),
		CASE(the_indexes_give_the_order_without_sorting),
		CASE(urls_that_cannot_be_opened_are_refused),
		CASE(a_postgres_password_is_never_shown),
		CASE(a_file_that_is_no_bundle_is_told_all_it_lacks),
		CASE(foreign_and_newer_files_are_left_alone),
		CASE(views_and_virtual_tables_do_not_count_as_tables),
		CASE(texts_in_utf16_are_refused),
		CASE(writing_to_a_read_only_file_is_refused),
		CASE(wrong_values_are_named_with_table_row_and_column),
		CASE(wrong_embeddings_are_named_with_their_lengths),
		CASE(rows_of_other_dimensions_are_passed_on),
		CASE(duplicate_keys_without_a_key_are_found),
		CASE(a_signal_stops_a_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
