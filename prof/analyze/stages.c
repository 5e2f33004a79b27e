/* Stages by name, in the order of their first begin. */
#include "prof/analyze/stages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"

struct entry { /* one stage row of the store */
	double value;
	uint64_t weight; /* stages it stands for */
};

static int compare_entries(const void *a, const void *b)
{
	double x = ((const struct entry *)a)->value, y = ((const struct entry *)b)->value;

	return x < y ? -1 : x > y;
}

/* Nearest rank: the smallest value with at least q of all at or below it. */
static double quantile(const struct entry *e, size_t n, uint64_t weight, double q)
{
	double rank = ceil(q * (double)weight);
	uint64_t want = rank < 1 ? 1 : (uint64_t)rank, sum = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		sum += e[i].weight;
		if (sum >= want)
			return e[i].value;
	}
	return n ? e[n - 1].value : 0;
}

static struct stage_spread spread(struct entry *e, size_t n, double sum)
{
	struct stage_spread s = {-1, -1, -1, -1, -1};
	uint64_t weight = 0;
	size_t i;

	if (!n)
		return s;
	qsort(e, n, sizeof(*e), compare_entries);
	for (i = 0; i < n; i++)
		weight += e[i].weight;
	s.min = e[0].value;
	s.max = e[n - 1].value;
	s.median = quantile(e, n, weight, 0.5);
	s.p95 = quantile(e, n, weight, 0.95);
	s.sum = sum;
	return s;
}

enum measure { WALL, CPU, HEAP };

static int64_t measured(const struct profile_stage *s, enum measure what)
{
	return what == WALL ? s->wall_ns : what == CPU ? s->cpu_ns : s->peak_heap_bytes;
}

/* The spread of one measure over stages of that name; folded rows count as their mean (for the peak: as
 * their maximum), as in the view stage_summary. */
static struct stage_spread gather(const struct profile *p, uint32_t name, enum measure what,
				  struct entry *e)
{
	double sum = 0;
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < p->n_stages; i++) {
		const struct profile_stage *s = &p->stages[i];
		int64_t v = measured(s, what);
		uint64_t weight = s->folded ? s->folded : 1;

		/* An open stage counts in n alone. */
		if (s->name != name || v < 0 || s->wall_ns < 0)
			continue;
		sum += what == HEAP ? (double)v * (double)weight : (double)v;
		e[n].value = what == HEAP ? (double)v : (double)v / (double)weight;
		e[n++].weight = weight;
	}
	return spread(e, n, sum);
}

static uint32_t depth_of(const struct profile *p, uint32_t stage)
{
	uint32_t depth = 0;

	while (p->stages[stage].parent < stage) {
		stage = p->stages[stage].parent;
		depth++;
	}
	return depth;
}

static void describe(struct stage_row *r, const struct profile *p, struct entry *scratch)
{
	uint32_t i;

	for (i = 0; i < p->n_stages; i++) {
		const struct profile_stage *s = &p->stages[i];

		if (s->name != r->name)
			continue;
		r->n += s->folded ? s->folded : 1;
		r->samples += s->samples;
		if (s->items > 0)
			r->items += s->items;
	}
	r->wall_ns = gather(p, r->name, WALL, scratch);
	r->cpu_ns = gather(p, r->name, CPU, scratch);
	r->peak_heap_bytes = gather(p, r->name, HEAP, scratch);
	if (r->wall_ns.sum > 0)
		r->items_per_s = r->items / (r->wall_ns.sum / 1e9);
}

/* Stage numbers by begin, as the store numbers them. */
static int compare_begin(const void *a, const void *b, void *ctx)
{
	const struct profile *p = ctx;
	const struct profile_stage *x = &p->stages[*(const uint32_t *)a];
	const struct profile_stage *y = &p->stages[*(const uint32_t *)b];

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

int stage_list_make(struct stage_list *list, const struct profile *p, struct err *err)
{
	struct entry *scratch = malloc(((size_t)p->n_stages + 1) * sizeof(*scratch));
	uint32_t *order = malloc(((size_t)p->n_stages + 1) * sizeof(*order));
	struct idmap seen = IDMAP_INIT;
	uint32_t i;
	int rc = 0;

	memset(list, 0, sizeof(*list));
	list->rows = calloc((size_t)p->n_stages + 1, sizeof(*list->rows));
	if (!scratch || !order || !list->rows)
		rc = err_nomem(err, "the list of stages");
	for (i = 0; rc == 0 && i < p->n_stages; i++)
		order[i] = i;
	if (rc == 0 && p->n_stages)
		qsort_r(order, p->n_stages, sizeof(*order), compare_begin, (void *)(uintptr_t)p);
	for (i = 0; rc == 0 && i < p->n_stages; i++) {
		uint32_t stage = order[i], name = p->stages[stage].name;

		if (idmap_get(&seen, name) != IDMAP_NONE)
			continue;
		if (idmap_set(&seen, name, 1)) {
			rc = err_nomem(err, "the list of stages");
			break;
		}
		list->rows[list->n].name = name;
		list->rows[list->n].depth = depth_of(p, stage);
		describe(&list->rows[list->n++], p, scratch);
	}
	idmap_release(&seen);
	free(scratch);
	free(order);
	if (rc)
		stage_list_release(list);
	return rc;
}

void stage_list_release(struct stage_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
