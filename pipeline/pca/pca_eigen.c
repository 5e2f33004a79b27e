/* The leading eigenvectors of the scatter matrix: by a basis that grows until it has them, and directly
 * where the matrix is small or its spectrum so flat that a basis of most vectors would be needed. */
#include <stdlib.h>

#include "pipeline/pca/pca_internal.h"
#include "pipeline/pca/pca_sym.h"

int pca_eigenvectors(double *matrix, size_t dim, size_t k, size_t n_workers, double *vectors,
		     struct err *err)
{
	double values[PCA_COMPONENTS];
	int rc;

	if (k == 0)
		return 0;
	rc = pca_krylov_leading(matrix, dim, k, n_workers, vectors, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return pca_sym_leading(matrix, dim, k, values, vectors, err);
}
