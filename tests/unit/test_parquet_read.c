/* The string-column reader on files of other writers (tests/golden/parquet/make.mjs made them), and on
 * damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/output/parquet.h"

#define FILES "tests/fuzz/corpus/parquet_read/"

static const char *const columns[] = {"protein_accession", "go_id", "bucket"};

struct expect {
	const char *file;
	size_t rows;
	int required; /* no nulls: "none" stands for them */
	size_t seen;
};

static void check_text(const char *text, size_t len, const char *want)
{
	assert_non_null(text);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(text, want, len);
}

/* Row i of make.mjs. */
static int check_row(void *ctx, const char *const *text, const size_t *len, struct err *err)
{
	static const char *const bucket[] = {"nk", "lk", "pk", "known", "pk_known", "removed"};
	struct expect *e = ctx;
	size_t i = e->seen++;
	char want[32];

	(void)err;
	snprintf(want, sizeof want, "P%05zu", i / 3);
	check_text(text[0], len[0], want);
	snprintf(want, sizeof want, "GO:%07zu", i * 7919 % 100000);
	check_text(text[1], len[1], want);
	if (i % 11 != 10)
		check_text(text[2], len[2], bucket[i % 6]);
	else if (e->required)
		check_text(text[2], len[2], "none");
	else
		assert_null(text[2]);
	return 0;
}

static void reads(const char *file, size_t rows)
{
	struct expect e = {
		.file = file, .rows = rows, .required = strstr(file, "required") != NULL};
	struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	char path[256];

	snprintf(path, sizeof path, FILES "%s.parquet", file);
	if (parquet_read_strings(path, columns, 3, check_row, &e, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(e.seen, rows);
	e.seen = 0;
	assert_int_equal(fsio_read_all(path, 1 << 20, &bytes, &err), 0);
	assert_int_equal(parquet_read_strings_memory(file, bytes.data, bytes.len, columns, 3,
						     check_row, &e, &err),
			 0);
	assert_int_equal(e.seen, rows);
	buf_release(&bytes);
}

static void duckdb_files_are_read_in_every_codec(void **state)
{
	(void)state;
	reads("duckdb_snappy", 50);
	reads("duckdb_gzip", 50);
	reads("duckdb_uncompressed", 50);
	reads("duckdb_v2", 50);
	reads("duckdb_v1_plain", 50);
	reads("duckdb_one", 1);
	reads("duckdb_one_v2_plain", 1);
	reads("duckdb_empty", 0);
}

static void arrow_files_are_read_in_every_encoding_and_page_version(void **state)
{
	(void)state;
	reads("arrow_v1_plain", 50);
	reads("arrow_v2_plain", 50);
	reads("arrow_v1_dictionary", 50);
	reads("arrow_v2_dictionary", 50);
	reads("arrow_v1_delta", 50);
	reads("arrow_v2_delta", 50);
	reads("arrow_v1_required", 50);
	reads("arrow_v2_required", 50);
	reads("arrow_v1_category", 50);
	reads("arrow_v2_category", 50);
	reads("arrow_v1_pages", 3000);
	reads("arrow_v2_pages", 3000);
}

static void zstd_files_are_read_or_refused_with_the_remedy(void **state)
{
	(void)state;
#ifdef HAVE_ZSTD
	reads("duckdb_zstd", 50);
	reads("duckdb_v2_plain", 50);
	reads("duckdb_groups", 5000);
	reads("arrow_v1_delta_length", 50);
	reads("arrow_v2_delta_length", 50);
	reads("arrow_v1_delta_3000", 3000);
	reads("arrow_v2_delta_3000", 3000);
#else
	struct expect e = {.rows = 0};
	struct err err = ERR_INIT;

	assert_int_equal(
		parquet_read_strings(FILES "duckdb_zstd.parquet", columns, 3, check_row, &e, &err),
		ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "libzstd-dev"));
#endif
}

static int ignore_row(void *ctx, const char *const *text, const size_t *len, struct err *err)
{
	size_t *n = ctx;

	(void)err;
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; text[k] && i < len[k]; i++)
			*n += (unsigned char)text[k][i]; /* touches every byte */
	return 0;
}

static void refuses(const char *path, const char *const *names, int code, const char *words)
{
	struct err err = ERR_INIT;
	size_t n = 0;

	assert_int_equal(parquet_read_strings(path, names, 3, ignore_row, &n, &err), code);
	if (!strstr(err.text, words))
		fail_msg("'%s' is not in '%s'", words, err.text);
}

static void what_cannot_be_read_is_named(void **state)
{
	static const char *const missing[] = {"protein_accession", "go", "bucket"};
	static const char *const nested[] = {"protein_accession", "go_id", "tags"};
	static const char *const number[] = {"protein_accession", "go_id", "row"};

	(void)state;
	refuses(FILES "none.parquet", columns, ERR_NOTFOUND, "none.parquet");
	refuses(FILES, columns, ERR_ARG, "is not a file");
	refuses("tests/unit/test_parquet_read.c", columns, ERR_FORMAT, "no Parquet file");
	refuses(FILES "arrow_brotli.parquet", columns, ERR_UNSUPPORTED, "codec 4");
	refuses(FILES "duckdb_snappy.parquet", missing, ERR_FORMAT, "has no column 'go'");
	refuses(FILES "duckdb_snappy.parquet", nested, ERR_FORMAT, "column 'tags' is not a plain");
	refuses(FILES "duckdb_snappy.parquet", number, ERR_FORMAT, "column 'row' is not a plain");
}

static int stop_at_three(void *ctx, const char *const *text, const size_t *len, struct err *err)
{
	(void)text, (void)len;
	return ++*(int *)ctx == 3 ? err_set(err, ERR_CANCELLED, "enough") : 0;
}

static void a_callback_can_stop(void **state)
{
	struct err err = ERR_INIT;
	int n = 0;

	(void)state;
	assert_int_equal(parquet_read_strings(FILES "duckdb_snappy.parquet", columns, 3,
					      stop_at_three, &n, &err),
			 ERR_CANCELLED);
	assert_int_equal(n, 3);
	assert_string_equal(err.text, "enough");
}

static struct buf load(const char *path)
{
	struct buf bytes = BUF_INIT;

	assert_int_equal(fsio_read_all(path, 1 << 20, &bytes, NULL), 0);
	return bytes;
}

/* Exact-size copies, so that a read past the end is seen by ASan. */
static int read_copy(const char *bytes, size_t n)
{
	char *copy = malloc(n ? n : 1);
	struct err err = ERR_INIT;
	size_t sum = 0;
	int rc;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	rc = parquet_read_strings_memory("damaged", copy, n, columns, 3, ignore_row, &sum, &err);
	if (rc < 0)
		assert_non_null(strstr(err.text, "damaged"));
	free(copy);
	return rc;
}

static void every_truncation_is_refused(void **state)
{
	struct buf b = load(FILES "arrow_v1_delta.parquet");

	(void)state;
	for (size_t n = 0; n < b.len; n++)
		assert_true(read_copy(b.data, n) < 0);
	assert_int_equal(read_copy(b.data, b.len), 0);
	buf_release(&b);
}

static void no_flipped_byte_does_harm(void **state)
{
	static const char *const files[] = {
		FILES "arrow_v1_delta.parquet", FILES "arrow_v2_dictionary.parquet",
		FILES "duckdb_snappy.parquet", FILES "duckdb_v2.parquet"};
	static const unsigned char flips[] = {0x01, 0x80, 0xff};

	(void)state;
	for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
		struct buf b = load(files[f]);

		for (size_t i = 0; i < b.len; i++) {
			for (size_t k = 0; k < sizeof flips; k++) {
				b.data[i] = (char)(b.data[i] ^ flips[k]);
				read_copy(b.data, b.len);
				b.data[i] = (char)(b.data[i] ^ flips[k]);
			}
		}
		buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duckdb_files_are_read_in_every_codec),
		cmocka_unit_test(arrow_files_are_read_in_every_encoding_and_page_version),
		cmocka_unit_test(zstd_files_are_read_or_refused_with_the_remedy),
		cmocka_unit_test(what_cannot_be_read_is_named),
		cmocka_unit_test(a_callback_can_stop),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(no_flipped_byte_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
