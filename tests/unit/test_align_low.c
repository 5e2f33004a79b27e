/* Pairs of a low local score, which the kernels keep in bytes: which pairs are done so, where a score stops
 * being low, and that the values are those of the definition either way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/align_check.h"
#include "tests/unit/align_model.h"
#include "tests/unit/align_pairs.h"
#include "tests/unit/align_reference.h"

static const struct align_kernel *counted;
static int low_strips, other_strips;

static void counting_sweep(struct align_sweep *m)
{
	other_strips++;
	counted->sweep(m);
}

static void counting_sweep_low(struct align_sweep *m)
{
	low_strips++;
	counted->sweep_low(m);
}

/* The pair by kernel `k`; counts its strips. */
static void check_by(const struct align_kernel *k, const struct text_pair *p,
		     const struct align_values *expected)
{
	struct align_workspace *w = align_workspace_new(0);
	struct align_kernel counting = *k;
	struct align_values got;
	struct align_swept swept;

	counted = k;
	low_strips = other_strips = 0;
	counting.sweep = counting_sweep;
	counting.sweep_low = counting_sweep_low;
	assert_int_equal(align_strips(&counting, w, pair_query(p), pair_ref(p), &got, &swept, NULL),
			 0);
	assert_same(&got, expected);
	align_workspace_free(w);
}

/* How a pair ought to be done. */
enum way {
	IN_BYTES,
	BYTES_THEN_DIFFERENCES,
	BY_DIFFERENCES,
};

static void assert_way(enum way way)
{
	assert_int_equal(low_strips > 0, way != BY_DIFFERENCES);
	assert_int_equal(other_strips > 0, way != IN_BYTES);
}

static void check_way(const struct text_pair *p, enum way way)
{
	struct align_values expected = ref_values(pair_query(p), pair_ref(p));
	const struct align_kernel *own = align_kernel_choose();

	check_by(&model, p, &expected);
	assert_way(way);
	if (!own)
		return;
	check_by(own, p, &expected);
	assert_way(way);
}

static struct text_pair strangers(uint64_t seed, size_t n, size_t m)
{
	struct text_pair p = {malloc(n), malloc(m), n, m};

	fill_letters(&seed, RESIDUES, 20, p.query, n);
	fill_letters(&seed, RESIDUES, 20, p.ref, m);
	return p;
}

static void strangers_are_done_in_bytes(void **state)
{
	static const size_t lengths[] = {1,  2,  31, 32,  33,  63,  64,  65,
					 95, 96, 97, 127, 128, 129, 300, 431};

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		struct text_pair p = strangers(i, lengths[i], lengths[(i * 5 + 3) % 16]);

		check_way(&p, IN_BYTES);
		free_text_pair(&p);
	}
}

/* Runs of letters that like each other but are not the same: no word is common, so nothing is known of the
 * score before: I with V scores 3, D with E 2. */
static struct text_pair alike(size_t threes, size_t twos)
{
	size_t n = threes + twos;
	struct text_pair p = {malloc(n), malloc(n), n, n};

	memset(p.query, 'I', threes);
	memset(p.ref, 'V', threes);
	memset(p.query + threes, 'D', twos);
	memset(p.ref + threes, 'E', twos);
	return p;
}

static void the_largest_byte_is_no_score(void **state)
{
	(void)state;
	for (int score = 240; score < 270; score++) {
		size_t twos = (size_t)(3 - score % 3) % 3; /* 2 * twos has the rest of `score` */
		struct text_pair p = alike((size_t)(score - 2 * (int)twos) / 3, twos);
		struct align_values v = ref_values(pair_query(&p), pair_ref(&p));

		assert_int_equal((int)v.score_sw, score);
		check_way(&p, score <= LOW_MOST ? IN_BYTES : BYTES_THEN_DIFFERENCES);
		free_text_pair(&p);
	}
}

static void a_score_that_proves_high_is_done_again(void **state)
{
	(void)state;
	for (size_t seed = 0; seed < 6; seed++) {
		struct text_pair p = strangers(seed, 500, 500);

		/* no three letters in a row are the same, two of three are */
		for (size_t i = 0; i < p.n; i++)
			p.ref[i] = i % 3 == seed % 3 ? (p.query[i] == 'A' ? 'S' : 'A') : p.query[i];
		check_way(&p, BYTES_THEN_DIFFERENCES);
		free_text_pair(&p);
	}
}

static void what_is_known_to_be_high_is_not_tried(void **state)
{
	struct text_pair p = strangers(1, 200, 200);

	(void)state;
	memcpy(p.ref, p.query, 200);
	check_way(&p, BY_DIFFERENCES);
	free_text_pair(&p);
}

/* The same piece in many places: of equal cells the first, over lanes, their two rows, marks and strips. */
static void of_equal_pieces_the_first_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < 60; i++) {
		struct text_pair p = {repeat('P', 200), repeat('G', 260), 200, 260};

		for (size_t at = i; at + 12 < p.n; at += 17 + i)
			memcpy(p.query + at, "WCHWC", 5);
		for (size_t at = 60 - i; at + 12 < p.m; at += 23 + i % 7)
			memcpy(p.ref + at, "WCHWC", 5);
		check_way(&p, IN_BYTES);
		free_text_pair(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_are_done_in_bytes),
		cmocka_unit_test(the_largest_byte_is_no_score),
		cmocka_unit_test(a_score_that_proves_high_is_done_again),
		cmocka_unit_test(what_is_known_to_be_high_is_not_tried),
		cmocka_unit_test(of_equal_pieces_the_first_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
