/* What the steps from profiles to a graph share. Each step is a file; graph.c runs them in order. Private to
 * the graph_*.c of viewer. */
#ifndef VIEWER_GRAPH_BUILD_H
#define VIEWER_GRAPH_BUILD_H

#include "prof/base/hash.h"
#include "viewer/graph.h"

struct build_run {
	const struct flame_run *run;
	const struct profile *p;
	unsigned char *taken;   /* owned; by sample */
	unsigned char *ticked;  /* owned; by tick: shown; NULL: none is */
	unsigned char *touched; /* owned; by stack: it or one below it is shown */
	uint32_t *string_of;    /* owned; by string of the profile: the graph's */
	uint32_t *base_of;      /* owned; by string: the graph's of what follows the last slash */
	uint32_t *row_of;       /* owned; by stack: its path, of `paths` */
};

struct build_paths { /* call paths by label, each once; parents first, row 0 the root */
	uint32_t *parents, *labels; /* owned */
	uint32_t *slots;            /* owned; row + 1 by hash of parent and label, 0: free */
	size_t mask;
	uint32_t n, cap;
};

struct build {
	struct graph *g;
	const struct flame_options *options;
	struct build_run *runs; /* owned */
	struct build_paths paths;
	uint32_t *node_of; /* owned; by path */
	struct err *err;
};

int build_no_memory(struct build *b);

/* Room for one more row of an array that has `n`; 0 or ERR_NOMEM. */
#define BUILD_ROOM(array, n, cap)                                                                  \
	((n) < (cap) ? 0 : build_grow((void **)(void *)&(array), &(cap), sizeof *(array)))
int build_grow(void **array, uint32_t *cap, size_t size);

/* Foreign rows are checked before any of them is used. 0 or ERR_FORMAT. */
int build_check(struct build *b, const struct profile *p);

/* The graph's string of a run's; `base`: of what follows the last slash. GRAPH_NONE: no memory. */
uint32_t build_string(struct build *b, struct build_run *r, uint32_t id);
uint32_t build_base(struct build *b, struct build_run *r, uint32_t id);

/* Labels and paths of all runs. */
int build_labels_and_paths(struct build *b);
void build_paths_release(struct build_paths *paths);

/* How much a sample weighs, as a share of its kind in its run: of 2^50, so that 2^12 of them fit. */
double build_scale(const struct build *b, uint32_t run, uint32_t kind);
uint64_t build_amount(const struct build *b, uint32_t run, const struct profile_sample *s);

/* Where each node spends most. */
int build_sites(struct build *b);

/* Stages, threads, groups with their samples, spans, ticks. */
int build_groups(struct build *b);
int graph_join_samples(struct graph *g);

#endif
