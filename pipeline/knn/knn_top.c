/* The k best classes of a query: see knn_top.h. */
#include "pipeline/knn/knn_top.h"

#include <stdlib.h>

static int before(struct knn_hit a, struct knn_hit b)
{
	return a.dist < b.dist || (a.dist == b.dist && a.ref < b.ref);
}

static void sift_up(struct knn_hit *heap, size_t at)
{
	while (at > 0) {
		size_t above = (at - 1) / 2;
		struct knn_hit hit = heap[at];

		if (!before(heap[above], hit))
			return;
		heap[at] = heap[above];
		heap[above] = hit;
		at = above;
	}
}

static void sift_down(struct knn_hit *heap, size_t n)
{
	size_t at = 0;

	for (;;) {
		size_t below = 2 * at + 1;
		struct knn_hit hit = heap[at];

		if (below >= n)
			return;
		below += below + 1 < n && before(heap[below], heap[below + 1]);
		if (!before(hit, heap[below]))
			return;
		heap[at] = heap[below];
		heap[below] = hit;
		at = below;
	}
}

int knn_top_add(struct knn_hit *heap, uint32_t *n, size_t k, struct knn_hit hit)
{
	if (*n < k) {
		heap[*n] = hit;
		sift_up(heap, (*n)++);
		return 1;
	}
	if (!before(hit, heap[0]))
		return 0;
	heap[0] = hit;
	sift_down(heap, k);
	return 1;
}

static int compare(const void *a, const void *b)
{
	const struct knn_hit *x = a, *y = b;

	return before(*x, *y) ? -1 : before(*y, *x);
}

/* Classes of one distance: their rows are merged by place. The k best classes hold the k best rows,
 * since a class's first row comes before all its others. */
static uint32_t expand_equal(struct knn_hit *hits, size_t n, const struct knn_set *set,
			     uint64_t bit, size_t room, struct knn_hit *out)
{
	uint32_t filled = 0;
	size_t i;

	while (filled < room) {
		size_t best = 0;

		for (i = 1; i < n; i++)
			if (hits[i].ref < hits[best].ref)
				best = i;
		if (hits[best].ref == KNN_NO_ROW)
			break;
		out[filled++] = hits[best];
		hits[best].ref = knn_set_seek(set, set->next[hits[best].ref], bit);
	}
	return filled;
}

uint32_t knn_top_expand(struct knn_hit *hits, size_t n, const struct knn_set *set, uint64_t bit,
			size_t k, struct knn_hit *out)
{
	uint32_t filled = 0;
	size_t i = 0;

	qsort(hits, n, sizeof *hits, compare);
	while (i < n && filled < k) {
		size_t end = i + 1;

		while (end < n && end - i < k - filled && hits[end].dist == hits[i].dist)
			end++;
		filled += expand_equal(hits + i, end - i, set, bit, k - filled, out + filled);
		i = end;
	}
	return filled;
}
