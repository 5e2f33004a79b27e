/* What the parts of a comparison share. Runs come in as cells: what was spent at a node of the common tree of calls, in
 * a spot of the common tree of stages. Both trees grow as runs come and are the same for all of them. */
#ifndef ANALYZE_COMPARE_INTERNAL_H
#define ANALYZE_COMPARE_INTERNAL_H

#include "prof/analyze/compare.h"
#include "prof/base/hash.h"
#include "prof/model/strtab.h"

struct compare_label { /* a function (by line: a line of one) of all runs that have it; strings */
	uint32_t function, module; /* what it is matched by */
	uint32_t line;             /* by line: "file.c:12", by which it is matched */
	uint32_t path, file,
		shown; /* module, file, line as the candidate has them, else the base */
	int shown_group;
};

struct compare_key { /* where something was spent */
	uint32_t node, spot;
};

struct compare_cell {
	uint32_t key;
	uint64_t count;
	int64_t value;
	double variance; /* of the noise of sampling */
};

struct compare_amount { /* of what a stage is normalised by */
	uint32_t name;
	double value;
};

struct compare_run {
	int group;
	double all;   /* all samples of the kind, whatever the filter */
	double value; /* of those that are compared */
	double variance;
	double duration_ns;
	struct compare_cell *cells; /* owned */
	size_t n, cap;
	struct compare_amount *amounts; /* owned */
	size_t n_amounts;
};

struct compare_moments { /* of one row in one group */
	double mean, m2; /* Welford: m2 is the sum of squared deviations */
	double variance; /* mean of what sampling alone brings */
	double share;    /* mean part of all samples of the run */
	uint64_t count;
	double n;
};

struct compare_group {
	size_t n;
	unsigned kinds; /* bits: what samples its runs have */
	int tracked;    /* memory was tracked */
	double weight;  /* mean value of a sample, 0: not sampled */
	double rate;    /* bytes between samples at most (estimate_rate) */
	double sum, sum_variance;
};

struct compare_sum { /* a row while it is made */
	struct compare_moments self[2], total[2];
};

struct compare {
	struct compare_options o;
	char *stage, *thread; /* owned */
	struct strtab *strings;
	struct idmap function_keys, module_keys; /* own string to own string */

	struct compare_label *labels; /* owned; by function and module (and line) */
	uint32_t n_labels, cap_labels;
	struct hashidx label_index;

	struct profile_stack
		*nodes; /* owned; frame is a label; node 0 is the root, parents come before */
	uint32_t n_nodes, cap_nodes;
	struct idmap node_index;

	struct profile_stack
		*spots;      /* owned; frame is a string: the stage's name; spot 0 is no stage */
	uint32_t *spot_norm; /* owned; string: what the spot is normalised by */
	uint32_t n_spots, cap_spots;
	struct hashidx spot_index;

	struct compare_key *keys; /* owned */
	uint32_t n_keys, cap_keys;
	struct idmap key_index;
	uint32_t *cell_of; /* owned; per key: cell + 1 of the run that is being added, 0: none */
	uint32_t cap_cell_of;

	struct compare_run *runs; /* owned */
	size_t n_runs, cap_runs;
	struct compare_group groups[2];
	struct err filter_err; /* the stage or thread that a run lacks */
	size_t filter_missing[2];

	/* Of compare_finish(). */
	unsigned char *seen;      /* per node: bit 0 base, bit 1 candidate */
	uint32_t *row_of;         /* per node, or per spot by stage; PROFILE_NONE: none */
	unsigned char *first;     /* the outermost of its row */
	double *node_mean[2];     /* per node: own cost in a mean run */
	double *node_total[2];    /* with what it calls */
	double *key_delta;        /* per key */
	struct compare_sum *sums; /* per row */
	struct compare_sum whole_sum;
	struct compare_function *rows;
	size_t n_rows;
	struct compare_value whole;
	struct compare_place explanation;
	enum compare_test test;
	char **remarks; /* owned */
	size_t n_remarks;
	int explains; /* the whole moved by more than noise */
	int finished;
};

/* ---- compare_names.c ---- */

/* Own id of a text of the profile, and of what it is matched by. PROFILE_NONE: no memory. */
uint32_t compare_function_key(struct compare *c, uint32_t raw);
uint32_t compare_module_key(struct compare *c, uint32_t raw);
/* ---- compare_match.c: fills seen; functions that one group alone has, in different modules, become one ---- */

int compare_match(struct compare *c, struct err *err);

/* ---- compare_add.c ---- */

uint32_t compare_node(struct compare *c, uint32_t parent,
		      uint32_t label); /* PROFILE_NONE: no memory */

/* ---- compare_sums.c: rows with what each group has ---- */

int compare_sum_rows(struct compare *c, struct err *err);

/* ---- compare_judge.c: means, intervals, p and q ---- */

int compare_judge(struct compare *c, struct err *err);

/* ---- compare_explain.c: stacks, stages, places; the order of rows ---- */

int compare_explain(struct compare *c, struct err *err);
int compare_has(const struct compare_function *f, int group); /* anything of it */

/* ---- compare_fate.c ---- */

int compare_find_fates(struct compare *c); /* 0 or ERR_NOMEM */

int compare_remember(struct compare *c, const char *fmt, ...) ERR_PRINTF(2, 3); /* a remark */

#endif
