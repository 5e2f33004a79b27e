/* Private to this room: the second filter's float32 products, and the division that makes a row.
 * The products may be rounded in any order (knn_exact.h bounds them); `divide` is an IEEE division
 * everywhere. `wide`: whether AVX2 and FMA may be used. Thread-safe. */
#ifndef KNN_KNN_WIDE_H
#define KNN_KNN_WIDE_H

#include <stddef.h>
#include <stdint.h>

/* out[i] = query . rows[i] for n rows; depth is a multiple of 16, all lie on 32-byte boundaries. */
void knn_wide_dots(int wide, const float *query, const float *const *rows, size_t n, size_t depth,
		   float *out);
/* The same of a query as it is in the pool, not divided; `depth` is a multiple of 8, `query` may lie anywhere. For
 * processors with F16C. */
void knn_wide_dots_half(const uint16_t *query, const float *const *rows, size_t n, size_t depth,
			float *out);
/* How many roundings a term of such a product meets at most, a division of the product or the query included. */
size_t knn_wide_roundings(size_t depth);

/* row[i] = row[i] / divisor; n is a multiple of 16. */
void knn_wide_divide(int wide, float *row, size_t n, float divisor);

#endif
