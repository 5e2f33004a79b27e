/* Exact k-nearest-neighbour search over float16 rows with the normative distance and order of spec
 * 4.5: ascending float32 distance, ties by ascending reference index, whatever the number of
 * threads or the chunk. Knows nothing of proteins. Thread-safe. */
#ifndef KNN_KNN_H
#define KNN_KNN_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

enum knn_metric { KNN_COSINE, KNN_L2 };

/* What a search did; added up over threads. Times are wall time inside the threads. */
struct knn_stats {
	uint64_t products; /* query times row, as the kernel made them, padding included */
	uint64_t picked;   /* of them, not ruled out by their score and bound */
	uint64_t measured; /* of them, not ruled out by a float32 product: normative distances */
	int64_t set_ns, pack_ns, product_ns, settle_ns; /* product_ns: with the scan of scores */
};

struct knn_params {
	enum knn_metric metric;
	size_t k;         /* > 0; min(k, n_refs) neighbours are found */
	double threshold; /* neighbours with dist > (float)threshold are dropped; NaN: none */
	size_t n_workers;
	size_t query_chunk; /* memory only: below 500 (the original's chunk), queries per block at
			     * most; else, and 0, what a bounded block holds */
	void (*progress)(void *ctx, size_t queries_done); /* newly done; any thread; NULL: none */
	void *progress_ctx;
	struct knn_stats *stats; /* added to; NULL: not counted */
};

struct knn_hit {
	uint32_t ref; /* index into ref_rows */
	float dist;   /* normative, not clamped */
};

/* The pool: `n_rows` x `dim` float16 bits, row-major, every value finite. `query_rows` and
 * `ref_rows` pick rows of it. hits[q * k + r] is the neighbour of rank r (from 0) of query q;
 * counts[q] of them are filled. `query_rows` may repeat, `ref_rows` must ascend strictly. Memory
 * beyond the inputs: blocks of queries of bounded size and some 50 bytes a row, never queries x
 * references. */
int knn_search(const uint16_t *pool, size_t n_rows, size_t dim, const uint32_t *query_rows,
	       size_t n_queries, const uint32_t *ref_rows, size_t n_refs,
	       const struct knn_params *params, struct knn_hit *hits, uint32_t *counts,
	       struct err *err);

/* One search of several that share a pass over the pool. Its result is what knn_search would give
 * alone. */
struct knn_target {
	const uint32_t *query_rows;
	size_t n_queries;
	const uint32_t *ref_rows; /* hit.ref indexes it */
	size_t n_refs;
	struct knn_hit *hits; /* n_queries * k */
	uint32_t *counts;     /* n_queries */
};

/* All targets at once: the pool is read and packed once as far as memory allows, and a product that
 * several targets want is computed once. progress() counts the queries of every target. */
int knn_search_many(const uint16_t *pool, size_t n_rows, size_t dim,
		    const struct knn_target *targets, size_t n_targets,
		    const struct knn_params *params, struct err *err);

/* Bytes knn_search_many allocates beside its arguments; of the targets only sizes are read. All
 * references together are taken to be at most twice the longest list. */
size_t knn_many_memory(const struct knn_target *targets, size_t n_targets, size_t dim,
		       const struct knn_params *params);

/* Bytes knn_search allocates beside its arguments, for the memory plan. */
size_t knn_memory_needed(size_t n_queries, size_t n_refs, size_t dim,
			 const struct knn_params *params);

#endif
