/* Leaf candidates from votes (spec 4.10). */
#include <math.h>

#include "pipeline/features/candidates.h"

static void fill_leaf(const struct group *g, struct candidate *c, uint32_t go, const struct vote *v)
{
	const struct feature_inputs *in = g->in;
	double votes = (double)v->count;

	*c = (struct candidate){
		.go = go,
		.pair = v->pair,
		.qualifier = v->qualifier,
		.evidence = v->evidence,
		.distance = v->first_distance,
		.vote_count = votes,
		.k_position = (double)v->k_position,
		.term_frequency = (double)in->refs->term_freq[v->term],
		.ref_density = (double)in->refs->density[v->ref_row],
		.vote_fraction = votes / (double)in->k,
		.min_distance = v->min_distance,
		.mean_distance = v->sum_distance / votes,
		.voters_same = NAN,
		.voters_close = NAN,
		.voters_mean_common = NAN,
		.knn_present = 1,
	};
	if (in->tax) {
		c->voters_same = (double)v->same / votes;
		c->voters_close = (double)v->close / votes;
		if (v->common_n)
			c->voters_mean_common = (double)v->common_sum / (double)v->common_n;
	}
}

int group_make_leaves(struct group *g, struct err *err)
{
	const struct ontology *o = g->in->ontology;
	uint32_t i;

	for (i = 0; i < g->n_votes; i++) {
		uint32_t go = o->term_go[g->vote[i].term];

		/* Two ids with one go_id (damaged data): the later values take the earlier place. */
		if (g->go_stamp[go] != g->now) {
			int rc = group_grow(&g->leaf, &g->leaf_cap, g->n_leaves, sizeof *g->leaf,
					    err);

			if (rc)
				return rc;
			g->go_stamp[go] = g->now;
			g->go_slot[go] = g->n_leaves++;
		}
		fill_leaf(g, &g->leaf[g->go_slot[go]], go, &g->vote[i]);
	}
	g->n_rows = g->n_leaves;
	return 0;
}
