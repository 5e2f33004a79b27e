/* Ancestor expansion (spec 4.10). Leaves are taken strictly in creation order, because a leaf that is
 * also an ancestor of an earlier leaf has changed before it is copied. */
#include "pipeline/features/candidates.h"

/* Weight of the step from g to its ancestor a. */
static double weight(const double *ia, uint32_t a, uint32_t g)
{
	if (!ia)
		return 1.0;
	return ia[g] > 0 ? ia[a] / ia[g] : 1.0;
}

static double add_fraction(double old, double share)
{
	double sum = old + share;

	return sum < 1.0 ? sum : 1.0;
}

static void raise_leaf(struct candidate *leaf, double share, double min_distance)
{
	leaf->vote_fraction = add_fraction(leaf->vote_fraction, share);
	if (min_distance < leaf->min_distance)
		leaf->min_distance = min_distance;
}

static int raise_ancestor(struct group *g, uint32_t a, const struct candidate *donor, double share,
			  struct err *err)
{
	struct candidate *c;
	double old;

	if (g->go_stamp[a] != g->now) {
		int rc = group_grow(&g->ancestor, &g->ancestor_cap, g->n_ancestors,
				    sizeof *g->ancestor, err);

		if (rc)
			return rc;
		g->go_stamp[a] = g->now;
		g->go_slot[a] = g->n_leaves + g->n_ancestors;
		c = &g->ancestor[g->n_ancestors++];
		*c = *donor;
		c->go = a;
		c->vote_fraction = add_fraction(0.0, share);
		return 0;
	}
	c = &g->ancestor[g->go_slot[a] - g->n_leaves];
	old = c->vote_fraction;
	if (donor->distance < c->distance) {
		*c = *donor;
		c->go = a;
	}
	c->vote_fraction = add_fraction(old, share);
	return 0;
}

int group_expand(struct group *g, struct err *err)
{
	const struct csr *ancestors = &g->in->ontology->snapshots[0].ancestors;
	uint32_t i, j;

	for (i = 0; i < g->n_leaves; i++) {
		uint32_t go = g->leaf[i].go;

		for (j = ancestors->start[go]; j < ancestors->start[go + 1]; j++) {
			uint32_t a = ancestors->item[j];
			double share = weight(g->in->ia, a, go) / (double)g->in->k;
			int rc = 0;

			if (g->go_stamp[a] == g->now && g->go_slot[a] < g->n_leaves)
				raise_leaf(&g->leaf[g->go_slot[a]], share, g->leaf[i].min_distance);
			else
				rc = raise_ancestor(g, a, &g->leaf[i], share, err);
			if (rc)
				return rc;
		}
	}
	return 0;
}
