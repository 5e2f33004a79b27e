/* manifest.json, byte for byte as Python writes it (tests/golden/make_text.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/core/fsio.h"
#include "pipeline/output/manifest.h"

static const char *const pairs[] = {"v160-v165", "v165-v170"};

static const struct manifest full = {
	.name = "bench-v1-K5-v226-lineage-esm2_150m",
	.k = 5,
	.embedding_config_id = "500a0c59-be09-424d-9d51-b7997629c95a",
	.ontology_snapshot_id = "11111111-0000-4000-8000-000000000001",
	.annotation_source = "go\xc3\xa1 \"x\"",
	.train_snapshot_pairs = pairs,
	.n_train_snapshot_pairs = 2,
	.eval_snapshot_pair = "v226-v230",
	.schema_sha = "6d97a624b8a7",
	.n_train_rows = 123456789012,
	.n_eval_rows = 42,
	.producer_version = "0.1.0",
	.producer_git_sha = "0123456789abcdef0123456789abcdef01234567",
};

static void equals_file(const struct manifest *m, const char *path)
{
	struct buf want = BUF_INIT, got = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(fsio_read_all(path, 1 << 20, &want, &err), 0);
	assert_int_equal(manifest_format(m, &got, &err), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	buf_release(&want);
	buf_release(&got);
}

static void the_bytes_are_pythons(void **state)
{
	(void)state;
	equals_file(&full, "tests/golden/text/manifest.json");
}

static void no_pairs_no_rows_and_no_commit_are_spelled_out(void **state)
{
	struct manifest m = full;

	(void)state;
	m.train_snapshot_pairs = NULL;
	m.n_train_snapshot_pairs = 0;
	m.n_eval_rows = 0;
	m.producer_git_sha = NULL;
	equals_file(&m, "tests/golden/text/manifest-empty.json");
}

static void it_is_appended_to_what_is_there(void **state)
{
	struct buf got = BUF_INIT;

	(void)state;
	buf_puts(&got, "x");
	assert_int_equal(manifest_format(&full, &got, NULL), 0);
	assert_memory_equal(got.data, "x{\n  \"schema_version\": \"v2\",\n", 29);
	assert_int_equal(got.data[got.len - 1], '}'); /* no newline at the end */
	buf_release(&got);
}

static void a_buffer_that_is_too_small_is_an_error(void **state)
{
	struct err err = ERR_INIT;
	struct buf got;

	(void)state;
	buf_init(&got, 100);
	assert_int_equal(manifest_format(&full, &got, &err), ERR_NOMEM);
	buf_release(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes_are_pythons),
		cmocka_unit_test(no_pairs_no_rows_and_no_commit_are_spelled_out),
		cmocka_unit_test(it_is_appended_to_what_is_there),
		cmocka_unit_test(a_buffer_that_is_too_small_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
