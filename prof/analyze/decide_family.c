/* Many series of one comparison judged together: false discoveries (Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B
 * 57, 1995), with weights (C. R. Genovese, K. Roeder, L. Wasserman, Biometrika 93, 2006): half of the error allowed is for
 * the few series of the whole run, so that many stages do not hide it, and of the other half large stages get more, so
 * that many small ones do not hide those. Regressions and improvements are two
 * families: each may err with `alpha`. Where nothing changed, every discovery is a false one, so the chance of any
 * regression is at most alpha (J. R. Simes, Biometrika 73, 1986, under positive dependence, as times of one run have). */
#include <math.h>
#include <stdlib.h>

#include "prof/analyze/decide_internal.h"
#include "prof/analyze/rank.h"
#include "prof/base/err.h"

struct member {
	double p; /* by its weight */
	struct decision *d;
};

static int is_judged(const struct decision *d)
{
	return d->test == DECIDE_PAIRED || d->test == DECIDE_TWO_SAMPLE;
}

static int by_p(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->p < y->p || x->p > y->p)
		return x->p < y->p ? -1 : 1;
	return (x->d > y->d) - (x->d < y->d);
}

/* What the weights are made of. */
struct family {
	size_t all, whole, others;
	double size; /* of the others, added up */
};

#define EVENLY 0.1 /* of what the others get is shared out without regard to size */

static double size_of(const struct decision *d)
{
	return !d->whole && d->weight > 0 && isfinite(d->weight) ? d->weight : 0;
}

static int will_be_judged(const struct decision *d)
{
	return is_judged(d) || d->reason == DECIDE_ONE_RUN;
}

/* Of all for which `in` holds. */
static void count(struct family *f, const struct decision *d, size_t n,
		  int (*in)(const struct decision *))
{
	size_t i;

	*f = (struct family){0, 0, 0, 0};
	for (i = 0; i < n; i++) {
		if (!in(&d[i]))
			continue;
		f->all++;
		*(d[i].whole ? &f->whole : &f->others) += 1;
		f->size += size_of(&d[i]);
	}
}

/* 1 on average over all. */
static double weight_of(const struct decision *d, const struct family *f)
{
	double half = (double)f->all * (f->whole && f->others ? 0.5 : 1), even;

	if (d->whole)
		return half / (double)f->whole;
	even = 1 / (double)f->others;
	if (!(f->size > 0))
		return half * even;
	return half * (EVENLY * even + (1 - EVENLY) * size_of(d) / f->size);
}

static void set_q(struct member *m, size_t n, size_t all)
{
	double least = 1;
	size_t i;

	qsort(m, n, sizeof(*m), by_p);
	for (i = n; i-- > 0;) {
		double q = m[i].p * (double)all / (double)(i + 1);

		least = q < least ? q : least;
		m[i].d->q = least;
	}
}

/* How many more runs would bring p down to what a series alone in its family needs, the shift and the spread staying. */
static size_t more_for(const struct decision *d, double p_needed)
{
	double n = (double)(d->n_a < d->n_b ? d->n_a : d->n_b), has, needs, need;

	has = rank_normal_quantile(d->p > 1e-300 ? d->p : 1e-300);
	needs = rank_normal_quantile(p_needed);
	if (!(has > 0) || !(needs > has))
		return 1;
	need = n * needs * needs / (has * has);
	need = ceil(need - n);
	return need > DECIDE_MORE_MAX ? 0 : need < 1 ? 1 : (size_t)need;
}

static void judge(struct decision *d, double alpha, double weight, size_t all)
{
	if (d->verdict != VERDICT_REGRESSION && d->verdict != VERDICT_IMPROVED)
		return;
	if (d->q <= alpha)
		return;
	d->verdict = VERDICT_INCONCLUSIVE;
	d->reason = DECIDE_MANY;
	d->more = more_for(d, alpha * weight / (double)all);
}

#define LIKELY 0.05 /* p of a change that more runs may confirm */

/* May more runs make it a change? */
static int may_be_change(const struct decision *d)
{
	if (d->verdict != VERDICT_INCONCLUSIVE)
		return 0;
	switch (d->reason) {
	case DECIDE_ONE_RUN:
	case DECIDE_FEW_RUNS:
	case DECIDE_MANY:
		return 1;
	case DECIDE_SPREAD:
	case DECIDE_OUTLIERS:
		return d->more > 0 && d->p <= LIKELY;
	default:
		return 0;
	}
}

/* What is proposed must be able to be sure enough as one of all series that will then be judged. */
static void raise_more(struct decision *d, size_t n, double alpha)
{
	struct family f;
	size_t i;

	count(&f, d, n, will_be_judged);
	for (i = 0; i < n; i++) {
		size_t has = d[i].n_a < d[i].n_b ? d[i].n_a : d[i].n_b, runs;
		int paired = d[i].paired || d[i].test == DECIDE_PAIRED;

		if (!will_be_judged(&d[i]) || !may_be_change(&d[i]))
			continue;
		if (d[i].more == 0 && has > 1 && d[i].reason != DECIDE_ONE_RUN)
			continue; /* known: too many */
		runs = decide_least_runs(paired, has + d[i].more,
					 alpha * weight_of(&d[i], &f) / (double)f.all);
		d[i].more = runs >= has && runs - has <= DECIDE_MORE_MAX ? runs - has : 0;
	}
}

int decide_family(struct decision *d, size_t n, double alpha)
{
	struct member *m = malloc((n + 1) * sizeof(*m));
	struct family f;
	size_t i, members;
	int direction;

	if (!m)
		return ERR_NOMEM;
	if (!(alpha > 0))
		alpha = DECIDE_ALPHA;
	count(&f, d, n, is_judged);
	for (direction = -1; direction <= 1; direction++) {
		for (i = members = 0; i < n; i++)
			if (is_judged(&d[i]) && d[i].worse == direction)
				m[members++] =
					(struct member){d[i].p / weight_of(&d[i], &f), &d[i]};
		set_q(m, members, f.all);
	}
	free(m);
	for (i = 0; i < n; i++)
		if (is_judged(&d[i])) {
			d[i].alpha = alpha;
			judge(&d[i], alpha, weight_of(&d[i], &f), f.all);
		}
	raise_more(d, n, alpha);
	return 0;
}
