/* A line through points of which some may be wrong: see line_fit.h. */
#include "prof/analyze/line_fit.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/student.h"

#define PAIRS_ALL    512   /* points: of more, each has a slope with one other only */
#define CUT          2.5   /* robust standard deviations */
#define OUTLIERS_MIN 5     /* points: with fewer none can be told to be wrong */
#define GRAIN        0.002 /* part of y below which no point is wrong: pages, clocks */
#define DEGREES_MAX  1000
#define WEIGHTINGS   5 /* by the line before */

struct fitting {
	double *x, *y, *scratch; /* by x */
	char *wrong;
	size_t *from; /* place in the caller's arrays */
	size_t n;
};

/* ---- the first line ---- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, ascending);
	return n % 2 ? v[n / 2] : v[n / 2 - 1] / 2 + v[n / 2] / 2;
}

static double median_slope(struct fitting *f)
{
	size_t i, j, k = 0, half = f->n / 2;

	if (f->n > PAIRS_ALL)
		for (i = 0; i + half < f->n; i++) {
			if (f->x[i + half] > f->x[i])
				f->scratch[k++] =
					(f->y[i + half] - f->y[i]) / (f->x[i + half] - f->x[i]);
		}
	else
		for (i = 0; i < f->n; i++)
			for (j = i + 1; j < f->n; j++)
				if (f->x[j] > f->x[i])
					f->scratch[k++] = (f->y[j] - f->y[i]) / (f->x[j] - f->x[i]);
	/* One x for more than half of all points, of many: the ends tell. */
	if (k == 0)
		f->scratch[k++] = (f->y[f->n - 1] - f->y[0]) / (f->x[f->n - 1] - f->x[0]);
	return median(f->scratch, k);
}

static int keeps_one(const struct fitting *f, double x)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (!f->wrong[i] && !(f->x[i] < x || f->x[i] > x))
			return 1;
	return 0;
}

/* Points far off the first line; a few, and not all of the smallest or the largest x: where these are off, the points
 * make no line. */
static void find_wrong(struct fitting *f, enum line_noise noise)
{
	double slope = median_slope(f), base, scale, least;
	size_t i, wrong = 0;

	memset(f->wrong, 0, f->n);
	if (f->n < OUTLIERS_MIN)
		return;
	for (i = 0; i < f->n; i++)
		f->scratch[i] = f->y[i] - slope * f->x[i];
	base = median(f->scratch, f->n);
	for (i = 0; i < f->n; i++) {
		double at = fabs(base + slope * f->x[i]), part = noise == LINE_RELATIVE ? at : 1;

		f->scratch[i] = fabs(f->y[i] - base - slope * f->x[i]) / (part > 0 ? part : 1);
	}
	scale = 1.4826 * (1 + 5 / (double)(f->n - 2)) * median(f->scratch, f->n) * CUT;
	for (i = 0; i < f->n; i++) {
		double at = fabs(base + slope * f->x[i]), part = noise == LINE_RELATIVE ? at : 1;

		least = GRAIN * f->y[i];
		f->wrong[i] = fabs(f->y[i] - base - slope * f->x[i]) >
			      fmax(scale * (part > 0 ? part : 1), least);
	}
	for (i = 0; i < f->n; i++)
		wrong += f->wrong[i] != 0;
	if (wrong > f->n / 4 || !keeps_one(f, f->x[0]) || !keeps_one(f, f->x[f->n - 1]))
		memset(f->wrong, 0, f->n);
}

/* ---- least squares ---- */

struct sums {
	double w, wx, wy, wxx, wxy;
	size_t n;
};

static double weight_at(const struct line_fit *f, double x)
{
	double y = line_fit_at(f, x);

	return f->noise == LINE_RELATIVE && y > 0 ? 1 / (y * y) : 1;
}

static void solve(struct line_fit *f, const struct fitting *t)
{
	struct sums s = {.n = 0};
	double sxy;
	size_t i;

	for (i = 0; i < t->n; i++) {
		double w = weight_at(f, t->x[i]);

		if (t->wrong[i])
			continue;
		s.n++;
		s.w += w;
		s.wx += w * t->x[i];
		s.wy += w * t->y[i];
		s.wxx += w * t->x[i] * t->x[i];
	}
	f->weight = s.w;
	f->mean_x = s.wx / s.w;
	for (i = 0, f->sxx = 0, sxy = 0; i < t->n; i++) {
		double w = weight_at(f, t->x[i]), d = t->x[i] - f->mean_x;

		if (t->wrong[i])
			continue;
		f->sxx += w * d * d;
		sxy += w * d * (t->y[i] - s.wy / s.w);
		s.wxy += w * t->x[i] * t->y[i];
	}
	f->per_item = f->sxx > 0 ? sxy / f->sxx : 0;
	f->base = s.wy / s.w - f->per_item * f->mean_x;
	f->degrees = (int)(s.n < DEGREES_MAX ? s.n : DEGREES_MAX) - 2;
	if (f->per_item < 0) {
		f->per_item = 0;
		f->base = s.wy / s.w;
	} else if (f->base < 0) {
		f->base = 0;
		f->per_item = s.wxx > 0 ? s.wxy / s.wxx : 0;
	}
}

static void measure_spread(struct line_fit *f, const struct fitting *t)
{
	double sum = 0, half, student;
	size_t i;

	f->spread = f->lo = f->hi = f->base_lo = f->base_hi = (double)NAN;
	if (f->degrees < 1)
		return;
	for (i = 0; i < t->n; i++) {
		double r = t->y[i] - line_fit_at(f, t->x[i]);

		if (!t->wrong[i])
			sum += weight_at(f, t->x[i]) * r * r;
	}
	f->spread = sqrt(sum / f->degrees);
	student = student_quantile(1 - LINE_FIT_LEVEL, f->degrees);
	half = student * f->spread / sqrt(f->sxx);
	f->lo = fmax(f->per_item - half, 0);
	f->hi = f->per_item + half;
	half = line_fit_half(f, 0, 0);
	f->base_lo = fmax(f->base - half, 0);
	f->base_hi = f->base + half;
}

/* ---- all of it ---- */

static int by_x(const void *a, const void *b, void *ctx)
{
	const double *x = ctx;
	size_t i = *(const size_t *)a, k = *(const size_t *)b;

	if (x[i] < x[k] || x[i] > x[k])
		return x[i] < x[k] ? -1 : 1;
	return i < k ? -1 : i > k;
}

static void take_points(struct fitting *t, const double *x, const double *y, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (isfinite(x[i]) && isfinite(y[i]) && x[i] >= 0 && y[i] >= 0)
			t->from[t->n++] = i;
	qsort_r(t->from, t->n, sizeof *t->from, by_x, (void *)(uintptr_t)x);
	for (i = 0; i < t->n; i++) {
		t->x[i] = x[t->from[i]];
		t->y[i] = y[t->from[i]];
	}
}

static int count_sizes(struct line_fit *f, const struct fitting *t)
{
	size_t i;

	f->n = t->n;
	for (i = 0; i < t->n; i++)
		f->sizes += i == 0 || t->x[i] > t->x[i - 1];
	if (t->n) {
		f->least_x = t->x[0];
		f->most_x = t->x[t->n - 1];
	}
	return f->sizes >= 2;
}

static void fit(struct line_fit *f, struct fitting *t)
{
	enum line_noise noise = f->noise;
	size_t i;

	find_wrong(t, noise);
	for (i = 0; i < t->n; i++)
		f->left_out += t->wrong[i] != 0;
	f->noise = LINE_ABSOLUTE;
	solve(f, t);
	f->noise = noise;
	for (i = 0; noise == LINE_RELATIVE && i < WEIGHTINGS; i++)
		solve(f, t);
	measure_spread(f, t);
}

int line_fit_make(struct line_fit *f, const double *x, const double *y, size_t n,
		  enum line_noise noise, char *out, struct err *err)
{
	size_t pairs = n < PAIRS_ALL ? n * n / 2 : n, i;
	struct fitting t = {malloc((n + 1) * sizeof *t.x),
			    malloc((n + 1) * sizeof *t.y),
			    malloc((pairs + n + 1) * sizeof *t.scratch),
			    calloc(n + 1, 1),
			    malloc((n + 1) * sizeof *t.from),
			    0};
	int rc = t.x && t.y && t.scratch && t.wrong && t.from
			 ? 0
			 : err_nomem(err, "a line through points");

	*f = (struct line_fit){.noise = noise};
	if (out)
		memset(out, 0, n);
	if (rc == 0) {
		take_points(&t, x, y, n);
		if (!count_sizes(f, &t))
			rc = err_set(err, ERR_LIMIT, "points of one size alone make no line");
	}
	if (rc == 0) {
		fit(f, &t);
		for (i = 0; out && i < t.n; i++)
			out[t.from[i]] = t.wrong[i];
	}
	free(t.x);
	free(t.y);
	free(t.scratch);
	free(t.wrong);
	free(t.from);
	return rc;
}

double line_fit_at(const struct line_fit *f, double x)
{
	return f->base + f->per_item * x;
}

double line_fit_half(const struct line_fit *f, double x, int one)
{
	double d = x - f->mean_x, part;

	if (f->degrees < 1 || !(f->sxx > 0))
		return (double)NAN;
	part = 1 / f->weight + d * d / f->sxx + (one ? 1 / weight_at(f, x) : 0);
	return student_quantile(1 - LINE_FIT_LEVEL, f->degrees) * f->spread * sqrt(part);
}
