/* NumPy's pairwise summation (spec A.2), in the element type, bit for bit. Thread-safe. Must be
 * compiled without value-changing float optimisations. */
#ifndef CORE_PAIRWISE_H
#define CORE_PAIRWISE_H

#include <stddef.h>

float pairwise_sum_f32(const float *a, size_t n);
double pairwise_sum_f64(const double *a, size_t n);
/* Sum of the float32 squares a_i * a_i, and its float32 square root. */
float pairwise_sumsq_f32(const float *a, size_t n);
float pairwise_norm_f32(const float *a, size_t n);
/* Population standard deviation of spec 4.6; 0.0 for fewer than two values. `scratch` holds n. */
double pairwise_std_f64(const double *a, size_t n, double *scratch);

#endif
