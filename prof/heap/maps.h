/* Address space by who asked for it: disjoint ranges in an ordered tree, split by partial munmap, mremap,
 * MAP_FIXED over what is there; never joined, since each is a mapping that somebody asked for. One lock of
 * its own, taken by calls that are system calls anyway. Inside the target: nodes from mapped memory; errno is
 * kept by the caller.
 *
 * System calls and their notes are two things, and other threads come in between. What takes away (munmap, the
 * old place of mremap) is noted after the call, when it is known to have worked; by then the same addresses may
 * have been given to another thread, and noted. So every range has a number, in the order of notes, and
 * heap_maps_now() read before the call tells what is older than it. What gives (mmap, the new place) is noted
 * before the program learns of the address. */
#ifndef HEAP_MAPS_H
#define HEAP_MAPS_H

#include <stddef.h>

#include "prof/heap/format.h"

#define HEAP_MAPS_MAX (1u << 22) /* ranges, 48 bytes each */
#define HEAP_MAPS_ALL UINT64_MAX /* older than any time */

struct heap_maps; /* zeroed memory is empty; heap_maps_bytes() of it, from heap_map() */
size_t heap_maps_bytes(void);

/* Told of every piece that a change takes away from a site, with the lock held; and of every cut, which makes
 * one range two: bytes 0, ranges -1. */
typedef void heap_maps_lost(void *ctx, uint32_t site, uint64_t bytes, int ranges);

/* The number of the last note. */
uint64_t heap_maps_now(const struct heap_maps *m);

/* [start, start + bytes) belongs to `site` from now on. 0, -1: no memory (not noted; the caller counts it). What
 * is given up for want of memory elsewhere is told and counted here. */
int heap_maps_set(struct heap_head *head, struct heap_maps *m, uint64_t start, uint64_t bytes,
		  uint32_t site, heap_maps_lost *lost, void *ctx);
void heap_maps_clear(struct heap_head *head, struct heap_maps *m, uint64_t start, uint64_t bytes,
		     heap_maps_lost *lost, void *ctx);
/* Moves what is known of [old, old + bytes) to `start`; pieces keep their sites. */
int heap_maps_move(struct heap_head *head, struct heap_maps *m, uint64_t old, uint64_t start,
		   uint64_t bytes, heap_maps_lost *lost, void *ctx);
/* The same for what was noted up to `before`. */
void heap_maps_clear_before(struct heap_head *head, struct heap_maps *m, uint64_t before,
			    uint64_t start, uint64_t bytes, heap_maps_lost *lost, void *ctx);
int heap_maps_move_before(struct heap_head *head, struct heap_maps *m, uint64_t before,
			  uint64_t old, uint64_t start, uint64_t bytes, heap_maps_lost *lost,
			  void *ctx);
uint64_t heap_maps_total(const struct heap_maps *m);

/* Empty again; its memory is kept for what comes. In a forked child, whatever the other threads were at, or
 * when nobody else is in here. */
void heap_maps_reset(struct heap_maps *m);

#endif
