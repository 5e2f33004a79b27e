/* Walking the same thread's stack again and again from calls (not from signals): what the walks before
 * found is checked instead of walked; nothing on the stack is ever changed. What is remembered, and why it
 * may be relied on, is said in trail.c.
 *
 * The hash of a stack is made of sums of its addresses, each times a constant of its own. Same addresses, same
 * hash, whatever was remembered; two different stacks have the same one by chance alone (2^-60).
 *
 * Safety as unwind(): no allocation, no lock; one user at a time. A walk that never came to its end (the
 * program jumped out of a signal handler that had interrupted it) is noticed by the next one. */
#ifndef UNWIND_TRAIL_H
#define UNWIND_TRAIL_H

#include "prof/unwind/unwind.h"

#define UNWIND_TRAIL_DEPTH_MAX 512 /* at most, of one walk */

struct unwind_trail; /* zeroed memory, then unwind_trail_init(); aligned to 64 */
size_t unwind_trail_bytes(uint32_t depth_max);
void unwind_trail_init(struct unwind_trail *t, uint32_t depth_max);

struct unwind_trail_result {
	uint64_t hash;
	uint32_t n, guessed;
	uint32_t reused; /* of them taken over from walks before */
	enum unwind_end end;
};

/* `ip` is a return address (the caller of an allocation function), `sp` the stack pointer after the return,
 * `bp` the caller's frame pointer. Other registers are not known: a rule that needs one ends the walk. With
 * memory->base at memory->lo, what lies between sp and memory->hi must be the calling thread's own stack;
 * any other memory (base elsewhere, sp outside) is walked without use of what is remembered. */
void unwind_trail_walk(struct unwind_trail *t, uint64_t ip, uint64_t sp, uint64_t bp,
		       struct unwind_memory *memory, const struct unwind_map *map,
		       struct unwind_cache *cache, struct unwind_trail_result *result);

/* Look-up addresses of the last walk, as unwind() writes them, the innermost first; while the frames it went
 * through are still there (they are read once more), until the next walk. Most walks lead to a stack that was
 * met before, and nobody wants its addresses. */
const uint64_t *unwind_trail_addresses(struct unwind_trail *t);

/* The hash of any stack of at most UNWIND_TRAIL_DEPTH_MAX addresses. */
uint64_t unwind_trail_hash(const uint64_t *addresses, uint32_t n);

#endif
