/* Neighbours and distinct pairs: see neighbors.h. */
#include "pipeline/features/neighbors.h"

#include <stdlib.h>

int neighbors_alloc(struct neighbors *n, uint32_t n_queries, uint32_t k,
		    const struct references *refs, struct err *err)
{
	uint32_t most = 1;
	size_t slots;
	int a;

	for (a = 0; a < ASPECTS; a++)
		if (refs->aspect[a].n > most)
			most = refs->aspect[a].n;
	*n = (struct neighbors){.n_queries = n_queries, .k = k, .stride = k < most ? k : most};
	slots = (size_t)n_queries * n->stride;
	for (a = 0; a < ASPECTS; a++) {
		n->hit[a] = malloc((slots + 1) * sizeof *n->hit[a]);
		n->count[a] = calloc((size_t)n_queries + 1, sizeof *n->count[a]);
		if (!n->hit[a] || !n->count[a]) {
			neighbors_release(n);
			return err_nomem(err, "neighbours");
		}
	}
	return 0;
}

void neighbors_release(struct neighbors *n)
{
	int a;

	for (a = 0; a < ASPECTS; a++) {
		free(n->hit[a]);
		free(n->count[a]);
	}
	*n = (struct neighbors){0};
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int pair_list_build(struct pair_list *p, const struct neighbors *n, const struct references *refs,
		    uint32_t k, struct err *err)
{
	size_t most = (size_t)n->n_queries * (k < n->stride ? k : n->stride) * ASPECTS;
	uint32_t q;

	*p = (struct pair_list){0};
	if (most >= UINT32_MAX)
		return err_set(err, ERR_LIMIT,
			       "%u queries with %u neighbours are more than 4 billion pairs",
			       n->n_queries, k);
	p->query = malloc((most + 1) * sizeof *p->query);
	p->ref_row = malloc((most + 1) * sizeof *p->ref_row);
	p->start = malloc(((size_t)n->n_queries + 1) * sizeof *p->start);
	if (!p->query || !p->ref_row || !p->start) {
		pair_list_release(p);
		return err_nomem(err, "pairs");
	}
	for (q = 0; q < n->n_queries; q++) {
		uint32_t from = p->n, to = p->n, i;
		int a;

		p->start[q] = from;
		for (a = 0; a < ASPECTS; a++) {
			const struct knn_hit *hits;
			uint32_t c = neighbors_at(n, a, q, k, &hits);

			for (i = 0; i < c; i++)
				p->ref_row[to++] = refs->aspect[a].row[hits[i].ref];
		}
		qsort(p->ref_row + from, to - from, sizeof *p->ref_row, cmp_u32);
		for (i = from; i < to; i++)
			if (i == from || p->ref_row[i] != p->ref_row[i - 1]) {
				p->query[p->n] = q;
				p->ref_row[p->n++] = p->ref_row[i];
			}
	}
	p->start[n->n_queries] = p->n;
	return 0;
}

uint32_t pair_list_find(const struct pair_list *p, uint32_t query, uint32_t ref_row)
{
	uint32_t lo = p->start[query], hi = p->start[query + 1];

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->ref_row[mid] < ref_row)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void pair_list_release(struct pair_list *p)
{
	free(p->query);
	free(p->ref_row);
	free(p->start);
	*p = (struct pair_list){0};
}
