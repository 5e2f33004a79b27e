/* Rows packed for a kernel as knn_kernel.h words it, element by element; sums by their definition. */
#ifndef TEST_KNN_PACK_PLAIN_H
#define TEST_KNN_PACK_PLAIN_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/knn/knn_kernel.h"

/* rows[n][depth] to a layout; n is a multiple of its group, depth of its unit. To be freed. */
static inline uint16_t *pack_plain(struct knn_layout l, const uint16_t *rows, size_t n,
				   size_t depth)
{
	size_t bytes = (n * depth * sizeof *rows + 63) / 64 * 64;
	uint16_t *out = aligned_alloc(64, bytes);

	for (size_t row = 0; out && row < n; row++)
		for (size_t i = 0; i < depth; i++) {
			size_t unit = i / l.unit, group = row / l.group;
			size_t at = group * depth + unit * l.unit; /* in rows of `group` elements */

			out[at * l.group + row % l.group * l.unit + i % l.unit] =
				rows[row * depth + i];
		}
	return out;
}

static inline float bf16_plain(uint16_t x)
{
	uint32_t bits = (uint32_t)x << 16;
	float f;

	memcpy(&f, &bits, sizeof f);
	return f;
}

#endif
