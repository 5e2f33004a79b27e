/* PCA of the embedding pool: choice of rows, mean, signs. The scatter matrix is in pca_scatter.c, its
 * eigenvectors in pca_eigen.c, cached states in pca_state.c, projections in pca_scores.c. A fitted struct pca
 * may be used by any number of threads. */
#include "pipeline/pca/pca.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/half.h"
#include "pipeline/core/pcg64.h"
#include "pipeline/core/workers.h"
#include "pipeline/pca/pca_internal.h"
#include "pipeline/pca/pca_sym.h"

#define PIECE       256  /* columns converted at a time */
#define CANCEL_ROWS 4096 /* rows between two looks at the cancel flag */

static int choose_rows(struct pca_rows *x, uint32_t **sample, struct err *err)
{
	struct pcg64 g;

	*sample = NULL;
	if (x->n <= PCA_SAMPLE_ROWS)
		return 0;
	if (x->n > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "a pool of %zu rows is more than 32 bits count",
			       x->n);
	*sample = malloc(PCA_SAMPLE_ROWS * sizeof **sample);
	if (!*sample)
		return err_nomem(err, "the PCA sample");
	pcg64_seed(&g, PCA_SAMPLE_SEED);
	if (pcg64_sample(&g, (uint32_t)x->n, PCA_SAMPLE_ROWS, *sample) < 0)
		return err_nomem(err, "the PCA sample");
	x->sample = *sample;
	x->n = PCA_SAMPLE_ROWS;
	return 0;
}

struct averaging {
	const struct pca_rows *x;
	double *mean;
};

/* A piece of the columns: sums over the rows in order, divided by their number. */
static int mean_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	const struct averaging *t = ctx;
	size_t first = item * PIECE, left = t->x->dim - first, n = left < PIECE ? left : PIECE;
	double sum[PIECE] = {0};
	float wide[PIECE];

	(void)worker;
	for (size_t r = 0; r < t->x->n; r++) {
		half_to_floats(pca_row(t->x, r) + first, wide, n);
		for (size_t i = 0; i < n; i++)
			sum[i] += (double)wide[i];
		if (r % CANCEL_ROWS == 0) {
			int rc = cancel_check(err);

			if (rc < 0)
				return rc;
		}
	}
	for (size_t i = 0; i < n; i++)
		t->mean[first + i] = sum[i] / (double)t->x->n;
	return 0;
}

static int make_mean(const struct pca_rows *x, size_t n_workers, double *mean, struct err *err)
{
	struct averaging t = {.x = x, .mean = mean};

	return workers_run(n_workers, (x->dim + PIECE - 1) / PIECE, mean_item, &t, err);
}

/* The entry of greatest absolute value, the first of equals, becomes positive. */
static void fix_sign(double *v, size_t dim)
{
	size_t best = 0;

	for (size_t i = 1; i < dim; i++) {
		if (fabs(v[i]) > fabs(v[best]))
			best = i;
	}
	if (v[best] >= 0)
		return;
	for (size_t i = 0; i < dim; i++)
		v[i] = -v[i];
}

static void to_floats(const double *in, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (float)in[i];
}

/* What a fit needs and drops. */
struct work {
	uint32_t *sample;
	double *mean;
	double *scatter; /* dim x dim */
	double *vectors; /* n_components x dim */
};

static int allocate(struct pca *out, struct work *w, struct err *err)
{
	size_t dim = out->dim, k = out->n_components;

	w->mean = malloc(dim * sizeof *w->mean);
	w->scatter = malloc(dim * dim * sizeof *w->scatter);
	w->vectors = malloc((k ? k : 1) * dim * sizeof *w->vectors);
	out->mean = malloc(dim * sizeof *out->mean);
	out->components = malloc((k ? k : 1) * dim * sizeof *out->components);
	if (!w->mean || !w->scatter || !w->vectors || !out->mean || !out->components)
		return err_nomem(err, "the PCA");
	return 0;
}

static int fit(struct pca *out, struct pca_rows *x, size_t n_workers, struct work *w,
	       struct err *err)
{
	int rc = choose_rows(x, &w->sample, err);

	if (rc == 0)
		rc = allocate(out, w, err);
	if (rc == 0)
		rc = make_mean(x, n_workers, w->mean, err);
	x->mean = w->mean;
	if (rc == 0)
		rc = pca_scatter(x, n_workers, w->scatter, err);
	if (rc == 0)
		rc = cancel_check(err);
	if (rc == 0)
		rc = pca_eigenvectors(w->scatter, x->dim, out->n_components, n_workers, w->vectors,
				      err);
	if (rc < 0)
		return rc;
	for (size_t j = 0; j < out->n_components; j++) {
		fix_sign(w->vectors + j * x->dim, x->dim);
		to_floats(w->vectors + j * x->dim, out->components + j * x->dim, x->dim);
	}
	to_floats(w->mean, out->mean, x->dim);
	return 0;
}

static size_t component_count(size_t n_rows, size_t dim)
{
	size_t k = n_rows - 1 < dim ? n_rows - 1 : dim;

	return k < PCA_COMPONENTS ? k : PCA_COMPONENTS;
}

int pca_fit(struct pca *out, const uint16_t *rows, size_t n_rows, size_t dim, size_t n_workers,
	    struct err *err)
{
	struct pca_rows x = {.rows = rows, .n = n_rows, .dim = dim};
	struct work w = {0};
	size_t bytes;
	int rc;

	*out = (struct pca){.dim = dim};
	if (n_rows == 0 || dim == 0)
		return err_set(err, ERR_ARG, "a PCA of %zu rows and %zu columns does not exist",
			       n_rows, dim);
	if (__builtin_mul_overflow(dim, dim * sizeof(double), &bytes) || dim > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "a PCA of %zu columns is too large", dim);
	out->n_components = component_count(n_rows, dim);
	rc = fit(out, &x, n_workers, &w, err);
	free(w.sample);
	free(w.mean);
	free(w.scatter);
	free(w.vectors);
	if (rc < 0)
		pca_release(out);
	return rc;
}

void pca_release(struct pca *p)
{
	free(p->mean);
	free(p->components);
	*p = (struct pca){0};
}

size_t pca_memory_needed(size_t n_rows, size_t dim, size_t n_workers)
{
	size_t k = n_rows ? component_count(n_rows, dim) : 0;
	size_t sample =
		n_rows > PCA_SAMPLE_ROWS ? (n_rows + PCA_SAMPLE_ROWS) * sizeof(uint32_t) : 0;
	size_t eigen = pca_krylov_memory(dim) > pca_sym_memory(dim) ? pca_krylov_memory(dim)
								    : pca_sym_memory(dim);
	size_t result = dim * (k + 1) * (sizeof(double) + sizeof(float));

	return sample + dim * dim * sizeof(double) + result + eigen +
	       pca_scatter_memory(dim, n_workers);
}
