/* Embedding PCA (spec 4.9): 16 leading principal axes of the pool, fitted on at most 50,000 rows in
 * float64 by the normative rule; states cached as .npz with a fingerprint of the pool. The result
 * does not depend on the number of threads. */
#ifndef PCA_PCA_H
#define PCA_PCA_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

#define PCA_COMPONENTS  16
#define PCA_SAMPLE_ROWS 50000
#define PCA_SAMPLE_SEED 42

struct pca {
	size_t dim;
	size_t n_components; /* min(16, rows - 1, dim); the missing ones are null columns */
	float *mean;         /* owned: dim */
	float *components;   /* owned: n_components x dim, row-major */
};

/* Fits on `n_rows` x `dim` float16 rows (all finite). */
int pca_fit(struct pca *out, const uint16_t *rows, size_t n_rows, size_t dim, size_t n_workers,
	    struct err *err);
void pca_release(struct pca *p);

struct pca_fingerprint {
	uint64_t n_rows;
	uint64_t dim;
	char accessions_sha256[65]; /* over the sorted accessions separated by NUL */
};

enum pca_load_result {
	PCA_LOADED,         /* fingerprint matches */
	PCA_LOADED_FOREIGN, /* no fingerprint inside: trusted, with a warning by the caller */
	PCA_STALE,          /* fingerprint differs: caller refits, with a warning */
	PCA_ABSENT,         /* no file */
};
/* Negative on a file that is there but broken, or without a fingerprint and of another dimension.
 * `out` is filled only when something was loaded. */
int pca_load(struct pca *out, const char *path, const struct pca_fingerprint *expected,
	     struct err *err);
int pca_save(const struct pca *p, const char *path, const struct pca_fingerprint *fingerprint,
	     struct err *err);
/* Peak bytes of a fit, for the memory plan. */
size_t pca_memory_needed(size_t n_rows, size_t dim, size_t n_workers);

#endif
