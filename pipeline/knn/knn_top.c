/* The k best rows of a query: see knn_top.h. */
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

/* Rows of one distance: their references are merged by index. The k best rows hold the k best
 * references, since a row's first reference comes before all its others. */
static uint32_t expand_equal(struct knn_hit *rows, size_t n, const struct knn_refs *refs,
			     size_t room, struct knn_hit *out)
{
	uint32_t filled = 0;
	size_t i;

	for (i = 0; i < n; i++)
		rows[i].ref = refs->first[rows[i].ref];
	while (filled < room) {
		size_t best = 0;

		for (i = 1; i < n; i++)
			if (rows[i].ref < rows[best].ref)
				best = i;
		if (rows[best].ref == KNN_NO_REF)
			break;
		out[filled++] = rows[best];
		rows[best].ref = refs->next[rows[best].ref];
	}
	return filled;
}

uint32_t knn_top_expand(struct knn_hit *rows, size_t n, const struct knn_refs *refs, size_t k,
			struct knn_hit *out)
{
	uint32_t filled = 0;
	size_t i = 0;

	qsort(rows, n, sizeof *rows, compare);
	while (i < n && filled < k) {
		size_t end = i + 1;

		while (end < n && end - i < k - filled && rows[end].dist == rows[i].dist)
			end++;
		filled += expand_equal(rows + i, end - i, refs, k - filled, out + filled);
		i = end;
	}
	return filled;
}
