/* Which blocks are live (full mode): a word for every 16 bytes of address space, in a radix tree whose
 * leaves are mapped when they are first needed. A block's word belongs to whoever holds the block, so
 * there is no lock: the program orders malloc, hand-over and free itself. Locality is the heap's own.
 *
 * Two trees: one of the granules' first halves (addresses that are multiples of 16), one of their second
 * halves, for allocators with classes of 8 bytes; the second costs nothing until it is needed. Whatever else
 * there is (blocks of 1 TiB and more, addresses that are no multiple of 8 or beyond 47 bits) is in a small
 * list beside the trees, with a lock that nothing else takes.
 *
 * A forked child sees an empty shadow, because leaves are mapped so that they are zero there; see
 * heap_shadow_fork_child(). Inside the target: no malloc. */
#ifndef HEAP_SHADOW_H
#define HEAP_SHADOW_H

#include <stddef.h>

#include "prof/heap/format.h"

/* What is known of a block. Sites (never 0) have 24 bits, sizes 40: larger blocks are in the list. */
struct heap_block {
	uint64_t bytes;
	uint32_t site;
};

#define HEAP_SITE_BITS 24

/* 47 bits of address = 12 top + 14 middle + 17 granule + 4. A leaf is 1 MiB for 2 MiB of heap: what a
 * program with little address space can spare. */
#define HEAP_SHADOW_TOP_BITS  12
#define HEAP_SHADOW_MID_BITS  14
#define HEAP_SHADOW_LEAF_BITS 17
#define HEAP_SHADOW_LIST      256 /* blocks beside the trees; more are not known */
#define HEAP_SHADOW_SLABS     128
#define HEAP_SHADOW_LEAF      (sizeof(uint64_t) << HEAP_SHADOW_LEAF_BITS) /* bytes */

struct heap_shadow_mid {
	_Atomic uint64_t *_Atomic leaf[1 << HEAP_SHADOW_MID_BITS];
};

struct heap_shadow_odd { /* a block beside the trees; address 0: free */
	uint64_t address, bytes;
	uint32_t site;
};

/* Zeroed memory is an empty one; memory that a child inherits (heap_map()). */
struct heap_shadow {
	struct heap_shadow_mid *_Atomic top[2 << HEAP_SHADOW_TOP_BITS];
	/* Address space that leaves are cut from: start | log2 of the number of leaves (in the 12 bits of a
	 * page), and how many of them are taken. */
	_Atomic uint64_t slabs[HEAP_SHADOW_SLABS];
	_Atomic uint32_t slab_used[HEAP_SHADOW_SLABS];
	_Atomic uint32_t n_slabs;
	_Atomic uint32_t unwiped;        /* there are slabs that a child would inherit */
	_Atomic uint64_t *_Atomic spare; /* a leaf that two made at once */
	_Atomic uint32_t list_lock, n_list;
	struct heap_shadow_odd list[HEAP_SHADOW_LIST];
};

static inline size_t heap_shadow_bytes(void)
{
	return sizeof(struct heap_shadow);
}

static inline uint8_t *heap_shadow_slab(const struct heap_shadow *s, uint32_t i, uint32_t *leaves)
{
	uint64_t slab = atomic_load_explicit(&s->slabs[i], memory_order_acquire);

	*leaves = slab ? 1u << (slab & 31) : 0;
	return (uint8_t *)(uintptr_t)(slab & ~UINT64_C(4095));
}

#define HEAP_SHADOW_SIZE_BITS 40
#define HEAP_SHADOW_SIZE_LIST ((UINT64_C(1) << HEAP_SHADOW_SIZE_BITS) - 1) /* it is in the list */

/* Place in `top` of an address that has a place in the trees. */
static inline uint32_t heap_shadow_top(uint64_t address)
{
	return (uint32_t)(address >> (3 + HEAP_SHADOW_MID_BITS + HEAP_SHADOW_LEAF_BITS) & ~1u) |
	       (address >> 3 & 1);
}

/* The word of an address, or NULL: there is no leaf (yet), or it cannot be in the trees. */
static inline _Atomic uint64_t *heap_shadow_word(const struct heap_shadow *s, uint64_t address)
{
	/* Rotated, bits that must not be set are all at the top. */
	uint64_t turned = address >> 3 | address << 61, granule = turned >> 1;
	const struct heap_shadow_mid *mid;
	_Atomic uint64_t *leaf;

	if (__builtin_expect(turned >> 44 != 0, 0))
		return NULL;
	mid = atomic_load_explicit(&s->top[heap_shadow_top(address)], memory_order_acquire);
	if (__builtin_expect(!mid, 0))
		return NULL;
	leaf = atomic_load_explicit(
		&mid->leaf[granule >> HEAP_SHADOW_LEAF_BITS & ((1u << HEAP_SHADOW_MID_BITS) - 1)],
		memory_order_acquire);
	return __builtin_expect(!leaf, 0) ? NULL
					  : leaf + (granule & ((1u << HEAP_SHADOW_LEAF_BITS) - 1));
}

/* The slow ways: shadow.c. */
int heap_shadow_set_slow(struct heap_head *head, struct heap_shadow *s, uint64_t address,
			 struct heap_block block, struct heap_block *before);
int heap_shadow_take_slow(struct heap_shadow *s, uint64_t address, struct heap_block *block,
			  int keep);

/* Sets the block that begins at `address`: 0; 1 if another one was known there, now in *before (nobody
 * saw it freed); -1: no memory for a leaf (nothing is set; the caller counts it). */
static inline int heap_shadow_set(struct heap_head *head, struct heap_shadow *s, uint64_t address,
				  struct heap_block block, struct heap_block *before)
{
	_Atomic uint64_t *word = heap_shadow_word(s, address);

	if (__builtin_expect(!word || block.bytes >= HEAP_SHADOW_SIZE_LIST ||
				     atomic_load_explicit(word, memory_order_relaxed),
			     0))
		return heap_shadow_set_slow(head, s, address, block, before);
	atomic_store_explicit(word, (uint64_t)block.site << HEAP_SHADOW_SIZE_BITS | block.bytes,
			      memory_order_relaxed);
	return 0;
}

/* Takes it out: 1 and *block, or 0: none begins there. Never maps memory. */
static inline int heap_shadow_take(struct heap_shadow *s, uint64_t address,
				   struct heap_block *block)
{
	_Atomic uint64_t *word = heap_shadow_word(s, address);
	uint64_t v = word ? atomic_load_explicit(word, memory_order_relaxed) : 0;

	block->bytes = v & HEAP_SHADOW_SIZE_LIST;
	block->site = (uint32_t)(v >> HEAP_SHADOW_SIZE_BITS);
	if (__builtin_expect(!word || block->bytes == HEAP_SHADOW_SIZE_LIST, 0))
		return heap_shadow_take_slow(s, address, block, 0);
	if (!v)
		return 0;
	atomic_store_explicit(word, 0, memory_order_relaxed);
	return 1;
}

/* The same without taking it. */
static inline int heap_shadow_get(struct heap_shadow *s, uint64_t address, struct heap_block *block)
{
	_Atomic uint64_t *word = heap_shadow_word(s, address);
	uint64_t v = word ? atomic_load_explicit(word, memory_order_relaxed) : 0;

	block->bytes = v & HEAP_SHADOW_SIZE_LIST;
	block->site = (uint32_t)(v >> HEAP_SHADOW_SIZE_BITS);
	if (__builtin_expect(!word || block->bytes == HEAP_SHADOW_SIZE_LIST, 0))
		return heap_shadow_take_slow(s, address, block, 1);
	return v != 0;
}

/* Forgets all blocks; its memory is kept for the next ones. Nobody else may be in here. */
void heap_shadow_clear(struct heap_shadow *s);
/* In a forked child: makes sure that the shadow is empty (with kernels since 4.14 it is already, except for
 * the list) and whole, whatever the other threads were at. */
void heap_shadow_fork_child(struct heap_shadow *s);

#endif
