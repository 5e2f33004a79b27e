/* Inside of core's npy, npz and pickle files: element conversion and text checks. Thread-safe. */
#ifndef CORE_NPY_DATA_H
#define CORE_NPY_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/npy.h"

int npy_is_float(enum npy_type type);
/* `n` elements of a float type as float32. `src` need not be aligned. */
void npy_floats(enum npy_type type, int big_endian, const unsigned char *src, size_t n, float *out);
/* The 16-bit words of an f2 row in host order. */
void npy_halves(int big_endian, const unsigned char *src, size_t n, uint16_t *out);
/* Well-formed UTF-8: shortest forms only, no surrogates, nothing above U+10FFFF. */
int npy_utf8_valid(const unsigned char *text, size_t n);
/* UCS-4 as UTF-8, trailing NULs dropped; ERR_FORMAT for what is no code point. */
int npy_ucs4_text(const unsigned char *src, size_t n_chars, int big_endian, struct buf *out);

#endif
