/* The stack of a call: walked, and its hash. Signal-safe: no allocation, no lock, no library call. */
#include "prof/unwind/trail.h"

struct unwind_trail {
	uint32_t depth_max;
	uint64_t addresses[];
};

size_t unwind_trail_bytes(uint32_t depth_max)
{
	return sizeof(struct unwind_trail) + depth_max * sizeof(uint64_t);
}

void unwind_trail_init(struct unwind_trail *t, uint32_t depth_max)
{
	t->depth_max = depth_max;
}

/* splitmix64, by Sebastiano Vigna. */
static uint64_t factor(uint32_t place)
{
	uint64_t z = (place + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) | 1;
}

uint64_t unwind_trail_hash(const uint64_t *addresses, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += addresses[i] * factor(n - 1 - i);
	sum = (sum ^ sum >> 32) * 0x9fb21c651e98df25u;
	return sum ^ sum >> 29;
}

void unwind_trail_walk(struct unwind_trail *t, uint64_t ip, uint64_t sp, uint64_t bp,
		       struct unwind_memory *memory, const struct unwind_map *map,
		       struct unwind_cache *cache, struct unwind_trail_result *result)
{
	struct unwind_regs regs;
	struct unwind_result r;

	regs.reg[UNWIND_IP] = ip;
	regs.reg[UNWIND_SP] = sp;
	regs.reg[UNWIND_BP] = bp;
	regs.known = 1u << UNWIND_IP | 1u << UNWIND_SP | 1u << UNWIND_BP | UNWIND_IP_IS_RETURN;
	r = unwind(&regs, memory, map, cache, t->addresses, t->depth_max);
	result->addresses = t->addresses;
	result->hash = unwind_trail_hash(t->addresses, r.n);
	result->n = r.n;
	result->guessed = r.guessed;
	result->reused = 0;
	result->end = r.end;
}
