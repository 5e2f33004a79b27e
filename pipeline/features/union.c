/* InterPro-only rows (spec 4.11, B.17): terms the table predicts and no neighbour proposed. They stand
 * after the leaves, cast no votes, and are made after the expansion. */
#include <math.h>

#include "pipeline/features/candidates.h"

static void fill_row(struct group *g, struct candidate *c, uint32_t go)
{
	*c = (struct candidate){
		.go = go,
		.pair = PAIR_NONE,
		.distance = NAN,
		.vote_count = 0.0,
		.k_position = NAN,
		.term_frequency = NAN,
		.ref_density = NAN,
		.vote_fraction = 0.0,
		.min_distance = NAN,
		.mean_distance = NAN,
		.neighbor_cos = NAN,
		.neighbor_maxcos = NAN,
		.voters_same = NAN,
		.voters_close = NAN,
		.voters_mean_common = NAN,
		.knn_present = 0,
	};
	group_known_cosines(g, c);
}

int group_add_interpro(struct group *g, struct err *err)
{
	const struct feature_inputs *in = g->in;
	uint32_t protein = in->pool->protein[in->query_row[g->query]], n, i;
	const struct interpro_hit *hit = interpro_of(in->interpro, protein, &n);

	for (i = 0; i < n; i++) {
		uint32_t go = hit[i].go;
		int rc;

		if (g->go_stamp[go] == g->now ||
		    in->ontology->aspect_by_go[go] != aspect_letter[g->aspect])
			continue;
		rc = group_grow(&g->leaf, &g->leaf_cap, g->n_rows, sizeof *g->leaf, err);
		if (rc)
			return rc;
		fill_row(g, &g->leaf[g->n_rows++], go);
	}
	return 0;
}
