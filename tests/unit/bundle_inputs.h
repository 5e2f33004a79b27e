/* Small input files of `bundle create` with a known outcome: two ontologies, two FASTA files, two
 * releases, a taxonomy, embeddings. Written into the scratch folder of the test. */
#ifndef TESTS_BUNDLE_INPUTS_H
#define TESTS_BUNDLE_INPUTS_H

#include "pipeline/bundle/create.h"
#include "pipeline/core/npy.h"
#include "tests/unit/scratch.h"

#define INPUT_OBO_OLD "2013-07-12"
#define INPUT_OBO_NEW "releases/2024-01-17"

/* One GAF line. */
#define INPUT_GAF(id, qualifier, go, ev, aspect, type, taxon)                                      \
	"UniProtKB\t" id "\tS\t" qualifier "\t" go "\tPMID:1\t" ev "\t\t" aspect "\tn\t\t" type    \
	"\t" taxon "\t20240101\tUniProt\t\t\n"

static const char input_old_obo[] =
	"format-version: 1.2\ndate: 12:07:2013 15:53\n\n"
	"[Term]\nid: GO:0003674\nname: molecular_function\nnamespace: molecular_function\n\n"
	"[Term]\nid: GO:0005488\nname: binding\nnamespace: molecular_function\n"
	"is_a: GO:0003674 ! molecular_function\n";

static const char input_new_obo[] =
	"format-version: 1.4\ndata-version: releases/2024-01-17\n\n"
	"[Term]\nid: GO:0003674\nname: molecular_function\nnamespace: molecular_function\n\n"
	"[Term]\nid: GO:0005515\nname: protein binding\nnamespace: molecular_function\n"
	"alt_id: GO:0045308\nis_a: GO:0005488 {source=\"x\"} ! binding\n\n"
	"[Term]\nid: GO:0005488\nname: binding\nnamespace: molecular_function\n"
	"is_a: GO:0003674\n\n"
	"[Term]\nid: GO:0008150\nname: biological_process\nnamespace: biological_process\n\n"
	"[Term]\nid: GO:0006357\nname: regulation\nnamespace: biological_process\n"
	"is_a: GO:0008150\nrelationship: part_of GO:0045308\nrelationship: regulates GO:0008150\n"
	"relationship: has_part GO:7777777\n\n"
	"[Term]\nid: GO:0000005\nname: obsolete thing\nnamespace: molecular_function\n"
	"is_obsolete: true\n\n"
	"[Term]\nid: CHEBI:1\nname: imported\nnamespace: chebi\n\n"
	"[Typedef]\nid: part_of\nname: part of\n";

static const char input_fasta_1[] =
	">sp|P2|B_HUMAN Two OS=Homo sapiens OX=9606 PE=1 SV=1\nMKVLA\nWGG\n"
	">sp|P1|A_ECOLI One OS=Escherichia coli (strain K12) PE=1 SV=1\nMSTN\n"
	">sp|P3|C_MOUSE Three OS=Mus musculus PE=1 SV=1\nMKVLAWGG\n";
static const char input_fasta_2[] = ">Q9 bare\nWWWW\n>Q8|GO:1,GO:2\nAAAA\n";

static const char input_gaf_160[] =
	"!gaf-version: 2.1\n!release: 160\n" /* header release, no @VERSION needed */
	INPUT_GAF("P1", "", "GO:0005488", "IEA", "F", "protein", "taxon:562")
		INPUT_GAF("P2", "", "GO:0003674", "ND", "F", "protein", "taxon:9606");

static const char input_gaf_165[] = "!gaf-version: 2.2\n" INPUT_GAF(
	"P1", "enables", "GO:0005488", "IEA", "F", "protein",
	"taxon:562") INPUT_GAF("P1", "enables", "GO:0045308", "IPI", "F", "protein", "taxon:562")
	INPUT_GAF("P1", "contributes_to", "GO:0005515", "IPI", "F", "protein", "taxon:562")
		INPUT_GAF("P1", "enables", "GO:0045308", "IPI", "F", "protein", "taxon:562")
			INPUT_GAF("P2", "NOT|involved_in", "GO:0006357", "IDA", "P", "protein",
				  "taxon:9606") INPUT_GAF("P3", "enables", "GO:1234567", "IDA", "F",
							  "protein", "taxon:10090")
				INPUT_GAF("Q9", "enables", "GO:0005515", "IDA", "P", "protein",
					  "taxon:7227|taxon:1")
					INPUT_GAF("X1", "enables", "GO:0005515", "IDA", "F",
						  "protein", "taxon:4932")
						INPUT_GAF("URS1_9606", "enables", "GO:0005515",
							  "IDA", "F", "miRNA", "taxon:9606");

static const char input_nodes[] = "1\t|\t1\t|\tno rank\t|\n562\t|\t1\t|\tspecies\t|\n"
				  "9606\t|\t1\t|\tspecies\t|\n10090\t|\t1\t|\tspecies\t|\n";
static const char input_names[] = "562\t|\tBacillus coli\t|\t\t|\tsynonym\t|\n"
				  "562\t|\tEscherichia coli\t|\t\t|\tscientific name\t|\n"
				  "10090\t|\tMus musculus\t|\t\t|\tscientific name\t|\n"
				  "10091\t|\tMus musculus\t|\t\t|\tsynonym\t|\n"
				  "9606\t|\tHomo sapiens\t|\t\t|\tscientific name\t|\n";
static const char input_merged[] = "7227\t|\t1\t|\n";

/* Rows for Q9, P2, unknown, P3 (whose sequence P2 has), P1. */
static const char input_accessions[] = "Q9\nP2\nNOBODY\nP3\nP1\n";
static const uint16_t input_halves[5][2] = {
	{0x3c00, 0x3c00}, {0x4000, 0x3800}, {0, 0}, {0x4200, 0x4200}, {0x7c00, 0}};

static inline const char *input_text(const char *name, const char *text)
{
	return scratch_write(name, text, strlen(text));
}

static inline void input_npy(const char *name, const char *descr, uint64_t rows, uint64_t cols,
			     const void *data, size_t n)
{
	const uint64_t shape[2] = {rows, cols};
	struct buf b = BUF_INIT;

	if (npy_write_header(&b, descr, shape, 2) < 0 || buf_put(&b, data, n) < 0)
		abort();
	scratch_write(name, b.data, b.len);
	buf_release(&b);
}

/* Paths that live as long as the program. */
static inline char *input_path(const char *name)
{
	char *copy = strdup(scratch(name));

	if (!copy)
		abort();
	return copy;
}

/* All files, and the options that read them. */
struct inputs {
	struct create_options opt;
	struct create_obo obo[2];
	const char *fasta[2];
	struct create_gaf gaf[2];
	struct create_embeddings embeddings[1];
	struct create_note note[1];
};

static inline void inputs_make(struct inputs *in)
{
	input_text("old.obo", input_old_obo);
	input_text("new.obo", input_new_obo);
	input_text("one.fasta", input_fasta_1);
	input_text("two.fasta", input_fasta_2);
	input_text("a.gaf", input_gaf_160);
	input_text("b.gaf", input_gaf_165);
	fsio_mkdirs(scratch("tax"), NULL);
	input_text("tax/nodes.dmp", input_nodes);
	input_text("tax/names.dmp", input_names);
	input_text("tax/merged.dmp", input_merged);
	input_npy("e.npy", "<f2", 5, 2, input_halves, sizeof input_halves);
	input_text("e.txt", input_accessions);
	*in = (struct inputs){
		.obo = {{.path = input_path("old.obo")}, {.path = input_path("new.obo")}},
		.fasta = {input_path("one.fasta"), input_path("two.fasta")},
		/* out of order: releases are read by number */
		.gaf = {{.path = input_path("b.gaf"), .version = 165},
			{.path = input_path("a.gaf"), .version = -1, .obo_version = INPUT_OBO_OLD}},
		.embeddings = {{.name = "esm2_650m", .path = input_path("e.npy")}},
		.note = {{"embeddings", "made up"}},
	};
	in->opt = (struct create_options){
		.out = input_path("out.bundle"),
		.obo = in->obo,
		.n_obo = 2,
		.fasta = in->fasta,
		.n_fasta = 2,
		.gaf = in->gaf,
		.n_gaf = 2,
		.embeddings = in->embeddings,
		.n_embeddings = 1,
		.note = in->note,
		.n_note = 1,
		.taxdump = input_path("tax"),
		.source = "goa",
		.created_at_ns = 1700000000000000000,
	};
}

static inline void inputs_release(struct inputs *in)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		free((char *)in->obo[i].path);
		free((char *)in->fasta[i]);
		free((char *)in->gaf[i].path);
	}
	free((char *)in->embeddings[0].path);
	free((char *)in->opt.out);
	free((char *)in->opt.taxdump);
}

#endif
