/* The CPU time that samples stand for: what an event counted since the sample before it, kernel time and ticks
 * left out included; the period where the kernel does not tell. An event counts while its thread has a CPU, so a
 * hypervisor's stolen time too, and there is one for each CPU, each with a piece not told yet: therefore each thread's
 * own CPU clock is read now and then, and the samples that follow make good what was too much or too little.
 * One thread. */
#ifndef ATTACH_PERF_WEIGHT_H
#define ATTACH_PERF_WEIGHT_H

#include <stdint.h>

struct perf_count {
	uint64_t stream,
		value; /* the thread's event on one CPU, and its count at the last sample */
};

struct perf_weight_row {
	int pid, tid;  /* tid 0: free */
	uint32_t next; /* in its chain, or of the free ones */
	uint8_t touched;
	int64_t given;             /* since the clock was first read */
	int64_t unread;            /* of that, since it was read last */
	int64_t first_ns;          /* the clock at its first reading; -1: not read yet */
	int64_t read_ns;           /* when it was read last */
	int64_t debt;              /* the next samples carry so much more */
	struct perf_count *counts; /* owned; by ring */
};

struct perf_weights {
	uint32_t n_rings;
	uint64_t period_ns;
	uint32_t *chains; /* owned; first row + 1 by hash of the tid */
	uint32_t mask;
	struct perf_weight_row *rows; /* owned */
	uint32_t n, cap, free;        /* free: first one + 1 */
	uint32_t *touched;            /* owned; rows with samples since the last round */
	uint32_t n_touched;
};

/* A sample's event: `value` is its count, `takes_over`: the stream before it counted the same time. */
struct perf_weighed {
	int pid, tid;
	uint32_t ring;
	uint64_t stream, value;
	int has_value, takes_over;
};

void perf_weights_init(struct perf_weights *w, uint32_t n_rings, uint64_t period_ns);
void perf_weights_release(struct perf_weights *w);
/* What the sample stands for. No memory: the period. */
int64_t perf_weigh(struct perf_weights *w, const struct perf_weighed *s);
void perf_weights_exit(struct perf_weights *w, int tid);

/* A thread's CPU time so far, or -1: it cannot be told. */
typedef int64_t perf_thread_clock(int pid, int tid);
perf_thread_clock perf_thread_schedstat;
/* After a reading of the rings: compares with the clocks of threads that were sampled. */
void perf_weights_settle(struct perf_weights *w, int64_t now_ns, perf_thread_clock *clock);

#endif
