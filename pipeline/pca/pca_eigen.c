/* The leading eigenvectors of a symmetric matrix, by LAPACK's dsyevr from OpenBLAS. OpenBLAS runs on
 * one thread meanwhile: how it cuts work among threads would change the last bits. The thread count is
 * process-wide, so nothing else may use OpenBLAS at the same time. */
#include "pipeline/pca/pca_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Fortran: everything by address; the lengths of the three letters come last. */
void dsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
	     const int *lda, const double *vl, const double *vu, const int *il, const int *iu,
	     const double *abstol, int *m, double *w, double *z, const int *ldz, int *isuppz,
	     double *work, const int *lwork, int *iwork, const int *liwork, int *info,
	     size_t jobz_len, size_t range_len, size_t uplo_len);
void openblas_set_num_threads(int n);
int openblas_get_num_threads(void);

struct solver {
	int n, k;
	double *matrix;    /* borrowed */
	double *values;    /* owned: n, though only k are wanted */
	double *vectors;   /* owned: n x k, ascending eigenvalues */
	int *support;      /* owned: 2 k */
	double *work;      /* owned */
	int *iwork;        /* owned */
	int lwork, liwork; /* -1: ask for the sizes */
};

/* LAPACK's info. */
static int call_lapack(struct solver *s, double *work, int *iwork)
{
	int first = s->n - s->k + 1, found = 0, info = 0;
	double tolerance = 0.0, unused = 0.0;

	dsyevr_("V", "I", "L", &s->n, s->matrix, &s->n, &unused, &unused, &first, &s->n, &tolerance,
		&found, s->values, s->vectors, &s->n, s->support, work, &s->lwork, iwork,
		&s->liwork, &info, 1, 1, 1);
	return info == 0 && s->lwork > 0 && found != s->k ? s->n + 1 : info;
}

static int allocate(struct solver *s, struct err *err)
{
	double work_size = 0.0;
	int iwork_size = 0;
	size_t n = (size_t)s->n, k = (size_t)s->k;

	s->values = malloc(n * sizeof *s->values);
	s->vectors = malloc(n * k * sizeof *s->vectors);
	s->support = malloc(2 * n * sizeof *s->support);
	if (!s->values || !s->vectors || !s->support)
		return err_nomem(err, "the PCA");
	s->lwork = s->liwork = -1;
	if (call_lapack(s, &work_size, &iwork_size) != 0)
		return err_set(err, ERR_INTERNAL, "LAPACK refuses a matrix of %d columns", s->n);
	s->lwork = (int)work_size;
	s->liwork = iwork_size;
	s->work = malloc((size_t)s->lwork * sizeof *s->work);
	s->iwork = malloc((size_t)s->liwork * sizeof *s->iwork);
	return s->work && s->iwork ? 0 : err_nomem(err, "the PCA");
}

static int solve(struct solver *s, struct err *err)
{
	int threads = openblas_get_num_threads();

	openblas_set_num_threads(1);
	int info = call_lapack(s, s->work, s->iwork);

	openblas_set_num_threads(threads);
	if (info != 0)
		return err_set(err, ERR_INTERNAL,
			       "LAPACK finds no eigenvectors of the PCA matrix (dsyevr: %d); use a "
			       "ready state in PROTEA_PCA_ARTIFACTS_DIR",
			       info);
	return 0;
}

int pca_eigenvectors(double *matrix, size_t dim, size_t k, double *vectors, struct err *err)
{
	struct solver s = {.n = (int)dim, .k = (int)k, .matrix = matrix};
	int rc;

	if (k == 0)
		return 0;
	if (dim > INT_MAX / 64)
		return err_set(err, ERR_LIMIT, "PCA of %zu columns is more than LAPACK counts",
			       dim);
	rc = allocate(&s, err);
	if (rc == 0)
		rc = solve(&s, err);
	for (size_t i = 0; rc == 0 && i < k; i++)
		memcpy(vectors + i * dim, s.vectors + (k - 1 - i) * dim, dim * sizeof *vectors);
	free(s.values);
	free(s.vectors);
	free(s.support);
	free(s.work);
	free(s.iwork);
	return rc;
}
