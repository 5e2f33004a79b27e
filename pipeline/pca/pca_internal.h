/* Inside of the PCA room: the two steps of a fit that take the time, and states that are open. */
#ifndef PCA_INTERNAL_H
#define PCA_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/pca/pca.h"
#include "prof/base/err.h"

/* The rows of a fit, in the order in which everything is summed over them. */
struct pca_rows {
	const uint16_t *rows;   /* the pool: float16, `dim` per row */
	const uint32_t *sample; /* indices of the pool; NULL: all rows in order */
	size_t n;
	size_t dim;
	const double *mean; /* NULL while it is being made */
};

static inline const uint16_t *pca_row(const struct pca_rows *x, size_t i)
{
	return x->rows + (x->sample ? x->sample[i] : i) * x->dim;
}

/* scatter[a * dim + b] = sum over the rows of (x_a - mean_a) * (x_b - mean_b), both triangles; one
 * accumulator per element, rows in order, whatever the number of workers. */
int pca_scatter(const struct pca_rows *x, size_t n_workers, double *scatter, struct err *err);
size_t pca_scatter_memory(size_t dim, size_t n_workers); /* bytes besides the matrix itself */

/* Eigenvectors of the `k` greatest eigenvalues, greatest first, each of `dim` doubles; k is at most
 * PCA_COMPONENTS. Destroys the matrix. Neither processor nor number of workers changes a bit. */
int pca_eigenvectors(double *matrix, size_t dim, size_t k, size_t n_workers, double *vectors,
		     struct err *err);
/* The same by a growing basis: 1 when it found them, 0 when it would take longer than pca_sym_leading. */
int pca_krylov_leading(const double *matrix, size_t dim, size_t k, size_t n_workers,
		       double *vectors, struct err *err);
size_t pca_krylov_memory(size_t dim); /* bytes besides the arguments */

/* pca_load for an archive that is open; `name` for messages. */
struct npz;
int pca_load_npz(struct pca *out, struct npz *z, const char *name,
		 const struct pca_fingerprint *expected, struct err *err);

#endif
