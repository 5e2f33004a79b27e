/* core/npy: headers as NumPy writes them, broken ones refused, rows of files of every float type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/npy.h"
#include "tests/unit/numbers.h"

/* A version-1 file: magic, length of the header, header, `extra` zero bytes of data. */
static size_t make_file(char *out, const char *header, size_t extra)
{
	size_t n = strlen(header);

	memcpy(out, "\x93NUMPY\x01\x00", 8);
	out[8] = (char)(n & 0xff);
	out[9] = (char)(n >> 8);
	memcpy(out + 10, header, n);
	memset(out + 10 + n, 0, extra);
	return 10 + n + extra;
}

static int parse(const char *header, struct npy_header *h, struct err *err)
{
	char file[1024];

	return npy_parse(file, make_file(file, header, 0), "f.npy", h, err);
}

static void a_header_tells_type_order_and_shape(void **state)
{
	struct npy_header h;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		parse("{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), }", &h, &err), 0);
	assert_int_equal(h.type, NPY_F16);
	assert_int_equal(h.item_size, 2);
	assert_int_equal(h.n_dims, 2);
	assert_int_equal(h.shape[0], 3);
	assert_int_equal(h.shape[1], 4);
	assert_int_equal(h.n_items, 12);
	assert_false(h.fortran_order || h.big_endian);
	assert_int_equal(
		parse("{\"shape\":(7,),\"fortran_order\":True,\"descr\":\">U12\"}\n", &h, &err), 0);
	assert_int_equal(h.type, NPY_UNICODE);
	assert_int_equal(h.item_size, 48);
	assert_true(h.fortran_order && h.big_endian);
	assert_int_equal(parse("{'descr':'|O','fortran_order':False,'shape':()}", &h, &err), 0);
	assert_int_equal(h.type, NPY_OBJECT);
	assert_int_equal(h.n_dims, 0);
	assert_int_equal(h.n_items, 1);
}

static void every_known_type_is_read(void **state)
{
	const struct {
		const char *descr;
		enum npy_type type;
		size_t size;
	} rows[] = {
		{"<f2", NPY_F16, 2},       {"<f4", NPY_F32, 4},     {"<f8", NPY_F64, 8},
		{"=f4", NPY_F32, 4},       {"<i4", NPY_I32, 4},     {"<i8", NPY_I64, 8},
		{"<U10", NPY_UNICODE, 40}, {"|S10", NPY_BYTES, 10}, {"|O", NPY_OBJECT, 0},
		{"O8", NPY_OBJECT, 0},     {"f4", NPY_F32, 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char header[128];
		struct npy_header h;

		snprintf(header, sizeof header,
			 "{'descr': '%s', 'fortran_order': False, 'shape': (2L,)}", rows[i].descr);
		assert_int_equal(parse(header, &h, NULL), 0);
		assert_int_equal(h.type, rows[i].type);
		assert_int_equal(h.item_size, rows[i].size);
	}
}

static void other_types_are_refused_by_name(void **state)
{
	const char *descrs[] = {"<c8", "<f16", "|b1", "<M8[ns]",     "f",
				"",    "<",    "<i2", "U99999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++) {
		char header[128];
		struct npy_header h;
		struct err err = ERR_INIT;

		snprintf(header, sizeof header,
			 "{'descr': '%s', 'fortran_order': False, 'shape': (2,)}", descrs[i]);
		assert_int_equal(parse(header, &h, &err), ERR_UNSUPPORTED);
		assert_non_null(strstr(err.text, "f.npy"));
	}
}

static void broken_headers_are_refused_with_their_offset(void **state)
{
	const char *headers[] = {
		"",
		"{",
		"{'descr': '<f4'}",
		"{'descr': '<f4",
		"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
		"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': 3}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,4294967296)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
		"{'descr' '<f4', 'fortran_order': False, 'shape': (1,)}",
		"{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}",
		"{'descr': '<\\x66', 'fortran_order': False, 'shape': (1,)}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct npy_header h;
		struct err err = ERR_INIT;

		assert_int_equal(parse(headers[i], &h, &err), ERR_FORMAT);
		assert_non_null(strstr(err.text, "offset"));
	}
}

static void what_is_no_npy_is_refused(void **state)
{
	char file[256];
	struct npy_header h;
	size_t n = make_file(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 0);

	(void)state;
	assert_int_equal(npy_parse(file, n, "f", &h, NULL), 0);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(npy_parse(file, cut, "f", &h, NULL), ERR_FORMAT);
	file[6] = 4;
	assert_int_equal(npy_parse(file, n, "f", &h, NULL), ERR_UNSUPPORTED);
	file[0] = 'P';
	assert_int_equal(npy_parse(file, n, "f", &h, NULL), ERR_FORMAT);
	/* Version 2 with a header length of 4 GiB. */
	assert_int_equal(npy_parse("\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14, "f", &h, NULL),
			 ERR_FORMAT);
}

static void versions_2_and_3_have_longer_lengths(void **state)
{
	const char header[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)}";
	char file[128] = "\x93NUMPY\x02";
	struct npy_header h;

	(void)state;
	file[8] = (char)(sizeof header - 1);
	memcpy(file + 12, header, sizeof header - 1);
	for (char version = 2; version <= 3; version++) {
		file[6] = version;
		assert_int_equal(npy_parse(file, 12 + sizeof header - 1, "f", &h, NULL), 0);
		assert_int_equal(h.data_offset, 12 + sizeof header - 1);
		assert_int_equal(h.n_items, 4);
	}
}

static void written_headers_are_aligned_and_read_back(void **state)
{
	const uint64_t shape[4] = {5, 1024, 2, 7};

	(void)state;
	for (size_t n_dims = 0; n_dims <= 4; n_dims++) {
		struct buf b = BUF_INIT;
		struct npy_header h;

		assert_int_equal(npy_write_header(&b, "<f4", shape, n_dims), 0);
		assert_int_equal(b.len % 64, 0);
		assert_int_equal(b.data[b.len - 1], '\n');
		assert_int_equal(npy_parse(b.data, b.len, "f", &h, NULL), 0);
		assert_int_equal(h.n_dims, n_dims);
		for (size_t i = 0; i < n_dims; i++)
			assert_int_equal(h.shape[i], shape[i]);
		assert_int_equal(h.data_offset, b.len);
		buf_release(&b);
	}
}

static void texts_lose_trailing_nuls_and_become_utf8(void **state)
{
	const uint32_t wide[2][3] = {{'G', 0xe9, 0}, {0x20ac, 0x1d11e, 'x'}};
	const char narrow[2][4] = {{'G', 'O', 0, 0}, {'\xc3', '\xa9', '1', '2'}};
	struct npy_header h = {.type = NPY_UNICODE, .item_size = 12};
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(npy_text(&h, wide, 0, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "G\xc3\xa9");
	buf_clear(&b);
	assert_int_equal(npy_text(&h, wide, 1, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "\xe2\x82\xac\xf0\x9d\x84\x9ex");
	h = (struct npy_header){.type = NPY_BYTES, .item_size = 4};
	buf_clear(&b);
	assert_int_equal(npy_text(&h, narrow, 0, &b, NULL), 0);
	assert_int_equal(npy_text(&h, narrow, 1, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "GO\xc3\xa9"
					 "12");
	buf_release(&b);
}

static void texts_that_are_no_unicode_are_refused(void **state)
{
	const uint32_t bad[] = {0xd800, 0xdfff, 0x110000, 0xffffffff};
	const char *bytes[] = {
		"\xff",         "\xc0\x80",         "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xe0\x80\x80", "\xf0\x80\x80\x80", "a\x80"};
	struct npy_header h = {.type = NPY_UNICODE, .item_size = 4};
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(npy_text(&h, bad, i, &b, &err), ERR_FORMAT);
	for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
		h = (struct npy_header){.type = NPY_BYTES, .item_size = strlen(bytes[i])};
		assert_int_equal(npy_text(&h, bytes[i], 0, &b, &err), ERR_FORMAT);
	}
	h.type = NPY_F32;
	assert_int_equal(npy_text(&h, bad, 0, &b, &err), ERR_ARG);
	buf_release(&b);
}

/* ---- files ------------------------------------------------------------------------------------ */

static char dir[64];

static int make_dir(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%.40s/npy-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static const char *put_file(const char *name, const void *bytes, size_t n)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(fsio_write_file(path, bytes, n, NULL), 0);
	return path;
}

/* A `rows` x `cols` file of the type, element i holding half number i. */
static const char *put_matrix(const char *descr, uint64_t rows, uint64_t cols)
{
	const uint64_t shape[2] = {rows, cols};
	struct buf b = BUF_INIT;

	assert_int_equal(npy_write_header(&b, descr, shape, 2), 0);
	for (uint64_t i = 0; i < rows * cols; i++) {
		float f = (float)(i % 2000) / 8;
		double d = (double)f;
		uint16_t h = (uint16_t)(i % 30000);
		uint32_t swapped = __builtin_bswap32(float_bits(f));

		if (descr[2] == '2')
			buf_put(&b, &h, 2);
		else if (descr[0] == '>')
			buf_put(&b, &swapped, 4);
		else if (descr[2] == '4')
			buf_put(&b, &f, 4);
		else
			buf_put(&b, &d, 8);
	}
	assert_int_equal(buf_failed(&b), 0);
	const char *path = put_file("m.npy", b.data, b.len);

	buf_release(&b);
	return path;
}

static void rows_of_float_files_come_as_float32_in_any_order(void **state)
{
	const char *descrs[] = {"<f4", ">f4", "<f8"};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct npy_header h;
		struct npy_file *f;
		float row[300];
		/* 1.1 MiB and more: several blocks. */
		const char *path = put_matrix(descrs[k], 1000, 300);

		assert_int_equal(npy_open(&f, path, &h, NULL), 0);
		assert_int_equal(h.shape[0], 1000);
		for (size_t i = 0; i < 1000; i++) {
			size_t r = i % 2 ? i : (i * 617) % 1000;

			assert_int_equal(npy_read_row_f32(f, r, row, NULL), 0);
			for (size_t c = 0; c < 300; c++)
				assert_true(row[c] == (float)((r * 300 + c) % 2000) / 8);
		}
		assert_int_equal(npy_read_row_f32(f, 1000, row, NULL), ERR_ARG);
		npy_close(f);
	}
}

static void rows_of_half_files_come_as_their_bits(void **state)
{
	struct npy_header h;
	struct npy_file *f;
	uint16_t row[40];
	float wide[40];

	(void)state;
	assert_int_equal(npy_open(&f, put_matrix("<f2", 50, 40), &h, NULL), 0);
	for (size_t r = 50; r-- > 0;) {
		assert_int_equal(npy_read_row_f16(f, r, row, NULL), 0);
		assert_int_equal(npy_read_row_f32(f, r, wide, NULL), 0);
		for (size_t c = 0; c < 40; c++)
			assert_int_equal(row[c], r * 40 + c);
		assert_true(wide[0] > 0 || r == 0);
	}
	npy_close(f);
	assert_int_equal(npy_open(&f, put_matrix("<f4", 2, 2), &h, NULL), 0);
	assert_int_equal(npy_read_row_f16(f, 0, row, NULL), ERR_ARG);
	npy_close(f);
}

static void truncated_and_odd_files_are_refused(void **state)
{
	struct npy_header h;
	struct npy_file *f;
	struct err err = ERR_INIT;
	char file[512];
	size_t n;

	(void)state;
	n = make_file(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}", 47);
	assert_int_equal(npy_open(&f, put_file("a", file, n), &h, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "ends early"));
	n = make_file(file, "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4)}", 48);
	assert_int_equal(npy_open(&f, put_file("a", file, n), &h, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "ascontiguousarray"));
	n = make_file(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (12,)}", 48);
	assert_int_equal(npy_open(&f, put_file("a", file, n), &h, &err), ERR_FORMAT);
	n = make_file(file, "{'descr': '<i8', 'fortran_order': False, 'shape': (1, 1)}", 48);
	assert_int_equal(npy_open(&f, put_file("a", file, n), &h, &err), ERR_UNSUPPORTED);
	assert_int_equal(npy_open(&f, "/nonexistent/a.npy", &h, &err), ERR_NOTFOUND);
	assert_int_equal(npy_open(&f, dir, &h, &err), ERR_IO);
	assert_null(f);
	npy_close(NULL);
}

static void a_file_that_shrinks_while_open_is_an_error(void **state)
{
	struct npy_header h;
	struct npy_file *f;
	float row[300];
	const char *path = put_matrix("<f4", 2000, 300);

	(void)state;
	assert_int_equal(npy_open(&f, path, &h, NULL), 0);
	assert_int_equal(truncate(path, 100000), 0);
	assert_int_equal(npy_read_row_f32(f, 1900, row, NULL), ERR_FORMAT);
	npy_close(f);
}

static void empty_matrices_open(void **state)
{
	struct npy_header h;
	struct npy_file *f;
	float row[1] = {7};
	char file[256];
	size_t n = make_file(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 5)}", 0);

	(void)state;
	assert_int_equal(npy_open(&f, put_file("e", file, n), &h, NULL), 0);
	assert_int_equal(npy_read_row_f32(f, 0, row, NULL), ERR_ARG);
	npy_close(f);
	n = make_file(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 0)}", 0);
	assert_int_equal(npy_open(&f, put_file("e", file, n), &h, NULL), 0);
	assert_int_equal(npy_read_row_f32(f, 4, row, NULL), 0);
	assert_true(row[0] == 7);
	npy_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_tells_type_order_and_shape),
		cmocka_unit_test(every_known_type_is_read),
		cmocka_unit_test(other_types_are_refused_by_name),
		cmocka_unit_test(broken_headers_are_refused_with_their_offset),
		cmocka_unit_test(what_is_no_npy_is_refused),
		cmocka_unit_test(versions_2_and_3_have_longer_lengths),
		cmocka_unit_test(written_headers_are_aligned_and_read_back),
		cmocka_unit_test(texts_lose_trailing_nuls_and_become_utf8),
		cmocka_unit_test(texts_that_are_no_unicode_are_refused),
		cmocka_unit_test(rows_of_float_files_come_as_float32_in_any_order),
		cmocka_unit_test(rows_of_half_files_come_as_their_bits),
		cmocka_unit_test(truncated_and_odd_files_are_refused),
		cmocka_unit_test(a_file_that_shrinks_while_open_is_an_error),
		cmocka_unit_test(empty_matrices_open),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
