/* Many series of one comparison judged together: false discoveries (Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B
 * 57, 1995), with weights (C. R. Genovese, K. Roeder, L. Wasserman, Biometrika 93, 2006) that give half of the error
 * allowed to the few series of the whole run, so that many stages do not hide it. Regressions and improvements are two
 * families: each may err with `alpha`. Where nothing changed, every discovery is a false one, so the chance of any
 * regression is at most alpha (J. R. Simes, Biometrika 73, 1986, under positive dependence, as times of one run have). */
#include <math.h>
#include <stdlib.h>

#include "prof/analyze/decide.h"
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

/* Share of a series in `all`: 1 on average. */
static double weight_of(const struct decision *d, size_t all, size_t whole)
{
	if (whole == 0 || whole == all)
		return 1;
	return (double)all / 2 / (double)(d->whole ? whole : all - whole);
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
	if (d->test == DECIDE_PAIRED && need < -log2(p_needed))
		need = -log2(p_needed);
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

int decide_family(struct decision *d, size_t n, double alpha)
{
	struct member *m = malloc((n + 1) * sizeof(*m));
	size_t all = 0, whole = 0, i, members;
	int direction;

	if (!m)
		return ERR_NOMEM;
	if (!(alpha > 0))
		alpha = DECIDE_ALPHA;
	for (i = 0; i < n; i++) {
		all += is_judged(&d[i]) != 0;
		whole += is_judged(&d[i]) && d[i].whole;
	}
	for (direction = -1; direction <= 1; direction++) {
		for (i = members = 0; i < n; i++)
			if (is_judged(&d[i]) && d[i].worse == direction)
				m[members++] = (struct member){
					d[i].p / weight_of(&d[i], all, whole), &d[i]};
		set_q(m, members, all);
	}
	free(m);
	for (i = 0; i < n; i++)
		if (is_judged(&d[i])) {
			d[i].alpha = alpha;
			judge(&d[i], alpha, weight_of(&d[i], all, whole), all);
		}
	return 0;
}
