/* Threads that were asked to stand still and waited for a CPU too long: they are asked still, and are let go the moment
 * that they arrive. To end the tracer instead would let them go at once, but one that falls asleep just then, woken
 * by a question that nobody asks any more, finds its call answered with EINTR. The tracer's thread only. */
#ifndef ATTACH_STOP_LATE_H
#define ATTACH_STOP_LATE_H

#include <stdint.h>

#include "prof/attach/pauses.h"

#define LATE_MOST 64

struct stop_late { /* zeroed: none */
	struct {
		int pid, tid;
		int64_t since_ns; /* given up at */
	} of[LATE_MOST];
	uint32_t n;
	int over; /* a process of theirs has ended: ours has to end, too, to hand it over (HOLD_PROCESS) */
	int64_t none_ns, progress_ns; /* none stood still then; one was let go then, or came */
};

int late_add(struct stop_late *l, int pid, int tid, int64_t now_ns); /* 0, or -1: no room */
int late_take(struct stop_late *l, int tid);             /* 1: it was one, and is none any more */
int late_is_process(const struct stop_late *l, int pid); /* one of them is of that process */
/* Lets go of those that stand still. `none_ns` is then when none of the others did. */
void late_serve(struct stop_late *l, struct pauses *pauses);
/* One has not come for so long (a second) that it sleeps where nothing wakes it: a disk that does not answer. */
int late_is_hopeless(const struct stop_late *l);
int64_t late_rest_ns(const struct stop_late *l); /* until to look again */

#endif
