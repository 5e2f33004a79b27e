/* Functions that have no partner by name and module, matched by name alone: a program that was built under another
 * name, a library that was linked in. Only where one function of each group asks for the other. */
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/compare_internal.h"

struct lone { /* a label that one group alone has */
	uint32_t function, line, label;
	unsigned seen;
};

/* Which groups have been at a node or below it. */
static void see_nodes(struct compare *c)
{
	size_t r, i;
	uint32_t n;

	for (r = 0; r < c->n_runs; r++)
		for (i = 0; i < c->runs[r].n; i++)
			c->seen[c->keys[c->runs[r].cells[i].key].node] |=
				(unsigned char)(1u << c->runs[r].group);
	for (n = c->n_nodes; n-- > 1;)
		c->seen[c->nodes[n].parent] |= c->seen[n];
}

static int compare_lone(const void *a, const void *b)
{
	const struct lone *x = a, *y = b;

	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->seen != y->seen ? (x->seen < y->seen ? -1 : 1)
				  : (x->label > y->label) - (x->label < y->label);
}

/* Labels of one group alone, by name. */
static size_t find_lone(const struct compare *c, struct lone *lone, unsigned char *label_seen)
{
	size_t n = 0;
	uint32_t i;

	for (i = 1; i < c->n_nodes; i++)
		label_seen[c->nodes[i].frame] |= c->seen[i];
	for (i = 0; i < c->n_labels; i++) {
		const struct compare_label *l = &c->labels[i];

		if ((label_seen[i] != 1 && label_seen[i] != 2) ||
		    *strtab_text(c->strings, l->function) == '[')
			continue;
		lone[n++] = (struct lone){l->function, l->line, i, label_seen[i]};
	}
	if (n)
		qsort(lone, n, sizeof *lone, compare_lone);
	return n;
}

/* into[label of the base] = label of the candidate; how many. */
static size_t pair(const struct lone *lone, size_t n, uint32_t *into, uint32_t *example)
{
	size_t i, k, pairs = 0;

	for (i = 0; i < n; i = k) {
		for (k = i + 1;
		     k < n && lone[k].function == lone[i].function && lone[k].line == lone[i].line;
		     k++)
			;
		if (k - i != 2 || lone[i].seen != 1 || lone[i + 1].seen != 2)
			continue;
		into[lone[i].label] = lone[i + 1].label;
		if (!pairs++)
			*example = lone[i].label;
	}
	return pairs;
}

/* The tree again, with those labels. No node gets a higher number than it had. */
static int renumber(struct compare *c, const uint32_t *into, uint32_t *node_of)
{
	uint32_t n = c->n_nodes, i;

	idmap_release(&c->node_index);
	c->n_nodes = 1;
	for (i = 1; i < n; i++) {
		struct profile_stack old = c->nodes[i];
		unsigned char seen = c->seen[i];

		node_of[i] = compare_node(c, node_of[old.parent], into[old.frame]);
		if (node_of[i] == PROFILE_NONE)
			return ERR_NOMEM;
		c->seen[i] = 0;
		c->seen[node_of[i]] |= seen;
	}
	for (i = 0; i < c->n_keys; i++)
		c->keys[i].node = node_of[c->keys[i].node];
	return 0;
}

static int say(struct compare *c, size_t pairs, const struct compare_label *a,
	       const struct compare_label *b)
{
	return compare_remember(c,
				"%zu function%s of '%s' %s matched with '%s' by name alone: no "
				"module has the same name in both",
				pairs, pairs == 1 ? "" : "s", strtab_text(c->strings, a->module),
				pairs == 1 ? "is" : "are", strtab_text(c->strings, b->module));
}

static int match(struct compare *c, struct lone *lone, uint32_t *into, uint32_t *node_of,
		 unsigned char *label_seen)
{
	size_t n = find_lone(c, lone, label_seen), pairs;
	uint32_t i, example = 0;
	int rc;

	for (i = 0; i < c->n_labels; i++)
		into[i] = i;
	pairs = pair(lone, n, into, &example);
	if (!pairs)
		return 0;
	rc = say(c, pairs, &c->labels[example], &c->labels[into[example]]);
	return rc ? rc : renumber(c, into, node_of);
}

int compare_match(struct compare *c, struct err *err)
{
	struct lone *lone = malloc(((size_t)c->n_labels + 1) * sizeof *lone);
	uint32_t *into = malloc(((size_t)c->n_labels + 1) * sizeof *into);
	uint32_t *node_of = calloc((size_t)c->n_nodes + 1, sizeof *node_of);
	unsigned char *label_seen = calloc((size_t)c->n_labels + 1, 1);
	int rc = ERR_NOMEM;

	c->seen = calloc((size_t)c->n_nodes + 1, 1);
	if (lone && into && node_of && label_seen && c->seen) {
		see_nodes(c);
		rc = match(c, lone, into, node_of, label_seen);
	}
	free(lone);
	free(into);
	free(node_of);
	free(label_seen);
	return rc ? err_nomem(err, "the functions of a comparison") : 0;
}
