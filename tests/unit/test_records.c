/* From candidates to rows (spec 4.13): pivot filter, category filter, labels, order, and which columns
 * are null where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "pipeline/features/records.h"
#include "tests/unit/features_rig.h"

static struct record_strings texts;
static struct recorder recorder;
static struct block block;
static struct interpro table;
static struct association association;

static void note(const char *protein, int term, const char *qualifier, const char *evidence)
{
	world_annotation(SET_OLD, protein, term, qualifier, evidence);
}

static void begin(void)
{
	world_begin(SNAP_1, SNAP_1);
	rig_terms();
	rig_proteins();
}

static void make_rows(enum schema_profile profile)
{
	rig.in.profile = profile;
	rig_seal();
	assert_int_equal(record_strings_make(&texts, &rig.strings, &rig.in, &rig.proteins,
					     "v160-v165", &rig.err),
			 0);
	assert_int_equal(block_init(&block, profile, &rig.strings, &rig.err), 0);
	assert_int_equal(recorder_init(&recorder, &rig.in, &texts, &rig.err), 0);
	block_clear(&block, 0, RIG_PROTEINS);
	assert_int_equal(recorder_transfer(&recorder, &block, &rig.err), 0);
	assert_int_equal(recorder_rows(&recorder, &block, &rig.err), 0);
}

static void end(void)
{
	recorder_release(&recorder);
	block_release(&block);
	record_strings_release(&texts);
	interpro_release(&table);
	association_release(&association);
	rig_close();
}

static const char *text(enum category cat, enum schema_column c, size_t row)
{
	return dict_text(&rig.strings, block.rows[cat].string[c][row]);
}

static double number(enum category cat, enum schema_column c, size_t row)
{
	return block.rows[cat].number[c][row];
}

/* "P0 3 bpo 1; …": query, last digit, aspect, label. */
static void rows_are(enum category cat, const char *want)
{
	const struct rows *r = &block.rows[cat];
	char got[512] = "";
	size_t at = 0;

	for (size_t i = 0; i < r->count; i++) {
		assert_string_equal(text(cat, COL_CATEGORY, i), category_name[cat]);
		assert_string_equal(text(cat, COL_SNAPSHOT_PAIR, i), "v160-v165");
		at += (size_t)snprintf(got + at, sizeof got - at, "%s%s %s %s %d", i ? "; " : "",
				       text(cat, COL_PROTEIN_ACCESSION, i),
				       text(cat, COL_GO_TERM_ID, i) + 9, text(cat, COL_ASPECT, i),
				       r->small[COL_LABEL][i]);
	}
	assert_string_equal(got, want);
}

/* P0 gains 3 (nk) and 4 (pk, say); P1 gains 1 in P (lk); candidates of C are dropped. */
static void rows_go_where_the_query_gained(void **state)
{
	(void)state;
	begin();
	note("P5", 103, NULL, "EXP");
	note("P5", 102, NULL, "EXP");
	note("P5", 104, NULL, "EXP");
	note("P5", 106, NULL, "EXP");
	rig_open(1, "GO:0000001\t1\t1\n");
	for (uint32_t q = 0; q < 2; q++)
		for (int a = 0; a < ASPECTS; a++)
			rig_neighbor(a, q, 5, 0.5f);
	rig_gain(CAT_NK, 0, 3);
	rig_gain(CAT_PK, 0, 4);
	rig_gain(CAT_LK, 1, 1); /* no candidate without expansion: all labels 0 */
	rig_gain(CAT_LK, 1, 9); /* without an aspect: no member */
	rig_gain(CAT_NK, 2, 3); /* no neighbours */
	make_rows(SCHEMA_V2_56);
	rows_are(CAT_NK, "P0 3 bpo 1; P0 2 bpo 0");
	rows_are(CAT_LK, "P1 3 bpo 0; P1 2 bpo 0");
	rows_are(CAT_PK, "P0 4 mfo 1");
	assert_int_equal(block.counts.candidates, 8);
	assert_int_equal(block.counts.unlabeled, 8);
	assert_int_equal(block.counts.positives[CAT_NK], 1);
	assert_int_equal(block.counts.negatives[CAT_NK], 1);
	assert_int_equal(block.counts.negatives[CAT_LK], 2);
	assert_int_equal(block.counts.positives[CAT_PK], 1);
	assert_int_equal(block.counts.groups, 6);
	assert_int_equal(block.counts.self_neighbors, 0);
	end();
}

/* In two categories at once, and positives of the one are negatives of the other. */
static void a_group_in_two_categories_is_written_twice(void **state)
{
	(void)state;
	begin();
	note("P0", 103, NULL, "EXP"); /* its own neighbour */
	note("P0", 102, NULL, "EXP");
	rig_open(1, "GO:0000001\t1\t1\n");
	rig_neighbor(0, 0, 0, 0.0f);
	rig_gain(CAT_LK, 0, 3);
	rig_gain(CAT_PK, 0, 2);
	make_rows(SCHEMA_V2_56);
	rows_are(CAT_LK, "P0 3 bpo 1; P0 2 bpo 0");
	rows_are(CAT_PK, "P0 3 bpo 0; P0 2 bpo 1");
	assert_int_equal(block.counts.self_neighbors, 1);
	assert_int_equal(block.counts.unlabeled, 2);
	end();
}

/* 8 is no term of the pivot: it votes and is copied, but not written. Its ancestors by the pivot are none;
 * 5 (mfo) brings 2 and 1 of another namespace, which stay mfo. */
static void the_pivot_filter_acts_at_the_end(void **state)
{
	(void)state;
	begin();
	world_edge(18, 102, "is_a", SNAP_1); /* an edge of the pivot from the foreign term */
	note("P5", 18, NULL, "EXP");
	note("P5", 105, NULL, "EXP");
	rig_open(2, "GO:0000001\t1\t1\n");
	rig_neighbor(0, 0, 5, 0.5f);
	rig_neighbor(1, 0, 5, 0.5f);
	rig.in.expand = 1;
	rig_gain(CAT_NK, 0, 1);
	rig_gain(CAT_NK, 0, 4);
	make_rows(SCHEMA_V2_56);
	/* P: leaf 8 (filtered), ancestors 1, 2; F: leaf 5, ancestors 1, 2, 4 */
	rows_are(CAT_NK, "P0 1 bpo 1; P0 2 bpo 0; P0 5 mfo 0; P0 1 mfo 1; P0 2 mfo 0; P0 4 mfo 1");
	assert_int_equal(block.counts.candidates, 7);
	assert_int_equal(block.counts.unlabeled, 6);
	assert_true(number(CAT_NK, COL_NEIGHBOR_VOTE_FRACTION, 0) == 0.5);
	end();
}

/* Queries ascending, aspects P, F, C; leaves, InterPro-only rows, ancestors. */
static void rows_come_in_record_order(void **state)
{
	char path[PATH_MAX + 32];
	static const char lines[] =
		"P1\tGO:0000008\t1\nP1\tGO:0000004\t2\tpfam\nP1\tGO:0000003\t3\n";

	(void)state;
	begin();
	note("P5", 103, "q", "e");
	note("P5", 106, NULL, NULL);
	rig_open(1, "GO:0000001\t1\t1\n");
	snprintf(path, sizeof path, "%s/interpro.tsv", world.dir);
	fixture_write(path, lines, sizeof lines - 1);
	assert_int_equal(
		interpro_load(&table, path, &rig.proteins.accessions, &rig.ontology, &rig.err), 0);
	rig.in.interpro = &table;
	for (uint32_t q = 0; q < 2; q++) {
		rig_neighbor(0, q, 5, 0.5f);
		rig_neighbor(2, q, 5, 0.5f);
		rig_gain(CAT_NK, q, 1);
		rig_gain(CAT_NK, q, 5);
		rig_gain(CAT_NK, q, 6);
	}
	rig.in.expand = 1;
	make_rows(SCHEMA_V5_73);
	rows_are(CAT_NK, "P0 3 bpo 0; P0 1 bpo 1; P0 2 bpo 0; P0 6 cco 1; P0 7 cco 0; "
			 "P1 3 bpo 0; P1 1 bpo 1; P1 2 bpo 0; P1 4 mfo 0; P1 6 cco 1; P1 7 cco 0");
	/* Row 5: a leaf with an entry; row 8: an InterPro-only row. */
	assert_int_equal(block.rows[CAT_NK].small[COL_INTERPRO_HIT][5], 1);
	assert_int_equal(block.rows[CAT_NK].small[COL_INTERPRO_PRESENT][5], 1);
	assert_int_equal(block.rows[CAT_NK].small[COL_KNN_PRESENT][5], 1);
	assert_true(number(CAT_NK, COL_INTERPRO_SCORE, 5) == 3);
	assert_int_equal(block.rows[CAT_NK].small[COL_INTERPRO_HIT][6], 0);
	assert_true(number(CAT_NK, COL_INTERPRO_SCORE, 6) == 0);
	assert_true(number(CAT_NK, COL_INTERPRO_N_SIGNATURES, 6) == 0);
	assert_int_equal(block.rows[CAT_NK].small[COL_KNN_PRESENT][8], 0);
	assert_int_equal(block.rows[CAT_NK].small[COL_INTERPRO_HIT][8], 1);
	assert_int_equal(block.rows[CAT_NK].small[COL_INTERPRO_DB_PFAM][8], 1);
	assert_int_equal(block.rows[CAT_NK].small[COL_INTERPRO_DB_SMART][8], 0);
	assert_string_equal(text(CAT_NK, COL_QUALIFIER, 5), "q");
	assert_string_equal(text(CAT_NK, COL_EVIDENCE_CODE, 7), "e"); /* the donor's */
	end();
}

/* B.17: what an InterPro-only row has and has not, with every family on. */
static void an_interpro_row_has_no_neighbour_columns(void **state)
{
	static const enum schema_column null[] = {
		COL_DISTANCE,
		COL_IDENTITY_NW,
		COL_ALIGNMENT_SCORE_SW,
		COL_LENGTH_QUERY,
		COL_LENGTH_REF,
		COL_TAXONOMIC_DISTANCE,
		COL_TAXONOMIC_COMMON_ANCESTORS,
		COL_K_POSITION,
		COL_GO_TERM_FREQUENCY,
		COL_REF_ANNOTATION_DENSITY,
		COL_NEIGHBOR_DISTANCE_STD,
		COL_NEIGHBOR_MIN_DISTANCE,
		COL_NEIGHBOR_MEAN_DISTANCE,
		COL_ANC2VEC_NEIGHBOR_COS,
		COL_ANC2VEC_NEIGHBOR_MAXCOS,
		COL_TAX_VOTERS_SAME_FRAC,
		COL_TAX_VOTERS_CLOSE_FRAC,
		COL_TAX_VOTERS_MEAN_COMMON_ANCESTORS,
	};
	static const char lines[] = "P0\tGO:0000002\t1.5\tcdd,smart\t9\n";
	struct align_values align[1] = {{.identity_nw = 0.5, .score_sw = 7, .length_query = 3}};
	unsigned char has_align[1] = {1};
	double pca[PCA_COMPONENTS];
	const double *scores[RIG_PROTEINS] = {pca};
	char path[PATH_MAX + 32];

	(void)state;
	begin();
	note("P5", 103, NULL, "EXP");
	rig_open(1, "GO:0000001\t1\t0\nGO:0000002\t0\t1\nGO:0000003\t1\t0\n");
	snprintf(path, sizeof path, "%s/interpro.tsv", world.dir);
	fixture_write(path, lines, sizeof lines - 1);
	assert_int_equal(
		interpro_load(&table, path, &rig.proteins.accessions, &rig.ontology, &rig.err), 0);
	for (size_t i = 0; i < sizeof pca / sizeof *pca; i++)
		pca[i] = (double)i;
	pca[15] = NAN; /* a missing component */
	rig_neighbor(0, 0, 5, 0.5f);
	rig_known(0, 2);
	rig_gain(CAT_PK, 0, 2);
	rig.in.interpro = &table;
	rig.in.align = align;
	rig.in.has_align = has_align;
	rig.in.pca_scores = scores;
	make_rows(SCHEMA_V5_73);
	rig.tax[0] = (struct tax_pair){3, 4, TAX_ANCESTOR};
	rig.in.tax = rig.tax;
	block_clear(&block, 0, RIG_PROTEINS);
	assert_int_equal(recorder_transfer(&recorder, &block, &rig.err), 0);
	assert_int_equal(recorder_rows(&recorder, &block, &rig.err), 0);
	rows_are(CAT_PK, "P0 3 bpo 0; P0 2 bpo 1");
	for (size_t i = 0; i < sizeof null / sizeof *null; i++) {
		if (isnan(number(CAT_PK, null[i], 0)))
			fail_msg("%s is null in the leaf", schema_column_name(null[i]));
		if (!isnan(number(CAT_PK, null[i], 1)))
			fail_msg("%s is not null", schema_column_name(null[i]));
	}
	assert_string_equal(text(CAT_PK, COL_TAXONOMIC_RELATION, 0), "ancestor");
	assert_string_equal(text(CAT_PK, COL_TAXONOMIC_RELATION, 1), "");
	assert_string_equal(text(CAT_PK, COL_EVIDENCE_CODE, 0), "EXP");
	assert_string_equal(text(CAT_PK, COL_EVIDENCE_CODE, 1), "");
	assert_string_equal(text(CAT_PK, COL_QUALIFIER, 1), "");
	assert_true(number(CAT_PK, COL_VOTE_COUNT, 1) == 0);
	assert_true(number(CAT_PK, COL_NEIGHBOR_VOTE_FRACTION, 1) == 0);
	assert_true(number(CAT_PK, COL_ANC2VEC_HAS_EMB, 1) == 1);
	assert_true(number(CAT_PK, COL_ANC2VEC_QUERY_KNOWN_COS, 1) == 1);
	assert_true(number(CAT_PK, COL_ANC2VEC_QUERY_KNOWN_COUNT, 1) == 1);
	assert_true(number(CAT_PK, COL_EMB_PCA_QUERY_0 + 14, 1) == 14);
	assert_true(isnan(number(CAT_PK, COL_EMB_PCA_QUERY_15, 1)));
	assert_true(number(CAT_PK, COL_INTERPRO_SCORE, 1) == 1.5);
	assert_true(number(CAT_PK, COL_INTERPRO_N_SIGNATURES, 1) == 9);
	end();
}

static void families_that_are_off_are_null(void **state)
{
	(void)state;
	begin();
	note("P5", 103, NULL, NULL);
	rig_open(1, "GO:0000001\t1\t1\n");
	rig_neighbor(0, 0, 5, 0.5f);
	rig_gain(CAT_NK, 0, 3);
	make_rows(SCHEMA_V5_73);
	rows_are(CAT_NK, "P0 3 bpo 1");
	for (int c = COL_IDENTITY_NW; c <= COL_TAXONOMIC_COMMON_ANCESTORS; c++)
		assert_true(isnan(number(CAT_NK, (enum schema_column)c, 0)));
	for (int c = COL_TAX_VOTERS_SAME_FRAC; c <= COL_EMB_PCA_QUERY_15; c++)
		assert_true(isnan(number(CAT_NK, (enum schema_column)c, 0)));
	for (int c = COL_CLASSIFIER_SCORE; c <= COL_ASSOCIATION_PRESENT; c++)
		assert_true(isnan(number(CAT_NK, (enum schema_column)c, 0)));
	assert_string_equal(text(CAT_NK, COL_TAXONOMIC_RELATION, 0), "");
	assert_string_equal(text(CAT_NK, COL_EVIDENCE_CODE, 0), "");
	assert_int_equal(block.rows[CAT_NK].small[COL_KNN_PRESENT][0], 1); /* B.17 */
	assert_int_equal(block.rows[CAT_NK].small[COL_INTERPRO_HIT][0], 0);
	assert_true(number(CAT_NK, COL_ANC2VEC_HAS_EMB, 0) == 0);
	assert_true(number(CAT_NK, COL_ANC2VEC_QUERY_KNOWN_COUNT, 0) == 0);
	assert_true(number(CAT_NK, COL_LINEAGE_ANCESTOR_OF_COUNT, 0) == 0);
	end();
}

/* A pair without texts has no alignment; an unknown taxon no distance; an empty SW alignment the score of
 * the original, or 0 on demand. */
static void pair_columns_may_be_missing(void **state)
{
	struct align_values align[2] = {{.score_sw = ALIGN_EMPTY_SW_SCORE, .length_sw = 0}};
	unsigned char has_align[2] = {1, 0};

	(void)state;
	begin();
	note("P5", 103, NULL, "EXP");
	note("P6", 102, NULL, "EXP");
	rig_open(2, "GO:0000001\t1\t1\n");
	rig_neighbor(0, 0, 5, 0.5f);
	rig_neighbor(0, 0, 6, 0.5f);
	rig_gain(CAT_NK, 0, 3);
	rig.in.align = align;
	rig.in.has_align = has_align;
	rig.in.tax = (struct tax_pair[]){{-1, 0, TAX_UNRELATED}, {0, 1, TAX_SAME}};
	make_rows(SCHEMA_V2_56);
	rows_are(CAT_NK, "P0 3 bpo 1; P0 2 bpo 0");
	assert_true(number(CAT_NK, COL_ALIGNMENT_SCORE_SW, 0) == -1073741824.0);
	assert_true(isnan(number(CAT_NK, COL_ALIGNMENT_SCORE_SW, 1)));
	assert_true(isnan(number(CAT_NK, COL_LENGTH_QUERY, 1)));
	assert_true(isnan(number(CAT_NK, COL_TAXONOMIC_DISTANCE, 0)));
	assert_true(number(CAT_NK, COL_TAXONOMIC_COMMON_ANCESTORS, 0) == 0);
	assert_true(number(CAT_NK, COL_TAXONOMIC_DISTANCE, 1) == 0);
	assert_string_equal(text(CAT_NK, COL_TAXONOMIC_RELATION, 0), "unrelated");
	rig.in.sane_empty_sw = 1;
	block_clear(&block, 0, RIG_PROTEINS);
	assert_int_equal(recorder_transfer(&recorder, &block, &rig.err), 0);
	assert_int_equal(recorder_rows(&recorder, &block, &rig.err), 0);
	assert_true(number(CAT_NK, COL_ALIGNMENT_SCORE_SW, 0) == 0);
	end();
}

/* P0 carries 3 by IEA, 2 by EXP, 1 without evidence, 4 negated. */
static void parity_families_look_at_the_querys_own_rows(void **state)
{
	(void)state;
	begin();
	note("P0", 103, NULL, "IEA");
	note("P0", 102, NULL, "EXP");
	note("P0", 101, NULL, NULL);
	note("P0", 104, "NOT", "IEA");
	note("P5", 103, NULL, "EXP");
	note("P5", 102, NULL, "EXP");
	note("P5", 101, NULL, "IEA");
	note("P5", 104, NULL, "EXP");
	rig_open(1, "GO:0000001\t1\t1\n");
	rig_neighbor(0, 0, 5, 0.5f);
	rig_neighbor(1, 0, 5, 0.5f);
	rig_gain(CAT_PK, 0, 3);
	rig_gain(CAT_PK, 0, 4);
	assert_int_equal(association_build(&association, &rig.set, &rig.ontology, &rig.err), 0);
	rig.in.association = &association;
	rig.in.self_prior = 1;
	make_rows(SCHEMA_V5_73);
	rows_are(CAT_PK, "P0 3 bpo 1; P0 2 bpo 0; P0 1 bpo 0; P0 4 mfo 1");
	assert_true(number(CAT_PK, COL_SELF_PRIOR_SCORE, 0) == 1);
	assert_true(number(CAT_PK, COL_SELF_PRIOR_SCORE, 1) == 0);
	assert_true(number(CAT_PK, COL_SELF_PRIOR_SCORE, 2) == 1); /* NULL is not experimental */
	assert_true(number(CAT_PK, COL_SELF_PRIOR_SCORE, 3) == 0);
	/* P0 knows 2, which P5 has too: freq(2) = 2, with 3 and 4 once each. */
	assert_true(number(CAT_PK, COL_ASSOCIATION_TOTAL, 0) == 0.5);
	assert_true(number(CAT_PK, COL_ASSOCIATION_TOTAL, 1) == 1);
	assert_true(number(CAT_PK, COL_ASSOCIATION_TOTAL, 2) == 0);
	assert_true(number(CAT_PK, COL_ASSOCIATION_PRESENT, 2) == 0);
	assert_true(number(CAT_PK, COL_ASSOCIATION_CROSS, 0) == 0);
	assert_true(number(CAT_PK, COL_ASSOCIATION_CROSS, 3) == 0.5);
	assert_true(number(CAT_PK, COL_ASSOCIATION_PRESENT, 3) == 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_go_where_the_query_gained),
		cmocka_unit_test(a_group_in_two_categories_is_written_twice),
		cmocka_unit_test(the_pivot_filter_acts_at_the_end),
		cmocka_unit_test(rows_come_in_record_order),
		cmocka_unit_test(an_interpro_row_has_no_neighbour_columns),
		cmocka_unit_test(families_that_are_off_are_null),
		cmocka_unit_test(pair_columns_may_be_missing),
		cmocka_unit_test(parity_families_look_at_the_querys_own_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
