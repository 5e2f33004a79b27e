/* The process of a worker's job: 'protea-export run --claimed STARTED UUID' with the database's URL in its
 * environment, where ps does not show it. */
#ifndef JOB_WORKER_CHILD_H
#define JOB_WORKER_CHILD_H

#include <sys/types.h>

#include "pipeline/job/worker.h"

struct worker_child {
	pid_t pid;
	int status; /* of waitpid, once it has ended */
};

int worker_child_start(struct worker_child *c, const struct worker_options *options,
		       const struct source_claim *claim, struct err *err);
/* Waits up to `ms` for its end: 1 it has ended, 0 not. A stop signal to us ends the wait. */
int worker_child_wait(struct worker_child *c, int ms);
void worker_child_signal(const struct worker_child *c, int sig);
/* "ended by signal 9 (SIGKILL)", "ended with exit code 1". */
void worker_child_end_text(const struct worker_child *c, char *out, size_t size);

#endif
