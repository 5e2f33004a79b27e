/* Walking the same thread's stack again and again from calls (not from signals): what the walks before
 * found is checked instead of walked. A frame is known unchanged when its stack pointer and pc are those of
 * a remembered one and every saved return address (and saved frame pointer that a rule needs) from there
 * outwards still holds the remembered value; nothing on the stack is ever changed. Frames whose rules are
 * not plain (signal frames, expressions) are walked every time.
 *
 * The hash of a stack is a polynomial of its addresses: H(k) = mix(a[k]) + K * H(k + 1), so that the hash
 * of an unchanged outer part is reused. Same addresses, same hash, whatever was reused.
 *
 * Safety as unwind(): no allocation, no lock; one user at a time. */
#ifndef UNWIND_TRAIL_H
#define UNWIND_TRAIL_H

#include "prof/unwind/unwind.h"

struct unwind_trail; /* zeroed memory is an empty one; aligned to 64 */
size_t unwind_trail_bytes(uint32_t depth_max);
void unwind_trail_init(struct unwind_trail *t, uint32_t depth_max);

struct unwind_trail_result {
	const uint64_t *
		addresses; /* look-up addresses as unwind() writes them, innermost first; valid until
	                              the next walk */
	uint64_t hash;
	uint32_t n, guessed;
	uint32_t reused; /* of them taken over from walks before */
	enum unwind_end end;
};

/* `ip` is a return address (the caller of an allocation function), `sp` the stack pointer after the return,
 * `bp` the caller's frame pointer. Other registers are not known: a rule that needs one ends the walk. The
 * stack between sp and memory->hi must be the calling thread's own. */
void unwind_trail_walk(struct unwind_trail *t, uint64_t ip, uint64_t sp, uint64_t bp,
		       struct unwind_memory *memory, const struct unwind_map *map,
		       struct unwind_cache *cache, struct unwind_trail_result *result);

#endif
