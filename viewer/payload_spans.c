/* Stages, threads, and stages as they ran, for payload.c. */
#include "viewer/payload_pack.h"

#include <string.h>

/* Numbers for the stages that something is said of, and for those around them. */
static void number_stages(struct pack *w)
{
	const struct graph *g = w->g;
	uint32_t i, n = 0;

	memset(w->stage_of, 0xff, (g->n_stages + (size_t)1) * sizeof *w->stage_of);
	for (i = 0; i < g->n_groups; i++)
		if (g->groups[i].stage != GRAPH_NONE)
			w->stage_of[g->groups[i].stage] = 0;
	for (i = 0; i < g->n_spans; i++)
		w->stage_of[g->spans[i].stage] = 0;
	for (i = g->n_stages; i-- > 0;)
		if (w->stage_of[i] == 0 && g->stages[i].parent != GRAPH_NONE)
			w->stage_of[g->stages[i].parent] = 0;
	for (i = 0; i < g->n_stages; i++)
		if (w->stage_of[i] == 0)
			w->stage_of[i] = n++;
}

static void put_spans(struct pack *w)
{
	const struct graph *g = w->g;
	uint32_t i, run = 0;
	int64_t last = 0;

	for (i = 0; i < g->n_spans; i++) {
		const struct graph_span *s = &g->spans[i];

		if (s->run != run)
			last = 0;
		run = s->run;
		if (g->n_runs > 1)
			pack_put(w, SPAN_RUN, s->run);
		pack_put(w, SPAN_STAGE, w->stage_of[s->stage]);
		pack_place(w, SPAN_THREAD, s->thread);
		pack_zigzag(w, SPAN_START, (int64_t)((uint64_t)s->start - (uint64_t)last));
		pack_maybe(w, SPAN_WALL, s->wall);
		pack_maybe(w, SPAN_CPU, s->cpu);
		pack_real(w, SPAN_ITEMS, s->items);
		pack_put(w, SPAN_PARAMS, pack_string(w, s->params));
		pack_maybe(w, SPAN_ALLOC_BYTES, s->alloc_bytes);
		pack_maybe(w, SPAN_ALLOC_COUNT, s->alloc_count);
		pack_maybe(w, SPAN_PEAK_HEAP, s->peak_heap);
		pack_maybe(w, SPAN_PEAK_RSS, s->peak_rss);
		pack_put(w, SPAN_SAMPLES, s->samples);
		pack_put(w, SPAN_FOLDED, s->folded);
		last = s->start;
	}
}

/* First fewer of the short ones have a row of their own, then the shortest rows go. */
void payload_spans(struct pack *w, size_t room)
{
	uint32_t keep = w->g->n_spans;
	struct pack_mark mark;

	if (w->g->without & GRAPH_NO_SPANS)
		w->g->n_spans = 0;
	pack_mark(w, &mark);
	for (;;) {
		struct err err;
		size_t size;

		number_stages(w);
		put_spans(w);
		size = pack_size(w, &mark);
		if (pack_failed(w) != 0 || size <= room || w->g->n_spans == 0)
			return;
		pack_back(w, &mark);
		if (keep > 0) {
			keep = (uint32_t)((double)keep * 0.9 * (double)room / (double)size);
			keep = keep < 16 ? 0 : keep;
			if (graph_fold_spans(w->g, keep, &err) != 0)
				w->failed = ERR_NOMEM;
		} else if (graph_drop_spans(w->g, w->g->n_spans / 2, &err) != 0) {
			w->failed = ERR_NOMEM;
		}
	}
}

void payload_stages(struct pack *w)
{
	const struct graph *g = w->g;
	uint32_t i;

	for (i = 0; i < g->n_stages; i++) {
		const struct graph_stage *s = &g->stages[i];

		if (w->stage_of[i] == GRAPH_NONE)
			continue;
		pack_place(w, STAGE_PARENT,
			   s->parent == GRAPH_NONE ? GRAPH_NONE : w->stage_of[s->parent]);
		pack_put(w, STAGE_NAME, pack_string(w, s->name));
	}
}

void payload_threads(struct pack *w)
{
	const struct graph *g = w->g;
	uint32_t i;

	for (i = 0; i < g->n_threads; i++) {
		const struct graph_thread *t = &g->threads[i];

		if (g->n_runs > 1)
			pack_put(w, THREAD_RUN, t->run);
		pack_put(w, THREAD_NAME, pack_string(w, t->name));
		pack_put(w, THREAD_PROCESS, pack_string(w, t->process));
		pack_put(w, THREAD_PID, t->pid > 0 ? (uint64_t)t->pid : 0);
		pack_put(w, THREAD_TID, t->tid > 0 ? (uint64_t)t->tid : 0);
		pack_put(w, THREAD_COUNT, t->threads);
	}
}
