/* Register kernels of the scatter matrix. Columns of centred rows are packed in panels,
 * [panel][row][column of the panel]; a kernel adds the products of `step` columns with one panel to a
 * block of the matrix. Operands have at most 26 significant bits, so that products are exact in float64
 * and a fused multiply-add rounds what a separate addition rounds: each element is one sum over the rows
 * in order, and every kernel gives the same bits. Pure functions. */
#ifndef PCA_PCA_KERNEL_H
#define PCA_PCA_KERNEL_H

#include <stddef.h>

#include "pipeline/core/simd.h"

struct pca_kernel {
	size_t panel; /* columns of a panel */
	size_t step;  /* a divisor of it */
	/* block[i * ld + j] += sum over rows r of a[r * panel + i] * b[r * panel + j], for i below
	 * step and j below panel. */
	void (*add)(const double *a, const double *b, size_t n_rows, double *block, size_t ld);
};

#define PCA_PANEL_MULTIPLE 24 /* of every kernel's panel */

/* The kernel of a level that the processor has. */
const struct pca_kernel *pca_kernel(enum simd_level level);

#endif
