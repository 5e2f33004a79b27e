/* Matrices of embeddings and their accession lists: found, checked against each other, read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "pipeline/bundle/embeddings.h"
#include "pipeline/core/npy.h"
#include "tests/unit/scratch.h"

static const char *write_npy(const char *name, const char *descr, uint64_t rows, uint64_t cols,
			     const void *data, size_t n)
{
	const uint64_t shape[2] = {rows, cols};
	struct buf b = BUF_INIT;
	const char *path;

	assert_int_equal(npy_write_header(&b, descr, shape, cols ? 2 : 1), 0);
	buf_put(&b, data, n);
	path = scratch_write(name, b.data, b.len);
	buf_release(&b);
	return path;
}

static const char *write_text(const char *name, const char *text)
{
	return scratch_write(name, text, strlen(text));
}

/* 2 x 3 halves: 1 2 -1, 0 inf 0.5 */
static const uint16_t halves[] = {0x3c00, 0x4000, 0xbc00, 0, 0x7c00, 0x3800};
static const float singles[] = {1.0f, 2.5f, -3.0f, 4.0f};

static void fails_with(const char *npy, const char *list, int code, const char *message)
{
	struct err err = ERR_INIT;
	struct embeddings *e = (void *)1;

	assert_int_equal(embeddings_open(&e, npy, list, &err), code);
	assert_null(e);
	if (!strstr(err.text, message))
		fail_msg("'%s' lacks '%s'", err.text, message);
}

static void half_rows_come_as_they_are(void **state)
{
	const char *npy = write_npy("h.npy", "<f2", 2, 3, halves, sizeof halves);
	const char *list = write_text("h.list", "P1\nP2 with a remark\n\n");
	struct err err = ERR_INIT;
	struct embeddings *e;
	const void *row;
	int finite;

	(void)state;
	assert_int_equal(embeddings_open(&e, npy, list, &err), 0);
	assert_int_equal(embeddings_count(e), 2);
	assert_int_equal(embeddings_dim(e), 3);
	assert_int_equal(embeddings_value_bytes(e), 2);
	assert_string_equal(embeddings_accession(e, 0), "P1");
	assert_string_equal(embeddings_accession(e, 1), "P2");
	assert_string_equal(embeddings_list(e), list);
	assert_int_equal(embeddings_row(e, 0, &row, &finite, &err), 0);
	assert_memory_equal(row, halves, 6);
	assert_true(finite);
	assert_int_equal(embeddings_row(e, 1, &row, &finite, &err), 0);
	assert_memory_equal(row, halves + 3, 6);
	assert_false(finite);
	embeddings_close(e);
}

/* Rows near each other are read ahead, rows far apart one by one: never the wrong one. */
static void rows_come_in_any_order(void **state)
{
	enum { ROWS = 3000, COLS = 40 };
	float *all = malloc(ROWS * COLS * sizeof *all);
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	struct embeddings *e;
	const void *row;
	uint32_t i, at = 0;
	int finite;

	(void)state;
	assert_non_null(all);
	for (i = 0; i < ROWS * COLS; i++)
		all[i] = (float)i;
	for (i = 0; i < ROWS; i++)
		buf_printf(&list, "P%u\n", i);
	write_npy("order.npy", "<f4", ROWS, COLS, all, ROWS * COLS * sizeof *all);
	write_text("order.txt", buf_str(&list));
	assert_int_equal(embeddings_open(&e, scratch("order.npy"), NULL, &err), 0);
	for (i = 0; i < 20000; i++) {
		/* runs of up to 64 rows, then a jump */
		at = i % 64 == i % 97 % 64 ? (at * 1103515245u + 12345u) % ROWS : (at + 1) % ROWS;
		assert_int_equal(embeddings_row(e, at, &row, &finite, &err), 0);
		assert_memory_equal(row, all + (size_t)at * COLS, COLS * sizeof *all);
	}
	embeddings_close(e);
	buf_release(&list);
	free(all);
}

static void single_rows_come_in_any_byte_order(void **state)
{
	struct err err = ERR_INIT;
	struct embeddings *e;
	const void *row;
	unsigned char big[sizeof singles];
	int finite;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof singles; i++)
		big[i] = ((const unsigned char *)singles)[i / 4 * 4 + 3 - i % 4];
	write_text("s.txt", "P1\nP2\n");
	write_text("b.txt", "P1\nP2\n");
	for (i = 0; i < 2; i++) {
		const char *npy = i ? write_npy("b.npy", ">f4", 2, 2, big, sizeof big)
				    : write_npy("s.npy", "<f4", 2, 2, singles, sizeof singles);

		assert_int_equal(embeddings_open(&e, npy, NULL, &err), 0);
		assert_int_equal(embeddings_value_bytes(e), 4);
		assert_int_equal(embeddings_row(e, 1, &row, &finite, &err), 0);
		assert_memory_equal(row, singles + 2, 8);
		assert_true(finite);
		embeddings_close(e);
	}
}

static void doubles_are_narrowed(void **state)
{
	static const double wide[] = {0.1, 1e300};
	struct err err = ERR_INIT;
	struct embeddings *e;
	const void *row;
	float got[2];
	int finite;

	(void)state;
	write_npy("d.npy", "<f8", 1, 2, wide, sizeof wide);
	write_text("d.txt", "P1\n");
	assert_int_equal(embeddings_open(&e, scratch("d.npy"), NULL, &err), 0);
	assert_int_equal(embeddings_row(e, 0, &row, &finite, &err), 0);
	memcpy(got, row, sizeof got);
	assert_true(got[0] == 0.1f);
	assert_true(isinf(got[1]));
	assert_false(finite);
	embeddings_close(e);
}

static void the_list_is_found_beside_the_matrix(void **state)
{
	static const char *const pairs[][2] = {
		{"a.npy", "a.txt"},
		{"b2.npy", "b2.accessions.txt"},
		{"c_embeddings.npy", "c_accessions.txt"},
	};
	struct err err = ERR_INIT;
	struct embeddings *e;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		write_npy(pairs[i][0], "<f2", 2, 3, halves, sizeof halves);
		fails_with(scratch(pairs[i][0]), NULL, ERR_NOTFOUND, "no list of accessions");
		assert_int_equal(embeddings_check(scratch(pairs[i][0]), NULL, &err), ERR_NOTFOUND);
		write_text(pairs[i][1], "P1\nP2\n");
		assert_int_equal(embeddings_check(scratch(pairs[i][0]), NULL, &err), 0);
		assert_int_equal(embeddings_open(&e, scratch(pairs[i][0]), NULL, &err), 0);
		assert_string_equal(embeddings_list(e), scratch(pairs[i][1]));
		embeddings_close(e);
	}
}

static void numpy_arrays_of_strings_are_lists(void **state)
{
	static const char bytes[] = "P1\0P22"; /* S3 */
	static const uint32_t ucs4[] = {'Q', '1', 'Q', 0};
	struct err err = ERR_INIT;
	struct embeddings *e;

	(void)state;
	write_npy("e_embeddings.npy", "<f2", 2, 3, halves, sizeof halves);
	write_npy("e_accessions.npy", "|S3", 2, 0, bytes, 6);
	assert_int_equal(embeddings_open(&e, scratch("e_embeddings.npy"), NULL, &err), 0);
	assert_string_equal(embeddings_accession(e, 0), "P1");
	assert_string_equal(embeddings_accession(e, 1), "P22");
	embeddings_close(e);
	write_npy("u.npy", "<U2", 2, 0, ucs4, sizeof ucs4);
	assert_int_equal(embeddings_open(&e, scratch("e_embeddings.npy"), scratch("u.npy"), &err),
			 0);
	assert_string_equal(embeddings_accession(e, 0), "Q1");
	assert_string_equal(embeddings_accession(e, 1), "Q");
	embeddings_close(e);
	write_npy("nul.npy", "|S3", 2, 0, "P\0001P22", 6);
	fails_with(scratch("e_embeddings.npy"), scratch("nul.npy"), ERR_FORMAT,
		   "element 0 has a NUL byte in it");
	write_npy("cut.npy", "<U2", 2, 0, ucs4, 9);
	fails_with(scratch("e_embeddings.npy"), scratch("cut.npy"), ERR_FORMAT, "truncated");
	fails_with(scratch("e_embeddings.npy"), scratch("e_embeddings.npy"), ERR_FORMAT,
		   "not a one-dimensional array of strings");
}

static void lists_that_do_not_fit_are_refused(void **state)
{
	const char *npy = write_npy("f.npy", "<f2", 2, 3, halves, sizeof halves);

	(void)state;
	fails_with(npy, write_text("f1", "P1\n"), ERR_FORMAT, "names 1 accessions");
	fails_with(npy, write_text("f2", "P1\nP2\nP3\n"), ERR_FORMAT, "names 3 accessions");
	fails_with(npy, write_text("f3", "P1\nP1\n"), ERR_FORMAT,
		   "line 2: 'P1' appears again (first for row 1)");
	fails_with(npy, write_text("f4", "P1\n\nP2\n"), ERR_FORMAT, "line 2 is empty");
	fails_with(npy, write_text("f5", ""), ERR_FORMAT, "names 0 accessions");
	fails_with(npy, scratch("absent"), ERR_NOTFOUND, "no such list");
}

static void matrices_of_wrong_shape_or_type_are_refused(void **state)
{
	static const uint16_t wide[70000];
	const char *list = write_text("l", "P1\nP2\n");

	(void)state;
	fails_with(write_npy("x1.npy", "<f2", 6, 0, halves, sizeof halves), list, ERR_FORMAT,
		   "has 1 dimensions");
	fails_with(write_npy("x2.npy", "<i8", 2, 1, singles, 16), list, ERR_UNSUPPORTED,
		   "holds no float16");
	fails_with(write_npy("x3.npy", "<f2", 2, 3, halves, 11), list, ERR_FORMAT, "ends early");
	fails_with(write_npy("x4.npy", "<f2", 0, 3, halves, 0), list, ERR_FORMAT, "empty");
	fails_with(write_npy("x5.npy", "<f2", 1, 70000, wide, sizeof wide), list, ERR_LIMIT,
		   "65,536");
	fails_with(write_npy("x6.npy", "<f4", 4000000000u, 65536, halves, 0), list, ERR_FORMAT,
		   "ends early");
	fails_with(write_text("x7.npy", "not numpy"), list, ERR_FORMAT, "x7.npy");
	fails_with(scratch("absent.npy"), list, ERR_NOTFOUND, "absent.npy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_rows_come_as_they_are),
		cmocka_unit_test(rows_come_in_any_order),
		cmocka_unit_test(single_rows_come_in_any_byte_order),
		cmocka_unit_test(doubles_are_narrowed),
		cmocka_unit_test(the_list_is_found_beside_the_matrix),
		cmocka_unit_test(numpy_arrays_of_strings_are_lists),
		cmocka_unit_test(lists_that_do_not_fit_are_refused),
		cmocka_unit_test(matrices_of_wrong_shape_or_type_are_refused),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
