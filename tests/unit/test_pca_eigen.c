/* The eigenproblem of the PCA: products and rows against plain loops at every vector length, leading
 * vectors by what they must be (lengths, right angles, what the matrix leaves of them) on matrices whose
 * spectra are known, equal and close eigenvalues among them, and against LAPACK. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/simd.h"
#include "pipeline/pca/pca_internal.h"
#include "pipeline/pca/pca_panel.h"
#include "pipeline/pca/pca_sym.h"
#include "tests/unit/numbers.h"

#define K PCA_COMPONENTS

static const char *const level_name[SIMD_LEVELS] = {"portable", "avx2", "avx512"};

static void use_level(enum simd_level l)
{
	setenv("PROTEA_SIMD", level_name[l], 1);
	simd_reread();
}

static void use_all_levels(void)
{
	unsetenv("PROTEA_SIMD");
	simd_reread();
}

static double random_value(uint64_t *seed)
{
	return (double)(splitmix(seed) >> 11) * 0x1p-52 - 1.0;
}

static double *doubles(size_t n)
{
	double *p = calloc(n ? n : 1, sizeof *p);

	assert_non_null(p);
	return p;
}

static double *random_doubles(uint64_t seed, size_t n)
{
	double *p = doubles(n);

	for (size_t i = 0; i < n; i++)
		p[i] = random_value(&seed);
	return p;
}

/* ---- kernels ---------------------------------------------------------------------------------- */

static void check_panel(size_t n_rows, size_t n, size_t row, size_t column)
{
	double *panel = random_doubles(n, n * PCA_PANEL);
	double *f = random_doubles(n + 7, n_rows * row + n * column + 1);
	double *got = random_doubles(3, n_rows * PCA_PANEL);

	pca_panel_add(got, n_rows, (struct pca_factor){f, row, column}, panel, n);
	uint64_t seed = 3;

	for (size_t r = 0; r < n_rows; r++) {
		for (size_t c = 0; c < PCA_PANEL; c++) {
			volatile double sum = random_value(&seed), product;

			for (size_t j = 0; j < n; j++) {
				product = f[r * row + j * column] * panel[j * PCA_PANEL + c];
				sum = sum + product;
			}
			assert_true(double_bits(got[r * PCA_PANEL + c]) == double_bits(sum));
		}
	}
	free(panel);
	free(f);
	free(got);
}

static void products_with_a_panel_have_the_bits_of_plain_sums(void **state)
{
	(void)state;
	for (enum simd_level l = SIMD_PORTABLE; l <= simd_offered(); l++) {
		use_level(l);
		for (size_t rows = 0; rows < 10; rows++) {
			check_panel(rows, 0, 1, 1);
			check_panel(rows, 1, 16, 0);
			check_panel(rows, 255, 300, 1);
			check_panel(rows, 515, 1, 16);
		}
	}
	use_all_levels();
}

static double lanes_sum(const double *products, size_t n)
{
	volatile double lane[8] = {0}, rest = 0.0, a, b;

	for (size_t i = 0; i < n; i++) {
		if (i < n - n % 8)
			lane[i % 8] = lane[i % 8] + products[i];
		else
			rest = rest + products[i];
	}
	a = lane[0] + lane[4];
	b = lane[2] + lane[6];
	a = a + b;
	b = lane[1] + lane[5];
	lane[3] = lane[3] + lane[7];
	b = b + lane[3];
	a = a + b;
	a = a + rest;
	return a;
}

static void check_step(size_t n)
{
	double *row = random_doubles(n, n), *sums = random_doubles(n + 1, n);
	double *x = random_doubles(n + 2, n), *y = random_doubles(n + 3, n);
	double *v = random_doubles(n + 4, n), *products = doubles(n), *want = doubles(2 * n);
	struct pca_step step = {row, sums, x, y, v, 0.3, -1.7, 2.9};

	for (size_t i = 0; i < n; i++) {
		volatile double a = 0.3 * x[i], b = -1.7 * y[i], element, more;

		a = a + b;
		element = row[i] - a;
		more = 2.9 * element;
		more = sums[i] + more;
		want[i] = element;
		want[n + i] = more;
		products[i] = element * v[i];
	}
	double got = pca_step_row(&step, n);

	assert_true(double_bits(got) == double_bits(lanes_sum(products, n)));
	assert_memory_equal(row, want, n * sizeof *row);
	assert_memory_equal(sums, want + n, n * sizeof *sums);
	for (size_t i = 0; i < n; i++)
		products[i] = x[i] * y[i];
	assert_true(double_bits(pca_dot(x, y, n)) == double_bits(lanes_sum(products, n)));
	free(row);
	free(sums);
	free(x);
	free(y);
	free(v);
	free(products);
	free(want);
}

static void rows_of_a_reduction_have_the_bits_of_plain_loops(void **state)
{
	(void)state;
	for (enum simd_level l = SIMD_PORTABLE; l <= simd_offered(); l++) {
		use_level(l);
		for (size_t n = 0; n < 40; n++)
			check_step(n);
	}
	use_all_levels();
}

/* ---- what leading vectors are ----------------------------------------------------------------- */

/* Lengths 1, right angles, A v = value v with the wanted values, all within some units of the norm's last
 * place; values NULL: only that they fall. */
static void check_vectors(const double *a, size_t n, size_t k, const double *vectors,
			  const double *values, double norm)
{
	double unit = DBL_EPSILON * (norm > 0 ? norm : 1.0), last = INFINITY;

	for (size_t j = 0; j < k; j++) {
		const double *v = vectors + j * n;
		double left = 0.0, value = 0.0, *image = doubles(n);

		for (size_t i = 0; i <= j; i++) {
			double angle = pca_dot(v, vectors + i * n, n) - (i == j ? 1.0 : 0.0);

			if (!(fabs(angle) < 1e-13))
				fail_msg("vectors %zu and %zu of %zu: %g", i, j, n, angle);
		}
		for (size_t i = 0; i < n; i++) {
			image[i] = pca_dot(a + i * n, v, n);
			value += image[i] * v[i];
		}
		for (size_t i = 0; i < n; i++)
			left += (image[i] - value * v[i]) * (image[i] - value * v[i]);
		if (!(sqrt(left) <= 500 * unit))
			fail_msg("vector %zu of %zu leaves %g units", j, n, sqrt(left) / unit);
		if (values && !(fabs(value - values[j]) <= 500 * unit))
			fail_msg("value %zu of %zu is %.17g, not %.17g", j, n, value, values[j]);
		assert_true(value <= last + 500 * unit);
		last = value;
		free(image);
	}
}

/* diag(values) turned by reflections, so that values are known: rows of H … H diag H … H. */
static double *turned(const double *values, size_t n, uint64_t seed)
{
	double *a = doubles(n * n);

	for (size_t i = 0; i < n; i++)
		a[i * n + i] = values[i];
	for (int turn = 0; turn < 3; turn++) {
		double *v = random_doubles(seed + (uint64_t)turn, n), *av = doubles(n);
		double length = pca_dot(v, v, n), both = 0.0;

		for (size_t i = 0; i < n; i++)
			av[i] = pca_dot(a + i * n, v, n) * 2 / length;
		both = pca_dot(v, av, n) * 2 / length;
		for (size_t i = 0; i < n; i++) {
			for (size_t j = 0; j < n; j++)
				a[i * n + j] += both * v[i] * v[j] - v[i] * av[j] - av[i] * v[j];
		}
		free(v);
		free(av);
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++)
			a[i * n + j] = a[j * n + i];
	}
	return a;
}

static int descending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a < b) - (a > b);
}

static void check_spectrum(double *values, size_t n)
{
	size_t k = n < K ? n : K;
	double *a = turned(values, n, n), *copy = doubles(n * n), *vectors = doubles(k * n);
	double found[K], norm = 0.0;

	qsort(values, n, sizeof *values, descending);
	for (size_t i = 0; i < n; i++)
		norm = fabs(values[i]) > norm ? fabs(values[i]) : norm;
	memcpy(copy, a, n * n * sizeof *a);
	assert_int_equal(pca_sym_leading(copy, n, k, found, vectors, NULL), 0);
	check_vectors(a, n, k, vectors, values, norm);
	for (size_t i = 0; i < k; i++)
		assert_true(fabs(found[i] - values[i]) <= 500 * DBL_EPSILON * norm);
	memcpy(copy, a, n * n * sizeof *a);
	memset(vectors, 0xff, k * n * sizeof *vectors);
	assert_int_equal(pca_eigenvectors(copy, n, k, 2, vectors, NULL), 0);
	check_vectors(a, n, k, vectors, values, norm);
	free(a);
	free(copy);
	free(vectors);
}

/* Small ones go the direct way, those of 500 columns by a growing basis. */
static void known_spectra_are_found(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 17, 60, 500};

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t n = sizes[s];
		double *values = doubles(n);
		uint64_t seed = n;

		for (size_t i = 0; i < n; i++)
			values[i] = 1000.0 / (double)((i + 1) * (i + 1));
		check_spectrum(values, n);
		for (size_t i = 0; i < n; i++)
			values[i] =
				random_value(&seed); /* flat: no basis of half the vectors does */
		check_spectrum(values, n);
		free(values);
	}
}

static void equal_and_close_eigenvalues_have_vectors_of_their_own(void **state)
{
	static const size_t sizes[] = {20, 60, 450};

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t n = sizes[s];
		double *values = doubles(n);

		for (size_t i = 0; i < n; i++)
			values[i] = i < 12 ? 7.0 : 1.0 / (double)i; /* twelve times the same */
		check_spectrum(values, n);
		for (size_t i = 0; i < n; i++)
			values[i] = i < 18 ? 7.0 : 1.0; /* more often than vectors are wanted */
		check_spectrum(values, n);
		for (size_t i = 0; i < n; i++)
			values[i] = i < 10   ? 3.0 + (double)i * 1e-15
				    : i < 14 ? 2.0 + 1e-9 * (double)i
					     : 0.0;
		check_spectrum(values, n); /* and a rank below what is wanted */
		for (size_t i = 0; i < n; i++)
			values[i] = -1.0;
		check_spectrum(values, n);
		memset(values, 0, n * sizeof *values);
		check_spectrum(values, n);
		free(values);
	}
}

/* Wilkinson's W+: pairs that agree to the last place, though no element beside the diagonal is small. */
static void pairs_of_a_tridiagonal_matrix_are_told_apart(void **state)
{
	enum { N = 101 };
	double diag[N], off[N], values[K], *vectors = doubles(K * N), *a = doubles(N * N);

	(void)state;
	for (size_t i = 0; i < N; i++) {
		diag[i] = fabs((double)i - 50);
		off[i] = 1.0;
		a[i * N + i] = diag[i];
		if (i + 1 < N)
			a[i * N + i + 1] = a[(i + 1) * N + i] = 1.0;
	}
	assert_int_equal(pca_tridiag_leading(diag, off, N, K, values, vectors, NULL), 0);
	check_vectors(a, N, K, vectors, values, 52);
	assert_true(values[0] - values[1] <= 1e-13 && values[1] - values[2] > 0.1);
	/* Falls apart: all beside the diagonal 0. */
	memset(off, 0, sizeof off);
	for (size_t i = 0; i < N; i++) {
		memset(a + i * N, 0, N * sizeof *a);
		a[i * N + i] = diag[i];
	}
	assert_int_equal(pca_tridiag_leading(diag, off, N, K, values, vectors, NULL), 0);
	check_vectors(a, N, K, vectors, values, 52);
	free(vectors);
	free(a);
}

static void magnitudes_at_the_ends_of_the_range_do_no_harm(void **state)
{
	enum { N = 40 };
	static const int exponents[] = {-1000, -600, 0, 600, 1000};
	double values[N];

	(void)state;
	for (size_t i = 0; i < N; i++)
		values[i] = 1.0 / (double)(i + 1);
	for (size_t e = 0; e < sizeof exponents / sizeof *exponents; e++) {
		double *a = turned(values, N, 1), *copy = doubles(N * N);
		double *vectors = doubles(K * N), found[K];

		for (size_t i = 0; i < N * N; i++)
			copy[i] = ldexp(a[i], exponents[e]);
		assert_int_equal(pca_sym_leading(copy, N, K, found, vectors, NULL), 0);
		check_vectors(a, N, K, vectors, values, 1.0);
		for (size_t i = 0; i < K; i++)
			assert_true(fabs(ldexp(found[i], -exponents[e]) - values[i]) < 1e-13);
		free(a);
		free(copy);
		free(vectors);
	}
}

/* ---- the same bits everywhere ----------------------------------------------------------------- */

/* A scatter matrix of `rank` factors of falling weight and a floor. */
static double *scatter(size_t n, size_t rank, uint64_t seed)
{
	double *f = random_doubles(seed, rank * n), *a = doubles(n * n);

	for (size_t r = 0; r < rank; r++) {
		for (size_t i = 0; i < n; i++) {
			for (size_t j = 0; j < n; j++)
				a[i * n + j] += f[r * n + i] * f[r * n + j] / (double)(r + 1);
		}
	}
	for (size_t i = 0; i < n; i++)
		a[i * n + i] += 0.01 * (double)i;
	free(f);
	return a;
}

static void neither_processor_nor_threads_change_a_bit(void **state)
{
	static const size_t sizes[] = {5, 48, 300, 600};

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t n = sizes[s], k = n < K ? n : K;
		double *a = scatter(n, 30, n), *copy = doubles(n * n);
		double *first = doubles(k * n), *vectors = doubles(k * n);

		for (enum simd_level l = SIMD_PORTABLE; l <= simd_offered(); l++) {
			use_level(l);
			for (size_t workers = 1; workers <= 5; workers += 2) {
				memcpy(copy, a, n * n * sizeof *a);
				assert_int_equal(
					pca_eigenvectors(copy, n, k, workers, vectors, NULL), 0);
				if (l == SIMD_PORTABLE && workers == 1)
					memcpy(first, vectors, k * n * sizeof *first);
				assert_memory_equal(first, vectors, k * n * sizeof *first);
			}
		}
		use_all_levels();
		check_vectors(a, n, k, first, NULL, 40.0 * (double)n);
		free(a);
		free(copy);
		free(first);
		free(vectors);
	}
}

static void a_growing_basis_stops_where_it_should(void **state)
{
	enum { N = 600 };
	double *a = scatter(N, 30, 1), *vectors = doubles(K * N), *flat = random_doubles(2, N);

	(void)state;
	assert_int_equal(pca_krylov_leading(a, N, K, 1, vectors, NULL), 1);
	check_vectors(a, N, K, vectors, NULL, 40.0 * N);
	assert_int_equal(pca_krylov_leading(a, 60, K, 1, vectors, NULL), 0); /* too small for it */
	free(a);
	a = turned(flat, N, 3);
	assert_int_equal(pca_krylov_leading(a, N, K, 1, vectors, NULL), 0);
	free(a);
	free(vectors);
	free(flat);
}

static void both_ways_stop_on_request(void **state)
{
	enum { N = 400 };
	double *a = scatter(N, 30, 1), *vectors = doubles(K * N), values[K];
	struct err err = ERR_INIT;

	(void)state;
	cancel_request(15);
	assert_int_equal(pca_krylov_leading(a, N, K, 1, vectors, &err), ERR_CANCELLED);
	assert_int_equal(pca_sym_leading(a, N, K, values, vectors, &err), ERR_CANCELLED);
	cancel_reset();
	free(a);
	free(vectors);
}

/* ---- LAPACK ----------------------------------------------------------------------------------- */

/* Fortran: everything by address; the lengths of the letters come last. */
void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
	    double *work, const int *lwork, int *info, size_t jobz_len, size_t uplo_len);

static void check_lapack(size_t n)
{
	int side = (int)n, info = 1, lwork = 64 * side;
	double *a = scatter(n, 30, n + 1), *theirs = doubles(n * n), *ours = doubles(K * n);
	double *values = doubles(n), *work = doubles((size_t)lwork);

	memcpy(theirs, a, n * n * sizeof *a);
	dsyev_("V", "L", &side, theirs, &side, values, work, &lwork, &info, 1, 1);
	assert_int_equal(info, 0);
	assert_int_equal(pca_eigenvectors(a, n, K, 1, ours, NULL), 0);
	for (size_t j = 0; j < K; j++) {
		const double *v = ours + j * n, *w = theirs + (n - 1 - j) * n;
		double sign = pca_dot(v, w, n) < 0 ? -1.0 : 1.0;

		for (size_t i = 0; i < n; i++)
			assert_true(fabs(v[i] - sign * w[i]) < 1e-11);
	}
	free(a);
	free(theirs);
	free(ours);
	free(values);
	free(work);
}

static void the_vectors_are_those_of_lapack(void **state)
{
	(void)state;
	check_lapack(16);
	check_lapack(100);
	check_lapack(420);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products_with_a_panel_have_the_bits_of_plain_sums),
		cmocka_unit_test(rows_of_a_reduction_have_the_bits_of_plain_loops),
		cmocka_unit_test(known_spectra_are_found),
		cmocka_unit_test(equal_and_close_eigenvalues_have_vectors_of_their_own),
		cmocka_unit_test(pairs_of_a_tridiagonal_matrix_are_told_apart),
		cmocka_unit_test(magnitudes_at_the_ends_of_the_range_do_no_harm),
		cmocka_unit_test(neither_processor_nor_threads_change_a_bit),
		cmocka_unit_test(a_growing_basis_stops_where_it_should),
		cmocka_unit_test(both_ways_stop_on_request),
		cmocka_unit_test(the_vectors_are_those_of_lapack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
