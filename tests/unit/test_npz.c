/* core/npz and core/pickle: archives that NumPy wrote (tests/golden/npz, made by make_npz.py), hostile
 * ones, and archives of our own read back. */
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
#include "pipeline/core/npz.h"
#include "pipeline/core/pickle.h"
#include "tests/unit/numbers.h"

#define GOLDEN "tests/golden/npz/"

static const char *const ids[4] = {"GO:0008150", "GO:0003674", "GO:0005575",
				   "GO:\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e"};
static const float grid[6] = {1.5f, -2.25f, 3.0f, 65504.0f, 0x1p-24f, -0.0f};

static char dir[64];

static int make_dir(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%.40s/npz-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static struct npz *open_golden(const char *name)
{
	struct npz *z;
	char path[128];
	struct err err = ERR_INIT;

	snprintf(path, sizeof path, GOLDEN "%s", name);
	assert_int_equal(npz_open(&z, path, &err), 0);
	return z;
}

struct texts {
	char text[4096][16];
	uint64_t n;
};

static int collect(void *ctx, uint64_t index, const char *text, size_t len, struct err *err)
{
	struct texts *t = ctx;

	(void)err;
	assert_int_equal(index, t->n);
	assert_true(len < sizeof t->text[0]);
	memcpy(t->text[t->n], text, len);
	t->text[t->n++][len] = '\0';
	return 0;
}

static int read_texts(const char *archive, const char *member, struct texts *t, struct err *err)
{
	struct npz *z = open_golden(archive);
	uint64_t count;

	memset(t, 0, sizeof *t);
	int rc = npz_read_texts(z, member, collect, t, &count, err);

	if (rc == 0)
		assert_int_equal(count, t->n);
	npz_close(z);
	return rc;
}

static void check_ids(const char *archive)
{
	static struct texts t;
	struct err err = ERR_INIT;

	assert_int_equal(read_texts(archive, "go_ids", &t, &err), 0);
	assert_int_equal(t.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(t.text[i], ids[i]);
}

static void check_grid(const char *archive, const char *member)
{
	struct npz *z = open_golden(archive);
	float *v;
	uint64_t rows, cols;

	assert_int_equal(npz_read_floats(z, member, &v, &rows, &cols, NULL), 0);
	assert_int_equal(rows, 2);
	assert_int_equal(cols, 3);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(float_bits(v[i]), float_bits(grid[i]));
	free(v);
	npz_close(z);
}

static void fixed_width_texts_are_read(void **state)
{
	static struct texts t;

	(void)state;
	check_ids("unicode.npz");
	check_ids("deflated.npz");
	check_ids("big_endian.npz");
	assert_int_equal(read_texts("bytes.npz", "go_ids", &t, NULL), 0);
	assert_int_equal(t.n, 3);
	assert_string_equal(t.text[0], "GO:0008150");
	assert_string_equal(t.text[1], "");
	assert_string_equal(t.text[2], "GO:3");
	assert_int_equal(read_texts("unicode.npz", "ontology_release", &t, NULL), 0);
	assert_int_equal(t.n, 1);
	assert_string_equal(t.text[0], "2020-10-06");
}

static void floats_of_every_width_order_and_byte_order_are_read(void **state)
{
	struct npz *z = open_golden("fortran.npz");
	uint64_t rows, cols;
	float *v;

	(void)state;
	check_grid("unicode.npz", "embeddings");
	check_grid("deflated.npz", "embeddings");
	check_grid("bytes.npz", "embeddings");
	check_grid("big_endian.npz", "f2");
	check_grid("big_endian.npz", "f4");
	check_grid("big_endian.npz", "f8");
	check_grid("fortran.npz", "f4");
	check_grid("fortran.npz", "f8");
	assert_int_equal(npz_read_floats(z, "vector", &v, &rows, &cols, NULL), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(cols, 3);
	free(v);
	npz_close(z);
}

static void pickled_texts_of_every_protocol_are_read(void **state)
{
	static struct texts t;

	(void)state;
	check_ids("object_p2.npz");
	check_ids("object_p3.npz");
	check_ids("object_p4.npz");
	check_ids("object_p5.npz");
	check_ids("object_numpy2.npz");
	assert_int_equal(read_texts("object_scalar.npz", "ontology_release", &t, NULL), 0);
	assert_string_equal(t.text[0], "2020-10-06");
}

static void pickled_numpy_strings_are_read(void **state)
{
	static struct texts t;

	(void)state;
	for (int protocol = 2; protocol <= 5; protocol++) {
		char name[32];

		snprintf(name, sizeof name, "scalars_p%d.npz", protocol);
		assert_int_equal(read_texts(name, "go_ids", &t, NULL), 0);
		assert_int_equal(t.n, 2);
		assert_string_equal(t.text[0], "GO:1");
		assert_string_equal(t.text[1], "GO:22");
	}
}

static void long_pickles_come_in_batches_and_recall_shared_texts(void **state)
{
	static struct texts t;
	char want[16];

	(void)state;
	assert_int_equal(read_texts("object_many.npz", "go_ids", &t, NULL), 0);
	assert_int_equal(t.n, 2500);
	for (unsigned i = 0; i < 2500; i++) {
		snprintf(want, sizeof want, "GO:%07u", i);
		assert_string_equal(t.text[i], want);
	}
	assert_int_equal(read_texts("object_shared.npz", "go_ids", &t, NULL), 0);
	assert_int_equal(t.n, 600);
	for (size_t i = 0; i < 600; i++)
		assert_string_equal(t.text[i], ids[i % 2]);
}

static void pickles_of_anything_else_are_refused_with_the_remedy(void **state)
{
	const char *const names[] = {"object_numbers.npz", "object_call.npz"};
	static struct texts t;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct err err = ERR_INIT;

		assert_int_equal(read_texts(names[i], "go_ids", &t, &err), ERR_UNSUPPORTED);
		assert_non_null(strstr(err.text, "astype('U')"));
		assert_non_null(strstr(err.text, names[i]));
		assert_int_equal(t.n, 0);
	}
	assert_int_equal(read_texts("object_matrix.npz", "go_ids", &t, NULL), ERR_FORMAT);
}

static int pickle_of(const char *bytes, size_t n, uint64_t n_items, struct err *err)
{
	static struct texts t;

	memset(&t, 0, sizeof t);
	return pickle_texts("p", (const unsigned char *)bytes, n, 1, n_items, collect, &t, err);
}
#define PICKLE(literal) pickle_of("\x80\x03" literal, sizeof(literal) + 1, 2, &err)

static void hostile_opcodes_are_refused(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PICKLE("cos\nsystem\nX\x02\0\0\0ls\x85R."), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("\x8c\x02os\x8c\x06system\x93."), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("cnumpy\nndarray\n)R."), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("i"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("}."), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("N."), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("."), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("R"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("\x87"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("t"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("(\x85"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("q\x00"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("Nr\xff\xff\xff\xff"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("h\x00"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("]]"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("]Na"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("]X\x01\0\0\0xaX\x01\0\0\0xaX\x01\0\0\0xa"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("X\x02\0\0\0\xc0\x80"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("X\xff\xff\xff\xff"), ERR_FORMAT);
	assert_int_equal(PICKLE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_FORMAT);
	assert_int_equal(PICKLE("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("\x95\xff\0\0\0\0\0\0\0"), ERR_FORMAT);
	assert_int_equal(PICKLE("cnumpy"), ERR_FORMAT);
	assert_int_equal(PICKLE("cnumpy\nndar"), ERR_FORMAT);
	assert_int_equal(PICKLE("Nb"), ERR_UNSUPPORTED);
	assert_int_equal(PICKLE("N)b"), ERR_UNSUPPORTED);
	assert_int_equal(pickle_of("\x80\x06N.", 4, 2, &err), ERR_UNSUPPORTED);
	assert_int_equal(pickle_of("\x80\x03", 2, UINT64_MAX, &err), ERR_FORMAT);
}

static void a_pickle_cut_anywhere_is_refused(void **state)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (int protocol = 2; protocol <= 5; protocol++) {
		char path[64];

		snprintf(path, sizeof path, "tests/fuzz/corpus/pickle/str_p%d", protocol);
		buf_clear(&b);
		assert_int_equal(fsio_read_all(path, 1 << 20, &b, &err), 0);
		assert_int_equal(pickle_of(b.data + 2, b.len - 2, 4, &err), 0);
		assert_int_equal(pickle_of(b.data + 2, b.len - 2, 3, &err), ERR_UNSUPPORTED);
		assert_int_equal(pickle_of(b.data + 2, b.len - 2, 5, &err), ERR_UNSUPPORTED);
		for (size_t n = 0; n < b.len - 2; n++)
			assert_true(pickle_of(b.data + 2, n, 4, &err) < 0);
	}
	buf_release(&b);
}

static void missing_members_and_limits_are_told(void **state)
{
	struct npz *z = open_golden("bomb.npz");
	struct npy_header h;
	unsigned char *bytes;
	const unsigned char *data;
	struct err err = ERR_INIT;

	(void)state;
	assert_true(npz_has(z, "go_ids"));
	assert_false(npz_has(z, "go_id"));
	assert_int_equal(npz_read(z, "absent", 100, &h, &bytes, &data, &err), ERR_NOTFOUND);
	assert_int_equal(npz_read(z, "go_ids", 1 << 20, &h, &bytes, &data, &err), ERR_LIMIT);
	assert_null(bytes);
	assert_int_equal(npz_read(z, "go_ids", 13 << 20, &h, &bytes, &data, &err), 0);
	assert_int_equal(h.n_items, 3000000);
	assert_ptr_equal(data, bytes + h.data_offset);
	free(bytes);
	npz_close(z);
}

static void the_wrong_kind_of_array_is_told(void **state)
{
	static struct texts t;
	struct npz *z = open_golden("unicode.npz");
	uint64_t rows, cols;
	float *v;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(npz_read_floats(z, "go_ids", &v, &rows, &cols, &err), ERR_UNSUPPORTED);
	assert_int_equal(npz_read_floats(z, "absent", &v, &rows, &cols, &err), ERR_NOTFOUND);
	npz_close(z);
	assert_int_equal(read_texts("fortran.npz", "vector", &t, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "astype('U')"));
	assert_int_equal(read_texts("unicode.npz", "embeddings", &t, &err), ERR_FORMAT);
}

static void files_that_are_no_archive_are_refused(void **state)
{
	struct npz *z;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(npz_open(&z, "/nonexistent.npz", &err), ERR_NOTFOUND);
	assert_int_equal(npz_open(&z, "tests/golden/make_npz.py", &err), ERR_FORMAT);
	assert_true(npz_open(&z, dir, &err) < 0);
	assert_int_equal(npz_open_memory(&z, "m", "PK", 2, &err), ERR_FORMAT);
	assert_null(z);
	npz_close(NULL);
}

static void an_archive_cut_or_changed_anywhere_never_reads_as_whole(void **state)
{
	struct buf b = BUF_INIT;
	struct npz *z;
	uint64_t rows, cols;
	float *v;

	(void)state;
	assert_int_equal(fsio_read_all(GOLDEN "deflated.npz", 1 << 20, &b, NULL), 0);
	for (size_t n = 0; n < b.len; n++) {
		if (npz_open_memory(&z, "cut", b.data, n, NULL) < 0)
			continue;
		assert_true(npz_read_floats(z, "embeddings", &v, &rows, &cols, NULL) < 0);
		npz_close(z);
	}
	/* The CRC guards the data: no flip gives other numbers. */
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] = (char)(b.data[i] ^ 0x10);
		if (npz_open_memory(&z, "flip", b.data, b.len, NULL) == 0) {
			if (npz_read_floats(z, "embeddings", &v, &rows, &cols, NULL) == 0) {
				for (size_t k = 0; k < 6; k++)
					assert_true(v[k] == grid[k]);
				free(v);
			}
			npz_close(z);
		}
		b.data[i] = (char)(b.data[i] ^ 0x10);
	}
	buf_release(&b);
}

static void write_archive(const char *path)
{
	const uint64_t shape[2] = {2, 3};
	const uint32_t text[4] = {'a', 0xe9, 0, 0};
	struct npz_out *z;

	assert_int_equal(npz_create(&z, path, NULL), 0);
	assert_int_equal(npz_add(z, "grid", "<f4", shape, 2, grid, sizeof grid, NULL), 0);
	assert_int_equal(npz_add(z, "text", "<U2", shape, 1, text, sizeof text, NULL), 0);
	assert_int_equal(npz_commit(z, NULL), 0);
}

static void archives_of_our_own_are_read_back(void **state)
{
	static struct texts t;
	struct npz *z;
	uint64_t rows, cols, count;
	float *v;
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/own.npz", dir);
	write_archive(path);
	assert_int_equal(npz_open(&z, path, NULL), 0);
	assert_int_equal(npz_read_floats(z, "grid", &v, &rows, &cols, NULL), 0);
	assert_int_equal(rows * 10 + cols, 23);
	assert_memory_equal(v, grid, sizeof grid);
	free(v);
	memset(&t, 0, sizeof t);
	assert_int_equal(npz_read_texts(z, "text", collect, &t, &count, NULL), 0);
	assert_string_equal(t.text[0], "a\xc3\xa9");
	assert_string_equal(t.text[1], "");
	npz_close(z);
}

static void equal_arrays_give_equal_bytes_at_any_time(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/same.npz", dir);
	write_archive(path);
	assert_int_equal(fsio_read_all(path, 1 << 20, &a, NULL), 0);
	sleep(2); /* stamps of ZIP have a step of two seconds */
	write_archive(path);
	assert_int_equal(fsio_read_all(path, 1 << 20, &b, NULL), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	buf_release(&a);
	buf_release(&b);
}

static void an_aborted_or_failed_archive_leaves_no_file(void **state)
{
	const uint64_t shape[1] = {6};
	struct npz_out *z;
	char path[128], name[300];
	struct err err = ERR_INIT;

	(void)state;
	snprintf(path, sizeof path, "%s/none.npz", dir);
	assert_int_equal(npz_create(&z, path, &err), 0);
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(npz_add(z, name, "<f4", shape, 1, grid, sizeof grid, &err), ERR_ARG);
	npz_abort(z);
	assert_false(fsio_exists(path));
	assert_int_equal(npz_create(&z, "/nonexistent/none.npz", &err), 0);
	assert_int_equal(npz_add(z, "grid", "<f4", shape, 1, grid, sizeof grid, &err), 0);
	assert_true(npz_commit(z, &err) < 0);
	npz_abort(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_width_texts_are_read),
		cmocka_unit_test(floats_of_every_width_order_and_byte_order_are_read),
		cmocka_unit_test(pickled_texts_of_every_protocol_are_read),
		cmocka_unit_test(pickled_numpy_strings_are_read),
		cmocka_unit_test(long_pickles_come_in_batches_and_recall_shared_texts),
		cmocka_unit_test(pickles_of_anything_else_are_refused_with_the_remedy),
		cmocka_unit_test(hostile_opcodes_are_refused),
		cmocka_unit_test(a_pickle_cut_anywhere_is_refused),
		cmocka_unit_test(missing_members_and_limits_are_told),
		cmocka_unit_test(the_wrong_kind_of_array_is_told),
		cmocka_unit_test(files_that_are_no_archive_are_refused),
		cmocka_unit_test(an_archive_cut_or_changed_anywhere_never_reads_as_whole),
		cmocka_unit_test(archives_of_our_own_are_read_back),
		cmocka_unit_test(equal_arrays_give_equal_bytes_at_any_time),
		cmocka_unit_test(an_aborted_or_failed_archive_leaves_no_file),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
