/* The tracer's side of a stop (stop.c): runs on a thread of its own, which is the only one that ptrace knows. */
#ifndef ATTACH_STOP_TRACE_H
#define ATTACH_STOP_TRACE_H

#include <stdint.h>

#include "prof/attach/pauses.h"
#include "prof/attach/stop.h"
#include "prof/attach/stop_late.h"
#include "prof/attach/watchdog.h"

struct stop_job {
	int pid;
	struct stop_copy *copies;
	uint32_t n, done;
	int64_t max_pause_ns;
	int64_t arrive_ns; /* how long one may take to stand still */
	struct pauses *pauses;
	struct stop_late *late;    /* stays from job to job of one thread */
	struct watchdog *watchdog; /* begun; told when nobody stands still */
	int bell; /* a signalfd of SIGCHLD, which the kernel sends for each that stands still; -1: none */
	int rung; /* some were taken from it */
	/* Threads are still seized that could not be let go, as they never stood still: this thread must
	 * end now, whereupon the kernel lets go of them. */
	int must_end;
};
void stop_trace(struct stop_job *job);

#endif
