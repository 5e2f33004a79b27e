/* Keeps a job's lease alive while it runs (spec 6.1): a thread with a connection of its own. */
#ifndef JOB_HEARTBEAT_H
#define JOB_HEARTBEAT_H

struct heartbeat;

/* NULL when the thread cannot be made: the job runs on without (a warning is logged). */
struct heartbeat *heartbeat_start(const char *source_url, const char *job_id, int interval_s);
/* 1: somebody set the job's row to CANCELLED; the run was asked to stop as by SIGTERM. */
int heartbeat_cancelled(const struct heartbeat *h); /* NULL is fine */
void heartbeat_stop(struct heartbeat *h);           /* NULL is fine */

#endif
