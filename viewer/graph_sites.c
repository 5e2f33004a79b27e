/* Where in the source each node spends most: see graph_build.h. By the kind shown first; the others only
 * decide where it says nothing. */
#include <stdlib.h>
#include <string.h>

#include "viewer/graph_build.h"

enum { NO_STACK, ONE_STACK, MANY_STACKS, FOLDED };

struct sites {
	uint64_t *total;    /* owned; by stack of the run */
	uint32_t *of_frame; /* owned; by frame of the run: its site, GRAPH_NONE: not known yet */
	uint64_t *sums;     /* owned; by pair */
	unsigned char
		*stacks; /* owned; by node: how many were joined in it, or that they were folded */
	uint32_t n_sums, cap_sums, cap_sites;
	struct idmap known; /* (file << 32 | line) to site */
	struct idmap pairs; /* (node << 32 | site) to pair */
};

/* Weights of a run's stacks with what is below them. Of another kind than the first, 2^-12 counts. */
static int start_run(struct build *b, struct sites *w, uint32_t run)
{
	const struct build_run *r = &b->runs[run];
	const struct profile *p = r->p;
	double scale[PROFILE_KINDS];
	uint32_t k, s;
	size_t i;

	free(w->total);
	free(w->of_frame);
	w->total = calloc(p->n_stacks, sizeof *w->total);
	w->of_frame = malloc((p->n_frames + (size_t)1) * sizeof *w->of_frame);
	if (!w->total || !w->of_frame)
		return ERR_NOMEM;
	memset(w->of_frame, 0xff, (p->n_frames + (size_t)1) * sizeof *w->of_frame);
	for (k = 0; k < PROFILE_KINDS; k++)
		scale[k] = build_scale(b, run, k) * (k == (uint32_t)b->options->kind ? 16 : 0x1p-8);
	for (i = 0; i < p->n_samples; i++)
		if (r->taken[i])
			w->total[p->samples[i].stack] +=
				(uint64_t)((double)build_amount(b, run, &p->samples[i]) *
					   scale[p->samples[i].kind]);
	for (s = p->n_stacks; s-- > 1;)
		w->total[p->stacks[s].parent] += w->total[s];
	return 0;
}

static uint32_t make_site(struct build *b, struct build_run *r, struct sites *w, uint32_t frame)
{
	struct graph *g = b->g;
	const struct profile_frame *f = &r->p->frames[frame];
	uint32_t file =
		b->options->redact ? build_base(b, r, f->file) : build_string(b, r, f->file);
	uint32_t at;

	if (file == GRAPH_NONE)
		return GRAPH_NONE;
	at = idmap_intern(&w->known, (uint64_t)file << 32 | f->line, g->n_sites);
	if (at == IDMAP_NONE || at != g->n_sites)
		return at;
	if (BUILD_ROOM(g->sites, at, w->cap_sites) != 0)
		return GRAPH_NONE;
	g->sites[g->n_sites] = (struct graph_site){file, f->line};
	return g->n_sites++;
}

static uint32_t site_of(struct build *b, struct build_run *r, struct sites *w, uint32_t stack)
{
	uint32_t frame = r->p->stacks[stack].frame;

	if (w->of_frame[frame] == GRAPH_NONE)
		w->of_frame[frame] = make_site(b, r, w, frame);
	return w->of_frame[frame];
}

/* The sum of a site in a node, NULL: no memory. Moves the others. */
static uint64_t *sum_of(struct sites *w, uint32_t node, uint32_t site)
{
	uint32_t pair = idmap_intern(&w->pairs, (uint64_t)node << 32 | site, w->n_sums);

	if (pair == IDMAP_NONE)
		return NULL;
	if (pair == w->n_sums) {
		if (BUILD_ROOM(w->sums, pair, w->cap_sums) != 0)
			return NULL;
		w->sums[w->n_sums++] = 0;
	}
	return &w->sums[pair];
}

/* Heavier, or as heavy and earlier in the stacks' order: the site first met stays. */
static int add_site(struct build *b, struct build_run *r, struct sites *w, uint32_t stack)
{
	uint32_t node = b->node_of[r->row_of[stack]], site;
	struct graph_node *n = &b->g->nodes[node];
	uint64_t *sum, value, best;

	if (w->stacks[node] == FOLDED)
		return 0;
	site = site_of(b, r, w, stack);
	if (site == GRAPH_NONE)
		return ERR_NOMEM;
	if (w->stacks[node] == ONE_STACK) {
		n->site = site;
		return 0;
	}
	sum = sum_of(w, node, site);
	if (!sum)
		return ERR_NOMEM;
	value = *sum += w->total[stack];
	if (n->site == site)
		return 0;
	if (n->site != GRAPH_NONE) {
		sum = sum_of(w, node, n->site);
		if (!sum)
			return ERR_NOMEM;
		best = *sum;
		if (value <= best)
			return 0;
	}
	n->site = site;
	return 0;
}

/* Most nodes come from one stack, which has the only site there is. */
static void count_stacks(struct build *b, struct sites *w)
{
	uint32_t r, i;

	for (i = 1; i < b->g->n_nodes; i++)
		if (b->g->nodes[i].label == b->g->other)
			w->stacks[i] = FOLDED;
	for (r = 0; r < b->g->n_runs; r++) {
		const struct build_run *run = &b->runs[r];

		for (i = 1; i < run->p->n_stacks; i++)
			if (run->touched[i]) {
				unsigned char *n = &w->stacks[b->node_of[run->row_of[i]]];

				if (*n < MANY_STACKS)
					++*n;
			}
	}
}

int build_sites(struct build *b)
{
	struct sites w = {0};
	uint32_t r, i;
	int rc = 0;

	w.stacks = calloc(b->g->n_nodes, 1);
	if (!w.stacks)
		rc = ERR_NOMEM;
	else
		count_stacks(b, &w);
	for (r = 0; rc == 0 && r < b->g->n_runs; r++) {
		struct build_run *run = &b->runs[r];

		rc = start_run(b, &w, r);
		for (i = 1; rc == 0 && i < run->p->n_stacks; i++)
			if (run->touched[i])
				rc = add_site(b, run, &w, i);
	}
	free(w.total);
	free(w.of_frame);
	free(w.sums);
	free(w.stacks);
	idmap_release(&w.known);
	idmap_release(&w.pairs);
	return rc == 0 ? 0 : build_no_memory(b);
}
