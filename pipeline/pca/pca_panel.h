/* Products with a panel: a matrix of PCA_PANEL columns by rows, for the eigenproblem. Every element is one
 * sum in ascending order, product and addition each rounded, so that neither vector length nor how rows
 * are cut among threads changes a bit. Pure functions. */
#ifndef PCA_PCA_PANEL_H
#define PCA_PCA_PANEL_H

#include <stddef.h>

#define PCA_PANEL 16

/* A factor of a product: element (r, j) is at[r * row + j * column]. */
struct pca_factor {
	const double *at;
	size_t row, column;
};

/* out[r][c] += sum over j below n of f(r, j) * panel[j][c]. `f` may be `out`'s own columns when n is 1. */
void pca_panel_add(double *out, size_t n_rows, struct pca_factor f, const double *panel, size_t n);

/* A row in a Householder reduction: row[i] -= a x[i] + b y[i], then sums[i] += c row[i]. */
struct pca_step {
	double *row, *sums;
	const double *x, *y, *v;
	double a, b, c;
};

/* Does so for i below n; the sum of row[i] v[i]. */
double pca_step_row(const struct pca_step *t, size_t n);

/* Sum of a[i] b[i], in eight sums by place. */
double pca_dot(const double *a, const double *b, size_t n);

#endif
