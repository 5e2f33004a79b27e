/* Which stage and thread a sample belongs to: see graph_groups.h. A stage that ran a thousand times is
 * one path of names here; only stages and threads that samples touch get a place. */
#include "viewer/graph_groups.h"

#include <stdlib.h>

#include "prof/model/grow.h"

/* Capacities double from 64 up: a new place needs room when its number is such a power of two. */
static int has_room(uint32_t n)
{
	return n != 0 && (n < 64 || (n & (n - 1)) != 0);
}
#define PLACE(array, n) (has_room(n) ? 0 : GROW(array, (n) ? 2 * (size_t)(n) : 64))

static int place_stage(struct grouper *w, uint32_t stage)
{
	const struct profile_stage *s = &w->p->stages[stage];
	struct graph *g = w->g;
	uint32_t parent = s->parent == PROFILE_NONE ? GRAPH_NONE : w->stage_of[s->parent];
	uint32_t at = idmap_intern(&w->stages, (uint64_t)parent << 32 | s->name, g->n_stages);

	w->stage_of[stage] = at;
	if (at != g->n_stages)
		return at == IDMAP_NONE ? ERR_NOMEM : 0;
	if (PLACE(g->stages, at) != 0)
		return ERR_NOMEM;
	g->stages[g->n_stages++] = (struct graph_stage){parent, s->name};
	return 0;
}

static int place_thread(struct grouper *w, uint32_t thread)
{
	const struct profile_thread *t = &w->p->threads[thread];
	const struct profile_process *process =
		t->process < w->p->n_processes ? &w->p->processes[t->process] : NULL;
	struct graph_thread row = {t->name, process ? process->name : STRTAB_EMPTY,
				   process ? process->pid : 0, t->tid, 1};
	struct graph *g = w->g;
	uint32_t at = g->n_threads;

	if (w->merge) {
		row.pid = row.tid = 0;
		at = idmap_intern(&w->threads, (uint64_t)row.process << 32 | row.name, at);
	}
	w->thread_of[thread] = at;
	if (at == IDMAP_NONE)
		return ERR_NOMEM;
	if (at != g->n_threads) {
		g->threads[at].threads++;
		return 0;
	}
	if (PLACE(g->threads, at) != 0)
		return ERR_NOMEM;
	g->threads[g->n_threads++] = row;
	return 0;
}

/* 0 in stage_of and thread_of for what samples touch, with the stages around it. */
static void mark(struct grouper *w, const unsigned char *taken)
{
	const struct profile *p = w->p;
	uint32_t i, threads = 0;
	size_t at;

	for (i = 0; i < p->n_stages; i++)
		w->stage_of[i] = GRAPH_NONE;
	for (i = 0; i < p->n_threads; i++)
		w->thread_of[i] = GRAPH_NONE;
	for (at = 0; at < p->n_samples; at++) {
		const struct profile_sample *s = &p->samples[at];

		if (!taken[at])
			continue;
		if (s->stage != PROFILE_NONE)
			w->stage_of[s->stage] = 0;
		if (s->thread != PROFILE_NONE)
			w->thread_of[s->thread] = 0;
	}
	for (i = p->n_stages; i-- > 0;)
		if (w->stage_of[i] == 0 && p->stages[i].parent != PROFILE_NONE)
			w->stage_of[p->stages[i].parent] = 0;
	for (i = 0; i < p->n_threads; i++)
		threads += w->thread_of[i] == 0;
	w->merge = threads > GRAPH_THREADS_MAX;
}

int grouper_init(struct grouper *w, struct graph *g, const struct profile *p,
		 const unsigned char *taken, struct err *err)
{
	uint32_t i;
	int rc = 0;

	*w = (struct grouper){.g = g, .p = p};
	w->stage_of = malloc((p->n_stages + (size_t)1) * sizeof *w->stage_of);
	w->thread_of = malloc((p->n_threads + (size_t)1) * sizeof *w->thread_of);
	if (!w->stage_of || !w->thread_of)
		return err_nomem(err, "the stages and threads of a page");
	mark(w, taken);
	for (i = 0; rc == 0 && i < p->n_stages; i++)
		if (w->stage_of[i] == 0)
			rc = place_stage(w, i);
	for (i = 0; rc == 0 && i < p->n_threads; i++)
		if (w->thread_of[i] == 0)
			rc = place_thread(w, i);
	return rc == 0 ? 0 : err_nomem(err, "the stages and threads of a page");
}

uint32_t grouper_of(struct grouper *w, const struct profile_sample *s)
{
	struct graph *g = w->g;
	uint32_t stage = s->stage == PROFILE_NONE ? GRAPH_NONE : w->stage_of[s->stage];
	uint32_t thread = s->thread == PROFILE_NONE ? GRAPH_NONE : w->thread_of[s->thread];
	uint32_t at = idmap_intern(&w->groups, (uint64_t)stage << 32 | thread, g->n_groups);

	if (at != g->n_groups)
		return at;
	if (PLACE(g->groups, at) != 0)
		return GRAPH_NONE;
	g->groups[g->n_groups] = (struct graph_group){stage, thread};
	return g->n_groups++;
}

void grouper_release(struct grouper *w)
{
	free(w->stage_of);
	free(w->thread_of);
	idmap_release(&w->stages);
	idmap_release(&w->threads);
	idmap_release(&w->groups);
}
