/* Power laws: see power.h. */
#include "prof/analyze/power.h"

#include <math.h>
#include <string.h>

#include "prof/analyze/nnls.h"
#include "prof/analyze/student.h"

static int usable(const double *row, size_t k)
{
	size_t j;

	for (j = 0; j < k; j++)
		if (!(row[j] > 0) || !isfinite(row[j]))
			return 0;
	return 1;
}

/* Sums of products of the centred logarithms. */
struct moments {
	double mean[POWER_PARAMS], product[POWER_PARAMS][POWER_PARAMS];
	double lo[POWER_PARAMS], hi[POWER_PARAMS];
	size_t n;
};

static void add_moments(struct moments *m, const double *row, size_t k)
{
	double delta[POWER_PARAMS];
	size_t i, j;

	m->n++;
	for (i = 0; i < k; i++) {
		double v = log(row[i]);

		delta[i] = v - m->mean[i];
		m->mean[i] += delta[i] / (double)m->n;
		if (m->n == 1 || v < m->lo[i])
			m->lo[i] = v;
		if (m->n == 1 || v > m->hi[i])
			m->hi[i] = v;
	}
	for (i = 0; i < k; i++)
		for (j = 0; j < k; j++)
			m->product[i][j] += delta[i] * delta[j] * (double)(m->n - 1) / (double)m->n;
}

/* Variance of parameter `j` that those in `kept` do not explain, as a part of all it has: elimination by Cholesky's
 * way over the kept ones, with j as the last. */
static double own_part(const struct moments *m, const size_t *kept, size_t n_kept, size_t j)
{
	double a[POWER_PARAMS][POWER_PARAMS + 1], rest = m->product[j][j];
	size_t i, l, c;

	for (i = 0; i < n_kept; i++) {
		for (l = i; l <= n_kept; l++) {
			double v = m->product[kept[i]][l < n_kept ? kept[l] : j];

			for (c = 0; c < i; c++)
				v -= a[c][i] * a[c][l];
			if (l == i && !(v > 0))
				return 0;
			a[i][l] = l == i ? sqrt(v) : v / a[i][i];
		}
		rest -= a[i][n_kept] * a[i][n_kept];
	}
	return m->product[j][j] > 0 ? fmax(rest, 0) / m->product[j][j] : 0;
}

static size_t closest(const struct moments *m, const size_t *kept, size_t n_kept, size_t j)
{
	double best = -1;
	size_t i, at = kept[0];

	for (i = 0; i < n_kept; i++) {
		double own = m->product[kept[i]][kept[i]] * m->product[j][j];
		double r = fabs(m->product[kept[i]][j]) / sqrt(own);

		if (r > best) {
			best = r;
			at = kept[i];
		}
	}
	return at;
}

/* States of all parameters; `kept` gets those that can be fitted. */
static size_t identify(struct power_fit *f, const struct moments *m, size_t k,
		       size_t kept[POWER_PARAMS])
{
	size_t n_kept = 0, j;

	for (j = 0; j < k; j++) {
		struct power_param *p = &f->params[j];

		*p = (struct power_param){POWER_CONSTANT, j, NAN, NAN, NAN, NAN};
		if (m->n < 2 || m->hi[j] - m->lo[j] < log(POWER_VARIES))
			continue;
		p->state = POWER_TIED;
		if (n_kept && own_part(m, kept, n_kept, j) < POWER_OWN) {
			p->with = closest(m, kept, n_kept, j);
			continue;
		}
		p->state = POWER_SURPLUS;
		if (n_kept + 2 > m->n)
			continue;
		p->state = POWER_FITTED;
		kept[n_kept++] = j;
	}
	f->fitted = n_kept;
	return n_kept;
}

void power_identify(struct power_fit *f, const double *x, size_t n, size_t k)
{
	struct moments m = {0};
	size_t kept[POWER_PARAMS], i;

	memset(f, 0, sizeof *f);
	k = k < POWER_PARAMS ? k : POWER_PARAMS;
	f->n = n;
	for (i = 0; i < n; i++)
		if (usable(x + i * k, k))
			add_moments(&m, x + i * k, k);
	f->used = m.n;
	identify(f, &m, k, kept);
}

static void put_estimates(struct power_fit *f, const struct nnls *t, const size_t *kept,
			  size_t n_kept, double tss, double design, double confidence)
{
	double x[NNLS_COLUMNS], inverse[NNLS_COLUMNS][NNLS_COLUMNS], rss;
	double freedom = (double)f->used / design - 1 - (double)n_kept;
	size_t i;

	nnls_solve_free(t, (2u << n_kept) - 1, x, &rss);
	nnls_inverse(t, (2u << n_kept) - 1, inverse);
	f->constant = x[0];
	f->r2 = tss > 0 ? 1 - rss / tss : NAN;
	f->freedom = freedom > 0 ? freedom : 0;
	if (f->used > n_kept + 1)
		f->s = sqrt(rss / (double)(f->used - 1 - n_kept));
	for (i = 0; i < n_kept; i++) {
		struct power_param *p = &f->params[kept[i]];
		double wide;

		p->exponent = x[i + 1];
		if (!(freedom > 0.5) || isnan(f->s))
			continue;
		p->se = f->s * sqrt(inverse[i + 1][i + 1] * design);
		wide = student_quantile(1 - confidence, freedom) * p->se;
		p->lo = p->exponent - wide;
		p->hi = p->exponent + wide;
	}
}

void power_fit(struct power_fit *f, const double *x, const double *y, size_t n, size_t k,
	       double design, double confidence)
{
	struct moments m = {0};
	struct nnls t;
	size_t kept[POWER_PARAMS], n_kept, i, j, seen = 0;
	double row[POWER_PARAMS + 1], mean = 0, tss = 0;

	memset(f, 0, sizeof *f);
	k = k < POWER_PARAMS ? k : POWER_PARAMS;
	f->n = n;
	f->constant = f->r2 = f->s = NAN;
	for (i = 0; i < n; i++)
		if (usable(x + i * k, k) && usable(y + i, 1))
			add_moments(&m, x + i * k, k);
	f->used = m.n;
	n_kept = identify(f, &m, k, kept);
	if (!m.n)
		return;
	nnls_init(&t, n_kept + 1);
	for (i = 0; i < n; i++) {
		double v, delta;

		if (!usable(x + i * k, k) || !usable(y + i, 1))
			continue;
		v = log(y[i]);
		row[0] = 1;
		for (j = 0; j < n_kept; j++)
			row[j + 1] = log(x[i * k + kept[j]]) - m.mean[kept[j]];
		nnls_add(&t, row, v);
		delta = v - mean;
		mean += delta / (double)++seen;
		tss += delta * (v - mean);
	}
	put_estimates(f, &t, kept, n_kept, tss, design < 1 ? 1 : design, confidence);
	for (j = 0; j < n_kept; j++) /* the constant is that of the logarithms as they are */
		f->constant -= f->params[kept[j]].exponent * m.mean[kept[j]];
}
