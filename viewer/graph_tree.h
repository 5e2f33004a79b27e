/* From call paths, each once and parents first, to the nodes of a graph in preorder. Paths too light to be
 * seen are left out on the way, so that millions of them cost little. Private to viewer. */
#ifndef VIEWER_GRAPH_TREE_H
#define VIEWER_GRAPH_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "viewer/graph.h"

/* Who belongs to about `keep` heaviest of many: weights are counted in buckets (of 0.1 %), so that nothing
 * is sorted. */
struct weight_scale {
	uint32_t *buckets; /* owned; zeroed by weight_scale_init() */
};

struct weight_limit {
	uint64_t sure;  /* as heavy as this: one of them; at least 1 */
	uint64_t maybe; /* as heavy as this: one of the bucket at the limit, of which … */
	uint64_t room;  /* … so many more belong to them */
};

int weight_scale_init(struct weight_scale *s); /* 0 or ERR_NOMEM */
void weight_scale_add(struct weight_scale *s, uint64_t weight);
struct weight_limit weight_scale_limit(const struct weight_scale *s, uint64_t keep);
void weight_scale_release(struct weight_scale *s);

struct tree_paths {
	uint32_t n;              /* row 0 is the root of all */
	const uint32_t *parents; /* borrowed, all arrays; smaller than the row's own number */
	const uint32_t *labels;
	uint64_t *firsts, *weights; /* own ones, as in nodes; totals afterwards */
	const uint32_t *ranks; /* of labels, for an order that does not depend on their numbers */
	uint32_t keep;         /* at most about so many paths become nodes of their own */
	uint32_t other; /* label of the nodes in which a parent's lighter children are joined */
};

/* Nodes without sites; by weight they stay, by `firsts`, then weight, then rank they are in order; `other` nodes last. (*node_of)[row] is
 * where a path went. Both arrays are the caller's. ERR_NOMEM leaves both NULL. */
int tree_make(const struct tree_paths *paths, struct graph_node **nodes, uint32_t *n_nodes,
	      uint32_t **node_of);

#endif
