/* What the files of thresholds share. */
#ifndef ANALYZE_THRESHOLDS_INTERNAL_H
#define ANALYZE_THRESHOLDS_INTERNAL_H

#include "prof/analyze/thresholds.h"

#define THRESHOLDS_METRICS                                                                         \
	"wall, cpu, peak_heap, peak_rss, alloc_count, alloc_bytes, sql, instructions"

struct threshold threshold_none(void);
void threshold_release(struct threshold *t);
int threshold_matches(const char *pattern, const char *text);
/* "2027-01-31" as the first moment after that day (UTC), unix ns; 0 or ERR_ARG. */
int threshold_date(const char *text, int64_t *ns_after);

#endif
