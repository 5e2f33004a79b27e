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

enum measure { WALL, CPU, HEAP, RSS };

static int64_t measured(const struct profile_stage *s, enum measure what)
{
	return what == WALL   ? s->wall_ns
	       : what == CPU  ? s->cpu_ns
	       : what == HEAP ? s->peak_heap_bytes
			      : s->peak_rss_bytes;
}

/* The spread of one measure over stages of that name; folded rows count as their mean (for the peak: as
 * their maximum), as in the view stage_summary. */
static struct stage_spread gather(const struct profile *p, const uint32_t *of, size_t n_of,
				  enum measure what, struct entry *e)
{
	double sum = 0;
	size_t n = 0, i;

	for (i = 0; i < n_of; i++) {
		const struct profile_stage *s = &p->stages[of[i]];
		int64_t v = measured(s, what);
		uint64_t weight = s->folded ? s->folded : 1;

		/* An open stage counts in n alone. */
		if (v < 0 || s->wall_ns < 0)
			continue;
		sum += what >= HEAP ? (double)v * (double)weight : (double)v;
		e[n].value = what >= HEAP ? (double)v : (double)v / (double)weight;
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

static void add_measured(double *sum, int64_t value)
{
	if (value >= 0)
		*sum = (*sum < 0 ? 0 : *sum) + (double)value;
}

static void describe(struct stage_row *r, const struct profile *p, const uint32_t *of, size_t n,
		     struct entry *scratch)
{
	size_t i;

	r->alloc_bytes = r->alloc_count = -1;
	for (i = 0; i < n; i++) {
		const struct profile_stage *s = &p->stages[of[i]];

		add_measured(&r->alloc_bytes, s->alloc_bytes);
		add_measured(&r->alloc_count, s->alloc_count);
		r->n += s->folded ? s->folded : 1;
		r->samples += s->samples;
		if (s->items > 0)
			r->items += s->items;
	}
	r->wall_ns = gather(p, of, n, WALL, scratch);
	r->cpu_ns = gather(p, of, n, CPU, scratch);
	r->peak_heap_bytes = gather(p, of, n, HEAP, scratch);
	r->peak_rss_bytes = gather(p, of, n, RSS, scratch);
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

struct work {
	struct entry *scratch;
	uint32_t *order;   /* stages by begin */
	uint32_t *members; /* stages by row */
	uint32_t *row;     /* of each stage */
	uint32_t *at;      /* where the members of a row begin; one more than rows */
};

static void work_release(struct work *w)
{
	free(w->scratch);
	free(w->order);
	free(w->members);
	free(w->row);
	free(w->at);
}

static int work_make(struct work *w, uint32_t n)
{
	w->scratch = malloc(((size_t)n + 1) * sizeof(*w->scratch));
	w->order = malloc(((size_t)n + 1) * sizeof(*w->order));
	w->members = malloc(((size_t)n + 1) * sizeof(*w->members));
	w->row = malloc(((size_t)n + 1) * sizeof(*w->row));
	w->at = calloc((size_t)n + 2, sizeof(*w->at));
	return w->scratch && w->order && w->members && w->row && w->at ? 0 : ERR_NOMEM;
}

/* A row per name, in the order of the first begin; which row each stage is of. */
static int make_rows(struct stage_list *list, const struct profile *p, struct work *w)
{
	struct idmap seen = IDMAP_INIT;
	uint32_t i;
	int rc = 0;

	for (i = 0; i < p->n_stages; i++)
		w->order[i] = i;
	if (p->n_stages)
		qsort_r(w->order, p->n_stages, sizeof(*w->order), compare_begin,
			(void *)(uintptr_t)p);
	for (i = 0; rc == 0 && i < p->n_stages; i++) {
		uint32_t stage = w->order[i], name = p->stages[stage].name;
		uint32_t row = idmap_get(&seen, name);

		if (row == IDMAP_NONE) {
			row = (uint32_t)list->n++;
			rc = idmap_set(&seen, name, row);
			list->rows[row].name = name;
			list->rows[row].depth = depth_of(p, stage);
		}
		w->row[stage] = row;
		w->at[row + 1]++;
	}
	idmap_release(&seen);
	return rc;
}

static void describe_rows(struct stage_list *list, const struct profile *p, struct work *w)
{
	uint32_t i;
	size_t r;

	for (r = 0; r < list->n; r++)
		w->at[r + 1] += w->at[r];
	for (i = p->n_stages; i-- > 0;) /* from the end: at[row + 1] ends where the row begins */
		w->members[--w->at[w->row[i] + 1]] = i;
	for (r = 0; r < list->n; r++) {
		uint32_t begin = w->at[r + 1], end = r + 1 < list->n ? w->at[r + 2] : p->n_stages;

		describe(&list->rows[r], p, w->members + begin, end - begin, w->scratch);
	}
}

int stage_list_make(struct stage_list *list, const struct profile *p, struct err *err)
{
	struct work w = {0};
	int rc = work_make(&w, p->n_stages);

	memset(list, 0, sizeof(*list));
	list->rows = calloc((size_t)p->n_stages + 1, sizeof(*list->rows));
	if (rc == 0)
		rc = list->rows ? make_rows(list, p, &w) : ERR_NOMEM;
	if (rc == 0)
		describe_rows(list, p, &w);
	else
		err_nomem(err, "the list of stages");
	work_release(&w);
	if (rc)
		stage_list_release(list);
	return rc;
}

void stage_list_release(struct stage_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
