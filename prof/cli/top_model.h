/* What top knows: costs of functions, lines and call paths over three spans (the last interval, a decaying window,
 * since the start or a reset), and the threads. Samples are put in as places in code that have names
 * already; where they come from (top_feed.h) and how they are shown (top_layout.h) it does not know. Bounded: what
 * is cold is folded into "[other]", sums stay true. Not thread-safe. */
#ifndef CLI_TOP_MODEL_H
#define CLI_TOP_MODEL_H

#include <stdint.h>

#include "prof/attach/proc.h"
#include "prof/base/hash.h"
#include "prof/model/profile.h"
#include "prof/model/strtab.h"

enum top_kind { TOP_CPU, TOP_WALL, TOP_KINDS };
enum top_span { TOP_NOW, TOP_RECENT, TOP_ALL, TOP_SPANS };

#define TOP_NONE UINT32_MAX

/* Defaults of top_model.max_…: a program's hot code is a few hundred functions; the whole model stays below
 * 10 MB. */
#define TOP_FUNCTIONS_MAX 8192u
#define TOP_LINES_MAX     16384u
#define TOP_NODES_MAX     32768u
#define TOP_HALF_LIFE_NS  INT64_C(5000000000) /* of the decaying window */

struct top_cost { /* ns */
	double self[TOP_SPANS], total[TOP_SPANS];
};

struct top_function {
	uint32_t name, module; /* strings */
	uint32_t stamp;        /* of the sample that counted it last: recursion counts once */
	struct top_cost cost[TOP_KINDS];
};

struct top_line {
	uint32_t function; /* place in functions */
	uint32_t file, line, stamp;
	struct top_cost cost[TOP_KINDS];
};

enum top_fold { TOP_FOLD_AUTO, TOP_FOLD_OPEN, TOP_FOLD_CLOSED };

struct top_node { /* node 0 is the root, whose total is everything; parents stand before children */
	uint32_t parent, function;
	uint32_t child, next; /* first child, next sibling; 0: none */
	enum top_fold fold;
	struct top_cost cost[TOP_KINDS];
};

struct top_thread {
	int pid, tid;
	char name[PROC_COMM_MAX];
	enum profile_state state;
	int ended;
	int64_t cpu_ns, total_cpu_ns; /* in the interval; since the thread began */
	double cpu_pct;               /* of one CPU, in the interval */
	uint64_t samples;             /* in the interval, of the kind that is looked at */
	uint32_t function;            /* a string: where it was last; STRTAB_EMPTY unknown */
	const char *syscall;          /* static; NULL: none, or not known */
};

struct top_model {
	struct strtab *strings;         /* borrowed */
	struct top_function *functions; /* owned, all arrays; row 0 is "[other]" */
	struct top_line *lines;         /* row 0 likewise */
	struct top_node *nodes;
	struct top_thread *threads;
	uint32_t n_functions, cap_functions, n_lines, cap_lines, n_nodes, cap_nodes;
	uint32_t n_threads, cap_threads;
	uint32_t max_functions, max_lines, max_nodes;
	struct idmap function_ids, node_ids;
	struct hashidx line_ids;
	uint32_t serial;
	uint32_t generation; /* grows when places and nodes get other numbers */
	uint32_t other;      /* the string "[other]" */
	double sum[TOP_KINDS][TOP_SPANS];
	double samples[TOP_KINDS][TOP_SPANS];
	int64_t interval_ns, span_ns; /* the last interval; all since the start or reset */
	uint64_t pruned;              /* rows that were folded into "[other]" so far */
};

int top_model_init(struct top_model *m, struct strtab *strings); /* 0 or ERR_NOMEM */
void top_model_release(struct top_model *m);
int top_model_reset(struct top_model *m); /* forgets all costs and threads; 0 or ERR_NOMEM */

/* An interval: begin, places and samples, threads, close. */
void top_model_begin(struct top_model *m);
/* Ids of a function and of a line of it, good until `generation` changes. TOP_NONE: no memory. */
uint32_t top_model_function(struct top_model *m, uint32_t name, uint32_t module);
uint32_t top_model_place(struct top_model *m, uint32_t function, uint32_t file, uint32_t line);
/* `places`: the innermost first. 0 or ERR_NOMEM. */
int top_model_add(struct top_model *m, enum top_kind kind, const uint32_t *places, uint32_t n,
		  double value_ns, uint64_t count);
/* A row to fill, zeroed; the rows of the interval before are gone with top_model_begin(). NULL: no memory. */
struct top_thread *top_model_thread(struct top_model *m);
/* Sums, decays, folds what is too much. 0 or ERR_NOMEM. */
int top_model_close(struct top_model *m, int64_t interval_ns);

/* The child of `parent` that is `function`, made if it is new; TOP_NONE: no memory. (top_tree.c) */
uint32_t top_tree_child(struct top_model *m, uint32_t parent, uint32_t function);
void top_tree_sum(struct top_model *m); /* totals of the last interval, from the selves */
int top_tree_init(struct top_model *m);
int top_model_first_rows(struct top_model *m); /* rows 0 of an empty model; 0 or ERR_NOMEM */

/* Folds the coldest functions, lines and nodes, if there are too many. 0 or ERR_NOMEM. (top_prune.c) */
int top_model_prune(struct top_model *m);

#endif
