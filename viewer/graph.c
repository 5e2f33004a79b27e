/* From a profile to the tree a page shows: see graph.h. Stacks are joined by label, which leaves call
 * paths; graph_tree.c makes nodes of them. Foreign rows are checked before any of them is used. */
#include "viewer/graph.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"
#include "prof/model/stacktab.h"
#include "viewer/graph_groups.h"
#include "viewer/graph_tree.h"

struct build {
	struct graph *g;
	const struct profile *p;
	const struct flame_options *options;
	unsigned char *taken;   /* owned; by sample */
	unsigned char *touched; /* owned; by stack: it or one below it has a sample */
	uint32_t *label_of;     /* owned; by frame */
	uint32_t *row_of;       /* owned; by stack: its row in `rows` */
	struct stacktab *rows;  /* owned; stacks by label */
	uint32_t *node_of;      /* owned; by row */
	int by_count;           /* no sample has a value: weights are counts */
	struct err *err;
};

static void build_release(struct build *b)
{
	free(b->taken);
	free(b->touched);
	free(b->label_of);
	free(b->row_of);
	stacktab_free(b->rows);
	free(b->node_of);
}

void graph_release(struct graph *g)
{
	free(g->labels);
	free(g->sites);
	free(g->nodes);
	free(g->samples);
	free(g->groups);
	free(g->stages);
	free(g->threads);
	*g = (struct graph){0};
}

static int no_memory(struct build *b)
{
	return err_nomem(b->err, "the call tree of a page");
}

/* ---- what a profile must be ---- */

static int bad(struct build *b, const char *what)
{
	return err_set(b->err, ERR_FORMAT,
		       "the profile contradicts itself: %s; check its store with sqlite3's "
		       "pragma integrity_check",
		       what);
}

static int check(struct build *b)
{
	const struct profile *p = b->p;
	uint32_t i;
	size_t n;

	if (p->n_stacks == 0)
		return bad(b, "there is no root stack");
	for (i = 1; i < p->n_stacks; i++)
		if (p->stacks[i].parent >= i || p->stacks[i].frame >= p->n_frames)
			return bad(b, "a stack without its parent or frame");
	for (i = 0; i < p->n_frames; i++)
		if (p->frames[i].module != PROFILE_NONE && p->frames[i].module >= p->n_modules)
			return bad(b, "a frame without its module");
	for (i = 0; i < p->n_stages; i++)
		if (p->stages[i].parent != PROFILE_NONE && p->stages[i].parent >= i)
			return bad(b, "a stage without its parent");
	for (n = 0; n < p->n_samples; n++) {
		const struct profile_sample *s = &p->samples[n];

		if (s->stack >= p->n_stacks || s->value < 0 ||
		    (s->stage != PROFILE_NONE && s->stage >= p->n_stages) ||
		    (s->thread != PROFILE_NONE && s->thread >= p->n_threads))
			return bad(b, "a sample without its stack, stage or thread, or below zero");
	}
	return 0;
}

/* ---- labels and stacks ---- */

static uint32_t flags_of(const struct profile *p, const struct profile_frame *f)
{
	const char *name = strtab_text(p->strings, f->function);

	return (f->inline_depth ? GRAPH_INLINED : 0u) | (name[0] == '[' ? GRAPH_NO_CODE : 0u);
}

static int add_label(struct build *b, struct idmap *pairs, struct idmap *labels, uint32_t frame)
{
	const struct profile_frame *f = &b->p->frames[frame];
	struct graph *g = b->g;
	struct graph_label l = {f->function, GRAPH_NONE, flags_of(b->p, f)};
	uint32_t pair, at;

	if (f->module != PROFILE_NONE)
		l.module = b->p->modules[f->module].path;
	pair = idmap_intern(pairs, (uint64_t)l.function << 32 | l.module, (uint32_t)pairs->count);
	if (pair == IDMAP_NONE)
		return no_memory(b);
	at = idmap_intern(labels, (uint64_t)pair << 32 | l.flags, g->n_labels);
	if (at == IDMAP_NONE)
		return no_memory(b);
	if (at == g->n_labels)
		g->labels[g->n_labels++] = l;
	b->label_of[frame] = at;
	return 0;
}

static int make_labels(struct build *b)
{
	const struct profile *p = b->p;
	struct idmap pairs = IDMAP_INIT, labels = IDMAP_INIT;
	uint32_t i;
	int rc = 0;

	b->label_of = malloc((p->n_frames + (size_t)1) * sizeof *b->label_of);
	/* One more for the label of what is folded. */
	b->g->labels = malloc((p->n_frames + (size_t)1) * sizeof *b->g->labels);
	if (!b->label_of || !b->g->labels)
		return no_memory(b);
	for (i = 0; rc == 0 && i < p->n_frames; i++)
		rc = add_label(b, &pairs, &labels, i);
	idmap_release(&pairs);
	idmap_release(&labels);
	return rc;
}

static int take_samples(struct build *b)
{
	const struct profile *p = b->p;
	uint64_t values = 0;
	size_t i;
	uint32_t s;

	b->taken = calloc(p->n_samples + 1, 1);
	b->touched = calloc(p->n_stacks, 1);
	if (!b->taken || !b->touched)
		return no_memory(b);
	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *sample = &p->samples[i];

		if (sample->kind != (uint32_t)b->options->kind)
			continue;
		if (b->options->runs[0].include &&
		    !b->options->runs[0].include(b->options->runs[0].ctx, sample))
			continue;
		b->taken[i] = 1;
		b->touched[sample->stack] = 1;
		values |= (uint64_t)sample->value;
	}
	b->by_count = values == 0;
	for (s = p->n_stacks; s-- > 1;)
		if (b->touched[s])
			b->touched[p->stacks[s].parent] = 1;
	return 0;
}

static uint64_t weight(const struct build *b, const struct profile_sample *s)
{
	return b->by_count ? s->count : (uint64_t)s->value;
}

static int join_stacks(struct build *b)
{
	const struct profile *p = b->p;
	uint32_t i;

	b->rows = stacktab_new();
	b->row_of = malloc(p->n_stacks * sizeof *b->row_of);
	if (!b->rows || !b->row_of)
		return no_memory(b);
	b->row_of[0] = STACK_ROOT;
	for (i = 1; i < p->n_stacks; i++) {
		const struct profile_stack *s = &p->stacks[i];

		if (b->touched[i] && stacktab_intern(b->rows, b->row_of[s->parent],
						     b->label_of[s->frame], &b->row_of[i]) != 0)
			return no_memory(b);
	}
	return 0;
}

/* ---- the tree ---- */

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
static uint32_t *rank_labels(const struct build *b)
{
	const struct graph *g = b->g;
	uint32_t *strings = malloc((strtab_count(b->p->strings) + (size_t)1) * sizeof *strings);
	uint32_t *order = malloc((g->n_labels + (size_t)1) * sizeof *order);
	uint32_t *ranks = malloc((g->n_labels + (size_t)1) * sizeof *ranks), i;
	struct ordering o = {g->labels, strings};

	if (!strings || !order || !ranks || strtab_rank(b->p->strings, strings) != 0) {
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

struct path_arrays {
	uint32_t *parents, *labels;
	uint64_t *counts, *values;
};

static int path_arrays(struct build *b, struct path_arrays *w)
{
	const struct profile *p = b->p;
	uint32_t n = stacktab_count(b->rows), i;
	uint64_t values = 0, counts = 0;
	size_t s;

	w->parents = malloc(n * sizeof *w->parents);
	w->labels = malloc(n * sizeof *w->labels);
	w->counts = calloc(n, sizeof *w->counts);
	w->values = calloc(n, sizeof *w->values);
	if (!w->parents || !w->labels || !w->counts || !w->values)
		return no_memory(b);
	for (i = 0; i < n; i++) {
		w->parents[i] = stacktab_parent(b->rows, i);
		w->labels[i] = stacktab_frame(b->rows, i);
	}
	for (s = 0; s < p->n_samples; s++) {
		const struct profile_sample *sample = &p->samples[s];

		if (!b->taken[s])
			continue;
		/* If the sums of all fit, every sum of some does. */
		if (__builtin_add_overflow(values, (uint64_t)sample->value, &values) ||
		    __builtin_add_overflow(counts, sample->count, &counts))
			return err_set(b->err, ERR_LIMIT,
				       "the values of all samples do not fit 64 bits");
		w->values[b->row_of[sample->stack]] += (uint64_t)sample->value;
		w->counts[b->row_of[sample->stack]] += sample->count;
	}
	return 0;
}

/* What the graph says of its "(other)" nodes; `paths` without the root. */
static void tell_folded(struct graph *g, uint32_t other, uint32_t paths)
{
	uint32_t i, others = 0;

	for (i = 1; i < g->n_nodes; i++) {
		if (g->nodes[i].label != other)
			continue;
		others++;
		g->folded_count += g->nodes[i].count;
		g->folded_value += g->nodes[i].value;
	}
	g->folded_nodes = paths - (g->n_nodes - 1 - others);
}

static int make_tree(struct build *b)
{
	struct graph *g = b->g;
	uint32_t n = stacktab_count(b->rows), *ranks = rank_labels(b);
	uint32_t other = n - 1 > GRAPH_PATHS_MAX ? graph_other_label(g) : GRAPH_NONE - 1;
	struct path_arrays w = {0};
	int rc = ranks ? path_arrays(b, &w) : no_memory(b);

	if (rc == 0) {
		struct tree_paths paths = {n,        w.parents, w.labels,        w.counts,
					   w.values, ranks,     GRAPH_PATHS_MAX, other};

		if (tree_make(&paths, &g->nodes, &g->n_nodes, &b->node_of) != 0)
			rc = no_memory(b);
		else
			tell_folded(g, other, n - 1);
	}
	free(ranks);
	free(w.parents);
	free(w.labels);
	free(w.counts);
	free(w.values);
	return rc;
}

/* ---- where each node spends most ---- */

struct sites {
	uint64_t *total;     /* owned; by stack */
	uint64_t *sums;      /* owned; by pair */
	unsigned char *many; /* owned; by node: more than one stack was joined in it */
	struct idmap known;  /* (file << 32 | line) to site */
	struct idmap pairs;  /* (node << 32 | site) to pair */
};

static int sites_init(struct build *b, struct sites *w)
{
	const struct profile *p = b->p;
	size_t i;
	uint32_t s;

	w->total = calloc(p->n_stacks, sizeof *w->total);
	w->sums = calloc(p->n_stacks, sizeof *w->sums);
	w->many = calloc(b->g->n_nodes, 1);
	b->g->sites = malloc((p->n_frames + (size_t)1) * sizeof *b->g->sites);
	if (!w->total || !w->sums || !w->many || !b->g->sites)
		return no_memory(b);
	for (i = 0; i < p->n_samples; i++)
		if (b->taken[i])
			w->total[p->samples[i].stack] += weight(b, &p->samples[i]);
	for (s = p->n_stacks; s-- > 1;)
		w->total[p->stacks[s].parent] += w->total[s];
	return 0;
}

static uint32_t site_of(struct build *b, struct sites *w, const struct profile_frame *f)
{
	struct graph *g = b->g;
	uint64_t key = (uint64_t)f->file << 32 | f->line;
	uint32_t at = idmap_intern(&w->known, key, g->n_sites);

	if (at == g->n_sites)
		g->sites[g->n_sites++] = (struct graph_site){f->file, f->line};
	return at;
}

/* The sums of one site in a node, NULL: no memory. */
static uint64_t *sum_of(struct sites *w, uint32_t node, uint32_t site)
{
	uint64_t key = (uint64_t)node << 32 | site;
	uint32_t pair = idmap_intern(&w->pairs, key, (uint32_t)w->pairs.count);

	return pair == IDMAP_NONE ? NULL : &w->sums[pair];
}

/* Heavier, or as heavy and earlier in the stacks' order: the site first met stays. */
static int add_site(struct build *b, struct sites *w, uint32_t stack)
{
	uint32_t node = b->node_of[b->row_of[stack]];
	struct graph_node *n = &b->g->nodes[node];
	uint32_t site;
	uint64_t *sum, *best;

	if (b->g->labels[n->label].flags & GRAPH_OTHER)
		return 0;
	site = site_of(b, w, &b->p->frames[b->p->stacks[stack].frame]);
	if (site == IDMAP_NONE)
		return ERR_NOMEM;
	if (!w->many[node]) {
		n->site = site;
		return 0;
	}
	sum = sum_of(w, node, site);
	if (!sum)
		return ERR_NOMEM;
	*sum += w->total[stack];
	best = n->site == GRAPH_NONE ? sum : sum_of(w, node, n->site);
	if (n->site == GRAPH_NONE || *sum > *best)
		n->site = site;
	return 0;
}

/* Most nodes come from one stack, which has the only site there is. */
static void mark_many(struct build *b, struct sites *w)
{
	uint32_t i;

	for (i = 1; i < b->p->n_stacks; i++) {
		uint32_t node;

		if (!b->touched[i])
			continue;
		node = b->node_of[b->row_of[i]];
		w->many[node] = b->g->nodes[node].site != GRAPH_NONE;
		b->g->nodes[node].site = 0;
	}
	for (i = 0; i < b->g->n_nodes; i++)
		b->g->nodes[i].site = GRAPH_NONE;
}

static int find_sites(struct build *b)
{
	struct sites w = {0};
	uint32_t i;
	int rc = sites_init(b, &w);

	if (rc == 0)
		mark_many(b, &w);
	for (i = 1; rc == 0 && i < b->p->n_stacks; i++)
		if (b->touched[i] && add_site(b, &w, i) != 0)
			rc = no_memory(b);
	free(w.total);
	free(w.sums);
	free(w.many);
	idmap_release(&w.known);
	idmap_release(&w.pairs);
	return rc;
}

/* ---- whose samples ---- */

static int group_samples(struct build *b)
{
	const struct profile *p = b->p;
	struct graph *g = b->g;
	struct grouper groups;
	size_t i;
	int rc = grouper_init(&groups, g, p, b->taken, b->err);

	g->samples = malloc((p->n_samples + 1) * sizeof *g->samples);
	if (rc == 0 && !g->samples)
		rc = no_memory(b);
	for (i = 0; rc == 0 && i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];
		uint32_t group;

		if (!b->taken[i])
			continue;
		group = grouper_of(&groups, s);
		if (group == GRAPH_NONE)
			rc = no_memory(b);
		else
			g->samples[g->n_samples++] =
				(struct graph_sample){group, b->node_of[b->row_of[s->stack]],
						      s->count, (uint64_t)s->value};
	}
	grouper_release(&groups);
	if (rc == 0)
		graph_join_samples(g);
	return rc;
}

int graph_build(struct graph *g, const struct flame_options *options, struct err *err)
{
	struct build b = {.g = g, .p = options->runs[0].p, .options = options, .err = err};
	int rc;

	*g = (struct graph){0};
	rc = check(&b);
	if (rc == 0)
		rc = take_samples(&b);
	if (rc == 0)
		rc = make_labels(&b);
	if (rc == 0)
		rc = join_stacks(&b);
	if (rc == 0)
		rc = make_tree(&b);
	if (rc == 0)
		rc = find_sites(&b);
	if (rc == 0)
		rc = group_samples(&b);
	build_release(&b);
	if (rc != 0)
		graph_release(g);
	return rc;
}
