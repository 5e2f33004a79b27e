/* The CPU time that samples stand for: what an event counted since the sample before it, kernel time and ticks
 * left out included; the period where the kernel does not tell. One thread. */
#ifndef ATTACH_PERF_WEIGHT_H
#define ATTACH_PERF_WEIGHT_H

#include <stdint.h>

struct perf_count {
	uint64_t stream,
		value; /* the thread's event on one CPU, and its count at the last sample */
};

struct perf_weight_row {
	int tid;                   /* 0: free */
	uint32_t next;             /* in its chain, or of the free ones */
	struct perf_count *counts; /* owned; by ring */
};

struct perf_weights {
	uint32_t n_rings;
	uint64_t period_ns;
	uint32_t *chains; /* owned; first row + 1 by hash of the tid */
	uint32_t mask;
	struct perf_weight_row *rows; /* owned */
	uint32_t n, cap, free;        /* free: first one + 1 */
};

void perf_weights_init(struct perf_weights *w, uint32_t n_rings, uint64_t period_ns);
void perf_weights_release(struct perf_weights *w);
/* What `stream`, at `value` now, counted since the thread's sample before on this ring. `takes_over`: the stream
 * before counted the same time. No memory: the period. */
uint64_t perf_weigh(struct perf_weights *w, int tid, uint32_t ring, uint64_t stream, uint64_t value,
		    int takes_over);
void perf_weights_exit(struct perf_weights *w, int tid);

#endif
