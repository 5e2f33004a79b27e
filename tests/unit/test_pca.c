/* pca: the scatter matrix against the plain triple loop, fits against NumPy (tests/golden/vectors.h),
 * independence of threads, states on disk. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/half.h"
#include "pipeline/core/npz.h"
#include "pipeline/core/simd.h"
#include "pipeline/pca/pca.h"
#include "pipeline/pca/pca_internal.h"
#include "pipeline/pca/pca_scores.h"
#include "tests/golden/vectors.h"
#include "tests/unit/numbers.h"

static char dir[64], path[128];

static int make_dir(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%.40s/pca-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/state.npz", dir);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static uint16_t *make_matrix(uint64_t seed, size_t rows, size_t dim)
{
	uint16_t *m = malloc(rows * dim * sizeof *m);

	assert_non_null(m);
	for (size_t i = 0; i < rows * dim; i++)
		m[i] = half_from_double(matrix_value(splitmix(&seed), i % dim, dim));
	return m;
}

static struct pca fit(const uint16_t *rows, size_t n, size_t dim, size_t n_workers)
{
	struct pca p;
	struct err err = ERR_INIT;

	assert_int_equal(pca_fit(&p, rows, n, dim, n_workers, &err), 0);
	assert_int_equal(p.dim, dim);
	return p;
}

/* ---- scatter ---------------------------------------------------------------------------------- */

static const char *const level_name[SIMD_LEVELS] = {"portable", "avx2", "avx512"};

/* The nearest double of at most 26 significant bits, by shifting integers. */
static double cut_26(double v)
{
	int exponent;
	double m = frexp(v, &exponent); /* 0.5 <= |m| < 1 */

	return ldexp(nearbyint(ldexp(m, 26)), exponent - 26);
}

/* One accumulator per element, rows in order; products of 26 bits by 26 bits are exact. */
static double plain_element(const struct pca_rows *x, size_t a, size_t b)
{
	double shift_a = nearbyint(ldexp(x->mean[a], 24)) / 0x1p24;
	double shift_b = nearbyint(ldexp(x->mean[b], 24)) / 0x1p24;
	volatile double sum = 0.0, off;

	for (size_t r = 0; r < x->n; r++) {
		const uint16_t *row = pca_row(x, r);
		volatile double product = cut_26((double)half_to_float(row[a]) - shift_a) *
					  cut_26((double)half_to_float(row[b]) - shift_b);

		sum = sum + product;
	}
	off = (double)x->n * (x->mean[a] - shift_a);
	off = off * (x->mean[b] - shift_b);
	sum = sum - off;
	return sum;
}

static void check_scatter(size_t rows, size_t dim, size_t n_workers)
{
	uint16_t *m = make_matrix(rows + dim, rows, dim);
	uint32_t *sample = malloc(rows * sizeof *sample);
	double *mean = malloc(dim * sizeof *mean), *got = malloc(dim * dim * sizeof *got);
	struct pca_rows x = {.rows = m, .sample = sample, .n = rows, .dim = dim, .mean = mean};

	assert_true(sample && mean && got);
	for (size_t i = 0; i < rows; i++)
		sample[i] = (uint32_t)(rows - 1 - i);
	for (size_t i = 0; i < dim; i++)
		mean[i] = (double)(i % 5) - 1.999;
	assert_int_equal(pca_scatter(&x, n_workers, got, NULL), 0);
	for (size_t a = 0; a < dim; a++) {
		for (size_t b = 0; b < dim; b++)
			assert_true(double_bits(got[a * dim + b]) ==
				    double_bits(plain_element(&x, a, b)));
	}
	free(m);
	free(sample);
	free(mean);
	free(got);
}

static void the_scatter_matrix_has_the_bits_of_the_plain_loop(void **state)
{
	(void)state;
	for (enum simd_level l = SIMD_PORTABLE; l <= simd_offered(); l++) {
		setenv("PROTEA_SIMD", level_name[l], 1);
		simd_reread();
		check_scatter(1, 1, 1);
		check_scatter(130, 7, 1);
		check_scatter(128, 96, 2);
		check_scatter(129, 97, 3);
		check_scatter(513, 95, 2);
		check_scatter(1030, 50, 2);
		check_scatter(20, 270, 7);
	}
	unsetenv("PROTEA_SIMD");
	simd_reread();
}

/* Means far from 0 and rows of all magnitudes: what 26 bits cannot hold is rounded alike everywhere. */
static void magnitudes_far_apart_change_no_bit_between_levels(void **state)
{
	enum { ROWS = 200, DIM = 60 };
	uint16_t *m = malloc(ROWS * DIM * sizeof *m);
	double mean[DIM], *first = malloc(DIM * DIM * sizeof *first);
	double *got = malloc(DIM * DIM * sizeof *got);
	struct pca_rows x = {.rows = m, .n = ROWS, .dim = DIM, .mean = mean};
	uint64_t seed = 5;

	(void)state;
	assert_true(m && first && got);
	for (size_t i = 0; i < ROWS * DIM; i++) {
		do
			m[i] = (uint16_t)splitmix(&seed);
		while (!half_is_finite(m[i]));
	}
	for (size_t i = 0; i < DIM; i++)
		mean[i] = ldexp((double)(splitmix(&seed) >> 11), -40 - (int)(i % 20));
	for (enum simd_level l = SIMD_PORTABLE; l <= simd_offered(); l++) {
		setenv("PROTEA_SIMD", level_name[l], 1);
		simd_reread();
		assert_int_equal(pca_scatter(&x, 2, got, NULL), 0);
		if (l == SIMD_PORTABLE)
			memcpy(first, got, DIM * DIM * sizeof *got);
		assert_memory_equal(first, got, DIM * DIM * sizeof *got);
		for (size_t a = 0; a < DIM; a++)
			assert_true(double_bits(got[a * DIM + 7]) ==
				    double_bits(plain_element(&x, a, 7)));
	}
	unsetenv("PROTEA_SIMD");
	simd_reread();
	free(m);
	free(first);
	free(got);
}

/* ---- fits ------------------------------------------------------------------------------------- */

static void check_near(const char *what, const float *got, const float *want, size_t n,
		       double tolerance)
{
	for (size_t i = 0; i < n; i++) {
		if (!(fabs((double)got[i] - (double)want[i]) <= tolerance))
			fail_msg("%s[%zu] is %.9g, not %.9g", what, i, (double)got[i],
				 (double)want[i]);
	}
}

/* Eigenvectors of two float64 solvers agree to about 1e-12 here, so that their float32 roundings are at
 * most one step of 2^-24 apart. */
static void check_fit(uint64_t seed, size_t rows, size_t dim, size_t k, const float *mean,
		      const float *components, const float *scores)
{
	uint16_t *m = make_matrix(seed, rows, dim);
	struct pca p = fit(m, rows, dim, 2);
	static const uint32_t first[5] = {0, 1, 2, 3, 4};
	struct pca_scores got;

	assert_int_equal(p.n_components, k);
	check_near("mean", p.mean, mean, dim, 1.2e-7);
	check_near("components", p.components, components, k * dim, 6.1e-8);
	assert_int_equal(pca_scores_make(&got, &p, m, first, 5, 1, NULL), 0);
	for (size_t r = 0; r < 5; r++)
		for (size_t j = 0; j < k; j++)
			assert_true(fabs(got.score[r * PCA_COMPONENTS + j] -
					 (double)scores[r * k + j]) < 2e-6);
	pca_scores_release(&got);
	pca_release(&p);
	free(m);
}

static void a_pool_is_fitted_as_numpy_fits_it(void **state)
{
	(void)state;
	check_fit(31, 400, 40, 16, golden_small_mean, golden_small_components, golden_small_scores);
}

static void a_tiny_pool_has_fewer_components(void **state)
{
	(void)state;
	check_fit(32, 6, 20, 5, golden_tiny_mean, golden_tiny_components, golden_tiny_scores);
}

static void a_large_pool_is_sampled_as_numpy_samples_it(void **state)
{
	(void)state;
	check_fit(33, 50200, 6, 6, golden_sampled_mean, golden_sampled_components,
		  golden_sampled_scores);
}

static void one_row_has_a_mean_and_no_component(void **state)
{
	uint16_t *m = make_matrix(5, 1, 9);
	struct pca p = fit(m, 1, 9, 1);

	(void)state;
	assert_int_equal(p.n_components, 0);
	for (size_t i = 0; i < 9; i++)
		assert_true(p.mean[i] == half_to_float(m[i]));
	pca_release(&p);
	free(m);
}

static void an_empty_pool_is_refused(void **state)
{
	const uint16_t m[1] = {0};
	struct pca p;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pca_fit(&p, m, 0, 4, 1, &err), ERR_ARG);
	assert_int_equal(pca_fit(&p, m, 4, 0, 1, &err), ERR_ARG);
	pca_release(&p);
}

static void the_greatest_entry_of_each_component_is_positive(void **state)
{
	uint16_t *m = make_matrix(77, 500, 64);
	struct pca p = fit(m, 500, 64, 1);

	(void)state;
	for (size_t j = 0; j < p.n_components; j++) {
		const float *c = p.components + j * 64;
		size_t best = 0;

		for (size_t i = 1; i < 64; i++)
			best = fabsf(c[i]) > fabsf(c[best]) ? i : best;
		assert_true(c[best] > 0);
	}
	pca_release(&p);
	free(m);
}

static void the_number_of_threads_changes_no_bit(void **state)
{
	uint16_t *m = make_matrix(78, 700, 300);
	struct pca one = fit(m, 700, 300, 1);

	(void)state;
	for (size_t w = 0; w <= 9; w += 3) {
		struct pca p = fit(m, 700, 300, w);

		assert_memory_equal(p.mean, one.mean, 300 * sizeof(float));
		assert_memory_equal(p.components, one.components,
				    PCA_COMPONENTS * 300 * sizeof(float));
		pca_release(&p);
	}
	pca_release(&one);
	free(m);
}

static void a_fit_stops_on_request(void **state)
{
	uint16_t *m = make_matrix(80, 100, 20);
	struct pca p;
	struct err err = ERR_INIT;

	(void)state;
	cancel_request(15);
	assert_int_equal(pca_fit(&p, m, 100, 20, 1, &err), ERR_CANCELLED);
	cancel_reset();
	assert_null(p.mean);
	free(m);
}

static void the_memory_plan_grows_with_its_inputs(void **state)
{
	(void)state;
	/* At least the matrix; and the sample for pools that are sampled. */
	assert_true(pca_memory_needed(1000, 1024, 1) > 1024 * 1024 * 8);
	assert_true(pca_memory_needed(1000, 1024, 4) > pca_memory_needed(1000, 1024, 1));
	assert_true(pca_memory_needed(500000, 1024, 1) >
		    pca_memory_needed(1000, 1024, 1) + 500000 * 4);
	assert_true(pca_memory_needed(0, 8, 1) > 0);
}

/* ---- states ----------------------------------------------------------------------------------- */

static struct pca_fingerprint fingerprint_of(uint64_t n_rows, uint64_t dim)
{
	struct pca_fingerprint f = {.n_rows = n_rows, .dim = dim};

	memset(f.accessions_sha256, 'a', 64);
	return f;
}

static void a_saved_state_loads_for_the_same_pool_only(void **state)
{
	uint16_t *m = make_matrix(90, 50, 30);
	struct pca p = fit(m, 50, 30, 1), q;
	struct pca_fingerprint f = fingerprint_of(50, 30), other;

	(void)state;
	assert_int_equal(pca_load(&q, path, &f, NULL), PCA_ABSENT);
	assert_int_equal(pca_save(&p, path, &f, NULL), 0);
	assert_int_equal(pca_load(&q, path, &f, NULL), PCA_LOADED);
	assert_int_equal(q.dim, 30);
	assert_int_equal(q.n_components, 16);
	assert_memory_equal(q.mean, p.mean, 30 * sizeof(float));
	assert_memory_equal(q.components, p.components, 16 * 30 * sizeof(float));
	pca_release(&q);
	other = fingerprint_of(51, 30);
	assert_int_equal(pca_load(&q, path, &other, NULL), PCA_STALE);
	other = fingerprint_of(50, 31);
	assert_int_equal(pca_load(&q, path, &other, NULL), PCA_STALE);
	other = f;
	other.accessions_sha256[63] = 'b';
	assert_int_equal(pca_load(&q, path, &other, NULL), PCA_STALE);
	assert_null(q.mean);
	f.accessions_sha256[0] = '\0';
	assert_int_equal(pca_save(&p, path, &f, NULL), ERR_INTERNAL);
	pca_release(&p);
	free(m);
}

static void a_state_without_components_is_kept_too(void **state)
{
	uint16_t *m = make_matrix(91, 1, 3);
	struct pca p = fit(m, 1, 3, 1), q;
	struct pca_fingerprint f = fingerprint_of(1, 3);

	(void)state;
	assert_int_equal(pca_save(&p, path, &f, NULL), 0);
	assert_int_equal(pca_load(&q, path, &f, NULL), PCA_LOADED);
	assert_int_equal(q.n_components, 0);
	assert_int_equal(q.dim, 3);
	pca_release(&q);
	pca_release(&p);
	free(m);
}

static void a_state_of_the_original_is_foreign(void **state)
{
	struct pca_fingerprint f = fingerprint_of(100, 5);
	struct err err = ERR_INIT;
	struct pca p;

	(void)state;
	assert_int_equal(pca_load(&p, "tests/golden/npz/pca_original.npz", &f, &err),
			 PCA_LOADED_FOREIGN);
	assert_int_equal(p.n_components, 16);
	assert_true(p.mean[4] == 4.0f);
	assert_true(p.components[15 * 5 + 4] == 79.0f);
	pca_release(&p);
	f.dim = 6;
	assert_int_equal(pca_load(&p, "tests/golden/npz/pca_original.npz", &f, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "dimension 6"));
	assert_null(p.mean);
}

static void save_parts(const char *const *members, size_t n, float value, size_t components)
{
	const uint64_t shape[2] = {components, 3};
	const int64_t number = 3;
	float values[60];
	struct npz_out *z;

	for (size_t i = 0; i < 60; i++)
		values[i] = value;
	assert_int_equal(npz_create(&z, path, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		int rc;

		if (strcmp(members[i], "mean") == 0)
			rc = npz_add(z, "mean", "<f4", shape + 1, 1, values, 12, NULL);
		else if (strcmp(members[i], "components") == 0)
			rc = npz_add(z, "components", "<f4", shape, 2, values, 12 * components,
				     NULL);
		else
			rc = npz_add(z, members[i], "<i8", NULL, 0, &number, 8, NULL);
		assert_int_equal(rc, 0);
	}
	assert_int_equal(npz_commit(z, NULL), 0);
}

static void broken_states_are_refused(void **state)
{
	const char *const parts[] = {"mean", "components", "pool_rows", "pool_dim",
				     "pool_accessions_sha256"};
	struct pca_fingerprint f = fingerprint_of(3, 3);
	struct err err = ERR_INIT;
	struct pca p;

	(void)state;
	save_parts(parts, 2, 1, 2);
	assert_int_equal(pca_load(&p, path, &f, &err), PCA_LOADED_FOREIGN);
	pca_release(&p);
	save_parts(parts, 1, 1, 2);
	assert_int_equal(pca_load(&p, path, &f, &err), ERR_FORMAT);
	save_parts(parts, 2, NAN, 2);
	assert_int_equal(pca_load(&p, path, &f, &err), ERR_FORMAT);
	save_parts(parts, 2, 1, 17);
	assert_int_equal(pca_load(&p, path, &f, &err), ERR_FORMAT);
	save_parts(parts, 3, 1, 2);
	assert_int_equal(pca_load(&p, path, &f, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "part of a fingerprint"));
	save_parts(parts, 5, 1, 2); /* the digest is a number */
	assert_true(pca_load(&p, path, &f, &err) < 0);
	assert_int_equal(fsio_write_file(path, "x", 1, NULL), 0);
	assert_int_equal(pca_load(&p, path, &f, &err), ERR_FORMAT);
	assert_null(p.mean);
	assert_int_equal(fsio_remove(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scatter_matrix_has_the_bits_of_the_plain_loop),
		cmocka_unit_test(magnitudes_far_apart_change_no_bit_between_levels),
		cmocka_unit_test(a_pool_is_fitted_as_numpy_fits_it),
		cmocka_unit_test(a_tiny_pool_has_fewer_components),
		cmocka_unit_test(a_large_pool_is_sampled_as_numpy_samples_it),
		cmocka_unit_test(one_row_has_a_mean_and_no_component),
		cmocka_unit_test(an_empty_pool_is_refused),
		cmocka_unit_test(the_greatest_entry_of_each_component_is_positive),
		cmocka_unit_test(the_number_of_threads_changes_no_bit),
		cmocka_unit_test(a_fit_stops_on_request),
		cmocka_unit_test(the_memory_plan_grows_with_its_inputs),
		cmocka_unit_test(a_saved_state_loads_for_the_same_pool_only),
		cmocka_unit_test(a_state_without_components_is_kept_too),
		cmocka_unit_test(a_state_of_the_original_is_foreign),
		cmocka_unit_test(broken_states_are_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
