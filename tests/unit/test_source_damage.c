/* Bundles that are cut, damaged or made to trap a reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/source/source.h"
#include "tests/unit/source_reader.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];

static int setup(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	buf_init(&seen, BUF_NO_LIMIT);
	err = (struct err)ERR_INIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&seen);
	return fsio_remove_tree(dir, NULL);
}

static struct source *open_it(void)
{
	struct source *s = NULL;

	if (source_open(&s, path, SOURCE_READ, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

/* Reads everything; any result but a crash will do, a failure must say something. */
static void read_all_of(const char *file)
{
	const struct source_span span = {.first = 0, .last = 100, .dense = 1};
	struct source *s;
	uint64_t rows, dim;
	int (*const reads[])(struct source *) = {read_terms,       read_edges,      read_proteins,
						 read_annotations, read_embeddings, read_sets,
						 read_evals,       read_configs,    read_sequences};

	err = (struct err)ERR_INIT;
	if (source_open(&s, file, SOURCE_READ, &err) < 0) {
		assert_true(err.code < 0 && err.text[0]);
		return;
	}
	for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
		err = (struct err)ERR_INIT;
		if (reads[i](s) < 0)
			assert_true(err.code < 0 && err.text[0]);
	}
	err = (struct err)ERR_INIT;
	if (source_annotations_between(s, SET_OLD, &span, 0, 100, on_annotation, NULL, &err) < 0)
		assert_true(err.code < 0 && err.text[0]);
	(void)source_embedding_estimate(s, CONFIG_H, &rows, &dim, &err);
	(void)source_has_snapshot(s, SNAP_1, &err);
	buf_clear(&seen);
	source_close(s);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
	struct buf whole = BUF_INIT;
	char cut[PATH_MAX + 32];

	(void)state;
	snprintf(cut, sizeof cut, "%s/cut.sqlite", dir);
	assert_int_equal(fsio_read_all(path, BUF_NO_LIMIT, &whole, &err), 0);
	for (size_t n = 1; n < whole.len; n += n < 200 ? 1 : 1021) {
		struct source *s;

		fixture_write(cut, whole.data, n);
		err = (struct err)ERR_INIT;
		assert_int_equal(source_open(&s, cut, SOURCE_READ, &err), ERR_FORMAT);
		assert_true(err.text[0]);
	}
	buf_release(&whole);
}

static void flipped_bytes_never_crash(void **state)
{
	struct buf whole = BUF_INIT;
	char bad[PATH_MAX + 32];
	uint32_t random = 12345;

	(void)state;
	snprintf(bad, sizeof bad, "%s/bad.sqlite", dir);
	assert_int_equal(fsio_read_all(path, BUF_NO_LIMIT, &whole, &err), 0);
	for (int round = 0; round < 600; round++) {
		size_t flips = 1 + (size_t)round % 8;
		struct buf copy = BUF_INIT;

		assert_int_equal(buf_put(&copy, whole.data, whole.len), 0);
		while (flips-- > 0) {
			random = random * 1664525u + 1013904223u; /* Numerical Recipes */
			/* every other round in the first pages: header and schema */
			copy.data[(random >> 4) % (round % 2 ? copy.len : 8192)] ^=
				(char)(1 << (random >> 28) % 8);
		}
		fixture_write(bad, copy.data, copy.len);
		read_all_of(bad);
		buf_release(&copy);
	}
	buf_release(&whole);
}

static void put_be(unsigned char *at, size_t bytes, uint32_t value)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
}

/* A page of an index (file format, "B-tree Pages") with 60 entries (SNAP_1, row 3), each with the page
 * `child` below it; 0: a leaf. */
static void bomb_page(unsigned char page[4096], uint32_t child)
{
	const unsigned char head[] = {40, 3, 13 + 2 * 36, 1}; /* payload, header, text, integer */
	size_t pointer = child ? 4 : 0;
	size_t at = 4096;

	memset(page, 0, 4096);
	page[0] = child ? 2 : 10;
	put_be(page + 3, 2, 60);
	if (child)
		put_be(page + 8, 4, child);
	for (size_t i = 0; i < 60; i++) {
		at -= pointer + sizeof head + 37;
		put_be(page + at, pointer, child);
		memcpy(page + at + pointer, head, sizeof head);
		memcpy(page + at + pointer + sizeof head, SNAP_1, 36);
		page[at + pointer + sizeof head + 36] = 3;
		put_be(page + 8 + pointer + 2 * i, 2, (uint32_t)at);
	}
	put_be(page + 5, 2, (uint32_t)at);
}

/* 60^17 entries in 17 pages, none of which passes the filter on relation_type. */
static void pages_that_lead_to_each_other_do_not_trap(void **state)
{
	struct buf whole = BUF_INIT;
	struct source *s;
	long long root = fixture_int(path, "SELECT rootpage FROM sqlite_schema WHERE name ="
					   " 'go_term_relationship_snapshot'");
	unsigned char page[4096];
	uint32_t n_pages;

	(void)state;
	assert_int_equal(fsio_read_all(path, BUF_NO_LIMIT, &whole, &err), 0);
	n_pages = (uint32_t)(whole.len / sizeof page);
	for (uint32_t i = 1; i <= 16; i++) {
		bomb_page(page, i < 16 ? n_pages + i + 1 : 0);
		assert_int_equal(buf_put(&whole, page, sizeof page), 0);
	}
	bomb_page((unsigned char *)whole.data + (root - 1) * 4096, n_pages + 1);
	put_be((unsigned char *)whole.data + 28, 4, n_pages + 16);
	fixture_write(path, whole.data, whole.len);
	buf_release(&whole);
	s = open_it();
	assert_int_equal(source_edges(s, SNAP_1, on_edge, NULL, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "never end"));
	source_close(s);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_file_cut_anywhere_is_refused),
		CASE(flipped_bytes_never_crash),
		CASE(pages_that_lead_to_each_other_do_not_trap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
