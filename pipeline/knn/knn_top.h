/* Private to this room: the k best classes of rows of one query, kept as a heap with the worst on top. Order
 * is (distance, row). Belongs to one thread. */
#ifndef KNN_KNN_TOP_H
#define KNN_KNN_TOP_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/knn/knn.h"
#include "pipeline/knn/knn_set.h"

/* Adds a class to the `*n` of at most `k` in `heap`, dropping the worst of k + 1. Returns 1 if it
 * was taken. */
int knn_top_add(struct knn_hit *heap, uint32_t *n, size_t k, struct knn_hit hit);

/* Turns classes (any order, each once, `ref` being its first row of list `bit`) into the best rows of
 * that list, at most k, in final order: ascending distance, then ascending place in the set. Sorts
 * `hits` and uses their `ref` as cursors. Returns their number. */
uint32_t knn_top_expand(struct knn_hit *hits, size_t n, const struct knn_set *set, uint64_t bit,
			size_t k, struct knn_hit *out);

#endif
