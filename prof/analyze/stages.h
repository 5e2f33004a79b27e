/* Stages by name: how often, how long, how much memory. Percentiles as in docs/store.md (nearest
 * rank); rows that stand for many folded stages count as many of their mean. */
#ifndef ANALYZE_STAGES_H
#define ANALYZE_STAGES_H

#include <stddef.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

struct stage_spread {
	double min, median, p95, max, sum;
};

struct stage_row {
	uint32_t name; /* string */
	uint32_t
		depth; /* nesting of the first one, for indentation; rows in order of first begin */
	uint64_t n, samples;
	struct stage_spread wall_ns, cpu_ns;
	struct stage_spread peak_heap_bytes, peak_rss_bytes; /* -1 when not measured */
	double alloc_bytes, alloc_count;                     /* sums; -1 when not measured */
	double items, items_per_s;                           /* sum; 0 when not given */
};

struct stage_list {
	struct stage_row *rows; /* owned */
	size_t n;
};

int stage_list_make(struct stage_list *list, const struct profile *p, struct err *err);
void stage_list_release(struct stage_list *list);

#endif
