/* What the files of the table of values share. */
#ifndef ANALYZE_METRICS_INTERNAL_H
#define ANALYZE_METRICS_INTERNAL_H

#include "prof/analyze/metrics.h"

#define METRICS_VALUES_MAX ((size_t)64 << 20)

/* As metrics_set(), with the stage's depth. */
int metrics_put(struct metric_table *t, int group, size_t at, const char *stage, uint32_t depth,
		enum metric m, enum metric_kind kind, double value, struct err *err);
/* metrics_sql.c: statements, each in each stage. */
int metrics_put_statements(struct metric_table *t, int group, size_t at, const struct profile *p,
			   struct err *err);
/* Takes the last run of a group away again. */
void metrics_drop_last(struct metric_table *t, int group);

#endif
