/* The first perf event of a machine costs its opener about 15 ms: the kernel patches its scheduler's code
 * (static key perf_sched_events) and waits for every processor. Paid here, by a thread beside the other
 * preparations, and kept while the target opens its own. */
#ifndef RECORD_WARMUP_H
#define RECORD_WARMUP_H

struct warmup {
	int started;
	unsigned long thread; /* pthread_t */
	int fd;               /* valid after the thread has ended */
};

void warmup_begin(struct warmup *w); /* on failure nothing is gained */
void warmup_end(struct warmup *w);

#endif
