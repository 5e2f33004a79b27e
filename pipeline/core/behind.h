/* One thread that does jobs in order behind its owner's back. The owner hands out numbers and waits when
 * too many are unfinished, so that memory stays bounded; the first failure stops the thread and is given
 * to the owner. A thread that cannot be made is done without: jobs are then done as they are handed out.
 * One owner per thread. */
#ifndef CORE_BEHIND_H
#define CORE_BEHIND_H

#include <stddef.h>

#include "prof/base/err.h"

typedef int behind_fn(void *ctx, size_t job, struct err *err);

struct behind;

/* At most `most` jobs (at least 1) are unfinished at a time. NULL: no memory. */
struct behind *behind_start(behind_fn *fn, void *ctx, size_t most, struct err *err);
/* Hands out a job; returns when fewer than `most` of the earlier ones are unfinished. 0, or the code of a
 * job that failed: this one is then not done. The job counts for the caller's profiler stage. */
int behind_put(struct behind *b, size_t job, struct err *err);
/* Waits for all jobs, ends the thread and frees. 0 or the code of the job that failed. NULL is fine. */
int behind_finish(struct behind *b, struct err *err);

#endif
