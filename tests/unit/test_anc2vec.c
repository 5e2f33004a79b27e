/* anc2vec: archives of every kind NumPy and people write, look-ups, and the arithmetic of spec 4.8
 * against NumPy (tests/golden/vectors.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pipeline/anc2vec/anc2vec.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/half.h"
#include "pipeline/core/npz.h"
#include "tests/golden/vectors.h"
#include "tests/unit/numbers.h"

static char dir[64], path[128];

static int make_dir(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%.40s/a2v-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/archive", dir);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static int open_text(struct anc2vec **a, const char *text, struct err *err)
{
	assert_int_equal(fsio_write_file(path, text, strlen(text), NULL), 0);
	return anc2vec_open(a, path, err);
}

static void refused(const char *text, const char *place)
{
	struct anc2vec *a;
	struct err err = ERR_INIT;

	assert_int_equal(open_text(&a, text, &err), ERR_FORMAT);
	assert_null(a);
	if (!strstr(err.text, place))
		fail_msg("'%s' does not name '%s'", err.text, place);
}

/* ---- archives --------------------------------------------------------------------------------- */

static void a_tsv_gives_vectors_by_go_id(void **state)
{
	struct anc2vec *a;

	(void)state;
	assert_int_equal(
		open_text(&a, "# made by hand\nGO:2\t1\t-2.5\t1e-3\r\n\nGO:1\t4\t5\t6\n", NULL), 0);
	assert_int_equal(anc2vec_count(a), 2);
	assert_int_equal(anc2vec_dim(a), 3);
	assert_string_equal(anc2vec_release(a), "");
	assert_string_equal(anc2vec_term(a, 0), "GO:1");
	assert_string_equal(anc2vec_term(a, 1), "GO:2");
	assert_true(anc2vec_find(a, "GO:2")[1] == -2.5f);
	assert_true(anc2vec_find(a, "GO:2")[2] == 1e-3f);
	assert_true(anc2vec_find(a, "GO:1")[0] == 4.0f);
	assert_null(anc2vec_find(a, "GO:3"));
	assert_null(anc2vec_find(a, ""));
	anc2vec_close(a);
}

static void the_last_of_equal_go_ids_wins(void **state)
{
	struct anc2vec *a;

	(void)state;
	assert_int_equal(open_text(&a, "GO:1\t1\nGO:2\t2\nGO:1\t3\n", NULL), 0);
	assert_int_equal(anc2vec_count(a), 2);
	assert_true(anc2vec_find(a, "GO:1")[0] == 3.0f);
	assert_true(anc2vec_find(a, "GO:2")[0] == 2.0f);
	anc2vec_close(a);
}

static void a_broken_tsv_is_refused_with_its_line(void **state)
{
	(void)state;
	refused("", "no term vector");
	refused("# nothing\n", "no term vector");
	refused("GO:1\n", ":1:");
	refused("GO:1\t1\t2\nGO:2\t1\n", ":2:");
	refused("GO:1\t1\nGO:2\t1\t2\n", ":2:");
	refused("go_id\tx\n", ":1:");
	refused("GO:1\t1\nGO:2\t\n", ":2:");
	refused("GO:1\t1\t\n", ":1:");
	refused("GO:1\t1x\n", ":1:");
	refused("\t1\n", ":1:");
	refused("GO:1\tnan\n", "GO:1");
	refused("GO:1\t1\nGO:2\t-inf\n", "GO:2");
	refused("GO:1\t1e39\n", "too large");
}

static void a_missing_file_or_folder_is_told(void **state)
{
	struct anc2vec *a;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(anc2vec_open(&a, "/nonexistent/a.npz", &err), ERR_NOTFOUND);
	assert_int_equal(anc2vec_open(&a, dir, &err), ERR_IO);
	assert_null(a);
	anc2vec_close(NULL);
}

static void archives_of_numpy_open(void **state)
{
	struct anc2vec *a;
	struct err err = ERR_INIT;

	(void)state;
	/* Four go_ids, two rows. */
	assert_int_equal(anc2vec_open(&a, "tests/golden/npz/unicode.npz", &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "4 go_ids but 2 rows"));
	assert_int_equal(anc2vec_open(&a, "tests/golden/npz/fortran.npz", &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "go_ids and embeddings"));
	assert_int_equal(anc2vec_open(&a, "tests/golden/npz/object_numbers.npz", &err),
			 ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "astype('U')"));
	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? "tests/golden/npz/anc2vec_f8_object.npz"
				     : "tests/golden/npz/anc2vec_f2_unicode.npz";

		assert_int_equal(anc2vec_open(&a, name, &err), 0);
		assert_int_equal(anc2vec_count(a), 3);
		assert_int_equal(anc2vec_dim(a), 4);
		assert_string_equal(anc2vec_release(a), i ? "" : "2020-10-06");
		assert_string_equal(anc2vec_term(a, 0), "GO:0003674");
		assert_true(anc2vec_find(a, "GO:0008150")[3] == 3.25f);
		assert_true(anc2vec_find(a, "GO:0005575")[0] == -8.0f);
		anc2vec_close(a);
	}
}

/* An archive of `n` texts of 4 characters and rows x cols numbers. */
static int open_made(const char *const *ids, size_t n, uint64_t rows, uint64_t cols, float value,
		     struct err *err)
{
	uint32_t chars[16] = {0};
	float values[16];
	const uint64_t shape[2] = {rows, cols}, count[1] = {n};
	struct npz_out *z;
	struct anc2vec *a;

	for (size_t i = 0; i < 16; i++)
		values[i] = value;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; ids[i][k]; k++)
			chars[4 * i + k] = (unsigned char)ids[i][k];
	}
	assert_int_equal(npz_create(&z, path, NULL), 0);
	assert_int_equal(npz_add(z, "go_ids", "<U4", count, 1, chars, n * 16, NULL), 0);
	assert_int_equal(npz_add(z, "embeddings", "<f4", shape, 2, values, rows * cols * 4, NULL),
			 0);
	assert_int_equal(npz_commit(z, NULL), 0);
	int rc = anc2vec_open(&a, path, err);

	anc2vec_close(a);
	return rc;
}

static void archives_that_make_no_sense_are_refused(void **state)
{
	const char *const ids[2] = {"GO:1", "GO:2"}, *const holes[2] = {"GO:1", ""};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(open_made(ids, 2, 2, 3, 1, &err), 0);
	assert_int_equal(open_made(ids, 2, 3, 3, 1, &err), ERR_FORMAT);
	assert_int_equal(open_made(ids, 2, 2, 0, 1, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "dimension 0"));
	assert_int_equal(open_made(ids, 0, 0, 3, 1, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "no term vector"));
	assert_int_equal(open_made(ids, 0, 0, 0, 1, &err), ERR_FORMAT);
	assert_int_equal(open_made(ids, 2, 2, 3, NAN, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "GO:1"));
	assert_int_equal(open_made(ids, 2, 2, 3, -INFINITY, &err), ERR_FORMAT);
	assert_int_equal(open_made(holes, 2, 2, 3, 1, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "entry 1"));
}

static void written_archives_are_read_back(void **state)
{
	const char *const ids[3] = {"GO:0000002", "GO:\xc3\xa9", "GO:1"};
	const float v[6] = {1, 2, 3, 4, 5, 6};
	struct anc2vec *a;

	(void)state;
	assert_int_equal(anc2vec_write_npz(path, ids, v, 3, 2, "releases/2013-07", NULL), 0);
	assert_int_equal(anc2vec_open(&a, path, NULL), 0);
	assert_int_equal(anc2vec_count(a), 3);
	assert_string_equal(anc2vec_release(a), "releases/2013-07");
	assert_string_equal(anc2vec_term(a, 2), ids[1]);
	for (size_t i = 0; i < 3; i++)
		assert_memory_equal(anc2vec_find(a, ids[i]), v + 2 * i, 8);
	anc2vec_close(a);
	assert_int_equal(anc2vec_write_npz(path, ids, v, 3, 2, NULL, NULL), 0);
	assert_int_equal(anc2vec_open(&a, path, NULL), 0);
	assert_string_equal(anc2vec_release(a), "");
	anc2vec_close(a);
	assert_true(anc2vec_write_npz("/nonexistent/x.npz", ids, v, 3, 2, NULL, NULL) < 0);
}

/* ---- arithmetic ------------------------------------------------------------------------------- */

#define N_ROWS 12
#define DIM    200

static float unit[N_ROWS][DIM], centroid[DIM];
static const float *unit_rows[N_ROWS];

static void make_units(void)
{
	uint64_t seed = 21;

	for (size_t r = 0; r < N_ROWS; r++) {
		float raw[DIM];

		for (size_t i = 0; i < DIM; i++)
			raw[i] = half_to_float(
				half_from_double(matrix_value(splitmix(&seed), i, DIM)));
		assert_int_equal(anc2vec_unit(raw, DIM, unit[r]), 1);
		unit_rows[r] = unit[r];
	}
	assert_int_equal(anc2vec_centroid(unit_rows, N_ROWS, DIM, centroid), 1);
}

static void unit_vectors_and_centroids_equal_numpys_bit_for_bit(void **state)
{
	uint64_t h = FNV_START;

	(void)state;
	make_units();
	for (size_t r = 0; r < N_ROWS; r++) {
		for (size_t i = 0; i < DIM; i++)
			h = fnv_word(h, float_bits(unit[r][i]));
	}
	assert_true(h == GOLDEN_UNITS);
	for (size_t i = 0; i < 8; i++)
		assert_true(centroid[i] == golden_centroid_first[i]);
	h = FNV_START;
	for (size_t i = 0; i < DIM; i++)
		h = fnv_word(h, float_bits(centroid[i]));
	assert_true(h == GOLDEN_CENTROID);
}

static void cosines_are_the_exact_sums_rounded_once(void **state)
{
	double many[N_ROWS];

	(void)state;
	make_units();
	anc2vec_dot_many(centroid, unit_rows, N_ROWS, DIM, many);
	for (size_t r = 0; r < N_ROWS; r++) {
		/* Long double sums were rounded for the golden value: the two agree here. */
		assert_true(many[r] == (double)golden_cosines[r]);
		assert_true(many[r] == anc2vec_dot(unit[r], centroid, DIM));
	}
}

static void vectors_without_a_norm_have_no_unit(void **state)
{
	const float zero[3] = {0, -0.0f, 0}, tiny[3] = {1e-30f, 1e-30f, -1e-30f};
	const float up[2] = {1, 0}, down[2] = {-1, 0};
	const float *opposite[2] = {up, down}, *one[1] = {up};
	float u[3];

	(void)state;
	assert_int_equal(anc2vec_unit(zero, 3, u), 0);
	assert_int_equal(anc2vec_unit(tiny, 3, u), 0);
	assert_int_equal(anc2vec_centroid(NULL, 0, 3, u), 0);
	assert_int_equal(anc2vec_centroid(opposite, 2, 2, u), 0);
	assert_int_equal(anc2vec_centroid(one, 1, 2, u), 1);
	assert_true(u[0] == 1.0f && u[1] == 0.0f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tsv_gives_vectors_by_go_id),
		cmocka_unit_test(the_last_of_equal_go_ids_wins),
		cmocka_unit_test(a_broken_tsv_is_refused_with_its_line),
		cmocka_unit_test(a_missing_file_or_folder_is_told),
		cmocka_unit_test(archives_of_numpy_open),
		cmocka_unit_test(archives_that_make_no_sense_are_refused),
		cmocka_unit_test(written_archives_are_read_back),
		cmocka_unit_test(unit_vectors_and_centroids_equal_numpys_bit_for_bit),
		cmocka_unit_test(cosines_are_the_exact_sums_rounded_once),
		cmocka_unit_test(vectors_without_a_norm_have_no_unit),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
