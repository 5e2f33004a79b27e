/* Projections of many rows: see pca_scores.h. */
#include "pipeline/pca/pca_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/half.h"
#include "pipeline/core/workers.h"
#include "pipeline/pca/pca_panel.h"

#define BLOCK                                                                                      \
	16 /* rows that a piece of the panel is used for while it is near: 32 KiB of numbers */
#define PIECE 256 /* columns centred at a time */
#define ITEM  256 /* rows of an item */

_Static_assert(PCA_PANEL == PCA_COMPONENTS, "a row of the panel has a column for each axis");

struct projecting {
	const struct pca *p;
	const uint16_t *values;
	double *panel; /* owned: dim x PCA_PANEL, the axes side by side; 0 where there is none */
	struct pca_scores *out;
};

static double *make_panel(const struct pca *p)
{
	double *panel = calloc(p->dim * PCA_PANEL, sizeof *panel);

	for (size_t j = 0; panel && j < p->n_components; j++) {
		for (size_t i = 0; i < p->dim; i++)
			panel[i * PCA_PANEL + j] = (double)p->components[j * p->dim + i];
	}
	return panel;
}

/* Columns of one row less their means: a float32 difference, widened. */
static void centre(const uint16_t *row, const float *mean, size_t n, double *out)
{
	float wide[PIECE];

	half_to_floats(row, wide, n);
	for (size_t i = 0; i < n; i++)
		out[i] = (double)(wide[i] - mean[i]);
}

static void project_block(const struct projecting *t, const uint32_t *rows, size_t n,
			  double *scores)
{
	double off[BLOCK * PIECE];
	size_t dim = t->p->dim;

	memset(scores, 0, n * PCA_PANEL * sizeof *scores);
	for (size_t first = 0; first < dim; first += PIECE) {
		size_t m = dim - first < PIECE ? dim - first : PIECE;

		for (size_t r = 0; r < n; r++)
			centre(t->values + rows[r] * dim + first, t->p->mean + first, m,
			       off + r * PIECE);
		pca_panel_add(scores, n, (struct pca_factor){off, PIECE, 1},
			      t->panel + first * PCA_PANEL, m);
	}
	for (size_t i = 0; i < n * PCA_PANEL; i++)
		scores[i] = i % PCA_PANEL < t->p->n_components ? (double)(float)scores[i] : NAN;
}

static int project_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	const struct projecting *t = ctx;
	size_t at = item * ITEM, end = t->out->n - at < ITEM ? t->out->n : at + ITEM;

	(void)worker;
	(void)err;
	for (; at < end; at += BLOCK)
		project_block(t, t->out->row + at, end - at < BLOCK ? end - at : BLOCK,
			      t->out->score + at * PCA_COMPONENTS);
	return 0;
}

int pca_scores_make(struct pca_scores *out, const struct pca *p, const uint16_t *values,
		    const uint32_t *rows, size_t n, size_t n_workers, struct err *err)
{
	struct projecting t = {.p = p, .values = values, .out = out};
	int rc;

	*out = (struct pca_scores){.n = n};
	out->row = malloc((n + 1) * sizeof *out->row);
	out->score = malloc((n + 1) * PCA_COMPONENTS * sizeof *out->score);
	t.panel = make_panel(p);
	if (!out->row || !out->score || !t.panel) {
		rc = err_nomem(err, "PCA scores");
	} else {
		memcpy(out->row, rows, n * sizeof *rows);
		rc = workers_run(n_workers, (n + ITEM - 1) / ITEM, project_item, &t, err);
	}
	free(t.panel);
	if (rc)
		pca_scores_release(out);
	return rc;
}

void pca_scores_release(struct pca_scores *s)
{
	free(s->row);
	free(s->score);
	*s = (struct pca_scores){0};
}

const double *pca_scores_of(const struct pca_scores *s, uint32_t row)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->row[mid] < row)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n && s->row[low] == row ? s->score + low * PCA_COMPONENTS : NULL;
}
