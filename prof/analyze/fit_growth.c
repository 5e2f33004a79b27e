/* Is the growth worse than declared? For each parameter x that varies by itself, the declared terms times x^e are fitted, the
 * constant left free: small sizes, which the constant rules, then say nothing about growth. e = 0 is what was declared; the
 * interval of e is where the squares of log residuals stay within t² of the least (profile likelihood). */
#include <math.h>
#include <string.h>

#include "prof/analyze/fit.h"
#include "prof/analyze/student.h"

#define FROM    (-3.0)
#define TO      4.0
#define GRID    28
#define STEPS   40
#define LEAST_S 0.005 /* nobody's growth is known better than that, whatever the residuals */

const char *growth_verdict_name(enum growth_verdict v)
{
	static const char *const names[GROWTH_VERDICTS] = {"worse", "as declared",   "less",
							   "open",  "too few sizes", "fixed",
							   "tied",  "too short"};

	return names[v];
}

struct test {
	struct fit_data *d;
	size_t param;
	double middle; /* of the parameter: the mean of its logarithms */
	size_t active; /* coefficients at the last solution, and these */
	double c[FIT_TERMS];
};

static double bent(const struct test *t, size_t i, size_t j, double e)
{
	const struct fit_data *d = t->d;
	double v = d->t[i * d->terms + j];

	return j ? v * exp(e * (log(d->x[i * d->n_params + t->param]) - t->middle)) : v;
}

/* The squares of log residuals that remain with the terms bent by x^e; weights as the fit left them. */
static double squares(struct test *t, double e)
{
	struct fit_data *d = t->d;
	double c[FIT_TERMS], row[FIT_TERMS], scale[FIT_TERMS] = {0}, rss, sum = 0;
	size_t i, j;
	int round;

	for (i = 0; i < d->n; i++) {
		d->mu[i] = d->y[i];
		for (j = 0; j < d->terms; j++)
			scale[j] = fmax(scale[j], bent(t, i, j, e) / d->y[i]);
	}
	for (round = 0; round < 5; round++) {
		struct nnls m;
		unsigned active;

		nnls_init(&m, d->terms);
		for (i = 0; i < d->n; i++) {
			double w = sqrt(d->weight[i]) / d->mu[i];

			for (j = 0; j < d->terms; j++)
				row[j] = scale[j] > 0 ? bent(t, i, j, e) / scale[j] * w : 0;
			nnls_add(&m, row, d->y[i] * w);
		}
		active = nnls_solve(&m, c, &rss);
		for (t->active = 0; active; active &= active - 1)
			t->active++;
		for (i = 0, sum = 0; i < d->n; i++) {
			double mu = 0, l;

			for (j = 0; j < d->terms; j++)
				mu += scale[j] > 0 ? c[j] * bent(t, i, j, e) / scale[j] : 0;
			mu = fmin(fmax(mu, d->y[i] / 8), d->y[i] * 8);
			l = log(d->y[i] / mu);
			sum += d->weight[i] * l * l;
			d->mu[i] = mu;
		}
	}
	for (j = 0; j < d->terms; j++)
		t->c[j] = scale[j] > 0 ? c[j] / scale[j] : 0;
	return sum;
}

/* The e with the least squares: the best of a grid, then the golden section around it. */
static double least(struct test *t, double *at_least)
{
	const double golden = (sqrt(5) - 1) / 2;
	double best = INFINITY, at = 0, lo, hi, a, b, qa, qb;
	int i;

	for (i = 0; i <= GRID; i++) {
		double e = FROM + (TO - FROM) * i / GRID, q = squares(t, e);

		if (q < best) {
			best = q;
			at = e;
		}
	}
	lo = fmax(FROM, at - (TO - FROM) / GRID);
	hi = fmin(TO, at + (TO - FROM) / GRID);
	a = hi - golden * (hi - lo);
	b = lo + golden * (hi - lo);
	qa = squares(t, a);
	qb = squares(t, b);
	for (i = 0; i < STEPS / 2; i++) {
		if (qa < qb) {
			hi = b;
			b = a;
			qb = qa;
			a = hi - golden * (hi - lo);
			qa = squares(t, a);
		} else {
			lo = a;
			a = b;
			qa = qb;
			b = lo + golden * (hi - lo);
			qb = squares(t, b);
		}
	}
	*at_least = fmin(fmin(qa, qb), best);
	return fmin(qa, qb) <= best ? (lo + hi) / 2 : at;
}

/* Where between `from` (below `limit`) and `end` the squares reach `limit`; infinite when they do not. */
static double reach(struct test *t, double from, double end, double limit)
{
	int i;

	if (!(squares(t, end) > limit))
		return end > from ? INFINITY : -INFINITY;
	for (i = 0; i < STEPS / 2; i++) {
		double middle = (from + end) / 2;

		if (squares(t, middle) > limit)
			end = middle;
		else
			from = middle;
	}
	return (from + end) / 2;
}

/* How many values the parameter has, up to 16; nearby ones count once. */
static size_t distinct(const struct fit_data *d, size_t param)
{
	double seen[16];
	size_t i, k, n = 0;

	for (i = 0; i < d->n && n < 16; i++) {
		double x = d->x[i * d->n_params + param];

		for (k = 0; k < n; k++)
			if (x <= seen[k] * 1.05 && seen[k] <= x * 1.05)
				break;
		if (k == n)
			seen[n++] = x;
	}
	return n;
}

/* The power of the parameter in what was fitted, without the constant, at the largest of its values. */
static double declared_power(const struct fit *f, const struct fit_data *d, size_t param)
{
	double sum = 0, whole = 0, plain = 0;
	size_t i, j, at = 0;

	for (i = 1; i < d->n; i++)
		if (d->x[i * d->n_params + param] > d->x[at * d->n_params + param])
			at = i;
	for (j = 0; j < f->form.n; j++) {
		double v = f->c[j + 1] * d->t[at * d->terms + j + 1];
		double e =
			complexity_exponent(&f->form, j, (unsigned)param, d->x + at * d->n_params);

		whole += v;
		sum += v * e;
		plain = fmax(plain, e);
	}
	return whole > 0 ? sum / whole : plain;
}

static void test_param(struct fit *f, struct fit_data *d, size_t param)
{
	struct fit_growth *g = &f->growth[param];
	struct test t = {d, param, 0, 0, {0}};
	double q, variance, freedom, wide, value;
	size_t i;

	if (distinct(d, param) < 3)
		return;
	for (i = 0; i < d->n; i++) {
		if (!(d->x[i * d->n_params + param] > 0))
			return;
		t.middle += log(d->x[i * d->n_params + param]) / (double)d->n;
	}
	g->excess = least(&t, &q);
	squares(&t, g->excess);
	memcpy(g->c, t.c, sizeof g->c);
	g->middle = t.middle;
	freedom = (double)d->n / f->design - 1 - (double)(t.active > 2 ? t.active : 2);
	if (!(freedom > 0.5)) {
		g->excess = NAN;
		return;
	}
	variance = fmax(q / ((double)d->n - 1 - (double)(t.active > 2 ? t.active : 2)),
			LEAST_S * LEAST_S) *
		   f->design;
	wide = student_quantile(1 - FIT_CONFIDENCE, freedom);
	g->lo = reach(&t, g->excess, FROM, q + wide * wide * variance);
	g->hi = reach(&t, g->excess, TO, q + wide * wide * variance);
	value = g->excess > FIT_MARGIN ? sqrt(fmax(squares(&t, FIT_MARGIN) - q, 0) / variance) : 0;
	g->p = g->excess > FIT_MARGIN ? student_p(value, freedom) / 2 : 1;
	g->verdict = GROWTH_OPEN;
}

void fit_growth_test(struct fit *f, struct fit_data *d)
{
	struct power_fit what;
	size_t i;

	power_identify(&what, d->x, d->n, d->n_params);
	for (i = 0; i < d->n_params; i++) {
		struct fit_growth *g = &f->growth[i];

		*g = (struct fit_growth){GROWTH_FEW, i, NAN, NAN, NAN, NAN, NAN, NAN, {0}, 0};
		if (f->state != FIT_OK && f->state != FIT_ONE_SIZE)
			continue;
		g->declared = declared_power(f, d, i);
		if (what.params[i].state == POWER_CONSTANT) {
			g->verdict = GROWTH_FIXED;
		} else if (what.params[i].state == POWER_TIED) {
			g->verdict = GROWTH_TIED;
			g->with = what.params[i].with;
		} else if (what.params[i].state == POWER_FITTED && f->state == FIT_OK) {
			test_param(f, d, i);
		}
	}
}

void fit_growth_judge(struct fit *f)
{
	double least_value = cost_metric_is_time(f->metric) ? FIT_LEAST_NS : FIT_LEAST_SIZE;
	size_t i;

	for (i = 0; i < f->form.n_params; i++) {
		struct fit_growth *g = &f->growth[i];

		if (g->verdict != GROWTH_OPEN)
			continue;
		if (f->largest < least_value)
			g->verdict = GROWTH_SHORT;
		else if (g->q <= FIT_FALSE && g->excess > FIT_MARGIN)
			g->verdict = GROWTH_WORSE;
		else if (g->hi < -FIT_MARGIN)
			g->verdict = GROWTH_LESS;
		else if (g->hi <= 2 * FIT_MARGIN)
			g->verdict = GROWTH_AS_DECLARED;
	}
}
