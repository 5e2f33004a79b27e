/* The cost of a stage fitted to what it is declared to be: value = c0 + c1 term1 + c2 term2 …, no c below 0. Errors of times
 * are a part of the time, so residuals count relative to the fitted value, and outliers count less (P. J. Huber, Ann. Math.
 * Stat. 35, 1964). What the observations cannot tell is said instead of guessed. */
#ifndef ANALYZE_FIT_H
#define ANALYZE_FIT_H

#include "prof/analyze/costs.h"
#include "prof/analyze/nnls.h"
#include "prof/analyze/power.h"

#define FIT_TERMS      (COMPLEXITY_TERMS + 1) /* the constant is the first */
#define FIT_CONFIDENCE 0.95

enum fit_state {
	FIT_OK,
	FIT_UNMEASURED, /* no values of that metric */
	FIT_NO_PARAM,   /* no observation has all parameters: `missing` */
	FIT_ONE_SIZE    /* the terms do not vary: growth is as declared, unseen */
};

/* Is the growth in one parameter as declared? */
enum growth_verdict {
	GROWTH_WORSE,       /* more than FIT_MARGIN beyond the declared power, beyond doubt */
	GROWTH_AS_DECLARED, /* not more, beyond doubt */
	GROWTH_LESS,        /* less than declared, beyond doubt */
	GROWTH_OPEN,        /* the observations leave it open: lo … hi */
	GROWTH_FEW,         /* too few sizes or observations */
	GROWTH_FIXED,       /* the parameter does not vary */
	GROWTH_TIED,        /* it varies together with `with`, which stands for both */
	GROWTH_SHORT,       /* the stage is too short to judge */
	GROWTH_VERDICTS
};
#define FIT_MARGIN     0.1  /* powers: ten times the size then costs 1.26 times what was declared */
#define FIT_FALSE      0.01 /* part of false ones among claims of worse growth */
#define FIT_LEAST_NS   5e6  /* stages whose largest observation is below are too short */
#define FIT_LEAST_SIZE 1048576.0 /* bytes: likewise */

struct fit_growth { /* of one parameter x */
	enum growth_verdict verdict;
	size_t with;     /* GROWTH_TIED: place in params */
	double declared; /* power in the declared form, at the largest size */
	double excess;   /* beyond it, fitted with the constant free; NAN */
	double lo, hi;   /* interval of excess; NAN, infinite: open to that side */
	double p, q;     /* of excess <= FIT_MARGIN: alone, and among all tests */
	/* The law itself: c0 + c1 term1 (x / middle)^excess + …; middle as a logarithm. */
	double c[FIT_TERMS], middle;
};

struct fit {
	uint32_t stage; /* string of the costs */
	enum cost_metric metric;
	enum declared_by by; /* DECLARED_NOT: the form was chosen */
	struct complexity form;
	enum fit_state state;
	uint32_t missing;       /* place in form.params; COSTS_NONE */
	size_t n, left_out;     /* observations used; without a value or a parameter */
	size_t n_runs, n_sizes; /* sizes: of whole runs */
	double largest;         /* value */
	double x_max[COMPLEXITY_PARAMS], x_min[COMPLEXITY_PARAMS];

	size_t terms;    /* form.n + 1 */
	unsigned active; /* bits: coefficients above 0 */
	double c[FIT_TERMS], lo[FIT_TERMS], hi[FIT_TERMS];
	double covariance[FIT_TERMS][FIT_TERMS];
	double s;        /* relative standard deviation around the fit; NAN: no freedom */
	double run_part; /* part of that variance that is common to a run */
	double design, freedom;
	double r2; /* part of the variance of log(value) that the fit explains; NAN: no variance */
	double worst;       /* the largest relative residual, with its sign */
	uint32_t worst_obs; /* whose */

	/* Leaving one size out: the relative error of a whole run of that size. NAN: fewer than three sizes. */
	double cv_mean, cv_worst;
	double cv_largest; /* of the largest size, from the smaller ones: fitted / measured - 1 */

	struct power_fit power;
	struct fit_growth growth[COMPLEXITY_PARAMS];
};

/* The observations of a stage and metric as arrays. */
struct fit_data {
	size_t n, terms, n_params, left_out;
	uint32_t missing;
	double *y;                     /* owned, all of these: n */
	double *t;                     /* n × terms: values of the terms, 1 first */
	double *x;                     /* n × n_params */
	double *mu, *weight, *scratch; /* n */
	uint32_t *obs, *run;           /* n; run: 0, 1, 2, … in order */
	size_t n_runs;
	uint32_t *size; /* per run: 0, 1, 2, … from the smallest */
	size_t n_sizes;
};

/* Of more than `most` observations, every second, third … is taken. */
#define FIT_MOST 8000 /* for a fit; more add nothing but time */
#define FIT_FEW  800  /* where many forms or powers are tried */
int fit_data_make(struct fit_data *d, const struct costs *c, uint32_t stage,
		  enum cost_metric metric, const struct complexity *form, size_t most,
		  struct err *err);
void fit_data_release(struct fit_data *d);

/* Coefficients from the observations of all runs but those of size `without` (UINT32_MAX: all). Leaves fitted values and the
 * weights of residuals in `d`. Returns the active coefficients. */
unsigned fit_solve(struct fit_data *d, uint32_t without, double c[FIT_TERMS]);
/* The rest of a fit whose stage, metric, form are set. */
void fit_finish(struct fit *f, struct fit_data *d);
/* Growth of each parameter (fit_growth.c); verdicts wait for fit_growth_judge, which has all p. */
void fit_growth_test(struct fit *f, struct fit_data *d);
void fit_growth_judge(struct fit *f);

const char *fit_state_text(enum fit_state s);
const char *growth_verdict_name(enum growth_verdict v);

#endif
