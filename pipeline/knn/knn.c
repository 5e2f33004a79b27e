/* The search: see knn.h. Queries are taken in chunks; for each chunk the workers walk over panels
 * of reference rows, small enough for the second-level cache. A panel is widened to float32 and
 * divided by its norms once, multiplied with all queries of the chunk by the fast kernel, and every
 * row that the error bound cannot rule out is measured by the normative rule at once. So only
 * normative distances are ever compared or kept, and results cannot depend on panels, chunks,
 * threads or kernels. Equal rows are measured once (knn_refs). */
#include "pipeline/knn/knn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/half.h"
#include "pipeline/core/workers.h"
#include "pipeline/knn/knn_exact.h"
#include "pipeline/knn/knn_wide.h"
#include "pipeline/knn/knn_refs.h"
#include "pipeline/knn/knn_top.h"

#define DEFAULT_CHUNK ((size_t)500) /* spec 4.5 */
/* Panels take at most this much of a second-level cache (512 KiB and more on today's servers). */
#define PANEL_BYTES    ((size_t)192 << 10)
#define PANEL_ROWS_MAX ((size_t)96)
/* Kept hits of all workers; beyond it (k in the tens of thousands) chunks get smaller. */
#define TOPS_BYTES         ((size_t)256 << 20)
#define QUERIES_PER_FINISH ((size_t)16)
#define CACHE_LINE         ((size_t)64)

struct plan {
	size_t stride; /* floats from row to row */
	size_t panel_rows;
	size_t chunk; /* queries, a multiple of KNN_QUERY_STEP */
	size_t n_workers;
	size_t k; /* rows kept per query */
};

/* What one worker alone writes. */
struct lane {
	float *panel;           /* owned, panel_rows x stride */
	float *bias;            /* owned, per panel row */
	float *scores;          /* owned, KNN_QUERY_STEP x panel_rows */
	struct knn_hit *tops;   /* owned, chunk heaps of k */
	struct knn_hit *joined; /* owned, n_workers x k: the heaps of one query */
	uint32_t *n_tops;       /* owned, per query of the chunk */
};

struct search {
	const uint16_t *pool;
	size_t dim;
	const uint32_t *query_rows, *ref_rows;
	const struct knn_params *params;
	struct plan plan;
	const struct knn_wide *kernel;
	struct knn_bound bound;
	struct knn_refs refs;
	float threshold;    /* +inf: none */
	float *queries;     /* owned, chunk x stride */
	float *query_scale; /* owned, per query of the chunk */
	float *limit;       /* owned, per query: no further row above it matters; atomic */
	struct lane *lanes; /* owned, n_workers */
	size_t chunk_start, chunk_n;
	struct knn_hit *hits;
	uint32_t *counts;
};

static size_t round_up(size_t n, size_t step)
{
	return (n + step - 1) / step * step;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Rows a multiple of 1 KiB apart would share few cache sets. */
static size_t choose_stride(size_t dim)
{
	size_t stride = round_up(dim, KNN_LANES_MAX);

	return stride * sizeof(float) % 1024 == 0 ? stride + KNN_LANES_MAX : stride;
}

static void make_plan(struct plan *p, size_t n_queries, size_t n_refs, size_t dim,
		      const struct knn_params *params)
{
	size_t rows, heaps, n_panels;

	p->stride = choose_stride(dim);
	rows = smaller(PANEL_BYTES / (p->stride * sizeof(float)), PANEL_ROWS_MAX);
	p->panel_rows = rows < KNN_ROWS_STEP ? KNN_ROWS_STEP : rows / KNN_ROWS_STEP * KNN_ROWS_STEP;
	n_panels = (n_refs + p->panel_rows - 1) / p->panel_rows;
	p->n_workers = smaller(params->n_workers ? params->n_workers : 1, n_panels ? n_panels : 1);
	p->k = smaller(params->k, n_refs);
	heaps = TOPS_BYTES / sizeof(struct knn_hit) / p->n_workers / (p->k ? p->k : 1);
	p->chunk = smaller(params->query_chunk ? params->query_chunk : DEFAULT_CHUNK, n_queries);
	p->chunk = round_up(smaller(p->chunk, heaps ? heaps : 1), KNN_QUERY_STEP);
}

static size_t plan_memory(const struct plan *p)
{
	size_t lane = p->panel_rows * (p->stride + 1 + KNN_QUERY_STEP) * sizeof(float) +
		      (p->chunk + p->n_workers) * p->k * sizeof(struct knn_hit) +
		      p->chunk * sizeof(uint32_t) + sizeof(struct lane);

	return p->chunk * (p->stride + 2) * sizeof(float) + p->n_workers * lane;
}

size_t knn_memory_needed(size_t n_queries, size_t n_refs, size_t dim,
			 const struct knn_params *params)
{
	struct plan p;

	make_plan(&p, n_queries, n_refs, dim, params);
	return plan_memory(&p) + knn_refs_memory(n_refs, dim, p.n_workers);
}

static void *alloc_rows(size_t rows, size_t size)
{
	return aligned_alloc(CACHE_LINE, round_up(rows * size, CACHE_LINE));
}

static int lane_init(struct lane *l, const struct plan *p)
{
	size_t panel_bytes = p->panel_rows * p->stride * sizeof *l->panel;

	l->panel = alloc_rows(p->panel_rows, p->stride * sizeof *l->panel);
	l->bias = calloc(p->panel_rows, sizeof *l->bias);
	l->scores = calloc(p->panel_rows, KNN_QUERY_STEP * sizeof *l->scores);
	l->tops = malloc(p->chunk * p->k * sizeof *l->tops);
	l->joined = malloc(p->n_workers * p->k * sizeof *l->joined);
	l->n_tops = calloc(p->chunk, sizeof *l->n_tops);
	if (!l->panel || !l->bias || !l->scores || !l->tops || !l->joined || !l->n_tops)
		return ERR_NOMEM;
	memset(l->panel, 0, panel_bytes); /* the padding of every row stays zero */
	return 0;
}

static void lane_release(struct lane *l)
{
	free(l->panel);
	free(l->bias);
	free(l->scores);
	free(l->tops);
	free(l->joined);
	free(l->n_tops);
}

static void search_release(struct search *s)
{
	size_t i;

	for (i = 0; s->lanes && i < s->plan.n_workers; i++)
		lane_release(&s->lanes[i]);
	free(s->lanes);
	free(s->queries);
	free(s->query_scale);
	free(s->limit);
	knn_refs_release(&s->refs);
}

static int search_init(struct search *s, struct err *err)
{
	const struct plan *p = &s->plan;
	size_t i;
	int rc = 0;

	s->queries = alloc_rows(p->chunk, p->stride * sizeof *s->queries);
	s->query_scale = calloc(p->chunk, sizeof *s->query_scale);
	s->limit = calloc(p->chunk, sizeof *s->limit);
	s->lanes = calloc(p->n_workers, sizeof *s->lanes);
	if (!s->queries || !s->query_scale || !s->limit || !s->lanes)
		return err_nomem(err, "the neighbour search");
	memset(s->queries, 0, p->chunk * p->stride * sizeof *s->queries);
	for (i = 0; rc == 0 && i < p->n_workers; i++)
		rc = lane_init(&s->lanes[i], p);
	return rc != 0 ? err_nomem(err, "the neighbour search") : 0;
}

/* A row of the pool as the distances see it; padding is left as it is. */
static void load_row(const struct search *s, uint32_t pool_row, float scale, float *out)
{
	half_to_floats(s->pool + (size_t)pool_row * s->dim, out, s->dim);
	if (s->params->metric == KNN_COSINE)
		s->kernel->divide(out, s->plan.stride, scale);
}

static void load_chunk(struct search *s)
{
	size_t q, w;

	for (q = 0; q < s->chunk_n; q++) {
		float *row = s->queries + q * s->plan.stride;
		uint32_t pool_row = s->query_rows[s->chunk_start + q];

		half_to_floats(s->pool + (size_t)pool_row * s->dim, row, s->dim);
		s->query_scale[q] = knn_row_scale(s->params->metric, row, s->dim);
		load_row(s, pool_row, s->query_scale[q], row);
		s->limit[q] = s->threshold;
	}
	for (w = 0; w < s->plan.n_workers; w++)
		memset(s->lanes[w].n_tops, 0, s->chunk_n * sizeof *s->lanes[w].n_tops);
}

static void load_panel(const struct search *s, struct lane *l, size_t first, size_t n)
{
	size_t j;

	for (j = 0; j < n; j++) {
		uint32_t pool_row = s->ref_rows[s->refs.first[first + j]];
		float scale = s->refs.scale[first + j];

		load_row(s, pool_row, scale, l->panel + j * s->plan.stride);
		l->bias[j] = knn_bias(&s->bound, scale);
	}
}

static float limit_of(const struct search *s, size_t q)
{
	float v;

	__atomic_load(&s->limit[q], &v, __ATOMIC_RELAXED);
	return v;
}

/* Tells all workers that k rows of query q lie within `dist`. */
static void lower_limit(struct search *s, size_t q, float dist)
{
	float old = limit_of(s, q);

	while (dist < old && !__atomic_compare_exchange(&s->limit[q], &old, &dist, 1,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Measures panel rows `rows` for query q and keeps what belongs to its best. */
static void measure(struct search *s, struct lane *l, size_t q, size_t panel_first,
		    const uint32_t *rows, size_t n)
{
	const float *at[KNN_BATCH] = {0};
	float scales[KNN_BATCH] = {0}, dists[KNN_BATCH];
	struct knn_hit *heap = l->tops + q * s->plan.k;
	size_t i;
	int taken = 0;

	for (i = 0; i < n; i++) {
		at[i] = l->panel + rows[i] * s->plan.stride;
		scales[i] = s->refs.scale[panel_first + rows[i]];
	}
	knn_distances(s->params->metric, s->dim, s->queries + q * s->plan.stride, s->query_scale[q],
		      at, scales, n, dists);
	for (i = 0; i < n; i++) {
		struct knn_hit hit = {(uint32_t)(panel_first + rows[i]), dists[i]};

		if (dists[i] <= s->threshold)
			taken |= knn_top_add(heap, &l->n_tops[q], s->plan.k, hit);
	}
	if (taken && l->n_tops[q] == s->plan.k)
		lower_limit(s, q, heap[0].dist);
}

/* Picks the rows that the bound cannot rule out. */
static void scan(struct search *s, struct lane *l, size_t q, const float *scores,
		 size_t panel_first, size_t n)
{
	float cut = knn_cut(&s->bound, s->query_scale[q], limit_of(s, q));
	uint32_t picked[KNN_BATCH];
	size_t n_picked = 0, j;

	for (j = 0; j < n; j++) {
		if (!(scores[j] - l->bias[j] >= cut))
			continue;
		picked[n_picked++] = (uint32_t)j;
		if (n_picked == KNN_BATCH) {
			measure(s, l, q, panel_first, picked, n_picked);
			cut = knn_cut(&s->bound, s->query_scale[q], limit_of(s, q));
			n_picked = 0;
		}
	}
	if (n_picked)
		measure(s, l, q, panel_first, picked, n_picked);
}

static int panel_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct search *s = ctx;
	struct lane *l = &s->lanes[worker];
	const struct plan *p = &s->plan;
	size_t first = item * p->panel_rows;
	size_t n = smaller(p->panel_rows, s->refs.n_rows - first);
	size_t q, i;

	(void)err;
	load_panel(s, l, first, n);
	for (q = 0; q < s->chunk_n; q += KNN_QUERY_STEP) {
		s->kernel->scores(s->queries + q * p->stride, l->panel, round_up(n, KNN_ROWS_STEP),
				  p->stride, l->scores, p->panel_rows);
		for (i = 0; i < KNN_QUERY_STEP && q + i < s->chunk_n; i++)
			scan(s, l, q + i, l->scores + i * p->panel_rows, first, n);
	}
	return 0;
}

/* Joins what the workers kept of a few queries. */
static int finish_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct search *s = ctx;
	struct knn_hit *joined = s->lanes[worker].joined;
	size_t q = item * QUERIES_PER_FINISH;
	size_t end = smaller(q + QUERIES_PER_FINISH, s->chunk_n), w;

	(void)err;
	for (; q < end; q++) {
		size_t n = 0, global = s->chunk_start + q;

		for (w = 0; w < s->plan.n_workers; w++) {
			const struct lane *l = &s->lanes[w];

			memcpy(joined + n, l->tops + q * s->plan.k, l->n_tops[q] * sizeof *joined);
			n += l->n_tops[q];
		}
		s->counts[global] = knn_top_expand(joined, n, &s->refs, s->params->k,
						   s->hits + global * s->params->k);
	}
	return 0;
}

static int run_chunks(struct search *s, size_t n_queries, struct err *err)
{
	size_t n_panels = (s->refs.n_rows + s->plan.panel_rows - 1) / s->plan.panel_rows;
	int rc = 0;

	for (s->chunk_start = 0; rc == 0 && s->chunk_start < n_queries;
	     s->chunk_start += s->chunk_n) {
		s->chunk_n = smaller(s->plan.chunk, n_queries - s->chunk_start);
		load_chunk(s);
		rc = workers_run(s->plan.n_workers, n_panels, panel_item, s, err);
		if (rc == 0)
			rc = workers_run(s->plan.n_workers,
					 (s->chunk_n + QUERIES_PER_FINISH - 1) / QUERIES_PER_FINISH,
					 finish_item, s, err);
		if (rc == 0 && s->params->progress)
			s->params->progress(s->params->progress_ctx, s->chunk_n);
	}
	return rc;
}

static int check_rows(const uint32_t *rows, size_t n, size_t n_pool, const char *what,
		      struct err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rows[i] >= n_pool)
			return err_set(err, ERR_INTERNAL,
				       "neighbour search: %s %zu is row %u of a pool of %zu", what,
				       i, rows[i], n_pool);
	return 0;
}

static int check_sizes(size_t n_rows, size_t dim, size_t n_queries, size_t n_refs,
		       const struct knn_params *params, struct err *err)
{
	if (params->k == 0)
		return err_set(err, ERR_ARG, "neighbour search: k must be at least 1");
	if (dim == 0)
		return err_set(err, ERR_ARG, "neighbour search: embeddings have no dimension");
	if (n_refs >= KNN_NO_REF)
		return err_set(err, ERR_LIMIT, "neighbour search: more than 2^32 - 2 references");
	if (dim > SIZE_MAX / 1024 / sizeof(float) || n_rows > SIZE_MAX / sizeof(float) / dim ||
	    n_queries > SIZE_MAX / sizeof(struct knn_hit) / params->k)
		return err_set(err, ERR_LIMIT, "neighbour search: sizes beyond the address space");
	return 0;
}

/* NaN: none. Beyond float32 it becomes an infinity, as in NumPy. */
static float threshold_f32(double threshold)
{
	if (isnan(threshold) || threshold > (double)3.402823466e+38f)
		return INFINITY;
	return threshold < (double)-3.402823466e+38f ? -INFINITY : (float)threshold;
}

int knn_search(const uint16_t *pool, size_t n_rows, size_t dim, const uint32_t *query_rows,
	       size_t n_queries, const uint32_t *ref_rows, size_t n_refs,
	       const struct knn_params *params, struct knn_hit *hits, uint32_t *counts,
	       struct err *err)
{
	struct search s = {.pool = pool,
			   .dim = dim,
			   .query_rows = query_rows,
			   .ref_rows = ref_rows,
			   .params = params,
			   .kernel = knn_wide_choose(),
			   .threshold = threshold_f32(params->threshold),
			   .hits = hits,
			   .counts = counts};
	int rc = check_sizes(n_rows, dim, n_queries, n_refs, params, err);

	if (rc == 0)
		rc = check_rows(query_rows, n_queries, n_rows, "query", err);
	if (rc == 0)
		rc = check_rows(ref_rows, n_refs, n_rows, "reference", err);
	if (rc != 0)
		return rc;
	if (n_queries)
		memset(counts, 0, n_queries * sizeof *counts);
	if (n_queries == 0 || n_refs == 0)
		return 0;
	make_plan(&s.plan, n_queries, n_refs, dim, params);
	knn_bound_init(&s.bound, params->metric, dim, s.plan.stride);
	rc = knn_refs_build(&s.refs, params->metric, pool, dim, ref_rows, n_refs, s.plan.n_workers,
			    err);
	if (rc == 0)
		rc = search_init(&s, err);
	if (rc == 0)
		rc = run_chunks(&s, n_queries, err);
	search_release(&s);
	return rc;
}

int knn_search_many(const uint16_t *pool, size_t n_rows, size_t dim,
		    const struct knn_target *targets, size_t n_targets,
		    const struct knn_params *params, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < n_targets; i++) {
		const struct knn_target *t = &targets[i];

		rc = knn_search(pool, n_rows, dim, t->query_rows, t->n_queries, t->ref_rows,
				t->n_refs, params, t->hits, t->counts, err);
	}
	return rc;
}

size_t knn_many_memory(const struct knn_target *targets, size_t n_targets, size_t dim,
		       const struct knn_params *params)
{
	size_t i, most = 0;

	for (i = 0; i < n_targets; i++) {
		size_t need =
			knn_memory_needed(targets[i].n_queries, targets[i].n_refs, dim, params);

		most = need > most ? need : most;
	}
	return most;
}
