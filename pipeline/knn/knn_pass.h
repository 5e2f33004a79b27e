/* Private to this room: one pass of a block of queries over all references of a set. */
#ifndef KNN_KNN_PASS_H
#define KNN_KNN_PASS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/knn/knn.h"
#include "pipeline/knn/knn_pack.h"
#include "pipeline/knn/knn_set.h"

struct knn_plan {
	size_t depth;      /* elements from packed row to packed row */
	size_t panel_rows; /* a multiple of the kernel's ref_step and of 8 */
	size_t block;      /* queries, a multiple of the kernel's query_step */
	size_t heaps;      /* of a block */
	size_t n_workers;
	size_t k; /* classes kept per query and target */
};

/* A query class of the block. */
struct knn_query {
	struct knn_row row;
	float scale;    /* knn_row_scale */
	uint32_t heaps; /* its first heap; one per bit of its mask */
};

struct knn_lane;

#define KNN_LOCKS 64

struct knn_pass {
	const uint16_t *pool;
	const struct knn_params *params;
	const struct knn_kernel *kernel;
	struct knn_plan plan;
	float threshold; /* +inf: none */
	struct knn_bound real, wide;
	struct knn_packer packer;
	struct knn_set refs, queries;
	/* The block. */
	size_t first, n;         /* of queries' classes */
	size_t panels_done;      /* before the panels in work */
	uint16_t *packed;        /* owned */
	struct knn_query *query; /* owned */
	uint64_t *step_mask;     /* owned; per query_step queries: the union of their masks */
	struct knn_hit *hits;    /* owned; heaps of k */
	uint32_t *n_hits;        /* owned, per heap */
	float *limit;            /* owned, per heap: nothing above it matters; atomic */
	pthread_mutex_t *locks;  /* owned, KNN_LOCKS; of the heaps of queries that share a number */
	struct knn_lane *lanes;  /* owned, n_workers */
	/* Progress over all blocks. */
	size_t units, items_done, items; /* items_done is atomic */
};

/* Allocates what the plan says; sets, kernel and packer are there. 0 or ERR_NOMEM. */
int knn_pass_init(struct knn_pass *p);
void knn_pass_release(struct knn_pass *p);
size_t knn_pass_memory(const struct knn_plan *plan, const struct knn_kernel *kernel);

/* Finds the best of the queries' classes first … first + n - 1. */
int knn_pass_run(struct knn_pass *p, size_t first, size_t n, struct err *err);
size_t knn_pass_panels(const struct knn_pass *p);

/* The heap of query class `query` (of the block) and the target of `bit`. */
const struct knn_hit *knn_pass_heap(const struct knn_pass *p, size_t query, uint64_t bit,
				    uint32_t *n);

#endif
