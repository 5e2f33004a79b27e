/* Neighbour search against a brute-force implementation of the normative rule (spec 4.5), for every
 * kernel, several numbers of workers and several chunk sizes: always the same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/half.h"
#include "pipeline/core/pairwise.h"
#include "pipeline/knn/knn.h"
#include "pipeline/knn/knn_exact.h"
#include "pipeline/knn/knn_kernel.h"
#include "prof/base/clock.h"
#include "prof/base/hash.h"

static uint64_t random_state;

static uint64_t random64(void)
{
	return hash_u64(random_state += 0x9e3779b97f4a7c15u);
}

static size_t below(size_t n)
{
	return (size_t)(random64() % n);
}

static double uniform(void) /* -1 ... 1 */
{
	return (double)(random64() >> 11) * 0x1p-52 - 1.0;
}

enum shape {
	SHAPE_PLAIN,     /* values around 0 */
	SHAPE_FEW_ROWS,  /* thousands of equal rows */
	SHAPE_NEAR_TIES, /* one row with single values off by one unit in the last place */
	SHAPE_SCALED,    /* different rows, equal directions */
	SHAPE_GRID,      /* small integers: exact ties of different rows */
	SHAPE_TINY,      /* zeros and subnormal halves: 1e-9 and underflow matter */
	SHAPE_HUGE,      /* up to 65504 */
	SHAPE_OFFSET,    /* a small ball far from the origin */
	SHAPES,
};

static uint16_t value(enum shape shape, size_t row, size_t i)
{
	switch (shape) {
	case SHAPE_FEW_ROWS:
		return half_from_double((double)(hash_u64(row % 3 * 1000 + i) % 2001) / 1000 - 1);
	case SHAPE_NEAR_TIES: {
		uint16_t h = half_from_double((double)(hash_u64(i) % 2001) / 1000 - 1);

		return (uint16_t)(h ^ (below(16) == 0));
	}
	case SHAPE_SCALED:
		return half_from_double((double)((hash_u64(i) % 9) * (1 + row % 5)));
	case SHAPE_GRID:
		return half_from_double((double)below(3) - 1);
	case SHAPE_TINY:
		return (uint16_t)(row % 4 == 0 ? 0 : below(3) | (below(2) << 15));
	case SHAPE_HUGE:
		return half_from_double(65504 * (below(2) ? uniform() : below(2) ? 1.0 : -1.0));
	case SHAPE_OFFSET:
		return half_from_double(100 + 0.25 * uniform());
	default:
		return half_from_double(uniform());
	}
}

struct problem {
	size_t n_rows, dim, n_queries, n_refs;
	uint16_t *pool;
	uint32_t *queries, *refs;
	struct knn_params params;
};

static void problem_make(struct problem *p, enum shape shape, size_t n_rows, size_t dim,
			 size_t n_queries, size_t n_refs)
{
	size_t i;

	*p = (struct problem){.n_rows = n_rows, .dim = dim, .n_queries = n_queries};
	p->pool = malloc(n_rows * dim * sizeof *p->pool);
	p->queries = malloc((n_queries + 1) * sizeof *p->queries);
	p->refs = malloc((n_refs + 1) * sizeof *p->refs);
	assert_true(p->pool && p->queries && p->refs);
	for (i = 0; i < n_rows * dim; i++)
		p->pool[i] = value(shape, i / dim, i % dim);
	for (i = 0; i < n_queries; i++)
		p->queries[i] = (uint32_t)below(n_rows);
	/* References ascend and are distinct; every step is as long as the rest allows. */
	for (i = 0; i < n_rows && p->n_refs < n_refs; i++)
		if (below(n_rows - i) < n_refs - p->n_refs)
			p->refs[p->n_refs++] = (uint32_t)i;
	p->params = (struct knn_params){.k = 5, .threshold = (double)NAN, .n_workers = 1};
}

static void problem_release(struct problem *p)
{
	free(p->pool);
	free(p->queries);
	free(p->refs);
}

/* The rule, as the specification words it. */
static float *widened(const struct problem *p, uint32_t row, float *square_sum)
{
	float *x = malloc(p->dim * sizeof *x);
	float norm;
	size_t i;

	assert_non_null(x);
	for (i = 0; i < p->dim; i++)
		x[i] = half_to_float(p->pool[(size_t)row * p->dim + i]);
	*square_sum = pairwise_sumsq_f32(x, p->dim);
	norm = sqrtf(*square_sum);
	for (i = 0; p->params.metric == KNN_COSINE && i < p->dim; i++)
		x[i] = x[i] / (norm + 1e-9f);
	return x;
}

static float rule(const struct problem *p, const float *q, float q2, const float *r, float r2)
{
	double sum = 0;
	float dot;
	size_t i;

	for (i = 0; i < p->dim; i++)
		sum += (double)q[i] * (double)r[i];
	dot = (float)sum;
	if (p->params.metric == KNN_COSINE)
		return 1.0f - dot;
	return fmaxf(0.0f, (q2 + r2) - 2.0f * dot);
}

static int by_rank(const void *a, const void *b)
{
	const struct knn_hit *x = a, *y = b;

	if (x->dist != y->dist)
		return x->dist < y->dist ? -1 : 1;
	return x->ref < y->ref ? -1 : x->ref > y->ref;
}

static void brute_force(const struct problem *p, struct knn_hit *hits, uint32_t *counts)
{
	struct knn_hit *all = malloc((p->n_refs + 1) * sizeof *all);
	float **refs = malloc((p->n_refs + 1) * sizeof *refs);
	float *squares = malloc((p->n_refs + 1) * sizeof *squares);
	size_t q, r;

	assert_true(all && refs && squares);
	for (r = 0; r < p->n_refs; r++)
		refs[r] = widened(p, p->refs[r], &squares[r]);
	for (q = 0; q < p->n_queries; q++) {
		float q2, *x = widened(p, p->queries[q], &q2);

		for (r = 0; r < p->n_refs; r++)
			all[r] = (struct knn_hit){(uint32_t)r, rule(p, x, q2, refs[r], squares[r])};
		qsort(all, p->n_refs, sizeof *all, by_rank);
		counts[q] = 0;
		for (r = 0; r < p->n_refs && r < p->params.k; r++)
			if (isnan(p->params.threshold) ||
			    !(all[r].dist > (float)p->params.threshold))
				hits[q * p->params.k + counts[q]++] = all[r];
		free(x);
	}
	for (r = 0; r < p->n_refs; r++)
		free(refs[r]);
	free(refs);
	free(squares);
	free(all);
}

static void expect_equal(const struct problem *p, const char *how, const struct knn_hit *want,
			 const uint32_t *n_want, const struct knn_hit *got, const uint32_t *n_got)
{
	size_t q, r;

	for (q = 0; q < p->n_queries; q++) {
		if (n_want[q] != n_got[q])
			fail_msg("%s: query %zu has %u neighbours, not %u", how, q, n_got[q],
				 n_want[q]);
		for (r = 0; r < n_want[q]; r++) {
			struct knn_hit a = want[q * p->params.k + r], b = got[q * p->params.k + r];

			if (a.ref != b.ref || memcmp(&a.dist, &b.dist, sizeof a.dist) != 0)
				fail_msg("%s: query %zu rank %zu is %u (%.9g), not %u (%.9g)", how,
					 q, r, b.ref, (double)b.dist, a.ref, (double)a.dist);
		}
	}
}

static const char *const levels[] = {"portable", "avx2", "avx512", "amx"};

/* The kernels that this processor has (others would silently be the same as a narrower one);
 * avx512vnni is one of level avx512. */
static int has_level(const char *level)
{
	setenv("PROTEA_SIMD", level, 1);
	return strncmp(knn_kernel_choose()->name, level, strlen(level)) == 0;
}

static void check(struct problem *p)
{
	static const size_t workers[] = {1, 2, 7}, chunks[] = {0, 1, 5};
	size_t room = p->n_queries * p->params.k + 1, l, w;
	struct knn_hit *want = calloc(room, sizeof *want), *got = calloc(room, sizeof *got);
	uint32_t *n_want = calloc(p->n_queries + 1, sizeof *n_want);
	uint32_t *n_got = calloc(p->n_queries + 1, sizeof *n_got);

	assert_true(want && got && n_want && n_got);
	brute_force(p, want, n_want);
	for (l = 0; l < sizeof levels / sizeof *levels; l++) {
		if (!has_level(levels[l]))
			continue;
		for (w = 0; w < 3; w++) {
			struct err err = ERR_INIT;
			char how[100];

			p->params.n_workers = workers[w];
			p->params.query_chunk = chunks[below(3)];
			snprintf(how, sizeof how,
				 "%s, %zu workers, dim %zu, n %zu, k %zu, metric %d", levels[l],
				 workers[w], p->dim, p->n_refs, p->params.k, (int)p->params.metric);
			memset(n_got, 0xff, p->n_queries * sizeof *n_got);
			if (knn_search(p->pool, p->n_rows, p->dim, p->queries, p->n_queries,
				       p->refs, p->n_refs, &p->params, got, n_got, &err) != 0)
				fail_msg("%s: %s", how, err.text);
			expect_equal(p, how, want, n_want, got, n_got);
		}
	}
	unsetenv("PROTEA_SIMD");
	free(want);
	free(got);
	free(n_want);
	free(n_got);
}

static const size_t dims[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 48, 100, 129, 200, 256, 257, 640};

static void random_problems_of(enum shape shape, int cases)
{
	int c;

	random_state = 7919u * (unsigned)shape + 1;
	for (c = 0; c < cases; c++) {
		size_t dim = dims[below(sizeof dims / sizeof *dims)];
		size_t n_refs = c % 5 == 0 ? below(8) : below(400);
		struct problem p;

		problem_make(&p, shape, n_refs + 1 + below(100), dim, below(24), n_refs);
		p.params.metric = c % 2 ? KNN_L2 : KNN_COSINE;
		p.params.k = 1 + below(c % 7 == 0 ? 500 : 12);
		if (c % 3 == 0)
			p.params.threshold = p.params.metric == KNN_COSINE ? fabs(uniform()) : 0.0;
		check(&p);
		problem_release(&p);
	}
}

static void plain_rows(void **state)
{
	(void)state;
	random_problems_of(SHAPE_PLAIN, 60);
}

static void massive_ties(void **state)
{
	(void)state;
	random_problems_of(SHAPE_FEW_ROWS, 40);
}

static void near_ties(void **state)
{
	(void)state;
	random_problems_of(SHAPE_NEAR_TIES, 60);
}

static void equal_directions(void **state)
{
	(void)state;
	random_problems_of(SHAPE_SCALED, 40);
}

static void exact_ties_of_different_rows(void **state)
{
	(void)state;
	random_problems_of(SHAPE_GRID, 60);
}

static void zero_and_subnormal_rows(void **state)
{
	(void)state;
	random_problems_of(SHAPE_TINY, 40);
}

static void largest_values(void **state)
{
	(void)state;
	random_problems_of(SHAPE_HUGE, 40);
}

static void a_small_ball_far_away(void **state)
{
	(void)state;
	random_problems_of(SHAPE_OFFSET, 40);
}

static void many_references(void **state)
{
	struct problem p;

	(void)state;
	random_state = 99;
	problem_make(&p, SHAPE_NEAR_TIES, 4000, 1280, 9, 3000);
	check(&p);
	problem_release(&p);
	problem_make(&p, SHAPE_GRID, 9000, 8, 40, 9000);
	p.params.k = 30;
	check(&p);
	problem_release(&p);
}

static void twenty_thousand_equal_rows(void **state)
{
	struct problem p;
	size_t i;

	(void)state;
	problem_make(&p, SHAPE_PLAIN, 20000, 64, 4, 20000);
	for (i = 2; i < p.n_refs; i++)
		memcpy(p.pool + i * 64, p.pool + (i < 5 || i % 1000 == 7) * 64,
		       64 * sizeof *p.pool);
	p.params.k = 25;
	check(&p);
	problem_release(&p);
}

static void a_threshold_equal_to_a_distance_keeps_it(void **state)
{
	struct problem p;
	struct knn_hit hits[5];
	uint32_t count;

	(void)state;
	random_state = 5;
	problem_make(&p, SHAPE_PLAIN, 50, 33, 1, 50);
	assert_int_equal(
		knn_search(p.pool, 50, 33, p.queries, 1, p.refs, 50, &p.params, hits, &count, NULL),
		0);
	assert_int_equal(count, 5);
	p.params.threshold = (double)hits[3].dist;
	check(&p);
	assert_int_equal(
		knn_search(p.pool, 50, 33, p.queries, 1, p.refs, 50, &p.params, hits, &count, NULL),
		0);
	assert_int_equal(count, 4);
	p.params.threshold = -1e300;
	check(&p);
	p.params.threshold = 1e300;
	check(&p);
	p.params.threshold = (double)INFINITY;
	check(&p);
	problem_release(&p);
}

static void known_values(void **state)
{
	/* Rows: 0 zero, 1 = (1, 0), 2 = (0, 2), 3 = (-3, 0), 4 = (1, 0) again. */
	uint16_t pool[10] = {0};
	const uint32_t rows[] = {0, 1, 2, 3, 4}, query[] = {1, 0};
	struct knn_params params = {.k = 5, .threshold = (double)NAN, .n_workers = 1};
	struct knn_hit hits[10];
	uint32_t counts[2];

	(void)state;
	pool[2] = pool[8] = half_from_double(1);
	pool[5] = half_from_double(2);
	pool[6] = half_from_double(-3);
	assert_int_equal(knn_search(pool, 5, 2, query, 2, rows, 5, &params, hits, counts, NULL), 0);
	assert_int_equal(counts[0], 5);
	assert_true(hits[0].ref == 1 && hits[0].dist == 0.0f);
	assert_true(hits[1].ref == 4 && hits[1].dist == 0.0f);
	assert_true(hits[2].ref == 0 && hits[2].dist == 1.0f);
	assert_true(hits[3].ref == 2 && hits[3].dist == 1.0f);
	assert_true(hits[4].ref == 3 && hits[4].dist == 2.0f);
	assert_true(hits[5].ref == 0 && hits[5].dist == 1.0f && hits[9].ref == 4);
	params.metric = KNN_L2;
	params.k = 4;
	assert_int_equal(knn_search(pool, 5, 2, query, 1, rows, 5, &params, hits, counts, NULL), 0);
	assert_true(hits[2].ref == 0 && hits[2].dist == 1.0f);
	assert_true(hits[3].ref == 2 && hits[3].dist == 5.0f);
}

static void smaller_k_is_a_prefix(void **state)
{
	struct problem p;
	struct knn_hit *ten = calloc(20 * 10, sizeof *ten), *three = calloc(20 * 3, sizeof *three);
	uint32_t n10[20], n3[20];
	size_t q;

	(void)state;
	random_state = 11;
	problem_make(&p, SHAPE_GRID, 500, 12, 20, 500);
	p.params.k = 10;
	assert_int_equal(
		knn_search(p.pool, 500, 12, p.queries, 20, p.refs, 500, &p.params, ten, n10, NULL),
		0);
	p.params.k = 3;
	assert_int_equal(
		knn_search(p.pool, 500, 12, p.queries, 20, p.refs, 500, &p.params, three, n3, NULL),
		0);
	for (q = 0; q < 20; q++)
		assert_memory_equal(ten + q * 10, three + q * 3, 3 * sizeof *ten);
	free(ten);
	free(three);
	problem_release(&p);
}

static void no_queries_or_no_references(void **state)
{
	struct problem p;
	struct knn_hit hits[5];
	uint32_t count = 77;

	(void)state;
	problem_make(&p, SHAPE_PLAIN, 3, 4, 1, 3);
	assert_int_equal(
		knn_search(p.pool, 3, 4, p.queries, 1, p.refs, 0, &p.params, hits, &count, NULL),
		0);
	assert_int_equal(count, 0);
	assert_int_equal(
		knn_search(p.pool, 3, 4, p.queries, 0, p.refs, 3, &p.params, NULL, NULL, NULL), 0);
	problem_release(&p);
}

static void refused_arguments(void **state)
{
	struct problem p;
	struct knn_hit hits[5];
	struct err err = ERR_INIT;
	uint32_t count;

	(void)state;
	problem_make(&p, SHAPE_PLAIN, 3, 4, 1, 3);
	p.params.k = 0;
	assert_int_equal(
		knn_search(p.pool, 3, 4, p.queries, 1, p.refs, 3, &p.params, hits, &count, &err),
		ERR_ARG);
	p.params.k = 5;
	assert_int_equal(
		knn_search(p.pool, 3, 0, p.queries, 1, p.refs, 3, &p.params, hits, &count, &err),
		ERR_ARG);
	p.refs[2] = 3;
	assert_int_equal(
		knn_search(p.pool, 3, 4, p.queries, 1, p.refs, 3, &p.params, hits, &count, &err),
		ERR_INTERNAL);
	assert_non_null(strstr(err.text, "reference 2 is row 3"));
	p.refs[2] = 1;
	assert_int_equal(
		knn_search(p.pool, 3, 4, p.queries, 1, p.refs, 3, &p.params, hits, &count, &err),
		ERR_INTERNAL);
	assert_non_null(strstr(err.text, "not above row 1"));
	problem_release(&p);
}

static void count_progress(void *ctx, size_t done)
{
	*(size_t *)ctx += done;
}

static void progress_counts_every_query_once(void **state)
{
	struct problem p;
	struct knn_hit hits[23 * 5];
	uint32_t counts[23];
	size_t done = 0;

	(void)state;
	problem_make(&p, SHAPE_PLAIN, 100, 16, 23, 100);
	p.params.query_chunk = 6;
	p.params.progress = count_progress;
	p.params.progress_ctx = &done;
	assert_int_equal(knn_search(p.pool, 100, 16, p.queries, 23, p.refs, 100, &p.params, hits,
				    counts, NULL),
			 0);
	assert_int_equal(done, 23);
	problem_release(&p);
}

static void a_stop_request_ends_the_search(void **state)
{
	struct problem p;
	struct knn_hit hits[5 * 5];
	uint32_t counts[5];
	struct err err = ERR_INIT;

	(void)state;
	problem_make(&p, SHAPE_PLAIN, 100, 16, 5, 100);
	cancel_request(15);
	assert_int_equal(knn_search(p.pool, 100, 16, p.queries, 5, p.refs, 100, &p.params, hits,
				    counts, &err),
			 ERR_CANCELLED);
	cancel_reset();
	problem_release(&p);
}

static void an_unknown_level_counts_as_unset(void **state)
{
	const char *best;

	(void)state;
	unsetenv("PROTEA_SIMD");
	best = knn_kernel_choose()->name;
	setenv("PROTEA_SIMD", "mmx", 1);
	assert_string_equal(knn_kernel_choose()->name, best);
	setenv("PROTEA_SIMD", "portable", 1);
	assert_string_equal(knn_kernel_choose()->name, "portable");
	unsetenv("PROTEA_SIMD");
}

static void memory_does_not_grow_with_queries_times_references(void **state)
{
	struct knn_params params = {.k = 10, .n_workers = 4};
	size_t small = knn_memory_needed(1000, 500000, 1280, &params);
	size_t large = knn_memory_needed(100000, 500000, 1280, &params);
	(void)state;
	assert_true(small < large);
	assert_true(large < (size_t)96 << 20);
	assert_true(knn_memory_needed(5000, 500000, 1280, &params) < (size_t)64 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(plain_rows),
		cmocka_unit_test(massive_ties),
		cmocka_unit_test(near_ties),
		cmocka_unit_test(equal_directions),
		cmocka_unit_test(exact_ties_of_different_rows),
		cmocka_unit_test(zero_and_subnormal_rows),
		cmocka_unit_test(largest_values),
		cmocka_unit_test(a_small_ball_far_away),
		cmocka_unit_test(many_references),
		cmocka_unit_test(twenty_thousand_equal_rows),
		cmocka_unit_test(a_threshold_equal_to_a_distance_keeps_it),
		cmocka_unit_test(smaller_k_is_a_prefix),
		cmocka_unit_test(no_queries_or_no_references),
		cmocka_unit_test(refused_arguments),
		cmocka_unit_test(progress_counts_every_query_once),
		cmocka_unit_test(a_stop_request_ends_the_search),
		cmocka_unit_test(an_unknown_level_counts_as_unset),
		cmocka_unit_test(memory_does_not_grow_with_queries_times_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
