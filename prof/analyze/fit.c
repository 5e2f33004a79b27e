/* Fits of declared costs: see fit.h. */
#include "prof/analyze/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/student.h"

#define ROUNDS 10
#define HUBER  2.0  /* residuals beyond so many standard deviations count less */
#define FLOOR  1e-6 /* relative: what two clocks may differ by */

const char *fit_state_text(enum fit_state s)
{
	static const char *const texts[] = {"fitted", "not measured", "a parameter is missing",
					    "one size only"};

	return texts[s];
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Largest value of each term: so that all columns are about 1. */
static void scales(const struct fit_data *d, double scale[FIT_TERMS])
{
	size_t i, j;

	for (j = 0; j < d->terms; j++)
		scale[j] = 0;
	for (i = 0; i < d->n; i++)
		for (j = 0; j < d->terms; j++)
			scale[j] = fmax(scale[j], d->t[i * d->terms + j] / d->y[i]);
}

static double value_of(const struct fit_data *d, size_t i, const double *c)
{
	double sum = 0;
	size_t j;

	for (j = 0; j < d->terms; j++)
		sum += c[j] * d->t[i * d->terms + j];
	return sum;
}

static int is_used(const struct fit_data *d, size_t i, uint32_t without)
{
	return d->size[d->run[i]] != without;
}

/* One round: residuals relative to the values fitted before. */
static unsigned solve_once(const struct fit_data *d, uint32_t without, const double *scale,
			   double *c)
{
	struct nnls m;
	double row[FIT_TERMS], rss;
	unsigned active;
	size_t i, j;

	nnls_init(&m, d->terms);
	for (i = 0; i < d->n; i++) {
		double w = sqrt(d->weight[i]) / d->mu[i];

		if (!is_used(d, i, without))
			continue;
		for (j = 0; j < d->terms; j++)
			row[j] = scale[j] > 0 ? d->t[i * d->terms + j] / scale[j] * w : 0;
		nnls_add(&m, row, d->y[i] * w);
	}
	active = nnls_solve(&m, c, &rss);
	for (j = 0; j < d->terms; j++)
		c[j] = scale[j] > 0 ? c[j] / scale[j] : 0;
	return active;
}

/* How far residuals of those in use go: their standard deviation, by the median. */
static double spread(struct fit_data *d, uint32_t without)
{
	size_t i, n = 0;

	for (i = 0; i < d->n; i++)
		if (is_used(d, i, without))
			d->scratch[n++] = fabs(d->y[i] / d->mu[i] - 1);
	qsort(d->scratch, n, sizeof *d->scratch, compare_doubles);
	return n ? fmax(1.4826 * d->scratch[n / 2], FLOOR) : FLOOR;
}

unsigned fit_solve(struct fit_data *d, uint32_t without, double c[FIT_TERMS])
{
	double scale[FIT_TERMS], s;
	unsigned active = 0;
	size_t i;
	int round;

	scales(d, scale);
	for (i = 0; i < d->n; i++) {
		d->mu[i] = d->y[i];
		d->weight[i] = 1;
	}
	for (round = 0; round < ROUNDS; round++) {
		active = solve_once(d, without, scale, c);
		/* A value far off the others must not pull by its own weight. */
		for (i = 0; i < d->n; i++)
			d->mu[i] = fmin(fmax(value_of(d, i, c), d->y[i] / 8), d->y[i] * 8);
		s = spread(d, without);
		for (i = 0; i < d->n; i++) {
			double r = fabs(d->y[i] / d->mu[i] - 1);

			d->weight[i] = r > HUBER * s ? HUBER * s / r : 1;
		}
	}
	return active;
}

/* ---- how good it is ---- */

/* Does any term vary, so that growth can be seen? */
static int varies(const struct fit_data *d)
{
	size_t i, j;

	for (j = 1; j < d->terms; j++) {
		double lo = INFINITY, hi = 0;

		for (i = 0; i < d->n; i++) {
			lo = fmin(lo, d->t[i * d->terms + j]);
			hi = fmax(hi, d->t[i * d->terms + j]);
		}
		if (hi > lo * POWER_VARIES)
			return 1;
	}
	return d->terms == 1;
}

/* One size: all of the value is put to the declared terms, alike, as if nothing of it were constant. */
static void assume(struct fit *f, const struct fit_data *d)
{
	size_t i, j, with = 0;

	for (j = 1; j < d->terms; j++)
		with += d->t[j] > 0;
	for (j = 1; j < d->terms; j++) {
		double mean = 0;

		for (i = 0; i < d->n; i++)
			mean += d->t[i * d->terms + j] > 0
					? d->y[i] / d->t[i * d->terms + j] / (double)d->n
					: 0;
		f->c[j] = with ? mean / (double)with : 0;
	}
	for (i = 0; !with && i < d->n; i++)
		f->c[0] += d->y[i] / (double)d->n;
	for (j = 0; j < d->terms; j++) {
		f->lo[j] = f->hi[j] = NAN;
		f->active |= (unsigned)(f->c[j] > 0) << j;
	}
}

static double residual(const struct fit_data *d, size_t i)
{
	return d->y[i] / d->mu[i] - 1;
}

/* Which part of the residuals' variance runs have in common (one-way analysis of variance), and by how much that
 * makes estimates worse than as many independent observations would (L. Kish, Survey Sampling, 1965: the design
 * effect). Observations are in the order of runs. */
static void common_part(struct fit *f, const struct fit_data *d)
{
	double between = 0, within = 0, mean = 0, squares = 0, n0, msb, msw;
	size_t i, k, from = 0;

	f->run_part = 0;
	f->design = 1;
	if (d->n_runs < 2 || d->n <= d->n_runs)
		return;
	for (i = 0; i < d->n; i++)
		mean += residual(d, i) / (double)d->n;
	while (from < d->n) {
		double sum = 0, own;

		for (k = from; k < d->n && d->run[k] == d->run[from]; k++)
			sum += residual(d, k);
		own = sum / (double)(k - from);
		between += (double)(k - from) * (own - mean) * (own - mean);
		for (i = from; i < k; i++)
			within += (residual(d, i) - own) * (residual(d, i) - own);
		squares += (double)(k - from) * (double)(k - from);
		from = k;
	}
	n0 = ((double)d->n - squares / (double)d->n) / (double)(d->n_runs - 1);
	msb = between / (double)(d->n_runs - 1);
	msw = within / (double)(d->n - d->n_runs);
	if (msb + (n0 - 1) * msw > 0)
		f->run_part = fmin(fmax((msb - msw) / (msb + (n0 - 1) * msw), 0), 1);
	f->design = 1 + (fmax(n0, 1) - 1) * f->run_part;
}

static int bits_of(unsigned v)
{
	int n = 0;

	for (; v; v &= v - 1)
		n++;
	return n;
}

static void describe_residuals(struct fit *f, const struct fit_data *d)
{
	double sum = 0, mean = 0, rss = 0, tss = 0;
	int p = bits_of(f->active);
	size_t i;

	for (i = 0; i < d->n; i++)
		mean += log(d->y[i]) / (double)d->n;
	for (i = 0; i < d->n; i++) {
		double r = residual(d, i), l = log(d->y[i] / d->mu[i]);

		sum += d->weight[i] * r * r;
		rss += l * l;
		tss += (log(d->y[i]) - mean) * (log(d->y[i]) - mean);
		if (i == 0 || fabs(r) > fabs(f->worst)) {
			f->worst = r;
			f->worst_obs = d->obs[i];
		}
	}
	f->r2 = tss > 0 && d->terms > 1 ? 1 - rss / tss : NAN;
	common_part(f, d);
	f->freedom = (double)d->n / f->design - p;
	f->freedom = f->freedom > 0.5 ? f->freedom : 0;
	f->s = f->freedom > 0 && d->n > (size_t)p ? sqrt(sum / (double)(d->n - (size_t)p)) : NAN;
	if (f->s < FLOOR)
		f->s = FLOOR;
}

/* The weighted rows of the last round. */
static void triangle(const struct fit_data *d, const double *scale, struct nnls *m)
{
	double row[FIT_TERMS];
	size_t i, j;

	nnls_init(m, d->terms);
	for (i = 0; i < d->n; i++) {
		double w = sqrt(d->weight[i]) / d->mu[i];

		for (j = 0; j < d->terms; j++)
			row[j] = scale[j] > 0 ? d->t[i * d->terms + j] / scale[j] * w : 0;
		nnls_add(m, row, d->y[i] * w);
	}
}

static void put_intervals(struct fit *f, struct fit_data *d)
{
	double scale[FIT_TERMS], inverse[NNLS_COLUMNS][NNLS_COLUMNS], x[NNLS_COLUMNS], rss, t;
	struct nnls m;
	size_t i, j;

	for (j = 0; j < d->terms; j++)
		f->lo[j] = f->hi[j] = NAN;
	if (!(f->freedom > 0))
		return;
	scales(d, scale);
	triangle(d, scale, &m);
	t = student_quantile(1 - FIT_CONFIDENCE, f->freedom);
	nnls_inverse(&m, f->active, inverse);
	for (i = 0; i < d->terms; i++)
		for (j = 0; j < d->terms; j++)
			if (scale[i] > 0 && scale[j] > 0)
				f->covariance[i][j] = inverse[i][j] * f->s * f->s * f->design /
						      (scale[i] * scale[j]);
	for (j = 0; j < d->terms; j++) {
		unsigned with = f->active | 1u << j;
		double se, c = f->c[j];

		if (!(scale[j] > 0))
			continue;
		if (with != f->active) { /* what it would be, were it let in: below 0 */
			with = nnls_solve_free(&m, with, x, &rss);
			if (!(with >> j & 1))
				continue;
			c = x[j] / scale[j];
		}
		nnls_inverse(&m, with, inverse);
		se = f->s * sqrt(inverse[j][j] * f->design) / scale[j];
		f->lo[j] = fmax(c - t * se, 0);
		f->hi[j] = fmax(c + t * se, 0);
	}
}

/* ---- leaving sizes out ---- */

static double error_of_size(const struct fit_data *d, uint32_t size, const double *c)
{
	double fitted = 0, measured = 0;
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->size[d->run[i]] == size) {
			fitted += value_of(d, i, c);
			measured += d->y[i];
		}
	return fitted / measured - 1;
}

static void cross_validate(struct fit *f, struct fit_data *d)
{
	double c[FIT_TERMS], sum = 0;
	size_t g;

	f->cv_mean = f->cv_worst = f->cv_largest = NAN;
	if (d->n_sizes < 3 || d->terms == 1)
		return;
	f->cv_worst = 0;
	for (g = 0; g < d->n_sizes; g++) {
		fit_solve(d, (uint32_t)g, c);
		f->cv_largest = error_of_size(d, (uint32_t)g, c);
		sum += fabs(f->cv_largest);
		f->cv_worst = fmax(f->cv_worst, fabs(f->cv_largest));
	}
	f->cv_mean = sum / (double)d->n_sizes;
}

static void put_ranges(struct fit *f, const struct fit_data *d)
{
	size_t i, j;

	f->n = d->n;
	f->left_out = d->left_out;
	f->n_runs = d->n_runs;
	f->n_sizes = d->n_sizes;
	f->missing = d->n ? COSTS_NONE : d->missing;
	for (i = 0; i < d->n; i++) {
		f->largest = fmax(f->largest, d->y[i]);
		for (j = 0; j < d->n_params; j++) {
			double v = d->x[i * d->n_params + j];

			f->x_max[j] = i ? fmax(f->x_max[j], v) : v;
			f->x_min[j] = i ? fmin(f->x_min[j], v) : v;
		}
	}
}

void fit_finish(struct fit *f, struct fit_data *d)
{
	size_t i;

	f->terms = d->terms;
	put_ranges(f, d);
	f->s = f->r2 = f->cv_mean = f->cv_worst = f->cv_largest = NAN;
	f->design = 1;
	if (!d->n) {
		f->state = f->missing == COSTS_NONE ? FIT_UNMEASURED : FIT_NO_PARAM;
		return;
	}
	f->state = varies(d) ? FIT_OK : FIT_ONE_SIZE;
	if (f->state == FIT_OK)
		cross_validate(f, d);
	if (f->state == FIT_OK)
		f->active = fit_solve(d, UINT32_MAX, f->c);
	else
		assume(f, d);
	for (i = 0; i < d->n; i++) {
		d->mu[i] = fmin(fmax(value_of(d, i, f->c), d->y[i] / 1e6), d->y[i] * 1e6);
		if (f->state != FIT_OK)
			d->weight[i] = 1;
	}
	describe_residuals(f, d);
	if (f->state == FIT_OK)
		put_intervals(f, d);
	power_fit(&f->power, d->x, d->y, d->n, d->n_params, f->design, FIT_CONFIDENCE);
}
