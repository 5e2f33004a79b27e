/* Room for the search of changes, and its parts. Private to prof/analyze. */
#ifndef ANALYZE_CHANGE_INTERNAL_H
#define ANALYZE_CHANGE_INTERNAL_H

#include "prof/analyze/change_point.h"
#include "prof/analyze/trend.h"

#define CHANGE_INTERVALS 2048

struct change_interval {
	uint32_t from, to; /* [from, to) */
};

struct change_work {
	double x[CHANGE_VALUES_MAX];    /* the values that are numbers */
	size_t from[CHANGE_VALUES_MAX]; /* their places */
	uint32_t group[CHANGE_VALUES_MAX];
	size_t n;

	/* of a part of them */
	double clean[CHANGE_VALUES_MAX], moved[CHANGE_VALUES_MAX], sums[CHANGE_VALUES_MAX + 1];
	double sorted[CHANGE_VALUES_MAX], other[CHANGE_VALUES_MAX];
	char may[CHANGE_VALUES_MAX + 1]; /* may a level begin here? */
	struct change_interval intervals[CHANGE_INTERVALS];
	double expected[CHANGE_INTERVALS]; /* of each, without a change */
	size_t n_intervals;

	size_t at[CHANGE_VALUES_MAX]; /* where levels begin, without the first */
	double p[CHANGE_VALUES_MAX];
	size_t n_at;
	double likeness; /* of neighbours, where it is seen; else 0 */
	double spread;   /* standard deviation of values about their levels */
	double slopes[TREND_SCRATCH];
};

/* Is there a change in values [from, to)? Its p, and the place it was seen at (0: nowhere). */
double change_test(struct change_work *w, size_t from, size_t to, size_t *place);
/* Correlation of neighbours, each less its level; at most 0.9, at least 0. */
double change_likeness(const double *residuals, size_t n);
/* The trend of values [from, to); n 0 if there is none that matters. */
void change_drift_of(struct change_drift *d, double *p, struct change_work *w, size_t from,
		     size_t to, const struct change_rule *rule);
/* Sum of absolute deviations of [from, to) from Sen's line. */
double change_line_cost(struct change_work *w, size_t from, size_t to);
double change_median(struct change_work *w, size_t from, size_t to);

#endif
