/* anc2vec_max: the greatest cosine with a set of terms has the bits of the plain loop over all rows, at
 * every level of vector instructions, for vectors near and far from unit length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "pipeline/anc2vec/anc2vec.h"
#include "pipeline/anc2vec/anc2vec_coarse.h"
#include "pipeline/anc2vec/anc2vec_max.h"
#include "pipeline/core/simd.h"
#include "tests/unit/numbers.h"

#define MAX_ROWS  150
#define MAX_DIM   233
#define ASKED     40
#define CLOSENESS 7 /* kinds of neighbours */

static const char *const level_name[SIMD_LEVELS] = {"portable", "avx2", "avx512"};
static float vector[MAX_ROWS + ASKED][MAX_DIM];
static const float *rows[MAX_ROWS + ASKED];

static double uniform(uint64_t *seed)
{
	return (double)(splitmix(seed) >> 11) * 0x1p-52 - 1.0;
}

/* Unit vectors; every second one is one before it, moved a little or not at all. */
static void make(size_t dim, uint64_t seed)
{
	for (size_t r = 0; r < MAX_ROWS + ASKED; r++) {
		const float *near = vector[r ? splitmix(&seed) % r : 0];
		double step = ldexp(1.0, -4 * (int)(splitmix(&seed) % CLOSENESS));
		float raw[MAX_DIM];

		for (size_t i = 0; i < dim; i++) {
			double fresh = uniform(&seed);

			raw[i] = r % 2 ? (float)((double)near[i] + (step < 1e-6 ? 0 : step) * fresh)
				       : (float)fresh;
		}
		assert_int_equal(anc2vec_unit(raw, dim, vector[r]), 1);
		rows[r] = vector[r];
	}
}

static void check(struct anc2vec_set *s, size_t dim, uint32_t n)
{
	const float *const *asked = rows + MAX_ROWS - ASKED / 2; /* half of them are rows, too */
	double got[ASKED];

	assert_int_equal(anc2vec_set_rows(s, rows, n, NULL), 0);
	anc2vec_set_max(s, asked, ASKED, got);
	for (size_t a = 0; a < ASKED; a++) {
		double want = anc2vec_dot(asked[a], rows[0], dim);

		for (uint32_t r = 1; r < n; r++) {
			double d = anc2vec_dot(asked[a], rows[r], dim);

			want = d > want ? d : want;
		}
		assert_true(double_bits(got[a]) == double_bits(want));
	}
}

static void the_greatest_cosine_is_that_of_the_plain_loop(void **state)
{
	static const size_t dims[] = {1, 2, 8, 31, 32, 200, MAX_DIM};

	(void)state;
	for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
		make(dims[d], 11 + d);
		for (enum simd_level l = SIMD_PORTABLE; l <= simd_offered(); l++) {
			struct anc2vec_set s;

			setenv("PROTEA_SIMD", level_name[l], 1);
			simd_reread();
			anc2vec_set_init(&s, dims[d]);
			for (uint32_t n = 1; n < 12; n++)
				check(&s, dims[d], n);
			check(&s, dims[d], MAX_ROWS);
			check(&s, dims[d], 3);
			anc2vec_set_release(&s);
		}
	}
	unsetenv("PROTEA_SIMD");
	simd_reread();
}

/* Norms of vectors whose squares nearly vanish are rough: "unit" vectors may be of any length. */
static void vectors_of_other_lengths_are_compared_by_the_rule(void **state)
{
	struct anc2vec_set s;

	(void)state;
	make(50, 3);
	anc2vec_set_init(&s, 50);
	for (size_t r = 0; r < MAX_ROWS + ASKED; r += 3)
		for (size_t i = 0; i < 50; i++)
			vector[r][i] *= r % 2 ? 1.7f : 0.3f;
	check(&s, 50, MAX_ROWS);
	for (size_t i = 0; i < 50; i++)
		vector[MAX_ROWS][i] *= 1e30f; /* one that is asked for, beyond all integers */
	check(&s, 50, 40);
	anc2vec_set_release(&s);
}

static void a_set_without_rows_has_no_greatest(void **state)
{
	struct anc2vec_set s;
	double got[2] = {0};

	(void)state;
	make(5, 4);
	anc2vec_set_init(&s, 5);
	assert_int_equal(anc2vec_set_rows(&s, NULL, 0, NULL), 0);
	anc2vec_set_max(&s, rows, 2, got);
	assert_true(isnan(got[0]) && isnan(got[1]));
	anc2vec_set_release(&s);
}

/* Few rows are left to the rule: otherwise the integers would save nothing. */
static void integers_tell_most_rows_apart(void **state)
{
	struct anc2vec_set s;
	double got[ASKED];

	(void)state;
	make(200, 8);
	for (size_t r = 0; r < MAX_ROWS; r++)
		rows[r] = vector[r - r % 2]; /* each fresh vector twice */
	anc2vec_set_init(&s, 200);
	assert_int_equal(anc2vec_set_rows(&s, rows, MAX_ROWS, NULL), 0);
	anc2vec_set_max(&s, rows, 1, got);
	assert_int_equal(s.computed, 2);
	anc2vec_set_release(&s);
}

static void integer_products_are_the_same_at_every_level(void **state)
{
	int16_t a[64], m[9 * 64];
	int32_t got[9];
	uint64_t seed = 2;

	(void)state;
	for (size_t i = 0; i < 64; i++)
		a[i] = (int16_t)(splitmix(&seed) % 8001) - 4000;
	for (size_t i = 0; i < 9 * 64; i++)
		m[i] = (int16_t)(splitmix(&seed) % 8001) - 4000;
	for (enum simd_level l = SIMD_PORTABLE; l <= simd_offered(); l++) {
		for (size_t n = 0; n <= 9; n++) {
			coarse_kernel(l)(a, m, n, 64, got);
			for (size_t r = 0; r < n; r++) {
				int32_t sum = 0;

				for (size_t i = 0; i < 64; i++)
					sum += a[i] * m[r * 64 + i];
				assert_int_equal(got[r], sum);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_greatest_cosine_is_that_of_the_plain_loop),
		cmocka_unit_test(vectors_of_other_lengths_are_compared_by_the_rule),
		cmocka_unit_test(a_set_without_rows_has_no_greatest),
		cmocka_unit_test(integers_tell_most_rows_apart),
		cmocka_unit_test(integer_products_are_the_same_at_every_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
