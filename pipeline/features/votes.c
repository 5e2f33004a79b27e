/* The walk over neighbours and their annotation rows: votes per term (spec 4.6) and the taxonomic
 * consensus (4.7.3). A vote is a row, not a neighbour. */
#include "pipeline/features/candidates.h"

static struct vote *vote_of(struct group *g, uint32_t term, int *fresh, struct err *err)
{
	*fresh = g->term_stamp[term] != g->now;
	if (*fresh) {
		if (group_grow(&g->vote, &g->vote_cap, g->n_votes, sizeof *g->vote, err) != 0)
			return NULL;
		g->term_stamp[term] = g->now;
		g->term_vote[term] = g->n_votes;
		g->vote[g->n_votes++] = (struct vote){.term = term};
	}
	return &g->vote[g->term_vote[term]];
}

static void count_taxonomy(struct vote *v, const struct tax_pair *t)
{
	v->same += t->relation == TAX_SAME;
	v->close += (uint32_t)tax_relation_is_close(t->relation);
	v->common_sum += t->common_ancestors;
	v->common_n++;
}

static int vote_row(struct group *g, uint32_t row, uint32_t rank, double distance, uint32_t pair,
		    uint32_t ref_row, struct err *err)
{
	const struct annset *set = g->in->refs->set;
	int fresh;
	struct vote *v = vote_of(g, set->term[row], &fresh, err);

	if (!v)
		return ERR_NOMEM;
	if (fresh) {
		v->k_position = rank;
		v->min_distance = distance;
		v->first_distance = distance;
		v->pair = pair;
		v->ref_row = ref_row;
		v->qualifier = annset_kind(set, row)->qualifier;
		v->evidence = annset_kind(set, row)->evidence;
	}
	v->count++;
	if (distance < v->min_distance)
		v->min_distance = distance;
	v->sum_distance += distance;
	if (g->in->tax)
		count_taxonomy(v, &g->in->tax[pair]);
	return 0;
}

int group_collect_votes(struct group *g, struct err *err)
{
	const struct feature_inputs *in = g->in;
	const struct ref_list *refs = &in->refs->aspect[g->aspect];
	const struct knn_hit *hits;
	uint32_t n = neighbors_at(in->neighbors, g->aspect, g->query, in->k, &hits), r, i;

	for (r = 0; r < n; r++) {
		uint32_t ref = hits[r].ref, ref_row = refs->row[ref];
		uint32_t pair = pair_list_find(in->pairs, g->query, ref_row);

		for (i = refs->start[ref]; i < refs->start[ref + 1]; i++) {
			int rc = vote_row(g, refs->ann[i], r + 1, (double)hits[r].dist, pair,
					  ref_row, err);

			if (rc)
				return rc;
		}
	}
	return 0;
}
