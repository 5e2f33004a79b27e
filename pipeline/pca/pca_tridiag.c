/* Leading eigenvalues of a tridiagonal matrix by counting (Sturm) and halving, eigenvectors by inverse
 * iteration: a vector is solved for again until what it leaves is a few units of the last place, and is
 * made orthogonal to those before it each time, so that close and equal eigenvalues need no care of their
 * own. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/pcg64.h"
#include "pipeline/pca/pca_panel.h"
#include "pipeline/pca/pca_sym.h"

#define SEED     4
#define ATTEMPTS 4  /* with other starts */
#define ROUNDS   8  /* of solving, with one start; two or three do */
#define POINTS   4  /* at which eigenvalues are counted in one pass */
#define WANTED   32 /* units of the norm's last place that may be left */

struct tridiag {
	const double *diag, *off; /* borrowed */
	size_t n;
	double norm;
	double *u0, *u1, *u2, *l, *left; /* owned: one block of 5 n, u0 its start */
	unsigned char *swapped;          /* owned: n */
	struct pcg64 random;
};

static double norm_of(const double *diag, const double *off, size_t n)
{
	double most = 0.0;

	for (size_t i = 0; i < n; i++) {
		double sum = fabs(diag[i]) + (i + 1 < n ? fabs(off[i]) : 0.0) +
			     (i > 0 ? fabs(off[i - 1]) : 0.0);

		most = sum > most ? sum : most;
	}
	return most;
}

/* For each x, eigenvalues below it: negative pivots of the matrix less x. Several at a time, since a
 * division waits for the one before. */
static void count_below(const struct tridiag *t, const double x[POINTS], size_t count[POINTS])
{
	double least = t->norm * DBL_EPSILON * DBL_EPSILON, pivot[POINTS];

	for (size_t p = 0; p < POINTS; p++) {
		pivot[p] = 1.0;
		count[p] = 0;
	}
	for (size_t i = 0; i < t->n; i++) {
		double square = i > 0 ? t->off[i - 1] * t->off[i - 1] : 0.0;

#pragma GCC unroll 4
		for (size_t p = 0; p < POINTS; p++) {
			pivot[p] = t->diag[i] - x[p] - square / pivot[p];
			if (fabs(pivot[p]) < least)
				pivot[p] = -least;
			count[p] += pivot[p] < 0.0;
		}
	}
}

/* The eigenvalue that `above` others exceed, which is not above `high`. */
static double find_value(const struct tridiag *t, size_t above, double high)
{
	double low = -t->norm * (1.0 + 4.0 * DBL_EPSILON);

	while (high - low > 2.0 * DBL_EPSILON * t->norm) {
		double x[POINTS], width = high - low, from = low;
		size_t below[POINTS];

		for (size_t p = 0; p < POINTS; p++)
			x[p] = from + width * (double)(p + 1) / (POINTS + 1);
		count_below(t, x, below);
		for (size_t p = 0; p < POINTS; p++) {
			if (t->n - below[p] > above) {
				low = x[p];
			} else {
				high = x[p];
				break;
			}
		}
	}
	return low + (high - low) / 2;
}

static double held_off(double pivot, double least)
{
	return fabs(pivot) >= least ? pivot : pivot < 0.0 ? -least : least;
}

/* L U of the matrix less x, rows exchanged where the lower has the greater pivot. */
static void factorize(struct tridiag *t, double x)
{
	double least = t->norm * DBL_EPSILON, pivot = t->diag[0] - x;
	double right = t->n > 1 ? t->off[0] : 0.0;

	for (size_t i = 0; i + 1 < t->n; i++) {
		double below = t->off[i], next = t->diag[i + 1] - x;
		double far = i + 2 < t->n ? t->off[i + 1] : 0.0;

		t->swapped[i] = fabs(below) > fabs(pivot);
		if (t->swapped[i]) {
			t->l[i] = pivot / below;
			t->u0[i] = below;
			t->u1[i] = next;
			t->u2[i] = far;
			pivot = right - t->l[i] * next;
			right = -t->l[i] * far;
		} else {
			t->u0[i] = held_off(pivot, least);
			t->l[i] = below / t->u0[i];
			t->u1[i] = right;
			t->u2[i] = 0.0;
			pivot = next - t->l[i] * right;
			right = far;
		}
		t->u0[i] = held_off(t->u0[i], least);
	}
	t->u0[t->n - 1] = held_off(pivot, least);
}

static void solve(const struct tridiag *t, double *v)
{
	size_t n = t->n;

	for (size_t i = 0; i + 1 < n; i++) {
		double upper = t->swapped[i] ? v[i + 1] : v[i];
		double lower = t->swapped[i] ? v[i] : v[i + 1];

		v[i] = upper;
		v[i + 1] = lower - t->l[i] * upper;
	}
	for (size_t i = n; i-- > 0;) {
		if (i + 1 < n)
			v[i] -= t->u1[i] * v[i + 1];
		if (i + 2 < n)
			v[i] -= t->u2[i] * v[i + 2];
		v[i] /= t->u0[i];
	}
}

/* Twice, because the first time leaves what cancels. */
static void make_orthogonal(double *v, const double *others, size_t n_others, size_t n)
{
	for (size_t j = 0; j < 2 * n_others; j++) {
		const double *other = others + j % n_others * n;
		double part = pca_dot(v, other, n);

		for (size_t i = 0; i < n; i++)
			v[i] -= part * other[i];
	}
}

/* Length 1; 0 if there is none. The greatest element is divided off first, so that no square overflows. */
static int normalize(double *v, size_t n)
{
	double most = 0.0, length;

	for (size_t i = 0; i < n; i++)
		most = fabs(v[i]) > most ? fabs(v[i]) : most;
	if (!(most > 0.0) || !isfinite(most))
		return 0;
	for (size_t i = 0; i < n; i++)
		v[i] /= most;
	length = sqrt(pca_dot(v, v, n));
	for (size_t i = 0; i < n; i++)
		v[i] /= length;
	return 1;
}

/* Length of what is left of v when the matrix less x was applied. */
static double residual(const struct tridiag *t, double x, const double *v)
{
	for (size_t i = 0; i < t->n; i++) {
		t->left[i] = (t->diag[i] - x) * v[i];
		if (i > 0)
			t->left[i] += t->off[i - 1] * v[i - 1];
		if (i + 1 < t->n)
			t->left[i] += t->off[i] * v[i + 1];
	}
	return sqrt(pca_dot(t->left, t->left, t->n));
}

static void random_vector(struct tridiag *t, double *v)
{
	for (size_t i = 0; i < t->n; i++)
		v[i] = (double)(pcg64_next64(&t->random) >> 11) * 0x1p-52 - 1.0;
}

/* Vector `number`, after those before it; 1 when it is one. */
static int find_vector(struct tridiag *t, double value, double *vectors, size_t number)
{
	double *v = vectors + number * t->n, limit = WANTED * DBL_EPSILON * t->norm;

	factorize(t, value);
	for (size_t attempt = 0; attempt < ATTEMPTS; attempt++) {
		int good = 0;

		random_vector(t, v);
		make_orthogonal(v, vectors, number, t->n);
		for (size_t round = 0; round < ROUNDS && normalize(v, t->n); round++) {
			solve(t, v);
			make_orthogonal(v, vectors, number, t->n);
			if (!normalize(v, t->n))
				break;
			/* One round more takes off what the start had of others. */
			if (good)
				return 1;
			good = residual(t, value, v) <= limit;
		}
	}
	return 0;
}

static void unit_vectors(size_t n, size_t k, double *values, double *vectors)
{
	memset(values, 0, k * sizeof *values);
	memset(vectors, 0, k * n * sizeof *vectors);
	for (size_t i = 0; i < k; i++)
		vectors[i * n + i] = 1.0;
}

static int find_all(struct tridiag *t, size_t k, double *values, double *vectors, struct err *err)
{
	double high = t->norm * (1.0 + 4.0 * DBL_EPSILON);

	for (size_t i = 0; i < k; i++) {
		values[i] = high = find_value(t, i, high);
		high += 2 * DBL_EPSILON * t->norm;
		if (!find_vector(t, values[i], vectors, i))
			return err_set(err, ERR_INTERNAL,
				       "the PCA matrix of %zu columns has no eigenvector for "
				       "value %zu; use a ready state in PROTEA_PCA_ARTIFACTS_DIR",
				       t->n, i);
	}
	return 0;
}

int pca_tridiag_leading(const double *diag, const double *off, size_t n, size_t k, double *values,
			double *vectors, struct err *err)
{
	struct tridiag t = {.diag = diag, .off = off, .n = n, .norm = norm_of(diag, off, n)};
	int rc;

	if (t.norm == 0.0) {
		unit_vectors(n, k, values, vectors);
		return 0;
	}
	t.u0 = malloc(5 * n * sizeof *t.u0);
	t.swapped = malloc(n);
	if (!t.u0 || !t.swapped) {
		rc = err_nomem(err, "the PCA");
	} else {
		t.u1 = t.u0 + n;
		t.u2 = t.u1 + n;
		t.l = t.u2 + n;
		t.left = t.l + n;
		pcg64_seed(&t.random, SEED);
		rc = find_all(&t, k, values, vectors, err);
	}
	free(t.u0);
	free(t.swapped);
	return rc;
}

size_t pca_tridiag_memory(size_t n)
{
	return n * (5 * sizeof(double) + 1);
}
