/* Candidates of one (query, aspect): scratch memory and the order of work; see candidates.h. */
#include "pipeline/features/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/pairwise.h"

int group_grow(void *array, uint32_t *cap, uint32_t n, size_t size, struct err *err)
{
	uint32_t want;
	void *old, *grown;

	if (n < *cap)
		return 0;
	want = *cap ? 2 * *cap : 256;
	memcpy(&old, array, sizeof old); /* a pointer of any type, without aliasing it */
	grown = realloc(old, want * size);
	if (!grown)
		return err_nomem(err, "candidates");
	memcpy(array, &grown, sizeof grown);
	*cap = want;
	return 0;
}

int group_init(struct group *g, const struct feature_inputs *in, struct err *err)
{
	size_t n_go = (size_t)in->ontology->n_go + 1, n_terms = (size_t)in->ontology->n_terms + 1;
	size_t dim = in->vectors->dim + 1;

	*g = (struct group){.in = in};
	anc2vec_set_init(&g->known_set, in->vectors->dim);
	anc2vec_set_init(&g->row_set, in->vectors->dim);
	g->known_stamp = calloc(n_go, sizeof *g->known_stamp);
	g->above_stamp = calloc(n_go, sizeof *g->above_stamp);
	g->above_count = malloc(n_go * sizeof *g->above_count);
	g->term_stamp = calloc(n_terms, sizeof *g->term_stamp);
	g->term_vote = malloc(n_terms * sizeof *g->term_vote);
	g->go_stamp = calloc(n_go, sizeof *g->go_stamp);
	g->go_slot = malloc(n_go * sizeof *g->go_slot);
	g->known_centroid = malloc(dim * sizeof *g->known_centroid);
	g->centroid = malloc(dim * sizeof *g->centroid);
	g->distances = malloc(2 * (size_t)ASPECTS * in->neighbors->stride * sizeof *g->distances);
	if (!g->known_stamp || !g->above_stamp || !g->above_count || !g->term_stamp ||
	    !g->term_vote || !g->go_stamp || !g->go_slot || !g->known_centroid || !g->centroid ||
	    !g->distances) {
		group_release(g);
		return err_nomem(err, "candidates");
	}
	return 0;
}

void group_release(struct group *g)
{
	free(g->known_stamp);
	free(g->above_stamp);
	free(g->above_count);
	free(g->term_stamp);
	free(g->term_vote);
	free(g->go_stamp);
	free(g->go_slot);
	free(g->known_vector);
	free(g->known_centroid);
	free(g->centroid);
	free(g->distances);
	free(g->vote);
	free(g->leaf);
	free(g->ancestor);
	free(g->row_vector);
	free(g->cosine);
	anc2vec_set_release(&g->known_set);
	anc2vec_set_release(&g->row_set);
	*g = (struct group){0};
}

static void set_distance_std(struct group *g)
{
	const struct feature_inputs *in = g->in;
	size_t m = 0;
	int a;

	for (a = 0; a < ASPECTS; a++) {
		const struct knn_hit *hits;
		uint32_t n = neighbors_at(in->neighbors, a, g->query, in->k, &hits), i;

		for (i = 0; i < n; i++)
			g->distances[m++] = (double)hits[i].dist;
	}
	g->distance_std = pairwise_std_f64(g->distances, m,
					   g->distances + (size_t)ASPECTS * in->neighbors->stride);
}

static int set_known_vectors(struct group *g, struct err *err)
{
	const struct term_vectors *v = g->in->vectors;
	uint32_t i;

	g->n_known_vectors = 0;
	for (i = 0; i < g->n_known; i++) {
		uint32_t go = PAIR_GO(g->known[i]);
		int rc;

		if (!v->has[go])
			continue;
		rc = group_grow(&g->known_vector, &g->known_cap, g->n_known_vectors,
				sizeof *g->known_vector, err);
		if (rc)
			return rc;
		g->known_vector[g->n_known_vectors++] = term_vector(v, go);
	}
	g->has_known_centroid =
		anc2vec_centroid(g->known_vector, g->n_known_vectors, v->dim, g->known_centroid);
	return anc2vec_set_rows(&g->known_set, g->known_vector, g->n_known_vectors, err);
}

int group_query(struct group *g, uint32_t query, struct err *err)
{
	const struct feature_inputs *in = g->in;
	uint32_t protein = in->pool->protein[in->query_row[query]];
	size_t from, to;

	g->query = query;
	from = pairset_range(&in->buckets->known, protein, &to);
	g->n_known = (uint32_t)(to - from);
	g->known = g->n_known ? in->buckets->known.key + from : NULL;
	set_distance_std(g);
	group_mark_known(g);
	return set_known_vectors(g, err);
}

int group_aspect(struct group *g, int aspect, struct err *err)
{
	int rc;

	g->aspect = aspect;
	g->n_votes = g->n_leaves = g->n_rows = g->n_ancestors = 0;
	if (++g->now == 0) { /* the stamp wrapped round */
		memset(g->term_stamp, 0, g->in->ontology->n_terms * sizeof *g->term_stamp);
		memset(g->go_stamp, 0, g->in->ontology->n_go * sizeof *g->go_stamp);
		g->now = 1;
	}
	rc = group_collect_votes(g, err);
	if (!rc)
		rc = group_make_leaves(g, err);
	if (!rc)
		rc = group_add_cosines(g, err);
	if (!rc && g->in->expand)
		rc = group_expand(g, err);
	if (!rc && g->in->interpro)
		rc = group_add_interpro(g, err);
	return rc;
}
