/* Looks and what they may spend: see sequential.h. */
#include "prof/analyze/sequential.h"

#include <math.h>
#include <string.h>

#include "prof/analyze/rank.h"

#define FIRST       8 /* pairs */
#define ALPHA_POWER 3
#define SIZE_POWER  2
#define GRID        401   /* points of the density between two looks */
#define LIKELY      0.05  /* p of a change that is worth all pairs */
#define NOTHING     1e-12 /* as an error allowed; 0 would ask for the default */
#define REACH       8.0   /* standard deviations of it */

void sequential_start(struct sequential *s, size_t max, double alpha, double size)
{
	memset(s, 0, sizeof(*s));
	s->max = max > 0 ? max : 1;
	s->alpha = alpha > 0 ? alpha : DECIDE_ALPHA;
	s->size = size > 0 ? size : DECIDE_SIZE;
}

int sequential_due(const struct sequential *s, size_t n)
{
	size_t at;

	if (n >= s->max)
		return 1;
	if (n <= s->n || s->looks >= SEQUENTIAL_LOOKS - 1)
		return 0;
	for (at = FIRST; at < n; at += (at + 2) / 3)
		;
	return at == n;
}

/* ---- borders -------------------------------------------------------------------------------------- */

/* Density of a Brownian motion at a time, of the paths that crossed no border before. */
struct density {
	double from, step; /* places of the grid */
	double f[GRID];    /* with the weight of the trapezoid rule */
};

static double bell(double by, double variance)
{
	return exp(-by * by / (2 * variance)) / sqrt(2 * M_PI * variance);
}

static void spread_grid(struct density *d, double t, double border)
{
	d->from = -REACH * sqrt(t);
	d->step = (border * sqrt(t) - d->from) / (GRID - 1);
}

static void weigh(struct density *d)
{
	size_t i;

	for (i = 0; i < GRID; i++)
		d->f[i] *= d->step * (i == 0 || i == GRID - 1 ? 0.5 : 1);
}

static void begin(struct density *d, double t, double border)
{
	size_t i;

	spread_grid(d, t, border);
	for (i = 0; i < GRID; i++)
		d->f[i] = bell(d->from + (double)i * d->step, t);
	weigh(d);
}

static void advance(struct density *d, double dt, double t, double border)
{
	struct density next;
	size_t i, k;

	spread_grid(&next, t, border);
	for (i = 0; i < GRID; i++) {
		double at = next.from + (double)i * next.step;

		next.f[i] = 0;
		for (k = 0; k < GRID; k++)
			next.f[i] += d->f[k] * bell(at - d->from - (double)k * d->step, dt);
	}
	weigh(&next);
	*d = next;
}

static double crossing(const struct density *d, double dt, double t, double border)
{
	double p = 0;
	size_t i;

	for (i = 0; i < GRID; i++)
		p += d->f[i] *
		     rank_normal_above((border * sqrt(t) - d->from - (double)i * d->step) /
				       sqrt(dt));
	return p;
}

/* The border at which paths that crossed none before cross with chance `spend`. */
static double border_for(const struct sequential *s, double t, double spend)
{
	struct density d;
	double lo = 0, hi = REACH;
	size_t i;

	if (s->borders == 0)
		return rank_normal_quantile(spend);
	begin(&d, s->at[0], s->border[0]);
	for (i = 1; i < s->borders; i++)
		advance(&d, s->at[i] - s->at[i - 1], s->at[i], s->border[i]);
	for (i = 0; i < 40; i++) {
		double mid = (lo + hi) / 2;

		if (crossing(&d, t - s->at[s->borders - 1], t, mid) > spend)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

/* ---- looks ---------------------------------------------------------------------------------------- */

static double to_power(double t, int power)
{
	return power == 2 ? t * t : t * t * t;
}

/* Any test may be used on these pairs, on fewer where values lack; the rank sum of all is the one that can be surest. */
static void look_at(struct sequential *s, double t)
{
	double before = s->borders ? to_power(s->at[s->borders - 1], SIZE_POWER) : 0;
	double tail, least = rank_sum_least(s->n, s->n), border;

	s->alpha_now = fmax(s->alpha * to_power(t, ALPHA_POWER) - s->alpha_spent, NOTHING);
	if (least <= s->alpha_now)
		s->alpha_spent += s->alpha_now;
	border = border_for(s, t, s->size / 2 * (to_power(t, SIZE_POWER) - before));
	tail = rank_normal_above(border);
	s->size_now = fmax(2 * tail, NOTHING);
	if (least <= tail && s->borders < SEQUENTIAL_LOOKS) {
		s->at[s->borders] = t;
		s->border[s->borders++] = border;
	}
}

void sequential_look(struct sequential *s, size_t n)
{
	double t = n < s->max ? (double)n / (double)s->max : 1;

	if (s->last || n <= s->n)
		return;
	s->n = n;
	s->looks++;
	s->last = n >= s->max;
	look_at(s, t);
}

void sequential_end(struct sequential *s, size_t n)
{
	if (s->last || n < s->n)
		return;
	if (n > s->n)
		s->looks++;
	s->n = n;
	s->last = 1;
	look_at(s, 1);
}

/* ---- when to stop --------------------------------------------------------------------------------- */

const char *sequential_stop_text(enum sequential_stop e)
{
	static const char *const texts[] = {
		"",
		"a regression is certain",
		"what matters is decided",
		"what is open would need more pairs than are left",
		"all pairs were run",
	};

	return texts[e];
}

/* May further pairs decide it? What is foretold from few pairs is rough: the answer is no only where no change is likely, after
 * three quarters of the pairs, and where four times what is left would not do. */
static int is_open(const struct sequential *s, const struct decision *d)
{
	size_t left = s->max > s->n ? s->max - s->n : 0;

	if (d->verdict != VERDICT_INCONCLUSIVE)
		return 0;
	switch (d->reason) {
	case DECIDE_FEW_RUNS:
	case DECIDE_SPREAD:
	case DECIDE_MANY:
	case DECIDE_OUTLIERS:
	case DECIDE_NOISY:
		return d->p <= LIKELY || 4 * s->n < 3 * s->max ||
		       (d->more > 0 && d->more <= 4 * left);
	default:
		return 0;
	}
}

/* Stages hold nothing up, unless they likely changed: their noise is seldom worth more pairs. */
static int counts(const struct decision *d, int any_whole)
{
	return d->verdict == VERDICT_INCONCLUSIVE && (!any_whole || d->whole || d->p <= LIKELY);
}

enum sequential_stop sequential_stops(const struct sequential *s, const struct decision *d,
				      size_t n)
{
	size_t i, open = 0, undecided = 0;
	int any_whole = 0;

	for (i = 0; i < n; i++) {
		if (d[i].verdict == VERDICT_REGRESSION)
			return SEQUENTIAL_CHANGED;
		any_whole |= d[i].whole;
	}
	for (i = 0; i < n; i++) {
		undecided += counts(&d[i], any_whole) != 0;
		open += counts(&d[i], any_whole) && is_open(s, &d[i]);
	}
	if (undecided == 0)
		return SEQUENTIAL_DECIDED;
	if (s->last)
		return SEQUENTIAL_LAST;
	return open > 0 ? SEQUENTIAL_GO_ON : SEQUENTIAL_FUTILE;
}
