/* What a page shows of its runs: one call tree by function for all runs and kinds, who each sample belongs to
 * (run, kind, stage, thread), the line each node spends most at, stages as they ran, and samples in time.
 * Strings are its own. Leaves bytes and HTML to payload.c and flame.c. Private to viewer. Not
 * thread-safe. */
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
	GRAPH_OTHER = 4,   /* what was folded to keep the page small */
	GRAPH_LIBRARY = 8, /* not the program's own code */
};

struct graph_label {
	uint32_t function, module; /* strings; module: a path, or GRAPH_NONE */
	uint32_t flags;
};

struct graph_site { /* where in the source */
	uint32_t file, line;
};

/* In preorder, node 0 the root; the heaviest child first by the kind shown first, then by all, then by
 * name; "(other)" last. */
struct graph_node {
	uint32_t parent, end, label;
	uint32_t site; /* the heaviest one, of `sites` */
	/* Totals: of the kind shown first over all runs, its counts where it has no values; and of the
	 * shares of each kind of each run, so that who is heavy in one of them is heavy. */
	uint64_t first, weight;
};

/* Some of a node's own samples. By group, then node; both strictly ascending. */
struct graph_sample {
	uint32_t group, node;
	uint64_t count, value;
};

struct graph_group {
	uint32_t run, kind;     /* kind: place in `kinds` */
	uint32_t stage, thread; /* places; may be GRAPH_NONE */
};

struct graph_stage { /* a path of names, however often it ran; parents before children */
	uint32_t parent, name;
};

struct graph_thread { /* several of one name when there are too many to tell apart */
	uint32_t run;
	uint32_t name, process; /* strings */
	int64_t pid, tid;       /* 0: not one thread */
	uint32_t threads;
};

struct graph_span { /* a stage as it ran, or all the shorter ones of a path in one */
	uint32_t run, stage, thread;
	uint32_t params;          /* string */
	int64_t start, wall, cpu; /* ns since the run's start; -1: not known, as below */
	double items;
	int64_t alloc_bytes, alloc_count, peak_heap, peak_rss;
	uint64_t samples, folded; /* folded: how many it stands for, 1 of one */
};

struct graph_tick {
	int64_t t; /* ns since the run's start, ascending */
	uint32_t thread, node, state;
};

struct graph_run { /* of what is shown, by kind of sample */
	uint64_t counts[PROFILE_KINDS], values[PROFILE_KINDS];
};

struct graph {
	struct strtab *strings;
	struct graph_run *runs; /* owned, all arrays */
	struct graph_label *labels;
	struct graph_site *sites;
	struct graph_node *nodes;
	struct graph_sample *samples;
	struct graph_group *groups;
	struct graph_stage *stages;
	struct graph_thread *threads;
	struct graph_span *spans; /* by run, then start */
	struct graph_tick *ticks;
	enum profile_kind kinds[PROFILE_KINDS]; /* the one shown first, then those there are */
	uint32_t n_runs, n_kinds;
	uint32_t n_labels, n_sites, n_nodes, n_groups, n_stages, n_threads, n_spans;
	size_t n_samples, n_ticks;
	uint64_t folded_nodes; /* in "(other)" nodes */
	uint64_t spans_of;     /* stages that ran */
	size_t ticks_of;       /* samples in time that there were */
	unsigned without;      /* enum graph_without: what its page could not show */
	uint32_t other;        /* label of "(other)", GRAPH_NONE until there is one */
};

/* Bits; a page that has no code for them does not hold their data. */
enum graph_without { GRAPH_NO_TIME = 1, GRAPH_NO_SPANS = 2, GRAPH_NO_SOURCE = 4 };

/* More call paths than this do not fit a page in any case: the lightest are folded at once. */
#define GRAPH_PATHS_MAX 400000

/* Beyond this many, threads of one name in processes of one name are shown as one. */
#define GRAPH_THREADS_MAX 256

/* Beyond this many, the shortest stages of a path are one row. */
#define GRAPH_SPANS_MAX 4000

/* ERR_ARG, ERR_FORMAT (rows that contradict each other), ERR_LIMIT or ERR_NOMEM. */
int graph_build(struct graph *g, const struct flame_options *options, struct err *err);
void graph_release(struct graph *g);

/* The label of what is folded; made once, in the room that graph_build() left. GRAPH_NONE: no memory. */
uint32_t graph_other_label(struct graph *g);

/* Folds the lightest nodes into one "(other)" child of their parent, so that at most `most` nodes are left (the
 * root and its "(other)" always are). Sums do not change. 0 or ERR_NOMEM (the graph is then as it was). */
int graph_fold(struct graph *g, uint32_t most, struct err *err);

/* The largest share of a kind of a run that is in "(other)" nodes. */
double graph_folded_share(const struct graph *g);

/* Folds the shortest spans into one row for each run and path, so that `keep` others stay. 0 or ERR_NOMEM. */
int graph_fold_spans(struct graph *g, uint32_t keep, struct err *err);

/* Only the `keep` longest rows stay. 0 or ERR_NOMEM. */
int graph_drop_spans(struct graph *g, uint32_t keep, struct err *err);

/* Keeps every 2nd tick of each thread. 0 or ERR_NOMEM. */
int graph_thin_ticks(struct graph *g, struct err *err);

#endif
