/* Dot products of float32 rows by the rule of spec 4.5, 4.8 and 4.9: each product is exact in float64,
 * the additions run over ascending i in one float64 accumulator per row, the sum is rounded once to
 * float32. Several rows at a time are faster and give the same bits. Thread-safe. */
#ifndef CORE_DOT_H
#define CORE_DOT_H

#include <stddef.h>

/* The rounded value, widened. */
double dot_f32(const float *a, const float *b, size_t n);
void dot_f32_many(const float *a, const float *const *rows, size_t n_rows, size_t n, double *out);
/* out[i] = the rounded value of a[i] with b[i], for pairs that share nothing. */
void dot_f32_pairs(const float *const *a, const float *const *b, size_t n_pairs, size_t n,
		   double *out);
/* Continues sums[r] over n more elements, without rounding: for vectors that come in pieces. */
void dot_f32_add(const float *a, const float *const *rows, size_t n_rows, size_t n, double *sums);

#endif
