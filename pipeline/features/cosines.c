/* Anc2vec cosines (spec 4.8) against the neighbour context and the known context, for all candidates of
 * a (query, aspect) at once. */
#include <math.h>
#include <stdlib.h>

#include "pipeline/features/candidates.h"

/* What one vector has with the two contexts; `n` of each in g->cosine, one kind after the other. */
enum cosine { NEIGHBOR_COS, NEIGHBOR_MAXCOS, KNOWN_COS, KNOWN_MAXCOS, COSINES };

static int need_cosines(struct group *g, size_t n, struct err *err)
{
	double *d;

	if (n <= g->cosine_cap)
		return 0;
	d = realloc(g->cosine, 2 * n * COSINES * sizeof *d);
	if (!d)
		return err_nomem(err, "cosines");
	g->cosine = d;
	g->cosine_cap = 2 * n;
	return 0;
}

static double *cosines_of(const struct group *g, enum cosine kind, size_t n)
{
	return g->cosine + (size_t)kind * n;
}

static void fill_nan(double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] = NAN;
}

static void known_cosines(struct group *g, const float *const *u, uint32_t n, double *cos,
			  double *maxcos)
{
	if (g->has_known_centroid)
		anc2vec_dot_many(g->known_centroid, u, n, g->in->vectors->dim, cos);
	else
		fill_nan(cos, n);
	anc2vec_set_max(&g->known_set, u, n, maxcos);
}

static void neighbor_cosines(struct group *g, uint32_t n)
{
	const float *const *u = g->row_vector;
	double *cos = cosines_of(g, NEIGHBOR_COS, n);

	if (g->has_centroid)
		anc2vec_dot_many(g->centroid, u, n, g->in->vectors->dim, cos);
	else
		fill_nan(cos, n);
	anc2vec_set_max(&g->row_set, u, n, cosines_of(g, NEIGHBOR_MAXCOS, n));
}

/* Leaves stand in the order of first appearance of their go_id, which is the row order of M. */
static int collect_rows(struct group *g, struct err *err)
{
	const struct term_vectors *v = g->in->vectors;
	uint32_t i;
	int rc;

	g->n_row_vectors = 0;
	for (i = 0; i < g->n_leaves; i++) {
		uint32_t go = g->leaf[i].go;

		if (!v->has[go])
			continue;
		rc = group_grow(&g->row_vector, &g->row_cap, g->n_row_vectors,
				sizeof *g->row_vector, err);
		if (rc)
			return rc;
		g->row_vector[g->n_row_vectors++] = term_vector(v, go);
	}
	g->has_centroid = anc2vec_centroid(g->row_vector, g->n_row_vectors, v->dim, g->centroid);
	rc = anc2vec_set_rows(&g->row_set, g->row_vector, g->n_row_vectors, err);
	return rc ? rc : need_cosines(g, g->n_row_vectors, err);
}

static int has_vector(const struct group *g, uint32_t go)
{
	return g->in->in_pool[go] && g->in->vectors->has[go];
}

void group_known_cosines(struct group *g, struct candidate *c)
{
	const float *u = term_vector(g->in->vectors, c->go);
	int has = has_vector(g, c->go);

	c->has_emb = has ? 1.0 : 0.0;
	c->known_cos = c->known_maxcos = NAN;
	if (has)
		known_cosines(g, &u, 1, &c->known_cos, &c->known_maxcos);
}

/* Column `at` of the cosines, or nulls. */
static void set_cosines(const struct group *g, struct candidate *c, int has, size_t at)
{
	size_t n = g->n_row_vectors;

	c->has_emb = has ? 1.0 : 0.0;
	c->neighbor_cos = has ? cosines_of(g, NEIGHBOR_COS, n)[at] : NAN;
	c->neighbor_maxcos = has ? cosines_of(g, NEIGHBOR_MAXCOS, n)[at] : NAN;
	c->known_cos = has ? cosines_of(g, KNOWN_COS, n)[at] : NAN;
	c->known_maxcos = has ? cosines_of(g, KNOWN_MAXCOS, n)[at] : NAN;
}

int group_add_cosines(struct group *g, struct err *err)
{
	uint32_t i, n;
	size_t at = 0;
	int rc = collect_rows(g, err);

	if (rc)
		return rc;
	n = g->n_row_vectors;
	neighbor_cosines(g, n);
	known_cosines(g, g->row_vector, n, cosines_of(g, KNOWN_COS, n),
		      cosines_of(g, KNOWN_MAXCOS, n));
	for (i = 0; i < g->n_leaves; i++) {
		uint32_t go = g->leaf[i].go;

		set_cosines(g, &g->leaf[i], has_vector(g, go), at);
		at += g->in->vectors->has[go] != 0;
	}
	return 0;
}
