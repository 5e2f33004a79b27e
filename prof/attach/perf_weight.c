/* See perf_weight.h. A chained table by tid whose rows are used again: threads come and go for days. */
#include "prof/attach/perf_weight.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"

void perf_weights_init(struct perf_weights *w, uint32_t n_rings, uint64_t period_ns)
{
	memset(w, 0, sizeof *w);
	w->n_rings = n_rings;
	w->period_ns = period_ns;
}

void perf_weights_release(struct perf_weights *w)
{
	uint32_t i;

	for (i = 0; i < w->n; i++)
		free(w->rows[i].counts);
	free(w->rows);
	free(w->chains);
	memset(w, 0, sizeof *w);
}

static uint32_t *chain_of(struct perf_weights *w, int tid)
{
	return &w->chains[hash_u64((uint32_t)tid) & w->mask];
}

static void link_row(struct perf_weights *w, uint32_t i)
{
	uint32_t *chain = chain_of(w, w->rows[i].tid);

	w->rows[i].next = *chain;
	*chain = i + 1;
}

static int grow(struct perf_weights *w)
{
	uint32_t cap = w->cap ? 2 * w->cap : 64, i;
	struct perf_weight_row *rows = realloc(w->rows, cap * sizeof *rows);
	uint32_t *chains;

	if (!rows)
		return -1;
	w->rows = rows;
	chains = calloc(cap, sizeof *chains);
	if (!chains)
		return -1;
	free(w->chains);
	w->chains = chains;
	w->mask = cap - 1;
	w->cap = cap;
	for (i = 0; i < w->n; i++) /* growing comes when no row is free */
		link_row(w, i);
	return 0;
}

static struct perf_weight_row *find(struct perf_weights *w, int tid)
{
	uint32_t i = w->chains ? *chain_of(w, tid) : 0;

	while (i && w->rows[i - 1].tid != tid)
		i = w->rows[i - 1].next;
	return i ? &w->rows[i - 1] : NULL;
}

static struct perf_weight_row *add(struct perf_weights *w, int tid)
{
	struct perf_count *counts;
	uint32_t i;

	if (!w->free && w->n == w->cap && grow(w))
		return NULL;
	counts = calloc(w->n_rings, sizeof *counts);
	if (!counts)
		return NULL;
	if (w->free) {
		i = w->free - 1;
		w->free = w->rows[i].next;
	} else {
		i = w->n++;
	}
	w->rows[i] = (struct perf_weight_row){tid, 0, counts};
	link_row(w, i);
	return &w->rows[i];
}

uint64_t perf_weigh(struct perf_weights *w, int tid, uint32_t ring, uint64_t stream, uint64_t value,
		    int takes_over)
{
	struct perf_weight_row *row = find(w, tid);
	struct perf_count *count;
	uint64_t before = 0;

	if (!row)
		row = add(w, tid);
	if (!row)
		return w->period_ns;
	count = &row->counts[ring];
	if (count->stream == stream || takes_over)
		before = count->value;
	*count = (struct perf_count){stream, value};
	return value > before ? value - before : 0;
}

void perf_weights_exit(struct perf_weights *w, int tid)
{
	struct perf_weight_row *row;
	uint32_t *at, i;

	if (!w->chains)
		return;
	for (at = chain_of(w, tid); *at; at = &w->rows[*at - 1].next) {
		i = *at - 1;
		row = &w->rows[i];
		if (row->tid != tid)
			continue;
		*at = row->next;
		free(row->counts);
		*row = (struct perf_weight_row){0, w->free, NULL};
		w->free = i + 1;
		return;
	}
}
