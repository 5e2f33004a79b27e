/* Householder's reduction of a symmetric matrix by rows of its upper triangle: see pca_sym.h. The change
 * of rank two that a step makes is applied by the next step, in the pass that multiplies the matrix with
 * its vector, so that each step goes over the rest of the matrix once. */
#include "pipeline/pca/pca_sym.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/pca/pca_panel.h"

struct reduction {
	double *a; /* borrowed: n x n; reflectors right of the diagonal as rows are done */
	size_t n;
	double *diag, *off, *tau; /* owned: one block of 7 n, diag its start */
	double *v, *w;            /* of the last step, by column of the matrix */
	double *next, *sums;      /* of this step */
};

/* A power of two times the matrix: nothing overflows, and no bit is lost. Returns its logarithm. */
static int scale(double *a, size_t n)
{
	double most = 0.0;
	int exponent = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = i; j < n; j++)
			most = fabs(a[i * n + j]) > most ? fabs(a[i * n + j]) : most;
	}
	if (most > 0.0 && isfinite(most))
		frexp(most, &exponent);
	if (exponent == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i; j < n; j++)
			a[i * n + j] = ldexp(a[i * n + j], -exponent);
	}
	return exponent;
}

/* Makes x the vector of a reflection that leaves its first element only, which becomes 1; that element's
 * new value is returned. tau 0: there is nothing to take off. */
static double reflector(double *x, size_t n, double *tau)
{
	double rest = pca_dot(x + 1, x + 1, n - 1), first = x[0], value;

	*tau = 0.0;
	if (rest == 0.0) {
		memset(x, 0, n * sizeof *x);
		return first;
	}
	value = -copysign(sqrt(first * first + rest), first);
	*tau = (value - first) / value;
	for (size_t i = 1; i < n; i++)
		x[i] /= first - value;
	x[0] = 1.0;
	return value;
}

/* The last step's change of row i from its diagonal on, and this step's products with it. */
static void pass_row(struct reduction *t, size_t i)
{
	struct pca_step step = {.row = t->a + i * t->n + i + 1,
				.sums = t->sums + i + 1,
				.x = t->w + i + 1,
				.y = t->v + i + 1,
				.v = t->next + i + 1,
				.a = t->v[i],
				.b = t->w[i],
				.c = t->next[i]};
	double *diagonal = t->a + i * t->n + i;

	*diagonal -= 2.0 * (t->v[i] * t->w[i]);
	t->sums[i] += *diagonal * t->next[i];
	t->sums[i] += pca_step_row(&step, t->n - i - 1);
}

static void step(struct reduction *t, size_t j)
{
	size_t n = t->n;
	double *row = t->a + j * n, half;

	for (size_t c = j; c < n; c++)
		row[c] -= t->v[j] * t->w[c] + t->w[j] * t->v[c];
	t->diag[j] = row[j];
	t->off[j] = reflector(row + j + 1, n - j - 1, &t->tau[j]);
	memcpy(t->next + j + 1, row + j + 1, (n - j - 1) * sizeof *row);
	memset(t->sums, 0, n * sizeof *t->sums);
	for (size_t i = j + 1; i < n; i++)
		pass_row(t, i);
	for (size_t i = j + 1; i < n; i++)
		t->sums[i] *= t->tau[j];
	half = t->tau[j] / 2 * pca_dot(t->sums + j + 1, t->next + j + 1, n - j - 1);
	for (size_t i = j + 1; i < n; i++) {
		t->v[i] = t->next[i];
		t->w[i] = t->sums[i] - half * t->next[i];
	}
}

static int reduce(struct reduction *t, struct err *err)
{
	size_t n = t->n;

	for (size_t j = 0; j + 1 < n; j++) {
		int rc = cancel_check(err);

		if (rc < 0)
			return rc;
		step(t, j);
	}
	t->diag[n - 1] = t->a[n * n - 1];
	if (n > 1)
		t->diag[n - 1] -= 2.0 * (t->v[n - 1] * t->w[n - 1]);
	return 0;
}

/* From a vector of the three diagonals to one of the matrix: the reflections, last first. */
static void transform_back(const struct reduction *t, double *vector)
{
	for (size_t j = t->n - 1; j-- > 0;) {
		const double *v = t->a + j * t->n + j + 1;
		size_t n = t->n - j - 1;
		double sum = t->tau[j] * pca_dot(v, vector + j + 1, n);

		for (size_t i = 0; i < n; i++)
			vector[j + 1 + i] -= sum * v[i];
	}
}

int pca_sym_leading(double *matrix, size_t n, size_t k, double *values, double *vectors,
		    struct err *err)
{
	struct reduction t = {.a = matrix, .n = n};
	int exponent, rc;

	t.diag = calloc(7 * n, sizeof *t.diag);
	if (!t.diag)
		return err_nomem(err, "the PCA");
	t.off = t.diag + n;
	t.tau = t.off + n;
	t.v = t.tau + n;
	t.w = t.v + n;
	t.next = t.w + n;
	t.sums = t.next + n;
	exponent = scale(matrix, n);
	rc = reduce(&t, err);
	if (rc == 0)
		rc = pca_tridiag_leading(t.diag, t.off, n, k, values, vectors, err);
	for (size_t i = 0; rc == 0 && i < k; i++) {
		values[i] = ldexp(values[i], exponent);
		transform_back(&t, vectors + i * n);
	}
	free(t.diag);
	return rc;
}

size_t pca_sym_memory(size_t n)
{
	return 7 * n * sizeof(double) + pca_tridiag_memory(n);
}
