/* Alignment of long texts within a memory budget, and the plan of that memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/align/align.h"
#include "pipeline/align/align_strips.h"
#include "tests/unit/align_check.h"
#include "tests/unit/align_pairs.h"

#define MINUS_INFINITY (-1000000000L)

static long larger(long a, long b)
{
	return a > b ? a : b;
}

#define BAND 600

/* Score of the best global alignment that stays within BAND of the diagonal: a lower bound, and the
 * score itself if the best path does. Two rows of a band instead of a matrix. */
static long banded_score(const struct text_pair *p)
{
	size_t width = 2 * BAND + 1;
	long *h = malloc(width * sizeof *h), *e = malloc(width * sizeof *e), score;

	/* index d of row i is column j = i + d - BAND; above of (i, j) is index d + 1 of row i - 1 */
	for (size_t d = 0; d < width; d++) {
		long j = (long)d - BAND;

		h[d] = j < 0 ? MINUS_INFINITY : j == 0 ? 0 : -10 - (j - 1);
		e[d] = MINUS_INFINITY; /* the gap that runs down the rows */
	}
	for (size_t i = 1; i <= p->n; i++) {
		long left = MINUS_INFINITY, run = MINUS_INFINITY;

		for (size_t d = 0; d < width; d++) {
			long j = (long)i + (long)d - BAND, best = MINUS_INFINITY;
			long up_h = d + 1 < width ? h[d + 1] : MINUS_INFINITY;
			long up_e = d + 1 < width ? e[d + 1] : MINUS_INFINITY;

			e[d] = larger(up_h - 10, up_e - 1);
			if (j == 0) {
				best = -10 - ((long)i - 1);
			} else if (j > 0 && j <= (long)p->m) {
				unsigned a = align_code[(unsigned char)p->query[i - 1]];
				unsigned b = align_code[(unsigned char)p->ref[j - 1]];

				run = larger(left - 10, run - 1);
				best = larger(h[d] + align_scores[a][b], larger(run, e[d]));
			}
			h[d] = left = best;
		}
	}
	score = h[(size_t)((long)p->m - (long)p->n + BAND)];
	free(h);
	free(e);
	return score;
}

/* Related texts of about the given length whose paths stay near the diagonal. */
static struct text_pair long_pair(size_t n)
{
	struct text_pair p = {.n = n};
	uint64_t s = 35000;

	p.query = malloc(n);
	p.ref = malloc(2 * n + 16);
	fill_letters(&s, RESIDUES, 20, p.query, n);
	for (size_t i = 0; i < n; i++) {
		size_t dice = pick(&s, 200);

		if (dice == 0 && p.m > i) /* a residue less or more, towards the diagonal */
			continue;
		if (dice == 1 && p.m <= i)
			p.ref[p.m++] = 'P';
		p.ref[p.m++] = pick(&s, 3) ? p.query[i] : RESIDUES[pick(&s, 20)];
	}
	return p;
}

/* By default 9,000 residues within a budget in proportion; ALIGN_LONG=35000 is the full size within
 * the default budget, half a minute. */
static void long_texts_align_within_the_budget(void **state)
{
	const char *wish = getenv("ALIGN_LONG");
	size_t n = wish ? strtoul(wish, NULL, 10) : 9000 / FEWER;
	size_t budget = n >= 35000 ? ALIGN_DEFAULT_MEMORY : 420 * n;
	struct align_workspace *w = align_workspace_new(budget);
	struct text_pair p = long_pair(n);
	struct align_values v;
	struct err err = ERR_INIT;

	(void)state;
	assert_true(p.n * p.m > budget);
	assert_int_equal(align_pair(w, pair_query(&p), pair_ref(&p), &v, &err), 0);
	assert_true(w->slab_bytes <= budget);
	assert_true(v.score_nw == (double)banded_score(&p));
	assert_true(v.score_sw >= v.score_nw);
	assert_true(v.length_query == (double)p.n && v.length_ref == (double)p.m);
	assert_true(v.identity_nw > 0.6 && v.length_nw >= (double)p.n);
	align_workspace_free(w);
	free_text_pair(&p);
}

/* The same path in one piece and in many, and by the lanes' engine in pieces. */
static void long_texts_have_one_path(void **state)
{
	struct text_pair p = long_pair(2600 / FEWER);
	struct align_text texts[2] = {pair_query(&p), pair_ref(&p)};
	struct align_job jobs[32] = {{0, 1}};
	struct align_values v[3], lanes[32];
	static const size_t budgets[] = {0, (1 << 20) / FEWER, 400000 / FEWER};
	struct align_options o = {.n_workers = 1, .memory_bytes = (8 << 20) / FEWER};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct align_workspace *w = align_workspace_new(budgets[i]);

		assert_int_equal(align_pair(w, texts[0], texts[1], &v[i], &err), 0);
		align_workspace_free(w);
	}
	assert_same(&v[0], &v[1]);
	assert_same(&v[0], &v[2]);
	for (size_t i = 0; i < 32; i++)
		jobs[i] = (struct align_job){0, 1};
	assert_int_equal(align_batch(texts, jobs, 32, &o, lanes, NULL, &err), 0);
	for (size_t i = 0; i < 32; i++)
		assert_same(&v[0], &lanes[i]);
	free_text_pair(&p);
}

static void the_memory_plan_covers_the_slab(void **state)
{
	const struct align_kernel *k = align_kernel_choose();

	(void)state;
	for (size_t n = 1; n < 3000; n += 1 + n / 2) {
		char *a = repeat('K', n), *b = repeat('R', n + 7);
		size_t need = align_memory_needed(n, n + 7, 0);
		struct align_workspace *w = align_workspace_new(0);
		struct align_values v;
		struct err err = ERR_INIT;

		assert_int_equal(align_pair(w, text(a), text(b), &v, &err), 0);
		if (k) {
			struct align_swept swept;

			assert_int_equal(align_strips(k, w, text(a), text(b), &v, &swept, &err), 0);
		}
		assert_true(w->slab_bytes <= need);
		align_workspace_free(w);
		free(a);
		free(b);
	}
	assert_int_equal(align_memory_needed(35000, 35000, 0), ALIGN_DEFAULT_MEMORY);
	assert_int_equal(align_memory_needed(SIZE_MAX, SIZE_MAX, 1000), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_texts_align_within_the_budget),
		cmocka_unit_test(long_texts_have_one_path),
		cmocka_unit_test(the_memory_plan_covers_the_slab),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
