/* Stacks with weights to a tree of calls: what each call path cost by itself and with what it called.
 * Paths that read the same (by the caller's labels: function instead of address) become one node.
 * Recursion stays as it is: a function that calls itself is a node below its own. Knows nothing of
 * names or formats. Not thread-safe. */
#ifndef MODEL_CALLTREE_H
#define MODEL_CALLTREE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/model/stacktab.h"

/* What is known of one stack; the same stack may come again. */
struct calltree_sample {
	uint32_t stack;
	uint64_t count;
	uint64_t value; /* in whatever unit the caller's samples share */
};

/* Nodes stand in preorder: node 0 is the root of all, a node's descendants are the ones up to `end`,
 * its first child is the next node, and `end` of a child is its next sibling. */
struct calltree_node {
	uint32_t label; /* CALLTREE_NO_LABEL for the root */
	uint32_t parent;
	uint32_t end;
	uint32_t depth; /* 0: the root */
	uint64_t self_count, self_value;
	uint64_t total_count, total_value;
};

#define CALLTREE_NO_LABEL UINT32_MAX

enum calltree_order {
	CALLTREE_BY_VALUE, /* the most expensive child first; equal ones by rank */
	CALLTREE_BY_RANK,
};

struct calltree_options {
	const uint32_t *labels; /* borrowed; label of each frame; NULL: a frame is its own label */
	uint32_t n_labels;
	const uint32_t *ranks; /* borrowed; place of each label (strtab_rank); NULL: the label */
	uint32_t n_ranks;
	enum calltree_order order;
};

struct calltree {
	struct calltree_node *nodes; /* owned */
	uint32_t count;              /* at least 1 after calltree_build() */
};

#define CALLTREE_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

/* The tree of `n` samples; only call paths that samples touch are in it. The result depends on labels
 * and ranks, not on the ids of stacks and frames or on the order of the samples. `options` NULL: all
 * zero. 0, ERR_NOMEM, ERR_ARG for a stack, frame or label that is not in its table, ERR_LIMIT when a
 * sum does not fit 64 bits; on failure the tree is empty. */
int calltree_build(struct calltree *tree, const struct stacktab *stacks,
		   const struct calltree_sample *samples, size_t n,
		   const struct calltree_options *options);
void calltree_release(struct calltree *tree);

/* The child of `parent` with that label, or 0 (the root is nobody's child). */
uint32_t calltree_child(const struct calltree *tree, uint32_t parent, uint32_t label);

#endif
