/* What was loaded where and when: see modmap.h. At any time the loaded ranges are disjoint, so all
 * ranges are disjoint rectangles of address and time. The index is a segment tree over addresses: a
 * range is listed at the few nodes that cover it, in the order of time, and a question reads the
 * lists on the way from its address to the top. */
#include "prof/model/modmap.h"

#include <string.h>

#include "prof/base/err.h"
#include "prof/model/grow.h"

struct index {
	uint64_t *edges; /* owned; all starts and ends, ascending, each once */
	uint32_t *first; /* owned; 2 * leaves + 1: where the list of a node begins in items */
	uint32_t *items; /* owned; ranges by number, which is the order of time */
	uint32_t leaves; /* address intervals between edges */
	uint32_t ranges; /* modmap's first so many are in the index */
};

struct modmap {
	struct modrange *ranges; /* owned */
	uint32_t count, cap, max;
	uint32_t *live; /* owned; loaded now, by start */
	uint32_t n_live, live_cap;
	int64_t last_ns; /* of the last change */
	struct index index;
};

struct modmap *modmap_new(void)
{
	struct modmap *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->max = MODMAP_LIMIT;
	m->last_ns = INT64_MIN;
	return m;
}

static void index_release(struct index *x)
{
	free(x->edges);
	free(x->first);
	free(x->items);
	*x = (struct index){0};
}

void modmap_free(struct modmap *m)
{
	if (!m)
		return;
	index_release(&m->index);
	free(m->ranges);
	free(m->live);
	free(m);
}

void modmap_set_limit(struct modmap *m, uint32_t ranges)
{
	m->max = ranges < MODMAP_LIMIT ? ranges : MODMAP_LIMIT;
}

/* ---- changes ---------------------------------------------------------------------------------- */

/* The first loaded range that ends after `address`. */
static uint32_t first_after(const struct modmap *m, uint64_t address)
{
	uint32_t lo = 0, hi = m->n_live;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->ranges[m->live[mid]].end > address)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int reserve(struct modmap *m, uint32_t more)
{
	if (more > m->max || m->count > m->max - more)
		return ERR_LIMIT;
	while (m->cap - m->count < more) {
		uint32_t cap = grow_next(m->cap, MODMAP_LIMIT);

		if (GROW(m->ranges, cap) != 0)
			return ERR_NOMEM;
		m->cap = cap;
	}
	while (m->live_cap - m->n_live < more) {
		uint32_t cap = grow_next(m->live_cap, MODMAP_LIMIT);

		if (GROW(m->live, cap) != 0)
			return ERR_NOMEM;
		m->live_cap = cap;
	}
	return 0;
}

/* Replaces what is loaded in [start, end) by `fresh` (NULL: nothing). The parts of ranges outside
 * go on as ranges of their own. */
static int replace(struct modmap *m, int64_t t_ns, uint64_t start, uint64_t end,
		   const struct modrange *fresh)
{
	struct modrange pieces[3];
	uint32_t lo, hi, i, n = 0;
	int rc;

	if (start >= end || t_ns < m->last_ns || t_ns == MODMAP_STILL)
		return ERR_ARG;
	lo = hi = first_after(m, start);
	while (hi < m->n_live && m->ranges[m->live[hi]].start < end)
		hi++;
	if (lo < hi && m->ranges[m->live[lo]].start < start) {
		pieces[n] = m->ranges[m->live[lo]];
		pieces[n++].end = start;
	}
	if (fresh)
		pieces[n++] = *fresh;
	if (lo < hi && m->ranges[m->live[hi - 1]].end > end) {
		pieces[n] = m->ranges[m->live[hi - 1]];
		pieces[n++].start = end;
	}
	if ((rc = reserve(m, n)) != 0)
		return rc;
	m->last_ns = t_ns;
	for (i = lo; i < hi; i++)
		m->ranges[m->live[i]].until_ns = t_ns;
	if (m->n_live > hi)
		memmove(m->live + lo + n, m->live + hi, (m->n_live - hi) * sizeof *m->live);
	m->n_live = m->n_live - (hi - lo) + n;
	for (i = 0; i < n; i++) {
		pieces[i].from_ns = t_ns;
		m->live[lo + i] = m->count;
		m->ranges[m->count++] = pieces[i];
	}
	return 0;
}

int modmap_load(struct modmap *m, int64_t t_ns, uint64_t start, uint64_t end, uint64_t bias,
		uint32_t module)
{
	struct modrange r = {start, end, bias, t_ns, MODMAP_STILL, module};

	return replace(m, t_ns, start, end, &r);
}

int modmap_unload(struct modmap *m, int64_t t_ns, uint64_t start, uint64_t end)
{
	return replace(m, t_ns, start, end, NULL);
}

int modmap_clear(struct modmap *m, int64_t t_ns)
{
	uint32_t i;

	if (t_ns < m->last_ns || t_ns == MODMAP_STILL)
		return ERR_ARG;
	m->last_ns = t_ns;
	for (i = 0; i < m->n_live; i++)
		m->ranges[m->live[i]].until_ns = t_ns;
	m->n_live = 0;
	return 0;
}

int modmap_inherit(struct modmap *m, const struct modmap *parent, int64_t t_ns)
{
	uint32_t i;

	for (i = 0; i < parent->n_live; i++) {
		const struct modrange *r = &parent->ranges[parent->live[i]];
		int rc = modmap_load(m, t_ns, r->start, r->end, r->bias, r->module);

		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- the index -------------------------------------------------------------------------------- */

static int compare_addresses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The interval that begins at or before `address`; the edges hold one. */
static uint32_t interval_of(const struct index *x, uint64_t address)
{
	uint32_t lo = 0, hi = x->leaves;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (x->edges[mid] <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

static int collect_edges(struct index *x, const struct modmap *m)
{
	uint32_t i, n = 0;

	x->edges = malloc(2 * (size_t)m->count * sizeof *x->edges);
	if (!x->edges)
		return ERR_NOMEM;
	for (i = 0; i < m->count; i++) {
		x->edges[2 * (size_t)i] = m->ranges[i].start;
		x->edges[2 * (size_t)i + 1] = m->ranges[i].end;
	}
	qsort(x->edges, 2 * (size_t)m->count, sizeof *x->edges, compare_addresses);
	for (i = 0; i < 2 * m->count; i++)
		if (n == 0 || x->edges[i] != x->edges[n - 1])
			x->edges[n++] = x->edges[i];
	x->leaves = n - 1;
	return 0;
}

/* Calls for each node of the tree that covers a part of the range and whose parent does not: at most
 * two per level. With `items` NULL it counts, else it lists. */
static void list_range(struct index *x, const struct modrange *r, uint32_t number, uint32_t *ends)
{
	uint32_t lo = interval_of(x, r->start) + x->leaves;
	uint32_t hi = interval_of(x, r->end - 1) + 1 + x->leaves;

	for (; lo < hi; lo /= 2, hi /= 2) {
		uint32_t node[2], n = 0;

		if (lo & 1)
			node[n++] = lo++;
		if (hi & 1)
			node[n++] = --hi;
		while (n-- > 0) {
			if (x->items)
				x->items[ends[node[n]]] = number;
			ends[node[n]]++;
		}
	}
}

static int index_build(struct index *x, const struct modmap *m)
{
	uint32_t i, n_nodes, *ends, sum = 0;
	int rc = collect_edges(x, m);

	if (rc != 0)
		return rc;
	n_nodes = 2 * x->leaves;
	x->first = malloc(((size_t)n_nodes + 1) * sizeof *x->first);
	ends = calloc(n_nodes, sizeof *ends);
	if (!x->first || !ends) {
		free(ends);
		return ERR_NOMEM;
	}
	for (i = 0; i < m->count; i++)
		list_range(x, &m->ranges[i], i, ends);
	for (i = 0; i < n_nodes; i++) {
		x->first[i] = sum;
		sum += ends[i]; /* at most 2^24 ranges * 2 * 26 levels */
		ends[i] = x->first[i];
	}
	x->first[n_nodes] = sum;
	x->items = malloc(sum * sizeof *x->items);
	if (x->items)
		for (i = 0; i < m->count; i++)
			list_range(x, &m->ranges[i], i, ends);
	free(ends);
	x->ranges = m->count;
	return x->items ? 0 : ERR_NOMEM;
}

/* Ranges after the indexed ones are few enough to be looked through; the bound grows with the index
 * so that the work of building it anew stays in proportion to the number of ranges. */
static int index_update(struct modmap *m)
{
	struct index fresh = {0};
	int rc;

	if (m->count - m->index.ranges <= 256 + m->index.ranges / 64)
		return 0;
	rc = index_build(&fresh, m);
	if (rc != 0) {
		index_release(&fresh);
		return rc;
	}
	index_release(&m->index);
	m->index = fresh;
	return 0;
}

/* ---- questions -------------------------------------------------------------------------------- */

static int holds(const struct modrange *r, int64_t t_ns, uint64_t address)
{
	return r->from_ns <= t_ns && t_ns < r->until_ns && r->start <= address && address < r->end;
}

/* The last range in a node's list that was loaded at or before `t_ns`, or NULL. */
static const struct modrange *last_before(const struct modmap *m, uint32_t node, int64_t t_ns)
{
	const struct index *x = &m->index;
	uint32_t lo = x->first[node], hi = x->first[node + 1];

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->ranges[x->items[mid]].from_ns <= t_ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > x->first[node] ? &m->ranges[x->items[lo - 1]] : NULL;
}

static const struct modrange *find_indexed(const struct modmap *m, int64_t t_ns, uint64_t address)
{
	const struct index *x = &m->index;
	uint32_t node;

	if (!x->ranges || address < x->edges[0] || address >= x->edges[x->leaves])
		return NULL;
	for (node = interval_of(x, address) + x->leaves; node >= 1; node /= 2) {
		const struct modrange *r = last_before(m, node, t_ns);

		if (r && holds(r, t_ns, address))
			return r;
	}
	return NULL;
}

static const struct modrange *find_past(const struct modmap *m, int64_t t_ns, uint64_t address)
{
	uint32_t i;

	for (i = m->count; i > m->index.ranges; i--)
		if (holds(&m->ranges[i - 1], t_ns, address))
			return &m->ranges[i - 1];
	return find_indexed(m, t_ns, address);
}

static const struct modrange *find_live(const struct modmap *m, uint64_t address)
{
	uint32_t at = first_after(m, address);
	const struct modrange *r = at < m->n_live ? &m->ranges[m->live[at]] : NULL;

	return r && r->start <= address ? r : NULL;
}

int modmap_find(struct modmap *m, int64_t t_ns, uint64_t address, struct modrange *hit)
{
	const struct modrange *r;
	int rc;

	if (t_ns >= m->last_ns) {
		r = find_live(m, address);
	} else {
		if ((rc = index_update(m)) != 0)
			return rc;
		r = find_past(m, t_ns, address);
	}
	if (!r)
		return 0;
	*hit = *r;
	return 1;
}

uint32_t modmap_count(const struct modmap *m)
{
	return m->count;
}

const struct modrange *modmap_range(const struct modmap *m, uint32_t i)
{
	return &m->ranges[i];
}
