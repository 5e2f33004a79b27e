/* Least squares of few unknowns from rows as they come, and the same with unknowns that may not be negative. Rows are
 * folded into a triangle by Givens rotations, so that no product of the matrix with itself loses digits and nothing is
 * allocated. Pure functions. */
#ifndef ANALYZE_NNLS_H
#define ANALYZE_NNLS_H

#include <stddef.h>

#define NNLS_COLUMNS 16

struct nnls {
	size_t columns, rows;
	double r[NNLS_COLUMNS + 1][NNLS_COLUMNS + 1]; /* the right-hand side is the last column */
};

void nnls_init(struct nnls *m, size_t columns);
/* A row of the matrix and its right-hand side, finite all of them. */
void nnls_add(struct nnls *m, const double *row, double rhs);

/* Least squares over the columns whose bit is set in `use`; the others are 0. Columns that others give already (as far
 * as digits tell) are left out, and their bit is cleared in the result. *rss: squares that remain. */
unsigned nnls_solve_free(const struct nnls *m, unsigned use, double *x, double *rss);
/* The same with x >= 0, by the active-set method of C. L. Lawson and R. J. Hanson (Solving Least Squares Problems, 1974,
 * chapter 23). Returns the columns that are above 0. */
unsigned nnls_solve(const struct nnls *m, double *x, double *rss);

/* The inverse of the normal matrix over the columns `use`: covariances of their estimates for errors of variance 1, rows and
 * columns of others 0. */
void nnls_inverse(const struct nnls *m, unsigned use, double inverse[NNLS_COLUMNS][NNLS_COLUMNS]);

#endif
