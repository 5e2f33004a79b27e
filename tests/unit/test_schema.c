/* Columns, profiles and digests of pipeline/output/schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pipeline/output/rows.h"
#include "pipeline/output/schema.h"

static void profiles_have_61_and_78_columns_in_ascending_order(void **state)
{
	enum schema_column c[SCHEMA_COLUMNS];

	(void)state;
	assert_int_equal(schema_columns(SCHEMA_V2_56, c), 61);
	for (size_t i = 1; i < 61; i++)
		assert_true(c[i - 1] < c[i]);
	assert_int_equal(c[56], COL_LINEAGE_DESCENDANT_OF_COUNT);
	assert_int_equal(c[57], COL_QUALIFIER);
	assert_int_equal(schema_columns(SCHEMA_V5_73, c), 78);
	for (size_t i = 0; i < 78; i++)
		assert_int_equal(c[i], i);
}

static void positions_are_those_of_the_specification(void **state)
{
	/* Numbers of spec 5.2, which count from 1. */
	static const struct {
		int number;
		const char *name;
		enum schema_type type;
	} at[] = {
		{1, "protein_accession", SCHEMA_STRING},
		{3, "label", SCHEMA_INT8},
		{6, "distance", SCHEMA_DOUBLE},
		{18, "length_ref", SCHEMA_DOUBLE},
		{21, "vote_count", SCHEMA_DOUBLE},
		{34, "anc2vec_query_known_count", SCHEMA_DOUBLE},
		{38, "emb_pca_query_0", SCHEMA_DOUBLE},
		{53, "emb_pca_query_15", SCHEMA_DOUBLE},
		{57, "lineage_descendant_of_count", SCHEMA_DOUBLE},
		{58, "interpro_hit", SCHEMA_BOOL},
		{59, "interpro_score", SCHEMA_DOUBLE},
		{66, "interpro_db_prosite", SCHEMA_BOOL},
		{68, "interpro_present", SCHEMA_BOOL},
		{69, "classifier_score", SCHEMA_DOUBLE},
		{74, "association_present", SCHEMA_DOUBLE},
		{75, "qualifier", SCHEMA_STRING},
		{78, "aspect", SCHEMA_STRING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		enum schema_column c = (enum schema_column)(at[i].number - 1);

		assert_string_equal(schema_column_name(c), at[i].name);
		assert_int_equal(schema_column_type(c), at[i].type);
	}
}

static void digests_are_those_of_the_specification(void **state)
{
	char sha[SCHEMA_SHA_TEXT];

	(void)state;
	assert_int_equal(schema_sha(SCHEMA_V2_56, sha), 0);
	assert_string_equal(sha, "6d97a624b8a7");
	assert_int_equal(schema_sha(SCHEMA_V5_73, sha), 0);
	assert_string_equal(sha, "775611822dd9");
	assert_int_equal(schema_sha_contract(SCHEMA_V2_56, sha), 0);
	assert_string_equal(sha, "5dc696be2f18");
	assert_int_equal(schema_sha_contract(SCHEMA_V5_73, sha), 0);
	assert_string_equal(sha, "b2a5cd46ec6b");
}

static void profile_names_are_read_back(void **state)
{
	enum schema_profile p;

	(void)state;
	for (p = SCHEMA_V2_56; p <= SCHEMA_V5_73; p++) {
		enum schema_profile again;

		assert_int_equal(schema_profile_parse(schema_profile_name(p), &again), 0);
		assert_int_equal(again, p);
	}
	assert_string_equal(schema_profile_name(SCHEMA_V2_56), "v2-56");
	assert_string_equal(schema_profile_name(SCHEMA_V5_73), "v5-73");
	assert_int_equal(schema_profile_parse("v2-57", &p), ERR_ARG);
	assert_int_equal(schema_profile_parse("", &p), ERR_ARG);
}

static void batches_have_arrays_for_their_profile_only(void **state)
{
	struct dict strings = DICT_INIT;
	struct rows rows;

	(void)state;
	assert_int_equal(rows_init(&rows, SCHEMA_V2_56, &strings, 10, NULL), 0);
	for (enum schema_column c = 0; c < SCHEMA_COLUMNS; c++) {
		int arrays = !!rows.number[c] + !!rows.string[c] + !!rows.small[c];

		assert_int_equal(arrays, schema_in_profile(c, SCHEMA_V2_56));
	}
	rows_release(&rows);
	assert_int_equal(rows_init(&rows, SCHEMA_V5_73, &strings, 0, NULL), 0);
	assert_non_null(rows.small[COL_INTERPRO_HIT]);
	assert_non_null(rows.number[COL_CLASSIFIER_SCORE]);
	rows_release(&rows);
	assert_null(rows.small[COL_INTERPRO_HIT]);
}

static void batches_grow_and_keep_what_they_hold(void **state)
{
	struct dict strings = DICT_INIT;
	struct rows rows;

	(void)state;
	assert_int_equal(rows_init(&rows, SCHEMA_V5_73, &strings, 2, NULL), 0);
	rows.number[COL_DISTANCE][1] = 0.5;
	rows.string[COL_ASPECT][1] = 7;
	rows.small[COL_LABEL][1] = 1;
	assert_int_equal(rows_reserve(&rows, 5000, NULL), 0);
	assert_int_equal(rows.cap, 5000);
	rows.number[COL_ASSOCIATION_PRESENT][4999] = 1;
	rows.small[COL_INTERPRO_HIT][4999] = 1;
	assert_true(rows.number[COL_DISTANCE][1] == 0.5);
	assert_int_equal(rows.string[COL_ASPECT][1], 7);
	assert_int_equal(rows.small[COL_LABEL][1], 1);
	assert_int_equal(rows_reserve(&rows, 10, NULL), 0);
	assert_int_equal(rows.cap, 5000);
	assert_int_equal(rows_reserve(&rows, SIZE_MAX, NULL), ERR_NOMEM);
	assert_int_equal(rows.cap, 5000);
	assert_true(rows.number[COL_DISTANCE][1] == 0.5);
	rows_release(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles_have_61_and_78_columns_in_ascending_order),
		cmocka_unit_test(positions_are_those_of_the_specification),
		cmocka_unit_test(digests_are_those_of_the_specification),
		cmocka_unit_test(profile_names_are_read_back),
		cmocka_unit_test(batches_have_arrays_for_their_profile_only),
		cmocka_unit_test(batches_grow_and_keep_what_they_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
