/* Which run, kind, stage and thread a sample belongs to: see graph_build.h. A stage that ran a thousand times is
 * one path of names here, the same one in all runs. */
#include "viewer/graph_groups.h"

#include <stdlib.h>
#include <string.h>

/* ---- stages ---- */

static int place_stage(struct grouper *w, struct build_run *r, uint32_t stage)
{
	const struct profile_stage *s = &r->p->stages[stage];
	struct graph *g = w->b->g;
	uint32_t parent = s->parent == PROFILE_NONE ? GRAPH_NONE : w->stage_of[s->parent];
	uint32_t name = build_string(w->b, r, s->name), at;

	if (name == GRAPH_NONE)
		return ERR_NOMEM;
	at = idmap_intern(&w->stages, (uint64_t)parent << 32 | name, g->n_stages);
	w->stage_of[stage] = at;
	if (at != g->n_stages)
		return at == IDMAP_NONE ? ERR_NOMEM : 0;
	if (BUILD_ROOM(g->stages, at, w->cap_stages) != 0)
		return ERR_NOMEM;
	g->stages[g->n_stages++] = (struct graph_stage){parent, name};
	return 0;
}

/* ---- threads ---- */

static int place_thread(struct grouper *w, struct build_run *r, uint32_t thread)
{
	const struct profile *p = r->p;
	const struct profile_thread *t = &p->threads[thread];
	const struct profile_process *process =
		t->process < p->n_processes ? &p->processes[t->process] : NULL;
	struct graph_thread row = {.run = w->run, .tid = t->tid, .threads = 1};
	struct graph *g = w->b->g;
	uint32_t at = g->n_threads;

	row.name = build_string(w->b, r, t->name);
	row.process = process ? build_string(w->b, r, process->name) : STRTAB_EMPTY;
	row.pid = process ? process->pid : 0;
	if (row.name == GRAPH_NONE || row.process == GRAPH_NONE)
		return ERR_NOMEM;
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
	if (BUILD_ROOM(g->threads, at, w->cap_threads) != 0)
		return ERR_NOMEM;
	g->threads[g->n_threads++] = row;
	return 0;
}

/* 0 in `thread_of` for what samples, ticks and stages are of; their number. */
static uint32_t mark_threads(const struct build_run *r, uint32_t *thread_of)
{
	const struct profile *p = r->p;
	uint32_t i, n = 0;
	size_t at;

	memset(thread_of, 0xff, (p->n_threads + (size_t)1) * sizeof *thread_of);
	for (at = 0; at < p->n_samples; at++)
		if (r->taken[at] && p->samples[at].thread != PROFILE_NONE)
			thread_of[p->samples[at].thread] = 0;
	for (at = 0; r->ticked && at < p->n_ticks; at++)
		if (r->ticked[at] && p->ticks[at].thread != PROFILE_NONE)
			thread_of[p->ticks[at].thread] = 0;
	for (i = 0; i < p->n_stages; i++)
		if (p->stages[i].thread != PROFILE_NONE)
			thread_of[p->stages[i].thread] = 0;
	for (i = 0; i < p->n_threads; i++)
		n += thread_of[i] == 0;
	return n;
}

/* ---- a run ---- */

static int grouper_start(struct grouper *w, uint32_t run)
{
	struct build_run *r = &w->b->runs[run];
	uint32_t i;
	int rc = 0;

	w->run = run;
	free(w->stage_of);
	free(w->thread_of);
	idmap_release(&w->threads);
	w->stage_of = malloc((r->p->n_stages + (size_t)1) * sizeof *w->stage_of);
	w->thread_of = malloc((r->p->n_threads + (size_t)1) * sizeof *w->thread_of);
	if (!w->stage_of || !w->thread_of)
		return ERR_NOMEM;
	mark_threads(r, w->thread_of);
	for (i = 0; rc == 0 && i < r->p->n_stages; i++)
		rc = place_stage(w, r, i);
	for (i = 0; rc == 0 && i < r->p->n_threads; i++)
		if (w->thread_of[i] == 0)
			rc = place_thread(w, r, i);
	return rc;
}

/* The group of a sample, GRAPH_NONE: no memory. */
static uint32_t group_of(struct grouper *w, uint32_t kind, const struct profile_sample *s)
{
	struct graph *g = w->b->g;
	uint32_t stage = s->stage == PROFILE_NONE ? GRAPH_NONE : w->stage_of[s->stage];
	uint32_t thread = s->thread == PROFILE_NONE ? GRAPH_NONE : w->thread_of[s->thread];
	uint32_t at = idmap_intern(&w->owners, (uint64_t)stage << 32 | thread, g->n_groups);

	if (at != g->n_groups)
		return at;
	if (BUILD_ROOM(g->groups, at, w->cap_groups) != 0)
		return GRAPH_NONE;
	g->groups[g->n_groups] = (struct graph_group){w->run, kind, stage, thread};
	return g->n_groups++;
}

/* By kind, then in the order of the profile; most are of the group of the one before. */
static int group_kind(struct grouper *w, uint32_t kind)
{
	struct build *b = w->b;
	const struct build_run *r = &b->runs[w->run];
	const struct profile_sample *last = NULL;
	uint32_t group = GRAPH_NONE;
	size_t i;

	idmap_release(&w->owners);
	for (i = 0; i < r->p->n_samples; i++) {
		const struct profile_sample *s = &r->p->samples[i];

		if (s->kind != (uint32_t)b->g->kinds[kind] || !r->taken[i])
			continue;
		if (!last || last->stage != s->stage || last->thread != s->thread)
			group = group_of(w, kind, s);
		if (group == GRAPH_NONE)
			return ERR_NOMEM;
		last = s;
		b->g->samples[b->g->n_samples++] = (struct graph_sample){
			group, b->node_of[r->row_of[s->stack]], s->count, (uint64_t)s->value};
	}
	return 0;
}

static int group_run(struct grouper *w, uint32_t run)
{
	uint32_t kind;
	int rc = grouper_start(w, run);

	for (kind = 0; rc == 0 && kind < w->b->g->n_kinds; kind++)
		if (w->b->g->runs[run].counts[w->b->g->kinds[kind]] ||
		    w->b->g->runs[run].values[w->b->g->kinds[kind]])
			rc = group_kind(w, kind);
	if (rc != 0)
		return rc;
	grouper_spans(w);
	return grouper_ticks(w);
}

static int grouper_init(struct grouper *w, struct build *b)
{
	size_t samples = 0, threads = 0, stages = 0, i;

	*w = (struct grouper){.b = b};
	for (i = 0; i < b->g->n_runs; i++) {
		struct build_run *r = &b->runs[i];
		uint32_t *marks = malloc((r->p->n_threads + (size_t)1) * sizeof *marks);

		if (!marks)
			return ERR_NOMEM;
		threads += mark_threads(r, marks);
		samples += r->p->n_samples;
		stages += r->p->n_stages;
		free(marks);
	}
	w->merge = threads > GRAPH_THREADS_MAX;
	b->g->samples = malloc((samples + 1) * sizeof *b->g->samples);
	b->g->spans = malloc((stages + 1) * sizeof *b->g->spans);
	return b->g->samples && b->g->spans ? 0 : ERR_NOMEM;
}

/* Only now, for the spans that stayed. They are arguments, of which a redacted page has none. */
static int name_params(struct build *b, struct graph_span *s)
{
	s->params =
		b->options->redact ? STRTAB_EMPTY : build_string(b, &b->runs[s->run], s->params);
	return s->params == GRAPH_NONE ? ERR_NOMEM : 0;
}

int build_groups(struct build *b)
{
	struct grouper w;
	uint32_t run, i;
	int rc = grouper_init(&w, b);

	for (run = 0; rc == 0 && run < b->g->n_runs; run++)
		rc = group_run(&w, run);
	free(w.stage_of);
	free(w.thread_of);
	idmap_release(&w.stages);
	idmap_release(&w.threads);
	idmap_release(&w.owners);
	if (rc == 0)
		rc = graph_join_samples(b->g);
	if (rc == 0)
		rc = graph_fold_spans(b->g, GRAPH_SPANS_MAX, NULL);
	for (i = 0; rc == 0 && i < b->g->n_spans; i++)
		rc = name_params(b, &b->g->spans[i]);
	return rc == 0 ? 0 : build_no_memory(b);
}
