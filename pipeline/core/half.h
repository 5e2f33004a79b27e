/* IEEE binary16: conversions by round to nearest even, subnormals kept, overflow to infinity at
 * 65520 (spec A.1). Thread-safe. */
#ifndef CORE_HALF_H
#define CORE_HALF_H

#include <stddef.h>
#include <stdint.h>

float half_to_float(uint16_t h);
uint16_t half_from_float(float f);
uint16_t half_from_double(double d);
/* float32 -> half by the text route of spec 2.2 (shortest decimal -> double -> half): differs from
 * half_from_float only on exact midpoints. */
uint16_t half_from_float_by_text(float f);
int half_is_finite(uint16_t h);

/* Rows: vectorised where the CPU can, same values everywhere. */
void half_to_floats(const uint16_t *in, float *out, size_t n);
int half_has_f16c(void); /* may VCVTPH2PS be used? */

#endif
