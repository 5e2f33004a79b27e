/* The leading eigenvectors of a symmetric matrix, directly: Householder's reduction to three diagonals,
 * their eigenvalues by bisection, eigenvectors by inverse iteration. One thread; the same bits on every
 * processor. */
#ifndef PCA_PCA_SYM_H
#define PCA_PCA_SYM_H

#include <stddef.h>

#include "prof/base/err.h"

/* Of the `k` greatest eigenvalues, greatest first; `vectors` are k x n, of length 1. The matrix is n x n;
 * its upper triangle is read and destroyed. */
int pca_sym_leading(double *matrix, size_t n, size_t k, double *values, double *vectors,
		    struct err *err);
size_t pca_sym_memory(size_t n); /* bytes besides the arguments */

/* The same for three diagonals: diag has n elements, off n - 1. */
int pca_tridiag_leading(const double *diag, const double *off, size_t n, size_t k, double *values,
			double *vectors, struct err *err);
size_t pca_tridiag_memory(size_t n);

#endif
