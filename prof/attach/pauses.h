/* How long threads were stopped: a histogram of fixed size, exact to 1/32, and the longest exactly. */
#ifndef ATTACH_PAUSES_H
#define ATTACH_PAUSES_H

#include <stdint.h>

#include "prof/attach/stop.h"

#define PAUSES_STEPS   32                  /* per power of two */
#define PAUSES_BUCKETS (40 * PAUSES_STEPS) /* up to 2^44 ns, five hours */

struct pauses { /* zeroed: none */
	uint64_t n, skipped;
	int64_t max_ns;
	uint64_t count[PAUSES_BUCKETS];
};

void pauses_add(struct pauses *p, int64_t ns);
void pauses_stats(const struct pauses *p, struct pause_stats *stats);

#endif
