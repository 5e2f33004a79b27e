/* A worker: claims the jobs of a queue one after the other and has each run by a process of its own, so that
 * a job that crashes or runs out of memory does not take the worker along and its row does not stay RUNNING.
 * It also looks after jobs of workers that are gone: their lease has expired (spec 6.1). Many workers may
 * share a queue, on many machines. Prints nothing. One worker a process. */
#ifndef JOB_WORKER_H
#define JOB_WORKER_H

#include "pipeline/source/source.h"

/* What became of a job; `status` as in its row. "ELSEWHERE": it was given to somebody else meanwhile; "RUNNING":
 * its end could not be written, its lease will tell. */
struct worker_report {
	const char *job_id;
	const char *status;
	const char *error_code; /* NULL: none */
	int reaped;             /* a job whose lease had expired */
	double seconds;
};
typedef void worker_report_fn(void *ctx, const struct worker_report *report);

struct worker_options {
	const char *url;
	const char *queue;   /* NULL: SOURCE_QUEUE */
	const char *program; /* what runs a job; NULL: this program */
	char *const *more;   /* further arguments of 'run', NULL-terminated; NULL: none */
	int max_jobs;        /* 0: no limit */
	double idle_exit_s;  /* ends when there was no job for so long; below 0: never */
	double poll_s;       /* how often the queue is looked at where nobody gives notice */
	double grace_s;      /* from a stop signal to the end of the job's process */
	worker_report_fn *report;
	void *report_ctx;
};

#define WORKER_NAME 320
/* "protea-export@host:pid", for the event job.started. */
void worker_name(char out[WORKER_NAME]);

/* Until a stop signal (core/cancel.h), max_jobs or idle_exit_s: 0. A database that does not answer is waited
 * for; any other failure ends it. */
int worker_run(const struct worker_options *options, struct err *err);

#endif
