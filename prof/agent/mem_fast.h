/* What is asked of each allocation and each free before anything else: two loads and a comparison. Private to
 * prof/agent. */
#ifndef AGENT_MEM_FAST_H
#define AGENT_MEM_FAST_H

#include "prof/agent/mem.h"
#include "prof/heap/tagset.h"

/* 1: an allocation of n bytes needs no more than to be counted. With tracking off, or all of it tracked, `left`
 * is 0 and none passes; sizes that are too large to exist never do. */
static inline int mem_passes(size_t n)
{
	uint64_t left = mem_tls.left;

	if (n >= left)
		return 0;
	mem_tls.left = left - n - 1;
	mem_tls.count++;
	return 1;
}

/* 1: nothing is to be done but to count, if that. */
static inline __attribute__((always_inline)) int mem_goes_by(size_t n)
{
	return __builtin_expect(mem_passes(n), 1) ||
	       atomic_load_explicit(mem_gate, memory_order_relaxed) == 0;
}

/* 1: the block at `p` may be one that is followed. */
static inline int mem_is_watched(const void *p)
{
	return mem_filter[heap_filter_at((uint64_t)(uintptr_t)p) & mem_filter_mask];
}

#endif
