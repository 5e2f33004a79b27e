/* Where a candidate stands relative to the query's known terms (spec 4.11), under the pivot. */
#include <string.h>

#include "pipeline/features/candidates.h"

static void count_above(struct group *g, uint32_t go)
{
	if (g->above_stamp[go] != g->query_now) {
		g->above_stamp[go] = g->query_now;
		g->above_count[go] = 0;
	}
	g->above_count[go]++;
}

void group_mark_known(struct group *g)
{
	const struct csr *anc = &g->in->ontology->snapshots[0].ancestors;
	uint32_t i, j;

	if (++g->query_now == 0) {
		memset(g->known_stamp, 0, g->in->ontology->n_go * sizeof *g->known_stamp);
		memset(g->above_stamp, 0, g->in->ontology->n_go * sizeof *g->above_stamp);
		g->query_now = 1;
	}
	for (i = 0; i < g->n_known; i++) {
		uint32_t k = PAIR_GO(g->known[i]);
		int on_cycle = 0;

		g->known_stamp[k] = g->query_now;
		for (j = anc->start[k]; j < anc->start[k + 1]; j++) {
			on_cycle |= anc->item[j] == k;
			count_above(g, anc->item[j]);
		}
		if (!on_cycle)
			count_above(g, k);
	}
}

void group_lineage(const struct group *g, struct candidate *c)
{
	uint32_t go = c->go;
	const struct csr *anc = &g->in->ontology->snapshots[0].ancestors;
	int known = g->known_stamp[go] == g->query_now;
	uint32_t above = g->above_stamp[go] == g->query_now ? g->above_count[go] : 0;
	uint32_t below = 0, j;
	int on_cycle = 0;

	if (g->n_known) {
		for (j = anc->start[go]; j < anc->start[go + 1]; j++) {
			on_cycle |= anc->item[j] == go;
			below += g->known_stamp[anc->item[j]] == g->query_now;
		}
		if (!on_cycle)
			below += (uint32_t)known;
	}
	if (known) { /* a known term counts itself in both: take that away */
		above--;
		below--;
	}
	c->lineage_above = (double)above;
	c->lineage_below = (double)below;
}
