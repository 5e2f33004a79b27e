/* Cached values for tests: one with its text, and many from numbers. */
#ifndef TESTS_ALIGN_CACHE_SAMPLE_H
#define TESTS_ALIGN_CACHE_SAMPLE_H

#include <string.h>

#include "pipeline/align/align.h"
#include "tests/unit/numbers.h"

static const struct align_values sample = {25 / 27., 0.3, 124,  1 / 27.,       27, 27,
					   26,       1,   1e-7, -1073741824.0, 0,  5};

static inline struct align_values values_of(uint64_t i)
{
	uint64_t s = i;
	double x[12];
	struct align_values v;

	for (size_t k = 0; k < 12; k++)
		x[k] = (double)(splitmix(&s) % 1000) / (double)(1 + splitmix(&s) % 999);
	x[5] = (double)(splitmix(&s) % 40000);
	x[6] = (double)(splitmix(&s) % 40000);
	memcpy(&v, x, sizeof v);
	return v;
}

#endif
