/* Making a graph smaller, and its samples unique: see graph.h. */
#include <stdlib.h>

#include "viewer/graph.h"
#include "viewer/graph_tree.h"

static int compare_samples(const void *pa, const void *pb)
{
	const struct graph_sample *a = pa, *b = pb;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return (a->node > b->node) - (a->node < b->node);
}

void graph_join_samples(struct graph *g)
{
	size_t i, n = 0;

	if (g->n_samples > 1)
		qsort(g->samples, g->n_samples, sizeof *g->samples, compare_samples);
	for (i = 0; i < g->n_samples; i++) {
		struct graph_sample *s = &g->samples[i];

		if (n > 0 && compare_samples(&g->samples[n - 1], s) == 0) {
			g->samples[n - 1].count += s->count;
			g->samples[n - 1].value += s->value;
		} else {
			g->samples[n++] = *s;
		}
	}
	g->n_samples = n;
}

/* ---- fewer nodes ---- */

static uint64_t weight(const struct graph *g, uint32_t node)
{
	return g->nodes[0].value ? g->nodes[node].value : g->nodes[node].count;
}

static int find_limit(const struct graph *g, uint32_t keep, struct weight_limit *limit)
{
	struct weight_scale s;
	uint32_t i;

	if (weight_scale_init(&s) != 0)
		return ERR_NOMEM;
	for (i = 0; i < g->n_nodes; i++)
		weight_scale_add(&s, weight(g, i));
	*limit = weight_scale_limit(&s, keep);
	weight_scale_release(&s);
	return 0;
}

struct fold {
	struct graph *g;
	struct weight_limit limit;
	uint32_t *to;             /* owned; by node: its new place */
	struct graph_node *nodes; /* owned */
	uint32_t *other;          /* owned; by new node: its "(other)" child, 0: none */
	uint32_t n, label;
};

static void fold_subtree(struct fold *f, uint32_t node)
{
	struct graph *g = f->g;
	const struct graph_node *from = &g->nodes[node];
	uint32_t parent = f->to[from->parent], at = f->other[parent], i;

	if (!at) {
		at = f->other[parent] = f->n++;
		f->nodes[at] = (struct graph_node){parent, 0, f->label, GRAPH_NONE, 0, 0};
	}
	f->nodes[at].count += from->count;
	f->nodes[at].value += from->value;
	for (i = node; i < from->end; i++) {
		f->to[i] = at;
		g->folded_nodes += g->nodes[i].label != f->label;
	}
}

/* In preorder; light children come last, so the one that stands for them comes last too. */
static void fold_nodes(struct fold *f)
{
	struct graph *g = f->g;
	uint32_t i = 0;

	while (i < g->n_nodes) {
		const struct graph_node *n = &g->nodes[i];
		uint64_t w = weight(g, i);
		int sure = i == 0 || w >= f->limit.sure;

		if (n->label == f->label || (!sure && (w < f->limit.maybe || f->limit.room == 0))) {
			fold_subtree(f, i);
			i = n->end;
			continue;
		}
		f->limit.room -= !sure;
		f->to[i] = f->n;
		f->other[f->n] = 0;
		f->nodes[f->n] = *n;
		f->nodes[f->n].parent = i ? f->to[n->parent] : 0;
		f->n++;
		i++;
	}
	for (i = f->n; i-- > 0;)
		f->nodes[i].end = i + 1;
	for (i = f->n; i-- > 1;)
		if (f->nodes[f->nodes[i].parent].end < f->nodes[i].end)
			f->nodes[f->nodes[i].parent].end = f->nodes[i].end;
}

uint32_t graph_other_label(struct graph *g)
{
	if (g->n_labels == 0 || !(g->labels[g->n_labels - 1].flags & GRAPH_OTHER))
		g->labels[g->n_labels++] =
			(struct graph_label){GRAPH_NONE, GRAPH_NONE, GRAPH_OTHER | GRAPH_NO_CODE};
	return g->n_labels - 1;
}

int graph_fold(struct graph *g, uint32_t keep, struct err *err)
{
	struct fold f = {.g = g};
	size_t i, max = 2 * (size_t)g->n_nodes;

	f.to = malloc(g->n_nodes * sizeof *f.to);
	f.nodes = malloc(max * sizeof *f.nodes);
	f.other = calloc(max, sizeof *f.other);
	if (!f.to || !f.nodes || !f.other || find_limit(g, keep, &f.limit) != 0) {
		free(f.to);
		free(f.nodes);
		free(f.other);
		return err_nomem(err, "a smaller call tree");
	}
	f.label = graph_other_label(g);
	fold_nodes(&f);
	for (i = 0; i < g->n_samples; i++)
		g->samples[i].node = f.to[g->samples[i].node];
	graph_join_samples(g);
	free(g->nodes);
	free(f.to);
	free(f.other);
	g->nodes = f.nodes;
	g->n_nodes = f.n;
	g->folded_count = g->folded_value = 0;
	for (i = 0; i < f.n; i++) {
		if (f.nodes[i].label != f.label)
			continue;
		g->folded_count += f.nodes[i].count;
		g->folded_value += f.nodes[i].value;
	}
	return 0;
}
