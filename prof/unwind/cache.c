/* Look-up and refill of the rule cache. Leaves the meaning of rules to the arch files. Signal-safe: no
 * allocation, no library call. */
#include "prof/unwind/cache.h"

#include "prof/unwind/arch_x86_64.h"
#include "prof/unwind/memory.h"
#include "prof/unwind/table_internal.h"

static const struct unwind_rule no_rule;

size_t unwind_cache_bytes(void)
{
	return sizeof(struct unwind_cache) +
	       UNWIND_CACHE_SETS * UNWIND_CACHE_WAYS * sizeof(struct unwind_entry);
}

void cache_clear(struct unwind_cache *cache, uint32_t generation, uint32_t sets)
{
	cache->generation = generation;
	cache->victim = 0;
	cache->mask = sets - 1;
	cache->module = NULL;
	for (uint32_t i = 0; i < sets * UNWIND_CACHE_WAYS; i++) {
		cache_entries(cache)[i] = (struct unwind_entry){0};
		__asm__ volatile("" ::: "memory"); /* no call of memset instead of this loop */
	}
}

const struct unwind_rule *cache_rule(const struct unwind_map *map,
				     const struct unwind_module **module, uint64_t address)
{
	const struct unwind_module *m = *module;

	if (!m || address - m->start >= m->end - m->start)
		*module = m = unwind_map_find(map, address);
	if (!m || !m->table)
		return &no_rule;
	return unwind_table_rule(m->table, address - m->bias);
}

/* Kept out of the loop of unwind(): it is the rare way. */
__attribute__((noinline)) struct unwind_entry *
cache_find(struct unwind_cache *cache, const struct unwind_map *map, uint64_t key)
{
	/* The multiplier is 2^64 / golden ratio; the upper bits are the mixed ones. */
	uint64_t set = key * 0x9e3779b97f4a7c15u >> 40 & cache->mask;
	const struct unwind_rule *rule;
	struct unwind_entry *e = &cache_entries(cache)[set * UNWIND_CACHE_WAYS];

	for (uint32_t i = 0; i < UNWIND_CACHE_WAYS; i++)
		if (e[i].key == key)
			return &e[i];
	e += cache->victim++ % UNWIND_CACHE_WAYS;
	rule = cache_rule(map, &cache->module, key);
	arch_pack(e, rule, cache->module, key);
	e->key = key;
	e->next = 0;
	return e;
}
