/* Samples in time, for payload.c. */
#include "viewer/payload_pack.h"

static void put_ticks(struct pack *w)
{
	const struct graph *g = w->g;
	double rate = w->options->runs[0].p->run.rate_hz;
	int64_t last = 0, node = 0;
	size_t i;

	for (i = 0; i < g->n_ticks; i++) {
		const struct graph_tick *at = &g->ticks[i];
		int64_t t = pack_time(at->t, rate > 0 ? 1e9 / rate : 1);

		pack_put(w, TICK_T, (uint64_t)(t - last));
		pack_place(w, TICK_THREAD, at->thread);
		pack_zigzag(w, TICK_NODE, at->node - node);
		pack_put(w, TICK_STATE, at->state);
		last = t;
		node = at->node;
	}
}

/* Every 2nd, 4th, 8th … of each thread, until they fit. */
void payload_ticks(struct pack *w, size_t room)
{
	struct pack_mark mark;
	struct err err;

	if (w->g->without & GRAPH_NO_TIME)
		w->g->n_ticks = 0;
	pack_mark(w, &mark);
	for (;;) {
		put_ticks(w);
		if (pack_failed(w) != 0 || w->g->n_ticks == 0 || pack_size(w, &mark) <= room)
			return;
		pack_back(w, &mark);
		if (w->g->n_ticks <= w->g->n_threads + (size_t)1)
			w->g->n_ticks = 0;
		else if (graph_thin_ticks(w->g, &err) != 0)
			w->failed = ERR_NOMEM;
	}
}
