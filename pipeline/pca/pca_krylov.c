/* Leading eigenvectors by products with blocks of 16 vectors (block Lanczos: a product has parts in the last
 * two blocks only; rounding errors that other blocks have in it are taken off all the same): the matrix is read once for sixteen products, and a basis of some hundred vectors has
 * the wanted ones to the last place where the spectrum falls off. The number of threads changes no bit:
 * elements are sums in ascending order (pca_panel.h). A block is as wide as vectors are wanted, so that
 * equal eigenvalues are all found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/pcg64.h"
#include "pipeline/core/workers.h"
#include "pipeline/pca/pca_internal.h"
#include "pipeline/pca/pca_panel.h"
#include "pipeline/pca/pca_sym.h"

#define P            PCA_PANEL
#define SEED         16
#define ROWS         64        /* of one item of work */
#define PARALLEL     (1 << 22) /* multiplications that are worth threads */
#define LEAST_BLOCKS 12        /* a smaller matrix is done directly */
#define FIRST_CHECK  6         /* blocks in the basis when it is first tried */
#define SURE         12        /* blocks after which it may be given up */
#define GIVE_UP      1.5       /* times the blocks there may be that seem to be needed */
#define PURE         0.7       /* of its length that a vector keeps when it was orthogonal before */
#define TRIES        6         /* of making a block orthogonal */
#define CONVERGED    0x1p-50   /* of the greatest eigenvalue, what a pair may leave */
#define NEGLIGIBLE   0x1p-44   /* of the matrix: a new vector as short is rounding errors */

_Static_assert(PCA_COMPONENTS <= PCA_PANEL, "a block is as wide as components are wanted");

struct krylov {
	const double *matrix; /* borrowed */
	size_t dim, k, n_workers;
	size_t n_blocks;        /* that the basis may have */
	double *basis;          /* owned: blocks of dim x P, one more than n_blocks */
	double *projected;      /* owned: side x side, upper triangle: basis' matrix basis */
	double *trial;          /* owned: side x side */
	double *values;         /* owned: P */
	double *ritz;           /* owned: k x side */
	double *factors;        /* owned: P x P per block */
	double triangle[P * P]; /* new block before = new block * triangle */
	double scale;           /* the longest product so far, a lower bound of the norm */
	size_t tried;           /* blocks at the last check */
	double left;            /* by the basis then */
	struct pcg64 random;
};

static double *block(const struct krylov *t, size_t i)
{
	return t->basis + i * t->dim * P;
}

static size_t workers_for(const struct krylov *t, size_t products)
{
	return products >= PARALLEL ? t->n_workers : 1;
}

/* ---- items ------------------------------------------------------------------------------------ */

struct task {
	struct krylov *t;
	size_t first;  /* block that is taken off */
	size_t last;   /* blocks 0 … last are there; the new one is last + 1 */
	double *block; /* that is worked on */
};

/* Rows of the matrix times the last block. */
static int multiply_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	const struct task *s = ctx;
	size_t dim = s->t->dim, first = item * ROWS, n = dim - first < ROWS ? dim - first : ROWS;
	struct pca_factor f = {s->t->matrix + first * dim, dim, 1};

	(void)worker;
	(void)err;
	memset(s->block + first * P, 0, n * P * sizeof *s->block);
	pca_panel_add(s->block + first * P, n, f, block(s->t, s->last), dim);
	return 0;
}

/* Products of one block's vectors with the new ones. */
static int factors_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	const struct task *s = ctx;
	size_t i = s->first + item;
	struct pca_factor f = {block(s->t, i), 1, P};
	double *out = s->t->factors + i * P * P;

	(void)worker;
	(void)err;
	memset(out, 0, P * P * sizeof *out);
	pca_panel_add(out, P, f, s->block, s->t->dim);
	return 0;
}

/* Takes off, for some rows of the new block, what the others have; factors are negative here. */
static int take_off_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	const struct task *s = ctx;
	size_t dim = s->t->dim, first = item * ROWS, n = dim - first < ROWS ? dim - first : ROWS;

	(void)worker;
	(void)err;
	for (size_t i = s->first; i <= s->last; i++) {
		struct pca_factor f = {block(s->t, i) + first * P, P, 1};

		pca_panel_add(s->block + first * P, n, f, s->t->factors + i * P * P, P);
	}
	return 0;
}

/* ---- one block -------------------------------------------------------------------------------- */

static void random_column(struct krylov *t, double *b, size_t column)
{
	for (size_t i = 0; i < t->dim; i++)
		b[i * P + column] = (double)(pcg64_next64(&t->random) >> 11) * 0x1p-52 - 1.0;
}

/* Row `column` of the products of a block with itself. */
static void column_products(const struct krylov *t, const double *b, size_t column, double out[P])
{
	struct pca_factor f = {b + column, 0, P};

	memset(out, 0, P * sizeof *out);
	pca_panel_add(out, 1, f, b, t->dim);
}

/* Makes the block's columns orthonormal, one after the other; one that is no longer than `least` gives way
 * to a random one and has a row of zeros in the triangle. Returns the least part of a length that was
 * kept. */
static double orthonormalize(struct krylov *t, double *b, double least, double *triangle)
{
	double kept = 1.0, before[P], products[P];

	memset(triangle, 0, P * P * sizeof *triangle);
	for (size_t c = 0; c < P; c++) {
		column_products(t, b, c, products);
		before[c] = sqrt(products[c]);
	}
	for (size_t c = 0; c < P; c++) {
		double length;
		int replaced;

		column_products(t, b, c, products);
		length = sqrt(products[c]);
		replaced = !(length > least);
		if (replaced) {
			random_column(t, b, c);
			column_products(t, b, c, products);
			length = sqrt(products[c]);
			kept = 0.0;
		} else if (length < kept * before[c]) {
			kept = length / before[c];
		}
		for (size_t i = 0; i < t->dim; i++)
			b[i * P + c] /= length;
		triangle[c * P + c] = replaced ? 0.0 : length;
		for (size_t e = 0; e < P; e++)
			products[e] = e > c ? -products[e] / length : 0.0;
		for (size_t e = c + 1; e < P && !replaced; e++)
			triangle[c * P + e] = -products[e];
		pca_panel_add(b, t->dim, (struct pca_factor){b + c, P, 0}, products, 1);
	}
	return kept;
}

/* Takes off the new block what it has of blocks from `first` on. */
static int project(struct task *s, size_t first, struct err *err)
{
	struct krylov *t = s->t;
	size_t n_blocks = s->last + 1 - first;
	size_t n_workers = workers_for(t, n_blocks * t->dim * P * P);
	double *factors = t->factors + first * P * P;

	s->first = first;
	int rc = workers_run(n_workers, n_blocks, factors_item, s, err);

	for (size_t i = 0; rc == 0 && i < n_blocks * P * P; i++)
		factors[i] = -factors[i];
	return rc < 0 ? rc
		      : workers_run(n_workers, (t->dim + ROWS - 1) / ROWS, take_off_item, s, err);
}

static void keep_factors(struct krylov *t, size_t first, size_t last)
{
	size_t side = t->n_blocks * P;

	for (size_t i = first * P; i < (last + 1) * P; i++) {
		for (size_t c = 0; c < P; c++)
			t->projected[i * side + last * P + c] = -t->factors[i * P + c];
	}
}

static double longest(const struct krylov *t, const double *b)
{
	double most = 0.0, products[P];

	for (size_t c = 0; c < P; c++) {
		column_products(t, b, c, products);
		most = products[c] > most ? products[c] : most;
	}
	return sqrt(most);
}

/* Block `last` + 1: the matrix times block `last`, orthogonal to all before. */
static int extend(struct krylov *t, size_t last, struct err *err)
{
	struct task s = {.t = t, .last = last, .block = block(t, last + 1)};
	size_t before = last > 0 ? last - 1 : 0;
	double ignored[P * P], scale;
	int rc = workers_run(workers_for(t, t->dim * t->dim * P), (t->dim + ROWS - 1) / ROWS,
			     multiply_item, &s, err);

	if (rc < 0)
		return rc;
	scale = longest(t, s.block);
	t->scale = scale > t->scale ? scale : t->scale;
	rc = project(&s, before, err);
	if (rc < 0)
		return rc;
	keep_factors(t, before, last);
	orthonormalize(t, s.block, t->scale * NEGLIGIBLE, t->triangle);
	for (int i = 0; i < TRIES; i++) {
		rc = project(&s, 0, err);
		if (rc < 0 || orthonormalize(t, s.block, 0.0, ignored) >= PURE)
			break;
	}
	return rc;
}

/* ---- the basis -------------------------------------------------------------------------------- */

/* The greatest length that a pair leaves: the triangle times the last block's part of its vector. */
static double left_by(const struct krylov *t, size_t side)
{
	double most = 0.0;

	for (size_t j = 0; j < t->k; j++) {
		const double *part = t->ritz + (j + 1) * side - P;
		double sum = 0.0;

		for (size_t r = 0; r < P; r++) {
			double element = 0.0;

			for (size_t c = r; c < P; c++)
				element += t->triangle[r * P + c] * part[c];
			sum += element * element;
		}
		most = sum > most ? sum : most;
	}
	return sqrt(most);
}

/* What the wanted pairs leave in a basis of `n` blocks, as a part of the greatest eigenvalue. */
static int try_basis(struct krylov *t, size_t n, double *left, struct err *err)
{
	size_t side = n * P, all = t->n_blocks * P;
	int rc;

	for (size_t i = 0; i < side; i++)
		memcpy(t->trial + i * side + i, t->projected + i * all + i,
		       (side - i) * sizeof *t->trial);
	rc = pca_sym_leading(t->trial, side, t->k, t->values, t->ritz, err);
	*left = left_by(t, side);
	if (*left > 0.0)
		*left /= fabs(t->values[0]);
	return rc;
}

/* Blocks that are still missing, were the rest to fall off as the last ones did. Later it falls faster,
 * never slower. */
static double missing_blocks(double left, double left_before, size_t n)
{
	double fall = log(left_before / left) / (double)n;

	return fall > 0.0 ? log(left / CONVERGED) / fall : INFINITY;
}

/* Vectors of the matrix from those of the basis. */
static void combine(const struct krylov *t, size_t n, double *vectors)
{
	for (size_t j = 0; j < t->k; j++) {
		const double *ritz = t->ritz + j * n * P;
		double *v = vectors + j * t->dim;

		for (size_t i = 0; i < t->dim; i++) {
			double sum = 0.0;

			for (size_t b = 0; b < n; b++) {
				for (size_t c = 0; c < P; c++)
					sum += block(t, b)[i * P + c] * ritz[b * P + c];
			}
			v[i] = sum;
		}
	}
}

/* Tries the basis of `n` blocks: 1 when it has the vectors; else *next says when to try again, 0 that it
 * would take too many. */
static int check(struct krylov *t, size_t n, size_t *next, struct err *err)
{
	double left, missing = INFINITY;
	int rc = try_basis(t, n, &left, err);

	if (rc < 0 || left <= CONVERGED)
		return rc < 0 ? rc : 1;
	if (t->tried > 0)
		missing = missing_blocks(left, t->left, n - t->tried);
	*next = n + (missing < 2 ? 2 : missing < (double)(n / 2) ? (size_t)missing + 1 : n / 2);
	if (n >= SURE && (double)n + missing > GIVE_UP * (double)t->n_blocks)
		*next = 0;
	else if (*next > t->n_blocks && n < t->n_blocks)
		*next = t->n_blocks;
	t->tried = n;
	t->left = left;
	return 0;
}

static int run(struct krylov *t, double *vectors, struct err *err)
{
	size_t next = FIRST_CHECK;
	double ignored[P * P];

	for (size_t c = 0; c < P; c++)
		random_column(t, t->basis, c);
	while (orthonormalize(t, t->basis, 0.0, ignored) < PURE)
		;
	for (size_t n = 1; n <= t->n_blocks && next > 0; n++) {
		int rc = extend(t, n - 1, err);

		if (rc == 0 && n == next)
			rc = check(t, n, &next, err);
		if (rc == 1)
			combine(t, n, vectors);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static size_t blocks_for(size_t dim)
{
	return dim * 5 / 8 / P;
}

static int allocate(struct krylov *t, struct err *err)
{
	size_t side = t->n_blocks * P;

	t->basis = malloc((t->n_blocks + 1) * t->dim * P * sizeof *t->basis);
	t->projected = calloc(side * side, sizeof *t->projected);
	t->trial = malloc(side * side * sizeof *t->trial);
	t->ritz = malloc(t->k * side * sizeof *t->ritz);
	t->values = malloc(P * sizeof *t->values);
	t->factors = malloc(t->n_blocks * P * P * sizeof *t->factors);
	return t->basis && t->projected && t->trial && t->ritz && t->values && t->factors
		       ? 0
		       : err_nomem(err, "the PCA");
}

int pca_krylov_leading(const double *matrix, size_t dim, size_t k, size_t n_workers,
		       double *vectors, struct err *err)
{
	struct krylov t = {.matrix = matrix,
			   .dim = dim,
			   .k = k,
			   .n_workers = n_workers,
			   .n_blocks = blocks_for(dim)};
	int rc;

	if (t.n_blocks < LEAST_BLOCKS)
		return 0;
	pcg64_seed(&t.random, SEED);
	rc = allocate(&t, err);
	if (rc == 0)
		rc = run(&t, vectors, err);
	free(t.basis);
	free(t.projected);
	free(t.trial);
	free(t.ritz);
	free(t.values);
	free(t.factors);
	return rc;
}

size_t pca_krylov_memory(size_t dim)
{
	size_t blocks = blocks_for(dim), side = blocks * P;
	size_t doubles = (blocks + 1) * dim * P + 2 * side * side + PCA_COMPONENTS * side + P +
			 blocks * P * P;

	return doubles * sizeof(double) + pca_sym_memory(side);
}
