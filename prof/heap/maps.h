/* Address space by who asked for it: disjoint ranges in an ordered tree, split by partial munmap, mremap,
 * MAP_FIXED over what is there. Ranges of different calls are never joined, since each is a mapping that somebody
 * asked for. One lock of its own, taken by calls that are system calls anyway. Inside the target: nodes from
 * mapped memory; errno is kept by the caller.
 *
 * System calls and their notes are two things, and other threads come in between. What a call gives (mmap) is
 * noted after it: nobody else can have the addresses before the program learns of them. What a call takes away
 * (munmap, the old place of mremap) may be given to another thread before it is noted; so it is taken out before
 * the call, while the addresses are still the caller's own, and given a new place, or its old one, after it. */
#ifndef HEAP_MAPS_H
#define HEAP_MAPS_H

#include <stddef.h>

#include "prof/heap/format.h"

#define HEAP_MAPS_MAX (1u << 22) /* ranges, 48 bytes each */

struct heap_maps; /* zeroed memory is empty; heap_maps_bytes() of it, from heap_map() */
size_t heap_maps_bytes(void);

/* Told of every piece that a change takes away from a site, with the lock held: ranges 1; of every cut, which makes
 * one range two: bytes 0, ranges -1; and of every cut that is undone: bytes 0, ranges 1. */
typedef void heap_maps_lost(void *ctx, uint32_t site, uint64_t bytes, int ranges);

/* [start, start + bytes) belongs to `site` from now on. 0, -1: no memory (not noted; the caller counts it). What
 * is given up for want of memory elsewhere is told and counted here. */
int heap_maps_set(struct heap_head *head, struct heap_maps *m, uint64_t start, uint64_t bytes,
		  uint32_t site, heap_maps_lost *lost, void *ctx);

struct heap_maps_taken { /* ranges on their way */
	void *ranges;
	uint32_t resets;
};

/* What is known of [start, start + bytes) leaves the tree; it still belongs to its sites. */
void heap_maps_take(struct heap_head *head, struct heap_maps *m, uint64_t start, uint64_t bytes,
		    struct heap_maps_taken *taken, heap_maps_lost *lost, void *ctx);
/* Of what was taken, [from, from + bytes) is at `to` from now on, instead of what was there; the rest is lost: all
 * of it with bytes 0. Nothing happens if there was a reset in between. */
void heap_maps_give(struct heap_head *head, struct heap_maps *m, struct heap_maps_taken *taken,
		    uint64_t from, uint64_t to, uint64_t bytes, heap_maps_lost *lost, void *ctx);

uint64_t heap_maps_total(const struct heap_maps *m); /* what is on its way included */

/* Empty again; its memory is kept for what comes. In a forked child, whatever the other threads were at, or
 * when nobody else is in here. */
void heap_maps_reset(struct heap_maps *m);

#endif
