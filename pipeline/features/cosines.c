/* Anc2vec cosines of leaf candidates (spec 4.8) against the neighbour context and the known context. */
#include <math.h>
#include <stdlib.h>

#include "pipeline/features/candidates.h"

static int need_dots(struct group *g, size_t n, struct err *err)
{
	double *d;

	if (n <= g->dot_cap)
		return 0;
	d = realloc(g->dots, 2 * n * sizeof *d);
	if (!d)
		return err_nomem(err, "cosines");
	g->dots = d;
	g->dot_cap = 2 * n;
	return 0;
}

static double max_dot(const float *u, const float *const *rows, uint32_t n, size_t dim,
		      double *dots)
{
	double best;
	uint32_t i;

	anc2vec_dot_many(u, rows, n, dim, dots);
	best = dots[0];
	for (i = 1; i < n; i++)
		if (dots[i] > best)
			best = dots[i];
	return best;
}

/* Leaves stand in the order of first appearance of their go_id, which is the row order of M. */
static int collect_rows(struct group *g, struct err *err)
{
	const struct term_vectors *v = g->in->vectors;
	uint32_t i;

	g->n_row_vectors = 0;
	for (i = 0; i < g->n_leaves; i++) {
		uint32_t go = g->leaf[i].go;
		int rc;

		if (!v->has[go])
			continue;
		rc = group_grow(&g->row_vector, &g->row_cap, g->n_row_vectors,
				sizeof *g->row_vector, err);
		if (rc)
			return rc;
		g->row_vector[g->n_row_vectors++] = term_vector(v, go);
	}
	g->has_centroid = anc2vec_centroid(g->row_vector, g->n_row_vectors, v->dim, g->centroid);
	return need_dots(g, (size_t)g->n_row_vectors + g->n_known_vectors + 1, err);
}

void group_known_cosines(struct group *g, struct candidate *c)
{
	const struct term_vectors *v = g->in->vectors;
	int has = g->in->in_pool[c->go] && v->has[c->go];

	c->has_emb = has ? 1.0 : 0.0;
	c->known_cos = c->known_maxcos = NAN;
	if (!has)
		return;
	if (g->has_known_centroid)
		c->known_cos = anc2vec_dot(term_vector(v, c->go), g->known_centroid, v->dim);
	if (g->n_known_vectors)
		c->known_maxcos = max_dot(term_vector(v, c->go), g->known_vector,
					  g->n_known_vectors, v->dim, g->dots);
}

int group_add_cosines(struct group *g, struct err *err)
{
	const struct term_vectors *v = g->in->vectors;
	uint32_t i;
	int rc = collect_rows(g, err);

	for (i = 0; !rc && i < g->n_leaves; i++) {
		struct candidate *c = &g->leaf[i];

		group_known_cosines(g, c);
		c->neighbor_cos = c->neighbor_maxcos = NAN;
		if (c->has_emb == 0.0)
			continue;
		if (g->has_centroid)
			c->neighbor_cos = anc2vec_dot(term_vector(v, c->go), g->centroid, v->dim);
		c->neighbor_maxcos = max_dot(term_vector(v, c->go), g->row_vector, g->n_row_vectors,
					     v->dim, g->dots);
	}
	return rc;
}
