/* The Parquet writer: what was appended is what the file says, cell by cell; row groups, statistics,
 * failures. Strings are read with our reader, numbers with the small decoder below. */
#include "tests/unit/parquet_fixture.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "pipeline/output/page_unpack.h"
#include "pipeline/output/parquet_source.h"
#include "pipeline/output/rle.h"

#define ROWS 200001 /* three row groups and a short one */

/* One column chunk of numbers: DOUBLE, INT32 or BOOLEAN, v1 pages, dictionary or plain. */
struct numbers {
	uint64_t *bits; /* of each row */
	uint32_t *level;
	size_t n;
	uint64_t dictionary[65536];
	int32_t type;
};

static size_t width_of(int32_t type)
{
	return type == PARQUET_DOUBLE ? 8 : 4;
}

static void decode_plain(const struct numbers *c, const unsigned char *at, uint64_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		out[i] = 0;
		if (c->type == PARQUET_BOOLEAN)
			out[i] = at[i / 8] >> (i % 8) & 1;
		else
			memcpy(&out[i], at + i * width_of(c->type), width_of(c->type));
	}
}

static void decode_data_page(struct numbers *c, const struct parquet_page *p,
			     const unsigned char *at)
{
	const unsigned char *end = at + p->raw_bytes;
	uint32_t *level = c->level + c->n, *index = calloc((size_t)p->n_values, sizeof *index);
	uint64_t *value = calloc((size_t)p->n_values, sizeof *value);
	size_t n = (size_t)p->n_values, there = 0, k = 0;
	struct rle_in in;
	uint32_t bytes;

	memcpy(&bytes, at, 4);
	rle_open(&in, at + 4, bytes, 1);
	assert_int_equal(rle_read(&in, level, n), 0);
	at += 4 + bytes;
	for (size_t i = 0; i < n; i++)
		there += level[i];
	if (p->encoding == PARQUET_RLE_DICTIONARY) {
		rle_open(&in, at + 1, (size_t)(end - at) - 1, *at);
		assert_int_equal(rle_read(&in, index, there), 0);
		for (size_t i = 0; i < there; i++)
			value[i] = c->dictionary[index[i]];
	} else {
		decode_plain(c, at, value, there);
	}
	for (size_t i = 0; i < n; i++)
		c->bits[c->n + i] = level[i] ? value[k++] : 0;
	c->n += n;
	free(index);
	free(value);
}

static void decode_chunk(const struct parquet_source *s, const struct parquet_chunk *chunk,
			 struct numbers *c)
{
	struct buf store = BUF_INIT, page = BUF_INIT;
	const unsigned char *at, *end, *body;
	struct parquet_page p;

	c->type = chunk->type;
	assert_int_equal(parquet_source_get(s, (uint64_t)parquet_chunk_start(chunk),
					    (uint64_t)chunk->file_bytes, &store, &at, NULL),
			 0);
	for (end = at + chunk->file_bytes; at < end; at += p.file_bytes) {
		size_t header = parquet_page_parse(&p, at, (size_t)(end - at));

		assert_true(header > 0);
		at += header;
		assert_int_equal(page_unpack(chunk->codec, at, (size_t)p.file_bytes,
					     (size_t)p.raw_bytes, &page, &body, NULL),
				 0);
		if (p.type == PARQUET_DICTIONARY_PAGE)
			decode_plain(c, body, c->dictionary, (size_t)p.n_values);
		else
			decode_data_page(c, &p, body);
	}
	buf_release(&store);
	buf_release(&page);
}

static void check_number(const struct numbers *c, size_t i, enum schema_column col, uint64_t row)
{
	uint64_t want = 0;
	int there;

	if (schema_column_type(col) == SCHEMA_DOUBLE) {
		double v = number_of(col, row);

		there = !isnan(v);
		memcpy(&want, &v, sizeof want);
	} else {
		int8_t v = small_of(col, row);

		there = v >= 0;
		want = (uint8_t)v;
	}
	assert_int_equal(c->level[i], there);
	if (there)
		assert_true(c->bits[i] == want);
}

static void numbers_are_those_of(const char *path, enum schema_profile profile, uint64_t n_rows)
{
	struct numbers *c = calloc(1, sizeof *c);
	enum schema_column columns[SCHEMA_COLUMNS];
	size_t n = schema_columns(profile, columns);
	struct parquet_source s;
	uint64_t row = 0;

	assert_non_null(c);
	c->bits = calloc(PARQUET_ROW_GROUP_ROWS, sizeof *c->bits);
	c->level = calloc(PARQUET_ROW_GROUP_ROWS, sizeof *c->level);
	assert_int_equal(parquet_source_open(&s, path, NULL), 0);
	for (size_t g = 0; g < s.meta.n_groups; g++) {
		const struct parquet_group *group = &s.meta.groups[g];

		for (size_t k = 0; k < n; k++) {
			if (schema_column_type(columns[k]) == SCHEMA_STRING)
				continue;
			c->n = 0;
			decode_chunk(&s, &group->chunks[k], c);
			assert_int_equal(c->n, group->n_rows);
			for (size_t i = 0; i < c->n; i++)
				check_number(c, i, columns[k], row + i);
		}
		row += (uint64_t)group->n_rows;
	}
	assert_int_equal(row, n_rows);
	parquet_source_close(&s);
	free(c->bits);
	free(c->level);
	free(c);
}

static const enum schema_column string_columns[] = {
	COL_PROTEIN_ACCESSION, COL_GO_TERM_ID,    COL_CATEGORY,           COL_SNAPSHOT_PAIR,
	COL_QUALIFIER,         COL_EVIDENCE_CODE, COL_TAXONOMIC_RELATION, COL_ASPECT};

#define N_STRING_COLUMNS (sizeof string_columns / sizeof string_columns[0])

static int check_strings(void *ctx, const char *const *text, const size_t *len, struct err *err)
{
	uint64_t *row = ctx;
	char line[64];

	(void)err;
	for (size_t k = 0; k < N_STRING_COLUMNS; k++) {
		const char *want = text_of(string_columns[k], *row, line);

		if (!want) {
			assert_null(text[k]);
			continue;
		}
		assert_non_null(text[k]);
		assert_int_equal(len[k], strlen(want));
		assert_memory_equal(text[k], want, len[k]);
	}
	++*row;
	return 0;
}

static void strings_are_those_of(const char *path, uint64_t n_rows)
{
	const char *names[N_STRING_COLUMNS];
	struct err err = ERR_INIT;
	uint64_t row = 0;

	for (size_t k = 0; k < N_STRING_COLUMNS; k++)
		names[k] = schema_column_name(string_columns[k]);
	if (parquet_read_strings(path, names, N_STRING_COLUMNS, check_strings, &row, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(row, n_rows);
}

static void every_cell_comes_back(void **state)
{
	char *path = at_folder("all.parquet");

	(void)state;
	write_rows(path, SCHEMA_V5_73, 0, ROWS, 30011);
	strings_are_those_of(path, ROWS);
	numbers_are_those_of(path, SCHEMA_V5_73, ROWS);
	fsio_remove(path);
	free(path);
}

static void one_row_and_no_row_are_files_too(void **state)
{
	char *path = at_folder("few.parquet");

	(void)state;
	write_rows(path, SCHEMA_V2_56, 0, 1, 10);
	strings_are_those_of(path, 1);
	numbers_are_those_of(path, SCHEMA_V2_56, 1);
	write_rows(path, SCHEMA_V2_56, 0, 0, 10);
	strings_are_those_of(path, 0);
	fsio_remove(path);
	free(path);
}

static void row_groups_are_cut_whatever_the_batches(void **state)
{
	char *a = at_folder("a.parquet"), *b = at_folder("b.parquet");
	struct parquet_source s;

	(void)state;
	write_rows(a, SCHEMA_V2_56, 0, 140000, 65536);
	write_rows(b, SCHEMA_V2_56, 0, 140000, 777);
	assert_same_files(a, b);
	write_rows(b, SCHEMA_V2_56, 0, 140000, 140000);
	assert_same_files(a, b);
	assert_int_equal(parquet_source_open(&s, a, NULL), 0);
	assert_int_equal(s.meta.n_groups, 3);
	assert_int_equal(s.meta.groups[0].n_rows, PARQUET_ROW_GROUP_ROWS);
	assert_int_equal(s.meta.groups[1].n_rows, PARQUET_ROW_GROUP_ROWS);
	assert_int_equal(s.meta.groups[2].n_rows, 140000 - 2 * PARQUET_ROW_GROUP_ROWS);
	parquet_source_close(&s);
	fsio_remove(a);
	fsio_remove(b);
	free(a);
	free(b);
}

static double as_double(const void *bytes)
{
	double v;

	assert_non_null(bytes);
	memcpy(&v, bytes, sizeof v);
	return v;
}

/* A file of `n` rows whose column `distance` and label are given; opened. */
static struct parquet_source small_file(const double *distance, const int8_t *label, size_t n)
{
	char *path = at_folder("small.parquet");
	struct parquet_writer *w;
	struct parquet_source s;
	struct rows rows;

	assert_int_equal(rows_init(&rows, SCHEMA_V2_56, &strings, n, NULL), 0);
	fill(&rows, 0, n);
	memcpy(rows.number[COL_DISTANCE], distance, n * sizeof *distance);
	memcpy(rows.small[COL_LABEL], label, n);
	assert_int_equal(parquet_create(&w, path, SCHEMA_V2_56, NULL), 0);
	assert_int_equal(parquet_append(w, &rows, NULL), 0);
	assert_int_equal(parquet_close(w, NULL, NULL, NULL), 0);
	rows_release(&rows);
	assert_int_equal(parquet_source_open(&s, path, NULL), 0);
	fsio_remove(path);
	free(path);
	s.name = "small.parquet";
	return s;
}

static void statistics_are_exact(void **state)
{
	static const double distance[] = {0.5, (double)NAN, -2.0, 7.25, -2.0, 0.5};
	static const int8_t label[] = {1, 1, -1, 1, 1, 1};
	struct parquet_source s = small_file(distance, label, 6);
	const struct parquet_chunk *c = s.meta.groups[0].chunks;

	(void)state;
	assert_int_equal(c[COL_DISTANCE].stats.null_count, 1);
	assert_int_equal(c[COL_DISTANCE].stats.min_len, 8);
	assert_true(as_double(c[COL_DISTANCE].stats.min) == -2.0);
	assert_true(as_double(c[COL_DISTANCE].stats.max) == 7.25);
	assert_int_equal(c[COL_LABEL].stats.null_count, 1);
	assert_int_equal(c[COL_LABEL].stats.distinct_count, 1);
	assert_int_equal(c[COL_LABEL].stats.min_len, 4);
	assert_memory_equal(c[COL_LABEL].stats.min, "\1\0\0\0", 4);
	assert_memory_equal(c[COL_PROTEIN_ACCESSION].stats.min, "P00000", 6);
	assert_int_equal(c[COL_PROTEIN_ACCESSION].stats.distinct_count, 1);
	parquet_source_close(&s);
}

static void zero_bounds_cover_both_zeros_and_nulls_have_none(void **state)
{
	static const double zeros[] = {0.0, 0.0}, minus[] = {-0.0, -0.0};
	static const double nulls[] = {(double)NAN, (double)NAN};
	static const int8_t label[] = {0, 1};
	struct parquet_source s = small_file(zeros, label, 2);

	(void)state;
	assert_true(signbit(as_double(s.meta.groups[0].chunks[COL_DISTANCE].stats.min)));
	assert_false(signbit(as_double(s.meta.groups[0].chunks[COL_DISTANCE].stats.max)));
	parquet_source_close(&s);
	s = small_file(minus, label, 2);
	assert_true(signbit(as_double(s.meta.groups[0].chunks[COL_DISTANCE].stats.min)));
	assert_false(signbit(as_double(s.meta.groups[0].chunks[COL_DISTANCE].stats.max)));
	parquet_source_close(&s);
	s = small_file(nulls, label, 2);
	assert_null(s.meta.groups[0].chunks[COL_DISTANCE].stats.min);
	assert_int_equal(s.meta.groups[0].chunks[COL_DISTANCE].stats.null_count, 2);
	parquet_source_close(&s);
}

/* Appends one row whose qualifier is string `id`; the code of append and close. */
static int write_qualifier(uint32_t id, struct err *err)
{
	char *path = at_folder("bad.parquet");
	struct parquet_writer *w;
	struct rows rows;
	int rc;

	assert_int_equal(rows_init(&rows, SCHEMA_V2_56, &strings, 1, err), 0);
	fill(&rows, 0, 1);
	rows.string[COL_QUALIFIER][0] = id;
	assert_int_equal(parquet_create(&w, path, SCHEMA_V2_56, err), 0);
	assert_int_equal(parquet_append(w, &rows, err), 0);
	rc = parquet_close(w, NULL, NULL, err);
	if (!rc)
		fsio_remove(path);
	rows_release(&rows);
	free(path);
	return rc;
}

static int write_text(const char *text, size_t len, struct err *err)
{
	return write_qualifier(dict_intern(&strings, text, len), err);
}

static void only_utf8_is_written(void **state)
{
	static const char *const good[] = {"\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf",
					   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\xff",
					  "a\xc3",
					  "\xc0\xaf",
					  "\xe0\x80\xaf",
					  "\xed\xa0\x80",
					  "\xf4\x90\x80\x80",
					  "\xf0\x80\x80\x80"};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(write_text(good[i], strlen(good[i]), &err), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(write_text(bad[i], strlen(bad[i]), &err), ERR_FORMAT);
		assert_non_null(strstr(err.text, "bad.parquet"));
		assert_non_null(strstr(err.text, "'qualifier'"));
	}
	assert_int_equal(write_text("nul\0byte", 8, &err), 0);
	assert_int_equal(count_files(), 0);
}

static void ids_outside_the_table_are_refused(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(write_qualifier(strings.count, &err), ERR_INTERNAL);
	assert_int_equal(count_files(), 0);
}

static void a_text_of_two_megabytes_is_written_without_bounds(void **state)
{
	size_t n = (size_t)2 << 20;
	char *text = malloc(n);
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	assert_int_equal(write_text(text, n, &err), 0);
	free(text);
}

static void batches_of_another_table_or_profile_are_refused(void **state)
{
	char *path = at_folder("mixed.parquet");
	struct dict other = DICT_INIT;
	struct rows mine, foreign, wide;
	struct parquet_writer *w;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(rows_init(&mine, SCHEMA_V2_56, &strings, 1, &err), 0);
	assert_int_equal(rows_init(&foreign, SCHEMA_V2_56, &other, 1, &err), 0);
	assert_int_equal(rows_init(&wide, SCHEMA_V5_73, &strings, 1, &err), 0);
	assert_int_equal(parquet_create(&w, path, SCHEMA_V2_56, &err), 0);
	assert_int_equal(parquet_append(w, &mine, &err), 0);
	assert_int_equal(parquet_append(w, &foreign, &err), ERR_INTERNAL);
	assert_int_equal(parquet_append(w, &wide, &err), ERR_INTERNAL);
	parquet_abort(w);
	parquet_abort(NULL);
	rows_release(&mine);
	rows_release(&foreign);
	rows_release(&wide);
	assert_int_equal(count_files(), 0);
	free(path);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
	char *path = at_folder("no/such.parquet");
	struct parquet_writer *w;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(parquet_create(&w, path, SCHEMA_V2_56, &err), ERR_IO);
	assert_null(w);
	assert_non_null(strstr(err.text, "no/such.parquet"));
	free(path);
}

/* Writes until it fails; the code. Nothing may be left in `path`'s folder. */
static int write_until_full(const char *path, struct err *err)
{
	struct parquet_writer *w;
	struct rows rows;
	int rc;

	assert_int_equal(rows_init(&rows, SCHEMA_V2_56, &strings, 20000, err), 0);
	rc = parquet_create(&w, path, SCHEMA_V2_56, err);
	assert_int_equal(rc, 0);
	for (uint64_t at = 0; at < 80000 && !rc; at += rows.count) {
		fill(&rows, at, rows.cap);
		rc = parquet_append(w, &rows, err);
	}
	if (rc < 0) {
		/* Further calls repeat the failure. */
		assert_int_equal(parquet_append(w, &rows, NULL), rc);
		assert_int_equal(parquet_close(w, NULL, NULL, NULL), rc);
	} else {
		rc = parquet_close(w, NULL, NULL, err);
	}
	rows_release(&rows);
	return rc;
}

static void a_file_size_limit_fails_cleanly(void **state)
{
	char *path = at_folder("limited.parquet");
	struct rlimit old, limit;
	struct err err = ERR_INIT;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &old);
	limit = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(write_until_full(path, &err), ERR_IO);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	assert_non_null(strstr(err.text, "limited.parquet"));
	assert_int_equal(count_files(), 0);
	free(path);
}

static void a_full_disk_fails_cleanly_and_says_how_much_room_there_is(void **state)
{
	char *path = at_folder("disk/full.parquet"), *disk = at_folder("disk");
	struct err err = ERR_INIT;
	int rc;

	(void)state;
	assert_int_equal(fsio_mkdirs(disk, &err), 0);
	if (mount("none", disk, "tmpfs", 0, "size=1m") != 0) {
		rmdir(disk);
		free(disk);
		free(path);
		skip(); /* needs the right to mount; RLIMIT_FSIZE above stands in */
		return;
	}
	rc = write_until_full(path, &err);
	assert_int_equal(umount(disk), 0); /* fails while a file is open */
	rmdir(disk);
	assert_int_equal(rc, ERR_IO);
	assert_non_null(strstr(err.text, "full.parquet"));
	assert_non_null(strstr(err.text, "bytes free"));
	free(disk);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_comes_back),
		cmocka_unit_test(one_row_and_no_row_are_files_too),
		cmocka_unit_test(row_groups_are_cut_whatever_the_batches),
		cmocka_unit_test(statistics_are_exact),
		cmocka_unit_test(zero_bounds_cover_both_zeros_and_nulls_have_none),
		cmocka_unit_test(only_utf8_is_written),
		cmocka_unit_test(ids_outside_the_table_are_refused),
		cmocka_unit_test(a_text_of_two_megabytes_is_written_without_bounds),
		cmocka_unit_test(batches_of_another_table_or_profile_are_refused),
		cmocka_unit_test(a_folder_that_is_not_there_is_named),
		cmocka_unit_test(a_file_size_limit_fails_cleanly),
		cmocka_unit_test(a_full_disk_fails_cleanly_and_says_how_much_room_there_is),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
