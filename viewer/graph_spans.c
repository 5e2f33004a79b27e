/* Stages as they ran, and samples in time: see graph.h. */
#include <stdlib.h>
#include <string.h>

#include "viewer/graph_groups.h"

/* Ns since the run's start. Modulo 2^64, for times are foreign. */
static int64_t since_start(const struct profile *p, int64_t t)
{
	return (int64_t)((uint64_t)t - (uint64_t)p->run.start_ns);
}

void grouper_spans(struct grouper *w)
{
	struct graph *g = w->b->g;
	const struct profile *p = w->b->runs[w->run].p;
	uint32_t i;

	for (i = 0; i < p->n_stages; i++) {
		const struct profile_stage *s = &p->stages[i];
		uint32_t thread = s->thread == PROFILE_NONE ? GRAPH_NONE : w->thread_of[s->thread];

		g->spans[g->n_spans++] = (struct graph_span){.run = w->run,
							     .stage = w->stage_of[i],
							     .thread = thread,
							     .params = s->params,
							     .start = since_start(p, s->start_ns),
							     .wall = s->wall_ns,
							     .cpu = s->cpu_ns,
							     .items = s->items,
							     .alloc_bytes = s->alloc_bytes,
							     .alloc_count = s->alloc_count,
							     .peak_heap = s->peak_heap_bytes,
							     .peak_rss = s->peak_rss_bytes,
							     .samples = s->samples,
							     .folded = s->folded};
		g->spans_of += s->folded;
	}
}

int grouper_ticks(struct grouper *w)
{
	struct graph *g = w->b->g;
	const struct build_run *r = &w->b->runs[w->run];
	const struct profile *p = r->p;
	size_t i;

	if (!r->ticked)
		return 0;
	g->ticks = malloc((g->ticks_of + 1) * sizeof *g->ticks);
	if (!g->ticks)
		return ERR_NOMEM;
	for (i = 0; i < p->n_ticks; i++) {
		const struct profile_tick *t = &p->ticks[i];
		int64_t at = since_start(p, t->t_ns);

		if (r->ticked[i])
			g->ticks[g->n_ticks++] = (struct graph_tick){
				at > 0 ? at : 0,
				t->thread == PROFILE_NONE ? GRAPH_NONE : w->thread_of[t->thread],
				w->b->node_of[r->row_of[t->stack]], t->state};
	}
	return 0;
}

int graph_thin_ticks(struct graph *g, struct err *err)
{
	unsigned char *odd = calloc(g->n_threads + (size_t)1, 1); /* the last: of no thread */
	size_t i, n = 0;

	if (!odd)
		return err_nomem(err, "fewer samples in time");
	for (i = 0; i < g->n_ticks; i++) {
		uint32_t thread = g->ticks[i].thread;
		unsigned char *at = &odd[thread == GRAPH_NONE ? g->n_threads : thread];

		if (!*at)
			g->ticks[n++] = g->ticks[i];
		*at = !*at;
	}
	g->n_ticks = n;
	free(odd);
	return 0;
}

/* ---- fewer spans ---- */

struct folding {
	struct graph *g;
	uint32_t *order;      /* owned; the longest first */
	unsigned char *stays; /* owned; by span */
	uint32_t *row_of; /* owned; by stage, of a run: the row of the folded ones, GRAPH_NONE */
};

static int compare_walls(const void *pa, const void *pb, void *ctx)
{
	const struct graph *g = ctx;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	const struct graph_span *x = &g->spans[a], *y = &g->spans[b];

	if ((x->folded > 1) != (y->folded > 1))
		return x->folded > 1 ? 1 : -1;
	if (x->wall != y->wall)
		return x->wall > y->wall ? -1 : 1;
	return a < b ? -1 : 1;
}

/* Nothing known plus nothing known is nothing known; what does not fit stays the largest there is. */
static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static uint64_t add_counts(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static void join_span(struct graph_span *to, const struct graph_span *s)
{
	if (s->start < to->start)
		to->start = s->start;
	if (s->thread != to->thread)
		to->thread = GRAPH_NONE;
	to->params = STRTAB_EMPTY;
	to->wall = add(to->wall, s->wall);
	to->cpu = add(to->cpu, s->cpu);
	to->items += s->items;
	to->alloc_bytes = add(to->alloc_bytes, s->alloc_bytes);
	to->alloc_count = add(to->alloc_count, s->alloc_count);
	to->peak_heap = s->peak_heap > to->peak_heap ? s->peak_heap : to->peak_heap;
	to->peak_rss = s->peak_rss > to->peak_rss ? s->peak_rss : to->peak_rss;
	to->samples = add_counts(to->samples, s->samples);
	to->folded = add_counts(to->folded, s->folded);
}

/* By run, then start; those that begin together stay in order: callers before what they call. */
static int compare_starts(const void *pa, const void *pb, void *ctx)
{
	const struct graph *g = ctx;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	const struct graph_span *x = &g->spans[a], *y = &g->spans[b];

	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return a < b ? -1 : 1;
}

static int compare_lengths(const void *pa, const void *pb, void *ctx)
{
	const struct graph *g = ctx;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	if (g->spans[a].wall != g->spans[b].wall)
		return g->spans[a].wall > g->spans[b].wall ? -1 : 1;
	return a < b ? -1 : 1;
}

/* Spans come run by run, so that one table by stage serves them one after the other. */
static void join_short(struct folding *f)
{
	struct graph *g = f->g;
	uint32_t i, n = 0, run = GRAPH_NONE;

	for (i = 0; i < g->n_spans; i++) {
		struct graph_span s = g->spans[i];
		uint32_t *row = &f->row_of[s.stage];

		if (s.run != run)
			memset(f->row_of, 0xff, g->n_stages * sizeof *f->row_of);
		run = s.run;
		if (!f->stays[i] && *row != GRAPH_NONE) {
			join_span(&g->spans[*row], &s);
			continue;
		}
		if (!f->stays[i])
			*row = n;
		g->spans[n++] = s;
	}
	g->n_spans = n;
}

static int sort_spans(struct folding *f)
{
	struct graph *g = f->g;
	struct graph_span *sorted = malloc((g->n_spans + (size_t)1) * sizeof *sorted);
	uint32_t i;

	if (!sorted)
		return ERR_NOMEM;
	for (i = 0; i < g->n_spans; i++)
		f->order[i] = i;
	qsort_r(f->order, g->n_spans, sizeof *f->order, compare_starts, g);
	for (i = 0; i < g->n_spans; i++)
		sorted[i] = g->spans[f->order[i]];
	free(g->spans);
	g->spans = sorted;
	return 0;
}

static int fold_spans(struct folding *f, uint32_t keep)
{
	struct graph *g = f->g;
	size_t n = g->n_spans + (size_t)1;
	uint32_t i;

	f->order = malloc(n * sizeof *f->order);
	f->stays = calloc(n, 1);
	f->row_of = malloc((g->n_stages + (size_t)1) * sizeof *f->row_of);
	if (!f->order || !f->stays || !f->row_of)
		return ERR_NOMEM;
	for (i = 0; i < g->n_spans; i++)
		f->order[i] = i;
	qsort_r(f->order, g->n_spans, sizeof *f->order, compare_walls, g);
	for (i = 0; i < g->n_spans && i < keep; i++)
		f->stays[f->order[i]] = g->spans[f->order[i]].folded <= 1;
	join_short(f);
	return sort_spans(f);
}

int graph_drop_spans(struct graph *g, uint32_t keep, struct err *err)
{
	uint32_t *order = malloc((g->n_spans + (size_t)1) * sizeof *order), i, n = 0;
	unsigned char *stays = calloc(g->n_spans + (size_t)1, 1);

	if (order && stays) {
		for (i = 0; i < g->n_spans; i++)
			order[i] = i;
		qsort_r(order, g->n_spans, sizeof *order, compare_lengths, g);
		for (i = 0; i < keep && i < g->n_spans; i++)
			stays[order[i]] = 1;
		for (i = 0; i < g->n_spans; i++)
			if (stays[i])
				g->spans[n++] = g->spans[i];
		g->n_spans = n;
	}
	i = !order || !stays;
	free(order);
	free(stays);
	return i ? err_nomem(err, "fewer stages") : 0;
}

int graph_fold_spans(struct graph *g, uint32_t keep, struct err *err)
{
	struct folding f = {.g = g};
	int rc = fold_spans(&f, keep);

	free(f.order);
	free(f.stays);
	free(f.row_of);
	return rc == 0 ? 0 : err_nomem(err, "fewer stages");
}
