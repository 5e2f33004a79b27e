/* The views of memory of `report`: who holds it, what leaks, what grows, lines of a file, snapshots. Text on `out`, or
 * with `json` a whole document. 0 or an error code. */
#ifndef CLI_REPORT_MEMORY_H
#define CLI_REPORT_MEMORY_H

#include "prof/analyze/leaks.h"
#include "prof/analyze/memory.h"
#include "prof/analyze/snapdiff.h"
#include "prof/analyze/source.h"
#include "prof/cli/report.h"

struct memory_view { /* strings borrowed, NULL: none */
	enum memory_sort sort;
	const char *snapshot, *since;
	const char *source, *source_dir;
	const char *suppressions;
	int no_default_suppressions;
	int json;
};

int report_memory(FILE *out, struct profile *p, const struct report_options *o,
		  const struct memory_view *v, struct err *err);
int report_memory_json(FILE *out, struct profile *p, const struct memory_list *list,
		       const struct report_options *o, const struct memory_view *v,
		       struct err *err);
int report_leaks(FILE *out, struct profile *p, const struct report_options *o,
		 const struct memory_view *v, struct err *err);
int report_leaks_json(FILE *out, const struct profile *p, const struct leak_list *leaks,
		      const struct growth_list *growth, const struct suppress *rules,
		      const struct report_options *o, struct err *err);
int report_source(FILE *out, struct profile *p, const struct report_options *o,
		  const struct memory_view *v, struct err *err);
int report_snapshot_diff(FILE *out, const struct profile *p, const struct report_options *o,
			 const struct memory_view *v, struct err *err);
int report_snapshots(FILE *out, const struct profile *p, int json, struct err *err);

/* How memory was followed, in words: "full: exact", "sampled: …". */
void report_memory_mode(FILE *out, const struct profile *p);
/* Sum of a kind, and the 95 % interval of its bytes. */
struct memory_sum {
	uint64_t count;
	int64_t value;
	double lo, hi;
};
struct memory_sum report_memory_sum(const struct profile *p, enum profile_kind kind);
/* When the heap was largest, since the run's start; -1: not known (STORE_READ_COUNTERS). */
int64_t report_peak_ns(const struct profile *p);
int64_t report_peak_rss(const struct profile *p); /* of one process; -1: not known */
/* "4.9 MiB", with "(95 %: 4.1 … 6.0 MiB)" where it is an estimate. */
void report_estimate(FILE *out, const struct memory_sum *sum);
/* Frames of a stack, the innermost first, a line each; `most` of them from the first of the program's own on. */
void report_stack(FILE *out, const struct profile *p, uint32_t stack, int most, int indent);

#endif
