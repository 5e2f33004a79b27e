/* A power law: log y = c + e1 log x1 + e2 log x2 …, by least squares. Parameters that hardly vary, or that vary together with
 * others, have no exponent of their own: they are named, not guessed. Pure functions. */
#ifndef ANALYZE_POWER_H
#define ANALYZE_POWER_H

#include <stddef.h>

#define POWER_PARAMS 12
#define POWER_VARIES 1.25 /* largest / smallest below that: the parameter does not vary */
#define POWER_OWN                                                                                  \
	0.04 /* less of a logarithm's variance than that is its own: it varies together with others */

enum power_state {
	POWER_FITTED,
	POWER_CONSTANT, /* does not vary */
	POWER_TIED,     /* varies together with the parameter `with` (and others) */
	POWER_SURPLUS   /* more parameters than the observations can tell apart */
};

struct power_param {
	enum power_state state;
	size_t with;
	double exponent, se, lo, hi; /* NAN: not fitted, or no interval */
};

struct power_fit {
	size_t n, used; /* observations; those with all values above 0 */
	size_t fitted;  /* parameters that are */
	double constant, r2, freedom;
	double s; /* standard deviation of log y around the law; NAN: no freedom left */
	struct power_param params[POWER_PARAMS];
};

/* `x` has `k` values (at most POWER_PARAMS) for each of `n` observations, row by row. Rows with a value that is not above 0
 * or not finite are left out. `design` (1 or more) is by how much variances of estimates are larger than of as many
 * independent observations. Intervals are two-sided with `confidence`. Earlier parameters are preferred. */
void power_fit(struct power_fit *f, const double *x, const double *y, size_t n, size_t k,
	       double design, double confidence);

/* What of the parameters can be told apart, without a y: states and `with` alone. */
void power_identify(struct power_fit *f, const double *x, size_t n, size_t k);

#endif
