/* Which sums of a profile are estimates, and how good they are. */
#ifndef ANALYZE_ESTIMATE_H
#define ANALYZE_ESTIMATE_H

#include "prof/model/profile.h"

/* Mean distance of the samples that values of that kind come from, in bytes; 0: they are exact, or no bytes. */
double estimate_rate(const struct profile *p, enum profile_kind kind);
/* Estimated variance of a sample's value, 0 where exact. Live, peak, leaked and temporary bytes have the share of
 * the variance of what the same place allocated that they have of its bytes. */
double estimate_variance(const struct profile *p, const struct profile_sample *s);
/* 95 % interval of a sum of values with that variance; lo = hi = value where exact. */
void estimate_interval(const struct profile *p, enum profile_kind kind, double value,
		       double variance, double *lo, double *hi);

#endif
