/* The loops of the fast engine over a 64-lane vector written in plain C. They run on every machine,
 * cover what only AVX-512 uses (64 lanes, masks of 64 bits), and check what the engine promises: no
 * 8-bit value overflows, vectors are aligned. Budgets force every way of keeping less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/simd.h"
#include "tests/unit/align_check.h"
#include "tests/unit/align_model.h"
#include "tests/unit/align_pairs.h"
#include "tests/unit/align_reference.h"

/* 0: not within this budget. */
static int check_pair(const struct align_kernel *k, const struct text_pair *p, size_t budget,
		      const struct align_values *expected)
{
	struct align_workspace *w = align_workspace_new(budget);
	struct align_values got;
	struct err err = ERR_INIT;
	struct align_swept swept;
	int rc;

	assert_non_null(w);
	rc = align_strips(k, w, pair_query(p), pair_ref(p), &got, &swept, &err);
	assert_true(w->slab_bytes <= w->budget);
	if (rc == 0) {
		assert_same(&got, expected);
		assert_true(swept.cells >= p->n && swept.cells <= p->n * p->m);
		assert_true(swept.room >= swept.cells && swept.room % k->lanes == 0);
	} else {
		assert_int_equal(rc, ERR_LIMIT);
	}
	align_workspace_free(w);
	return rc == 0;
}

/* On the model and on this processor's kernel, with all the memory a pair may use and with less and
 * less of it. */
static void check_on(const struct align_kernel *k, const struct text_pair *p,
		     const struct align_values *expected)
{
	size_t all = align_strips_memory(k->lanes, p->n, p->m);

	assert_true(check_pair(k, p, 0, expected));
	assert_true(check_pair(k, p, all, expected));
	for (size_t budget = all - 64; check_pair(k, p, budget, expected);)
		budget -= budget / 3;
}

/* With the way of low scores and without. */
static void check_both_ways(const struct align_kernel *k, const struct text_pair *p,
			    const struct align_values *expected)
{
	struct align_kernel rising = *k;

	rising.sweep_low = NULL;
	check_on(k, p, expected);
	check_on(&rising, p, expected);
}

static void check_everywhere(const struct text_pair *p, const struct align_values *expected)
{
	const struct align_kernel *own = align_kernel_choose();

	check_both_ways(&model, p, expected);
	if (own)
		check_both_ways(own, p, expected);
}

static void check_pairs(size_t n, size_t longest, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		struct text_pair p = make_text_pair((seed + i) % PAIR_KINDS, seed + i, longest);
		struct align_values expected = ref_values(pair_query(&p), pair_ref(&p));

		check_everywhere(&p, &expected);
		free_text_pair(&p);
	}
}

static void every_length_follows_the_definition(void **state)
{
	(void)state;
	check_pairs(300 / FEWER, 20, 1);
	check_pairs(200 / FEWER, 80, 1001);
	check_pairs(60 / FEWER, 200, 2001);
	check_pairs(6 / FEWER, 700, 3001);
}

/* Around the edges of strips, chunks and marks. */
static void texts_that_just_fit_follow_the_definition(void **state)
{
	static const size_t edges[] = {1,  2,  15, 16, 17, 31, 32,  33,
				       48, 63, 64, 65, 96, 97, 128, 129};

	(void)state;
	for (size_t i = 0; i < 16 / FEWER; i++)
		for (size_t j = i % 3; j < 16; j += 3) {
			struct text_pair p = {.n = edges[i], .m = edges[j]};
			uint64_t s = i * 16 + j;
			struct align_values expected;

			p.query = malloc(p.n);
			p.ref = malloc(p.m);
			fill_letters(&s, "ILVM", 4, p.query, p.n);
			fill_letters(&s, "ILVM", 4, p.ref, p.m);
			expected = ref_values(pair_query(&p), pair_ref(&p));
			check_everywhere(&p, &expected);
			free_text_pair(&p);
		}
}

/* The same best score in many places, in other strips, blocks and groups of steps. */
static void of_equal_cells_the_first_is_taken(void **state)
{
	(void)state;
	for (size_t gap = 1; gap < 70; gap += 3) {
		struct text_pair p = {.n = 6 * gap + 12, .m = 5 * gap + 15};
		struct align_values expected;

		p.query = repeat('P', p.n);
		p.ref = repeat('G', p.m);
		for (size_t i = 0; i < 5; i++) {
			memcpy(p.query + (6 - i) * gap, "WW", 2);
			memcpy(p.ref + (i + 1) * gap, "WW", 2);
		}
		expected = ref_values(pair_query(&p), pair_ref(&p));
		check_everywhere(&p, &expected);
		free_text_pair(&p);
	}
}

/* The steepest rise and the steepest fall: tryptophan against itself, then against what fits it
 * nowhere, at every distance from the steps where 16 bits are caught up with. */
static void the_steepest_scores_fit(void **state)
{
	static const char other[] = "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWCCCCCCCCHHHHHHHH";

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		struct text_pair p = {.n = 60, .m = sizeof other - 1};
		struct align_values expected;

		p.query = repeat('W', 60);
		p.ref = repeat('W', sizeof other - 1);
		memset(p.query, i % 2 ? '*' : 'P', i / 2);
		memcpy(p.ref, other + i % 8, sizeof other - 1 - i % 8);
		memset(p.query + 40 - i / 2, 'N', i / 2);
		expected = ref_values(pair_query(&p), pair_ref(&p));
		check_everywhere(&p, &expected);
		free_text_pair(&p);
	}
}

/* Scores beyond the range of one base: up, down again, and up from there; the best is in between. */
static void scores_of_any_height_are_exact(void **state)
{
	size_t n = 4600 / FEWER;
	struct text_pair p = {.n = n, .m = n};
	struct align_workspace *w = align_workspace_new(0);
	struct align_values expected;

	(void)state;
	p.query = repeat('W', n);
	p.ref = repeat('W', n);
	memset(p.query + n / 2, '*', n / 4);
	memset(p.ref + n / 2, 'P', n / 4);
	assert_int_equal(align_pair(w, pair_query(&p), pair_ref(&p), &expected, NULL), 0);
	assert_true(expected.score_sw >= 11.0 * (double)(n / 2));
	check_pair(&model, &p, 0, &expected);
	if (align_kernel_choose())
		check_pair(align_kernel_choose(), &p, 0, &expected);
	align_workspace_free(w);
	free_text_pair(&p);
}

static void wrong_sweep(struct align_sweep *m)
{
	model.sweep(m);
	m->exact[3] += m->exact[3] > 40;
}

static void wrong_sweep_low(struct align_sweep *m)
{
	model.sweep_low(m);
	for (size_t lane = 1; lane < KERNEL_LANES; lane += 2)
		m->peak[lane] = (int8_t)(m->peak[lane] + (m->peak[lane] > LOW_ZERO + 20));
}

static void wrong_profile(const int8_t *scores, const uint8_t *code, size_t n, int8_t *out)
{
	model.profile(scores, code, n, out);
	out[n / 2]++;
}

static void a_wrong_kernel_is_found_out(void **state)
{
	struct align_kernel bad = model;

	(void)state;
	assert_true(align_kernel_agrees(&model));
	bad.sweep = wrong_sweep;
	assert_false(align_kernel_agrees(&bad));
	bad = model;
	bad.sweep_low = wrong_sweep_low;
	assert_false(align_kernel_agrees(&bad));
	bad = model;
	bad.profile = wrong_profile;
	assert_false(align_kernel_agrees(&bad));
}

/* A kernel that fails its trial is left with a warning; this is where that fails. */
static void what_the_processor_offers_is_sound_and_chosen(void **state)
{
	static const struct align_kernel *const widest[SIMD_LEVELS] = {
		[SIMD_AVX2] = &align_kernel_avx2,
		[SIMD_AVX512] = &align_kernel_avx512,
	};

	(void)state;
	unsetenv("PROTEA_SIMD");
	assert_ptr_equal(align_kernel_choose(), widest[simd_offered()]);
	for (int l = SIMD_AVX2; l <= (int)simd_offered(); l++)
		assert_true(align_kernel_agrees(widest[l]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_follows_the_definition),
		cmocka_unit_test(texts_that_just_fit_follow_the_definition),
		cmocka_unit_test(of_equal_cells_the_first_is_taken),
		cmocka_unit_test(the_steepest_scores_fit),
		cmocka_unit_test(scores_of_any_height_are_exact),
		cmocka_unit_test(a_wrong_kernel_is_found_out),
		cmocka_unit_test(what_the_processor_offers_is_sound_and_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
