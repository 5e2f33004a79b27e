/* Work of a known size: every sample program burns CPU time with this loop, so that shares follow from
 * iteration counts alone. */
#ifndef SAMPLES_SPIN_H
#define SAMPLES_SPIN_H

#include <stdint.h>
#include <stdlib.h>

#define SPIN_UNIT 200000ul /* iterations; a fraction of a millisecond */

/* A chain of dependent operations that no compiler folds; each iteration costs the same. A macro: an inlined
 * function would be a frame of its own below its caller. */
#define spin_body(n, seed)                                                                         \
	__extension__({                                                                            \
		uint64_t spin_left = (n), spin_x = (seed) | 1;                                     \
                                                                                                   \
		for (; spin_left; spin_left--) {                                                   \
			spin_x ^= spin_x << 13;                                                    \
			spin_x ^= spin_x >> 7;                                                     \
			spin_x ^= spin_x << 17;                                                    \
			__asm__ volatile("" : "+r"(spin_x));                                       \
		}                                                                                  \
		spin_x;                                                                            \
	})

static volatile uint64_t spin_sink __attribute__((unused));

/* Factor from the first argument: how long the program runs (1: about half a second). */
static inline double spin_scale(int argc, char **argv)
{
	double scale = argc > 1 ? strtod(argv[1], NULL) : 1;

	return scale > 0 ? scale : 1;
}

#endif
