/* What `bundle info` tells of a bundle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/bundle/info.h"
#include "pipeline/core/text.h"
#include "tests/unit/bundle_fixture.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];
static struct err err;

static int setup(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static json_t *info_of(const char *file)
{
	json_t *info;

	if (bundle_info(&info, file, &err) < 0)
		fail_msg("%s", err.text);
	return info;
}

/* One part of the info must be exactly this JSON. */
static void part_is(const json_t *info, const char *key, const char *wanted)
{
	char *text = json_compact(json_object_get(info, key));

	assert_non_null(text);
	assert_string_equal(text, wanted);
	free(text);
}

static void every_part_is_counted(void **state)
{
	json_t *info = info_of(path);

	(void)state;
	part_is(info, "snapshots",
		"[{\"id\":\"" SNAP_1 "\",\"obo_version\":\"releases/2024-01-17\",\"terms\":6,"
		"\"terms_with_aspect\":4,\"edges\":3},{\"id\":\"" SNAP_2
		"\",\"obo_version\":\"releases/2025-02-06\",\"terms\":2,\"terms_with_aspect\":2,"
		"\"edges\":1}]");
	part_is(info, "annotation_sets",
		"[{\"id\":\"" SET_OLD
		"\",\"source\":\"goa\",\"version\":\"160\",\"snapshot\":\"" SNAP_1
		"\",\"obo_version\":\"releases/2024-01-17\",\"created_at\":"
		"\"2024-01-01T12:30:00.500000Z\",\"rows\":3,\"proteins\":3},{\"id\":\"" SET_NEW
		"\",\"source\":\"goa\",\"version\":\"165\",\"snapshot\":\"" SNAP_2
		"\",\"obo_version\":\"releases/"
		"2025-02-06\",\"created_at\":\"2024-06-01T00:00:00Z\","
		"\"rows\":1,\"proteins\":1},{\"id\":\"" SET_QGO
		"\",\"source\":\"quickgo\",\"version\":null,\"snapshot\":\"" SNAP_1
		"\",\"obo_version\":\"releases/"
		"2024-01-17\",\"created_at\":\"2024-01-02T00:00:00Z\","
		"\"rows\":0,\"proteins\":0}]");
	part_is(info, "proteins", "{\"total\":5,\"with_sequence\":4,\"with_taxon\":3}");
	part_is(info, "sequences", "{\"total\":4,\"residues\":11,\"longest\":5}");
	part_is(info, "embeddings",
		"[{\"config\":\"" CONFIG_H "\",\"model\":\"esm2\",\"rows\":3,\"sequences\":2,"
		"\"dim\":4,\"precision\":\"float16\",\"bytes\":24},{\"config\":\"" CONFIG_F
		"\",\"model\":\"prot_t5\",\"rows\":1,\"sequences\":1,\"dim\":2,"
		"\"precision\":\"float32\",\"bytes\":8}]");
	part_is(info, "evaluation_sets",
		"[{\"id\":\"" EVAL_1 "\",\"old\":\"" SET_OLD "\",\"new\":\"" SET_NEW
		"\",\"pivot\":\"" SNAP_2 "\",\"groundtruth_uri\":null,"
		"\"created_at\":\"2024-07-01T00:00:00Z\"}]");
	part_is(info, "jobs", "{\"QUEUED\":1}");
	part_is(info, "datasets", "[]");
	part_is(info, "notes", "{\"embeddings:esm2\":\"made up for tests\"}");
	assert_int_equal(json_integer_value(json_object_get(info, "schema_version")), 1);
	json_decref(info);
}

static void text_tells_the_same(void **state)
{
	static const char *const parts[] = {
		"  releases/2024-01-17: 6 terms, 4 with an aspect, 3 edges\n",
		"  goa 160: 3 rows of 3 proteins, made with releases/2024-01-17, 2024-01-01T",
		"  quickgo -: 0 rows",
		"  5 proteins, 4 with a sequence, 3 with a taxon\n",
		"  esm2: 3 rows of dimension 4, float16, 24 B, in chunks of 2 sequences\n",
		"  prot_t5: 1 rows of dimension 2, float32, 8 B\n",
		"ground truth to be computed",
		"jobs\n  QUEUED 1\n",
		"data sets\n  none\n",
		"  embeddings:esm2: made up for tests\n",
	};
	struct buf text = BUF_INIT;
	json_t *info;

	(void)state;
	info = info_of(path);
	bundle_info_text(info, &text);
	assert_int_equal(buf_failed(&text), 0);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (!strstr(buf_str(&text), parts[i]))
			fail_msg("'%s' is not in\n%s", parts[i], buf_str(&text));
	buf_release(&text);
	json_decref(info);
}

static void control_bytes_do_not_reach_the_terminal(void **state)
{
	struct buf text = BUF_INIT;
	json_t *info;

	(void)state;
	fixture_sql(path, "UPDATE bundle_note SET value = char(27) || '[2J', key = char(7)");
	info = info_of(path);
	bundle_info_text(info, &text);
	assert_null(strchr(buf_str(&text), '\033'));
	assert_null(strchr(buf_str(&text), '\007'));
	buf_release(&text);
	json_decref(info);
}

static void optional_parts_may_be_absent(void **state)
{
	json_t *info;

	(void)state;
	fixture_sql(path, "DROP TABLE bundle_note;"
			  "ALTER TABLE sequence_embedding DROP COLUMN embedding_dim");
	info = info_of(path);
	part_is(info, "notes", "{}");
	part_is(info, "embeddings",
		"[{\"config\":\"" CONFIG_H "\",\"model\":\"esm2\",\"rows\":3,\"dim\":null,"
		"\"precision\":null},{\"config\":\"" CONFIG_F
		"\",\"model\":\"prot_t5\",\"rows\":1,\"dim\":null,\"precision\":null}]");
	json_decref(info);
}

static void wrong_rows_and_files_are_refused(void **state)
{
	json_t *info = (json_t *)1;

	(void)state;
	fixture_sql(path,
		    "UPDATE embedding_config SET model_name = x'ff' WHERE model_name = 'esm2'");
	assert_int_equal(bundle_info(&info, path, &err), ERR_FORMAT);
	assert_null(info);
	assert_int_equal(bundle_info(&info, dir, &err), ERR_FORMAT);
	assert_int_equal(bundle_info(&info, "/nonexistent", &err), ERR_NOTFOUND);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_part_is_counted),
		CASE(text_tells_the_same),
		CASE(control_bytes_do_not_reach_the_terminal),
		CASE(optional_parts_may_be_absent),
		CASE(wrong_rows_and_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
