/* Joining finished files: the result is the file that one writer would have made, and what does not
 * belong together is refused. */
#include "tests/unit/parquet_fixture.h"

#include "pipeline/output/parquet_source.h"

#define GROUP ((uint64_t)PARQUET_ROW_GROUP_ROWS)

static int join(const char *path, const char *const *inputs, size_t n, uint64_t *n_rows,
		struct err *err)
{
	uint64_t bytes = 0, size = 0;
	int rc = parquet_join(path, inputs, n, SCHEMA_V2_56, n_rows, &bytes, err);

	if (!rc) {
		assert_int_equal(fsio_size(path, &size, err), 0);
		assert_int_equal(size, bytes);
	}
	return rc;
}

static void whole_row_groups_join_to_the_file_of_one_writer(void **state)
{
	char *a = at_folder("a"), *b = at_folder("b"), *c = at_folder("c");
	char *whole = at_folder("whole"), *joined = at_folder("joined");
	const char *inputs[] = {a, b, c};
	struct err err = ERR_INIT;
	uint64_t n = 0;

	(void)state;
	write_rows(a, SCHEMA_V2_56, 0, GROUP, 5000);
	write_rows(b, SCHEMA_V2_56, GROUP, GROUP, 70000);
	write_rows(c, SCHEMA_V2_56, 2 * GROUP, 100, 100);
	write_rows(whole, SCHEMA_V2_56, 0, 2 * GROUP + 100, 3333);
	assert_int_equal(join(joined, inputs, 3, &n, &err), 0);
	assert_int_equal(n, 2 * GROUP + 100);
	assert_same_files(whole, joined);
	assert_int_equal(join(whole, (const char *const[]){joined}, 1, &n, &err), 0);
	assert_same_files(whole, joined);
	fsio_remove(a), fsio_remove(b), fsio_remove(c);
	fsio_remove(whole), fsio_remove(joined);
	free(a), free(b), free(c), free(whole), free(joined);
}

static int check_accession(void *ctx, const char *const *text, const size_t *len, struct err *err)
{
	uint64_t *row = ctx;
	char line[64];

	(void)err;
	text_of(COL_PROTEIN_ACCESSION, (*row)++, line);
	assert_int_equal(len[0], strlen(line));
	assert_memory_equal(text[0], line, len[0]);
	return 0;
}

static void short_row_groups_and_empty_files_join_in_order(void **state)
{
	static const char *const columns[] = {"protein_accession"};
	static const uint64_t sizes[] = {3, 0, 1, 66000, 0, 500};
	struct err err = ERR_INIT;
	struct parquet_source s;
	char *joined = at_folder("joined"), *part[6];
	uint64_t first = 0, n = 0, row = 0;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		char name[8];

		snprintf(name, sizeof name, "p%zu", i);
		part[i] = at_folder(name);
		write_rows(part[i], SCHEMA_V2_56, first, sizes[i], 1000);
		first += sizes[i];
	}
	assert_int_equal(join(joined, (const char *const *)part, 6, &n, &err), 0);
	assert_int_equal(n, first);
	assert_int_equal(parquet_source_open(&s, joined, &err), 0);
	assert_int_equal(s.meta.n_groups, 5);
	assert_int_equal(s.meta.groups[1].n_rows, 1);
	parquet_source_close(&s);
	assert_int_equal(parquet_read_strings(joined, columns, 1, check_accession, &row, &err), 0);
	assert_int_equal(row, first);
	fsio_remove(joined);
	for (size_t i = 0; i < 6; i++) {
		fsio_remove(part[i]);
		free(part[i]);
	}
	free(joined);
}

static void nothing_joins_to_an_empty_file(void **state)
{
	char *joined = at_folder("joined"), *empty = at_folder("empty");
	struct err err = ERR_INIT;
	uint64_t n = 1;

	(void)state;
	write_rows(empty, SCHEMA_V2_56, 0, 0, 1);
	assert_int_equal(join(joined, NULL, 0, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_same_files(empty, joined);
	fsio_remove(joined), fsio_remove(empty);
	free(joined), free(empty);
}

static void refuses(const char *input, int code, const char *words)
{
	char *good = at_folder("good"), *joined = at_folder("joined");
	const char *inputs[] = {good, input};
	struct err err = ERR_INIT;
	uint64_t n;

	write_rows(good, SCHEMA_V2_56, 0, 10, 10);
	assert_int_equal(join(joined, inputs, 2, &n, &err), code);
	if (!strstr(err.text, words) || !strstr(err.text, strrchr(input, '/')))
		fail_msg("'%s' or the file is not in '%s'", words, err.text);
	assert_false(fsio_exists(joined));
	fsio_remove(good);
	free(good), free(joined);
}

static void what_this_writer_did_not_make_is_refused(void **state)
{
	char *other = at_folder("other"), *none = at_folder("none");

	(void)state;
	write_rows(other, SCHEMA_V5_73, 0, 10, 10);
	refuses(other, ERR_FORMAT, "profile v2-56");
	refuses(none, ERR_NOTFOUND, "cannot open");
	refuses("tests/fuzz/corpus/parquet_read/duckdb_v2.parquet", ERR_FORMAT, "columns");
	refuses("tests/unit/test_parquet_join.c", ERR_FORMAT, "no Parquet file");
	fsio_remove(other);
	free(other), free(none);
}

static void damaged_files_are_refused(void **state)
{
	char *path = at_folder("whole"), *cut = at_folder("cut");
	struct buf b = BUF_INIT;
	uint32_t footer;

	(void)state;
	write_rows(path, SCHEMA_V2_56, 0, 100, 100);
	assert_int_equal(fsio_read_all(path, 1 << 20, &b, NULL), 0);
	for (size_t n = 0; n < b.len; n += 1 + b.len / 50) {
		assert_int_equal(fsio_write_file(cut, b.data, n, NULL), 0);
		refuses(cut, ERR_FORMAT, "");
	}
	/* A hole before the footer: offsets no longer lead up to it. */
	memcpy(&footer, b.data + b.len - 8, 4);
	memmove(b.data + b.len - 8 - footer - 10, b.data + b.len - 8 - footer, footer + 8);
	assert_int_equal(fsio_write_file(cut, b.data, b.len - 10, NULL), 0);
	refuses(cut, ERR_FORMAT, "damaged");
	buf_release(&b);
	fsio_remove(path), fsio_remove(cut);
	free(path), free(cut);
}

/* Any footer may be met on a damaged disk: flips may join or be refused, never crash. */
static void no_flipped_footer_byte_does_harm(void **state)
{
	char *path = at_folder("flip"), *joined = at_folder("joined");
	const char *inputs[] = {path, path};
	struct buf b = BUF_INIT;
	uint32_t footer;

	(void)state;
	write_rows(path, SCHEMA_V2_56, 0, 3, 3);
	assert_int_equal(fsio_read_all(path, 1 << 20, &b, NULL), 0);
	memcpy(&footer, b.data + b.len - 8, 4);
	for (size_t i = b.len - 8 - footer; i < b.len; i += 23) {
		FILE *f = fopen(path, "wb");

		b.data[i] = (char)(b.data[i] ^ 0x41);
		assert_non_null(f);
		assert_int_equal(fwrite(b.data, 1, b.len, f), b.len);
		fclose(f);
		b.data[i] = (char)(b.data[i] ^ 0x41);
		if (parquet_join(joined, inputs, 2, SCHEMA_V2_56, NULL, NULL, NULL) == 0)
			fsio_remove(joined);
		assert_false(fsio_exists(joined));
	}
	buf_release(&b);
	fsio_remove(path);
	assert_int_equal(count_files(), 0);
	free(path), free(joined);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_row_groups_join_to_the_file_of_one_writer),
		cmocka_unit_test(short_row_groups_and_empty_files_join_in_order),
		cmocka_unit_test(nothing_joins_to_an_empty_file),
		cmocka_unit_test(what_this_writer_did_not_make_is_refused),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(no_flipped_footer_byte_does_harm),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
