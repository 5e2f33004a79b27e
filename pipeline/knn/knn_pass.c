/* A pass: see knn_pass.h. The workers take panels of reference classes, small enough for the
 * second-level cache. A panel is packed once, multiplied with all queries of the block by the
 * kernel, and every pair that the bound of the scores cannot rule out goes through a float32
 * product with a tighter bound and is then measured by the normative rule at once. So only
 * normative distances are ever compared or kept, and results cannot depend on panels, blocks,
 * threads or kernels. Heaps are shared by the workers, so that what one finds rules out more for
 * all. */
#include "pipeline/knn/knn_pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/workers.h"
#include "pipeline/knn/knn_exact.h"
#include "pipeline/knn/knn_top.h"
#include "pipeline/knn/knn_wide.h"
#include "prof/base/clock.h"

#define CACHE_LINE ((size_t)64)
#define NO_QUERY   SIZE_MAX
/* Stretches of panels double; after each but the first the kernel is thought over. */
#define FIRST_PANELS ((size_t)16)
/* A coarse kernel pays while less than one product in so many has to be looked at again. */
#define PICKED_SHARE 8

/* What one worker alone uses. */
struct knn_lane {
	uint16_t *panel;      /* owned; panel_rows packed rows */
	uint16_t *row;        /* owned; one row's elements */
	float *scores;        /* owned; query_step x panel_rows */
	float *side_values;   /* owned; the four arrays of `side` */
	float *wide;          /* owned; panel_rows rows as the distances see them, where ready */
	float *wide_query;    /* owned; likewise one query */
	float *scratch;       /* owned; one row */
	unsigned char *ready; /* owned; per panel row */
	uint32_t *picked;     /* owned; panel rows */
	struct knn_side side;
	struct knn_stats stats;
	size_t query_ready; /* of the block, or NO_QUERY */
	size_t panel_first, panel_n;
	uint64_t panel_mask;
};

static size_t round_up(size_t n, size_t step)
{
	return (n + step - 1) / step * step;
}

static void *alloc_zeros(size_t n, size_t size)
{
	size_t bytes = round_up(n * size + 1, CACHE_LINE);
	void *p = aligned_alloc(CACHE_LINE, bytes);

	return p ? memset(p, 0, bytes) : NULL;
}

/* From a query's scores to the next one's. */
static size_t score_stride(const struct knn_plan *p)
{
	return round_up(p->panel_rows, CACHE_LINE / sizeof(float));
}

static size_t lane_memory(const struct knn_plan *p, const struct knn_kernel *kernel)
{
	return p->panel_rows * (p->depth * (sizeof(uint16_t) + sizeof(float)) + 4 * sizeof(float) +
				sizeof(uint32_t) + 1) +
	       score_stride(p) * kernel->query_step * sizeof(float) +
	       p->depth * (sizeof(uint16_t) + 2 * sizeof(float)) + sizeof(struct knn_lane);
}

size_t knn_pass_memory(const struct knn_plan *plan, const struct knn_kernel *kernel)
{
	return plan->block * (plan->depth * sizeof(uint16_t) + sizeof(struct knn_query) +
			      sizeof(uint64_t)) +
	       plan->heaps * (plan->k * sizeof(struct knn_hit) + sizeof(uint32_t) + sizeof(float)) +
	       plan->n_workers * lane_memory(plan, kernel) + plan->depth * sizeof(float) +
	       KNN_LOCKS * sizeof(pthread_mutex_t);
}

static int lane_init(struct knn_lane *l, const struct knn_plan *p, const struct knn_kernel *kernel)
{
	size_t rows = p->panel_rows;

	l->panel = alloc_zeros(rows, p->depth * sizeof *l->panel);
	l->row = alloc_zeros(p->depth, sizeof *l->row);
	l->scores = alloc_zeros(score_stride(p), kernel->query_step * sizeof *l->scores);
	l->side_values = alloc_zeros(4, round_up(rows, 16) * sizeof *l->side_values);
	l->wide = alloc_zeros(rows, p->depth * sizeof *l->wide);
	l->wide_query = alloc_zeros(p->depth, sizeof *l->wide_query);
	l->scratch = alloc_zeros(p->depth, sizeof *l->scratch);
	l->ready = malloc(rows);
	l->picked = malloc(rows * sizeof *l->picked);
	if (!l->panel || !l->row || !l->scores || !l->side_values || !l->wide || !l->wide_query ||
	    !l->scratch || !l->ready || !l->picked)
		return ERR_NOMEM;
	l->side.over = l->side_values;
	l->side.bias = l->side.over + round_up(rows, 16);
	l->side.norms = l->side.bias + round_up(rows, 16);
	l->side.rests = l->side.norms + round_up(rows, 16);
	return 0;
}

static void lane_release(struct knn_lane *l, struct knn_stats *all)
{
	if (all) {
		all->products += l->stats.products;
		all->picked += l->stats.picked;
		all->measured += l->stats.measured;
		all->pack_ns += l->stats.pack_ns;
		all->settle_ns += l->stats.settle_ns;
		all->product_ns += l->stats.product_ns - l->stats.settle_ns;
	}
	free(l->panel);
	free(l->row);
	free(l->scores);
	free(l->side_values);
	free(l->wide);
	free(l->wide_query);
	free(l->scratch);
	free(l->ready);
	free(l->picked);
}

static int init_locks(struct knn_pass *p)
{
	size_t i;

	p->locks = malloc(KNN_LOCKS * sizeof *p->locks);
	for (i = 0; p->locks && i < KNN_LOCKS; i++)
		pthread_mutex_init(&p->locks[i], NULL);
	return p->locks ? 0 : ERR_NOMEM;
}

int knn_pass_init(struct knn_pass *p)
{
	const struct knn_plan *plan = &p->plan;
	size_t steps = plan->block / p->kernel->query_step, i;
	int rc = init_locks(p);

	p->packed = alloc_zeros(plan->block, plan->depth * sizeof *p->packed);
	p->query = malloc(plan->block * sizeof *p->query);
	p->step_mask = malloc(steps * sizeof *p->step_mask);
	p->hits = malloc(plan->heaps * plan->k * sizeof *p->hits);
	p->n_hits = malloc(plan->heaps * sizeof *p->n_hits);
	p->limit = malloc(plan->heaps * sizeof *p->limit);
	p->lanes = calloc(plan->n_workers, sizeof *p->lanes);
	if (rc != 0 || !p->packed || !p->query || !p->step_mask || !p->hits || !p->n_hits ||
	    !p->limit || !p->lanes)
		return ERR_NOMEM;
	for (i = 0; rc == 0 && i < plan->n_workers; i++)
		rc = lane_init(&p->lanes[i], plan, p->kernel);
	return rc;
}

void knn_pass_release(struct knn_pass *p)
{
	size_t i;

	for (i = 0; p->lanes && i < p->plan.n_workers; i++)
		lane_release(&p->lanes[i], p->params->stats);
	for (i = 0; p->locks && i < KNN_LOCKS; i++)
		pthread_mutex_destroy(&p->locks[i]);
	free(p->lanes);
	free(p->locks);
	free(p->packed);
	free(p->query);
	free(p->step_mask);
	free(p->hits);
	free(p->n_hits);
	free(p->limit);
}

static const uint16_t *class_bits(const struct knn_pass *p, const struct knn_set *s, size_t class)
{
	return p->pool + (size_t)s->rows[s->first[class]] * p->packer.dim;
}

static uint64_t query_mask(const struct knn_pass *p, size_t query)
{
	return p->queries.class_mask[p->first + query];
}

static int64_t now_ns(const struct knn_pass *p)
{
	return p->params->stats ? clock_mono_ns() : 0;
}

/* ---- packing ------------------------------------------------------------------------------- */

static void pack_query(struct knn_pass *p, struct knn_lane *l, size_t q)
{
	struct knn_query *query = &p->query[q];

	query->scale = p->queries.scale[p->first + q];
	knn_load_row(&p->packer, class_bits(p, &p->queries, p->first + q), query->scale,
		     l->scratch);
	knn_pack_row(&p->packer, KNN_OF_QUERIES, l->scratch, l->row, &query->row);
	knn_place_row(p->kernel, KNN_OF_QUERIES, p->plan.depth, l->row, q, p->packed);
}

static int pack_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct knn_pass *p = ctx;
	size_t step = p->kernel->query_step, q = item * step, end = q + step;

	int64_t start = now_ns(p);

	(void)err;
	p->step_mask[item] = 0;
	for (; q < end && q < p->n; q++) {
		pack_query(p, &p->lanes[worker], q);
		p->step_mask[item] |= query_mask(p, q);
	}
	p->lanes[worker].stats.pack_ns += now_ns(p) - start;
	return 0;
}

static void begin_block(struct knn_pass *p)
{
	uint32_t heaps = 0;
	size_t q, i;

	for (q = 0; q < p->n; q++) {
		p->query[q].heaps = heaps;
		heaps += (uint32_t)__builtin_popcountll(query_mask(p, q));
	}
	for (i = 0; i < heaps; i++) {
		p->n_hits[i] = 0;
		p->limit[i] = p->threshold;
	}
}

static void load_panel(struct knn_pass *p, struct knn_lane *l)
{
	size_t j;

	for (j = 0; j < p->plan.panel_rows; j++) {
		size_t class = l->panel_first + j;
		struct knn_row row;

		if (j >= l->panel_n) {
			knn_side_clear(&l->side, j);
			continue;
		}
		knn_load_row(&p->packer, class_bits(p, &p->refs, class), p->refs.scale[class],
			     l->scratch);
		knn_pack_row(&p->packer, KNN_OF_REFS, l->scratch, l->row, &row);
		knn_place_row(p->kernel, KNN_OF_REFS, p->plan.depth, l->row, j, l->panel);
		knn_side_set(&p->packer, &l->side, j, &row,
			     knn_bias(&p->real, p->refs.scale[class]));
	}
	memset(l->ready, 0, p->plan.panel_rows);
	l->query_ready = NO_QUERY;
}

/* ---- heaps --------------------------------------------------------------------------------- */

static uint32_t heap_of(const struct knn_pass *p, size_t q, uint64_t bit)
{
	return p->query[q].heaps + (uint32_t)__builtin_popcountll(query_mask(p, q) & (bit - 1));
}

const struct knn_hit *knn_pass_heap(const struct knn_pass *p, size_t query, uint64_t bit,
				    uint32_t *n)
{
	uint32_t heap = heap_of(p, query, bit);

	*n = p->n_hits[heap];
	return p->hits + heap * p->plan.k;
}

static float limit_of(const struct knn_pass *p, uint32_t heap)
{
	float v;

	__atomic_load(&p->limit[heap], &v, __ATOMIC_RELAXED);
	return v;
}

/* The loosest limit of the targets in `mask`. */
static float loosest(const struct knn_pass *p, size_t q, uint64_t mask)
{
	float most = -INFINITY;

	for (; mask; mask &= mask - 1) {
		float limit = limit_of(p, heap_of(p, q, mask & -mask));

		most = limit > most ? limit : most;
	}
	return most;
}

/* Gives class `class`, at distance `dist`, to the heap of target `bit` if it belongs there. */
static void offer(struct knn_pass *p, size_t q, uint64_t bit, size_t class, float dist)
{
	uint32_t heap = heap_of(p, q, bit);
	struct knn_hit *hits = p->hits + heap * p->plan.k;
	pthread_mutex_t *lock = &p->locks[q % KNN_LOCKS];
	struct knn_hit hit = {knn_set_seek(&p->refs, p->refs.first[class], bit), dist};

	pthread_mutex_lock(lock);
	if (knn_top_add(hits, &p->n_hits[heap], p->plan.k, hit) && p->n_hits[heap] == p->plan.k)
		__atomic_store(&p->limit[heap], &hits[0].dist, __ATOMIC_RELAXED);
	pthread_mutex_unlock(lock);
}

static void offer_all(struct knn_pass *p, size_t q, size_t class, float dist)
{
	uint64_t mask = query_mask(p, q) & p->refs.class_mask[class];

	for (; mask; mask &= mask - 1) {
		uint64_t bit = mask & -mask;

		if (dist <= limit_of(p, heap_of(p, q, bit)))
			offer(p, q, bit, class, dist);
	}
}

/* ---- what the scores let through ----------------------------------------------------------- */

static const float *wide_query(struct knn_pass *p, struct knn_lane *l, size_t q)
{
	if (l->query_ready != q)
		knn_load_row(&p->packer, class_bits(p, &p->queries, p->first + q),
			     p->query[q].scale, l->wide_query);
	l->query_ready = q;
	return l->wide_query;
}

static const float *wide_row(struct knn_pass *p, struct knn_lane *l, size_t j)
{
	float *row = l->wide + j * p->plan.depth;
	size_t class = l->panel_first + j;

	if (!l->ready[j])
		knn_load_row(&p->packer, class_bits(p, &p->refs, class), p->refs.scale[class], row);
	l->ready[j] = 1;
	return row;
}

/* Products of the query, as the distances see it, and rows of the panel in float32. */
static void multiply_again(struct knn_pass *p, struct knn_lane *l, size_t q, const uint32_t *places,
			   size_t n, double *products)
{
	const float *rows[KNN_BATCH];
	double divisor = 1;
	float dots[KNN_BATCH];
	size_t i;

	for (i = 0; i < n; i++)
		rows[i] = wide_row(p, l, places[i]);
	if (p->packer.halves) {
		knn_wide_dots_half(class_bits(p, &p->queries, p->first + q), rows, n, p->packer.dim,
				   dots);
		if (p->packer.metric == KNN_COSINE)
			divisor = (double)p->query[q].scale;
	} else {
		knn_wide_dots(p->packer.wide, wide_query(p, l, q), rows, n, p->plan.depth, dots);
	}
	for (i = 0; i < n; i++)
		products[i] = (double)dots[i] / divisor;
}

/* Those of up to KNN_BATCH panel rows that a float32 product cannot rule out either, in place. */
static size_t filter(struct knn_pass *p, struct knn_lane *l, size_t q, float limit,
		     uint32_t *places, size_t n)
{
	double cut = knn_cut(&p->wide, p->query[q].scale, limit), products[KNN_BATCH];
	size_t i, kept = 0;

	multiply_again(p, l, q, places, n, products);
	for (i = 0; i < n; i++) {
		float scale = p->refs.scale[l->panel_first + places[i]];

		if (products[i] - knn_bias(&p->wide, scale) >= cut)
			places[kept++] = places[i];
	}
	return kept;
}

static void measure(struct knn_pass *p, struct knn_lane *l, size_t q, const uint32_t *places,
		    size_t n)
{
	const float *rows[KNN_BATCH] = {0};
	float scales[KNN_BATCH] = {0}, dists[KNN_BATCH];
	size_t i;

	for (i = 0; i < n; i++) {
		rows[i] = wide_row(p, l, places[i]);
		scales[i] = p->refs.scale[l->panel_first + places[i]];
	}
	knn_distances(p->params->metric, p->packer.dim, wide_query(p, l, q), p->query[q].scale,
		      rows, scales, n, dists);
	for (i = 0; i < n; i++)
		offer_all(p, q, l->panel_first + places[i], dists[i]);
	l->stats.measured += n;
}

/* Picked places in batches; the limit, which falls meanwhile, is asked for again each time. */
static void settle(struct knn_pass *p, struct knn_lane *l, size_t q, uint64_t mask,
		   const float *scores, size_t n_picked)
{
	size_t i = 0;

	while (i < n_picked) {
		float limit = loosest(p, q, mask);
		struct knn_test test;
		uint32_t batch[KNN_BATCH];
		size_t n = 0;

		knn_test_set(&p->packer, &test, &p->query[q].row,
			     knn_cut(&p->real, p->query[q].scale, limit));
		for (; i < n_picked && n < KNN_BATCH; i++)
			if (knn_passes(&test, &l->side, scores, l->picked[i]))
				batch[n++] = l->picked[i];
		if (n)
			n = filter(p, l, q, limit, batch, n);
		if (n)
			measure(p, l, q, batch, n);
	}
}

static void scan(struct knn_pass *p, struct knn_lane *l, size_t q, const float *scores)
{
	uint64_t mask = query_mask(p, q) & l->panel_mask;
	struct knn_test test;
	size_t n;

	if (!mask)
		return;
	knn_test_set(&p->packer, &test, &p->query[q].row,
		     knn_cut(&p->real, p->query[q].scale, loosest(p, q, mask)));
	n = knn_pick(p->packer.wide, &test, &l->side, scores, round_up(l->panel_n, 8), l->picked);
	if (n) {
		int64_t start = now_ns(p);

		settle(p, l, q, mask, scores, n);
		l->stats.picked += n;
		l->stats.settle_ns += now_ns(p) - start;
	}
}

/* ---- the pass ------------------------------------------------------------------------------ */

static void multiply_panel(struct knn_pass *p, struct knn_lane *l)
{
	const struct knn_kernel *kernel = p->kernel;
	size_t step = kernel->query_step, rows = round_up(l->panel_n, kernel->ref_step), q, i;

	for (q = 0; q < p->n; q += step) {
		if (!(p->step_mask[q / step] & l->panel_mask))
			continue;
		kernel->scores(p->packed + q * p->plan.depth, l->panel, rows, p->plan.depth,
			       l->scores, score_stride(&p->plan));
		l->stats.products += step * rows;
		for (i = 0; i < step && q + i < p->n; i++)
			scan(p, l, q + i, l->scores + i * score_stride(&p->plan));
	}
}

static void count_progress(struct knn_pass *p)
{
	size_t done = __atomic_add_fetch(&p->items_done, 1, __ATOMIC_RELAXED);
	size_t now = (size_t)((double)p->units * (double)done / (double)p->items);
	size_t before = (size_t)((double)p->units * (double)(done - 1) / (double)p->items);

	if (p->params->progress && now > before)
		p->params->progress(p->params->progress_ctx, now - before);
}

static int panel_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct knn_pass *p = ctx;
	struct knn_lane *l = &p->lanes[worker];
	int64_t start = now_ns(p), packed;
	size_t left, j;

	(void)err;
	l->panel_first = (p->panels_done + item) * p->plan.panel_rows;
	left = p->refs.n_classes - l->panel_first;
	l->panel_n = left < p->plan.panel_rows ? left : p->plan.panel_rows;
	l->panel_mask = 0;
	for (j = 0; j < l->panel_n; j++)
		l->panel_mask |= p->refs.class_mask[l->panel_first + j];
	load_panel(p, l);
	packed = now_ns(p);
	if (p->kernel->enter)
		p->kernel->enter();
	multiply_panel(p, l);
	if (p->kernel->leave)
		p->kernel->leave();
	l->stats.pack_ns += packed - start;
	l->stats.product_ns += now_ns(p) - packed;
	count_progress(p);
	return 0;
}

size_t knn_pass_panels(const struct knn_pass *p)
{
	return (p->refs.n_classes + p->plan.panel_rows - 1) / p->plan.panel_rows;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int pack_queries(struct knn_pass *p, struct err *err)
{
	size_t steps = (p->n + p->kernel->query_step - 1) / p->kernel->query_step;

	return workers_run(p->plan.n_workers, steps, pack_item, p, err);
}

struct tally {
	uint64_t products, picked;
};

static struct tally count_up(const struct knn_pass *p)
{
	struct tally sum = {0, 0};
	size_t i;

	for (i = 0; i < p->plan.n_workers; i++) {
		sum.products += p->lanes[i].stats.products;
		sum.picked += p->lanes[i].stats.picked;
	}
	return sum;
}

/* Goes over to the finer kernel, for this block and the next ones, if the last panels let more
 * through than it costs. A question of speed alone. */
static int go_finer(struct knn_pass *p, struct tally before, struct err *err)
{
	struct tally now = count_up(p);

	if (!p->kernel->finer ||
	    (now.picked - before.picked) * PICKED_SHARE <= now.products - before.products)
		return 0;
	p->kernel = p->kernel->finer;
	knn_packer_use(&p->packer, p->kernel);
	return pack_queries(p, err);
}

int knn_pass_run(struct knn_pass *p, size_t first, size_t n, struct err *err)
{
	size_t panels = knn_pass_panels(p), stretch = FIRST_PANELS;
	int rc;

	p->first = first;
	p->n = n;
	begin_block(p);
	rc = pack_queries(p, err);
	for (p->panels_done = 0; rc == 0 && p->panels_done < panels; stretch *= 2) {
		struct tally before = count_up(p);
		size_t more = smaller(stretch, panels - p->panels_done);

		rc = workers_run(p->plan.n_workers, more, panel_item, p, err);
		p->panels_done += more;
		/* Before the heaps are full everything passes; that says nothing. */
		if (rc == 0 && stretch > FIRST_PANELS)
			rc = go_finer(p, before, err);
	}
	return rc;
}
