/* What the files of the gate share: the judgement while it is made. */
#ifndef ANALYZE_GATE_INTERNAL_H
#define ANALYZE_GATE_INTERNAL_H

#include "prof/analyze/gate.h"

/* Bits of gate_anyway that keep values of a kind from being judged. */
struct gate_refusals {
	unsigned everything;
	unsigned times;   /* METRIC_KIND_TIME */
	unsigned pages;   /* METRIC_KIND_POLLED */
	unsigned counts;  /* METRIC_KIND_COUNT and _ESTIMATE */
	unsigned tracked; /* what the memory tracker says, but for what it counts in any mode */
	unsigned cpu;     /* CPU time of the whole run */
	unsigned functions;
};

struct gate_work {
	struct gate_result *g;
	const struct metric_table *t;
	const struct gate_options *o;
	uint32_t *order[METRICS_GROUPS]; /* runs by started_at */
	uint32_t *place; /* of each row of the table: in the result, from 1; 0: it has none */
	int paired, mixed;
	struct gate_refusals refusals;
	size_t cap_remarks;
	int failed; /* no memory */
};

static inline size_t gate_runs(const struct gate_work *w, int group)
{
	return group == METRICS_BASE ? w->t->n_a : w->t->n_b;
}

static inline const struct gate_run *gate_run_at(const struct gate_work *w, int group, size_t i)
{
	return &(group == METRICS_BASE ? w->t->runs_a : w->t->runs_b)[i];
}

/* A text of the result; "" and w->failed without memory. */
const char *gate_text(struct gate_work *w, const char *fmt, ...) ERR_PRINTF(2, 3);
void gate_remark(struct gate_work *w, const char *fmt, ...) ERR_PRINTF(2, 3);

char *gate_factor_text(char out[METRIC_TEXT], double factor); /* "3.4", "1,135" */

/* gate_refuse.c: what keeps values from being compared, as remarks and bits. */
void gate_refuse(struct gate_work *w);
const char *gate_refusal_text(unsigned bits); /* one of them, in words: "the machines differ" */

/* gate_rows.c: all rows of the table, each decided; then all of them together. 0 or ERR_NOMEM. */
int gate_judge_rows(struct gate_work *w);

/* gate_functions.c */
void gate_take_functions(struct gate_work *w, const struct compare *c);

/* gate_conclude.c: counts, the verdict and its sentence. */
void gate_conclude(struct gate_work *w);

#endif
