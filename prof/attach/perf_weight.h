/* The CPU time that samples stand for: what an event counted since the sample before it, kernel time and ticks
 * left out included; the period where the kernel does not tell. An event counts while its thread has a CPU, so a
 * hypervisor's stolen time too, and there is one for each CPU, each with a piece not told yet: therefore samples are
 * first noted, then compared with the CPU clocks of their threads, then taken with what was too much or too little
 * made good. One thread. */
#ifndef ATTACH_PERF_WEIGHT_H
#define ATTACH_PERF_WEIGHT_H

#include <stdint.h>

struct perf_count {
	uint64_t stream,
		value; /* the thread's event on one CPU, and its count at the last sample */
};

struct perf_weight_row {
	int pid, tid;       /* tid 0: free */
	uint32_t next;      /* in its chain, or of the free ones */
	uint32_t noted;     /* samples that were noted and not taken */
	int64_t noted_ns;   /* what their events counted */
	int64_t given;      /* what samples carried since the clock was first_ns */
	int64_t unread;     /* of that, since the clock was read last */
	int64_t first_ns;   /* the clock when it was met; 0 for one that was created since */
	int64_t read_ns;    /* when the clock was read last, before that: when we began */
	int64_t correction; /* the noted samples carry so much more */
	uint8_t touched, was_read, late, doubtful, ended;
	uint8_t unknown;           /* first_ns is not known */
	struct perf_count *counts; /* owned; by ring */
};

struct perf_weights {
	uint32_t n_rings;
	uint64_t period_ns;
	int64_t begin_ns;
	int64_t stale_ns; /* a clock may be so much behind */
	uint32_t *chains; /* owned; first row + 1 by hash of the tid */
	uint32_t mask;
	struct perf_weight_row *rows; /* owned */
	uint32_t n, cap, free;        /* free: first one + 1 */
	uint32_t *touched; /* owned; rows with samples noted since the clocks were compared */
	uint32_t n_touched;
};

/* A sample's event: `value` is its count, `takes_over`: the stream before it counted the same time. */
struct perf_weighed {
	int pid, tid;
	uint32_t ring;
	uint64_t stream, value;
	int has_value, takes_over;
};

void perf_weights_init(struct perf_weights *w, uint32_t n_rings, uint64_t period_ns, int64_t now_ns,
		       int64_t stale_ns);
void perf_weights_release(struct perf_weights *w);
/* A thread that is there already, its clock at `clock_ns`. Those that are not met so begin with their first
 * instruction. Without memory it is met by its first sample. */
void perf_weights_meet(struct perf_weights *w, int pid, int tid, int64_t clock_ns);
/* What the sample's event counted. No memory: the period. */
int64_t perf_weights_note(struct perf_weights *w, const struct perf_weighed *s);

/* A thread's CPU time so far, or -1: it cannot be told. */
typedef int64_t perf_thread_clock(int pid, int tid);
perf_thread_clock perf_thread_schedstat;
/* How far behind that may be: a running thread's clock goes on with the scheduler's ticks. */
int64_t perf_thread_stale_ns(void);
/* Compares what was noted with the clocks of those threads. */
void perf_weights_compare(struct perf_weights *w, int64_t now_ns, perf_thread_clock *clock);

/* What a sample that was noted to have counted `counted` stands for. */
int64_t perf_weights_take(struct perf_weights *w, int tid, int64_t counted);
/* Its last samples are noted: where its clock can still be read it stands. */
void perf_weights_ends(struct perf_weights *w, int tid);
void perf_weights_exit(struct perf_weights *w, int tid);
/* A process's first thread: its clock may be that of the thread that called exec now. */
void perf_weights_exec(struct perf_weights *w, int pid);

#endif
