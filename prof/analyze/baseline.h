/* Kept values of a group of runs as a small JSON file that is committed beside the source: "format":
 * "protea-gate-baseline", version 1 (docs/ci.md). The same values give the same bytes, one row a line, so that
 * a change of a baseline reads as a change of numbers. Pure: bytes in, bytes out. */
#ifndef ANALYZE_BASELINE_H
#define ANALYZE_BASELINE_H

#include <stddef.h>

#include "prof/analyze/metrics.h"
#include "prof/base/buf.h"

#define BASELINE_BYTES (64u << 20) /* of a file */

/* The counts: what may be compared with a baseline of another machine. */
#define BASELINE_COUNTS                                                                            \
	(1u << METRIC_PEAK_HEAP | 1u << METRIC_ALLOC_COUNT | 1u << METRIC_ALLOC_BYTES |            \
	 1u << METRIC_SQL | 1u << METRIC_INSTRUCTIONS)

/* Writes group `group` of the table; `metrics`: bits of those to keep, 0 all. ERR_ARG: nothing to keep. */
int baseline_write(struct buf *out, const struct metric_table *t, int group, unsigned metrics,
		   struct err *err);
/* 1 if the bytes look like such a file (so that an operand can be told from a store). */
int baseline_is(const char *bytes, size_t n);
/* Adds its runs to a group. `file` is its name in messages and the runs' source. ERR_FORMAT names it; then the table
 * is as before but for names. */
int baseline_read(struct metric_table *t, int group, const char *bytes, size_t n, const char *file,
		  struct err *err);

#endif
