/* Private to this room: the k best rows of one query, kept as a heap with the worst on top. Order
 * is (distance, row number). Belongs to one thread. */
#ifndef KNN_KNN_TOP_H
#define KNN_KNN_TOP_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/knn/knn.h"
#include "pipeline/knn/knn_refs.h"

/* Adds a row to the `*n` of at most `k` in `heap`, dropping the worst of k + 1. Returns 1 if the
 * row was taken. */
int knn_top_add(struct knn_hit *heap, uint32_t *n, size_t k, struct knn_hit hit);

/* Turns rows (any order, each once, `ref` being a row number) into the best references, at most k,
 * in final order: ascending distance, then ascending reference index. Sorts `rows` and uses their
 * `ref` as cursors. Returns their number. */
uint32_t knn_top_expand(struct knn_hit *rows, size_t n, const struct knn_refs *refs, size_t k,
			struct knn_hit *out);

#endif
