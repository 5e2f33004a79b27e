/* Bundles made from small files: every row that must be there, every remark, every refusal, and that a
 * failure leaves nothing behind. */
#include "pipeline/bundle/check.h"
#include "pipeline/core/cancel.h"
#include "tests/unit/bundle_create_fixture.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
