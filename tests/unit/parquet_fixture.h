/* Rows and files for the tests of the Parquet writer. A row's values are a function of its number, so
 * that any reader can be held against them. */
#ifndef TESTS_PARQUET_FIXTURE_H
#define TESTS_PARQUET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"
#include "pipeline/output/parquet.h"
#include "prof/base/hash.h"

static char folder[64];
static struct dict strings;

static inline int make_folder(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof folder, "%.40s/parquet.XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
	(void)state;
	dict_release(&strings);
	return fsio_remove_tree(folder, NULL);
}

static inline char *at_folder(const char *name)
{
	char *path = fsio_join(folder, name);

	assert_non_null(path);
	return path;
}

/* Files in the test's folder: after a failure none may be left. */
static inline size_t count_files(void)
{
	char command[128];
	size_t n = 0;
	FILE *ls;

	snprintf(command, sizeof command, "ls -A %s", folder);
	ls = popen(command, "r");
	assert_non_null(ls);
	for (int c = fgetc(ls); c != EOF; c = fgetc(ls))
		n += c == '\n';
	pclose(ls);
	return n;
}

static inline uint64_t draw(size_t column, uint64_t row)
{
	return hash_u64(hash_u64(column + 1) + row);
}

static inline double number_of(enum schema_column c, uint64_t row)
{
	static const double odd[] = {-0.0, 0.0, 1e308, -1073741824.0, 0x1p-1074, 0.1};
	uint64_t r = draw(c, row);

	switch (c % 6) {
	case 0:
		return (double)(r >> 11) * 0x1p-53; /* all distinct: plain pages */
	case 1:
		return (double)(r % 7);
	case 2:
		return r & 1 ? (double)NAN : (double)(r % 1000) / 8;
	case 3:
		return (double)NAN;
	case 4:
		return row / 37 % 5 ? (double)(row / 37) * 0.25 : (double)NAN;
	default:
		return odd[r % 6];
	}
}

/* The text of a string cell, NULL for null. */
static inline const char *text_of(enum schema_column c, uint64_t row, char line[64])
{
	static const char *const odd[] = {"",
					  "a \"quoted\" one",
					  "two\nlines\r\n",
					  "tab\t, comma",
					  "caf\xc3\xa9",
					  "\xf0\x9f\xa7\xac",
					  "it's"};
	uint64_t r = draw(c, row);

	switch (c) {
	case COL_PROTEIN_ACCESSION:
		snprintf(line, 64, "P%05u", (unsigned)(row / 37));
		return line;
	case COL_GO_TERM_ID: /* distinct in each row: no dictionary fits */
		snprintf(line, 64, "GO:%07u %030u", (unsigned)row, (unsigned)row);
		return line;
	case COL_QUALIFIER:
		return odd[r % 7];
	case COL_EVIDENCE_CODE:
		return r % 3 ? "IDA" : NULL;
	case COL_ASPECT:
		return NULL;
	default:
		return "v211-v220";
	}
}

static inline int8_t small_of(enum schema_column c, uint64_t row)
{
	return (int8_t)((int)(draw(c, row) % 3) - 1);
}

static inline void set_cell(struct rows *rows, enum schema_column c, size_t i, uint64_t row)
{
	char line[64];
	const char *t;

	if (rows->number[c]) {
		rows->number[c][i] = number_of(c, row);
	} else if (rows->string[c]) {
		t = text_of(c, row, line);
		rows->string[c][i] = t ? dict_intern(&strings, t, strlen(t)) : ROWS_STRING_NULL;
	} else if (rows->small[c]) {
		rows->small[c][i] = small_of(c, row);
	}
}

static inline void fill(struct rows *rows, uint64_t first, size_t n)
{
	rows->count = n;
	for (size_t i = 0; i < n; i++)
		for (enum schema_column c = 0; c < SCHEMA_COLUMNS; c++)
			set_cell(rows, c, i, first + i);
}

/* Rows `first` … `first + n - 1` in batches of `batch`. */
static inline uint64_t write_rows(const char *path, enum schema_profile profile, uint64_t first,
				  uint64_t n, size_t batch)
{
	struct parquet_writer *w;
	struct err err = ERR_INIT;
	uint64_t n_rows = 0, bytes = 0, size = 0;
	struct rows rows;

	assert_int_equal(rows_init(&rows, profile, &strings, batch, &err), 0);
	assert_int_equal(parquet_create(&w, path, profile, &err), 0);
	for (uint64_t at = 0; at < n; at += rows.count) {
		fill(&rows, first + at, n - at < batch ? (size_t)(n - at) : batch);
		assert_int_equal(parquet_append(w, &rows, &err), 0);
	}
	assert_int_equal(parquet_close(w, &n_rows, &bytes, &err), 0);
	rows_release(&rows);
	assert_int_equal(n_rows, n);
	assert_int_equal(fsio_size(path, &size, &err), 0);
	assert_int_equal(size, bytes);
	return bytes;
}

static inline void assert_same_files(const char *a, const char *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;

	assert_int_equal(fsio_read_all(a, 1 << 30, &x, NULL), 0);
	assert_int_equal(fsio_read_all(b, 1 << 30, &y, NULL), 0);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.data, y.data, x.len);
	buf_release(&x);
	buf_release(&y);
}

#endif
