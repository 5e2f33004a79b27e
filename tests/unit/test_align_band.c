/* What need not be computed: scores that a chain of pieces reaches are never above the true ones and
 * near them for relatives, and bands follow a path wherever it goes. That values stay the same with
 * bands is what test_align_kernel and test_align_parasail check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align_band.h"
#include "pipeline/align/align_strips.h"
#include "tests/unit/align_check.h"
#include "tests/unit/align_pairs.h"
#include "tests/unit/align_reference.h"

static uint8_t *codes_of(struct align_text t)
{
	uint8_t *codes = malloc(t.len);

	assert_non_null(codes);
	for (size_t i = 0; i < t.len; i++)
		codes[i] = align_code[(unsigned char)t.bytes[i]];
	return codes;
}

static int chain_of(struct align_text query, struct align_text ref, struct align_floor *out)
{
	size_t bytes = align_chain_scratch(query.len, ref.len);
	uint8_t *q = codes_of(query), *r = codes_of(ref);
	struct align_codes codes = {q, r, query.len, ref.len};
	void *scratch = aligned_alloc(64, bytes);
	int found;

	assert_non_null(scratch);
	memset(scratch, 0x55, bytes);
	found = align_chain(&codes, scratch, out);
	free(scratch);
	free(q);
	free(r);
	return found;
}

static double positive(double score)
{
	return score > 0 ? score : 0;
}

/* ---- the chain ------------------------------------------------------------------------------ */

static void no_chain_scores_more_than_the_best_path(void **state)
{
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < 1500 / FEWER; i++) {
		struct text_pair p = make_text_pair(i % PAIR_KINDS, i, i % 5 ? 150 : 500);
		struct align_values v = ref_values(pair_query(&p), pair_ref(&p));
		struct align_floor floor;

		if (chain_of(pair_query(&p), pair_ref(&p), &floor)) {
			found++;
			assert_true(floor.nw <= v.score_nw);
			assert_true(floor.sw <= positive(v.score_sw));
			assert_true(floor.sw > 0);
		}
		free_text_pair(&p);
	}
	assert_true(found > 300 / FEWER);
}

static void of_relatives_the_chain_is_near_the_best(void **state)
{
	double true_nw = 0, true_sw = 0, chain_nw = 0, chain_sw = 0;

	(void)state;
	for (size_t i = 0; i < 120 / FEWER; i++) {
		struct text_pair p = make_text_pair(PAIR_CLOSE, i, 600);
		struct align_values v = ref_values(pair_query(&p), pair_ref(&p));
		struct align_floor floor;

		if (v.identity_nw >= 0.5) {
			assert_int_equal(chain_of(pair_query(&p), pair_ref(&p), &floor), 1);
			true_nw += v.score_nw;
			true_sw += v.score_sw;
			chain_nw += floor.nw;
			chain_sw += floor.sw;
		}
		free_text_pair(&p);
	}
	assert_true(true_nw > 0 && chain_nw >= 0.97 * true_nw);
	assert_true(true_sw > 0 && chain_sw >= 0.97 * true_sw);
}

static void an_equal_text_is_scored_exactly(void **state)
{
	struct align_text t = text("MKVLAAGIVGLCAWTYPDEQRNHSFMKVLAAGIVGLC");
	struct align_values v = ref_values(t, t);
	struct align_floor floor;

	(void)state;
	assert_int_equal(chain_of(t, t, &floor), 1);
	assert_true(floor.nw == v.score_nw && floor.sw == v.score_sw);
}

static void what_has_nothing_in_common_has_no_chain(void **state)
{
	struct align_floor floor;

	(void)state;
	assert_int_equal(chain_of(text("AAAAAAAAAAAAAAAAAAAA"), text("WWWWWWWWWWWWWWW"), &floor),
			 0);
	assert_int_equal(chain_of(text("AC"), text("AC"), &floor), 0); /* less than a word */
}

static void a_text_too_long_for_the_table_is_left(void **state)
{
	size_t n = CHAIN_MAX_LEN + 1;
	char *s = malloc(n);
	struct align_text end = {s + n - 40, 40}, within = {s + 1, n - 1};
	struct align_floor floor;
	uint64_t seed = 1;

	(void)state;
	assert_non_null(s);
	fill_letters(&seed, RESIDUES, 20, s, n);
	assert_int_equal(chain_of((struct align_text){s, n}, end, &floor), 0);
	assert_int_equal(chain_of(end, (struct align_text){s, n}, &floor), 0);
	assert_int_equal(chain_of(within, end, &floor), 1);
	free(s);
}

/* ---- the band ------------------------------------------------------------------------------- */

struct share {
	uint64_t cells, all;
};

static struct share share_of(const struct text_pair *p)
{
	struct align_workspace *w = align_workspace_new(0);
	struct align_swept swept;
	struct align_values v;
	struct err err = ERR_INIT;

	assert_non_null(w);
	assert_int_equal(align_strips(align_kernel_choose(), w, pair_query(p), pair_ref(p), &v,
				      &swept, &err),
			 0);
	align_workspace_free(w);
	return (struct share){swept.cells, (uint64_t)p->n * p->m};
}

static void the_closer_two_texts_the_less_is_swept(void **state)
{
	enum { N = 1200 };
	static const size_t percent[] = {0, 10, 40, 100};
	double share[4];

	(void)state;
	if (!align_kernel_choose())
		skip();
	for (size_t k = 0; k < 4; k++) {
		struct text_pair p = {malloc(N), malloc(N), N, N};
		struct share sh;
		uint64_t s = 5;

		fill_letters(&s, RESIDUES, 20, p.query, N);
		for (size_t i = 0; i < N; i++)
			p.ref[i] = pick(&s, 100) < percent[k] ? RESIDUES[pick(&s, 20)] : p.query[i];
		sh = share_of(&p);
		share[k] = (double)sh.cells / (double)sh.all;
		free_text_pair(&p);
	}
	assert_true(share[0] < 0.1);
	assert_true(share[1] > share[0] && share[1] < 0.4);
	assert_true(share[2] > share[1] && share[2] < 0.9);
	assert_true(share[3] == 1);
}

/* All that is known of a path's cells: they are in the band of its score, and of any lower one. */
static void sum_up(const uint8_t *codes, size_t n, int32_t *sums)
{
	sums[0] = 0;
	for (size_t k = 0; k < n; k++) {
		int best = 0;

		for (size_t b = 0; b < ALIGN_LETTERS; b++)
			best = align_scores[codes[k]][b] > best ? align_scores[codes[k]][b] : best;
		assert_int_equal(align_letter_best[codes[k]], best);
		sums[k + 1] = sums[k] + best;
	}
}

static void check_band(const struct text_pair *p, size_t lanes, int32_t by)
{
	uint8_t *q = codes_of(pair_query(p)), *r = codes_of(pair_ref(p));
	struct align_codes codes = {q, r, p->n, p->m};
	struct align_sums sums = {malloc((p->n + 1) * 4), malloc((p->m + 1) * 4)};
	struct align_values v = ref_values(pair_query(p), pair_ref(p));
	struct align_floor floor = {(int32_t)v.score_nw - by, (int32_t)v.score_sw - by};
	struct align_band band;
	size_t first = 0, end = 0;

	sum_up(q, p->n, sums.query);
	sum_up(r, p->m, sums.ref);
	align_band_begin(&band, &codes, &sums, &floor);
	for (size_t row = 0; row < p->n; row += lanes) {
		size_t row_end = p->n - row > lanes ? row + lanes : p->n;

		align_band_next(&band, row, row_end, NULL);
		assert_true(band.first >= first && band.end >= end && band.first < band.end);
		assert_true(band.end <= p->m);
		for (size_t i = row; i < row_end; i++) /* equal texts: the path is the diagonal */
			assert_true(i >= band.first && i < band.end);
		first = band.first;
		end = band.end;
	}
	assert_int_equal(band.end, p->m);
	free(sums.query);
	free(sums.ref);
	free(q);
	free(r);
}

static void a_band_holds_the_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < 40; i++) {
		uint64_t s = i;
		struct text_pair p = {.n = 1 + pick(&s, 300)};

		p.m = p.n;
		p.query = malloc(p.n);
		p.ref = malloc(p.n);
		fill_letters(&s, RESIDUES, 20, p.query, p.n);
		memcpy(p.ref, p.query, p.n);
		check_band(&p, i % 2 ? 32 : 64, 0);
		check_band(&p, i % 2 ? 32 : 64, 50);
		free_text_pair(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_chain_scores_more_than_the_best_path),
		cmocka_unit_test(of_relatives_the_chain_is_near_the_best),
		cmocka_unit_test(an_equal_text_is_scored_exactly),
		cmocka_unit_test(what_has_nothing_in_common_has_no_chain),
		cmocka_unit_test(a_text_too_long_for_the_table_is_left),
		cmocka_unit_test(the_closer_two_texts_the_less_is_swept),
		cmocka_unit_test(a_band_holds_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
