/* A straight line y = base + per_item * x with neither below 0, through points of which some may be wrong, and how far
 * it can be trusted. Pure functions.
 *
 * A first line by the median of slopes (H. Theil, Proc. Kon. Ned. Akad. v. Wetensch. A 53, 1950; P. K. Sen, JASA 63,
 * 1968); points further from it than 2.5 robust standard deviations are left out; then least squares through the rest,
 * with Student's t for the intervals (reweighted least squares: P. J. Rousseeuw and A. M. Leroy, Robust Regression and
 * Outlier Detection, 1987, chapters 1 and 5). Where these would be more than a quarter of all, or all points of the smallest or
 * the largest x, they are no outliers but points that make no line, and all stay. */
#ifndef ANALYZE_LINE_FIT_H
#define ANALYZE_LINE_FIT_H

#include <stddef.h>

#include "prof/base/err.h"

#define LINE_FIT_LEVEL 0.95 /* of the intervals */

enum line_noise {
	LINE_ABSOLUTE, /* as large at each x: memory */
	LINE_RELATIVE, /* a part of y: time */
};

struct line_fit {
	double base, per_item;
	double base_lo, base_hi; /* NAN: cannot be said, two points have no spread */
	double lo, hi;           /* of per_item; likewise */
	double spread; /* standard deviation of a point: of y, or a part of it; NAN likewise */
	double least_x, most_x; /* of the points */
	size_t n;               /* points with numbers */
	size_t sizes;           /* different x among them */
	size_t left_out;        /* as wrong */
	enum line_noise noise;

	double weight, mean_x, sxx; /* private */
	int degrees;                /* of freedom */
};

/* Points that are not numbers, or below 0, do not count. 0, ERR_NOMEM, or ERR_LIMIT when there are less than two values
 * of x (`f` then tells n and sizes). `out` (may be NULL; n of them) tells which points were left out as wrong. */
int line_fit_make(struct line_fit *f, const double *x, const double *y, size_t n,
		  enum line_noise noise, char *out, struct err *err);

double line_fit_at(const struct line_fit *f, double x);
/* Half of the interval of the line at x; with `one`, of a single new point. NAN: cannot be said. */
double line_fit_half(const struct line_fit *f, double x, int one);

#endif
