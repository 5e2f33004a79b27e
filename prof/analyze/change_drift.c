/* Does a level drift? Mann and Kendall's test, less sure where neighbours are alike, and Sen's slope with its interval. See
 * change_point.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/change_internal.h"
#include "prof/analyze/rank.h"

#define LEAST 12 /* values */

/* Slopes between all pairs of [from, to), ascending in w->slopes. Their median. */
static double slope_of(struct change_work *w, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++)
		w->other[i - from] = (double)(i - from);
	return trend_slope(w->other, w->x + from, to - from, w->slopes);
}

/* What is left of the values without the line, in w->moved. */
static double without_line(struct change_work *w, size_t from, size_t to, double slope)
{
	size_t n = to - from, i;
	double base;

	for (i = 0; i < n; i++)
		w->moved[i] = w->sorted[i] = w->x[from + i] - slope * (double)i;
	base = rank_median(w->sorted, n);
	for (i = 0; i < n; i++)
		w->moved[i] -= base;
	return base;
}

double change_line_cost(struct change_work *w, size_t from, size_t to)
{
	double cost = 0;
	size_t i;

	(void)without_line(w, from, to, slope_of(w, from, to));
	for (i = 0; i < to - from; i++)
		cost += fabs(w->moved[i]);
	return cost;
}

/* Ends of Sen's interval: M. Hollander and D. A. Wolfe, Nonparametric Statistical Methods, 1973, section 9.3. */
static void interval_of(struct change_drift *d, const struct change_work *w, double spread,
			double all)
{
	double pairs = (double)(d->n * (d->n - 1) / 2), far = rank_normal_quantile(0.025) * spread;
	double lo = floor((pairs - far) / 2), hi = ceil((pairs + far) / 2);

	d->lo = lo < 0 ? (double)NAN : w->slopes[(size_t)lo] * all;
	d->hi = hi > pairs - 1 ? (double)NAN : w->slopes[(size_t)hi] * all;
}

void change_drift_of(struct change_drift *d, double *p, struct change_work *w, size_t from,
		     size_t to, const struct change_rule *rule)
{
	struct trend_kendall k;
	double slope, base, rho, wider, all;

	*d = (struct change_drift){.from = from, .n = to - from};
	*p = (double)NAN;
	if (d->n < LEAST) {
		d->n = 0;
		return;
	}
	slope = slope_of(w, from, to);
	base = without_line(w, from, to, slope);
	rho = change_likeness(w->moved, d->n);
	wider = sqrt((1 + rho) /
		     (1 - rho)); /* S. Yue, C. Y. Wang, Water Resour. Manage. 18, 2004 */
	trend_kendall(&k, w->x + from, d->n);
	d->p = *p = fmin(erfc(fabs(k.z) / wider / sqrt(2)), 1);
	/* What it is at its beginning is what it is compared with. */
	all = base > 0 ? (double)(d->n - 1) / base : (double)NAN;
	d->change = slope * all;
	interval_of(d, w, sqrt(k.variance) * wider, all);
	if (!(*p <= rule->alpha) || !(fabs(d->change) >= rule->relative) ||
	    fabs(slope) * (double)(d->n - 1) < rule->absolute)
		d->n = 0;
}
