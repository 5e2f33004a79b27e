/* Transitive closures over GO graphs: see closure.h. */
#include "pipeline/ontology/closure.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/ontology/ontology.h"

int walk_init(struct walk *w, uint32_t n, struct err *err)
{
	*w = (struct walk){.n = n};
	w->stamp = calloc((size_t)n + 1, sizeof *w->stamp);
	w->found = malloc(((size_t)n + 1) * sizeof *w->found);
	if (!w->stamp || !w->found) {
		walk_release(w);
		return err_nomem(err, "graph walk");
	}
	return 0;
}

void walk_release(struct walk *w)
{
	free(w->stamp);
	free(w->found);
	*w = (struct walk){0};
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void walk_from(struct walk *w, const struct csr *graph, uint32_t node, int sorted)
{
	uint32_t done = 0, i;

	if (++w->now == 0) { /* the stamp wrapped round: forget all old ones */
		memset(w->stamp, 0, w->n * sizeof *w->stamp);
		w->now = 1;
	}
	w->n_found = 0;
	for (;;) {
		for (i = graph->start[node]; i < graph->start[node + 1]; i++) {
			uint32_t next = graph->item[i];

			if (w->stamp[next] != w->now) {
				w->stamp[next] = w->now;
				w->found[w->n_found++] = next;
			}
		}
		if (done == w->n_found)
			break;
		node = w->found[done++];
	}
	if (sorted)
		qsort(w->found, w->n_found, sizeof *w->found, cmp_u32);
}

int closure_build(struct csr *out, const struct csr *graph, struct err *err)
{
	struct walk w;
	size_t cap = 16 * ((size_t)graph->n + 1), at = 0;
	uint32_t i;
	int rc = walk_init(&w, graph->n, err);

	*out = (struct csr){.n = graph->n};
	if (rc)
		return rc;
	out->start = malloc(((size_t)graph->n + 1) * sizeof *out->start);
	out->item = malloc(cap * sizeof *out->item);
	if (!out->start || !out->item)
		goto no_memory;
	for (i = 0; i < graph->n; i++) {
		out->start[i] = (uint32_t)at;
		walk_from(&w, graph, i, 1);
		if (at + w.n_found > cap) {
			uint32_t *item;

			cap = 2 * (at + w.n_found);
			item = cap < UINT32_MAX ? realloc(out->item, cap * sizeof *item) : NULL;
			if (!item)
				goto no_memory;
			out->item = item;
		}
		memcpy(out->item + at, w.found, w.n_found * sizeof *w.found);
		at += w.n_found;
	}
	out->start[graph->n] = (uint32_t)at;
	walk_release(&w);
	return 0;
no_memory:
	walk_release(&w);
	csr_release(out);
	return err_nomem(err, "ancestor lists");
}

int ontology_need_ancestors(struct ontology *o, size_t snapshot, struct err *err)
{
	struct ontology_snapshot *s = &o->snapshots[snapshot];
	int rc;

	if (s->has_ancestors)
		return 0;
	rc = closure_build(&s->ancestors, &s->parents, err);
	s->has_ancestors = rc == 0;
	return rc;
}

int ontology_need_descendants(struct ontology *o, size_t snapshot, struct err *err)
{
	struct ontology_snapshot *s = &o->snapshots[snapshot];
	int rc;

	if (s->has_descendants)
		return 0;
	rc = ontology_need_ancestors(o, snapshot, err);
	if (!rc)
		rc = csr_transpose(&s->descendants, &s->ancestors, s->ancestors.n, err);
	s->has_descendants = rc == 0;
	return rc;
}

int ontology_has_ancestor(const struct ontology_snapshot *s, uint32_t go, uint32_t ancestor)
{
	uint32_t lo = s->ancestors.start[go], hi = s->ancestors.start[go + 1];

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->ancestors.item[mid] < ancestor)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->ancestors.start[go + 1] && s->ancestors.item[lo] == ancestor;
}
