/* The cache of rules of one thread: for each look-up address met before the short form of its rule and
 * the place of the caller's entry seen last. Sets of four entries fill a cache line each. Signal-safe;
 * a handler that interrupts another one's use of the same cache is the owner's business. Private to
 * prof/unwind. */
#ifndef UNWIND_CACHE_H
#define UNWIND_CACHE_H

#include <stdint.h>

#include "prof/unwind/unwind.h"

enum unwind_entry_kind {
	UNWIND_ENTRY_SPECIAL = 0, /* also that of zeroed memory: the way round by arch_step() */
	UNWIND_ENTRY_SP,          /* CFA = sp + cfa_off */
	UNWIND_ENTRY_BP,          /* CFA = bp + cfa_off */
	UNWIND_ENTRY_ROOT,        /* the outermost frame */
	UNWIND_ENTRY_REALIGNED,   /* CFA = *(bp + cfa_off), and bp is saved where it points to */
};

/* Of SP and BP the caller may rely on this: cfa_off is at least 8, and where bp is saved is not inside
 * of the register that the CFA counts from, nor as far out as the return address. */
struct unwind_entry { /* 16 bytes */
	uint64_t key;
	int32_t cfa_off;
	int8_t bp; /* where bp is saved, units of 8 bytes from the CFA; 0: unchanged */
	uint8_t kind;
	uint16_t next; /* byte offset of the caller's entry in the entries */
};

#define UNWIND_CACHE_WAYS 4
#define UNWIND_CACHE_SETS 256

struct unwind_cache { /* one line, and its sets follow */
	uint32_t generation, victim;
	uint64_t mask;                      /* number of sets - 1 */
	const struct unwind_module *module; /* where the last rule came from */
	uint8_t pad[40];
};

static inline struct unwind_entry *cache_entries(struct unwind_cache *cache)
{
	return (struct unwind_entry *)(cache + 1);
}

/* What stands in for a cache that the caller does not give: one set. */
struct unwind_no_cache {
	struct unwind_cache cache;
	struct unwind_entry entries[UNWIND_CACHE_WAYS];
};

void cache_clear(struct unwind_cache *cache, uint32_t generation, uint32_t sets);

/* Forgets everything if the map is another one than before. `sets`: how many the memory has. */
static inline void cache_check(struct unwind_cache *cache, const struct unwind_map *map,
			       uint32_t sets)
{
	if (__builtin_expect(cache->generation != map->generation, 0))
		cache_clear(cache, map->generation, sets);
}

/* The entry of `key`, made if it is not there. Never NULL. */
struct unwind_entry *cache_find(struct unwind_cache *cache, const struct unwind_map *map,
				uint64_t key);

/* The rule at an address by the table of its module; the empty rule where there is none. *module may
 * hold a guess and is set to the module or NULL. */
const struct unwind_rule *cache_rule(const struct unwind_map *map,
				     const struct unwind_module **module, uint64_t address);

#endif
