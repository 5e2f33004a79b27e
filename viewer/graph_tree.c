/* Paths to nodes: see graph_tree.h. Parents have smaller numbers than their children throughout, so that
 * an ascending pass hands down, a descending pass sums up, and nothing recurses. */
#include "viewer/graph_tree.h"

#include <stdlib.h>

/* A weight's bucket is its highest 11 bits and how far they are shifted. */
#define STEPS   1024u
#define BUCKETS (53 * STEPS + 2 * STEPS)

static uint32_t bucket_of(uint64_t weight)
{
	unsigned shift = 0;

	if (weight >= 2 * STEPS)
		shift = 53u - (unsigned)__builtin_clzll(weight);
	return shift * STEPS + (uint32_t)(weight >> shift);
}

/* The least weight of a bucket. */
static uint64_t bucket_start(uint32_t bucket)
{
	unsigned shift = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;

	return bucket < BUCKETS ? (uint64_t)(bucket - shift * STEPS) << shift : UINT64_MAX;
}

int weight_scale_init(struct weight_scale *s)
{
	s->buckets = calloc(BUCKETS, sizeof *s->buckets);
	return s->buckets ? 0 : ERR_NOMEM;
}

void weight_scale_add(struct weight_scale *s, uint64_t weight)
{
	s->buckets[bucket_of(weight)]++;
}

struct weight_limit weight_scale_limit(const struct weight_scale *s, uint64_t keep)
{
	uint64_t kept = 0;
	uint32_t b;

	for (b = BUCKETS; b-- > 1;) {
		if (kept + s->buckets[b] > keep)
			return (struct weight_limit){bucket_start(b + 1), bucket_start(b),
						     keep - kept};
		kept += s->buckets[b];
	}
	return (struct weight_limit){1, 1, 0};
}

void weight_scale_release(struct weight_scale *s)
{
	free(s->buckets);
	s->buckets = NULL;
}

/* ---- which paths become nodes ---- */

struct entry {
	uint32_t parent, label; /* parent: an entry */
	uint32_t size;          /* with all below */
	uint64_t first, weight;
};

struct make {
	const struct tree_paths *paths;
	uint32_t *to;          /* owned; by path: its entry */
	struct entry *entries; /* owned; parents first */
	uint32_t *others;      /* owned; by entry: the one for its lighter children, 0: none */
	uint32_t n;
	uint32_t *
		first; /* owned; by entry: where its children start in `sorted`; one more at the end */
	uint32_t *sorted; /* owned */
	uint32_t *place;  /* owned; by entry: its preorder number */
};

static void sum_up(const struct tree_paths *p)
{
	uint32_t i;

	for (i = p->n; i-- > 1;) {
		p->firsts[p->parents[i]] += p->firsts[i];
		p->weights[p->parents[i]] += p->weights[i];
	}
}

static int find_limit(const struct make *w, struct weight_limit *limit)
{
	struct weight_scale s;
	uint32_t i;

	*limit = (struct weight_limit){0, 0, 0};
	if (w->paths->n - 1 <= w->paths->keep)
		return 0;
	if (weight_scale_init(&s) != 0)
		return ERR_NOMEM;
	for (i = 1; i < w->paths->n; i++)
		weight_scale_add(&s, w->paths->weights[i]);
	*limit = weight_scale_limit(&s, w->paths->keep);
	weight_scale_release(&s);
	return 0;
}

static void join_other(struct make *w, uint32_t path, uint32_t parent)
{
	const struct tree_paths *p = w->paths;
	uint32_t at = w->others[parent];

	if (!at) {
		at = w->others[parent] = w->n++;
		w->entries[at] = (struct entry){parent, p->other, 1, 0, 0};
	}
	w->entries[at].first += p->firsts[path];
	w->entries[at].weight += p->weights[path];
	w->to[path] = at;
}

static void choose(struct make *w, struct weight_limit limit)
{
	const struct tree_paths *p = w->paths;
	uint32_t i;

	for (i = 0; i < p->n; i++) {
		uint32_t parent = i ? w->to[p->parents[i]] : 0;
		uint64_t weight = p->weights[i];
		int sure = i == 0 || weight >= limit.sure;

		if (i > 0 && w->entries[parent].label == p->other) {
			w->to[i] = parent;
		} else if (sure || (weight >= limit.maybe && limit.room > 0)) {
			limit.room -= !sure;
			w->to[i] = w->n;
			w->entries[w->n++] =
				(struct entry){parent, p->labels[i], 1, p->firsts[i], weight};
		} else {
			join_other(w, i, parent);
		}
	}
}

/* ---- their order ---- */

static int compare(const void *pa, const void *pb, void *ctx)
{
	const struct make *w = ctx;
	const struct entry *a = &w->entries[*(const uint32_t *)pa];
	const struct entry *b = &w->entries[*(const uint32_t *)pb];
	uint32_t other = w->paths->other, ra, rb;

	if ((a->label == other) != (b->label == other))
		return a->label == other ? 1 : -1;
	if (a->first != b->first)
		return a->first > b->first ? -1 : 1;
	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	if (a->label == b->label)
		return 0;
	ra = w->paths->ranks[a->label];
	rb = w->paths->ranks[b->label];
	return (ra > rb) - (ra < rb);
}

/* Entries by parent (a counting sort), each parent's children in order. */
static void sort_children(struct make *w)
{
	uint32_t i;

	for (i = 1; i < w->n; i++)
		w->first[w->entries[i].parent + 1]++;
	for (i = 0; i < w->n; i++)
		w->first[i + 1] += w->first[i];
	for (i = 1; i < w->n; i++) /* `place` serves as the next free slot of each parent */
		w->sorted[w->first[w->entries[i].parent] + w->place[w->entries[i].parent]++] = i;
	for (i = 0; i < w->n; i++) {
		uint32_t children = w->first[i + 1] - w->first[i];

		if (children > 1)
			qsort_r(w->sorted + w->first[i], children, sizeof *w->sorted, compare, w);
	}
}

static void place_all(struct make *w)
{
	uint32_t i, c;

	for (i = w->n; i-- > 1;)
		w->entries[w->entries[i].parent].size += w->entries[i].size;
	w->place[0] = 0;
	for (i = 0; i < w->n; i++) {
		uint32_t at = w->place[i] + 1;

		for (c = w->first[i]; c < w->first[i + 1]; c++) {
			w->place[w->sorted[c]] = at;
			at += w->entries[w->sorted[c]].size;
		}
	}
}

static int write_nodes(struct make *w, struct graph_node **nodes)
{
	uint32_t i;

	*nodes = malloc(w->n * sizeof **nodes);
	if (!*nodes)
		return ERR_NOMEM;
	for (i = 0; i < w->n; i++) {
		const struct entry *e = &w->entries[i];
		uint32_t at = w->place[i];

		(*nodes)[at] = (struct graph_node){w->place[e->parent], at + e->size, e->label,
						   GRAPH_NONE,          e->first,     e->weight};
	}
	for (i = 0; i < w->paths->n; i++)
		w->to[i] = w->place[w->to[i]];
	return 0;
}

/* ---- all of it ---- */

static int make_init(struct make *w, const struct tree_paths *paths)
{
	size_t n = paths->n, most = n < paths->keep ? n : 2 * ((size_t)paths->keep + 1);

	/* Each node has at most one "other" child, and there are no more entries than paths. */
	if (most > n)
		most = n;
	w->to = malloc(n * sizeof *w->to);
	w->entries = malloc(most * sizeof *w->entries);
	w->others = calloc(most, sizeof *w->others);
	w->first = calloc(most + 1, sizeof *w->first);
	w->sorted = malloc(most * sizeof *w->sorted);
	w->place = calloc(most, sizeof *w->place);
	return w->to && w->entries && w->others && w->first && w->sorted && w->place ? 0
										     : ERR_NOMEM;
}

int tree_make(const struct tree_paths *paths, struct graph_node **nodes, uint32_t *n_nodes,
	      uint32_t **node_of)
{
	struct make w = {.paths = paths};
	struct weight_limit limit;
	int rc = make_init(&w, paths);

	*nodes = NULL;
	sum_up(paths);
	if (rc == 0)
		rc = find_limit(&w, &limit);
	if (rc == 0) {
		choose(&w, limit);
		sort_children(&w);
		place_all(&w);
		rc = write_nodes(&w, nodes);
	}
	free(w.entries);
	free(w.others);
	free(w.first);
	free(w.sorted);
	free(w.place);
	*n_nodes = rc == 0 ? w.n : 0;
	*node_of = rc == 0 ? w.to : NULL;
	if (rc != 0)
		free(w.to);
	return rc;
}
