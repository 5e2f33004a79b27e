/* Memory by whoever asked for it: what was allocated, held at the high-water mark, left over, short-lived,
 * mapped and copied, side by side. */
#ifndef ANALYZE_MEMORY_H
#define ANALYZE_MEMORY_H

#include <stddef.h>

#include "prof/analyze/hot.h"

enum memory_kind { /* columns; memory_profile_kind() gives the kind of sample */
		   MEMORY_PEAK,
		   MEMORY_LIVE,
		   MEMORY_LEAK,
		   MEMORY_ALLOC,
		   MEMORY_TEMPORARY,
		   MEMORY_MMAP,
		   MEMORY_COPY,
		   MEMORY_KINDS
};

struct memory_cell {
	uint64_t self_count, total_count;
	int64_t self, total;
	double self_variance, total_variance;
};

struct memory_row {
	uint32_t label, detail; /* strings, as hot_row has them */
	struct memory_cell cell[MEMORY_KINDS];
	double life_ns; /* sum over the blocks it asked for; 0: not measured */
};

struct memory_list {
	struct memory_row *rows; /* owned; in the order asked for, then by name */
	size_t n;
	struct memory_cell all[MEMORY_KINDS]; /* self = total */
	double life_ns;
};

enum memory_sort {
	MEMORY_BY_PEAK,
	MEMORY_BY_LIVE,
	MEMORY_BY_LEAK,
	MEMORY_BY_TOTAL,
	MEMORY_BY_TEMPORARY,
	MEMORY_BY_MMAP,
	MEMORY_BY_COPY,
	MEMORY_BY_COUNT, /* blocks */
	MEMORY_BY_LIFE,  /* how long a block lives on average */
	MEMORY_SORTS
};

/* `filter.kind` means nothing here. Strings are added to p->strings. */
int memory_list_make(struct memory_list *list, struct profile *p, enum hot_by by,
		     const struct sample_filter *filter, enum memory_sort sort, struct err *err);
void memory_list_release(struct memory_list *list);

enum profile_kind memory_profile_kind(enum memory_kind kind);
const char *memory_sort_name(enum memory_sort sort); /* "peak", "live", … */
int memory_sort_parse(const char *name);             /* or -1 */
/* Does what a list is sorted by rank rows by kind k, and by which? */
enum memory_kind memory_sort_kind(enum memory_sort sort);
double memory_mean_life_ns(const struct memory_row *row); /* -1: not known */

#endif
