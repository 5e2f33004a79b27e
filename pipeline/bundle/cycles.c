/* Cycle search: see cycles.h. Depth-first without recursion, since depth comes from a file. */
#include "pipeline/bundle/cycles.h"

#include <stdlib.h>
#include <string.h>

enum color {
	WHITE, /* not seen */
	GREY,  /* on the stack */
	BLACK, /* done */
};

struct walk {
	size_t *start;        /* owned: first edge of each node in `to` */
	uint32_t *to;         /* owned: edges grouped by node, in given order */
	size_t *next;         /* owned: next edge to follow, per node */
	unsigned char *color; /* owned */
	uint32_t *stack;      /* owned */
	size_t depth;
	uint64_t n_cycles;
	uint32_t *path; /* the caller's */
	size_t path_len;
};

static void walk_release(struct walk *w)
{
	free(w->start);
	free(w->to);
	free(w->next);
	free(w->color);
	free(w->stack);
}

static int walk_init(struct walk *w, uint32_t n_nodes, const struct cycle_edge *edges,
		     size_t n_edges)
{
	size_t i;

	w->start = calloc((size_t)n_nodes + 2, sizeof *w->start);
	w->to = malloc((n_edges + 1) * sizeof *w->to);
	w->next = malloc(((size_t)n_nodes + 1) * sizeof *w->next);
	w->color = calloc((size_t)n_nodes + 1, 1);
	w->stack = malloc(((size_t)n_nodes + 1) * sizeof *w->stack);
	if (!w->start || !w->to || !w->next || !w->color || !w->stack)
		return ERR_NOMEM;
	for (i = 0; i < n_edges; i++)
		w->start[edges[i].from + 1]++;
	for (i = 1; i <= n_nodes; i++)
		w->start[i] += w->start[i - 1];
	memcpy(w->next, w->start, ((size_t)n_nodes + 1) * sizeof *w->next);
	for (i = 0; i < n_edges; i++)
		w->to[w->next[edges[i].from]++] = edges[i].to;
	memcpy(w->next, w->start, ((size_t)n_nodes + 1) * sizeof *w->next);
	return 0;
}

/* Keeps the part of the stack from `node` to the top. */
static int keep_path(struct walk *w, uint32_t node)
{
	size_t from = w->depth;

	while (from > 0 && w->stack[from - 1] != node)
		from--;
	from--;
	w->path_len = w->depth - from;
	w->path = malloc(w->path_len * sizeof *w->path);
	if (!w->path)
		return ERR_NOMEM;
	memcpy(w->path, w->stack + from, w->path_len * sizeof *w->path);
	return 0;
}

static void push(struct walk *w, uint32_t node)
{
	w->color[node] = GREY;
	w->stack[w->depth++] = node;
}

static int walk_from(struct walk *w, uint32_t root)
{
	uint32_t node, to;

	push(w, root);
	while (w->depth > 0) {
		node = w->stack[w->depth - 1];
		if (w->next[node] == w->start[node + 1]) {
			w->color[node] = BLACK;
			w->depth--;
			continue;
		}
		to = w->to[w->next[node]++];
		if (w->color[to] == WHITE)
			push(w, to);
		else if (w->color[to] == GREY && w->n_cycles++ == 0 && keep_path(w, to) < 0)
			return ERR_NOMEM;
	}
	return 0;
}

int cycles_find(uint32_t n_nodes, const struct cycle_edge *edges, size_t n_edges,
		uint64_t *n_cycles, uint32_t **path, size_t *path_len, struct err *err)
{
	struct walk w = {0};
	uint32_t i;
	int rc = walk_init(&w, n_nodes, edges, n_edges);

	for (i = 0; i < n_nodes && rc == 0; i++) {
		if (w.color[i] == WHITE)
			rc = walk_from(&w, i);
	}
	walk_release(&w);
	*n_cycles = w.n_cycles;
	*path = w.path;
	*path_len = w.path_len;
	if (rc < 0) {
		free(w.path);
		*path = NULL;
		return err_nomem(err, "an ontology's graph");
	}
	return 0;
}
