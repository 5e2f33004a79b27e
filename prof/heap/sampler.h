/* Poisson sampling by bytes: every byte of every allocation is a sample with probability 1 / rate,
 * independently; an allocation is sampled if one of its bytes is. The distance to the next sample is
 * exponential, so a thread only counts down. Exponential distances have no memory: whatever is left of one when
 * a block was sampled, a thread begins, or a rate changes, a fresh one may take its place. Estimates:
 * docs/memory.md, after the un-biasing described in jemalloc's PROFILING_INTERNALS and T. Wood's notes on
 * tcmalloc's sampling.
 *
 * An allocation of z bytes counts as z + 1, so that empty blocks are seen too: it is sampled with probability
 * p = 1 - exp(-(z + 1) / rate), and stands for 1 / p blocks and z / p bytes then. A rate of 1 (or 0) means
 * that everything is, and stands for itself. Pure functions: any thread, any context. */
#ifndef HEAP_SAMPLER_H
#define HEAP_SAMPLER_H

#include <stdint.h>

#define HEAP_RATE_DEFAULT (512u << 10)
/* Copies are cheaper than allocations, a byte, and far more: 10 GB/s of them, which is what memory gives, are
 * 1,200 samples a second at 8 MiB, of 0.3 us (a stack known) to a few. */
#define HEAP_COPY_RATE_FACTOR 16

struct heap_weight {
	uint64_t bytes;  /* z / p, to the nearest whole byte: off by less than 1 / rate of itself */
	uint64_t count;  /* 1 / p in units of 1 / 65536 */
	double variance; /* of bytes: z^2 (1 - p) / p^2 */
};

/* The same for the same size and rate, always: what was added can be taken off again. No libm: a target
 * need not have it. */
struct heap_weight heap_sample_weight(uint64_t bytes, uint64_t rate);
/* Bytes to the next sample, at least 1, at most 2^46. *random is a thread's own state; any value will do. */
int64_t heap_sample_gap(uint64_t *random, uint64_t rate);

/* The rate of copies beside one of allocations (0: the default). */
static inline uint64_t heap_copy_rate(uint64_t rate)
{
	return (rate ? rate : HEAP_RATE_DEFAULT) * HEAP_COPY_RATE_FACTOR;
}

#endif
