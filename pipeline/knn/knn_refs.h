/* Private to this room: the references with equal rows joined. Proteins that share a sequence share
 * an embedding and therefore a distance to everything, so a row is compared once however many
 * references have it. Read-only once built. */
#ifndef KNN_KNN_REFS_H
#define KNN_KNN_REFS_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/knn/knn.h"
#include "prof/base/err.h"

#define KNN_NO_REF UINT32_MAX

struct knn_refs {
	uint32_t n_rows; /* distinct rows, numbered by their smallest reference index */
	uint32_t *first; /* owned; smallest reference index of each row */
	uint32_t *next;  /* owned; next larger index with the same row, or KNN_NO_REF */
	float *scale;    /* owned; knn_row_scale of each row */
};

int knn_refs_build(struct knn_refs *r, enum knn_metric metric, const uint16_t *pool, size_t dim,
		   const uint32_t *ref_rows, size_t n_refs, size_t n_workers, struct err *err);
void knn_refs_release(struct knn_refs *r);
size_t knn_refs_memory(size_t n_refs, size_t dim, size_t n_workers); /* at its highest */

#endif
