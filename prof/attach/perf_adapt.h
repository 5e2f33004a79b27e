/* How much of each stack the kernel should copy, by what unwinding needed: pure arithmetic. */
#ifndef ATTACH_PERF_ADAPT_H
#define ATTACH_PERF_ADAPT_H

#include <stddef.h>
#include <stdint.h>

struct perf_adapt {
	uint32_t bytes;     /* now */
	uint64_t told, cut; /* since the last change */
	size_t most;        /* bytes that were used by the deepest of them */
	uint32_t changes;
	int frozen; /* changing failed: never again */
};

/* Begins wide: `room` is what may be copied without the rings running over. */
void perf_adapt_init(struct perf_adapt *a, uint64_t room);
void perf_adapt_tell(struct perf_adapt *a, int complete, size_t used);
/* The size to change to now; 0: stay. */
uint32_t perf_adapt_next(const struct perf_adapt *a);
void perf_adapt_set(struct perf_adapt *a, uint32_t bytes);

#endif
