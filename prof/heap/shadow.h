/* Which blocks are live (full mode): a word for every 16 bytes of address space, in a radix tree whose
 * leaves are mapped when they are first needed. A block's word belongs to whoever holds the block, so
 * there is no lock: the program orders malloc, hand-over and free itself. Locality is the heap's own.
 * Addresses are multiples of 8; two live blocks in one granule of 16 bytes (allocators with classes of
 * 8 bytes) are told apart: see shadow.c. Inside the target: no malloc, no lock. */
#ifndef HEAP_SHADOW_H
#define HEAP_SHADOW_H

#include <stddef.h>

#include "prof/heap/format.h"

/* What is known of a block. Sites have 24 bits, sizes 40: larger blocks are in a side list. */
struct heap_block {
	uint64_t bytes;
	uint32_t site;
};

#define HEAP_SITE_BITS 24

struct heap_shadow; /* zeroed memory is an empty one; heap_shadow_bytes() of it */
size_t heap_shadow_bytes(void);

/* Sets the block that begins at `address`: 0; 1 if another one was known there, now in *before (nobody
 * saw it freed); -1: no memory for a leaf (nothing is set). */
int heap_shadow_set(struct heap_head *head, struct heap_shadow *s, uint64_t address,
		    struct heap_block block, struct heap_block *before);
/* Takes it out: 1 and *block, or 0: none begins there. Never maps memory. */
int heap_shadow_take(struct heap_shadow *s, uint64_t address, struct heap_block *block);
/* The same without taking it. */
int heap_shadow_get(struct heap_shadow *s, uint64_t address, struct heap_block *block);

#endif
