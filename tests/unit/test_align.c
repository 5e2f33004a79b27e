/* Alignment values: the spec's vectors and rules, every engine against the definition, budgets,
 * batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>

#include "pipeline/align/align.h"
#include "pipeline/align/align_strips.h"
#include "pipeline/core/cancel.h"
#include "tests/unit/align_check.h"
#include "tests/unit/align_pairs.h"
#include "tests/unit/align_reference.h"

static struct align_values align(const char *query, const char *ref)
{
	struct align_workspace *w = align_workspace_new(0);
	struct err err = ERR_INIT;
	struct align_values v;

	assert_non_null(w);
	assert_int_equal(align_pair(w, text(query), text(ref), &v, &err), 0);
	align_workspace_free(w);
	return v;
}

struct vector {
	const char *query, *ref;
	double nw[5], sw[5]; /* identity, similarity, score, gaps, length */
};

static const struct vector vectors[] = {
	{"HEAGAWGHEE", "PAWHEAE", {0.3, 0.3, 3, 0.3, 10}, {0.8, 0.8, 18, 0.2, 5}},
	{"MSTNPKPQRKTKRNTNRRPQDVKFPGG",
	 "MSTNPKPQRITKRNTRRPQDVKFPGG",
	 {25 / 27., 25 / 27., 124, 1 / 27., 27},
	 {25 / 27., 25 / 27., 124, 1 / 27., 27}},
	{"WWW", "NNN", {0, 0, -12, 0, 3}, {0, 0, -1073741824, 0, 0}},
	{"acdefg", "ACDEFG", {0, 1, 36, 0, 6}, {0, 1, 36, 0, 6}},
	{"MKUOXBZJ", "MKOUXZBJ", {0.5, 1, 14, 0, 8}, {0.5, 1, 14, 0, 8}},
	{"MKV*", "MKVL", {0.75, 0.75, 10, 0, 4}, {1, 1, 14, 0, 3}},
	{"GGGGGWGGGGG", "GGGGGGGGGG", {10 / 11., 10 / 11., 50, 1 / 11., 11}, {0.9, 0.9, 52, 0, 10}},
	{"AAAAAAAAAAKKKKKKKKKK", "AAAAAAAAAA", {0.5, 0.5, 21, 0.5, 20}, {1, 1, 40, 0, 10}},
};

static struct align_values vector_values(const struct vector *v)
{
	return (struct align_values){v->nw[0],
				     v->nw[1],
				     v->nw[2],
				     v->nw[3],
				     v->nw[4],
				     (double)strlen(v->query),
				     (double)strlen(v->ref),
				     v->sw[0],
				     v->sw[1],
				     v->sw[2],
				     v->sw[3],
				     v->sw[4]};
}

static void the_vectors_of_the_spec_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		struct align_values v = align(vectors[i].query, vectors[i].ref);
		struct align_values expected = vector_values(&vectors[i]);

		assert_same(&v, &expected);
	}
}

static void a_literal_minus_is_a_gap_and_never_an_identity(void **state)
{
	struct align_values v = align("MK-V-", "M-KV-");

	(void)state;
	assert_true(v.similarity_nw == 3 / 5.);
	assert_true(v.identity_nw == 2 / 5.);
	assert_true(v.gaps_pct_nw == 4 / 5.);
	assert_true(v.length_nw == 5);
}

static void an_alignment_without_an_aligned_column_is_all_gaps(void **state)
{
	/* ten columns of -4 against two gaps of ten: -40 < -38 */
	struct align_values v = align("WWWWWWWWWW", "NNNNNNNNNN");

	(void)state;
	assert_true(v.score_nw == -38 && v.length_nw == 20 && v.gaps_pct_nw == 1);
	assert_true(v.identity_nw == 0 && v.similarity_nw == 0);
	assert_true(v.length_sw == 0 && v.score_sw == ALIGN_EMPTY_SW_SCORE);
	assert_true(v.identity_sw == 0 && v.similarity_sw == 0 && v.gaps_pct_sw == 0);
}

static void the_order_of_a_pair_matters(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct text_pair p = make_text_pair(PAIR_RELATED, seed, 40);
		struct align_values a = ref_values(pair_query(&p), pair_ref(&p));
		struct align_values b = ref_values(pair_ref(&p), pair_query(&p));

		free_text_pair(&p);
		assert_true(a.score_nw == b.score_nw && a.score_sw == b.score_sw);
		if (a.identity_nw != b.identity_nw || a.gaps_pct_nw != b.gaps_pct_nw)
			return;
	}
	fail_msg("no pair depends on the order");
}

static void lengths_are_counted_in_characters(void **state)
{
	struct align_values v = align("MK\xc3\xa9V", "M\xe2\x82\xac\xf0\x9f\x98\x80V");

	(void)state;
	assert_true(v.length_query == 4 && v.length_ref == 4);
	assert_true(v.length_nw == 9); /* aligned byte by byte */
}

static void refused_texts_are_named(void **state)
{
	struct align_workspace *w = align_workspace_new(0);
	struct err err = ERR_INIT;
	struct align_values v;
	struct align_text huge = {"A", ALIGN_MAX_LEN};

	(void)state;
	assert_int_equal(align_pair(w, text(""), text("A"), &v, &err), ERR_ARG);
	assert_int_equal(align_pair(w, text("A"), text(""), &v, &err), ERR_ARG);
	assert_int_equal(align_pair(w, huge, text("A"), &v, &err), ERR_LIMIT);
	assert_non_null(strstr(err.text, "16777216"));
	align_workspace_free(w);
}

static void the_scalar_engine_follows_the_definition(void **state)
{
	struct align_workspace *w = align_workspace_new(0);
	struct err err = ERR_INIT;

	(void)state;
	for (uint64_t seed = 0; seed < 2500 / FEWER; seed++) {
		struct text_pair p = make_text_pair(seed % PAIR_KINDS, seed, 150);
		struct align_values got, expected = ref_values(pair_query(&p), pair_ref(&p));

		assert_int_equal(align_pair(w, pair_query(&p), pair_ref(&p), &got, &err), 0);
		assert_same(&got, &expected);
		free_text_pair(&p);
	}
	align_workspace_free(w);
}

/* The smallest budgets cut the matrix into pieces of a column, on several levels. */
static void pieces_give_the_same_path(void **state)
{
	size_t refused = 0, done = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 1500 / FEWER; seed++) {
		struct text_pair p = make_text_pair(seed % PAIR_KINDS, seed + 77, 300);
		struct align_values got, expected = ref_values(pair_query(&p), pair_ref(&p));
		size_t least = 12 * p.n + p.m + 1024;
		struct err err = ERR_INIT;

		for (size_t budget = least; budget < least + 32 * p.n; budget += 1 + 5 * p.n) {
			struct align_workspace *w = align_workspace_new(budget);
			int rc = align_pair(w, pair_query(&p), pair_ref(&p), &got, &err);

			assert_true(w->slab_bytes <= budget);
			align_workspace_free(w);
			refused += rc == ERR_LIMIT;
			done += rc == 0;
			if (rc == 0)
				assert_same(&got, &expected);
			else
				assert_int_equal(rc, ERR_LIMIT);
		}
		free_text_pair(&p);
	}
	assert_true(done > 3000 / FEWER);
	assert_true(refused > 0);
}

/* ---- batches -------------------------------------------------------------------------------- */

struct set {
	struct text_pair *pairs;
	struct align_text *texts;
	struct align_job *jobs;
	struct align_values *expected, *got;
	unsigned char *done;
	size_t n;
};

static void make_set(struct set *s, size_t n, uint64_t seed, size_t longest)
{
	s->n = n;
	s->pairs = calloc(n, sizeof *s->pairs);
	s->texts = calloc(2 * n, sizeof *s->texts);
	s->jobs = calloc(n, sizeof *s->jobs);
	s->expected = calloc(n, sizeof *s->expected);
	s->got = calloc(n, sizeof *s->got);
	s->done = calloc(n, 1);
	for (size_t i = 0; i < n; i++) {
		s->pairs[i] = make_text_pair(i % PAIR_KINDS, seed + i, longest);
		s->texts[2 * i] = pair_query(&s->pairs[i]);
		s->texts[2 * i + 1] = pair_ref(&s->pairs[i]);
		s->jobs[i] = (struct align_job){(uint32_t)(2 * i), (uint32_t)(2 * i + 1)};
		s->expected[i] = ref_values(s->texts[2 * i], s->texts[2 * i + 1]);
	}
}

static void free_set(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		free_text_pair(&s->pairs[i]);
	free(s->pairs);
	free(s->texts);
	free(s->jobs);
	free(s->expected);
	free(s->got);
	free(s->done);
}

static void count_progress(void *ctx, size_t done)
{
	atomic_fetch_add((atomic_size_t *)ctx, done);
}

static void check_set(struct set *s, size_t workers, size_t budget)
{
	atomic_size_t progress = 0;
	struct align_options o = {.n_workers = workers,
				  .memory_bytes = budget,
				  .progress = count_progress,
				  .progress_ctx = &progress};
	struct err err = ERR_INIT;

	memset(s->got, 0xff, s->n * sizeof *s->got);
	memset(s->done, 0, s->n);
	assert_int_equal(align_batch(s->texts, s->jobs, s->n, &o, s->got, s->done, &err), 0);
	assert_int_equal(progress, s->n);
	for (size_t i = 0; i < s->n; i++) {
		assert_int_equal(s->done[i], 1);
		assert_same(&s->got[i], &s->expected[i]);
	}
}

static const char *const levels[] = {"portable", "avx2", "avx512"};

static void every_level_and_worker_count_gives_the_same_values(void **state)
{
	struct set s;

	(void)state;
	make_set(&s, 700 / FEWER, 4000, 260);
	for (size_t level = 0; level < 3; level++) {
		setenv("PROTEA_SIMD", levels[level], 1);
		check_set(&s, 1, 0);
		check_set(&s, 2, 0);
		check_set(&s, 7, 0);
	}
	unsetenv("PROTEA_SIMD");
	check_set(&s, 3, 0);
	free_set(&s);
}

/* Too small for whole groups: pieces within lanes; smaller still: the scalar engine. */
static void a_batch_keeps_to_its_budget(void **state)
{
	struct set s;

	(void)state;
	make_set(&s, 300 / FEWER, 9000, 220);
	for (size_t budget = 20000; budget < 600000; budget += 20000 + budget / 3)
		check_set(&s, 1 + budget / 20000 % 3, budget);
	free_set(&s);
}

static void sizes_of_a_batch_do_not_matter(void **state)
{
	struct set s;

	(void)state;
	for (size_t n = 1; n < 70; n += FEWER) {
		make_set(&s, n, 100 * n, 60);
		check_set(&s, 1, 0);
		free_set(&s);
	}
}

static void jobs_may_share_texts(void **state)
{
	const struct align_text texts[] = {text("MKVLAAGIW"), text("MKVLSAGIW"), text("GGGG")};
	struct align_job jobs[9];
	struct align_values got[9];
	struct align_options o = {.n_workers = 2};
	struct err err = ERR_INIT;

	(void)state;
	for (uint32_t i = 0; i < 9; i++)
		jobs[i] = (struct align_job){i / 3, i % 3};
	assert_int_equal(align_batch(texts, jobs, 9, &o, got, NULL, &err), 0);
	for (size_t i = 0; i < 9; i++) {
		struct align_values v = ref_values(texts[i / 3], texts[i % 3]);

		assert_same(&got[i], &v);
	}
	assert_int_equal(align_batch(texts, jobs, 0, &o, got, NULL, &err), 0);
}

static void an_empty_text_in_a_batch_is_refused(void **state)
{
	const struct align_text texts[] = {text("MKV"), text("")};
	const struct align_job jobs[] = {{0, 0}, {0, 1}};
	struct align_options o = {.n_workers = 1};
	struct align_values got[2];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(align_batch(texts, jobs, 2, &o, got, NULL, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "job 1"));
}

struct arrivals {
	const struct set *set;
	unsigned char *seen;
	atomic_int inside;
	size_t n, calls;
};

static void note_arrivals(void *ctx, const uint32_t *jobs, size_t n)
{
	struct arrivals *a = ctx;

	assert_int_equal(atomic_fetch_add(&a->inside, 1), 0); /* never two at once */
	for (size_t i = 0; i < n; i++) {
		assert_in_range(jobs[i], 0, a->set->n - 1);
		assert_int_equal(a->seen[jobs[i]]++, 0);
		assert_same(&a->set->got[jobs[i]], &a->set->expected[jobs[i]]);
	}
	a->n += n;
	a->calls++;
	atomic_fetch_sub(&a->inside, 1);
}

/* With lanes and without: every job once, its values there, and the stats add up. */
static void results_are_reported_as_they_come(void **state)
{
	struct set s;

	(void)state;
	make_set(&s, 900 / FEWER, 81000, 120);
	for (size_t level = 0; level < 2; level++) {
		struct arrivals a = {.set = &s, .seen = calloc(s.n, 1)};
		struct align_stats stats = {0};
		struct align_options o = {.n_workers = 3,
					  .finished = note_arrivals,
					  .finished_ctx = &a,
					  .stats = &stats};
		struct err err = ERR_INIT;

		setenv("PROTEA_SIMD", levels[level], 1);
		memset(s.got, 0xff, s.n * sizeof *s.got);
		assert_int_equal(align_batch(s.texts, s.jobs, s.n, &o, s.got, NULL, &err), 0);
		assert_int_equal(a.n, s.n);
		assert_true(a.calls > 1);
		assert_int_equal(stats.pairs, s.n);
		assert_int_equal(stats.lane_pairs, align_kernel_choose() ? s.n : 0);
		assert_true(stats.lane_cells <= stats.lane_room);
		free(a.seen);
	}
	unsetenv("PROTEA_SIMD");
	free_set(&s);
}

static void cancel_after(void *ctx, size_t done)
{
	if (atomic_fetch_add((atomic_size_t *)ctx, done) + done >= 100)
		cancel_request(15);
}

static void a_cancelled_batch_keeps_what_is_done(void **state)
{
	atomic_size_t progress = 0;
	struct align_options o = {
		.n_workers = 2, .progress = cancel_after, .progress_ctx = &progress};
	struct err err = ERR_INIT;
	size_t done = 0;
	struct set s;

	(void)state;
	make_set(&s, 600, 31337, 80);
	memset(s.done, 0, s.n);
	assert_int_equal(align_batch(s.texts, s.jobs, s.n, &o, s.got, s.done, &err), ERR_CANCELLED);
	cancel_reset();
	for (size_t i = 0; i < s.n; i++) {
		done += s.done[i];
		if (s.done[i])
			assert_same(&s.got[i], &s.expected[i]);
	}
	assert_int_equal(done, progress);
	assert_in_range(done, 100, s.n - 1);
	free_set(&s);
}

/* ---- score range of the lanes ----------------------------------------------------------------- */

/* 11 a column: 2,909 tryptophans reach 31,999, and more than 2,978 pass 16 bits. */
static void scores_at_the_edge_of_16_bits_are_exact(void **state)
{
	static const size_t lengths[] = {2908, 2909, 2910, 2980, 3400};
	struct align_options o = {.n_workers = 1};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t k = 0; k < 5; k++) {
		char *w = repeat('W', lengths[k]);
		struct align_text texts[] = {text(w)};
		struct align_job jobs[16] = {{0, 0}};
		struct align_values got[16];
		size_t n = lengths[k] <= 2909 ? 16 : 1;

		assert_int_equal(align_batch(texts, jobs, n, &o, got, NULL, &err), 0);
		for (size_t i = 0; i < n; i++) {
			assert_true(got[i].score_nw == 11.0 * (double)lengths[k]);
			assert_true(got[i].score_sw == 11.0 * (double)lengths[k]);
			assert_true(got[i].identity_nw == 1 &&
				    got[i].length_sw == (double)lengths[k]);
		}
		free(w);
	}
}

static void the_lowest_scores_of_16_bits_are_exact(void **state)
{
	/* 14,980 against 20 letters that fit nowhere: two gaps, no aligned column */
	char *a = repeat('A', 14980), *b = repeat('*', 20);
	struct align_text texts[] = {text(a), text(b)};
	struct align_job jobs[32];
	struct align_values got[32];
	struct align_options o = {.n_workers = 1};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < 32; i++)
		jobs[i] = (struct align_job){i % 2, 1 - i % 2};
	assert_int_equal(align_batch(texts, jobs, 32, &o, got, NULL, &err), 0);
	for (size_t i = 0; i < 32; i++) {
		assert_true(got[i].score_nw == -10 - 14979 - 10 - 19);
		assert_true(got[i].length_nw == 15000 && got[i].length_sw == 0);
	}
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_spec_hold),
		cmocka_unit_test(a_literal_minus_is_a_gap_and_never_an_identity),
		cmocka_unit_test(an_alignment_without_an_aligned_column_is_all_gaps),
		cmocka_unit_test(the_order_of_a_pair_matters),
		cmocka_unit_test(lengths_are_counted_in_characters),
		cmocka_unit_test(refused_texts_are_named),
		cmocka_unit_test(the_scalar_engine_follows_the_definition),
		cmocka_unit_test(pieces_give_the_same_path),
		cmocka_unit_test(every_level_and_worker_count_gives_the_same_values),
		cmocka_unit_test(a_batch_keeps_to_its_budget),
		cmocka_unit_test(sizes_of_a_batch_do_not_matter),
		cmocka_unit_test(jobs_may_share_texts),
		cmocka_unit_test(an_empty_text_in_a_batch_is_refused),
		cmocka_unit_test(results_are_reported_as_they_come),
		cmocka_unit_test(a_cancelled_batch_keeps_what_is_done),
		cmocka_unit_test(scores_at_the_edge_of_16_bits_are_exact),
		cmocka_unit_test(the_lowest_scores_of_16_bits_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
