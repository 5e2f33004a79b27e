/* From operands to a verdict: reads two groups of runs (or files of kept values) into a table of values, compares their functions,
 * and judges. Joins store, baseline, comparison and judgement; says nothing but through `err` and remarks. */
#ifndef CLI_GATE_READ_H
#define CLI_GATE_READ_H

#include "prof/analyze/compare.h"
#include "prof/analyze/gate.h"
#include "prof/base/err.h"
#include "prof/cli/gate_groups.h"
#include "prof/cli/gate_view.h"

#define GATE_KINDS_MAX 4

struct gate_input { /* {0} to begin with */
	struct gate_stores stores;
	struct gate_group groups[METRICS_GROUPS];
	struct metric_table table;
	struct gate_result result;
	struct gate_kind others[GATE_KINDS_MAX]; /* functions of what else moved: bytes, blocks */
	size_t n_others;
	int counts; /* functions of the result have numbers of instructions */
	int judged;
	char *argv[METRICS_GROUPS]; /* owned: of the first run of each group, JSON; NULL none */
	enum profile_kind kind;
	int no_functions;        /* nothing to compare them by: kept values, no samples */
	char functions_why[512]; /* why not */
};

struct gate_wish {
	struct gate_options judge; /* `kind` is set here */
	int kind; /* of functions; -1: by the runs, and more kinds where those moved */
	enum compare_norm norm;
	const char *const *stages; /* only these; functions: of the first one and inside it */
	size_t n_stages;
	/* Two profiles of counted instructions, or NULL: they stand for groups that have no runs; else their
	 * instructions are added to the first run of each. */
	struct profile *counted;
};

/* The values of both groups; groups that have a baseline get its values. */
int gate_input_values(struct gate_input *in, int group, struct err *err);
/* All of it: values, functions, verdict. */
int gate_input_judge(struct gate_input *in, const struct gate_wish *wish, struct err *err);
void gate_input_release(struct gate_input *in);

/* A small file as bytes with a zero behind them; malloc'ed. ERR_LIMIT: more than `most`. `err->sys` is ENOENT where there is none. */
int gate_file_read(char **bytes, size_t *n, const char *path, size_t most, struct err *err);

#endif
