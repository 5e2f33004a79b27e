/* The search: see knn.h. Up to 64 targets share a pass: their references and their queries become
 * two sets in which every row carries a mask of the targets that want it, so that nothing is
 * multiplied twice or for nobody (but what shares a tile). Queries go in blocks of bounded memory;
 * knn_pass.c does a block. */
#include "pipeline/knn/knn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/workers.h"
#include "pipeline/knn/knn_exact.h"
#include "pipeline/knn/knn_pass.h"
#include "pipeline/knn/knn_top.h"
#include "pipeline/knn/knn_wide.h"
#include "prof/base/clock.h"

#define DEFAULT_CHUNK ((size_t)500) /* spec 4.5 */
/* Panels take at most this much of a second-level cache (512 KiB and more on today's servers). */
#define PANEL_BYTES        ((size_t)192 << 10)
#define PANEL_ROWS_MAX     ((size_t)480)
#define BLOCK_BYTES        ((size_t)32 << 20) /* packed queries and heaps */
#define QUERIES_PER_FINISH ((size_t)64)
#define CENTER_ROWS        ((size_t)2048)

/* What is shared by the passes of up to 64 targets. */
struct search {
	struct knn_pass pass;
	const struct knn_target *targets;
	size_t n_targets;
	uint32_t **class_of;     /* owned, of owned; per target and query: its class */
	struct knn_hit *scratch; /* owned; k per worker */
};

static size_t round_up(size_t n, size_t step)
{
	return (n + step - 1) / step * step;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static int takes_bytes(const struct knn_kernel *kernel)
{
	return kernel->form == KNN_FORM_I8 || kernel->form == KNN_FORM_S8;
}

/* Sums of bytes stay in range for fewer than 2^16 blocks. */
static const struct knn_kernel *kernel_for(size_t dim)
{
	const struct knn_kernel *kernel = knn_kernel_choose();

	return takes_bytes(kernel) && dim > (size_t)1 << 21 ? kernel->finer : kernel;
}

static size_t element_bytes(const struct knn_kernel *kernel)
{
	return takes_bytes(kernel) ? 1 : sizeof(uint16_t);
}

/* ---- the plan ------------------------------------------------------------------------------ */

static size_t heap_bytes(const struct knn_plan *p)
{
	return p->k * sizeof(struct knn_hit) + sizeof(uint32_t) + sizeof(float);
}

static size_t query_bytes(const struct knn_plan *p)
{
	return p->depth * sizeof(uint16_t) + sizeof(struct knn_query) + sizeof(uint64_t);
}

/* Everything but the blocks. */
static void make_plan(struct knn_plan *p, const struct knn_kernel *kernel, size_t n_refs,
		      size_t dim, const struct knn_params *params)
{
	size_t rows, n_panels, step = kernel->ref_step;

	p->depth = round_up(dim, kernel->depth_step);
	rows = smaller(PANEL_BYTES / (p->depth * element_bytes(kernel)), PANEL_ROWS_MAX);
	p->panel_rows = larger(rows / step, 1) * step;
	n_panels = (n_refs + p->panel_rows - 1) / p->panel_rows;
	p->n_workers = smaller(larger(params->n_workers, 1), larger(n_panels, 1));
	p->k = smaller(params->k, n_refs);
}

/* How many classes of queries from `first` on make a block, and how many heaps they need. */
static size_t next_block(const struct knn_plan *p, const struct knn_params *params,
			 const struct knn_set *queries, size_t first, size_t *heaps)
{
	size_t most = queries->n_classes - first, bytes = 0, n = 0;

	if (params->query_chunk && params->query_chunk < DEFAULT_CHUNK)
		most = smaller(most, params->query_chunk);
	for (*heaps = 0; n < most; n++) {
		size_t more = (size_t)__builtin_popcountll(queries->class_mask[first + n]);

		bytes += query_bytes(p) + more * heap_bytes(p);
		if (n && bytes > BLOCK_BYTES)
			break;
		*heaps += more;
	}
	return n;
}

static void plan_blocks(struct knn_pass *pass)
{
	struct knn_plan *p = &pass->plan;
	size_t first, n, heaps, n_blocks = 0;

	p->block = p->heaps = 0;
	for (first = 0; first < pass->queries.n_classes; first += n, n_blocks++) {
		n = next_block(p, pass->params, &pass->queries, first, &heaps);
		p->block = larger(p->block, n);
		p->heaps = larger(p->heaps, heaps);
	}
	p->block = round_up(p->block, pass->kernel->query_step);
	pass->items = larger(n_blocks * knn_pass_panels(pass), 1);
}

size_t knn_many_memory(const struct knn_target *targets, size_t n_targets, size_t dim,
		       const struct knn_params *params)
{
	const struct knn_kernel *kernel = kernel_for(dim);
	size_t longest = 0, refs = 0, queries = 0, t, block;
	struct knn_plan plan;

	for (t = 0; t < n_targets; t++) {
		refs += targets[t].n_refs;
		queries += targets[t].n_queries;
		longest = larger(longest, targets[t].n_refs);
	}
	refs = smaller(refs, 2 * longest);
	make_plan(&plan, kernel, refs, dim, params);
	block = BLOCK_BYTES / (query_bytes(&plan) + heap_bytes(&plan));
	plan.heaps = plan.block = round_up(smaller(larger(block, 1), queries), kernel->query_step);
	return knn_set_memory(refs) + knn_set_memory(queries) + queries * sizeof(uint32_t) +
	       larger(knn_set_build_memory(refs, dim, plan.n_workers),
		      knn_pass_memory(&plan, kernel));
}

size_t knn_memory_needed(size_t n_queries, size_t n_refs, size_t dim,
			 const struct knn_params *params)
{
	struct knn_target t = {.n_queries = n_queries, .n_refs = n_refs};

	return knn_many_memory(&t, 1, dim, params);
}

/* ---- sets ---------------------------------------------------------------------------------- */

static int build_sets(struct search *s, size_t n_pool, size_t dim, struct err *err)
{
	const struct knn_params *params = s->pass.params;
	struct knn_list queries[KNN_LISTS_MAX], refs[KNN_LISTS_MAX];
	size_t workers = larger(params->n_workers, 1), t;
	int rc;

	for (t = 0; t < s->n_targets; t++) {
		queries[t] = (struct knn_list){s->targets[t].query_rows, s->targets[t].n_queries};
		refs[t] = (struct knn_list){s->targets[t].ref_rows, s->targets[t].n_refs};
		if (!queries[t].n || !refs[t].n)
			queries[t].n = refs[t].n = 0; /* nothing to find */
	}
	rc = knn_set_build(&s->pass.refs, params->metric, s->pass.pool, n_pool, dim, refs,
			   s->n_targets, workers, err);
	if (rc == 0)
		rc = knn_set_build(&s->pass.queries, params->metric, s->pass.pool, n_pool, dim,
				   queries, s->n_targets, workers, err);
	return rc;
}

/* The mean of rows of the set, evenly spread: any point is right, one amid the rows is good. */
static int center(struct search *s)
{
	struct knn_packer *packer = &s->pass.packer;
	const struct knn_set *refs = &s->pass.refs;
	size_t step = (refs->n_classes + CENTER_ROWS - 1) / CENTER_ROWS, n = 0, c, i;
	double *sum = calloc(packer->dim, sizeof *sum);
	float *row = aligned_alloc(64, round_up(packer->depth * sizeof *row, 64));

	if (sum && row) {
		memset(row, 0, packer->depth * sizeof *row);
		for (c = 0; c < refs->n_classes; c += step, n++) {
			knn_load_row(packer,
				     s->pass.pool +
					     (size_t)refs->rows[refs->first[c]] * packer->dim,
				     refs->scale[c], row);
			for (i = 0; i < packer->dim; i++)
				sum[i] += (double)row[i];
		}
		knn_packer_center(packer, sum, n);
	}
	c = sum && row;
	free(sum);
	free(row);
	return c ? 0 : ERR_NOMEM;
}

static size_t place_of(const uint32_t *rows, size_t n, uint32_t row)
{
	size_t low = 0, high = n;

	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;

		if (rows[middle] <= row)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Which class each query of each target is. */
static int map_queries(struct search *s)
{
	const struct knn_set *set = &s->pass.queries;
	uint32_t *class_of = malloc((set->n_rows + 1) * sizeof *class_of), at;
	size_t c, t, i;
	int rc = class_of ? 0 : ERR_NOMEM;

	for (c = 0; rc == 0 && c < set->n_classes; c++)
		for (at = set->first[c]; at != KNN_NO_ROW; at = set->next[at])
			class_of[at] = (uint32_t)c;
	for (t = 0; rc == 0 && t < s->n_targets; t++) {
		const struct knn_target *target = &s->targets[t];

		if (!target->n_queries || !target->n_refs)
			continue;
		s->class_of[t] = malloc(target->n_queries * sizeof **s->class_of);
		if (!s->class_of[t])
			rc = ERR_NOMEM;
		for (i = 0; rc == 0 && i < target->n_queries; i++)
			s->class_of[t][i] =
				class_of[place_of(set->rows, set->n_rows, target->query_rows[i])];
	}
	free(class_of);
	return rc;
}

/* ---- results ------------------------------------------------------------------------------- */

/* The target of an item and its first query; each target has whole items. */
static const struct knn_target *find_item(const struct search *s, size_t item, size_t *t,
					  size_t *first)
{
	for (*t = 0;; ++*t) {
		size_t n = (s->targets[*t].n_queries + QUERIES_PER_FINISH - 1) / QUERIES_PER_FINISH;

		if (item < n)
			break;
		item -= n;
	}
	*first = item * QUERIES_PER_FINISH;
	return &s->targets[*t];
}

static size_t count_items(const struct search *s)
{
	size_t t, n = 0;

	for (t = 0; t < s->n_targets; t++)
		n += (s->targets[t].n_queries + QUERIES_PER_FINISH - 1) / QUERIES_PER_FINISH;
	return n;
}

static uint32_t finish_query(const struct search *s, size_t t, size_t query, struct knn_hit *kept,
			     struct knn_hit *out)
{
	const struct knn_target *target = &s->targets[t];
	const struct knn_set *refs = &s->pass.refs;
	uint64_t bit = (uint64_t)1 << t;
	uint32_t n, i;
	const struct knn_hit *heap = knn_pass_heap(&s->pass, query, bit, &n);

	memcpy(kept, heap, n * sizeof *kept);
	n = knn_top_expand(kept, n, refs, bit, s->pass.params->k, out);
	for (i = 0; i < n; i++)
		out[i].ref = (uint32_t)place_of(target->ref_rows, target->n_refs,
						refs->rows[out[i].ref]);
	return n;
}

/* Writes the results of those queries of an item that belong to the block. */
static int finish_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct search *s = ctx;
	size_t t, q, first, k = s->pass.params->k;
	const struct knn_target *target = find_item(s, item, &t, &first);

	(void)err;
	for (q = first; s->class_of[t] && q < target->n_queries && q < first + QUERIES_PER_FINISH;
	     q++) {
		size_t query = (size_t)s->class_of[t][q] - s->pass.first;

		if (s->class_of[t][q] >= s->pass.first && query < s->pass.n)
			target->counts[q] =
				finish_query(s, t, query, s->scratch + worker * s->pass.plan.k,
					     target->hits + q * k);
	}
	return 0;
}

static int run_blocks(struct search *s, struct err *err)
{
	struct knn_pass *p = &s->pass;
	size_t first, n, heaps;
	int rc = 0;

	for (first = 0; rc == 0 && first < p->queries.n_classes; first += n) {
		n = next_block(&p->plan, p->params, &p->queries, first, &heaps);
		rc = knn_pass_run(p, first, n, err);
		if (rc == 0)
			rc = workers_run(p->plan.n_workers, count_items(s), finish_item, s, err);
	}
	return rc;
}

static void search_release(struct search *s)
{
	size_t t;

	knn_pass_release(&s->pass);
	knn_packer_release(&s->pass.packer);
	knn_set_release(&s->pass.refs);
	knn_set_release(&s->pass.queries);
	for (t = 0; s->class_of && t < s->n_targets; t++)
		free(s->class_of[t]);
	free(s->class_of);
	free(s->scratch);
}

/* What is needed beside the sets. */
static int search_prepare(struct search *s, size_t dim)
{
	struct knn_pass *p = &s->pass;
	int rc;

	make_plan(&p->plan, p->kernel, p->refs.n_rows, dim, p->params);
	plan_blocks(p);
	knn_bound_init(&p->real, p->params->metric, dim, 0);
	knn_bound_init(&p->wide, p->params->metric, dim, knn_wide_roundings(p->plan.depth));
	s->class_of = calloc(s->n_targets, sizeof *s->class_of);
	s->scratch = malloc(p->plan.n_workers * p->plan.k * sizeof *s->scratch);
	rc = s->class_of && s->scratch ? map_queries(s) : ERR_NOMEM;
	if (rc == 0)
		rc = knn_packer_init(&p->packer, p->params->metric, p->kernel, dim);
	if (rc == 0)
		rc = center(s);
	return rc ? rc : knn_pass_init(p);
}

/* NaN: none. Beyond float32 it becomes an infinity, as in NumPy. */
static float threshold_f32(double threshold)
{
	if (isnan(threshold) || threshold > (double)3.402823466e+38f)
		return INFINITY;
	return threshold < (double)-3.402823466e+38f ? -INFINITY : (float)threshold;
}

/* Up to KNN_LISTS_MAX targets. */
static int search_some(const uint16_t *pool, size_t n_rows, size_t dim,
		       const struct knn_target *targets, size_t n_targets,
		       const struct knn_params *params, struct err *err)
{
	struct search s = {.pass = {.pool = pool,
				    .params = params,
				    .kernel = kernel_for(dim),
				    .threshold = threshold_f32(params->threshold)},
			   .targets = targets,
			   .n_targets = n_targets};
	int64_t start;
	size_t t;
	int rc;

	for (t = 0; t < n_targets; t++) {
		s.pass.units += targets[t].n_queries;
		if (targets[t].n_queries)
			memset(targets[t].counts, 0,
			       targets[t].n_queries * sizeof *targets[t].counts);
	}
	start = params->stats ? clock_mono_ns() : 0;
	rc = build_sets(&s, n_rows, dim, err);
	if (params->stats)
		params->stats->set_ns += clock_mono_ns() - start;
	if (rc == 0 && s.pass.queries.n_classes) {
		rc = search_prepare(&s, dim);
		rc = rc ? err_nomem(err, "the neighbour search") : run_blocks(&s, err);
	} else if (rc == 0 && s.pass.units && params->progress) {
		params->progress(params->progress_ctx, s.pass.units);
	}
	search_release(&s);
	return rc;
}

/* ---- arguments ----------------------------------------------------------------------------- */

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

static int check_order(const uint32_t *rows, size_t n, struct err *err)
{
	size_t i;

	for (i = 1; i < n; i++)
		if (rows[i] <= rows[i - 1])
			return err_set(err, ERR_INTERNAL,
				       "neighbour search: reference %zu is row %u, not above row "
				       "%u before it",
				       i, rows[i], rows[i - 1]);
	return 0;
}

static int check_sizes(size_t n_rows, size_t dim, const struct knn_params *params, struct err *err)
{
	if (params->k == 0)
		return err_set(err, ERR_ARG, "neighbour search: k must be at least 1");
	if (dim == 0)
		return err_set(err, ERR_ARG, "neighbour search: embeddings have no dimension");
	if (n_rows >= KNN_NO_ROW)
		return err_set(err, ERR_LIMIT, "neighbour search: more than 2^32 - 2 rows");
	if (dim > SIZE_MAX / 1024 / sizeof(float) || n_rows > SIZE_MAX / sizeof(float) / dim)
		return err_set(err, ERR_LIMIT, "neighbour search: sizes beyond the address space");
	return 0;
}

static int check_target(const struct knn_target *t, size_t n_rows, const struct knn_params *params,
			struct err *err)
{
	int rc = check_rows(t->query_rows, t->n_queries, n_rows, "query", err);

	if (t->n_queries > SIZE_MAX / sizeof(struct knn_hit) / params->k)
		rc = err_set(err, ERR_LIMIT, "neighbour search: sizes beyond the address space");
	if (rc == 0)
		rc = check_rows(t->ref_rows, t->n_refs, n_rows, "reference", err);
	return rc ? rc : check_order(t->ref_rows, t->n_refs, err);
}

int knn_search_many(const uint16_t *pool, size_t n_rows, size_t dim,
		    const struct knn_target *targets, size_t n_targets,
		    const struct knn_params *params, struct err *err)
{
	int rc = check_sizes(n_rows, dim, params, err);
	size_t t, n;

	for (t = 0; rc == 0 && t < n_targets; t++)
		rc = check_target(&targets[t], n_rows, params, err);
	for (t = 0; rc == 0 && t < n_targets; t += n) {
		n = smaller(n_targets - t, KNN_LISTS_MAX);
		rc = search_some(pool, n_rows, dim, targets + t, n, params, err);
	}
	return rc;
}

int knn_search(const uint16_t *pool, size_t n_rows, size_t dim, const uint32_t *query_rows,
	       size_t n_queries, const uint32_t *ref_rows, size_t n_refs,
	       const struct knn_params *params, struct knn_hit *hits, uint32_t *counts,
	       struct err *err)
{
	struct knn_target t = {query_rows, n_queries, ref_rows, n_refs, hits, counts};

	return knn_search_many(pool, n_rows, dim, &t, 1, params, err);
}
