/* One generation of events: for each thread there was at the beginning and each CPU online one event, inherited by what
 * that thread creates. A later generation (another stack size) replaces it as a whole. Also knows which events
 * sample a thread twice: one that was created while we were opening has an inherited event and one of its own, and
 * first ticks have events beside those for all others.
 * One thread. */
#ifndef ATTACH_PERF_SET_H
#define ATTACH_PERF_SET_H

#include <stdint.h>

#include "prof/attach/perf_attr.h"
#include "prof/attach/perf_ring.h"
#include "prof/base/err.h"
#include "prof/base/hash.h"

struct perf_event_row {
	uint64_t stream;
	int fd; /* -1: closed, sampled by an inherited event */
	int tid;
	uint32_t ring;
	int early; /* ticks within the first period of the row before it, and is closed then */
	int late;  /* its early one ticked, it did not yet */
};

struct perf_set {
	struct perf_wish wish;
	struct perf_event_row *rows; /* owned */
	uint32_t n, cap, open;
	uint64_t most; /* open ones beside which early ones are added */
	uint64_t random;
	struct idmap by_stream; /* to rows */
	struct idmap by_place;  /* perf_place() to rows */
};

void perf_set_init(struct perf_set *s, const struct perf_wish *wish);
void perf_set_release(struct perf_set *s); /* closes all, and so all that were inherited */

/* Events for all threads of a process that have none, on all rings, until no new thread turns up; not enabled.
 * ERR_NOTFOUND: it is gone. On failure the set holds what it held. */
int perf_set_add(struct perf_set *s, const struct perf_ring *rings, uint32_t n_rings, int pid,
		 struct err *err);
/* Rows from `first` on begin to count; inherited ones too. */
void perf_set_enable(struct perf_set *s, uint32_t first);
void perf_set_disable(struct perf_set *s);

enum perf_seen {
	PERF_SEEN_GOOD,
	PERF_SEEN_DOUBLE, /* of an event that was closed: leave it out */
	PERF_SEEN_FIRST,  /* this event takes over from another one of the thread, now closed */
};
/* A sample of the thread came in ring `ring`, from `stream`, an heir of `event` or that itself. */
enum perf_seen perf_set_seen(struct perf_set *s, int tid, uint32_t ring, uint64_t event,
			     uint64_t stream);
/* The thread ended: another one may get its number. Its events live on for their heirs. */
void perf_set_exit(struct perf_set *s, uint32_t n_rings, int tid);

#endif
