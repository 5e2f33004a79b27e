/* Poisson sampling by bytes: every byte of every allocation is a sample with probability 1 / rate,
 * independently; an allocation is sampled if one of its bytes is. The distance to the next sample is
 * exponential, so a thread only counts down. Estimates: docs/memory.md, after the un-biasing described in
 * jemalloc's PROFILING_INTERNALS and T. Wood's notes on tcmalloc's sampling.
 *
 * An allocation of z bytes counts as z + 1, so that empty blocks are seen too: it is sampled with probability
 * p = 1 - exp(-(z + 1) / rate), and stands for 1 / p blocks and z / p bytes then. */
#ifndef HEAP_SAMPLER_H
#define HEAP_SAMPLER_H

#include <stdint.h>

struct heap_weight {
	uint64_t bytes;  /* z / p, rounded by `round`, so that the mean is right: see sampler.c */
	uint64_t count;  /* 1 / p in units of 1 / 65536 */
	double variance; /* of bytes: z^2 (1 - p) / p^2 */
};

/* The same for the same size and rate, always: what was added can be taken off again. No libm: a target
 * need not have it. */
struct heap_weight heap_sample_weight(uint64_t bytes, uint64_t rate);
/* Bytes to the next sample, at least 1. *random is a thread's own state, not 0. */
int64_t heap_sample_gap(uint64_t *random, uint64_t rate);

#endif
