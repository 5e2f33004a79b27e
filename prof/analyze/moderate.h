/* Many rows (functions), few runs of each: how much a row varies between runs is learned from its own runs and from
 * what rows of its size do, the way microarrays are read (G. K. Smyth, Linear models and empirical Bayes methods for
 * assessing differential expression, Stat. Appl. Genet. Mol. Biol. 3, 2004). Rank tests cannot do this: with three runs a
 * side no p is below 0.1, whatever the difference. Pure functions. */
#ifndef ANALYZE_MODERATE_H
#define ANALYZE_MODERATE_H

#include <stddef.h>

struct moderate_row {
	double variance; /* between the runs, pooled over the groups, with `df` degrees of freedom */
	double noise;    /* the part of it that sampling alone brings; 0: measured in full */
	double mean;     /* of all runs */
};

struct moderate_prior {
	double spread; /* typical variance between runs beyond the noise, in parts of mean^2 */
	double scale;  /* variances are that times noise + spread * mean^2, typically */
	double df;     /* how much that is worth, in degrees of freedom; 0: nothing */
};

/* `scratch` has room for 2 * n numbers. */
void moderate_fit(struct moderate_prior *prior, const struct moderate_row *rows, size_t n,
		  double df, double *scratch);
/* The variance to test the row with, never below its noise, and its degrees of freedom: those of the runs alone
 * where what all rows of a run share (a slow machine) makes it, more where noise does. */
double moderate_variance(const struct moderate_prior *prior, const struct moderate_row *row,
			 double df, double *df_out);

#endif
