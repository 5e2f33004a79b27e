/* Making a graph smaller, and its samples unique: see graph.h. */
#include <stdlib.h>
#include <string.h>

#include "viewer/graph_build.h"
#include "viewer/graph_tree.h"

/* ---- samples ---- */

struct sorter {
	struct graph_sample *to; /* owned */
	size_t *starts;          /* owned; by node or group, and one more */
};

static int sorter_init(struct sorter *s, const struct graph *g)
{
	size_t most = g->n_nodes > g->n_groups ? g->n_nodes : g->n_groups;

	s->to = malloc((g->n_samples + 1) * sizeof *s->to);
	s->starts = malloc((most + 1) * sizeof *s->starts);
	return s->to && s->starts ? 0 : ERR_NOMEM;
}

static void sorter_release(struct sorter *s)
{
	free(s->to);
	free(s->starts);
}

/* Stable, by counting: the samples are `to` afterwards, and what they were is there for the next pass. */
static void sort_by(struct graph *g, struct sorter *s, int by_group)
{
	size_t n = by_group ? g->n_groups : g->n_nodes, i;
	struct graph_sample *from = g->samples;

	memset(s->starts, 0, (n + 1) * sizeof *s->starts);
	for (i = 0; i < g->n_samples; i++)
		s->starts[(by_group ? from[i].group : from[i].node) + (size_t)1]++;
	for (i = 0; i < n; i++)
		s->starts[i + 1] += s->starts[i];
	for (i = 0; i < g->n_samples; i++)
		s->to[s->starts[by_group ? from[i].group : from[i].node]++] = from[i];
	g->samples = s->to;
	s->to = from;
}

static void join(struct graph *g, struct sorter *sorter)
{
	size_t i, n = 0;

	sort_by(g, sorter, 0);
	sort_by(g, sorter, 1);
	for (i = 0; i < g->n_samples; i++) {
		const struct graph_sample *s = &g->samples[i];
		struct graph_sample *last = n ? &g->samples[n - 1] : NULL;

		if (last && last->group == s->group && last->node == s->node) {
			last->count += s->count;
			last->value += s->value;
		} else {
			g->samples[n++] = *s;
		}
	}
	g->n_samples = n;
}

int graph_join_samples(struct graph *g)
{
	struct sorter s;
	int rc = sorter_init(&s, g);

	if (rc == 0)
		join(g, &s);
	sorter_release(&s);
	return rc;
}

/* ---- fewer nodes ---- */

struct fold {
	struct graph *g;
	struct weight_scale scale;
	uint32_t *under; /* owned; by node: whose "(other)" it goes into, GRAPH_NONE: it stays */
	uint32_t *to;    /* owned; by node that stays: its new place */
	uint32_t *other; /* owned; by node that stays: its "(other)", 0: none */
	struct graph_node *nodes; /* owned */
	uint32_t n;
};

static int fold_init(struct fold *f, struct graph *g)
{
	size_t n = g->n_nodes, i;

	*f = (struct fold){.g = g};
	f->under = malloc(n * sizeof *f->under);
	f->to = malloc(n * sizeof *f->to);
	f->other = calloc(n, sizeof *f->other);
	f->nodes = malloc(n * sizeof *f->nodes);
	if (!f->under || !f->to || !f->other || !f->nodes || weight_scale_init(&f->scale) != 0 ||
	    graph_other_label(g) == GRAPH_NONE)
		return ERR_NOMEM;
	for (i = 0; i < n; i++)
		weight_scale_add(&f->scale, g->nodes[i].weight);
	return 0;
}

static void fold_release(struct fold *f)
{
	weight_scale_release(&f->scale);
	free(f->under);
	free(f->to);
	free(f->other);
	free(f->nodes);
}

static int stays(const struct graph *g, uint32_t node, struct weight_limit *limit)
{
	const struct graph_node *n = &g->nodes[node];
	int sure = node == 0 || n->weight >= limit->sure;

	if (n->label == g->other && node != 0)
		return 0;
	if (!sure && (n->weight < limit->maybe || limit->room == 0))
		return 0;
	limit->room -= !sure;
	return 1;
}

/* How many nodes there will be if `keep` stay: each of them may get an "(other)". */
static uint32_t count(struct fold *f, uint32_t keep, uint32_t turn)
{
	const struct graph *g = f->g;
	struct weight_limit limit = weight_scale_limit(&f->scale, keep);
	uint32_t i = 0, n = 0;

	while (i < g->n_nodes) {
		uint32_t *mark = &f->to[g->nodes[i].parent];

		if (stays(g, i, &limit)) {
			f->to[i++] = 0;
			n++;
			continue;
		}
		n += *mark != turn;
		*mark = turn;
		i = g->nodes[i].end;
	}
	return n;
}

/* How many may stay, to a hundredth, so that no more than `most` nodes are there with the "(other)" ones. */
static uint32_t find_keep(struct fold *f, uint32_t most)
{
	uint32_t low = 0, high = most, turn = 1;

	while (high - low > high / 128 + 1) {
		uint32_t keep = low + (high - low) / 2;

		if (count(f, keep, turn++) <= most)
			low = keep;
		else
			high = keep;
	}
	return low;
}

static void choose(struct fold *f, uint32_t keep)
{
	struct graph *g = f->g;
	struct weight_limit limit = weight_scale_limit(&f->scale, keep);
	uint32_t i = 0;

	while (i < g->n_nodes) {
		uint32_t parent = g->nodes[i].parent, end = g->nodes[i].end;

		if (stays(g, i, &limit)) {
			f->under[i++] = GRAPH_NONE;
			continue;
		}
		f->other[parent] = 1;
		for (; i < end; i++) {
			f->under[i] = parent;
			g->folded_nodes += g->nodes[i].label != g->other;
		}
	}
}

/* A node that all its children were placed of: its "(other)" comes last. */
static void close_node(struct fold *f, uint32_t node)
{
	if (!f->other[node])
		return;
	f->other[node] = f->n;
	f->nodes[f->n++] = (struct graph_node){f->to[node], 0, f->g->other, GRAPH_NONE, 0, 0};
}

static void place(struct fold *f)
{
	const struct graph *g = f->g;
	uint32_t open = 0, i;

	for (i = 0; i < g->n_nodes; i++) {
		if (f->under[i] != GRAPH_NONE)
			continue;
		for (; g->nodes[open].end <= i; open = g->nodes[open].parent)
			close_node(f, open);
		f->to[i] = f->n;
		f->nodes[f->n] = g->nodes[i];
		f->nodes[f->n].parent = i ? f->to[g->nodes[i].parent] : 0;
		f->n++;
		open = i;
	}
	for (; open != 0; open = g->nodes[open].parent)
		close_node(f, open);
	close_node(f, 0);
}

static void sum_up(struct fold *f)
{
	const struct graph *g = f->g;
	uint32_t i;

	for (i = 1; i < g->n_nodes; i++) {
		uint32_t under = f->under[i];

		if (under == GRAPH_NONE)
			continue;
		f->to[i] = f->other[under];
		if (g->nodes[i].parent == under) {
			f->nodes[f->to[i]].first += g->nodes[i].first;
			f->nodes[f->to[i]].weight += g->nodes[i].weight;
		}
	}
	for (i = 0; i < f->n; i++)
		f->nodes[i].end = i + 1;
	for (i = f->n; i-- > 1;)
		if (f->nodes[f->nodes[i].parent].end < f->nodes[i].end)
			f->nodes[f->nodes[i].parent].end = f->nodes[i].end;
}

uint32_t graph_other_label(struct graph *g)
{
	uint32_t name;

	if (g->other != GRAPH_NONE)
		return g->other;
	if (strtab_intern_text(g->strings, "(other)", &name) != 0)
		return GRAPH_NONE;
	g->labels[g->n_labels] =
		(struct graph_label){name, GRAPH_NONE, GRAPH_OTHER | GRAPH_NO_CODE};
	return g->other = g->n_labels++;
}

int graph_fold(struct graph *g, uint32_t most, struct err *err)
{
	struct sorter sorter = {0};
	struct fold f;
	size_t i;

	if (fold_init(&f, g) != 0 || sorter_init(&sorter, g) != 0) {
		fold_release(&f);
		sorter_release(&sorter);
		return err_nomem(err, "a smaller call tree");
	}
	choose(&f, find_keep(&f, most));
	place(&f);
	sum_up(&f);
	for (i = 0; i < g->n_samples; i++)
		g->samples[i].node = f.to[g->samples[i].node];
	for (i = 0; i < g->n_ticks; i++)
		g->ticks[i].node = f.to[g->ticks[i].node];
	free(g->nodes);
	g->nodes = f.nodes;
	g->n_nodes = f.n;
	f.nodes = NULL;
	join(g, &sorter);
	fold_release(&f);
	sorter_release(&sorter);
	return 0;
}

/* ---- what was folded ---- */

static double largest_share(const struct graph_run *part, const struct graph_run *all)
{
	double most = 0;
	int k;

	for (k = 0; k < PROFILE_KINDS; k++) {
		double share = 0;

		if (all->values[k])
			share = (double)part->values[k] / (double)all->values[k];
		else if (all->counts[k])
			share = (double)part->counts[k] / (double)all->counts[k];
		if (share > most)
			most = share;
	}
	return most;
}

/* Groups, and so samples, are in the order of runs. */
double graph_folded_share(const struct graph *g)
{
	struct graph_run part = {0};
	double most = 0, share;
	uint32_t run = 0;
	size_t i;

	for (i = 0; i <= g->n_samples; i++) {
		const struct graph_sample *s = &g->samples[i];
		const struct graph_group *at = i < g->n_samples ? &g->groups[s->group] : NULL;

		if (!at || at->run != run) {
			share = largest_share(&part, &g->runs[run]);
			most = share > most ? share : most;
			part = (struct graph_run){0};
			run = at ? at->run : run;
		}
		if (at && s->node != 0 && g->nodes[s->node].label == g->other) {
			part.counts[g->kinds[at->kind]] += s->count;
			part.values[g->kinds[at->kind]] += s->value;
		}
	}
	return most;
}
