/* How sure the differences of a comparison are. With a run per side only the noise of sampling is known: two counts
 * with their exposures are compared (J. Przyborowski and H. Wilenski, Biometrika 31, 1940). With more, what varies between
 * runs is (moderate.h). What was measured in full and does not vary within a group is compared exactly. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/compare_internal.h"
#include "prof/analyze/moderate.h"
#include "prof/analyze/student.h"
#include "prof/analyze/trend.h"

#define CERTAIN        1e12 /* samples that what was measured in full is worth beside what was sampled */
#define QUANTILES      128
#define ROUNDING       1e-12
#define UNREAD_MATTERS 0.05 /* of all of the base */

struct judging {
	struct compare *c;
	double z;                          /* of COMPARE_ALPHA */
	double weight[2];                  /* what a sample stands for, normalised; 0: no samples */
	double df;                         /* of the runs */
	double quantile[QUANTILES + 1];    /* of t with QUANTILES / i degrees of freedom */
	struct moderate_prior self, total; /* what rows vary */
	int varies;                        /* something is not exact */
};

/* ---- what is common ---- */

static int is_share(const struct compare *c)
{
	return c->o.kind == PROFILE_CPU || c->o.kind == PROFILE_WALL || c->o.kind == PROFILE_OFFCPU;
}

/* Noise of sampling of a value: the sum of all samples of a run in time is known, so that only where they fell varies
 * (binomial); bytes are sampled each for itself. */
static double noise(const struct compare *c, const struct compare_moments *m)
{
	double rest = is_share(c) ? 1 - m->share : 1;

	return m->variance * (rest > 1e-9 ? fmin(rest, 1) : 0);
}

/* But for what normalising rounds. */
static int is_same(double a, double b)
{
	return fabs(a - b) <= ROUNDING * fmax(fabs(a), fabs(b));
}

static int is_constant(const struct compare_moments *m)
{
	return m->m2 <= m->n * (ROUNDING * m->mean) * (ROUNDING * m->mean);
}

static void fill(struct compare_value *v, const struct compare_moments *m)
{
	v->a = m[0].mean;
	v->b = m[1].mean;
	v->delta = is_same(v->a, v->b) ? 0 : v->b - v->a;
	v->lo = v->hi = v->delta;
	v->change = v->a > 0 ? v->delta / v->a : NAN;
	v->change_lo = v->change_hi = v->change;
	v->count_a = m[0].count;
	v->count_b = m[1].count;
	v->p = v->delta > 0 || v->delta < 0 ? 0 : 1;
	v->q = v->p;
}

static int is_nothing(const struct compare_moments *m)
{
	return !m[0].count && !m[1].count && !(m[0].mean > 0) && !(m[1].mean > 0);
}

static int is_exact(const struct judging *j, const struct compare_moments *m)
{
	return is_constant(&m[0]) && is_constant(&m[1]) && !(noise(j->c, &m[0]) > 0) &&
	       !(noise(j->c, &m[1]) > 0) && !(j->c->groups[0].rate > 0) &&
	       !(j->c->groups[1].rate > 0);
}

/* ---- a run per side ---- */

struct side {
	double k; /* samples that the value is worth */
	double e; /* samples for each unit of value */
};

static struct side side_of(const struct judging *j, const struct compare_moments *m, int group)
{
	double value = fmax(m->mean, 0), variance = noise(j->c, m), weight = j->weight[group];
	struct side s = {0, 0};

	if (value > 0) {
		s.k = variance > 0 ? fmin(value * value / variance, CERTAIN) : CERTAIN;
		s.e = s.k / value;
	} else {
		s.e = weight > 0 ? 1 / weight : 0;
	}
	return s;
}

/* Score interval of a Poisson count. */
static void count_interval(const struct judging *j, const struct side *s, double *lo, double *hi)
{
	double mid = s->k + j->z * j->z / 2, half = j->z * sqrt(s->k + j->z * j->z / 4);

	*lo = fmax(mid - half, 0) / s->e;
	*hi = (mid + half) / s->e;
}

/* Interval of a difference from those of its parts (G. Y. Zou and A. Donner, Stat. Med. 27, 2008). */
static void delta_interval(const struct judging *j, struct compare_value *v, const struct side *s)
{
	double lo_a, hi_a, lo_b, hi_b;

	count_interval(j, &s[0], &lo_a, &hi_a);
	count_interval(j, &s[1], &lo_b, &hi_b);
	v->lo = v->delta - hypot(v->b - lo_b, hi_a - v->a);
	v->hi = v->delta + hypot(hi_b - v->b, v->a - lo_a);
}

/* From Wilson's interval of the candidate's part of both counts. */
static void change_interval(struct compare_value *v, const struct side *s)
{
	double exposure = s[0].e / s[1].e, lo, hi;

	if (!(v->a > 0))
		return;
	wilson_interval(s[1].k, s[0].k + s[1].k, &lo, &hi);
	v->change_lo = lo < 1 ? lo / (1 - lo) * exposure - 1 : INFINITY;
	v->change_hi = hi < 1 ? hi / (1 - hi) * exposure - 1 : INFINITY;
}

static void judge_sampling(const struct judging *j, struct compare_value *v,
			   const struct compare_moments *m)
{
	struct side s[2] = {side_of(j, &m[0], 0), side_of(j, &m[1], 1)};
	double part, n = s[0].k + s[1].k;

	if (!(s[0].e > 0))
		s[0].e = s[1].e;
	if (!(s[1].e > 0))
		s[1].e = s[0].e;
	if (!(s[0].e > 0)) /* nothing on both sides */
		return;
	part = s[1].e / (s[0].e + s[1].e);
	v->p = student_binomial_p(s[1].k, n, part);
	v->q = fmin(pow(part, n), pow(1 - part, n)) > COMPARE_ALPHA ? NAN : v->p;
	delta_interval(j, v, s);
	change_interval(v, s);
}

/* ---- runs ---- */

static struct moderate_row row_of(const struct judging *j, const struct compare_moments *m)
{
	double n = m[0].n + m[1].n;

	return (struct moderate_row){
		.variance = (m[0].m2 + m[1].m2) / j->df,
		.noise = (m[0].n * noise(j->c, &m[0]) + m[1].n * noise(j->c, &m[1])) / n,
		.mean = (m[0].n * m[0].mean + m[1].n * m[1].mean) / n,
	};
}

static double quantile(const struct judging *j, double df)
{
	double at = QUANTILES / fmax(df, 1);
	int i = (int)at;

	if (i >= QUANTILES)
		return j->quantile[QUANTILES];
	return j->quantile[i] + (at - i) * (j->quantile[i + 1] - j->quantile[i]);
}

static void judge_runs(const struct judging *j, const struct moderate_prior *prior,
		       struct compare_value *v, const struct compare_moments *m)
{
	struct moderate_row row = row_of(j, m);
	double df, variance = moderate_variance(prior, &row, j->df, &df), t, error, ratio;

	error = sqrt(variance * (1 / m[0].n + 1 / m[1].n));
	if (!(error > 0))
		return;
	v->p = student_p(v->delta / error, df);
	v->q = row.noise > 0 && row.mean * row.mean / row.noise * (m[0].n + m[1].n) < 5 ? NAN
											: v->p;
	t = quantile(j, df);
	v->lo = v->delta - t * error;
	v->hi = v->delta + t * error;
	if (!(v->a > 0))
		return;
	ratio = v->b / v->a;
	error = sqrt(variance * (1 / m[1].n + ratio * ratio / m[0].n)) / v->a;
	v->change_lo = fmax(v->change - t * error, -1);
	v->change_hi = v->change + t * error;
}

static void judge_value(struct judging *j, const struct moderate_prior *prior,
			struct compare_value *v, const struct compare_moments *m)
{
	fill(v, m);
	if (is_nothing(m)) {
		v->q = NAN;
		return;
	}
	if (is_exact(j, m))
		return;
	j->varies = 1;
	if (j->df > 0)
		judge_runs(j, prior, v, m);
	else
		judge_sampling(j, v, m);
}

/* ---- all rows ---- */

static int fit(struct judging *j)
{
	struct compare *c = j->c;
	struct moderate_row *rows = calloc(c->n_rows + 1, sizeof *rows);
	double *scratch = calloc(2 * c->n_rows + 2, sizeof *scratch);
	size_t i;
	int k, rc = rows && scratch ? 0 : ERR_NOMEM;

	for (i = 0; rc == 0 && i < c->n_rows; i++)
		rows[i] = row_of(j, c->sums[i].self);
	if (rc == 0)
		moderate_fit(&j->self, rows, c->n_rows, j->df, scratch);
	for (i = 0; rc == 0 && i < c->n_rows; i++)
		rows[i] = row_of(j, c->sums[i].total);
	if (rc == 0)
		moderate_fit(&j->total, rows, c->n_rows, j->df, scratch);
	for (k = 0; k <= QUANTILES; k++)
		j->quantile[k] =
			student_quantile(COMPARE_ALPHA, k ? (double)QUANTILES / k : INFINITY);
	free(rows);
	free(scratch);
	return rc;
}

static struct compare_value *value_of(struct compare *c, size_t row, int total)
{
	return total ? &c->rows[row].total : &c->rows[row].self;
}

/* False discoveries over those rows that a test can say anything of. */
static int discover(struct compare *c, int total)
{
	double *p = malloc((c->n_rows + 1) * sizeof *p), *q = malloc((c->n_rows + 1) * sizeof *q);
	size_t n = 0, i;
	int rc = p && q ? 0 : ERR_NOMEM;

	for (i = 0; rc == 0 && i < c->n_rows; i++)
		if (!isnan(value_of(c, i, total)->q))
			p[n++] = value_of(c, i, total)->p;
	if (rc == 0)
		rc = trend_false_discovery(p, q, n);
	for (i = n = 0; rc == 0 && i < c->n_rows; i++)
		if (!isnan(value_of(c, i, total)->q))
			value_of(c, i, total)->q = q[n++];
	free(p);
	free(q);
	return rc;
}

static void weigh(struct judging *j)
{
	int g;

	for (g = 0; g < 2; g++) {
		const struct compare_moments *m = &j->c->whole_sum.self[g];

		j->weight[g] = m->mean > 0 && m->variance > 0 ? m->variance / m->mean
							      : j->c->groups[g].rate;
	}
}

/* Of a run a side: time that no sample covers tells of the sampler, not of the program, unless it is much of all. */
static int is_unread(const struct compare *c, const struct compare_function *f)
{
	return c->n_runs <= 2 &&
	       strcmp(strtab_text(c->strings, f->function), "[not sampled]") == 0 &&
	       fabs(f->self.delta) < UNREAD_MATTERS * c->whole.a;
}

/* Is the change of all more than the noise of the samples that explain it? The sum itself may be known better. */
static int is_clear(const struct compare *c)
{
	const struct compare_moments *m = c->whole_sum.self;
	double variance = m[0].variance / m[0].n + m[1].variance / m[1].n;

	return c->whole.q <= COMPARE_ALPHA && fabs(c->whole.delta) > 2 * sqrt(variance);
}

int compare_judge(struct compare *c, struct err *err)
{
	struct judging j = {.c = c, .z = student_quantile(COMPARE_ALPHA, INFINITY)};
	size_t i;
	int rc = 0;

	j.df = (double)(c->groups[0].n + c->groups[1].n) - 2;
	weigh(&j);
	if (j.df > 0)
		rc = fit(&j);
	for (i = 0; rc == 0 && i < c->n_rows; i++) {
		judge_value(&j, &j.self, &c->rows[i].self, c->sums[i].self);
		judge_value(&j, &j.total, &c->rows[i].total, c->sums[i].total);
	}
	judge_value(&j, &j.total, &c->whole, c->whole_sum.self);
	for (i = 0; rc == 0 && i < c->n_rows; i++)
		if (is_unread(c, &c->rows[i]))
			c->rows[i].self.p = c->rows[i].self.q = c->rows[i].total.p =
				c->rows[i].total.q = 1;
	c->explains = is_clear(c);
	c->test = j.df > 0   ? (j.varies ? COMPARE_RUNS : COMPARE_EXACT)
		  : j.varies ? COMPARE_SAMPLING
			     : COMPARE_EXACT;
	if (rc == 0)
		rc = discover(c, 0);
	if (rc == 0)
		rc = discover(c, 1);
	return rc ? err_nomem(err, "the statistics of a comparison") : 0;
}
