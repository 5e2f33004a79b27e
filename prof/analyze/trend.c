/* Trend of a series: see trend.h. */
#include "prof/analyze/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Sum of t (t - 1) (2 t + 5) over groups of t equal values. */
static double ties(const double *values, size_t n)
{
	double sorted[TREND_POINTS_MAX], sum = 0;
	size_t i, k;

	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), ascending);
	for (i = 0; i < n; i = k) {
		double t;

		for (k = i + 1; k < n && !(sorted[k] > sorted[i]); k++)
			;
		t = (double)(k - i);
		sum += t * (t - 1) * (2 * t + 5);
	}
	return sum;
}

void trend_kendall(struct trend_kendall *k, const double *values, size_t n)
{
	double count;
	size_t i, j;

	memset(k, 0, sizeof(*k));
	k->p = 1;
	if (n < 2)
		return;
	if (n > TREND_POINTS_MAX)
		n = TREND_POINTS_MAX;
	for (i = 0; i < n; i++)
		for (j = i + 1; j < n; j++)
			k->s += (values[j] > values[i]) - (values[j] < values[i]);
	count = (double)n;
	k->variance = (count * (count - 1) * (2 * count + 5) - ties(values, n)) / 18;
	if (!(k->variance > 0)) {
		k->variance = 0;
		return; /* all are equal */
	}
	k->z = k->s > 0   ? (k->s - 1) / sqrt(k->variance)
	       : k->s < 0 ? (k->s + 1) / sqrt(k->variance)
			  : 0;
	k->p = 0.5 * erfc(k->z / sqrt(2));
}

double trend_slope(const double *times, const double *values, size_t n, double *slopes)
{
	size_t i, j, k = 0;

	if (n > TREND_POINTS_MAX)
		n = TREND_POINTS_MAX;
	for (i = 0; i < n; i++)
		for (j = i + 1; j < n; j++)
			if (times[j] > times[i])
				slopes[k++] = (values[j] - values[i]) / (times[j] - times[i]);
	qsort(slopes, k, sizeof(*slopes), ascending);
	if (k == 0)
		return 0;
	return k % 2 ? slopes[k / 2] : (slopes[k / 2 - 1] + slopes[k / 2]) / 2;
}

struct ranked {
	double p;
	size_t place;
};

static int by_p(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->p != y->p)
		return x->p < y->p ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

int trend_false_discovery(const double *p, double *q, size_t n)
{
	struct ranked *r = malloc((n + 1) * sizeof(*r));
	double least = 1;
	size_t i;

	if (!r)
		return ERR_NOMEM;
	for (i = 0; i < n; i++)
		r[i] = (struct ranked){p[i], i};
	qsort(r, n, sizeof(*r), by_p);
	for (i = n; i-- > 0;) {
		double here = r[i].p * (double)n / (double)(i + 1);

		least = here < least ? here : least;
		q[r[i].place] = least;
	}
	free(r);
	return 0;
}
