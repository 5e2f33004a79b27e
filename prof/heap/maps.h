/* Address space by who asked for it: disjoint ranges in an ordered tree, split and joined by partial
 * munmap, mremap, MAP_FIXED over what is there. One lock of its own, taken by calls that are system calls
 * anyway. Inside the target: nodes from mapped memory. */
#ifndef HEAP_MAPS_H
#define HEAP_MAPS_H

#include <stddef.h>

#include "prof/heap/format.h"

struct heap_maps; /* zeroed memory is empty; heap_maps_bytes() of it */
size_t heap_maps_bytes(void);

/* Told of every piece that a change takes away from a site. */
typedef void heap_maps_lost(void *ctx, uint32_t site, uint64_t bytes);

/* [start, start + bytes) belongs to `site` from now on. 0, -1: no memory (not noted). */
int heap_maps_set(struct heap_head *head, struct heap_maps *m, uint64_t start, uint64_t bytes,
		  uint32_t site, heap_maps_lost *lost, void *ctx);
void heap_maps_clear(struct heap_head *head, struct heap_maps *m, uint64_t start, uint64_t bytes,
		     heap_maps_lost *lost, void *ctx);
/* Moves what is known of [old, old + bytes) to `start`; pieces keep their sites. */
int heap_maps_move(struct heap_head *head, struct heap_maps *m, uint64_t old, uint64_t start,
		   uint64_t bytes, heap_maps_lost *lost, void *ctx);
uint64_t heap_maps_total(const struct heap_maps *m);

#endif
