/* NumPy's default generator, seeded with SeedSequence(seed), and the tail-shuffle sample of spec A.3.
 * One generator belongs to one thread. */
#ifndef CORE_PCG64_H
#define CORE_PCG64_H

#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 pcg64_u128;

struct pcg64 {
	pcg64_u128 state;
	pcg64_u128 inc;
	uint32_t half; /* the kept upper half of the last 64-bit output */
	int has_half;
};

void pcg64_seed(struct pcg64 *g, uint32_t seed);
uint64_t pcg64_next64(struct pcg64 *g);
uint32_t pcg64_next32(struct pcg64 *g); /* low half first, then high half */
uint32_t pcg64_below(struct pcg64 *g,
		     uint32_t bound); /* uniform in 0 … bound-1, Lemire; bound > 0 */

/* `m` distinct indices of 0 … n-1 into `out` (m <= n, both below 2^32); 0 or ERR_NOMEM. */
int pcg64_sample(struct pcg64 *g, uint32_t n, uint32_t m, uint32_t *out);

#endif
