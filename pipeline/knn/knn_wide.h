/* Private to this room: the fast float32 dot products that preselect neighbours, in three widths.
 * Their rounding is free (knn_bound.h says by how much they may be off); nothing that reaches the
 * output is computed by them except `divide`, which is an IEEE division on every path.
 * Thread-safe. */
#ifndef KNN_KNN_WIDE_H
#define KNN_KNN_WIDE_H

#include <stddef.h>

/* Queries come four at a time, rows are padded with zeros to a multiple of 16 floats and lie on
 * 64-byte boundaries; the number of references is a multiple of KNN_ROWS_STEP. */
#define KNN_QUERY_STEP 4
#define KNN_ROWS_STEP  12
#define KNN_LANES_MAX  16

struct knn_wide {
	const char *name; /* "portable", "avx2", "avx512" */
	/* out[i * out_stride + j] = dot product of query i (of four) and reference j. */
	void (*scores)(const float *queries, const float *refs, size_t n_refs, size_t stride,
		       float *out, size_t out_stride);
	/* row[i] = row[i] / divisor; n is a multiple of 16. */
	void (*divide)(float *row, size_t n, float divisor);
};

extern const struct knn_wide knn_wide_portable, knn_wide_avx2, knn_wide_avx512;

/* The widest kernel of this processor, or the one that PROTEA_SIMD (portable, avx2, avx512) names
 * if the processor has it. Anything else in the variable counts as unset. */
const struct knn_wide *knn_wide_choose(void);

#endif
