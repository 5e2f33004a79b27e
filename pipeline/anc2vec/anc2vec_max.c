/* The greatest cosine with a set of terms: see anc2vec_max.h. */
#include "pipeline/anc2vec/anc2vec_max.h"

#include <math.h>
#include <stdlib.h>

#include "pipeline/anc2vec/anc2vec_coarse.h"
#include "pipeline/core/dot.h"

/* What a true product may be below an integer one that is greater by rounding alone: twice the bound,
 * and the rounding of the sums by the rule. In units of the integer products. */
static double margin(size_t dim)
{
	double error = coarse_error(dim);
	double bound = COARSE_NORM * error + error * (COARSE_NORM + error);

	return 2.0 * (bound + (double)dim * 0x1p-51) * (double)COARSE_SCALE * (double)COARSE_SCALE;
}

void anc2vec_set_init(struct anc2vec_set *s, size_t dim)
{
	*s = (struct anc2vec_set){
		.dim = dim,
		.stride = (dim + COARSE_STEP - 1) / COARSE_STEP * COARSE_STEP,
		.margin = margin(dim),
	};
}

void anc2vec_set_release(struct anc2vec_set *s)
{
	free(s->coarse);
	free(s->product);
	free(s->left);
	free(s->right);
	free(s->asked);
	free(s->dot);
	*s = (struct anc2vec_set){0};
}

/* Arrays are made anew: nothing in them outlives the set at hand. */
static int reserve(struct anc2vec_set *s, uint32_t n, struct err *err)
{
	size_t dim = s->dim, cap = 2 * (size_t)n + 64;

	if (n <= s->cap && s->coarse)
		return 0;
	anc2vec_set_release(s);
	anc2vec_set_init(s, dim);
	s->coarse = malloc((cap + 1) * s->stride * sizeof *s->coarse);
	s->product = malloc(cap * sizeof *s->product);
	s->left = malloc(cap * sizeof *s->left);
	s->right = malloc(cap * sizeof *s->right);
	s->asked = malloc(cap * sizeof *s->asked);
	s->dot = malloc(cap * sizeof *s->dot);
	if (!s->coarse || !s->product || !s->left || !s->right || !s->asked || !s->dot) {
		anc2vec_set_release(s);
		anc2vec_set_init(s, dim);
		return err_nomem(err, "cosines");
	}
	s->cap = (uint32_t)cap;
	return 0;
}

static int fits(double squared)
{
	return squared <= COARSE_NORM * COARSE_NORM;
}

int anc2vec_set_rows(struct anc2vec_set *s, const float *const *rows, uint32_t n, struct err *err)
{
	int rc = reserve(s, n, err);

	s->n = 0;
	if (rc)
		return rc;
	s->rows = rows;
	s->n = n;
	s->plain = 0;
	for (uint32_t i = 0; i < n; i++)
		s->plain |=
			!fits(coarse_make(rows[i], s->dim, s->stride, s->coarse + i * s->stride));
	return 0;
}

static void compute_waiting(struct anc2vec_set *s, double *out)
{
	dot_f32_pairs(s->left, s->right, s->waiting, s->dim, s->dot);
	for (uint32_t i = 0; i < s->waiting; i++) {
		double *best = &out[s->asked[i]];

		if (isnan(*best) || s->dot[i] > *best)
			*best = s->dot[i];
	}
	s->computed += s->waiting;
	s->waiting = 0;
}

static void all_rows(struct anc2vec_set *s, const float *u, uint32_t asked)
{
	for (uint32_t i = 0; i < s->n; i++, s->waiting++) {
		s->left[s->waiting] = u;
		s->right[s->waiting] = s->rows[i];
		s->asked[s->waiting] = asked;
	}
}

/* The rows that may be the greatest, in their order. */
static void likely_rows(struct anc2vec_set *s, const float *u, uint32_t asked)
{
	int16_t *coarse = s->coarse + (size_t)s->cap * s->stride;
	int32_t best;
	double least;

	if (s->plain || !fits(coarse_make(u, s->dim, s->stride, coarse))) {
		all_rows(s, u, asked);
		return;
	}
	coarse_kernel(simd_level())(coarse, s->coarse, s->n, s->stride, s->product);
	best = s->product[0];
	for (uint32_t i = 1; i < s->n; i++)
		best = s->product[i] > best ? s->product[i] : best;
	least = (double)best - s->margin;
	for (uint32_t i = 0; i < s->n; i++) {
		s->left[s->waiting] = u;
		s->right[s->waiting] = s->rows[i];
		s->asked[s->waiting] = asked;
		s->waiting += (double)s->product[i] >= least;
	}
}

void anc2vec_set_max(struct anc2vec_set *s, const float *const *u, uint32_t n, double *out)
{
	s->waiting = 0;
	s->computed = 0;
	for (uint32_t i = 0; i < n; i++) {
		out[i] = NAN;
		if (!s->n)
			continue;
		if (s->cap - s->waiting < s->n)
			compute_waiting(s, out);
		likely_rows(s, u[i], i);
	}
	compute_waiting(s, out);
}
