/* Student's t: the incomplete beta function by its continued fraction (M. Abramowitz and I. A. Stegun, Handbook of
 * Mathematical Functions, 26.5.8, 26.7.1), the quantile by halving. */
#include "prof/analyze/student.h"

#include <math.h>

#define STEPS 500

/* A denominator that is not 0. */
static double apart(double v)
{
	return fabs(v) < 1e-300 ? 1e-300 : v;
}

/* The continued fraction from the front (W. J. Lentz's way: quotients of successive numerators and denominators). */
static double fraction(double x, double a, double b)
{
	double c = 1, d = 1 / apart(1 - (a + b) * x / (a + 1)), f = d;
	int m;

	for (m = 1; m < STEPS; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double change;

		d = 1 / apart(1 + even * d);
		c = apart(1 + even / c);
		f *= c * d;
		d = 1 / apart(1 + odd * d);
		c = apart(1 + odd / c);
		change = c * d;
		f *= change;
		if (fabs(change - 1) < 1e-15)
			break;
	}
	return f;
}

static double beta_share(double x, double a, double b)
{
	double front;

	if (x <= 0 || x >= 1)
		return x >= 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * fraction(x, a, b) / a;
	return 1 - front * fraction(1 - x, b, a) / b;
}

double student_tail(double t, double freedom)
{
	double half;

	if (isnan(t) || !(freedom > 0))
		return NAN;
	if (isinf(t))
		return t < 0;
	half = beta_share(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
	return t >= 0 ? half : 1 - half;
}

double student_quantile(double p, double freedom)
{
	double lo = 0, hi = 1, upper = p > 0.5 ? 1 - p : p;
	int i;

	if (!(p > 0) || !(p < 1) || !(freedom > 0))
		return NAN;
	while (student_tail(hi, freedom) > upper && hi < 1e150)
		hi *= 2;
	for (i = 0; i < 200 && hi - lo > 1e-14 * hi; i++) {
		double middle = (lo + hi) / 2;

		if (student_tail(middle, freedom) > upper)
			lo = middle;
		else
			hi = middle;
	}
	return p > 0.5 ? hi : -hi;
}
