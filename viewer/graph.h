/* What the page shows of a profile: the call tree by function, who each sample belongs to (stage and
 * thread), and the line each node spends most at. Everything refers to strings of the profile. Leaves
 * bytes and HTML to payload.c and flame.c. Private to viewer. Not thread-safe. */
#ifndef VIEWER_GRAPH_H
#define VIEWER_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"
#include "viewer/flame.h"

#define GRAPH_NONE UINT32_MAX

enum {
	GRAPH_INLINED = 1, /* compiled into its caller */
	GRAPH_NO_CODE = 2, /* "[truncated]" and the like */
	GRAPH_OTHER = 4,   /* what was folded to keep the page small; its function is GRAPH_NONE */
};

struct graph_label {
	uint32_t function, module; /* strings; module: a path, or GRAPH_NONE */
	uint32_t flags;
};

struct graph_site { /* where in the source */
	uint32_t file, line;
};

/* In preorder, node 0 the root; the heaviest child first, equal ones by name. */
struct graph_node {
	uint32_t parent, end, label;
	uint32_t site;         /* the heaviest one, of `sites` */
	uint64_t count, value; /* totals */
};

/* Some of a node's own samples. By group, then node; both strictly ascending. */
struct graph_sample {
	uint32_t group, node;
	uint64_t count, value;
};

struct graph_group { /* places in `stages` and `threads`; stage may be GRAPH_NONE */
	uint32_t stage, thread;
};

struct graph_stage { /* a path of names, however often it ran; parents before children */
	uint32_t parent, name;
};

struct graph_thread {           /* several of one name when there are too many to tell apart */
	uint32_t name, process; /* strings */
	int64_t pid, tid;       /* 0: not one thread */
	uint32_t threads;
};

struct graph {
	struct graph_label *labels; /* owned, all arrays */
	struct graph_site *sites;
	struct graph_node *nodes;
	struct graph_sample *samples;
	struct graph_group *groups;
	struct graph_stage *stages;
	struct graph_thread *threads;
	uint32_t n_labels, n_sites, n_nodes, n_groups, n_stages, n_threads;
	size_t n_samples;
	uint64_t folded_nodes, folded_value, folded_count; /* in "(other)" nodes */
};

/* More call paths than this do not fit a page in any case: the lightest are folded at once. */
#define GRAPH_PATHS_MAX 400000

/* Beyond this many, threads of one name in processes of one name are shown as one. */
#define GRAPH_THREADS_MAX 256

int graph_build(struct graph *g, const struct flame_options *options, struct err *err);
void graph_release(struct graph *g);

/* Brings `samples` into order and adds up those of the same group and node. */
void graph_join_samples(struct graph *g);

/* The label of what is folded; made once, as the last one, in the room that graph_build() left. */
uint32_t graph_other_label(struct graph *g);

/* Folds the lightest nodes into one "(other)" child of their parent, so that about `keep` others stay.
 * Sums do not change. 0 or ERR_NOMEM (the graph is then as it was). */
int graph_fold(struct graph *g, uint32_t keep, struct err *err);

#endif
