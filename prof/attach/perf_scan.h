/* What samples carry, known before they are handed out: all that is in the rings is looked through once, so that each
 * thread's samples can be compared with its CPU clock. Also leaves out what was sampled twice. Private to
 * prof/attach/perf*.c. */
#ifndef ATTACH_PERF_SCAN_H
#define ATTACH_PERF_SCAN_H

#include <stdint.h>

#include "prof/attach/perf_records.h"

struct perf_source;

struct perf_counted { /* of one ring's samples, in their order; a queue */
	int64_t *ns;  /* owned; PERF_COUNTED_TWICE: leave it out */
	uint32_t first, n, cap;
	uint64_t upto; /* the ring was looked through up to here */
};
#define PERF_COUNTED_TWICE INT64_C(-1)

void perf_counted_release(struct perf_counted *c);
/* Looks through what is new in all rings (perf_ring_look() has been called). */
void perf_source_scan(struct perf_source *s, int64_t now);
/* CPU time of the sample at the ring's tail, in ns; PERF_COUNTED_TWICE. */
int64_t perf_source_weight(struct perf_source *s, uint32_t ring, const struct perf_record *r);

#endif
