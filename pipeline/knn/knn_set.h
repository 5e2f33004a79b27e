/* Private to this room: the rows that several lists name, each once. Rows with equal values form a
 * class: proteins that share a sequence share an embedding and therefore a distance to everything,
 * so a class is compared once however many rows it has. Read-only once built. */
#ifndef KNN_KNN_SET_H
#define KNN_KNN_SET_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/knn/knn.h"
#include "prof/base/err.h"

#define KNN_NO_ROW    UINT32_MAX
#define KNN_LISTS_MAX 64 /* a mask has one bit per list */

struct knn_list {
	const uint32_t *rows;
	size_t n;
};

struct knn_set {
	size_t n_rows;
	uint32_t *rows; /* owned; rows of the pool, ascending */
	uint64_t *mask; /* owned; per row: the lists that name it */
	uint32_t
		*next; /* owned; the next larger place in `rows` of the same class, or KNN_NO_ROW */
	size_t n_classes;
	uint32_t *first;      /* owned; per class: its smallest place in `rows` */
	uint64_t *class_mask; /* owned; the union of its rows' masks */
	float *scale;         /* owned; per class: knn_row_scale */
};

/* Classes are ordered by mask, then by first row, so that neighbours mostly have equal masks. */
int knn_set_build(struct knn_set *s, enum knn_metric metric, const uint16_t *pool, size_t n_pool,
		  size_t dim, const struct knn_list *lists, size_t n_lists, size_t n_workers,
		  struct err *err);
void knn_set_release(struct knn_set *s);
/* The first of the places `at`, next[at], … that list `bit` names, or KNN_NO_ROW. */
uint32_t knn_set_seek(const struct knn_set *s, uint32_t at, uint64_t bit);

size_t knn_set_memory(size_t n_rows);                                     /* of a finished set */
size_t knn_set_build_memory(size_t n_rows, size_t dim, size_t n_workers); /* beside it, meanwhile */

#endif
