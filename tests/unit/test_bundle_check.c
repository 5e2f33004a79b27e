/* What `bundle check` finds: every kind of fault, and none in a sound bundle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "pipeline/bundle/check.h"
#include "pipeline/core/cancel.h"
#include "tests/unit/bundle_fixture.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];
static struct err err;

static int setup(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	/* what the fixture has on purpose would be found too */
	fixture_sql(path, "UPDATE annotation_set SET source_version = '1' WHERE source = 'quickgo';"
			  "INSERT INTO protein_go_annotation VALUES"
			  " (20, '" SET_QGO "', 'P1', 4, NULL, 'ECO:0000269');"
			  "UPDATE sequence SET sequence = 'MMM', sequence_hash ="
			  " '375388b3dab7c76350cd457ad19388a2' WHERE id = 3");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static struct bundle_report check(void)
{
	struct bundle_report report;

	if (bundle_check(&report, path, NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return report;
}

static void show(const struct bundle_report *report)
{
	struct buf text = BUF_INIT;

	bundle_report_text(report, &text);
	print_message("%s", buf_str(&text));
	buf_release(&text);
}

static void a_sound_bundle_has_no_findings(void **state)
{
	struct bundle_report report = check();

	(void)state;
	if (report.n_findings)
		show(&report);
	assert_int_equal(report.n_findings, 0);
	bundle_report_release(&report);
}

/* After `sql` there must be a finding of this kind and severity with this many cases, one of whose
 * examples or whose meaning has `part` in it. */
static void finds(const char *sql, const char *kind, enum bundle_severity severity, uint64_t count,
		  const char *part)
{
	struct bundle_report report;
	int found = 0;

	unlink(path);
	fixture_make(path);
	fixture_sql(path, sql);
	report = check();
	for (size_t i = 0; i < report.n_findings; i++) {
		const struct bundle_finding *f = &report.findings[i];

		if (strcmp(f->kind, kind) != 0 || f->severity != severity || f->count != count)
			continue;
		found |= strstr(f->meaning, part) != NULL;
		for (size_t j = 0; j < BUNDLE_EXAMPLES && f->examples[j]; j++)
			found |= strstr(f->examples[j], part) != NULL;
	}
	if (!found) {
		show(&report);
		fail_msg("no %s (%llu) with '%s' after %s", kind, (unsigned long long)count, part,
			 sql);
	}
	bundle_report_release(&report);
}

static void bad_values_are_found(void **state)
{
	(void)state;
	finds("UPDATE go_term SET go_id = CAST(id AS BLOB) WHERE id < 4", "bad-value", BUNDLE_ERROR,
	      3, "table go_term, row '2': column go_id holds bytes");
	finds("UPDATE protein SET taxonomy_id = CAST(x'ff' AS TEXT) WHERE accession = 'P1'",
	      "bad-value", BUNDLE_ERROR, 1, "row 'P1': column taxonomy_id has invalid UTF-8");
	finds("UPDATE annotation_set SET created_at = 'x'", "bad-value", BUNDLE_ERROR, 3,
	      "time stamp");
	finds("UPDATE job SET payload = '{', meta = '[]', started_at = 'z'", "bad-value",
	      BUNDLE_ERROR, 2, "column payload");
	finds("UPDATE evaluation_set SET stats = ''", "bad-value", BUNDLE_ERROR, 1, "stats");
	finds("UPDATE embedding_config SET id = 'x' WHERE model_name = 'esm2'", "bad-value",
	      BUNDLE_ERROR, 1, "not a UUID");
	finds("PRAGMA ignore_check_constraints = 1; UPDATE job SET status = 'queued'",
	      "unknown-status", BUNDLE_ERROR, 1, "queued");
}

static void dangling_references_are_found(void **state)
{
	(void)state;
	finds("UPDATE protein SET sequence_id = 99 WHERE accession = 'P1'", "dangling-reference",
	      BUNDLE_ERROR, 1, "protein P1: 99");
	finds("DELETE FROM go_term WHERE id = 4", "dangling-reference", BUNDLE_ERROR, 1,
	      "protein_go_annotation 12: 4");
	finds("DELETE FROM go_term WHERE id = 4", "dangling-reference", BUNDLE_ERROR, 3,
	      "go_term_relationship 2: 4");
	finds("DELETE FROM embedding_config WHERE model_name = 'esm2'", "dangling-reference",
	      BUNDLE_ERROR, 3, "sequence_embedding 1");
	finds("DELETE FROM ontology_snapshot WHERE id = '" SNAP_2 "'", "dangling-reference",
	      BUNDLE_ERROR, 1, "annotation_set " SET_NEW);
	finds("DELETE FROM protein WHERE accession = 'A0A'", "dangling-reference", BUNDLE_ERROR, 1,
	      "protein_go_annotation 13: A0A");
	finds("INSERT INTO job_event (job_id, event) VALUES ('" JOB_2 "', 'x')",
	      "dangling-reference", BUNDLE_ERROR, 1, "job_event 1");
}

static void duplicates_are_found(void **state)
{
	(void)state;
	finds("DROP INDEX go_term_go_id; UPDATE go_term SET go_id = 'GO:0003674' WHERE id = 3",
	      "duplicate", BUNDLE_ERROR, 1, "2 rows with GO:0003674");
	finds("UPDATE annotation_set SET source_version = '165'", "duplicate", BUNDLE_WARNING, 1,
	      "goa 165");
	finds("DROP INDEX protein_go_annotation_row; INSERT INTO protein_go_annotation SELECT 99,"
	      " annotation_set_id, protein_accession, go_term_id, qualifier, evidence_code FROM"
	      " protein_go_annotation WHERE id = 10",
	      "duplicate", BUNDLE_WARNING, 1, "P2, 3, EXP");
	finds("CREATE TABLE t AS SELECT * FROM protein; DROP TABLE protein; ALTER TABLE t RENAME TO"
	      " protein; INSERT INTO protein SELECT * FROM protein",
	      "duplicate", BUNDLE_ERROR, 5, "2 rows with P2-2");
	finds("DROP INDEX sequence_embedding_row; UPDATE sequence_embedding SET chunk_index_s = 0",
	      "duplicate", BUNDLE_WARNING, 1, "sequence 1");
	finds("DROP INDEX sequence_text_hash; UPDATE sequence SET sequence = 'MKV', sequence_hash ="
	      " 'bc5a0dfbf35ec22ac2c0f8c1e5534d8e' WHERE id = 2",
	      "duplicate", BUNDLE_WARNING, 1, "2 rows with bc5a0dfb");
}

static void faults_of_the_ontology_are_found(void **state)
{
	(void)state;
	finds("INSERT INTO go_term_relationship VALUES (9, 1, 4, 'part_of', '" SNAP_1 "')",
	      "ontology-cycle", BUNDLE_ERROR, 1, "1 edges close a cycle");
	finds("INSERT INTO go_term_relationship VALUES (9, 1, 1, 'is_a', '" SNAP_1 "')",
	      "ontology-cycle", BUNDLE_ERROR, 1, "go_term 1 > 1");
	finds("UPDATE go_term_relationship SET parent_go_term_id = 11 WHERE id = 1", "foreign-edge",
	      BUNDLE_ERROR, 1, "GO:0005488 is_a GO:0003674");
	finds("UPDATE protein_go_annotation SET go_term_id = 11 WHERE id = 10",
	      "foreign-annotation", BUNDLE_WARNING, 1, "P2 GO:0003674");
	finds("UPDATE go_term SET aspect = 'X' WHERE id = 3", "unknown-aspect", BUNDLE_WARNING, 1,
	      "go_term 3");
	finds("UPDATE go_term SET go_id = 'GO:12' WHERE id = 3", "odd-go-id", BUNDLE_WARNING, 1,
	      "GO:12");
	finds("UPDATE go_term SET aspect = NULL WHERE ontology_snapshot_id = '" SNAP_2 "'",
	      "empty-snapshot", BUNDLE_WARNING, 1, SNAP_2);
	/* a cycle through relations that are not used is none */
	unlink(path);
	fixture_make(path);
	fixture_sql(path, "INSERT INTO go_term_relationship VALUES"
			  " (9, 1, 4, 'regulates', '" SNAP_1 "')");
	struct bundle_report report = check();
	assert_int_equal(report.n_errors, 0);
	bundle_report_release(&report);
}

static void faults_of_proteins_and_sets_are_found(void **state)
{
	(void)state;
	finds("UPDATE protein SET accession = 'P 1' WHERE accession = 'P1'", "odd-accession",
	      BUNDLE_WARNING, 1, "'P 1'");
	finds("UPDATE protein SET accession = '' WHERE accession = 'P1'", "empty-accession",
	      BUNDLE_ERROR, 1, "''");
	finds("UPDATE protein SET taxonomy_id = 'human' WHERE accession IN ('P1', 'P2')",
	      "odd-taxon", BUNDLE_WARNING, 2, "P1: human");
	finds("UPDATE protein_go_annotation SET evidence_code = 'XYZ' WHERE id = 10",
	      "odd-evidence", BUNDLE_WARNING, 1, "XYZ in 1 rows");
	finds("SELECT 1", "odd-version", BUNDLE_WARNING, 1, "quickgo NULL");
	finds("UPDATE annotation_set SET source_version = '007' WHERE source_version = '160'",
	      "odd-version", BUNDLE_WARNING, 2, "goa 007");
	finds("SELECT 1", "empty-set", BUNDLE_WARNING, 1, SET_QGO);
	finds("DELETE FROM sequence_embedding WHERE id = 4", "empty-configuration", BUNDLE_WARNING,
	      1, "prot_t5");
	finds("UPDATE evaluation_set SET stats = '{\"pivot_ontology_snapshot_id\": \"" SET_OLD
	      "\"}'",
	      "unknown-pivot", BUNDLE_WARNING, 1, SET_OLD);
	finds("INSERT INTO evaluation_set SELECT '" SNAP_1 "', old_annotation_set_id,"
	      " new_annotation_set_id, '{}', NULL, created_at FROM evaluation_set",
	      "several-evaluation-sets", BUNDLE_WARNING, 1, "2 for " SET_OLD);
}

static void faults_of_embeddings_are_found(void **state)
{
	(void)state;
	finds("UPDATE sequence_embedding SET embedding = x'0000' WHERE id = 2", "bad-embedding",
	      BUNDLE_ERROR, 1, "sequence_embedding 2: 2 bytes, embedding_dim 4");
	finds("UPDATE sequence_embedding SET embedding = 'text' WHERE id = 2", "bad-embedding",
	      BUNDLE_ERROR, 1, "not bytes");
	finds("UPDATE sequence_embedding SET embedding = x'3c00', embedding_dim = 1 WHERE id = 2",
	      "other-dimension", BUNDLE_ERROR, 1, "1 instead of 4");
	finds("UPDATE sequence_embedding SET embedding = x'0000803f0000803f0000803f0000803f'"
	      " WHERE id = 2",
	      "mixed-precision", BUNDLE_WARNING, 1, "4 instead of 2 bytes");
	finds("UPDATE sequence_embedding SET embedding = x'003c007c003c003c' WHERE id = 2",
	      "not-finite", BUNDLE_WARNING, 1, "sequence_embedding 2");
	/* 65520 is finite as float32 and infinite as float16, 65519.996 is finite as both */
	finds("UPDATE sequence_embedding SET embedding = x'00f07f47ffef7f47' WHERE id = 4",
	      "not-finite", BUNDLE_WARNING, 1, "sequence_embedding 4");
	finds("UPDATE sequence_embedding SET embedding = x'0000008000000000' WHERE id = 2",
	      "zero-vector", BUNDLE_WARNING, 1, "sequence_embedding 2");
	finds("ALTER TABLE sequence_embedding DROP COLUMN embedding_dim", "no-dimension",
	      BUNDLE_ERROR, 1, "embedding_dim");
}

static void faults_of_sequences_are_found(void **state)
{
	(void)state;
	finds("UPDATE sequence SET sequence = 'MKW' WHERE id = 1", "bad-hash", BUNDLE_ERROR, 1,
	      "sequence 1: bc5a0dfbf35ec22ac2c0f8c1e5534d8e instead of "
	      "7daa5b913b870d5478eb7d54b875f8cf");
	finds("SELECT 1", "empty-sequence", BUNDLE_WARNING, 1, "sequence 3");
	finds("UPDATE sequence SET sequence = 'MK V' WHERE id = 1", "odd-letters", BUNDLE_WARNING,
	      1, "sequence 1, position 3");
}

static void examples_are_few_and_clean(void **state)
{
	struct bundle_report report;
	struct buf text = BUF_INIT;
	json_t *json;

	(void)state;
	fixture_sql(path, "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE"
			  " i < 1000) INSERT INTO protein SELECT 'Q' || char(27) || i, NULL,"
			  " 'a\xff' FROM c");
	report = check();
	assert_int_equal(report.n_warnings, 2); /* odd accessions, odd taxa */
	assert_int_equal(report.n_errors, 1);   /* invalid UTF-8 */
	assert_int_equal(report.findings[0].count, 1000);
	assert_non_null(report.findings[0].examples[BUNDLE_EXAMPLES - 1]);
	bundle_report_text(&report, &text);
	assert_non_null(strstr(buf_str(&text), "and 995 more"));
	for (size_t i = 0; i < text.len; i++)
		assert_true(text.data[i] == '\n' || (text.data[i] >= 0x20 && text.data[i] < 0x7f));
	json = bundle_report_json(&report);
	assert_int_equal(json_integer_value(json_object_get(json, "errors")), 1);
	assert_int_equal(json_array_size(json_object_get(
				 json_array_get(json_object_get(json, "findings"), 0), "examples")),
			 BUNDLE_EXAMPLES);
	json_decref(json);
	buf_release(&text);
	bundle_report_release(&report);
}

static void on_step(void *ctx, const char *step)
{
	buf_printf(ctx, "%s;", step);
}

static void steps_are_told_and_a_signal_stops(void **state)
{
	struct bundle_report report;
	struct buf steps = BUF_INIT;

	(void)state;
	assert_int_equal(bundle_check(&report, path, on_step, &steps, &err), 0);
	assert_string_equal(buf_str(&steps), "the file;values of all columns;keys and references;"
					     "ontologies;sequences;embeddings;");
	bundle_report_release(&report);
	buf_release(&steps);
	fixture_sql(path, "WITH RECURSIVE c (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM c WHERE"
			  " i < 60000) INSERT INTO protein SELECT 'Q' || i, NULL, NULL FROM c");
	cancel_request(15);
	assert_int_equal(bundle_check(&report, path, NULL, NULL, &err), ERR_CANCELLED);
	cancel_reset();
	assert_int_equal(report.n_findings, 0);
}

static void a_file_that_is_no_bundle_is_refused(void **state)
{
	struct bundle_report report;

	(void)state;
	fixture_sql(path, "DROP TABLE evaluation_set");
	assert_int_equal(bundle_check(&report, path, NULL, NULL, &err), ERR_FORMAT);
	assert_int_equal(bundle_check(&report, "/nonexistent", NULL, NULL, &err), ERR_NOTFOUND);
}

/* Bytes flipped anywhere: refused, found damaged, or reported; never a crash. */
static void damaged_files_are_told(void **state)
{
	struct buf whole = BUF_INIT;
	uint32_t random = 99;
	int damaged = 0;

	(void)state;
	assert_int_equal(fsio_read_all(path, BUF_NO_LIMIT, &whole, &err), 0);
	for (int round = 0; round < 300; round++) {
		struct bundle_report report;
		struct buf copy = BUF_INIT;

		assert_int_equal(buf_put(&copy, whole.data, whole.len), 0);
		for (int flips = 0; flips < 1 + round % 10; flips++) {
			random = random * 1664525u + 1013904223u; /* Numerical Recipes */
			copy.data[(random >> 4) % copy.len] ^= (char)(1 << (random >> 28) % 8);
		}
		fixture_write(path, copy.data, copy.len);
		if (bundle_check(&report, path, NULL, NULL, &err) < 0) {
			assert_true(err.text[0]);
		} else {
			damaged += report.n_errors > 0;
			bundle_report_release(&report);
		}
		buf_release(&copy);
	}
	assert_true(damaged > 20);
	buf_release(&whole);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_sound_bundle_has_no_findings),
		CASE(bad_values_are_found),
		CASE(dangling_references_are_found),
		CASE(duplicates_are_found),
		CASE(faults_of_the_ontology_are_found),
		CASE(faults_of_proteins_and_sets_are_found),
		CASE(faults_of_embeddings_are_found),
		CASE(faults_of_sequences_are_found),
		CASE(examples_are_few_and_clean),
		CASE(steps_are_told_and_a_signal_stops),
		CASE(a_file_that_is_no_bundle_is_refused),
		CASE(damaged_files_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
