/* Variances with a prior: see moderate.h. */
#include "prof/analyze/moderate.h"

#include <math.h>
#include <stdlib.h>

#define NOISE_PART 30 /* samples of a row from which on its noise hides little of what runs add */
#define FEW        5  /* samples of a row below which its variance says nothing of a typical one */
#define FLOOR      1e-5 /* of the median: smaller ratios are taken as that (limma does so) */

/* Asymptotic series of DLMF 5.11.2 and 5.15.8, from 6 on. */
static double digamma(double x)
{
	double sum = 0, r;

	for (; x < 6; x++)
		sum -= 1 / x;
	r = 1 / (x * x);
	return sum + log(x) - 0.5 / x - r * (1.0 / 12 - r * (1.0 / 120 - r / 252));
}

static double trigamma(double x)
{
	double sum = 0, r;

	for (; x < 6; x++)
		sum += 1 / (x * x);
	r = 1 / (x * x);
	return sum + 1 / x + r / 2 + r / x * (1.0 / 6 - r * (1.0 / 30 - r / 42));
}

/* trigamma falls from infinity to 0. */
static double trigamma_inverse(double y)
{
	double lo = 1e-6, hi = 1e9;
	int i;

	for (i = 0; i < 200 && hi / lo > 1 + 1e-10; i++) {
		double mid = sqrt(lo) * sqrt(hi);

		if (trigamma(mid) > y)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	if (!n)
		return 0;
	qsort(values, n, sizeof *values, ascending);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static double samples(const struct moderate_row *r)
{
	return r->noise > 0 ? r->mean * r->mean / r->noise : INFINITY;
}

static int varies(const struct moderate_row *r)
{
	return r->mean > 0 && (r->noise > 0 || r->variance > 0);
}

static double spread_of(const struct moderate_row *rows, size_t n, double *scratch)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++)
		if (varies(&rows[i]) && samples(&rows[i]) >= NOISE_PART)
			scratch[k++] =
				(rows[i].variance - rows[i].noise) / (rows[i].mean * rows[i].mean);
	return fmax(median(scratch, k), 0);
}

static double typical(const struct moderate_prior *prior, const struct moderate_row *r)
{
	return r->noise + prior->spread * r->mean * r->mean;
}

/* Ratios of variances to typical ones, as logarithms; how many. */
static size_t ratios(const struct moderate_prior *prior, const struct moderate_row *rows, size_t n,
		     double *logs, double *scratch)
{
	size_t i, k = 0;
	double least;

	for (i = 0; i < n; i++) {
		double expected = typical(prior, &rows[i]);

		if (varies(&rows[i]) && samples(&rows[i]) >= FEW && expected > 0)
			scratch[k++] = rows[i].variance / expected;
	}
	least = FLOOR * median(scratch, k);
	for (i = 0; i < k; i++)
		logs[i] = log(fmax(scratch[i], least > 0 ? least : FLOOR));
	return k;
}

void moderate_fit(struct moderate_prior *prior, const struct moderate_row *rows, size_t n,
		  double df, double *scratch)
{
	double mean = 0, spread = 0, beyond;
	size_t i, k;

	*prior = (struct moderate_prior){.scale = 1};
	if (!(df > 0))
		return;
	prior->spread = spread_of(rows, n, scratch);
	k = ratios(prior, rows, n, scratch, scratch + n);
	if (k < 3)
		return;
	for (i = 0; i < k; i++)
		mean += (scratch[i] - digamma(df / 2) + log(df / 2)) / (double)k;
	for (i = 0; i < k; i++) {
		double from = scratch[i] - digamma(df / 2) + log(df / 2) - mean;

		spread += from * from / (double)(k - 1);
	}
	beyond = spread - trigamma(df / 2);
	/* n rows with df degrees each cannot tell more than n * df. */
	prior->df = beyond > 0 ? 2 * trigamma_inverse(beyond) : INFINITY;
	prior->df = fmin(prior->df, (double)k * df);
	prior->scale = exp(mean + digamma(prior->df / 2) - log(prior->df / 2));
}

double moderate_variance(const struct moderate_prior *prior, const struct moderate_row *row,
			 double df, double *df_out)
{
	double all = prior->df + df, variance, extra;

	variance = (prior->df * prior->scale * typical(prior, row) + df * row->variance) / all;
	variance = fmax(variance, row->noise);
	extra = variance - row->noise;
	/* F. E. Satterthwaite, Biometrics 2, 1946: noise is known, what runs add has df degrees. */
	*df_out = extra > 0 ? fmin(all, df * (variance / extra) * (variance / extra)) : all;
	return variance;
}
