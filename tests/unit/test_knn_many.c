/* Many searches in one pass against the same searches one by one, and the kernels' own numbers:
 * sums that come close to their limits, and the bound of each form against real products. */
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
#include "pipeline/knn/knn.h"
#include "pipeline/knn/knn_kernel.h"
#include "pipeline/knn/knn_pack.h"
#include "prof/base/hash.h"

enum { TARGETS_MAX = 70, ROWS = 900, K = 6 };

static uint64_t random_state;

static size_t below(size_t n)
{
	return (size_t)(hash_u64(random_state += 0x9e3779b97f4a7c15u) % n);
}

static double uniform(void) /* -1 ... 1 */
{
	return (double)below(2000001) * 1e-6 - 1.0;
}

static void *alloc_lines(size_t bytes) /* on a 64-byte boundary */
{
	return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

/* ---- many targets -------------------------------------------------------------------------- */

struct problem {
	size_t dim, n_targets;
	uint16_t *pool;
	struct knn_target targets[TARGETS_MAX];
	struct knn_params params;
};

/* Rows that ascend, each with probability 1 / one_in; all of them when one_in is 1. */
static size_t pick_rows(uint32_t *rows, size_t one_in)
{
	size_t n = 0;

	for (uint32_t i = 0; i < ROWS; i++)
		if (below(one_in) == 0)
			rows[n++] = i;
	return n;
}

static void make_target(struct knn_target *t)
{
	uint32_t *refs = malloc(ROWS * sizeof *refs), *queries = malloc(40 * sizeof *queries);
	size_t i, share = 1 + below(6);

	assert_true(refs && queries);
	t->n_queries = below(8) ? below(40) : 0;
	for (i = 0; i < t->n_queries; i++)
		queries[i] = (uint32_t)below(share * 150 < ROWS ? share * 150 : ROWS);
	t->n_refs = below(8) ? pick_rows(refs, share) : below(3) ? pick_rows(refs, 300) : 0;
	t->query_rows = queries;
	t->ref_rows = refs;
	t->hits = calloc(t->n_queries * K + 1, sizeof *t->hits);
	t->counts = malloc((t->n_queries + 1) * sizeof *t->counts);
	assert_true(t->hits && t->counts);
}

static void problem_make(struct problem *p, size_t dim, size_t n_targets)
{
	size_t i, row;

	*p = (struct problem){.dim = dim, .n_targets = n_targets};
	p->params = (struct knn_params){.k = K, .threshold = (double)NAN, .n_workers = 1};
	p->pool = malloc(ROWS * dim * sizeof *p->pool);
	assert_non_null(p->pool);
	for (i = 0; i < ROWS * dim; i++)
		p->pool[i] = half_from_double(uniform() + 0.3);
	for (i = 0; i < ROWS / 3; i++) { /* rows that occur several times */
		row = below(ROWS);
		memmove(p->pool + row * dim, p->pool + below(20) * dim, dim * sizeof *p->pool);
	}
	for (i = 0; i < n_targets; i++)
		make_target(&p->targets[i]);
}

static void problem_release(struct problem *p)
{
	for (size_t i = 0; i < p->n_targets; i++) {
		free((void *)(uintptr_t)p->targets[i].query_rows);
		free((void *)(uintptr_t)p->targets[i].ref_rows);
		free(p->targets[i].hits);
		free(p->targets[i].counts);
	}
	free(p->pool);
}

static void expect_alone_equal(const struct problem *p, const struct knn_target *t, size_t which)
{
	struct knn_hit *hits = calloc(t->n_queries * K + 1, sizeof *hits);
	uint32_t *counts = malloc((t->n_queries + 1) * sizeof *counts);
	struct knn_params params = p->params;
	size_t q;

	assert_true(hits && counts);
	params.progress = NULL;
	params.stats = NULL;
	assert_int_equal(knn_search(p->pool, ROWS, p->dim, t->query_rows, t->n_queries, t->ref_rows,
				    t->n_refs, &params, hits, counts, NULL),
			 0);
	for (q = 0; q < t->n_queries; q++) {
		if (counts[q] != t->counts[q] ||
		    memcmp(hits + q * K, t->hits + q * K, counts[q] * sizeof *hits) != 0)
			fail_msg("target %zu query %zu differs from its own search", which, q);
		if (isnan(p->params.threshold))
			assert_int_equal(counts[q], t->n_refs < K ? t->n_refs : K);
	}
	free(hits);
	free(counts);
}

static void add_progress(void *ctx, size_t done)
{
	__atomic_add_fetch((size_t *)ctx, done, __ATOMIC_RELAXED);
}

static void check_many(struct problem *p)
{
	size_t done = 0, wanted = 0, i;
	struct err err = ERR_INIT;

	p->params.progress = add_progress;
	p->params.progress_ctx = &done;
	for (i = 0; i < p->n_targets; i++) {
		wanted += p->targets[i].n_queries;
		memset(p->targets[i].counts, 0xff,
		       p->targets[i].n_queries * sizeof *p->targets[i].counts);
	}
	if (knn_search_many(p->pool, ROWS, p->dim, p->targets, p->n_targets, &p->params, &err))
		fail_msg("%s", err.text);
	assert_int_equal(done, wanted);
	for (i = 0; i < p->n_targets; i++)
		expect_alone_equal(p, &p->targets[i], i);
}

static void one_pass_equals_separate_searches(void **state)
{
	static const size_t dims[] = {1, 5, 16, 64, 65, 200, 320};
	static const size_t chunks[] = {0, 1, 7, 500};
	struct problem p;

	(void)state;
	random_state = 4;
	for (int c = 0; c < 24; c++) {
		problem_make(&p, dims[below(7)], 1 + below(c % 6 == 5 ? TARGETS_MAX : 9));
		p.params.metric = c % 2 ? KNN_L2 : KNN_COSINE;
		p.params.n_workers = 1 + (size_t)c % 5;
		p.params.query_chunk = chunks[below(4)];
		if (c % 4 == 0)
			p.params.threshold = 0.3;
		check_many(&p);
		problem_release(&p);
	}
}

static void more_targets_than_a_mask_has_bits(void **state)
{
	struct problem p;

	(void)state;
	random_state = 5;
	problem_make(&p, 24, TARGETS_MAX);
	p.params.n_workers = 2;
	check_many(&p);
	problem_release(&p);
}

static void no_targets_at_all(void **state)
{
	struct problem p;

	(void)state;
	problem_make(&p, 4, 0);
	check_many(&p);
	problem_release(&p);
}

static void shared_products_are_made_once(void **state)
{
	struct problem p;
	struct knn_stats one = {0}, three = {0};
	uint32_t all[ROWS];

	(void)state;
	random_state = 6;
	problem_make(&p, 64, 3);
	pick_rows(all, 1);
	for (size_t t = 0; t < 3; t++) {
		p.targets[t].n_refs = ROWS;
		memcpy((void *)(uintptr_t)p.targets[t].ref_rows, all, sizeof all);
	}
	memcpy((void *)(uintptr_t)p.targets[1].query_rows, p.targets[0].query_rows,
	       40 * sizeof *p.targets[0].query_rows);
	p.targets[1].n_queries = p.targets[0].n_queries;
	p.params.stats = &one;
	assert_int_equal(knn_search_many(p.pool, ROWS, 64, p.targets, 1, &p.params, NULL), 0);
	p.params.stats = &three;
	assert_int_equal(knn_search_many(p.pool, ROWS, 64, p.targets, 2, &p.params, NULL), 0);
	assert_int_equal(one.products, three.products);
	assert_true(one.products > 0 && one.measured > 0 && one.picked >= one.measured);
	problem_release(&p);
}

static void a_bad_target_is_named(void **state)
{
	struct problem p;
	struct err err = ERR_INIT;
	uint32_t wrong[] = {3, ROWS};

	(void)state;
	random_state = 7;
	problem_make(&p, 8, 2);
	memcpy((void *)(uintptr_t)p.targets[1].ref_rows, wrong, sizeof wrong);
	p.targets[1].n_refs = 2;
	assert_int_equal(knn_search_many(p.pool, ROWS, 8, p.targets, 2, &p.params, &err),
			 ERR_INTERNAL);
	assert_non_null(strstr(err.text, "reference 1 is row 900"));
	problem_release(&p);
}

/* ---- data that bytes cannot part ----------------------------------------------------------- */

/* Two far points with tiny balls around them: the mean lies between, so that bytes let half of the
 * rows through and int16 takes over; the results stay what they are. */
static void the_finer_kernel_takes_over(void **state)
{
	enum { N = 24000, DIM = 64, QUERIES = 5 };
	uint16_t *pool = malloc((size_t)N * DIM * sizeof *pool);
	uint32_t *rows = malloc(N * sizeof *rows), counts[2][QUERIES];
	struct knn_hit hits[2][QUERIES * K];
	struct knn_stats stats[2] = {{0}, {0}};
	struct knn_params params = {.k = K, .threshold = (double)NAN, .n_workers = 2};
	static const char *const levels[] = {"portable", "avx2"};

	(void)state;
	assert_true(pool && rows);
	random_state = 8;
	for (uint32_t i = 0; i < N; i++) {
		rows[i] = i;
		for (size_t j = 0; j < DIM; j++)
			pool[i * DIM + j] = half_from_double(
				(i % 2 ? 1.0 : -1.0) * (j % 2 ? 1.0 : -0.5) + 0.004 * uniform());
	}
	for (size_t l = 0; l < 2; l++) {
		setenv("PROTEA_SIMD", levels[l], 1);
		params.stats = &stats[l];
		assert_int_equal(knn_search(pool, N, DIM, rows + 100, QUERIES, rows, N, &params,
					    hits[l], counts[l], NULL),
				 0);
	}
	unsetenv("PROTEA_SIMD");
	assert_memory_equal(hits[0], hits[1], sizeof hits[0]);
	assert_memory_equal(counts[0], counts[1], sizeof counts[0]);
	/* Without the change of kernels half of all products would be looked at again. */
	assert_true(stats[1].picked < stats[1].products / 5);
	free(pool);
	free(rows);
}

/* ---- kernels ------------------------------------------------------------------------------- */

enum shape { PLAIN, SPIKES, FLAT, ZEROS, SHAPES };

static float shaped(enum shape shape, size_t row, size_t i, size_t dim)
{
	switch (shape) {
	case SPIKES: /* one element has all */
		return i == row % dim ? 1.0f : (float)(1e-3 * uniform());
	case FLAT: /* all elements at their largest */
		return row % 2 ? 1.0f : -1.0f;
	case ZEROS:
		return 0.0f;
	default:
		return (float)uniform();
	}
}

struct rows {
	float *x, *c; /* as they were; scratch */
	uint16_t *packed;
	struct knn_row *row;
};

static void pack_rows(struct rows *r, const struct knn_packer *p, const struct knn_kernel *kernel,
		      enum knn_side_of side, size_t n, enum shape shape)
{
	uint16_t *k = alloc_lines(p->depth * 2 + 64);

	r->x = calloc(n, p->depth * sizeof *r->x);
	r->c = alloc_lines(p->depth * sizeof *r->c);
	r->packed = alloc_lines(n * p->depth * sizeof *r->packed);
	r->row = calloc(n, sizeof *r->row);
	assert_true(k && r->x && r->c && r->packed && r->row);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < p->dim; j++)
			r->x[i * p->depth + j] = shaped(shape, i, j, p->dim);
		memcpy(r->c, r->x + i * p->depth, p->depth * sizeof *r->c);
		knn_pack_row(p, side, r->c, k, &r->row[i]);
		knn_place_row(kernel, side, p->depth, k, i, r->packed);
	}
	free(k);
}

static void release_rows(struct rows *r)
{
	free(r->x);
	free(r->c);
	free(r->packed);
	free(r->row);
}

static double product(const float *a, const float *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

/* Every real product lies within the bound that its two rows carry, on both sides, and the test
 * lets it through when the cut is the product itself. */
static void check_bound(const struct knn_kernel *kernel, size_t dim, enum shape shape)
{
	size_t nq = kernel->query_step, nr = 2 * kernel->ref_step, stride = nr + 64, i, j;
	struct knn_packer p;
	struct rows q, r;
	float *out = alloc_lines(nq * stride * sizeof *out);
	float *side = alloc_lines(4 * stride * sizeof *side);
	struct knn_side sides = {side, side + stride, side + 2 * stride, side + 3 * stride};
	double *sum = calloc(dim, sizeof *sum);

	stride = nr / 16 * 16 + 16;
	assert_true(out && side && sum);
	assert_int_equal(knn_packer_init(&p, KNN_L2, kernel, dim), 0);
	for (i = 0; i < dim; i++)
		sum[i] = 0.25 * (double)(i % 3);
	knn_packer_center(&p, sum, 1);
	pack_rows(&q, &p, kernel, KNN_OF_QUERIES, nq, shape);
	pack_rows(&r, &p, kernel, KNN_OF_REFS, nr, shape);
	kernel->scores(q.packed, r.packed, nr, p.depth, out, stride);
	for (j = 0; j < nr; j++)
		knn_side_set(&p, &sides, j, &r.row[j], 0.0);
	for (i = 0; i < nq; i++)
		for (j = 0; j < nr; j++) {
			const struct knn_row *a = &q.row[i], *b = &r.row[j];
			double real = product(q.x + i * p.depth, r.x + j * p.depth, dim);
			double guess = (double)out[i * stride + j] * a->scale * b->scale +
				       a->along + b->along - p.mean_square;
			double bound = a->rest * b->norm + (a->norm + a->rest) * b->rest +
				       1e-6 * (a->norm * b->norm + 1e-9);
			struct knn_test t;

			if (!(fabs(real - guess) <= bound))
				fail_msg("%s form %d shape %d dim %zu: %.9g, not %.9g +- %.3g",
					 kernel->name, (int)kernel->form, (int)shape, dim, guess,
					 real, bound);
			knn_test_set(&p, &t, a, real);
			assert_true(knn_passes(&t, &sides, out + i * stride, j));
		}
	release_rows(&q);
	release_rows(&r);
	knn_packer_release(&p);
	free(out);
	free(side);
	free(sum);
}

static void bounds_hold_for_every_form(void **state)
{
	static const size_t dims[] = {1, 3, 63, 64, 100, 1024, 5000};
	const struct knn_kernel *kernels[4] = {&knn_kernel_portable};
	size_t n = 1;

	(void)state;
	random_state = 9;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
		kernels[n++] = &knn_kernel_avx2;
		kernels[n++] = knn_kernel_avx2.finer;
	}
	for (size_t k = 0; k < n; k++)
		for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
			for (int shape = 0; shape < SHAPES; shape++)
				check_bound(kernels[k], dims[d], (enum shape)shape);
}

/* What packing leaves out of ordinary rows is small, or nothing would ever be ruled out. */
static void rests_are_small(void **state)
{
	struct knn_packer p;
	struct rows r;

	(void)state;
	random_state = 10;
	assert_int_equal(knn_packer_init(&p, KNN_L2, &knn_kernel_portable, 1024), 0);
	pack_rows(&r, &p, &knn_kernel_portable, KNN_OF_REFS, 24, PLAIN);
	for (size_t i = 0; i < 24; i++)
		assert_true(r.row[i].rest < 3e-4 * r.row[i].norm && r.row[i].rest > 0);
	release_rows(&r);
	knn_packer_release(&p);
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return;
	assert_int_equal(knn_packer_init(&p, KNN_L2, &knn_kernel_avx2, 1024), 0);
	pack_rows(&r, &p, &knn_kernel_avx2, KNN_OF_QUERIES, 24, PLAIN);
	for (size_t i = 0; i < 24; i++)
		assert_true(r.row[i].rest < 0.03 * r.row[i].norm);
	release_rows(&r);
	knn_packer_release(&p);
}

/* ---- stopping ------------------------------------------------------------------------------ */

static void stop_soon(void *ctx, size_t done)
{
	(void)done;
	if (__atomic_add_fetch((size_t *)ctx, 1, __ATOMIC_RELAXED) == 2)
		cancel_request(15);
}

static void a_stop_within_a_block_is_obeyed(void **state)
{
	struct problem p;
	struct err err = ERR_INIT;
	size_t calls = 0;

	(void)state;
	random_state = 11;
	problem_make(&p, 1024, 3);
	for (size_t t = 0; t < 3; t++) {
		p.targets[t].n_refs = pick_rows((uint32_t *)(uintptr_t)p.targets[t].ref_rows, 1);
		p.targets[t].n_queries = 40;
		for (size_t i = 0; i < 40; i++)
			((uint32_t *)(uintptr_t)p.targets[t].query_rows)[i] = (uint32_t)i;
		p.targets[t].hits = realloc(p.targets[t].hits, 40 * K * sizeof(struct knn_hit));
		p.targets[t].counts = realloc(p.targets[t].counts, 40 * sizeof(uint32_t));
		assert_true(p.targets[t].hits && p.targets[t].counts);
	}
	p.params.progress = stop_soon;
	p.params.progress_ctx = &calls;
	assert_int_equal(knn_search_many(p.pool, ROWS, 1024, p.targets, 3, &p.params, &err),
			 ERR_CANCELLED);
	assert_true(calls < ROWS / 96);
	cancel_reset();
	problem_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_pass_equals_separate_searches),
		cmocka_unit_test(more_targets_than_a_mask_has_bits),
		cmocka_unit_test(no_targets_at_all),
		cmocka_unit_test(shared_products_are_made_once),
		cmocka_unit_test(a_bad_target_is_named),
		cmocka_unit_test(the_finer_kernel_takes_over),
		cmocka_unit_test(bounds_hold_for_every_form),
		cmocka_unit_test(rests_are_small),
		cmocka_unit_test(a_stop_within_a_block_is_obeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
