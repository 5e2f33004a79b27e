/* The decision on one series: see decide.h. */
#include "prof/analyze/decide.h"

#include <math.h>
#include <string.h>

#include "prof/analyze/bootstrap.h"
#include "prof/analyze/decide_internal.h"
#include "prof/analyze/rank.h"
#include "prof/base/err.h"

#define POWER_Z 0.8416212335729143 /* proposed runs suffice in 80 of 100 cases */
#define CHANCE  0.05
/* A change that is certain is called larger than what matters with so many times the error of a bound: where that is wrong,
 * it is nearly as large. */
#define BEYOND 4
/* Groups that ran one after the other: a shift is told only beyond so many times what drifted within both of them. */
#define DRIFT_TIMES 2

/* ---- words ---------------------------------------------------------------------------------------- */

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {"ok", "improved", "regression", "inconclusive"};

	return names[v];
}

const char *decide_reason_text(enum decide_reason r)
{
	static const char *const texts[DECIDE_REASONS] = {
		[DECIDE_DECIDED] = "",
		[DECIDE_NO_BASE] = "no run of the base has this value",
		[DECIDE_NO_CANDIDATE] = "no run of the candidate has this value",
		[DECIDE_ZERO_BASE] = "the base is zero, so there is no relative change: look at "
				     "the values, and where so much does not matter, set it as the "
				     "absolute minimum",
		[DECIDE_NOT_FINITE] = "a value is infinite: look at that run",
		[DECIDE_ONE_RUN] = "one run of a group does not tell how much its values vary: run "
				   "both several "
				   "times",
		[DECIDE_ONE_COUNT] =
			"compared as counted in one run of a group; how much the count varies "
			"between runs is not known",
		[DECIDE_FEW_RUNS] = "too few runs to tell a change from chance, whatever they show",
		[DECIDE_NO_MINIMUM] = "the values vary and no smallest change that matters is set, "
				      "so \"no change\" "
				      "cannot be shown: set relative or absolute",
		[DECIDE_SPREAD] = "the runs differ too much among themselves for their number",
		[DECIDE_NOISY] = "the runs differ so much among themselves that more of them would "
				 "not help: make "
				 "the machine quieter or the run longer, or compare a count",
		[DECIDE_OUTLIERS] = "more than a fifth of the runs differ by far from the others: "
				    "find out what they "
				    "do differently",
		[DECIDE_DRIFT] =
			"the groups ran one after the other, and within them values moved as much "
			"as between them: run both in turns (gate --exec)",
		[DECIDE_MANY] =
			"likely a change if looked at alone, but among so many series one looks "
			"like that by chance: more runs would tell",
		[DECIDE_NO_MEMORY] = "no memory to decide",
	};

	return texts[r];
}

/* ---- counts --------------------------------------------------------------------------------------- */

/* A count that varies is judged like a time, by at least this part of the base. */
#define COUNT_VARIES 0.005
/* One that varies by no more than this part of the smallest change that matters is compared by its extremes. */
#define COUNT_STEADY      4
#define COUNT_STEADY_RUNS 3

struct range {
	double min, max;
};

static struct range range_of(const double *v, size_t n)
{
	struct range r = {v[0], v[0]};
	size_t i;

	for (i = 1; i < n; i++) {
		r.min = v[i] < r.min ? v[i] : r.min;
		r.max = v[i] > r.max ? v[i] : r.max;
	}
	return r;
}

static double positive(double v)
{
	return v > 0 ? v : 0;
}

/* The smallest change that matters, in units of the values. */
static double least_units(const struct sample *x, const struct decide_rule *r)
{
	double relative = positive(r->relative) * fabs(x->base), absolute = positive(r->absolute);

	return relative > absolute ? relative : absolute;
}

/* Of a change that lies in [by.min, by.max] for certain; 0: it straddles the smallest one that matters. */
static int exact_verdict(struct decision *d, struct range by, double least,
			 const struct decide_rule *r)
{
	if (r->higher_is_better)
		by = (struct range){-by.max, -by.min};
	if (by.min > least)
		d->verdict = VERDICT_REGRESSION;
	else if (by.max < -least)
		d->verdict = VERDICT_IMPROVED;
	else if (by.max <= least && by.min >= -least)
		d->verdict = VERDICT_OK;
	else
		return 0;
	d->worse = d->verdict == VERDICT_OK ? 0 : d->verdict == VERDICT_REGRESSION ? 1 : -1;
	d->p = d->q = d->worse ? 0 : 1;
	d->test = DECIDE_EXACT;
	return 1;
}

/* 1: decided. */
static int decide_count(struct decision *d, const struct sample *x, const struct decide_rule *r)
{
	struct range a = range_of(x->a, x->n_a), b = range_of(x->b, x->n_b);
	struct range by = {b.min - a.max, b.max - a.min};
	double least = least_units(x, r), of = fabs(x->base);
	int varies = a.max > a.min || b.max > b.min;

	if (!(of > 0)) /* decide_zero() */
		return 0;
	if (varies && (x->n_a < COUNT_STEADY_RUNS || x->n_b < COUNT_STEADY_RUNS))
		return 0;
	if (varies &&
	    ((a.max - a.min) * COUNT_STEADY > least || (b.max - b.min) * COUNT_STEADY > least))
		return 0;
	if (!exact_verdict(d, by, least, r))
		return 0;
	d->reason = x->n_a == 1 || x->n_b == 1 ? DECIDE_ONE_COUNT : DECIDE_DECIDED;
	d->change = (x->candidate - x->base) / of;
	d->lo = by.min / of;
	d->hi = by.max / of;
	return 1;
}

/* A base of zero: all zero is no change, and so is what does not exceed the absolute minimum. 1: decided. */
static int decide_zero(struct decision *d, const struct sample *x, const struct decide_rule *r)
{
	struct range a = range_of(x->a, x->n_a), b = range_of(x->b, x->n_b);
	double most = fmax(b.max - a.min, a.max - b.min);

	if (most > positive(r->absolute) || (x->n_a == 1 && x->n_b == 1 && !r->count && most > 0))
		return 0;
	d->verdict = VERDICT_OK;
	d->test = DECIDE_EXACT;
	d->reason = r->count && (x->n_a == 1 || x->n_b == 1) ? DECIDE_ONE_COUNT : DECIDE_DECIDED;
	d->p = d->q = 1;
	if (!(most > 0))
		d->change = d->lo = d->hi = 0;
	return 1;
}

/* ---- shift ---------------------------------------------------------------------------------------- */

/* On the scale of the sample. Up is towards larger values. */
struct shift {
	double by, lo, hi;
	double beyond_lo, beyond_hi; /* narrower: see BEYOND */
	double se; /* standard error, of the interval's width or, without one, of the spread */
	struct rank_p p;
	double least; /* p cannot be less */
};

/* The middle distance from the median, as the standard deviation of a normal distribution. */
static double spread_of(const double *v, size_t n, double *room)
{
	double middle;
	size_t i;

	memcpy(room, v, n * sizeof(*v));
	middle = rank_median(room, n);
	for (i = 0; i < n; i++)
		room[i] = fabs(v[i] - middle);
	return 1.482602218505602 * rank_median(room, n);
}

static double beyond_tail(double tail)
{
	return fmin(BEYOND * tail, 0.45);
}

static void join(struct shift *s, double lo, double hi)
{
	s->lo = lo < s->lo ? lo : s->lo;
	s->hi = hi > s->hi ? hi : s->hi;
}

static void shift_paired(struct shift *s, const struct sample *x, double tail)
{
	double *sorted = x->room, *room = sorted + x->n_a, lo, hi;
	size_t n = x->n_a;

	rank_signed(&s->p, x->d, n, 0, room);
	s->least = rank_signed_least(n);
	memcpy(sorted, x->d, n * sizeof(*sorted));
	rank_sort(sorted, n);
	s->by = rank_walsh_median(sorted, n);
	rank_signed_interval(sorted, n, tail, &s->lo, &s->hi);
	rank_signed_interval(sorted, n, beyond_tail(tail), &s->beyond_lo, &s->beyond_hi);
	if (bootstrap_one(sorted, n, tail, x->boot, &lo, &hi) == 0)
		join(s, lo, hi);
	s->se = spread_of(x->d, n, room) / sqrt((double)n);
}

static void shift_groups(struct shift *s, const struct sample *x, double tail)
{
	double *a = x->room, *b = a + x->n_a, *room = b + x->n_b, lo, hi, of_a, of_b;

	rank_sum(&s->p, x->a, x->n_a, x->b, x->n_b, 0, room);
	s->least = rank_sum_least(x->n_a, x->n_b);
	memcpy(a, x->a, x->n_a * sizeof(*a));
	memcpy(b, x->b, x->n_b * sizeof(*b));
	rank_sort(a, x->n_a);
	rank_sort(b, x->n_b);
	s->by = rank_difference_median(a, x->n_a, b, x->n_b);
	rank_sum_interval(a, x->n_a, b, x->n_b, tail, &s->lo, &s->hi);
	rank_sum_interval(a, x->n_a, b, x->n_b, beyond_tail(tail), &s->beyond_lo, &s->beyond_hi);
	if (bootstrap_two(a, x->n_a, b, x->n_b, tail, x->boot, &lo, &hi) == 0)
		join(s, lo, hi);
	of_a = spread_of(x->a, x->n_a, room);
	of_b = spread_of(x->b, x->n_b, room);
	s->se = sqrt(of_a * of_a / (double)x->n_a + of_b * of_b / (double)x->n_b);
}

static void shift_of(struct shift *s, const struct sample *x, double tail)
{
	if (x->paired && x->n_a >= DECIDE_PAIRS_SHIFT)
		shift_paired(s, x, tail);
	else
		shift_groups(s, x, tail);
	if (x->paired && x->n_a >= DECIDE_PAIRS_SHIFT && x->n_a < DECIDE_PAIRS_MIN) {
		rank_sum(&s->p, x->a, x->n_a, x->b, x->n_b, 0, x->room);
		s->least = rank_sum_least(x->n_a, x->n_b);
	}
	if (isfinite(s->lo) && isfinite(s->hi))
		s->se = (s->hi - s->lo) / 2 / rank_normal_quantile(tail);
	if (x->drift > 0) { /* then nothing is called large for less than the whole interval */
		s->beyond_lo = s->lo -= DRIFT_TIMES * x->drift;
		s->beyond_hi = s->hi += DRIFT_TIMES * x->drift;
	}
}

/* ---- verdict -------------------------------------------------------------------------------------- */

/* The shift as seen towards regression: what is worse is up. */
struct view {
	double by, lo, hi, beyond_lo, beyond_hi;
	double worse,
		better; /* the smallest shifts that matter, both positive; better may be infinite */
	double p_worse, p_better;
};

static struct view view_of(const struct shift *s, const struct sample *x, double least, int flip)
{
	struct view v = {.by = s->by,
			 .lo = s->lo,
			 .hi = s->hi,
			 .beyond_lo = s->beyond_lo,
			 .beyond_hi = s->beyond_hi,
			 .worse = sample_shift(x, least),
			 .better = -sample_shift(x, -least),
			 .p_worse = s->p.up,
			 .p_better = s->p.down};

	if (flip)
		v = (struct view){.by = -s->by,
				  .lo = -s->hi,
				  .hi = -s->lo,
				  .beyond_lo = -s->beyond_hi,
				  .beyond_hi = -s->beyond_lo,
				  .worse = v.better,
				  .better = v.worse,
				  .p_worse = s->p.down,
				  .p_better = s->p.up};
	return v;
}

#define LEAST_RUNS_MAX 1000

double decide_least_p(int paired, size_t n)
{
	return paired && n >= DECIDE_PAIRS_MIN ? rank_signed_least(n) : rank_sum_least(n, n);
}

size_t decide_least_runs(int paired, size_t n, double alpha)
{
	for (n = n ? n : 1; n <= LEAST_RUNS_MAX; n++)
		if (decide_least_p(paired, n) <= alpha)
			return n;
	return 0;
}

/* Runs of each group, where there are n with that standard error, until a distance is told apart from nothing. */
static double runs_for(double n, double se, double distance, double tail)
{
	double by = (rank_normal_quantile(tail) + POWER_Z) * se / distance;

	return n * by * by;
}

/* For the verdict that the shift seen and the spread seen point to; a shift that chance may well have made is taken for
 * none. */
static double runs_needed(const struct decision *d, const struct view *v, double se, double tail)
{
	double n = (double)(d->n_a < d->n_b ? d->n_a : d->n_b);
	double by = fmin(v->p_worse, v->p_better) <= CHANCE ? v->by : 0, change, ok;

	if (by > v->worse)
		return fmax(runs_for(n, se, by, d->alpha),
			    runs_for(n, se, fmax(by - v->worse, se), beyond_tail(tail)));
	ok = runs_for(n, se, by > 0 ? fmax(v->worse - by, se) : v->worse - by, tail);
	if (!(by < -v->better))
		return ok;
	change = runs_for(n, se, -by, d->alpha);
	return fmin(ok,
		    fmax(change, runs_for(n, se, fmax(-v->better - by, se), beyond_tail(tail))));
}

/* Why it is inconclusive, and how many more runs would decide. */
static void explain(struct decision *d, const struct shift *s, const struct sample *x,
		    const struct view *v, double tail)
{
	size_t n = d->n_a < d->n_b ? d->n_a : d->n_b;
	int few = s->least > d->alpha || !isfinite(s->lo) || !isfinite(s->hi);
	double need = runs_needed(d, v, s->se, tail);

	if (few)
		need = fmax(need, (double)decide_least_runs(x->paired, n, d->alpha));
	d->reason = few ? DECIDE_FEW_RUNS : DECIDE_SPREAD;
	if (!few && x->drift > 0 &&
	    (v->beyond_lo + DRIFT_TIMES * x->drift > v->worse ||
	     v->hi - DRIFT_TIMES * x->drift < v->worse)) {
		d->reason = DECIDE_DRIFT; /* without it, this were decided */
		return;
	}
	if (!few && x->outliers)
		d->reason = DECIDE_OUTLIERS;
	if (!(v->worse > 0)) {
		d->reason = DECIDE_NO_MINIMUM;
		return;
	}
	if (!(need < (double)(n + DECIDE_MORE_MAX + 1))) {
		d->reason = few ? DECIDE_FEW_RUNS : x->outliers ? DECIDE_OUTLIERS : DECIDE_NOISY;
		return;
	}
	d->more = need > (double)n ? (size_t)ceil(need) - n : 1;
}

static void judge(struct decision *d, const struct shift *s, const struct sample *x,
		  const struct view *v, double tail)
{
	d->worse = v->by > 0 ? 1 : v->by < 0 ? -1 : 0;
	d->p = d->q = d->worse > 0   ? v->p_worse
		      : d->worse < 0 ? v->p_better
				     : fmin(v->p_worse, v->p_better);
	d->reason = DECIDE_DECIDED;
	if (v->beyond_lo > v->worse && v->p_worse <= d->alpha)
		d->verdict = VERDICT_REGRESSION;
	else if (v->beyond_hi < -v->better && v->p_better <= d->alpha)
		d->verdict = VERDICT_IMPROVED;
	else if (v->hi <= v->worse)
		d->verdict = VERDICT_OK;
	else
		explain(d, s, x, v, tail);
}

static void decide_shift(struct decision *d, const struct sample *x, const struct decide_rule *r)
{
	double tail = d->size / 2;
	double least = least_units(x, r) / fabs(x->base);
	struct shift s = {0};
	struct view v;

	if (r->count && least < COUNT_VARIES)
		least = COUNT_VARIES;
	shift_of(&s, x, tail);
	d->test = x->paired && x->n_a >= DECIDE_PAIRS_MIN ? DECIDE_PAIRED : DECIDE_TWO_SAMPLE;
	d->change = sample_relative(x, s.by);
	d->lo = sample_relative(x, s.lo);
	d->hi = sample_relative(x, s.hi);
	d->drift = sample_relative(x, x->drift);
	v = view_of(&s, x, least, r->higher_is_better);
	judge(d, &s, x, &v, tail);
}

/* ---- decide --------------------------------------------------------------------------------------- */

static void decide_sample(struct decision *d, struct sample *x, const struct decide_series *s,
			  const struct decide_rule *r)
{
	d->reason = sample_take(x, s);
	d->base = x->base;
	d->candidate = x->candidate;
	d->n_a = x->n_a;
	d->n_b = x->n_b;
	d->paired = x->paired;
	if (d->reason != DECIDE_DECIDED)
		return;
	if (r->count && decide_count(d, x, r))
		return;
	if (!(fabs(x->base) > 0)) {
		if (!decide_zero(d, x, r))
			d->reason = DECIDE_ZERO_BASE;
		return;
	}
	if (x->n_a == 1 || x->n_b == 1) {
		d->reason = DECIDE_ONE_RUN;
		d->change = (x->candidate - x->base) / fabs(x->base);
		d->more = decide_least_runs(x->paired, 1, d->alpha);
		d->more -= d->more > 0;
		return;
	}
	d->reason = sample_prepare(x, s);
	if (d->reason != DECIDE_DECIDED)
		return;
	d->n_a = x->n_a;
	d->n_b = x->n_b;
	d->rejected = x->rejected;
	decide_shift(d, x, r);
}

#define ERROR_MAX 0.5 /* a coin errs no more often */

static double error_allowed(double given, double otherwise)
{
	return given > ERROR_MAX ? ERROR_MAX : given > 0 ? given : otherwise;
}

int decide(struct decision *d, const struct decide_series *s, const struct decide_rule *r,
	   struct decide_scratch *scratch)
{
	const double nothing = (double)NAN;
	struct sample x;

	*d = (struct decision){.verdict = VERDICT_INCONCLUSIVE,
			       .base = nothing,
			       .candidate = nothing,
			       .change = nothing,
			       .lo = nothing,
			       .hi = nothing,
			       .p = 1,
			       .q = 1,
			       .alpha = error_allowed(r->alpha, DECIDE_ALPHA),
			       .size = error_allowed(r->size, DECIDE_SIZE),
			       .whole = r->whole};
	if (sample_room(&x, s, scratch) != 0) {
		d->reason = DECIDE_NO_MEMORY;
		return ERR_NOMEM;
	}
	decide_sample(d, &x, s, r);
	return 0;
}
