/* Does a series grow? Tests without assumptions on how it is distributed. Pure functions. */
#ifndef ANALYZE_TREND_H
#define ANALYZE_TREND_H

#include <stddef.h>

#define TREND_POINTS_MIN 8   /* fewer say nothing: the normal approximation needs them */
#define TREND_POINTS_MAX 256 /* of one series */

/* Mann-Kendall test (H. B. Mann, Econometrica 13, 1945; M. G. Kendall, Rank Correlation Methods, 1975): S, its
 * variance with ties corrected for, and Z with a continuity correction of 1. */
struct trend_kendall {
	double s, variance, z;
	double p; /* one-sided: of a series without trend that looks as if it grew at least so much */
};
void trend_kendall(struct trend_kendall *k, const double *values, size_t n);

/* Sen's slope (P. K. Sen, JASA 63, 1968): the median of all slopes between two points; 0 for
 * n < 2. Times ascend; pairs of the same time do not count. `scratch` has room for TREND_SCRATCH numbers. */
#define TREND_SCRATCH (TREND_POINTS_MAX * (TREND_POINTS_MAX - 1) / 2)
double trend_slope(const double *times, const double *values, size_t n, double *scratch);

/* Benjamini and Hochberg (J. R. Stat. Soc. B 57, 1995): q[i], the lowest false discovery rate at which hypothesis i is
 * still rejected. 0 or ERR_NOMEM. */
int trend_false_discovery(const double *p, double *q, size_t n);

#endif
