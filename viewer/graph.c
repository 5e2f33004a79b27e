/* From profiles to the graph that a page shows: see graph.h. Decides which samples and kinds count and what
 * they weigh; the other steps are in graph_check, graph_paths, graph_tree, graph_sites, graph_groups. */
#include "viewer/graph.h"

#include <stdlib.h>
#include <string.h>

#include "prof/model/grow.h"
#include "viewer/graph_build.h"
#include "viewer/graph_tree.h"

static void build_release(struct build *b)
{
	uint32_t i;

	for (i = 0; b->runs && i < b->g->n_runs; i++) {
		struct build_run *r = &b->runs[i];

		free(r->taken);
		free(r->ticked);
		free(r->touched);
		free(r->string_of);
		free(r->base_of);
		free(r->row_of);
	}
	free(b->runs);
	build_paths_release(&b->paths);
	free(b->node_of);
}

void graph_release(struct graph *g)
{
	strtab_free(g->strings);
	free(g->runs);
	free(g->labels);
	free(g->sites);
	free(g->nodes);
	free(g->samples);
	free(g->groups);
	free(g->stages);
	free(g->threads);
	free(g->spans);
	free(g->ticks);
	*g = (struct graph){0};
}

int build_no_memory(struct build *b)
{
	return err_nomem(b->err, "the call tree of a page");
}

int build_grow(void **array, uint32_t *cap, size_t size)
{
	uint32_t next = grow_next(*cap, GRAPH_NONE - 1);

	if (!next || grow_array(array, next, size) != 0)
		return ERR_NOMEM;
	*cap = next;
	return 0;
}

/* ---- what counts ---- */

static int take_sample(struct build *b, uint32_t run, size_t i)
{
	struct build_run *r = &b->runs[run];
	const struct profile_sample *s = &r->p->samples[i];
	struct graph_run *sums = &b->g->runs[run];

	if (b->options->only_kind && s->kind != (uint32_t)b->options->kind)
		return 0;
	if (r->run->include && !r->run->include(r->run->ctx, s))
		return 0;
	r->taken[i] = 1;
	r->touched[s->stack] = 1;
	/* If the sums of all fit, every sum of some does. */
	if (__builtin_add_overflow(sums->values[s->kind], (uint64_t)s->value,
				   &sums->values[s->kind]) ||
	    __builtin_add_overflow(sums->counts[s->kind], s->count, &sums->counts[s->kind]))
		return err_set(b->err, ERR_LIMIT, "the values of all samples do not fit 64 bits");
	return 0;
}

static enum profile_kind kind_of_ticks(const struct profile *p)
{
	return strcmp(strtab_text(p->strings, p->run.mode), "wall") == 0 ? PROFILE_WALL
									 : PROFILE_CPU;
}

/* A sample in time has no stage of its own: a filter by stage lets none of them through. */
static int take_ticks(struct build *b, struct build_run *r)
{
	const struct profile *p = r->p;
	enum profile_kind kind = kind_of_ticks(p);
	size_t i;

	if (b->g->n_runs > 1 || p->n_ticks == 0 ||
	    (b->options->only_kind && b->options->kind != kind))
		return 0;
	r->ticked = calloc(p->n_ticks, 1);
	if (!r->ticked)
		return build_no_memory(b);
	for (i = 0; i < p->n_ticks; i++) {
		struct profile_sample s = {.kind = (uint32_t)kind,
					   .stage = PROFILE_NONE,
					   .thread = p->ticks[i].thread,
					   .stack = p->ticks[i].stack,
					   .count = 1};

		if (r->run->include && !r->run->include(r->run->ctx, &s))
			continue;
		r->ticked[i] = 1;
		r->touched[s.stack] = 1;
		b->g->ticks_of++;
	}
	return 0;
}

static int take_run(struct build *b, uint32_t run)
{
	struct build_run *r = &b->runs[run];
	const struct profile *p = r->p;
	size_t i;
	uint32_t s;
	int rc = build_check(b, p);

	if (rc != 0)
		return rc;
	r->taken = calloc(p->n_samples + 1, 1);
	r->touched = calloc(p->n_stacks, 1);
	if (!r->taken || !r->touched)
		return build_no_memory(b);
	for (i = 0; rc == 0 && i < p->n_samples; i++)
		rc = take_sample(b, run, i);
	if (rc == 0)
		rc = take_ticks(b, r);
	for (s = p->n_stacks; s-- > 1;)
		if (r->touched[s])
			r->touched[p->stacks[s].parent] = 1;
	return rc;
}

/* The kind shown first, then what there is in the order of the kinds' numbers. */
static int choose_kinds(struct build *b)
{
	struct graph *g = b->g;
	uint64_t sum = 0;
	uint32_t r;
	int k;

	g->kinds[g->n_kinds++] = b->options->kind;
	for (k = 0; k < PROFILE_KINDS; k++) {
		uint64_t count = 0;

		for (r = 0; r < g->n_runs; r++)
			count |= g->runs[r].counts[k] | g->runs[r].values[k];
		if (count && k != (int)b->options->kind)
			g->kinds[g->n_kinds++] = (enum profile_kind)k;
	}
	for (r = 0; r < g->n_runs; r++)
		if (__builtin_add_overflow(sum, g->runs[r].values[b->options->kind], &sum) ||
		    __builtin_add_overflow(sum, g->runs[r].counts[b->options->kind], &sum))
			return err_set(b->err, ERR_LIMIT,
				       "the values of all runs do not fit 64 bits");
	return 0;
}

/* ---- weights ---- */

uint64_t build_amount(const struct build *b, uint32_t run, const struct profile_sample *s)
{
	return b->g->runs[run].values[s->kind] ? (uint64_t)s->value : s->count;
}

double build_scale(const struct build *b, uint32_t run, uint32_t kind)
{
	const struct graph_run *sums = &b->g->runs[run];
	uint64_t all = sums->values[kind] ? sums->values[kind] : sums->counts[kind];

	return all ? 0x1p50 / (double)all : 0;
}

struct weights {
	uint64_t *first, *all; /* owned; by path */
};

static int weigh(struct build *b, struct weights *w)
{
	const struct graph *g = b->g;
	uint32_t r, k, by_count = 1;
	size_t i;

	w->first = calloc(b->paths.n, sizeof *w->first);
	w->all = calloc(b->paths.n, sizeof *w->all);
	if (!w->first || !w->all)
		return build_no_memory(b);
	for (r = 0; r < g->n_runs; r++)
		by_count &= g->runs[r].values[b->options->kind] == 0;
	for (r = 0; r < g->n_runs; r++) {
		const struct build_run *run = &b->runs[r];
		double scale[PROFILE_KINDS];

		for (k = 0; k < PROFILE_KINDS; k++)
			scale[k] = build_scale(b, r, k);
		for (i = 0; i < run->p->n_samples; i++) {
			const struct profile_sample *s = &run->p->samples[i];
			uint32_t row;

			if (!run->taken[i])
				continue;
			row = run->row_of[s->stack];
			w->all[row] += (uint64_t)((double)build_amount(b, r, s) * scale[s->kind]);
			if (s->kind == (uint32_t)b->options->kind)
				w->first[row] += by_count ? s->count : (uint64_t)s->value;
		}
	}
	return 0;
}

/* ---- their order ---- */

struct ordering {
	const struct graph_label *labels;
	const uint32_t *ranks; /* of strings */
};

static int compare_labels(const void *pa, const void *pb, void *ctx)
{
	const struct ordering *o = ctx;
	const struct graph_label *a = &o->labels[*(const uint32_t *)pa];
	const struct graph_label *b = &o->labels[*(const uint32_t *)pb];
	uint32_t ma = a->module == GRAPH_NONE ? 0 : o->ranks[a->module];
	uint32_t mb = b->module == GRAPH_NONE ? 0 : o->ranks[b->module];

	if (a->function != b->function)
		return o->ranks[a->function] < o->ranks[b->function] ? -1 : 1;
	if (ma != mb)
		return ma < mb ? -1 : 1;
	return (a->flags > b->flags) - (a->flags < b->flags);
}

/* The place of each label among all by name, which does not depend on ids (caller frees). */
static uint32_t *rank_labels(const struct graph *g)
{
	uint32_t *strings = malloc((strtab_count(g->strings) + (size_t)1) * sizeof *strings);
	uint32_t *order = malloc((g->n_labels + (size_t)1) * sizeof *order);
	uint32_t *ranks = malloc((g->n_labels + (size_t)1) * sizeof *ranks), i;
	struct ordering o = {g->labels, strings};

	if (!strings || !order || !ranks || strtab_rank(g->strings, strings) != 0) {
		free(ranks);
		ranks = NULL;
	} else {
		for (i = 0; i < g->n_labels; i++)
			order[i] = i;
		qsort_r(order, g->n_labels, sizeof *order, compare_labels, &o);
		for (i = 0; i < g->n_labels; i++)
			ranks[order[i]] = i;
	}
	free(strings);
	free(order);
	return ranks;
}

/* ---- the tree ---- */

static int make_nodes(struct build *b, struct weights *w)
{
	struct graph *g = b->g;
	const struct build_paths *paths = &b->paths;
	uint32_t *ranks = rank_labels(g), i;
	/* The root has the label GRAPH_NONE, and is no "(other)". */
	uint32_t other = g->other == GRAPH_NONE ? GRAPH_NONE - 1 : g->other;
	struct tree_paths tree = {paths->n, paths->parents, paths->labels,   w->first,
				  w->all,   ranks,          GRAPH_PATHS_MAX, other};
	int rc = ranks ? tree_make(&tree, &g->nodes, &g->n_nodes, &b->node_of) : ERR_NOMEM;

	free(ranks);
	if (rc != 0)
		return build_no_memory(b);
	g->folded_nodes = paths->n - 1;
	for (i = 1; i < g->n_nodes; i++)
		g->folded_nodes -= g->nodes[i].label != g->other;
	return 0;
}

static int make_tree(struct build *b)
{
	struct weights w = {0};
	int rc = weigh(b, &w);

	if (rc == 0 && b->paths.n - 1 > GRAPH_PATHS_MAX && graph_other_label(b->g) == GRAPH_NONE)
		rc = build_no_memory(b);
	if (rc == 0)
		rc = make_nodes(b, &w);
	free(w.first);
	free(w.all);
	return rc;
}

static int build_init(struct build *b)
{
	const struct flame_options *o = b->options;
	struct graph *g = b->g;
	size_t i;

	if (o->n_runs == 0 || o->n_runs > FLAME_RUNS_MAX)
		return err_set(b->err, ERR_ARG,
			       "a page shows 1 to %d runs, these are %zu; choose among them",
			       FLAME_RUNS_MAX, o->n_runs);
	g->strings = strtab_new();
	g->runs = calloc(o->n_runs, sizeof *g->runs);
	b->runs = calloc(o->n_runs, sizeof *b->runs);
	if (!g->strings || !g->runs || !b->runs)
		return build_no_memory(b);
	g->n_runs = (uint32_t)o->n_runs;
	for (i = 0; i < o->n_runs; i++) {
		b->runs[i].run = &o->runs[i];
		b->runs[i].p = o->runs[i].p;
	}
	return 0;
}

int graph_build(struct graph *g, const struct flame_options *options, struct err *err)
{
	struct build b = {.g = g, .options = options, .err = err};
	uint32_t i;
	int rc;

	*g = (struct graph){.other = GRAPH_NONE};
	rc = build_init(&b);
	for (i = 0; rc == 0 && i < g->n_runs; i++)
		rc = take_run(&b, i);
	if (rc == 0)
		rc = choose_kinds(&b);
	if (rc == 0)
		rc = build_labels_and_paths(&b);
	if (rc == 0)
		rc = make_tree(&b);
	if (rc == 0)
		rc = build_sites(&b);
	if (rc == 0)
		rc = build_groups(&b);
	build_release(&b);
	if (rc != 0)
		graph_release(g);
	return rc;
}
