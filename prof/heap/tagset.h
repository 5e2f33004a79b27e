/* The sampled blocks that are live: a filter of counters that tells nearly every free in one load that it
 * is none of them, and a table behind it. Lock-free; fixed size: what does not fit is refused. A forked child
 * sees it empty. An address belongs to whoever holds its block: calls for one address do not overlap, the
 * program orders them; calls for different ones may. Inside the target; signal-safe but for make and clear. */
#ifndef HEAP_TAGSET_H
#define HEAP_TAGSET_H

#include "prof/heap/shadow.h"

#define HEAP_FILTER_BITS 20 /* bytes of the filter: 1 MiB, of which little is touched */

struct heap_tagset;

/* For `live_max` blocks (at most 2^26); NULL: no memory. There is no end to it: handlers may hold it. */
struct heap_tagset *heap_tagset_make(struct heap_head *head, uint32_t live_max);
/* The filter: a block can only be in the set if filter[heap_filter_at(address)] is not 0. Stays where it
 * is. To be read by __atomic_load_n(…, __ATOMIC_RELAXED). */
uint8_t *heap_tagset_filter(struct heap_tagset *set);

/* A counter for each 64 bytes of address; what is 64 MiB away begins at another place (the golden ratio's
 * multiplier). So the filter's lines are as near each other as the blocks are: a program that frees what lies
 * in its cache keeps the filter there at 1/64 of that. */
static inline uint32_t heap_filter_at(uint64_t address)
{
	return (uint32_t)((address >> 6) + (address >> 26) * 0x9e3779b1u) &
	       ((1u << HEAP_FILTER_BITS) - 1);
}

/* 0; 1: another block was known there, now in *before (nobody saw it freed); -1: full (nothing is set). */
int heap_tagset_set(struct heap_tagset *set, uint64_t address, struct heap_block block,
		    struct heap_block *before);
/* 1 and *block; 0: not in the set. */
int heap_tagset_take(struct heap_tagset *set, uint64_t address, struct heap_block *block);
int heap_tagset_get(const struct heap_tagset *set, uint64_t address, struct heap_block *block);

/* Forgets all blocks. Nobody else may be in here. */
void heap_tagset_clear(struct heap_tagset *set);
/* In a forked child: makes sure that it is empty (with kernels since 4.14 it is already). */
void heap_tagset_fork_child(struct heap_tagset *set);

#endif
