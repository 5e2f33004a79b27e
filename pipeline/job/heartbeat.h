/* Keeps a job's lease alive while it runs (spec 6.1): a thread with a connection of its own. */
#ifndef JOB_HEARTBEAT_H
#define JOB_HEARTBEAT_H

#include "pipeline/source/source_jobs.h"

struct heartbeat;

/* The lease is extended every `interval_s`; whether the job has been cancelled or become somebody else's is looked at
 * every `look_s`, if that is less. NULL when the thread cannot be made: the job runs on without (a warning is logged). */
struct heartbeat *heartbeat_start(const char *source_url, const struct source_claim *claim,
				  int interval_s, int look_s);
/* 1: the job has become somebody else's: its lease had expired. The run was asked to stop as by SIGTERM. */
int heartbeat_lost(const struct heartbeat *h); /* NULL is fine */
/* 1: somebody set the job's row to CANCELLED; the run was asked to stop as by SIGTERM. */
int heartbeat_cancelled(const struct heartbeat *h); /* NULL is fine */
void heartbeat_stop(struct heartbeat *h);           /* NULL is fine */

#endif
