/* Projections of many rows on the axes of a fit (spec 4.9), each row once: rows in blocks, the axes as a panel,
 * vectors over the axes. A score is one float64 sum over ascending columns, rounded once to float32: neither
 * block, vector length nor number of threads changes a bit. Read-only after making. */
#ifndef PCA_PCA_SCORES_H
#define PCA_PCA_SCORES_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/pca/pca.h"

struct pca_scores {
	uint32_t *row; /* owned: n, ascending */
	double *score; /* owned: n x PCA_COMPONENTS; NaN: there is no such component */
	size_t n;
};

/* Of `n` rows of the matrix `values` (p->dim float16 each): `rows` is ascending and distinct. */
int pca_scores_make(struct pca_scores *out, const struct pca *p, const uint16_t *values,
		    const uint32_t *rows, size_t n, size_t n_workers, struct err *err);
void pca_scores_release(struct pca_scores *s); /* a zeroed struct is fine */
/* The PCA_COMPONENTS scores of a row; NULL: it is not among them. */
const double *pca_scores_of(const struct pca_scores *s, uint32_t row);

#endif
