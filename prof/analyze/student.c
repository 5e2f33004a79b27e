/* Tails of distributions: see student.h. */
#include "prof/analyze/student.h"

#include <math.h>

#define STEPS 500
#define TINY  1e-300

/* The continued fraction of DLMF 8.17.22, by Lentz (W. J. Lentz, Applied Optics 15, 1976). */
static double fraction(double x, double a, double b)
{
	double c = 1, d = 1 - (a + b) * x / (a + 1), h;
	int m;

	d = 1 / (fabs(d) < TINY ? TINY : d);
	h = d;
	for (m = 1; m <= STEPS; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), step;

		d = 1 + even * d;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = 1 + even / c;
		c = fabs(c) < TINY ? TINY : c;
		h *= d * c;
		d = 1 + odd * d;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = 1 + odd / c;
		c = fabs(c) < TINY ? TINY : c;
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 1e-14)
			break;
	}
	return h;
}

double student_beta(double x, double a, double b)
{
	double front;

	if (!(x > 0))
		return 0;
	if (!(x < 1))
		return 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * fraction(x, a, b) / a;
	return 1 - front * fraction(1 - x, b, a) / b;
}

double student_p(double t, double df)
{
	if (isnan(t) || !(df > 0))
		return 1;
	if (isinf(t))
		return 0;
	if (df > 1e6)
		return erfc(fabs(t) / sqrt(2));
	return student_beta(df / (df + t * t), df / 2, 0.5);
}

double student_quantile(double alpha, double df)
{
	double lo = 0, hi = 1;
	int i;

	if (!(alpha > 0) || !(df > 0))
		return INFINITY;
	while (student_p(hi, df) > alpha && hi < 1e12)
		hi *= 2;
	for (i = 0; i < 200 && hi - lo > 1e-12 * hi; i++) {
		double mid = lo + (hi - lo) / 2;

		if (student_p(mid, df) > alpha)
			lo = mid;
		else
			hi = mid;
	}
	return lo + (hi - lo) / 2;
}

/* P(X >= x) of n with probability `part`. */
static double at_least(double x, double n, double part)
{
	if (x <= 0)
		return 1;
	return x > n ? 0 : student_beta(part, x, n - x + 1);
}

/* P(X <= x), small ones too. */
static double at_most(double x, double n, double part)
{
	if (x >= n)
		return 1;
	return x < 0 ? 0 : student_beta(1 - part, n - x, x + 1);
}

double student_binomial_p(double x, double n, double part)
{
	double up, down;

	if (!(n > 0) || !(part > 0) || !(part < 1))
		return 1;
	if (n > 1e5) { /* the fraction would need too many steps, and the normal is as good */
		double sd = sqrt(n * part * (1 - part));

		return erfc(fabs(x - n * part) / sd / sqrt(2));
	}
	up = (at_least(x, n, part) + at_least(x + 1, n, part)) / 2;
	down = (at_most(x, n, part) + at_most(x - 1, n, part)) / 2;
	return fmin(1, 2 * fmin(up, down));
}
