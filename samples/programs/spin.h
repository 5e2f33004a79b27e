/* Work of a known size: every sample program burns CPU time with this loop, so that shares follow from
 * iteration counts alone. Not inlined: callers keep frames of their own. */
#ifndef SAMPLES_SPIN_H
#define SAMPLES_SPIN_H

#include <stdint.h>
#include <stdlib.h>

#define SPIN_UNIT 200000ul /* iterations; a fraction of a millisecond */

/* A chain of dependent operations that no compiler folds; each iteration costs the same. */
static inline __attribute__((always_inline)) uint64_t spin_body(uint64_t n, uint64_t seed)
{
	uint64_t i, x = seed | 1;

	for (i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		__asm__ volatile("" : "+r"(x));
	}
	return x;
}

static volatile uint64_t spin_sink __attribute__((unused));

/* Factor from the first argument: how long the program runs (1: about half a second). */
static inline double spin_scale(int argc, char **argv)
{
	double scale = argc > 1 ? strtod(argv[1], NULL) : 1;

	return scale > 0 ? scale : 1;
}

#endif
