/* pca_scores: projections of many rows against the plain double loop of the rule (spec 4.9), bit by bit, for
 * every vector length, number of threads and choice of rows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/half.h"
#include "pipeline/core/simd.h"
#include "pipeline/pca/pca_scores.h"
#include "tests/unit/numbers.h"

#define ROWS 700

static const char *const level_name[SIMD_LEVELS] = {"portable", "avx2", "avx512"};

/* A state and rows of any finite bits, so that sums round at every step. */
struct made {
	struct pca p;
	uint16_t *values;
};

static struct made make(size_t dim, size_t k, uint64_t seed)
{
	struct made m = {.p = {.dim = dim, .n_components = k}};

	m.values = malloc(ROWS * dim * sizeof *m.values);
	m.p.mean = malloc(dim * sizeof *m.p.mean);
	m.p.components = malloc((k ? k : 1) * dim * sizeof *m.p.components);
	assert_true(m.values && m.p.mean && m.p.components);
	for (size_t i = 0; i < ROWS * dim; i++) {
		do
			m.values[i] = (uint16_t)splitmix(&seed);
		while (!half_is_finite(m.values[i]));
	}
	for (size_t i = 0; i < dim; i++)
		m.p.mean[i] = (float)matrix_value(splitmix(&seed), i, dim);
	for (size_t i = 0; i < k * dim; i++)
		m.p.components[i] = (float)matrix_value(splitmix(&seed), i % dim, dim);
	return m;
}

static void drop(struct made *m)
{
	free(m->values);
	pca_release(&m->p);
}

static double plain_score(const struct made *m, size_t row, size_t j)
{
	volatile double sum = 0.0;
	size_t dim = m->p.dim;

	for (size_t i = 0; i < dim; i++) {
		volatile float off = half_to_float(m->values[row * dim + i]) - m->p.mean[i];

		sum = sum + (double)off * (double)m->p.components[j * dim + i];
	}
	return (double)(float)sum;
}

static void check_scores(const struct made *m, const struct pca_scores *s, const uint32_t *rows,
			 size_t n)
{
	assert_int_equal(s->n, n);
	for (size_t r = 0; r < n; r++) {
		const double *got = pca_scores_of(s, rows[r]);

		assert_non_null(got);
		for (size_t j = 0; j < PCA_COMPONENTS; j++) {
			if (j >= m->p.n_components)
				assert_true(isnan(got[j]));
			else if (double_bits(got[j]) != double_bits(plain_score(m, rows[r], j)))
				fail_msg("score %zu of row %u is %a, not %a", j, rows[r], got[j],
					 plain_score(m, rows[r], j));
		}
	}
}

static size_t every(uint32_t step, uint32_t rows[ROWS])
{
	size_t n = 0;

	for (uint32_t r = 0; r < ROWS; r += step)
		rows[n++] = r;
	return n;
}

static void check_shape(size_t dim, size_t k, uint32_t step)
{
	struct made m = make(dim, k, 1000 * dim + k);
	uint32_t rows[ROWS];
	size_t n = every(step, rows);

	for (enum simd_level l = SIMD_PORTABLE; l <= simd_offered(); l++) {
		setenv("PROTEA_SIMD", level_name[l], 1);
		simd_reread();
		for (size_t workers = 0; workers <= 3; workers += 3) {
			struct pca_scores s;

			assert_int_equal(
				pca_scores_make(&s, &m.p, m.values, rows, n, workers, NULL), 0);
			check_scores(&m, &s, rows, n);
			pca_scores_release(&s);
		}
	}
	unsetenv("PROTEA_SIMD");
	simd_reread();
	drop(&m);
}

static void scores_are_the_float64_sums_rounded_once(void **state)
{
	(void)state;
	check_shape(700, 16, 3);
	check_shape(256, 16, 7);
	check_shape(257, 15, 41);
	check_shape(1, 1, 1);
	check_shape(40, 5, 300); /* three rows */
}

/* Blocks of rows begin elsewhere when the choice differs: the scores do not. */
static void the_choice_of_rows_changes_no_bit(void **state)
{
	struct made m = make(300, 16, 9);
	struct pca_scores all, one;
	uint32_t rows[ROWS];

	(void)state;
	assert_int_equal(pca_scores_make(&all, &m.p, m.values, rows, every(1, rows), 2, NULL), 0);
	for (uint32_t r = 0; r < ROWS; r += 13) {
		assert_int_equal(pca_scores_make(&one, &m.p, m.values, &r, 1, 1, NULL), 0);
		assert_memory_equal(one.score, pca_scores_of(&all, r),
				    PCA_COMPONENTS * sizeof(double));
		pca_scores_release(&one);
	}
	pca_scores_release(&all);
	drop(&m);
}

static void rows_that_were_not_asked_for_are_not_there(void **state)
{
	static const uint32_t rows[] = {3, 4, 9};
	struct made m = make(20, 4, 3);
	struct pca_scores s;

	(void)state;
	assert_int_equal(pca_scores_make(&s, &m.p, m.values, rows, 3, 1, NULL), 0);
	for (uint32_t r = 0; r < 12; r++)
		assert_true(!pca_scores_of(&s, r) == !(r == 3 || r == 4 || r == 9));
	pca_scores_release(&s);
	assert_int_equal(pca_scores_make(&s, &m.p, m.values, rows, 0, 1, NULL), 0);
	assert_null(pca_scores_of(&s, 3));
	pca_scores_release(&s);
	assert_null(pca_scores_of(&s, 3));
	drop(&m);
}

static void no_component_is_no_score(void **state)
{
	static const uint32_t row = 5;
	struct made m = make(20, 0, 4);
	struct pca_scores s;

	(void)state;
	assert_int_equal(pca_scores_make(&s, &m.p, m.values, &row, 1, 1, NULL), 0);
	check_scores(&m, &s, &row, 1);
	pca_scores_release(&s);
	drop(&m);
}

static void projecting_stops_on_request(void **state)
{
	struct made m = make(20, 4, 5);
	struct pca_scores s;
	uint32_t rows[ROWS];
	struct err err = ERR_INIT;

	(void)state;
	cancel_request(15);
	assert_int_equal(pca_scores_make(&s, &m.p, m.values, rows, every(1, rows), 1, &err),
			 ERR_CANCELLED);
	cancel_reset();
	assert_null(s.score);
	drop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scores_are_the_float64_sums_rounded_once),
		cmocka_unit_test(the_choice_of_rows_changes_no_bit),
		cmocka_unit_test(rows_that_were_not_asked_for_are_not_there),
		cmocka_unit_test(no_component_is_no_score),
		cmocka_unit_test(projecting_stops_on_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
