/* Stacks with weights to a tree of calls: see calltree.h. No recursion anywhere: paths may be as deep
 * as the table is long. Work in passes: parents have smaller numbers than their children, among the
 * stacks and among the nodes, so an ascending pass hands down and a descending pass sums up. */
#include "prof/model/calltree.h"

#include <string.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/grow.h"

struct work {
	const struct stacktab *stacks;
	const struct calltree_options *options;
	struct calltree_node
		*nodes; /* owned; in the order of making, `end` holding the subtree's size */
	uint32_t count, cap;
	struct idmap children;  /* (parent << 32 | label) to node */
	uint64_t *self_count;   /* owned; by stack */
	uint64_t *self_value;   /* owned; by stack */
	unsigned char *touched; /* owned; by stack: it or one below it has a sample */
	uint32_t *node_of;      /* owned; by stack */
	uint32_t *sorted;       /* owned; nodes by parent, then in the order asked for */
	uint32_t *place;        /* owned; preorder number of a node */
};

static void work_release(struct work *w)
{
	free(w->nodes);
	idmap_release(&w->children);
	free(w->self_count);
	free(w->self_value);
	free(w->touched);
	free(w->node_of);
	free(w->sorted);
	free(w->place);
}

/* Sums per stack. If the sums of all samples fit, every sum of some of them does. */
static int add_samples(struct work *w, const struct calltree_sample *samples, size_t n)
{
	uint64_t all_count = 0, all_value = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct calltree_sample *s = &samples[i];

		if (s->stack >= stacktab_count(w->stacks))
			return ERR_ARG;
		if (__builtin_add_overflow(all_count, s->count, &all_count) ||
		    __builtin_add_overflow(all_value, s->value, &all_value))
			return ERR_LIMIT;
		w->self_count[s->stack] += s->count;
		w->self_value[s->stack] += s->value;
		w->touched[s->stack] = 1;
	}
	return 0;
}

static int sum_stacks(struct work *w, const struct calltree_sample *samples, size_t n)
{
	uint32_t rows = stacktab_count(w->stacks), i;
	int rc;

	w->self_count = calloc(rows, sizeof *w->self_count);
	w->self_value = calloc(rows, sizeof *w->self_value);
	w->touched = calloc(rows, 1);
	w->node_of = malloc(rows * sizeof *w->node_of);
	if (!w->self_count || !w->self_value || !w->touched || !w->node_of)
		return ERR_NOMEM;
	rc = add_samples(w, samples, n);
	for (i = rows; rc == 0 && i-- > 1;)
		if (w->touched[i])
			w->touched[stacktab_parent(w->stacks, i)] = 1;
	return rc;
}

static int add_node(struct work *w, uint32_t parent, uint32_t label, uint32_t *node)
{
	uint32_t depth = w->count ? w->nodes[parent].depth + 1 : 0;

	if (w->count == w->cap) {
		uint32_t cap = grow_next(w->cap, IDMAP_NONE - 1);

		if (!cap)
			return ERR_LIMIT;
		if (GROW(w->nodes, cap) != 0)
			return ERR_NOMEM;
		w->cap = cap;
	}
	if (w->count) {
		*node = idmap_intern(&w->children, (uint64_t)parent << 32 | label, w->count);
		if (*node == IDMAP_NONE)
			return ERR_NOMEM;
		if (*node != w->count)
			return 0;
	}
	*node = w->count;
	w->nodes[w->count++] = (struct calltree_node){label, parent, 1, depth, 0, 0, 0, 0};
	return 0;
}

static int label_of(const struct work *w, uint32_t frame, uint32_t *label)
{
	const struct calltree_options *o = w->options;

	if (o->labels && frame >= o->n_labels)
		return ERR_ARG;
	*label = o->labels ? o->labels[frame] : frame;
	return o->ranks && *label >= o->n_ranks ? ERR_ARG : 0;
}

/* One node per call path by labels, with what its stacks have themselves. */
static int make_nodes(struct work *w)
{
	uint32_t rows = stacktab_count(w->stacks), i, label;
	int rc = add_node(w, 0, CALLTREE_NO_LABEL, &w->node_of[STACK_ROOT]);

	for (i = 0; rc == 0 && i < rows; i++) {
		struct calltree_node *node;

		if (i != STACK_ROOT) {
			if (!w->touched[i])
				continue;
			rc = label_of(w, stacktab_frame(w->stacks, i), &label);
			if (rc == 0)
				rc = add_node(w, w->node_of[stacktab_parent(w->stacks, i)], label,
					      &w->node_of[i]);
			if (rc != 0)
				break;
		}
		node = &w->nodes[w->node_of[i]];
		node->self_count += w->self_count[i];
		node->self_value += w->self_value[i];
	}
	return rc;
}

static void sum_nodes(struct work *w)
{
	uint32_t i;

	for (i = w->count; i-- > 0;) {
		struct calltree_node *node = &w->nodes[i], *parent = &w->nodes[node->parent];

		node->total_count += node->self_count;
		node->total_value += node->self_value;
		if (i == 0)
			break;
		parent->total_count += node->total_count;
		parent->total_value += node->total_value;
		parent->end += node->end;
	}
}

static int compare_siblings(const void *pa, const void *pb, void *ctx)
{
	const struct work *w = ctx;
	const struct calltree_node *a = &w->nodes[*(const uint32_t *)pa];
	const struct calltree_node *b = &w->nodes[*(const uint32_t *)pb];
	const uint32_t *ranks = w->options->ranks;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if (w->options->order == CALLTREE_BY_VALUE && a->total_value != b->total_value)
		return a->total_value > b->total_value ? -1 : 1;
	if (ranks && ranks[a->label] != ranks[b->label])
		return ranks[a->label] < ranks[b->label] ? -1 : 1;
	return (a->label > b->label) - (a->label < b->label);
}

/* Preorder numbers: the children of a node, in order, take the numbers after it. */
static int place_nodes(struct work *w)
{
	uint32_t i, at;

	w->sorted = malloc(w->count * sizeof *w->sorted);
	w->place = malloc(w->count * sizeof *w->place);
	if (!w->sorted || !w->place)
		return ERR_NOMEM;
	for (i = 0; i < w->count; i++)
		w->sorted[i] = i;
	/* All but the root; they come out grouped by parent, parents ascending. */
	qsort_r(w->sorted + 1, w->count - 1, sizeof *w->sorted, compare_siblings, w);
	w->place[0] = 0;
	for (i = 1, at = 0; i < w->count; i++) {
		const struct calltree_node *node = &w->nodes[w->sorted[i]];

		if (i == 1 || node->parent != w->nodes[w->sorted[i - 1]].parent)
			at = w->place[node->parent] + 1;
		w->place[w->sorted[i]] = at;
		at += node->end;
	}
	return 0;
}

static int write_tree(const struct work *w, struct calltree *tree)
{
	uint32_t i;

	tree->nodes = malloc(w->count * sizeof *tree->nodes);
	if (!tree->nodes)
		return ERR_NOMEM;
	tree->count = w->count;
	for (i = 0; i < w->count; i++) {
		struct calltree_node *node = &tree->nodes[w->place[i]];

		*node = w->nodes[i];
		node->parent = w->place[node->parent];
		node->end += w->place[i];
	}
	return 0;
}

int calltree_build(struct calltree *tree, const struct stacktab *stacks,
		   const struct calltree_sample *samples, size_t n,
		   const struct calltree_options *options)
{
	static const struct calltree_options plain = {0};
	struct work w = {.stacks = stacks, .options = options ? options : &plain};
	int rc = sum_stacks(&w, samples, n);

	*tree = (struct calltree)CALLTREE_INIT;
	if (rc == 0)
		rc = make_nodes(&w);
	if (rc == 0) {
		sum_nodes(&w);
		rc = place_nodes(&w);
	}
	if (rc == 0)
		rc = write_tree(&w, tree);
	work_release(&w);
	return rc;
}

void calltree_release(struct calltree *tree)
{
	free(tree->nodes);
	*tree = (struct calltree)CALLTREE_INIT;
}

uint32_t calltree_child(const struct calltree *tree, uint32_t parent, uint32_t label)
{
	uint32_t i;

	if (parent >= tree->count)
		return 0;
	for (i = parent + 1; i < tree->nodes[parent].end; i = tree->nodes[i].end)
		if (tree->nodes[i].label == label)
			return i;
	return 0;
}
