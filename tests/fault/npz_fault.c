/* Every allocation of reading and writing npy and npz files fails once: the call says so, leaves
 * nothing behind, and succeeds when it is not disturbed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/npz.h"
#include "pipeline/core/pcg64.h"
#include "tests/fault/fault.h"

#define MAX_ALLOCATIONS 1000

static char dir[64], path[128];

static int make_dir(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%.40s/npzf-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/out.npz", dir);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

/* Runs `fn` with the 1st, 2nd, … allocation failing until none does. */
static void fail_each(int (*fn)(struct err *err))
{
	size_t n = 0;
	int fired = 1;

	while (fired) {
		struct err err = ERR_INIT;

		fault_arm(++n);
		int rc = fn(&err);

		fired = fault_fired();
		fault_disarm();
		if (fired) {
			assert_int_equal(rc, ERR_NOMEM);
			assert_int_equal(err.code, ERR_NOMEM);
		} else {
			assert_int_equal(rc, 0);
		}
		assert_true(n < MAX_ALLOCATIONS);
	}
	assert_true(n > 1);
}

static int count_text(void *ctx, uint64_t index, const char *text, size_t len, struct err *err)
{
	size_t *n = ctx;

	(void)index;
	(void)text;
	(void)err;
	*n += len > 0;
	return 0;
}

static int read_texts(const char *archive, struct err *err)
{
	struct npz *z;
	uint64_t count;
	size_t n = 0;
	int rc = npz_open(&z, archive, err);

	if (rc < 0)
		return rc;
	rc = npz_read_texts(z, "go_ids", count_text, &n, &count, err);
	npz_close(z);
	if (rc == 0)
		assert_int_equal(n, count);
	return rc;
}

static int read_pickle(struct err *err)
{
	return read_texts("tests/golden/npz/object_many.npz", err);
}

static int read_scalars(struct err *err)
{
	return read_texts("tests/golden/npz/scalars_p2.npz", err);
}

static int read_fixed(struct err *err)
{
	return read_texts("tests/golden/npz/unicode.npz", err);
}

static int read_floats(struct err *err)
{
	struct npz *z;
	uint64_t rows, cols;
	float *v;
	int rc = npz_open(&z, "tests/golden/npz/fortran.npz", err);

	if (rc < 0)
		return rc;
	rc = npz_read_floats(z, "f8", &v, &rows, &cols, err);
	npz_close(z);
	if (rc == 0)
		free(v);
	else
		assert_null(v);
	return rc;
}

static int write_archive(struct err *err)
{
	const uint64_t shape[1] = {3};
	const float v[3] = {1, 2, 3};
	struct npz_out *z;
	int rc = npz_create(&z, path, err);

	if (rc < 0)
		return rc;
	rc = npz_add(z, "v", "<f4", shape, 1, v, sizeof v, err);
	if (rc == 0)
		return npz_commit(z, err);
	npz_abort(z);
	return rc;
}

static int read_rows(struct err *err)
{
	struct npy_header h;
	struct npy_file *f;
	float row[3];
	int rc = npy_open(&f, "tests/fuzz/corpus/npy/f4_big", &h, err);

	if (rc < 0)
		return rc;
	rc = npy_read_row_f32(f, 1, row, err);
	npy_close(f);
	return rc;
}

static int draw_sample(struct err *err)
{
	uint32_t out[10];
	struct pcg64 g;

	pcg64_seed(&g, 1);
	return pcg64_sample(&g, 1000, 10, out) < 0 ? err_nomem(err, "a sample") : 0;
}

static void reading_pickled_texts_fails_cleanly(void **state)
{
	(void)state;
	fail_each(read_pickle);
	fail_each(read_scalars);
}

static void reading_fixed_texts_fails_cleanly(void **state)
{
	(void)state;
	fail_each(read_fixed);
}

static void reading_floats_fails_cleanly(void **state)
{
	(void)state;
	fail_each(read_floats);
}

static void reading_rows_fails_cleanly(void **state)
{
	(void)state;
	fail_each(read_rows);
}

static void drawing_a_sample_fails_cleanly(void **state)
{
	(void)state;
	fail_each(draw_sample);
}

static void writing_fails_cleanly_and_leaves_no_file(void **state)
{
	size_t n = 0;
	int fired = 1;

	(void)state;
	while (fired) {
		struct err err = ERR_INIT;

		assert_int_equal(fsio_remove(path), 0);
		fault_arm(++n);
		int rc = write_archive(&err);

		fired = fault_fired();
		fault_disarm();
		assert_int_equal(rc, fired ? ERR_NOMEM : 0);
		assert_int_equal(fsio_exists(path), !fired);
		assert_true(n < MAX_ALLOCATIONS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_pickled_texts_fails_cleanly),
		cmocka_unit_test(reading_fixed_texts_fails_cleanly),
		cmocka_unit_test(reading_floats_fails_cleanly),
		cmocka_unit_test(reading_rows_fails_cleanly),
		cmocka_unit_test(drawing_a_sample_fails_cleanly),
		cmocka_unit_test(writing_fails_cleanly_and_leaves_no_file),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
