/* What is never freed, by stack, and what grows while a program runs. */
#ifndef ANALYZE_LEAKS_H
#define ANALYZE_LEAKS_H

#include <stddef.h>

#include "prof/analyze/hot.h"
#include "prof/analyze/suppress.h"

struct leak_row {
	uint32_t stack;
	uint32_t rule; /* of the suppressions, or SUPPRESS_NONE */
	uint64_t count;
	int64_t value;
	double variance;
};

struct leak_list {
	struct leak_row
		*rows; /* owned; not suppressed ones first, then by bytes, then by their paths */
	size_t n, n_shown; /* n_shown: without a rule */
	uint64_t count, suppressed_count;
	int64_t value, suppressed_value; /* count, value: of those that are shown */
	double variance;
};

/* Samples of kind `kind` (leak, or live of a program that did not end). `rules` may be NULL. */
int leak_list_make(struct leak_list *list, const struct profile *p,
		   const struct sample_filter *filter, const struct suppress *rules,
		   struct err *err);
void leak_list_release(struct leak_list *list);

struct growth_row {
	uint32_t stack, rule;
	double bytes_per_s;  /* Sen's slope */
	double p, q;         /* one-sided; q: with all stacks in mind */
	int64_t first, last; /* bytes at the first and the last snapshot looked at */
	uint64_t last_count;
};

#define GROWTH_RATE_FALSE 0.05 /* part of the stacks shown that do not really grow */

struct growth_list {
	struct growth_row
		*rows; /* owned; the fastest first; those that grow, suppressed ones at the end */
	size_t n, n_shown;
	size_t stacks; /* looked at */
	size_t points; /* snapshots looked at; fewer than TREND_POINTS_MIN: nothing can be said */
	int64_t span_ns;
};

/* The automatic snapshots of the run (STORE_READ_SNAPSHOTS). */
int growth_list_make(struct growth_list *list, const struct profile *p,
		     const struct suppress *rules, struct err *err);
void growth_list_release(struct growth_list *list);

#endif
