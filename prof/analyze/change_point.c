/* Changes of level of a series: search, place, proof; many series. See change_point.h. */
#include "prof/analyze/change_point.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/change_internal.h"
#include "prof/analyze/rank.h"
#include "prof/analyze/student.h"

#define ALPHA     0.01
#define KEEP      0.05 /* p of the two levels beside a change that stays */
#define ALIKE     1.5  /* standard errors of the likeness of neighbours: from there on it counts */
#define EXACT_PER 4    /* values for each change of a count that is exact, at least */

struct change_work *change_work_new(void)
{
	return malloc(sizeof(struct change_work));
}

void change_work_free(struct change_work *w)
{
	free(w);
}

void change_release(struct change_series *s)
{
	free(s->points);
	*s = (struct change_series){.n = 0};
}

/* ---- levels ---- */

static size_t level_from(const struct change_work *w, size_t i)
{
	return i ? w->at[i - 1] : 0;
}

static size_t level_to(const struct change_work *w, size_t i)
{
	return i < w->n_at ? w->at[i] : w->n;
}

static void add_place(struct change_work *w, size_t place, double p)
{
	size_t i = w->n_at++;

	for (; i > 0 && w->at[i - 1] > place; i--) {
		w->at[i] = w->at[i - 1];
		w->p[i] = w->p[i - 1];
	}
	w->at[i] = place;
	w->p[i] = p;
}

static void remove_place(struct change_work *w, size_t i)
{
	for (w->n_at--; i < w->n_at; i++) {
		w->at[i] = w->at[i + 1];
		w->p[i] = w->p[i + 1];
	}
}

static double deviations(struct change_work *w, size_t from, size_t to)
{
	double middle = change_median(w, from, to), sum = 0;
	size_t i;

	for (i = from; i < to; i++)
		sum += fabs(w->x[i] - middle);
	return sum;
}

/* Where the two levels in [from, to) part best. `to` if they part nowhere. */
static size_t best_place(struct change_work *w, size_t from, size_t to)
{
	double least = (double)INFINITY;
	size_t best = to, k;

	for (k = from + CHANGE_SIDE_MIN; k + CHANGE_SIDE_MIN <= to; k++) {
		double cost;

		if (w->group[k] == w->group[k - 1])
			continue;
		cost = deviations(w, from, k) + deviations(w, k, to);
		if (cost < least * (1 - 1e-12)) {
			least = cost;
			best = k;
		}
	}
	return best;
}

/* ---- search ---- */

/* Levels are looked into until none has a change; the p of the whole series is that of the first look. */
static void search(struct change_work *w, double alpha, double *first_p)
{
	size_t i = 0, place;

	while (i <= w->n_at && w->n_at < w->n) {
		size_t from = level_from(w, i), to = level_to(w, i);
		double p = change_test(w, from, to, &place);

		if (isnan(*first_p))
			*first_p = p;
		if (place && p <= alpha)
			add_place(w, place, p); /* and this level is looked at again */
		else
			i++;
	}
}

static void settle_places(struct change_work *w)
{
	size_t i;

	for (i = 0; i < w->n_at; i++) {
		size_t from = level_from(w, i), to = level_to(w, i + 1);
		size_t place = best_place(w, from, to);

		if (place < to)
			w->at[i] = place;
	}
}

/* ---- proof ---- */

struct beside { /* the levels before and after a change, ascending */
	double a[CHANGE_VALUES_MAX], b[CHANGE_VALUES_MAX];
	size_t n_a, n_b;
	double before, after;
};

static void look_beside(struct beside *s, const struct change_work *w, size_t i)
{
	size_t from = level_from(w, i), at = w->at[i], to = level_to(w, i + 1);

	s->n_a = at - from;
	s->n_b = to - at;
	memcpy(s->a, w->x + from, s->n_a * sizeof *s->a);
	memcpy(s->b, w->x + at, s->n_b * sizeof *s->b);
	rank_sort(s->a, s->n_a);
	rank_sort(s->b, s->n_b);
	s->before = rank_median_of_sorted(s->a, s->n_a);
	s->after = rank_median_of_sorted(s->b, s->n_b);
}

static int matters(const struct beside *s, const struct change_rule *rule)
{
	double change = fabs(s->after - s->before);

	return change > 0 && change >= rule->relative * fabs(s->before) && change >= rule->absolute;
}

static double mean_of(const struct change_work *w, size_t from, size_t to)
{
	double sum = 0;
	size_t i;

	for (i = from; i < to; i++)
		sum += w->x[i];
	return sum / (double)(to - from);
}

/* Student's t of the two levels beside a change with the spread that alike neighbours give to means (their values count
 * (1 - r) / (1 + r) times: G. V. Bayley, J. M. Hammersley, J. R. Stat. Soc. Suppl. 8, 1946), for any of all places. */
static double chance_of_alike(const struct change_work *w, size_t i)
{
	size_t from = level_from(w, i), at = w->at[i], to = level_to(w, i + 1);
	double counts = (1 - w->likeness) / (1 + w->likeness), n = (double)w->n;
	double part = 1 / (double)(at - from) + 1 / (double)(to - at);
	double d = fabs(mean_of(w, at, to) - mean_of(w, from, at));

	if (!(w->spread > 0))
		return 0;
	return fmin(n * student_p(d / (w->spread * sqrt(part / counts)), fmax(n * counts - 2, 3)),
		    1);
}

/* How little a change stands: more than 1 if it does not matter, else p of the levels beside it. */
static double weakness(struct change_work *w, size_t i, const struct change_rule *rule)
{
	struct beside s;
	struct rank_p p;
	double room[2 * CHANGE_VALUES_MAX];

	look_beside(&s, w, i);
	if (!matters(&s, rule))
		return 2;
	if (w->likeness > 0)
		return chance_of_alike(w, i);
	rank_sum(&p, s.a, s.n_a, s.b, s.n_b, 0, room);
	return fmin(2 * fmin(p.up, p.down), 1);
}

static void prove(struct change_work *w, const struct change_rule *rule)
{
	for (;;) {
		double worst = 0;
		size_t i, which = 0;

		settle_places(w);
		for (i = 0; i < w->n_at; i++) {
			double p = weakness(w, i, rule);

			if (p > worst) {
				worst = p;
				which = i;
			}
		}
		if (!(worst > KEEP))
			return;
		remove_place(w, which);
	}
}

/* How alike neighbours are, each less its level: of few values it is seen too low (M. G. Kendall, Biometrika 41, 1954), the
 * more so the more levels were taken off. */
static void look_at_neighbours(struct change_work *w)
{
	double n = (double)w->n, levels = (double)w->n_at + 1, sum = 0, rho;
	size_t i, k;

	for (i = 0; i <= w->n_at; i++) {
		size_t from = level_from(w, i), to = level_to(w, i);
		double mean = mean_of(w, from, to);

		for (k = from; k < to; k++) {
			w->moved[k] = w->x[k] - mean;
			sum += w->moved[k] * w->moved[k];
		}
	}
	rho = change_likeness(w->moved, w->n);
	rho = fmin(rho + levels * (1 + 4 * rho) / n, 0.9);
	w->likeness = rho * sqrt(n) >= ALIKE ? rho : 0;
	w->spread = sqrt(sum / fmax(n - levels, 1));
}

/* Permuting takes neighbours for strangers. Where they are not, what was found must stand with as many values as are
 * strangers, too. */
static void find_levels(double *first_p, struct change_work *w, const struct change_rule *rule)
{
	w->likeness = 0;
	search(w, rule->alpha, first_p);
	prove(w, rule);
	if (!w->n_at)
		return;
	look_at_neighbours(w);
	if (w->likeness > 0)
		prove(w, rule);
}

/* ---- a line instead ---- */

static double criterion(double cost, size_t n, size_t parameters)
{
	return 2 * (double)n * log(cost) + (double)parameters * log((double)n);
}

static double deviations_of_levels(struct change_work *w, size_t levels)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < levels; i++)
		sum += deviations(w, level_from(w, i), level_to(w, i));
	return sum;
}

/* A drift looks like steps: where the first levels and then a line fit better than all of the levels, that it is. */
static void try_lines(struct change_series *s, struct change_work *w,
		      const struct change_rule *rule)
{
	double best = criterion(deviations_of_levels(w, w->n_at + 1), w->n, 2 * w->n_at + 1);
	size_t levels, place = w->n_at;
	struct change_drift d;
	double p;

	for (levels = 0; levels < w->n_at; levels++) {
		size_t from = level_from(w, levels);
		double cost = deviations_of_levels(w, levels) + change_line_cost(w, from, w->n);
		double here = criterion(cost, w->n, 2 * levels + 2);

		if (!(here < best))
			continue;
		change_drift_of(&d, &p, w, from, w->n, rule);
		if (!d.n)
			continue;
		best = here;
		place = levels;
	}
	w->n_at = place;
	change_drift_of(&s->drift, &s->drift_p, w, level_from(w, w->n_at), w->n, rule);
}

/* ---- counts that do not vary ---- */

static int no_levels(struct change_work *w)
{
	w->n_at = 0;
	return 0;
}

/* Do all values of each level equal each other, and are changes rare? Then these are the changes. A value that stands
 * alone between equal ones is none. */
static int find_exact(struct change_work *w)
{
	size_t i;

	if (w->n < CHANGE_EXACT_MIN)
		return 0;
	w->n_at = 0;
	for (i = 1; i < w->n; i++) {
		int differs = w->x[i] < w->x[i - 1] || w->x[i] > w->x[i - 1];

		if (!differs)
			continue;
		if (w->group[i] == w->group[i - 1])
			return no_levels(w); /* it varies with the same commit */
		if (i + 1 < w->n && !(w->x[i + 1] < w->x[i - 1] || w->x[i + 1] > w->x[i - 1])) {
			i++;
			continue;
		}
		w->at[w->n_at] = i;
		w->p[w->n_at++] = 0;
	}
	if (w->n_at * EXACT_PER > w->n)
		return no_levels(w);
	return 1;
}

/* A change of a count that does not matter makes one level of two. */
static void prove_exact(struct change_work *w, const struct change_rule *rule)
{
	struct beside s;
	size_t i = 0;

	while (i < w->n_at) {
		look_beside(&s, w, i);
		if (matters(&s, rule))
			i++;
		else
			remove_place(w, i);
	}
}

/* ---- what is told ---- */

static void describe(struct change_point *c, const struct change_work *w, size_t i, int exact)
{
	struct beside s;
	double lo, hi;

	look_beside(&s, w, i);
	*c = (struct change_point){.at = w->from[w->at[i]],
				   .before = s.before,
				   .after = s.after,
				   .p = w->p[i],
				   .exact = exact};
	c->change = s.before > 0 ? s.after / s.before - 1 : (double)NAN;
	rank_sum_interval(s.a, s.n_a, s.b, s.n_b, 0.025, &lo, &hi);
	if (exact)
		lo = hi = s.after - s.before;
	c->lo = s.before > 0 && isfinite(lo) ? lo / s.before : (double)NAN;
	c->hi = s.before > 0 && isfinite(hi) ? hi / s.before : (double)NAN;
}

static int tell(struct change_series *s, struct change_work *w, int exact, struct err *err)
{
	size_t i;

	s->level = change_median(w, level_from(w, w->n_at), w->n);
	if (s->drift.n)
		s->drift.from = w->from[s->drift.from];
	if (!w->n_at)
		return 0;
	s->points = malloc(w->n_at * sizeof *s->points);
	if (!s->points)
		return err_nomem(err, "the changes of a series");
	for (i = 0; i < w->n_at; i++)
		describe(&s->points[s->n++], w, i, exact);
	return 0;
}

/* The latest values that are numbers. */
static void take(struct change_work *w, struct change_series *s, const double *values,
		 const uint32_t *group, size_t n)
{
	size_t i, skip;

	for (i = 0; i < n; i++)
		s->values += isfinite(values[i]) != 0;
	skip = s->values > CHANGE_VALUES_MAX ? s->values - CHANGE_VALUES_MAX : 0;
	w->n = w->n_at = 0;
	for (i = 0; i < n; i++) {
		if (!isfinite(values[i]) || (skip && skip--))
			continue;
		w->x[w->n] = values[i];
		w->from[w->n] = i;
		w->group[w->n++] = group ? group[i] : (uint32_t)i;
	}
	s->first = w->n ? w->from[0] : 0;
}

int change_find(struct change_series *s, const double *values, const uint32_t *group, size_t n,
		const struct change_rule *rule, struct change_work *w, struct err *err)
{
	struct change_rule r = *rule;
	int exact;

	*s = (struct change_series){
		.level = (double)NAN, .step_p = (double)NAN, .drift_p = (double)NAN};
	r.alpha = r.alpha > 0 ? r.alpha : ALPHA;
	take(w, s, values, group, n);
	s->too_few = !w->n;
	if (!w->n)
		return 0;
	exact = r.count && find_exact(w);
	if (exact) {
		prove_exact(w, &r);
		return tell(s, w, 1, err);
	}
	if (w->n < CHANGE_VALUES_MIN) {
		s->too_few = 1;
		return tell(s, w, 0, err);
	}
	find_levels(&s->step_p, w, &r);
	try_lines(s, w, &r);
	return tell(s, w, 0, err);
}

/* ---- many series ---- */

/* q of each p that is a number; others get 1. */
static int discoveries(double *p, double *q, size_t n)
{
	size_t i, k = 0;
	double *packed = calloc(2 * n + 1, sizeof *packed);
	int rc;

	if (!packed)
		return ERR_NOMEM;
	for (i = 0; i < n; i++)
		if (!isnan(p[i]))
			packed[k++] = p[i];
	rc = trend_false_discovery(packed, packed + n, k);
	for (i = 0, k = 0; i < n; i++)
		q[i] = isnan(p[i]) ? 1 : packed[n + k++];
	free(packed);
	return rc;
}

static void judge(struct change_series *s, double step_q, double drift_q, double rate)
{
	size_t i, kept = 0;

	for (i = 0; i < s->n; i++) {
		s->points[i].q = s->points[i].exact ? 0 : step_q;
		if (s->points[i].q <= rate)
			s->points[kept++] = s->points[i];
	}
	s->n = kept;
	s->drift.q = drift_q;
	if (drift_q > rate)
		s->drift.n = 0;
}

int change_judge(struct change_series *const *series, size_t n, double rate)
{
	double *p = malloc((n + 1) * sizeof *p), *step = malloc((n + 1) * sizeof *step);
	double *drift = malloc((n + 1) * sizeof *drift);
	size_t i;
	int rc = p && step && drift ? 0 : ERR_NOMEM;

	for (i = 0; rc == 0 && i < n; i++)
		p[i] = series[i]->step_p;
	if (rc == 0)
		rc = discoveries(p, step, n);
	for (i = 0; rc == 0 && i < n; i++)
		p[i] = series[i]->drift_p;
	if (rc == 0)
		rc = discoveries(p, drift, n);
	for (i = 0; rc == 0 && i < n; i++)
		judge(series[i], step[i], drift[i], rate);
	free(p);
	free(step);
	free(drift);
	return rc;
}
