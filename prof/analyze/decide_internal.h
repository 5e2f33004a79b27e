/* What decide() judges: the values of both groups that count, made comparable. */
#ifndef ANALYZE_DECIDE_INTERNAL_H
#define ANALYZE_DECIDE_INTERNAL_H

#include "prof/analyze/decide.h"

/* A pair (run) is noisy when its difference (distance from its group's median) is more than that many times the median
 * one. The rule does not know which side a run is of. */
#define DECIDE_OUTLIER      8
#define DECIDE_OUTLIER_RUNS 8 /* fewer pairs (runs of both groups) are all kept */
#define DECIDE_OUTLIER_PART 5 /* at most one of so many is rejected; more are no outliers */
#define DECIDE_ONE_SIDED    3 /* so many, all of one sign (group), are kept: they may be the change */

struct sample {
	double *a, *b; /* in the order of time; logarithms, or parts of the base */
	size_t n_a, n_b;
	double *d; /* paired: b - a */
	int paired;
	int logs;
	int outliers; /* more qualify as noisy than may be rejected */
	size_t rejected;
	double base, candidate; /* medians as measured */
	double drift;           /* on the scale of a and b */
	double *room;           /* for tests; 6 (n_a + n_b) numbers */
	void *boot;
};

/* Room for all of it; 0 or ERR_NOMEM. */
int sample_room(struct sample *x, const struct decide_series *s, struct decide_scratch *scratch);

/* Takes the values that are there. DECIDE_DECIDED, or why nothing can be said. */
enum decide_reason sample_take(struct sample *x, const struct decide_series *s);

/* After the counts had their turn: the scale, the noisy ones, the drift. */
enum decide_reason sample_prepare(struct sample *x, const struct decide_series *s);

/* A shift on the sample's scale as a part of the base, and the other way round. */
double sample_relative(const struct sample *x, double shift);
double sample_shift(const struct sample *x, double relative);

/* The least p that n runs of each group (n pairs) can give. */
double decide_least_p(int paired, size_t n);

/* The fewest runs of each group (pairs), no fewer than n, that can be sure to `alpha`; 0: more than anybody runs. */
size_t decide_least_runs(int paired, size_t n, double alpha);

#endif
