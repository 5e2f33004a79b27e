/* What the files of this room share. Locks are taken one at a time, never nested. */
#ifndef EVENTS_INTERNAL_H
#define EVENTS_INTERNAL_H

#include "pipeline/events/events.h"

#include <pthread.h>

/* All ended stages of one name. */
struct stage_sum {
	char *name; /* owned */
	uint64_t n;
	int64_t wall_ns;
	int64_t cpu_ns;          /* of the whole process */
	uint64_t peak_rss_bytes; /* of the process from its start, as seen when the stage ended */
};

struct progress;

struct events {
	struct source *sink; /* owned; NULL: dry run; guarded by sink_lock */
	char *job_id;        /* owned */
	pthread_mutex_t sink_lock;
	int sink_failed; /* the first failure was told; guarded by sink_lock */

	pthread_mutex_t lock; /* guards all below */
	size_t warnings;
	int64_t outer_ms;       /* of ended outermost stages, as the events show them */
	struct stage_sum *sums; /* owned; in order of first end */
	size_t n_sums, cap_sums;
	struct progress *progress; /* owned; NULL: nothing under way, or no terminal */
};

#endif
