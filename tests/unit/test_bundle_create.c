/* Bundles made from small files: every row that must be there, every remark, every refusal, and that a
 * failure leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "pipeline/bundle/check.h"
#include "pipeline/core/cancel.h"
#include "tests/unit/bundle_inputs.h"

static struct inputs in;

static int make_inputs(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	inputs_make(&in);
	return 0;
}

static int remove_inputs(void **state)
{
	inputs_release(&in);
	return scratch_remove(state);
}

/* ---- helpers ---------------------------------------------------------------------------------- */

static void create(struct create_report *report)
{
	struct err err = ERR_INIT;

	if (bundle_create(&in.opt, report, &err) < 0)
		fail_msg("%s", err.text);
}

/* Rows of a query, values joined with '|', rows with a blank. */
static void rows_are(const char *sql, const char *want)
{
	struct buf got = BUF_INIT;
	sqlite3_stmt *stmt;
	sqlite3 *db;
	int i;

	assert_int_equal(sqlite3_open_v2(in.opt.out, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		buf_puts(&got, got.len ? " " : "");
		for (i = 0; i < sqlite3_column_count(stmt); i++) {
			const char *text = (const char *)sqlite3_column_text(stmt, i);

			buf_printf(&got, "%s%s", i ? "|" : "", text ? text : "NULL");
		}
	}
	assert_string_equal(buf_str(&got), want);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	buf_release(&got);
}

static void remark_is(const struct create_report *r, uint64_t count, const char *part)
{
	size_t i;

	for (i = 0; i < r->n_remarks; i++) {
		if (strstr(r->remark[i].text, part)) {
			assert_int_equal(r->remark[i].count, count);
			return;
		}
	}
	fail_msg("no remark with '%s'", part);
}

/* Neither a bundle nor anything half made is in the folder. */
static void nothing_is_left(void)
{
	DIR *d = opendir(scratch_dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, "out.bundle", 10) == 0)
			fail_msg("%s is there", e->d_name);
	}
	closedir(d);
}

static void fails_with(int code, const char *message)
{
	struct create_report report;
	struct err err = ERR_INIT;

	assert_int_equal(bundle_create(&in.opt, &report, &err), code);
	create_report_release(&report);
	if (!strstr(err.text, message))
		fail_msg("'%s' lacks '%s'", err.text, message);
	nothing_is_left();
}

static void remove_out(void)
{
	assert_int_equal(fsio_remove(in.opt.out), 0);
}

/* Replaces a file for one failing run. */
static void fails_when(const char *name, const char *text, const char *usual, int code,
		       const char *message)
{
	input_text(name, text);
	fails_with(code, message);
	input_text(name, usual);
}

/* ---- rows ------------------------------------------------------------------------------------- */

static void every_row_is_there(void **state)
{
	struct create_report r;

	(void)state;
	create(&r);
	rows_are("SELECT obo_version, loaded_at FROM ontology_snapshot ORDER BY rowid",
		 INPUT_OBO_OLD "|2023-11-14T22:13:20.000000Z " INPUT_OBO_NEW
			       "|2023-11-14T22:13:20.000000Z");
	rows_are("SELECT t.id, go_id, aspect, is_obsolete, s.rowid FROM go_term t JOIN "
		 "ontology_snapshot s ON s.id = ontology_snapshot_id ORDER BY t.id",
		 "1|GO:0003674|F|0|1 2|GO:0005488|F|0|1 3|GO:0003674|F|0|2 4|GO:0005515|F|0|2 "
		 "5|GO:0005488|F|0|2 6|GO:0008150|P|0|2 7|GO:0006357|P|0|2 8|GO:0000005|F|1|2");
	rows_are("SELECT e.id, child_go_term_id, relation_type, parent_go_term_id, s.rowid FROM "
		 "go_term_relationship e JOIN ontology_snapshot s ON s.id = ontology_snapshot_id "
		 "ORDER BY e.id",
		 "1|2|is_a|1|1 2|4|is_a|5|2 3|5|is_a|3|2 4|7|is_a|6|2 5|7|part_of|4|2 "
		 "6|7|regulates|6|2");
	rows_are("SELECT id, sequence FROM sequence ORDER BY id",
		 "1|MKVLAWGG 2|MSTN 3|WWWW 4|AAAA");
	rows_are("SELECT sequence_hash FROM sequence WHERE id = 1",
		 "9884dfedd6ea6f85be35037c3df1a3e2");
	rows_are("SELECT accession, sequence_id, taxonomy_id FROM protein",
		 "P1|2|562 P2|1|9606 P3|1|10090 Q8|4|NULL Q9|3|7227");
	create_report_release(&r);
	remove_out();
}

static void releases_are_bound_to_their_ontology(void **state)
{
	struct create_report r;

	(void)state;
	create(&r);
	rows_are("SELECT source, source_version, obo_version FROM annotation_set a JOIN "
		 "ontology_snapshot s ON s.id = ontology_snapshot_id ORDER BY a.rowid",
		 "goa|160|" INPUT_OBO_OLD " goa|165|" INPUT_OBO_NEW);
	rows_are("SELECT a.id, source_version, protein_accession, go_term_id, qualifier, "
		 "evidence_code FROM protein_go_annotation a JOIN annotation_set s ON s.id = "
		 "annotation_set_id ORDER BY a.id",
		 "1|160|P1|2|NULL|IEA 2|160|P2|1|NULL|ND 3|165|P1|5|enables|IEA "
		 "4|165|P1|4|enables|IPI 5|165|P2|7|NOT|involved_in|IDA 6|165|Q9|4|enables|IDA");
	rows_are("SELECT o.source_version, n.source_version, obo_version, groundtruth_uri FROM "
		 "evaluation_set e JOIN annotation_set o ON o.id = old_annotation_set_id JOIN "
		 "annotation_set n ON n.id = new_annotation_set_id JOIN ontology_snapshot s ON "
		 "s.id = json_extract(stats, '$.pivot_ontology_snapshot_id')",
		 "160|165|" INPUT_OBO_NEW "|NULL");
	create_report_release(&r);
	remove_out();
}

static void embeddings_are_one_per_sequence(void **state)
{
	struct create_report r;

	(void)state;
	create(&r);
	rows_are("SELECT id, model_name FROM embedding_config",
		 "c2e9dda3-e505-4170-b50d-435a451761ac|facebook/esm2_t33_650M_UR50D");
	rows_are("SELECT id, sequence_id, chunk_index_s, chunk_index_e, embedding_dim, "
		 "hex(embedding) FROM sequence_embedding ORDER BY id",
		 "1|1|0|NULL|2|00400038 2|2|0|NULL|2|007C0000 3|3|0|NULL|2|003C003C");
	rows_are("SELECT key, value FROM bundle_note WHERE key = 'embeddings' OR key LIKE "
		 "'input.00%' ORDER BY key LIMIT 3",
		 "embeddings|made up input.001|obo old.obo, 226 bytes input.002|obo new.obo, 798 "
		 "bytes");
	create_report_release(&r);
	remove_out();
}

static void all_that_was_skipped_is_reported(void **state)
{
	struct create_report r;

	(void)state;
	create(&r);
	remark_is(&r, 1, "new.obo: terms without a GO id skipped");
	remark_is(&r, 1, "new.obo: edges to an alternative id");
	remark_is(&r, 1, "edges to terms that the file does not define skipped (first in line 34)");
	remark_is(&r, 1, "proteins share the sequence row");
	remark_is(&r, 1,
		  "release 165: lines skipped, their 1 GO ids are not in releases/2024-01-17 "
		  "(GO:1234567)");
	remark_is(&r, 2, "release 165: lines skipped, their protein is in no FASTA file");
	remark_is(&r, 2, "release 165: lines with an alternative GO id");
	remark_is(&r, 1, "release 165: lines with another aspect");
	remark_is(&r, 1, "release 165: lines that repeat protein, term, evidence and qualifier");
	remark_is(&r, 1, "release 165: lines that repeat protein, term and evidence with another");
	remark_is(&r, 1, "proteins got their taxon by organism name");
	remark_is(&r, 1, "proteins got the taxon of their species");
	remark_is(&r, 1, "proteins got their taxon from a GAF file");
	remark_is(&r, 1, "proteins have no taxon");
	remark_is(&r, 1, "e.npy: rows skipped, their protein is in no FASTA file");
	remark_is(&r, 1, "e.npy: rows skipped, their sequence has a row already");
	remark_is(&r, 1, "e.npy: rows with infinities or NaN kept");
	remark_is(&r, 1, "proteins without an embedding");
	assert_int_equal(r.n_remarks, 18);
	assert_int_equal(r.terms, 8);
	assert_int_equal(r.edges, 6);
	assert_int_equal(r.annotations, 6);
	assert_int_equal(r.proteins, 5);
	create_report_release(&r);
	remove_out();
}

static void unknown_proteins_may_be_kept(void **state)
{
	struct create_report r;

	(void)state;
	in.opt.keep_unknown = 1;
	create(&r);
	in.opt.keep_unknown = 0;
	rows_are(
		"SELECT accession, sequence_id, taxonomy_id FROM protein WHERE sequence_id IS NULL",
		"X1|NULL|4932");
	remark_is(&r, 1, "release 165: proteins added without a sequence");
	remark_is(&r, 1, "release 165: lines skipped, they annotate complexes or RNAs");
	create_report_release(&r);
	remove_out();
}

static void options_choose_ids_pairs_and_source(void **state)
{
	struct create_config config = {"my model", "11111111-2222-4333-8444-555555555555"};
	struct create_pair pair = {160, 165};
	struct create_report r;

	(void)state;
	memcpy(in.obo[0].id, "99999999-2222-4333-8444-555555555555", UUID_TEXT);
	in.embeddings[0].name = "my model";
	in.opt.config = &config;
	in.opt.n_config = 1;
	in.opt.evaluation = &pair;
	in.opt.n_evaluation = 1;
	in.opt.source = "quickgo";
	create(&r);
	rows_are("SELECT id FROM ontology_snapshot WHERE obo_version = '" INPUT_OBO_OLD "'",
		 "99999999-2222-4333-8444-555555555555");
	rows_are("SELECT id, model_name FROM embedding_config",
		 "11111111-2222-4333-8444-555555555555|my model");
	rows_are("SELECT DISTINCT source FROM annotation_set", "quickgo");
	rows_are("SELECT count(*) FROM evaluation_set", "1");
	create_report_release(&r);
	remove_out();
	pair.new_version = 170;
	fails_with(ERR_ARG, "--evaluation 160:170: no --gaf has release 170");
	in.opt.n_evaluation = 0;
	config.name = "other";
	fails_with(ERR_ARG, "--config other: no --embeddings has this name");
	in.opt.n_config = 0;
	in.opt.source = "two words";
	fails_with(ERR_ARG, "--source is a word");
	in.opt.source = "goa";
	in.embeddings[0].name = "esm2_650m";
	in.obo[0].id[0] = '\0';
}

static void the_checker_finds_no_error(void **state)
{
	struct bundle_report found = BUNDLE_REPORT_INIT;
	struct err err = ERR_INIT;
	struct create_report r;

	(void)state;
	create(&r);
	if (bundle_check(&found, in.opt.out, NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(found.n_errors, 0);
	bundle_report_release(&found);
	create_report_release(&r);
	remove_out();
}

/* ---- determinism and files -------------------------------------------------------------------- */

static void the_same_files_give_the_same_bytes(void **state)
{
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct create_report r;

	(void)state;
	create(&r);
	create_report_release(&r);
	assert_int_equal(fsio_read_all(in.opt.out, 1 << 24, &first, NULL), 0);
	in.opt.replace = 1;
	create(&r);
	create_report_release(&r);
	in.opt.replace = 0;
	assert_int_equal(fsio_read_all(in.opt.out, 1 << 24, &second, NULL), 0);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	assert_int_equal(r.file_bytes, first.len);
	buf_release(&first);
	buf_release(&second);
	remove_out();
}

static void an_existing_file_is_kept_unless_replaced(void **state)
{
	struct buf bytes = BUF_INIT;
	struct create_report r;
	struct err err = ERR_INIT;

	(void)state;
	input_text("out.bundle", "precious");
	input_text("out.bundle-wal", "of the old one");
	assert_int_equal(bundle_create(&in.opt, &r, &err), ERR_EXISTS);
	assert_non_null(strstr(err.text, "--force"));
	create_report_release(&r);
	assert_int_equal(fsio_read_all(in.opt.out, 1 << 24, &bytes, NULL), 0);
	assert_string_equal(buf_str(&bytes), "precious");
	buf_release(&bytes);
	in.opt.replace = 1;
	create(&r);
	in.opt.replace = 0;
	create_report_release(&r);
	assert_false(fsio_exists(scratch("out.bundle-wal")));
	rows_are("PRAGMA integrity_check", "ok");
	remove_out();
}

static void a_failed_replacement_keeps_the_old_file(void **state)
{
	struct buf bytes = BUF_INIT;
	struct create_report r;
	struct err err = ERR_INIT;

	(void)state;
	input_text("out.bundle", "precious");
	input_text("two.fasta", ">x\n");
	in.opt.replace = 1;
	assert_int_equal(bundle_create(&in.opt, &r, &err), ERR_FORMAT);
	in.opt.replace = 0;
	create_report_release(&r);
	input_text("two.fasta", input_fasta_2);
	assert_int_equal(fsio_read_all(in.opt.out, 1 << 24, &bytes, NULL), 0);
	assert_string_equal(buf_str(&bytes), "precious");
	buf_release(&bytes);
	remove_out();
	nothing_is_left();
}

static void write_intruder(void *ctx, const char *text)
{
	(void)ctx;
	if (strstr(text, "building indexes"))
		input_text("out.bundle", "intruder");
}

static void a_file_that_appears_meanwhile_is_kept(void **state)
{
	struct buf bytes = BUF_INIT;
	struct create_report r;
	struct err err = ERR_INIT;

	(void)state;
	in.opt.say = write_intruder;
	assert_int_equal(bundle_create(&in.opt, &r, &err), ERR_EXISTS);
	in.opt.say = NULL;
	create_report_release(&r);
	assert_int_equal(fsio_read_all(in.opt.out, 1 << 24, &bytes, NULL), 0);
	assert_string_equal(buf_str(&bytes), "intruder");
	buf_release(&bytes);
	remove_out();
	nothing_is_left();
}

static void a_signal_leaves_nothing(void **state)
{
	(void)state;
	cancel_request(15);
	fails_with(ERR_CANCELLED, "SIGTERM");
	cancel_reset();
}

static void folders_that_cannot_be_written_are_named(void **state)
{
	const char *out = in.opt.out;

	(void)state;
	in.opt.out = scratch("absent/out.bundle");
	fails_with(ERR_IO, "absent/out.bundle");
	in.opt.out = scratch("tax");
	fails_with(ERR_ARG, "is a folder");
	in.opt.out = out;
}

/* ---- refusals --------------------------------------------------------------------------------- */

static void too_few_inputs_are_refused(void **state)
{
	(void)state;
	in.opt.n_obo = 0;
	fails_with(ERR_ARG, "at least one --obo");
	in.opt.n_obo = 2;
	in.opt.n_fasta = 0;
	fails_with(ERR_ARG, "--gaf without --fasta");
	in.opt.n_gaf = 0;
	fails_with(ERR_ARG, "--embeddings without --fasta");
	in.opt.n_gaf = in.opt.n_fasta = 2;
}

static void broken_ontologies_are_refused(void **state)
{
	(void)state;
	fails_when("new.obo", "[Term]\nid: GO:0000001\n", input_new_obo, ERR_FORMAT,
		   "neither data-version nor date");
	fails_when("new.obo", "data-version: x\n", input_new_obo, ERR_FORMAT, "no [Term]");
	fails_when("new.obo", "data-version: x y\n", input_new_obo, ERR_FORMAT,
		   "no word of printable ASCII");
	fails_when("new.obo", "format-version: 2.0\ndata-version: x\n", input_new_obo,
		   ERR_UNSUPPORTED, "OBO format version '2.0'");
	fails_when("new.obo", "data-version: x\n[Term]\nid: GO:1\n", input_new_obo, ERR_FORMAT,
		   "new.obo:2: 'GO:1' is no GO id");
	fails_when("new.obo", "data-version: x\n[Term]\nid: GO:0000001\n[Term]\nid: GO:0000001\n",
		   input_new_obo, ERR_FORMAT, "new.obo:4: second [Term] stanza of GO:0000001");
	fails_when("new.obo", input_old_obo, input_new_obo, ERR_ARG, "that an earlier --obo has");
	in.gaf[0].obo_version = "releases/1999-01-01";
	fails_with(ERR_ARG, "no --obo has the version 'releases/1999-01-01'");
	in.gaf[0].obo_version = NULL;
}

static void cycles_are_reported_with_their_terms(void **state)
{
	struct create_report r;

	(void)state;
	input_text("new.obo", "data-version: " INPUT_OBO_NEW "\n"
			      "[Term]\nid: GO:0000001\nis_a: GO:0000002\n"
			      "[Term]\nid: GO:0000002\nrelationship: part_of GO:0000003\n"
			      "[Term]\nid: GO:0000003\nis_a: GO:0000001\n");
	create(&r);
	remark_is(&r, 1,
		  "close a cycle, the first is GO:0000001 > GO:0000002 > GO:0000003 > "
		  "GO:0000001");
	remark_is(&r, 3, "outside the three GO namespaces");
	create_report_release(&r);
	input_text("new.obo", input_new_obo);
	remove_out();
}

static void names_that_are_not_utf8_are_mended(void **state)
{
	struct create_report r;

	(void)state;
	input_text("new.obo", "data-version: " INPUT_OBO_NEW "\n"
			      "[Term]\nid: GO:0000001\nname: caf\xe9\n");
	create(&r);
	rows_are("SELECT name FROM go_term WHERE go_id = 'GO:0000001'", "caf?");
	remark_is(&r, 1, "bytes that are not UTF-8");
	create_report_release(&r);
	input_text("new.obo", input_new_obo);
	remove_out();
}

static void broken_sequences_are_refused(void **state)
{
	const char *second = in.fasta[1];

	(void)state;
	fails_when("two.fasta", ">P2\nMM\n", input_fasta_2, ERR_FORMAT,
		   "two.fasta:1: accession 'P2' "
		   "appears again (first in ");
	fails_when("two.fasta", ">Q\nM1\n", input_fasta_2, ERR_FORMAT, "two.fasta:2: byte 0x31");
	fails_when("two.fasta", "", input_fasta_2, ERR_FORMAT, "no FASTA record");
	in.fasta[1] = "/nowhere/x.fasta";
	fails_with(ERR_NOTFOUND, "/nowhere/x.fasta");
	in.fasta[1] = in.fasta[0];
	fails_with(ERR_FORMAT, "appears again");
	in.fasta[1] = second;
}

static void releases_must_be_known(void **state)
{
	(void)state;
	in.gaf[0].version = -1;
	fails_with(ERR_ARG, "b.gaf states no release; say which one it is: --gaf ");
	in.gaf[0].version = 160;
	fails_with(ERR_ARG, "release 160 is bound to");
	in.gaf[0].version = 165;
	fails_when("b.gaf", "!gaf-version: 2.2\n", input_gaf_165, ERR_FORMAT, "no annotation line");
	fails_when("b.gaf", "!gaf-version: 2.2\na b c\n", input_gaf_165, ERR_FORMAT,
		   "b.gaf:2: 1 tab");
	fails_when("b.gaf", "!gaf-version: 1.0\n", input_gaf_165, ERR_UNSUPPORTED,
		   "GAF version 1.0");
	fails_when("b.gaf", INPUT_GAF("P1", "a b", "GO:0005515", "IDA", "F", "", ""), input_gaf_165,
		   ERR_FORMAT, "b.gaf:1: column with blanks");
	fails_when("b.gaf", INPUT_GAF("P1", "", "GO:\xff", "IDA", "F", "", ""), input_gaf_165,
		   ERR_FORMAT, "b.gaf:1: malformed GO id");
}

static void a_release_may_be_told_by_name_or_date(void **state)
{
	struct create_gaf gaf = {.version = -1};
	struct create_report r;

	(void)state;
	in.opt.gaf = &gaf;
	in.opt.n_gaf = 1;
	gaf.path = input_text("goa_uniprot.gaf.220", input_gaf_165);
	create(&r);
	rows_are("SELECT source_version FROM annotation_set", "220");
	create_report_release(&r);
	remove_out();
	gaf.path = input_text("x.gaf", "!date-generated: 2023-07-12\n" INPUT_GAF(
					       "P1", "", "GO:0005515", "IDA", "F", "", ""));
	create(&r);
	rows_are("SELECT source_version FROM annotation_set", "20230712");
	create_report_release(&r);
	remove_out();
	in.opt.gaf = in.gaf;
	in.opt.n_gaf = 2;
}

static void files_of_one_release_are_joined(void **state)
{
	struct create_gaf gaf[2] = {{.path = in.gaf[0].path, .version = 7},
				    {.path = in.gaf[1].path, .version = 7}};
	struct create_report r;

	(void)state;
	in.opt.gaf = gaf;
	create(&r);
	in.opt.gaf = in.gaf;
	rows_are("SELECT source_version, count(*) FROM annotation_set s JOIN protein_go_annotation "
		 "a ON a.annotation_set_id = s.id GROUP BY 1",
		 "7|5");
	remark_is(&r, 2, "release 7: lines that repeat protein, term and evidence with another");
	create_report_release(&r);
	remove_out();
}

static void broken_embeddings_are_refused(void **state)
{
	struct create_embeddings two[2] = {in.embeddings[0], in.embeddings[0]};
	static const float other[3] = {1, 2, 3};

	(void)state;
	fails_when("e.txt", "P1\n", input_accessions, ERR_FORMAT, "names 1 accessions");
	fails_when("e.npy", "nonsense", "", ERR_FORMAT, "e.npy");
	input_npy("e.npy", "<f2", 5, 2, input_halves, sizeof input_halves);
	input_npy("f.npy", "<f4", 1, 3, other, sizeof other);
	input_text("f.txt", "P1\n");
	two[1].path = scratch("f.npy");
	in.opt.embeddings = two;
	in.opt.n_embeddings = 2;
	fails_with(ERR_FORMAT, "rows of 3 values, an earlier file of 'esm2_650m' has 2");
	in.opt.embeddings = in.embeddings;
	in.opt.n_embeddings = 1;
}

static void embeddings_may_come_in_parts(void **state)
{
	struct create_embeddings two[2] = {in.embeddings[0], in.embeddings[0]};
	static const float part[4] = {1, 2, 3, 4};
	struct create_report r;

	(void)state;
	input_npy("g.npy", "<f4", 2, 2, part, sizeof part);
	input_text("g.txt", "Q8\nQ9\n");
	two[1].path = scratch("g.npy");
	in.opt.embeddings = two;
	in.opt.n_embeddings = 2;
	create(&r);
	in.opt.embeddings = in.embeddings;
	in.opt.n_embeddings = 1;
	rows_are("SELECT id, sequence_id, length(embedding) FROM sequence_embedding ORDER BY id",
		 "1|1|4 2|2|4 3|3|4 4|4|8");
	remark_is(&r, 1, "g.npy: rows skipped, their sequence has a row already");
	create_report_release(&r);
	remove_out();
}

static void a_taxonomy_needs_its_files(void **state)
{
	const char *dir = in.opt.taxdump;
	struct create_report r;

	(void)state;
	in.opt.taxdump = scratch_dir;
	fails_with(ERR_NOTFOUND, "nodes.dmp");
	in.opt.taxdump = dir;
	fails_when("tax/names.dmp", "562 Escherichia coli\n", input_names, ERR_FORMAT,
		   "names.dmp:1: 1 fields");
	fsio_remove(scratch("tax/merged.dmp"));
	create(&r);
	remark_is(&r, 1, "neither in nodes.dmp nor merged.dmp"); /* 7227 was merged */
	create_report_release(&r);
	input_text("tax/merged.dmp", input_merged);
	remove_out();
	in.opt.taxdump = NULL;
	create(&r);
	rows_are("SELECT accession, taxonomy_id FROM protein",
		 "P1|562 P2|9606 P3|NULL Q8|NULL Q9|7227");
	create_report_release(&r);
	in.opt.taxdump = dir;
	remove_out();
}

static void an_ambiguous_name_gives_no_taxon(void **state)
{
	struct create_report r;

	(void)state;
	input_text("tax/names.dmp", "1\t|\tMus musculus\t|\t\t|\tscientific name\t|\n"
				    "2\t|\tMus musculus\t|\t\t|\tscientific name\t|\n"
				    "562\t|\tEscherichia coli\t|\t\t|\tcommon name\t|\n");
	create(&r);
	rows_are("SELECT accession, taxonomy_id FROM protein LIMIT 3", "P1|562 P2|9606 P3|NULL");
	remark_is(&r, 1, "an organism name that several taxa share");
	create_report_release(&r);
	input_text("tax/names.dmp", input_names);
	remove_out();
}

static void notes_keep_their_keys(void **state)
{
	struct create_note notes[2] = {{"a", "1"}, {"a", "2"}};

	(void)state;
	in.opt.note = notes;
	in.opt.n_note = 2;
	fails_with(ERR_ARG, "--note a is given twice");
	notes[1].key = "input.001";
	fails_with(ERR_ARG, "writes this key itself");
	notes[1].key = "b\xff";
	fails_with(ERR_ARG, "not valid UTF-8");
	in.opt.note = in.note;
	in.opt.n_note = 1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_inputs, remove_inputs)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_row_is_there),
		TEST(releases_are_bound_to_their_ontology),
		TEST(embeddings_are_one_per_sequence),
		TEST(all_that_was_skipped_is_reported),
		TEST(unknown_proteins_may_be_kept),
		TEST(options_choose_ids_pairs_and_source),
		TEST(the_checker_finds_no_error),
		TEST(the_same_files_give_the_same_bytes),
		TEST(an_existing_file_is_kept_unless_replaced),
		TEST(a_failed_replacement_keeps_the_old_file),
		TEST(a_file_that_appears_meanwhile_is_kept),
		TEST(a_signal_leaves_nothing),
		TEST(folders_that_cannot_be_written_are_named),
		TEST(too_few_inputs_are_refused),
		TEST(broken_ontologies_are_refused),
		TEST(cycles_are_reported_with_their_terms),
		TEST(names_that_are_not_utf8_are_mended),
		TEST(broken_sequences_are_refused),
		TEST(releases_must_be_known),
		TEST(a_release_may_be_told_by_name_or_date),
		TEST(files_of_one_release_are_joined),
		TEST(broken_embeddings_are_refused),
		TEST(embeddings_may_come_in_parts),
		TEST(a_taxonomy_needs_its_files),
		TEST(an_ambiguous_name_gives_no_taxon),
		TEST(notes_keep_their_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
