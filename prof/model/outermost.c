/* A walk through the tree of stacks, see outermost.h: how often each label is on the path from the root to where
 * the walk is. Children are found by lists, for stacks know their parents only. */
#include "prof/model/outermost.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"

struct walk {
	const struct profile *p;
	const uint32_t *label_of;
	uint32_t *child,
		*sibling; /* owned; per stack: its first child, the next one of its parent; 0: none */
	uint32_t *depth; /* owned; per label: how often it is on the path */
	unsigned char *first;
};

static uint32_t label_at(const struct walk *w, uint32_t stack)
{
	return w->label_of[w->p->stacks[stack].frame];
}

static void enter(struct walk *w, uint32_t stack)
{
	uint32_t label = label_at(w, stack);

	if (label != PROFILE_NONE)
		w->first[stack] = w->depth[label]++ == 0;
}

static void leave(struct walk *w, uint32_t stack)
{
	uint32_t label = label_at(w, stack);

	if (label != PROFILE_NONE)
		w->depth[label]--;
}

static void link_children(struct walk *w)
{
	uint32_t i;

	for (i = w->p->n_stacks; i-- > 1;) {
		uint32_t parent = w->p->stacks[i].parent;

		w->sibling[i] = w->child[parent];
		w->child[parent] = i;
	}
}

static void walk(struct walk *w)
{
	uint32_t at = w->child[0];

	while (at) {
		enter(w, at);
		if (w->child[at]) {
			at = w->child[at];
			continue;
		}
		leave(w, at);
		while (at && !w->sibling[at]) {
			at = w->p->stacks[at].parent;
			if (at)
				leave(w, at);
		}
		at = w->sibling[at];
	}
}

int outermost_find(const struct profile *p, const uint32_t *label_of, uint32_t n_labels,
		   unsigned char *first)
{
	struct walk w = {.p = p, .label_of = label_of, .first = first};
	int rc = ERR_NOMEM;

	w.child = calloc(p->n_stacks, sizeof *w.child);
	w.sibling = calloc(p->n_stacks, sizeof *w.sibling);
	w.depth = calloc((size_t)n_labels + 1, sizeof *w.depth);
	if (w.child && w.sibling && w.depth) {
		memset(first, 0, p->n_stacks);
		link_children(&w);
		walk(&w);
		rc = 0;
	}
	free(w.child);
	free(w.sibling);
	free(w.depth);
	return rc;
}
