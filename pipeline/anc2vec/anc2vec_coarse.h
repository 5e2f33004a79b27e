/* Unit vectors as 16-bit integers and their products: see anc2vec_max.h. Integer sums do not depend on
 * the order, so every vector length gives the same numbers. Pure functions. */
#ifndef ANC2VEC_ANC2VEC_COARSE_H
#define ANC2VEC_ANC2VEC_COARSE_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/simd.h"

/* Of the unit; elements of vectors up to COARSE_NORM long fit, and so does each sum of products. */
#define COARSE_SCALE 32700.0f
#define COARSE_NORM  1.0005
#define COARSE_STEP  32 /* rows are padded with zeros to a multiple of it */

/* `stride` integers from `dim` floats; the squared length of the floats. */
double coarse_make(const float *v, size_t dim, size_t stride, int16_t *out);
/* How far a vector of at most COARSE_NORM and its integers, scaled back, are apart at most. */
double coarse_error(size_t dim);
/* out[i] = a . rows[i * stride …]. */
typedef void coarse_fn(const int16_t *a, const int16_t *rows, size_t n, size_t stride,
		       int32_t *out);
/* For a level that the processor has. */
coarse_fn *coarse_kernel(enum simd_level level);

#endif
