/* Neighbours of all queries of a pair, per aspect, and the distinct (query, reference) pairs among
 * them. A search at a large K serves every smaller K as a prefix (spec 4.5). */
#ifndef FEATURES_NEIGHBORS_H
#define FEATURES_NEIGHBORS_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/features/references.h"
#include "pipeline/knn/knn.h"
#include "prof/base/err.h"

struct neighbors {
	uint32_t n_queries;
	uint32_t k;      /* K of the search, as asked for */
	uint32_t stride; /* places per query: K, or fewer where there are fewer references */
	struct knn_hit
		*hit[ASPECTS];    /* owned: n_queries x stride; `ref` indexes the aspect's list */
	uint32_t *count[ASPECTS]; /* owned: neighbours found per query */
};

/* Room for min(k, the largest reference list) neighbours per query. */
int neighbors_alloc(struct neighbors *n, uint32_t n_queries, uint32_t k,
		    const struct references *refs, struct err *err);
void neighbors_release(struct neighbors *n);

/* Neighbours of rank below k of query q. */
static inline uint32_t neighbors_at(const struct neighbors *n, int aspect, uint32_t q, uint32_t k,
				    const struct knn_hit **hits)
{
	uint32_t c = n->count[aspect][q];

	*hits = n->hit[aspect] + (size_t)q * n->stride;
	return c < k ? c : k;
}

/* Distinct pairs, grouped by query, references ascending by pool row. */
struct pair_list {
	uint32_t n;
	uint32_t *query;   /* owned: query number of each pair */
	uint32_t *ref_row; /* owned: pool row of the reference */
	uint32_t *start;   /* owned: n_queries + 1 */
};

int pair_list_build(struct pair_list *p, const struct neighbors *n, const struct references *refs,
		    uint32_t k, struct err *err);
uint32_t pair_list_find(const struct pair_list *p, uint32_t query, uint32_t ref_row);
void pair_list_release(struct pair_list *p);

#endif
