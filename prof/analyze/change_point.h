/* Where a series changes its level, and whether it drifts: values in the order of time, one for each commit or run. Any
 * number of changes, nothing assumed on how values are distributed; a single value that is far off is no change. The
 * same series gives the same answer.
 *
 * Levels: sums of what is before and after each place, in intervals of many lengths, so that a change is seen beside
 * others (seeded binary segmentation: S. Kovacs, P. Buehlmann, H. Li, A. Munk, Biometrika 110, 2023; after wild binary
 * segmentation: P. Fryzlewicz, Ann. Statist. 42, 2014). The largest difference of all is compared with that of
 * permutations of the values, as in E-divisive (D. S. Matteson and N. A. James, JASA 109, 2014), with a fixed seed; where
 * neighbours are alike, which permuting does not know of, a change must stand with the fewer values that this leaves, too. Values further than three robust
 * standard deviations from the median count as if they were there. Then each side is looked at by itself; each change is
 * moved to where the sum of absolute deviations is least (the cost of R. Killick, P. Fearnhead, I. A. Eckley, JASA 107,
 * 2012), and those that do not stand between their neighbours are taken back.
 *
 * Drift: Mann and Kendall's test with Sen's slope (trend.h) of the last level. Where the first levels and then a line fit the
 * series better than all levels (Schwarz's criterion), the last ones are a drift. */
#ifndef ANALYZE_CHANGE_POINT_H
#define ANALYZE_CHANGE_POINT_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

#define CHANGE_VALUES_MAX 256 /* of a series: the latest count */
#define CHANGE_VALUES_MIN 10  /* with fewer no permutation is rare enough */
#define CHANGE_EXACT_MIN  4   /* but for counts that do not vary */
#define CHANGE_SIDE_MIN   2   /* values of a level, at least */

struct change_rule {
	double relative; /* a change of less than that part does not matter */
	double absolute; /* nor one of less than so many units */
	double alpha;    /* how often a series without change may show one; 0: 0.01 */
	int count;       /* a count: where it stays the same for long it is exact */
};

struct change_point {
	size_t at;            /* the first value of the new level */
	double before, after; /* medians */
	double change, lo,
		hi; /* relative, and its interval at 95 %; NAN: before is 0, or too few values */
	double p;   /* by permutation; 0 where exact */
	double q;   /* change_judge() */
	int exact;  /* a count that was always the same before and after */
};

struct change_drift {
	size_t from, n; /* values it is of; n 0: no drift */
	double change;  /* relative, over all of them */
	double lo, hi;  /* 95 % */
	double p, q;
};

struct change_series {               /* what was found; zeroed is empty */
	struct change_point *points; /* owned; by place */
	size_t n;
	struct change_drift drift;
	size_t values; /* that are numbers */
	size_t first; /* place of the first of those looked at, if there are more than CHANGE_VALUES_MAX */
	double level; /* median of the last level; NAN: no values */
	int too_few;  /* values, to say anything */
	double step_p,
		drift_p; /* of all of it, found or not: for change_judge(); NAN: not tested */
};

struct change_work;                        /* room, and what permutations have given so far */
struct change_work *change_work_new(void); /* NULL: no memory */
void change_work_free(struct change_work *w);

/* `group` (NULL: each value is its own): values of one commit stand side by side and have one number; a level never begins inside.
 * NAN: that one has no value. 0 or ERR_NOMEM. */
int change_find(struct change_series *s, const double *values, const uint32_t *group, size_t n,
		const struct change_rule *rule, struct change_work *w, struct err *err);
void change_release(struct change_series *s);

/* Many series at once: q of each one's changes, and what is above `rate` (the part of all series with changes that may be wrong)
 * goes. 0 or ERR_NOMEM. */
int change_judge(struct change_series *const *series, size_t n, double rate);

#endif
