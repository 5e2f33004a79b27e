/* AMX tiles in plain C, by the pseudo-code of Intel's manual: eight registers of 16 rows of 64 bytes,
 * TDPBF16PS with its order of operations. Subnormal numbers are flushed as the instruction does. */
#ifndef TEST_KNN_TILE_MODEL_H
#define TEST_KNN_TILE_MODEL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/knn_pack_plain.h"

static __thread struct tile {
	uint32_t row[16][16];
} tiles[8];

static inline float flushed(float x)
{
	return fpclassify(x) == FP_SUBNORMAL ? copysignf(0.0f, x) : x;
}

static inline float as_float(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof f);
	return f;
}

static inline uint32_t as_bits(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof bits);
	return bits;
}

static inline void model_zero(int t)
{
	memset(&tiles[t], 0, sizeof tiles[t]);
}

static inline void model_load(int t, const void *p, size_t step)
{
	for (size_t r = 0; r < 16; r++)
		memcpy(tiles[t].row[r], (const char *)p + r * step, 64);
}

static inline void model_store(int t, void *p, size_t step)
{
	for (size_t r = 0; r < 16; r++)
		memcpy((char *)p + r * step, tiles[t].row[r], 64);
}

static inline float multiply_add(float sum, uint32_t a, uint32_t b, int high)
{
	float x = flushed(bf16_plain((uint16_t)(high ? a >> 16 : a)));
	float y = flushed(bf16_plain((uint16_t)(high ? b >> 16 : b)));

	return flushed(fmaf(x, y, sum));
}

static inline void model_dot(int to, int a, int b)
{
	for (size_t m = 0; m < 16; m++)
		for (size_t n = 0; n < 16; n++) {
			float even = 0, odd = 0;

			for (size_t k = 0; k < 16; k++) {
				uint32_t x = tiles[a].row[m][k], y = tiles[b].row[k][n];

				even = multiply_add(even, x, y, 0);
				odd = multiply_add(odd, x, y, 1);
			}
			even = flushed(even + odd);
			odd = flushed(as_float(tiles[to].row[m][n]));
			tiles[to].row[m][n] = as_bits(flushed(odd + even));
		}
}

#endif
