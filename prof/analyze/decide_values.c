/* Which values are judged, and on what scale: see decide_internal.h. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/bootstrap.h"
#include "prof/analyze/decide_internal.h"
#include "prof/analyze/rank.h"
#include "prof/base/err.h"

#define RUNS_MAX ((size_t)1 << 24)

/* ---- room ----------------------------------------------------------------------------------------- */

void decide_scratch_release(struct decide_scratch *scratch)
{
	free(scratch->values);
	memset(scratch, 0, sizeof(*scratch));
}

static size_t boot_numbers(size_t n_a, size_t n_b)
{
	size_t two = bootstrap_room_two(n_a, n_b);
	size_t one = bootstrap_room_one(n_a < n_b ? n_a : n_b);

	return (two > one ? two : one) / sizeof(double) + 1;
}

int sample_room(struct sample *x, const struct decide_series *s, struct decide_scratch *scratch)
{
	size_t n = s->n_a + s->n_b, need;

	memset(x, 0, sizeof(*x));
	if (s->n_a > RUNS_MAX || s->n_b > RUNS_MAX)
		return ERR_NOMEM;
	need = 8 * n + 8 + boot_numbers(s->n_a, s->n_b);
	if (need > scratch->room) {
		double *grown = realloc(scratch->values, need * sizeof(*grown));

		if (!grown)
			return ERR_NOMEM;
		scratch->values = grown;
		scratch->room = need;
	}
	x->a = scratch->values;
	x->b = x->a + s->n_a;
	x->d = x->b + s->n_b;
	x->room = x->d + n;
	x->boot = x->room + 6 * n + 8;
	return 0;
}

/* ---- taking --------------------------------------------------------------------------------------- */

static size_t take_group(double *to, const double *from, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++)
		if (!isnan(from[i]))
			to[kept++] = from[i];
	return kept;
}

static void take_pairs(struct sample *x, const struct decide_series *s)
{
	size_t i;

	for (i = 0; i < s->n_a; i++)
		if (!isnan(s->a[i]) && !isnan(s->b[i])) {
			x->a[x->n_a++] = s->a[i];
			x->b[x->n_b++] = s->b[i];
		}
}

static int all_finite(const double *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return 0;
	return 1;
}

static double median_of(const double *v, size_t n, double *room)
{
	if (n)
		memcpy(room, v, n * sizeof(*v));
	return rank_median(room, n);
}

enum decide_reason sample_take(struct sample *x, const struct decide_series *s)
{
	if (s->paired && s->n_a == s->n_b)
		take_pairs(x, s);
	if (x->n_a > 0) {
		x->paired = 1;
	} else { /* where no pair is whole, both sides may still have values */
		x->n_a = take_group(x->a, s->a, s->n_a);
		x->n_b = take_group(x->b, s->b, s->n_b);
	}
	x->base = median_of(x->a, x->n_a, x->room);
	x->candidate = median_of(x->b, x->n_b, x->room);
	if (x->n_a == 0)
		return DECIDE_NO_BASE;
	if (x->n_b == 0)
		return DECIDE_NO_CANDIDATE;
	if (!all_finite(x->a, x->n_a) || !all_finite(x->b, x->n_b))
		return DECIDE_NOT_FINITE;
	return DECIDE_DECIDED;
}

/* ---- scale ---------------------------------------------------------------------------------------- */

static int all_positive(const double *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!(v[i] > 0))
			return 0;
	return 1;
}

static void scale_group(const struct sample *x, double *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		v[i] = x->logs ? log(v[i]) : v[i] / fabs(x->base);
}

double sample_relative(const struct sample *x, double shift)
{
	return x->logs ? expm1(shift) : shift;
}

double sample_shift(const struct sample *x, double relative)
{
	if (!x->logs)
		return relative;
	return relative > -1 ? log1p(relative) : -(double)INFINITY;
}

/* ---- noisy ones ----------------------------------------------------------------------------------- */

/* far[i]: is it noisy? Of distances by[]; returns how many. */
static size_t mark_far(const double *by, size_t n, double *room, double *far)
{
	double limit = DECIDE_OUTLIER * median_of(by, n, room);
	size_t i, count = 0;

	for (i = 0; i < n; i++) {
		far[i] = limit > 0 && by[i] > limit;
		count += far[i] > 0;
	}
	return count;
}

static size_t drop(double *v, size_t n, const double *far)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++)
		if (!(far[i] > 0))
			v[kept++] = v[i];
	return kept;
}

static void reject_pairs(struct sample *x)
{
	double *by = x->room, *far = x->room + x->n_a, *room = x->room + 2 * x->n_a;
	size_t i, count, up = 0;

	if (x->n_a < DECIDE_OUTLIER_RUNS)
		return;
	for (i = 0; i < x->n_a; i++)
		by[i] = fabs(x->b[i] - x->a[i]);
	count = mark_far(by, x->n_a, room, far);
	for (i = 0; i < x->n_a; i++)
		up += far[i] > 0 && x->b[i] > x->a[i];
	x->outliers = count > x->n_a / DECIDE_OUTLIER_PART;
	if (x->outliers || (count >= DECIDE_ONE_SIDED && (up == 0 || up == count)))
		return;
	drop(x->a, x->n_a, far);
	x->n_a = x->n_b = drop(x->b, x->n_b, far);
	x->rejected = count;
}

static void reject_runs(struct sample *x)
{
	size_t n = x->n_a + x->n_b, i, of_a = 0, of_b = 0;
	double *by = x->room, *far = x->room + n, *room = x->room + 2 * n;
	double mid_a = median_of(x->a, x->n_a, room), mid_b = median_of(x->b, x->n_b, room);

	if (n < DECIDE_OUTLIER_RUNS)
		return;
	for (i = 0; i < n; i++)
		by[i] = fabs(i < x->n_a ? x->a[i] - mid_a : x->b[i - x->n_a] - mid_b);
	mark_far(by, n, room, far);
	for (i = 0; i < n; i++)
		*(i < x->n_a ? &of_a : &of_b) += far[i] > 0;
	x->outliers = of_a > x->n_a / DECIDE_OUTLIER_PART || of_b > x->n_b / DECIDE_OUTLIER_PART;
	if (x->outliers || (of_a + of_b >= DECIDE_ONE_SIDED && (of_a == 0 || of_b == 0)))
		return;
	drop(x->b, x->n_b, far + x->n_a);
	x->n_b -= of_b;
	x->n_a = drop(x->a, x->n_a, far);
	x->rejected = of_a + of_b;
}

/* ---- drift ---------------------------------------------------------------------------------------- */

/* The shift from the earlier to the later half of a group, either way. */
static double drift_of(const double *v, size_t n, double *room)
{
	size_t half = n / 2;

	if (half < 2)
		return 0;
	memcpy(room, v, half * sizeof(*v));
	memcpy(room + half, v + n - half, half * sizeof(*v));
	rank_sort(room, half);
	rank_sort(room + half, half);
	return fabs(rank_difference_median(room, half, room + half, half));
}

enum decide_reason sample_prepare(struct sample *x, const struct decide_series *s)
{
	size_t i;

	x->logs = all_positive(x->a, x->n_a) && all_positive(x->b, x->n_b);
	scale_group(x, x->a, x->n_a);
	scale_group(x, x->b, x->n_b);
	if (!all_finite(x->a, x->n_a) || !all_finite(x->b, x->n_b))
		return DECIDE_NOT_FINITE;
	if (x->paired)
		reject_pairs(x);
	else
		reject_runs(x);
	if (!x->paired && !s->mixed)
		x->drift = drift_of(x->a, x->n_a, x->room) + drift_of(x->b, x->n_b, x->room);
	for (i = 0; x->paired && i < x->n_a; i++)
		x->d[i] = x->b[i] - x->a[i];
	return DECIDE_DECIDED;
}
