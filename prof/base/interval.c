/* Score intervals for sums of sampled weights.
 *
 * If the true total were S + d instead of the estimate S, the variance of the estimate would be V + w d, where
 * w is the variance that a unit of total brings with it: the weight of a sample. The interval is made of all
 * d that the estimate is within 1.96 standard deviations of:
 *
 *      d^2 <= z^2 (V + w d)    so    d = z^2 w / 2 +- z sqrt(V + z^2 w^2 / 4)
 *
 * With equal weights w = V / S, and this is the classical score interval of a Poisson count times w. What is
 * missed where large blocks are certain is small blocks, whose samples stand for `rate` bytes each. */
#include "prof/base/interval.h"

#include <math.h>

#define Z_95 1.959963984540054 /* 97.5 % point of the normal distribution */

static void score(double value, double variance, double weight, double *lo, double *hi)
{
	double mid = weight * Z_95 * Z_95 / 2;
	double half = Z_95 * sqrt(variance + mid * weight / 2);

	*lo = fmax(value + mid - half, 0);
	*hi = value + mid + half;
}

void interval_of_sum(double value, double variance, double *lo, double *hi)
{
	*lo = *hi = value;
	if (value > 0 && variance > 0)
		score(value, variance, variance / value, lo, hi);
}

void interval_of_sampled(double value, double variance, double rate, double *lo, double *hi)
{
	*lo = *hi = value;
	if (rate > 1)
		score(value, variance > 0 ? variance : 0, rate, lo, hi);
}
