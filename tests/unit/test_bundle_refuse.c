/* bundle_create with inputs that are broken, ambiguous or unusual: what is refused, and how it is said. */
#include "pipeline/core/cancel.h"
#include "tests/unit/bundle_create_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
