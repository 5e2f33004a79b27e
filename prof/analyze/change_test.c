/* Is there a change of level among values, and where: the largest difference of what is before and after, against
 * permutations. See change_point.h. */
#include <math.h>
#include <string.h>

#include "prof/analyze/change_internal.h"
#include "prof/analyze/rank.h"
#include "prof/base/hash.h"

#define CLIP         3.0 /* robust standard deviations from the median */
#define SHORTEST     4   /* interval */
#define PERMUTATIONS 9999
#define ENOUGH       30 /* permutations that reach what was seen: more change nothing (see below) */

/* ---- values ---- */

static double median_of(struct change_work *w, const double *v, size_t n)
{
	memcpy(w->sorted, v, n * sizeof *v);
	return rank_median(w->sorted, n);
}

double change_median(struct change_work *w, size_t from, size_t to)
{
	return median_of(w, w->x + from, to - from);
}

/* Mean ranks, where more than half of the values are equal. */
static void take_ranks(struct change_work *w, const double *v, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		double rank = 0;

		for (k = 0; k < n; k++)
			rank += v[k] < v[i] ? 1 : v[k] > v[i] ? 0 : 0.5;
		w->clean[i] = rank;
	}
}

/* Far ones are brought near; in units of their standard deviation. What is permuted is the same for all permutations. */
static void clean(struct change_work *w, size_t from, size_t to)
{
	size_t n = to - from, i;
	const double *v = w->x + from;
	double middle = median_of(w, v, n), far, mean = 0, spread = 0;

	for (i = 0; i < n; i++)
		w->other[i] = fabs(v[i] - middle);
	far = 1.4826 * median_of(w, w->other, n) * CLIP;
	if (far > 0)
		for (i = 0; i < n; i++)
			w->clean[i] = fmin(fmax(v[i], middle - far), middle + far);
	else
		take_ranks(w, v, n);
	for (i = 0; i < n; i++)
		mean += w->clean[i] / (double)n;
	for (i = 0; i < n; i++) {
		w->clean[i] -= mean;
		spread += w->clean[i] * w->clean[i] / (double)n;
	}
	for (i = 0; i < n && spread > 0; i++)
		w->clean[i] /= sqrt(spread);
}

/* ---- intervals ---- */

/* All of it, then ever shorter ones, each by half over the next. */
static void make_intervals(struct change_work *w, size_t n)
{
	double length = (double)n;

	w->n_intervals = 0;
	for (; length >= SHORTEST; length *= M_SQRT1_2) {
		size_t count = 2 * (size_t)ceil((double)n / length) - 1, i;
		double shift = count > 1 ? ((double)n - length) / (double)(count - 1) : 0;

		for (i = 0; i < count && w->n_intervals < CHANGE_INTERVALS; i++) {
			size_t from = (size_t)((double)i * shift);
			size_t to = (size_t)ceil((double)i * shift + length);

			w->expected[w->n_intervals] = sqrt(2 * log(M_E * (double)n / length));
			w->intervals[w->n_intervals++] = (struct change_interval){
				(uint32_t)from, (uint32_t)(to < n ? to : n)};
		}
	}
}

static void sum_up(struct change_work *w, const double *v, size_t n)
{
	size_t i;

	w->sums[0] = 0;
	for (i = 0; i < n; i++)
		w->sums[i + 1] = w->sums[i] + v[i];
}

/* The largest difference over all intervals and places, in standard deviations, less what is to be expected of so many
 * intervals of that length (L. Duembgen, V. G. Spokoiny, Ann. Statist. 29, 2001): else the many short ones would hide the
 * long ones. */
static double largest(const struct change_work *w, size_t *place)
{
	double most = (double)-INFINITY;
	size_t i, k;

	for (i = 0; i < w->n_intervals; i++) {
		size_t from = w->intervals[i].from, to = w->intervals[i].to, at = 0;
		double n = (double)(to - from), mean = (w->sums[to] - w->sums[from]) / n, top = 0;

		for (k = from + CHANGE_SIDE_MIN; k + CHANGE_SIDE_MIN <= to; k++) {
			double left = (double)(k - from);
			double d = w->sums[k] - w->sums[from] - left * mean;
			double here = d * d * n / (left * (n - left));

			if (w->may[k] && here > top) {
				top = here;
				at = k;
			}
		}
		if (at && sqrt(top) - w->expected[i] > most) {
			most = sqrt(top) - w->expected[i];
			*place = at;
		}
	}
	return most;
}

/* ---- permutations ---- */

static uint64_t draw(uint64_t *state, uint64_t below)
{
	*state += 0x9e3779b97f4a7c15u;
	return hash_u64(*state) % below;
}

static void shuffle(struct change_work *w, size_t n, uint64_t *state)
{
	size_t i;

	for (i = n; i > 1; i--) {
		size_t k = (size_t)draw(state, i);
		double v = w->moved[i - 1];

		w->moved[i - 1] = w->moved[k];
		w->moved[k] = v;
	}
}

double change_likeness(const double *r, size_t n)
{
	double up = 0, down = 0, rho;
	size_t i;

	for (i = 0; i < n; i++) {
		down += r[i] * r[i];
		if (i)
			up += r[i] * r[i - 1];
	}
	rho = down > 0 ? up / down : 0;
	return rho < 0 ? 0 : fmin(rho, 0.9);
}

/* Permuting ends early where nothing is to be found: J. Besag and P. Clifford, Biometrika 78, 1991. */
double change_test(struct change_work *w, size_t from, size_t to, size_t *place)
{
	size_t n = to - from, i, nowhere, reached = 0, done;
	uint64_t state = n * 0x100000001b3u;
	double seen;

	*place = 0;
	if (n < 2 * CHANGE_SIDE_MIN)
		return 1;
	clean(w, from, to);
	for (i = 0; i <= n; i++)
		w->may[i] = i > 0 && i < n && w->group[from + i] != w->group[from + i - 1];
	make_intervals(w, n);
	sum_up(w, w->clean, n);
	seen = largest(w, place) - 1e-9;
	if (!*place)
		return 1;
	*place += from;
	memcpy(w->moved, w->clean, n * sizeof *w->moved);
	for (done = 1; done <= PERMUTATIONS && reached < ENOUGH; done++) {
		shuffle(w, n, &state);
		sum_up(w, w->moved, n);
		reached += largest(w, &nowhere) >= seen;
	}
	return reached < ENOUGH ? (double)(reached + 1) / (PERMUTATIONS + 1)
				: (double)reached / (double)(done - 1);
}
