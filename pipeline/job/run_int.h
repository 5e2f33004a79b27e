/* Inside run.h: what a run is made of, and its row in table job. */
#ifndef JOB_RUN_INT_H
#define JOB_RUN_INT_H

#include "pipeline/job/heartbeat.h"
#include "pipeline/job/publish.h"
#include "pipeline/job/run.h"

struct run {
	struct context *c;
	const struct run_options *options;
	struct problems own_problems;
	struct problems *problems; /* the caller's, or own_problems */
	struct payload payload;
	struct plan plan;
	struct notes notes;
	struct events *events;
	struct heartbeat *heartbeat;
	struct staging staging;
	json_t **marker; /* owned: one per pair */
	struct publication publication;
	struct source_claim claim;
	int claimed; /* the caller has claimed the job's row */
	int has_job; /* a job row is RUNNING in our name */
	int reserved;
	int64_t start_ns;
	pp_stage whole;
};

/* run_row.c. A claimed job's row is there; any other is inserted. Opens its events, starts its heartbeat. */
int run_begin_job(struct run *r, struct err *err);
/* Sweeps up behind a run that failed, then writes the end; not that of a job that was cancelled or lost. How it ended:
 * `rc`, or 0 for a run that failed although its data set had been registered (the answer was lost). */
int run_end_job(struct run *r, int rc, const struct err *err);
/* Adds to the error how to go on from what is finished, where doing the same again can help. */
void run_say_staging(const struct run *r, int rc, struct err *err);

#endif
