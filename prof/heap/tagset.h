/* The sampled blocks that are live: a filter of counters that tells nearly every free in one load that it
 * is none of them, and an open-addressing table behind it. Lock-free; fixed size: what does not fit is
 * counted. Inside the target. */
#ifndef HEAP_TAGSET_H
#define HEAP_TAGSET_H

#include "prof/heap/shadow.h"

#define HEAP_FILTER_BITS 16 /* bytes of the filter: 64 KiB, of which a loop touches few lines */

struct heap_tagset;

/* `live_max` blocks at most; NULL: no memory. */
struct heap_tagset *heap_tagset_make(struct heap_head *head, uint32_t live_max);
/* The filter: a block can only be in the set if filter[heap_filter_at(address)] is not 0. */
uint8_t *heap_tagset_filter(struct heap_tagset *set);

static inline uint32_t heap_filter_at(uint64_t address)
{
	return (uint32_t)((address * 0x9e3779b97f4a7c15u) >> (64 - HEAP_FILTER_BITS));
}

/* 0; 1: another block was known there (*before); -1: full (nothing is set). */
int heap_tagset_set(struct heap_tagset *set, uint64_t address, struct heap_block block,
		    struct heap_block *before);
int heap_tagset_take(struct heap_tagset *set, uint64_t address, struct heap_block *block);
int heap_tagset_get(const struct heap_tagset *set, uint64_t address, struct heap_block *block);

#endif
