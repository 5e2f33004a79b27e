/* Text files by line, plain and gzip, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <zlib.h>

#include "pipeline/core/lines.h"
#include "tests/unit/scratch.h"

/* All lines of a reader, each between brackets; the last return value goes to *rc. */
static char *collect(struct lines *l, int *rc, struct err *err)
{
	struct buf out = BUF_INIT;
	char *text;
	size_t len;

	while ((*rc = lines_next(l, &text, &len, err)) == 1) {
		assert_int_equal(strlen(text), len);
		buf_printf(&out, "[%s]", text);
	}
	buf_puts(&out, "");
	return buf_steal(&out, NULL);
}

static void reads_as(const void *bytes, size_t n, const char *want)
{
	struct err err = ERR_INIT;
	struct lines *l;
	char *got;
	int rc;

	assert_int_equal(lines_open_memory(&l, "mem", bytes, n, &err), 0);
	got = collect(l, &rc, &err);
	assert_int_equal(rc, 0);
	assert_string_equal(got, want);
	assert_int_equal(lines_next(l, &got, &n, &err), 0); /* the end stays */
	free(got);
	lines_close(l);
}

static void line_ends_are_cut(void **state)
{
	(void)state;
	reads_as("a\nb\r\n\nc", 7, "[a][b][][c]");
	reads_as("a\n", 2, "[a]");
	reads_as("\n\r\n", 3, "[][]");
	reads_as("", 0, "");
	reads_as(NULL, 0, "");
	reads_as("a\rb\n", 4, "[a\rb]");
	reads_as("a\r", 2, "[a\r]"); /* no line end, so nothing to cut */
	reads_as("\x1f", 1, "[\x1f]");
}

static void a_byte_order_mark_is_no_text(void **state)
{
	(void)state;
	reads_as("\xef\xbb\xbfGO:1\t2\n", 10, "[GO:1\t2]");
	reads_as("\xef\xbb\xbf\r\n\xef\xbb\xbf"
		 "b",
		 9,
		 "[][\xef\xbb\xbf"
		 "b]");
	reads_as("\xef\xbb\xbf", 3, "[]");
	reads_as("\xef\xbb", 2, "[\xef\xbb]");
}

/* ---- gzip ------------------------------------------------------------------------------------- */

/* Appends one gzip member. */
static void gzip(struct buf *out, const void *bytes, size_t n)
{
	z_stream z = {0};
	char *at;

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	at = buf_reserve(out, n + 1000);
	assert_non_null(at);
	z.next_in = (unsigned char *)(uintptr_t)bytes;
	z.avail_in = (uInt)n;
	z.next_out = (unsigned char *)at;
	z.avail_out = (uInt)(n + 1000);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += n + 1000 - z.avail_out;
	deflateEnd(&z);
}

static void gzip_is_told_by_content(void **state)
{
	struct buf z = BUF_INIT;

	(void)state;
	gzip(&z, "one\ntwo", 7);
	reads_as(z.data, z.len, "[one][two]");
	buf_release(&z);
}

static void members_join_and_zeros_pad(void **state)
{
	struct buf z = BUF_INIT;

	(void)state;
	gzip(&z, "one\nt", 5);
	gzip(&z, "", 0); /* as bgzip ends its files */
	gzip(&z, "wo\n", 3);
	reads_as(z.data, z.len, "[one][two]");
	buf_put(&z, "\0\0\0\0\0", 5);
	reads_as(z.data, z.len, "[one][two]");
	buf_release(&z);
}

static int read_to_end(const void *bytes, size_t n, struct err *err)
{
	struct lines *l;
	char *got;
	int rc = lines_open_memory(&l, "f.gz", bytes, n, err);

	if (rc != 0)
		return rc;
	got = collect(l, &rc, err);
	free(got);
	lines_close(l);
	return rc;
}

static void every_truncation_is_an_error(void **state)
{
	struct buf z = BUF_INIT;
	struct err err = ERR_INIT;
	size_t first, n;

	(void)state;
	gzip(&z, "one\ntwo\nthree\n", 14);
	first = z.len;
	gzip(&z, "four\n", 5);
	for (n = 2; n < z.len; n++)
		if (n != first) { /* a whole member is a whole file */
			assert_int_equal(read_to_end(z.data, n, &err), ERR_FORMAT);
			assert_non_null(strstr(err.text, "f.gz"));
			assert_non_null(strstr(err.text, "truncated"));
		}
	assert_int_equal(read_to_end(z.data, first, &err), 0);
	buf_release(&z);
}

/* The last byte of the packed data has bits that mean nothing: there, the lines must be the same. */
static void a_flipped_bit_changes_no_line_unseen(void **state)
{
	struct buf z = BUF_INIT;
	size_t bit, seen = 0;

	(void)state;
	gzip(&z, "one\ntwo\nthree\n", 14);
	for (bit = 10 * 8; bit < z.len * 8; bit++) { /* behind the header's ten bytes */
		struct err err = ERR_INIT;
		struct lines *l;
		char *got;
		int rc;

		z.data[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(lines_open_memory(&l, "f.gz", z.data, z.len, &err), 0);
		got = collect(l, &rc, &err);
		seen += rc == ERR_FORMAT;
		if (rc == 0)
			assert_string_equal(got, "[one][two][three]");
		free(got);
		lines_close(l);
		z.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_true(seen + 7 >= (z.len - 10) * 8);
	buf_release(&z);
}

static void garbage_behind_gzip_is_an_error(void **state)
{
	struct buf z = BUF_INIT;
	struct err err = ERR_INIT;
	char want[64];

	(void)state;
	gzip(&z, "one\n", 4);
	snprintf(want, sizeof want, "garbage after the gzip data at byte %zu", z.len);
	buf_puts(&z, "plain\n");
	assert_int_equal(read_to_end(z.data, z.len, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, want));
	buf_release(&z);
}

static void lines_before_the_damage_are_given_and_counted(void **state)
{
	struct buf z = BUF_INIT;
	struct err err = ERR_INIT;
	struct lines *l;
	char *got;
	int rc;

	(void)state;
	gzip(&z, "one\ntwo\n", 8);
	gzip(&z, "three\n", 6);
	assert_int_equal(lines_open_memory(&l, "f.gz", z.data, z.len - 1, &err), 0);
	got = collect(l, &rc, &err);
	assert_int_equal(rc, ERR_FORMAT);
	assert_string_equal(got, "[one][two][three]");
	assert_non_null(strstr(err.text, "f.gz: line 4: the gzip data is truncated"));
	free(got);
	free(collect(l, &rc, &err));
	assert_int_equal(rc, ERR_FORMAT); /* a failed reader stays failed */
	lines_close(l);
	buf_release(&z);
}

/* ---- limits and places ------------------------------------------------------------------------ */

static void a_nul_byte_is_an_error_with_its_place(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(read_to_end("ok\nab\0c\n", 8, &err), ERR_FORMAT);
	assert_string_equal(err.text, "f.gz:2: NUL byte at column 3: not a text file");
	assert_int_equal(read_to_end("\0", 1, &err), ERR_FORMAT);
}

static void a_line_above_the_limit_is_an_error(void **state)
{
	struct err err = ERR_INIT;
	struct lines *l;
	char *got, want[128];
	int rc;

	(void)state;
	assert_int_equal(lines_open(&l, scratch_write("f", "12345\n123456\n", 13), 5, &err), 0);
	got = collect(l, &rc, &err);
	assert_string_equal(got, "[12345]");
	assert_int_equal(rc, ERR_LIMIT);
	snprintf(want, sizeof want, "f:2: line longer than 5 bytes");
	assert_non_null(strstr(err.text, want));
	free(got);
	lines_close(l);
}

static void a_line_across_chunks_obeys_the_limit(void **state)
{
	static char bytes[1000000];
	struct err err = ERR_INIT;
	struct lines *l;
	char *text;
	size_t len;

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	assert_int_equal(lines_open(&l, scratch_write("f", bytes, sizeof bytes), 999999, &err), 0);
	assert_int_equal(lines_next(l, &text, &len, &err), ERR_LIMIT);
	lines_close(l);
	assert_int_equal(lines_open(&l, scratch("f"), sizeof bytes, &err), 0);
	assert_int_equal(lines_next(l, &text, &len, &err), 1);
	assert_int_equal(len, sizeof bytes);
	assert_int_equal(lines_next(l, &text, &len, &err), 0);
	lines_close(l);
}

static void bad_lines_are_named_by_file_and_number(void **state)
{
	struct err err = ERR_INIT;
	struct lines *l;
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(lines_open_memory(&l, "go.obo", "a\nb\n", 4, &err), 0);
	assert_int_equal(lines_number(l), 0);
	assert_string_equal(lines_name(l), "go.obo");
	lines_next(l, &text, &len, &err);
	lines_next(l, &text, &len, &err);
	assert_int_equal(lines_number(l), 2);
	assert_int_equal(lines_bad(l, &err, "no tag in \"%s\"", text), ERR_FORMAT);
	assert_string_equal(err.text, "go.obo:2: no tag in \"b\"");
	lines_close(l);
	lines_close(NULL);
}

static void what_cannot_be_opened_is_named(void **state)
{
	struct err err = ERR_INIT;
	struct lines *l;

	(void)state;
	assert_int_equal(lines_open(&l, scratch("none"), 0, &err), ERR_NOTFOUND);
	assert_null(l);
	assert_non_null(strstr(err.text, "none"));
	assert_int_equal(lines_open(&l, scratch_dir, 0, &err), ERR_IO);
	assert_null(l);
}

/* Lines of lengths around the sizes of the buffers, plain and packed, must come back as written. */
static void lines_of_every_size_survive_the_buffers(void **state)
{
	static const size_t near[] = {0, 1, 65535, 65536, 65537, 262143, 262144, 262145, 3};
	struct buf all = BUF_INIT, packed = BUF_INIT;
	const char *paths[2];
	size_t p, i, j, len;

	(void)state;
	for (i = 0; i < 4 * sizeof near / sizeof near[0]; i++) {
		for (j = 0; j < near[i % 9] + i / 9; j++)
			buf_putc(&all, (char)('a' + (i + j) % 26));
		buf_puts(&all, i % 2 ? "\r\n" : "\n");
	}
	gzip(&packed, all.data, all.len / 2);
	gzip(&packed, all.data + all.len / 2, all.len - all.len / 2);
	paths[0] = scratch_write("plain", all.data, all.len);
	paths[1] = scratch_write("packed", packed.data, packed.len);
	for (p = 0; p < 2; p++) {
		struct err err = ERR_INIT;
		struct lines *l;
		char *text;

		assert_int_equal(lines_open(&l, paths[p], 0, &err), 0);
		for (i = 0; i < 4 * sizeof near / sizeof near[0]; i++) {
			assert_int_equal(lines_next(l, &text, &len, &err), 1);
			assert_int_equal(len, near[i % 9] + i / 9);
			for (j = 0; j < len; j++)
				if (text[j] != (char)('a' + (i + j) % 26))
					fail_msg("%s line %zu byte %zu", paths[p], i + 1, j);
			assert_int_equal(text[len], 0);
		}
		assert_int_equal(lines_next(l, &text, &len, &err), 0);
		assert_int_equal(lines_number(l), i);
		lines_close(l);
	}
	buf_release(&all);
	buf_release(&packed);
}

static void a_line_is_split_in_place(void **state)
{
	char text[] = "a\t\tb\tc", one[] = "abc", none[] = "";
	char *f[4];

	(void)state;
	assert_int_equal(lines_split(text, '\t', f, 3), 3);
	assert_string_equal(f[0], "a");
	assert_string_equal(f[1], "");
	assert_string_equal(f[2], "b\tc");
	assert_int_equal(lines_split(one, '\t', f, 4), 1);
	assert_string_equal(f[0], "abc");
	assert_int_equal(lines_split(none, '\t', f, 4), 1);
	assert_string_equal(f[0], "");
	assert_int_equal(lines_split(one, '\t', f, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends_are_cut),
		cmocka_unit_test(a_byte_order_mark_is_no_text),
		cmocka_unit_test(gzip_is_told_by_content),
		cmocka_unit_test(members_join_and_zeros_pad),
		cmocka_unit_test(every_truncation_is_an_error),
		cmocka_unit_test(a_flipped_bit_changes_no_line_unseen),
		cmocka_unit_test(garbage_behind_gzip_is_an_error),
		cmocka_unit_test(lines_before_the_damage_are_given_and_counted),
		cmocka_unit_test(a_nul_byte_is_an_error_with_its_place),
		cmocka_unit_test(a_line_above_the_limit_is_an_error),
		cmocka_unit_test(a_line_across_chunks_obeys_the_limit),
		cmocka_unit_test(bad_lines_are_named_by_file_and_number),
		cmocka_unit_test(what_cannot_be_opened_is_named),
		cmocka_unit_test(lines_of_every_size_survive_the_buffers),
		cmocka_unit_test(a_line_is_split_in_place),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
