/* Student's t and binomial tails: pure functions, for any real degrees of freedom and counts. */
#ifndef ANALYZE_STUDENT_H
#define ANALYZE_STUDENT_H

/* Regularised incomplete beta function I_x(a, b), a and b > 0, 0 <= x <= 1; Lentz's method on the continued fraction of
 * DLMF 8.17.22. */
double student_beta(double x, double a, double b);

/* Probability that |T| > |t| with `df` degrees of freedom (infinite: normal). */
double student_p(double t, double df);
/* The t that |T| exceeds with probability `alpha`. */
double student_quantile(double alpha, double df);

/* Two-sided mid-p (H. O. Lancaster, JASA 56, 1961) of `x` of `n` where each counts with probability `part`: the usual
 * answer to "do two Poisson counts have the ratio of their exposures?". Counts need not be whole. */
double student_binomial_p(double x, double n, double part);

#endif
