/* Each address has two buckets of eight places and goes into the emptier one; with two choices, buckets that
 * are half full on average practically never overflow (M. Mitzenmacher, The power of two choices in
 * randomized load balancing, 2001). Nothing ever moves and a place that is given up is simply free: no
 * tombstones, no chains, and who is not there is known after two lines of memory.
 *
 * A place is claimed by setting its address from 0, and free again by setting it to 0, which releases what was
 * written beside it to the next one. What is beside it is touched by its holder alone. */
#include "prof/heap/tagset.h"

#include "prof/heap/tables.h"

#define WAYS         8 /* addresses in a line of 64 bytes */
#define LIVE_MAX     (1u << 26)
#define SATURATED    255 /* a counter that came here is not to be trusted any more, and stays */
#define FILTER_BYTES ((size_t)1 << HEAP_FILTER_BITS)

struct bucket {
	_Atomic uint64_t address[WAYS];
};

struct rest { /* relaxed atomics for the eyes of race detectors; the place's address orders them */
	_Atomic uint64_t bytes;
	_Atomic uint32_t site;
};

struct heap_tagset {
	struct bucket *buckets;
	struct rest *rests; /* WAYS for each bucket */
	uint8_t *filter;
	uint32_t shift; /* of a hash: 64 - log2 of the number of buckets */
	int wiped;      /* by the kernel in a forked child */
};

static size_t n_buckets(const struct heap_tagset *set)
{
	return (size_t)1 << (64 - set->shift);
}

/* Live blocks fill at most half of it. */
static uint32_t shift_for(uint32_t live_max)
{
	uint32_t shift = 63;

	if (live_max > LIVE_MAX)
		live_max = LIVE_MAX;
	while ((UINT64_C(1) << (64 - shift)) * WAYS < UINT64_C(2) * live_max)
		shift--;
	return shift;
}

struct heap_tagset *heap_tagset_make(struct heap_head *head, uint32_t live_max)
{
	struct heap_tagset *set = heap_map(head, sizeof *set);
	size_t buckets, rests;
	int wiped[3] = {0};

	if (!set)
		return NULL;
	set->shift = shift_for(live_max);
	buckets = n_buckets(set) * sizeof *set->buckets;
	rests = n_buckets(set) * WAYS * sizeof *set->rests;
	set->buckets = heap_map_wiped(head, buckets, &wiped[0]);
	set->rests = heap_map_wiped(head, rests, &wiped[1]);
	set->filter = heap_map_wiped(head, FILTER_BYTES, &wiped[2]);
	set->wiped = wiped[0] && wiped[1] && wiped[2];
	if (set->buckets && set->rests && set->filter)
		return set;
	heap_unmap(head, set->buckets, buckets);
	heap_unmap(head, set->rests, rests);
	heap_unmap(head, set->filter, FILTER_BYTES);
	heap_unmap(head, set, sizeof *set);
	return NULL;
}

uint8_t *heap_tagset_filter(struct heap_tagset *set)
{
	return set->filter;
}

/* ---- the filter */

static void filter_add(struct heap_tagset *set, uint64_t address)
{
	uint8_t *at = &set->filter[heap_filter_at(address)];
	uint8_t now = __atomic_load_n(at, __ATOMIC_RELAXED);

	while (now != SATURATED && !__atomic_compare_exchange_n(at, &now, (uint8_t)(now + 1), 1,
								__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void filter_remove(struct heap_tagset *set, uint64_t address)
{
	uint8_t *at = &set->filter[heap_filter_at(address)];
	uint8_t now = __atomic_load_n(at, __ATOMIC_RELAXED);

	while (now != SATURATED && now != 0 &&
	       !__atomic_compare_exchange_n(at, &now, (uint8_t)(now - 1), 1, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
}

/* ---- the table */

/* Multipliers: the golden ratio's, and one of xxHash's primes. The second bucket is never the first. */
static void choices(const struct heap_tagset *set, uint64_t address, size_t at[2])
{
	uint64_t h = (address ^ address >> 29) * 0x9e3779b97f4a7c15u;

	at[0] = (size_t)(h >> set->shift);
	h = (h ^ h >> 32) * 0xc2b2ae3d27d4eb4fu;
	at[1] = (size_t)(h >> set->shift);
	if (at[1] == at[0])
		at[1] ^= 1;
}

/* The place that holds the address, or -1. */
static int64_t find(const struct heap_tagset *set, uint64_t address)
{
	size_t at[2];

	choices(set, address, at);
	for (int c = 0; c < 2; c++)
		for (uint32_t i = 0; i < WAYS; i++)
			if (atomic_load_explicit(&set->buckets[at[c]].address[i],
						 memory_order_relaxed) == address)
				return (int64_t)(at[c] * WAYS + i);
	return -1;
}

static uint32_t room(struct bucket *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < WAYS; i++)
		n += atomic_load_explicit(&b->address[i], memory_order_relaxed) == 0;
	return n;
}

static int claim_in(struct bucket *b, uint64_t address)
{
	for (int i = 0; i < WAYS; i++) {
		uint64_t none = 0;

		if (atomic_load_explicit(&b->address[i], memory_order_relaxed) == 0 &&
		    atomic_compare_exchange_strong_explicit(&b->address[i], &none, address,
							    memory_order_acquire,
							    memory_order_relaxed))
			return i;
	}
	return -1;
}

static int64_t claim(struct heap_tagset *set, uint64_t address)
{
	size_t at[2];
	int first, i;

	choices(set, address, at);
	first = room(&set->buckets[at[1]]) > room(&set->buckets[at[0]]);
	i = claim_in(&set->buckets[at[first]], address);
	if (i >= 0)
		return (int64_t)(at[first] * WAYS) + i;
	i = claim_in(&set->buckets[at[!first]], address);
	return i < 0 ? -1 : (int64_t)(at[!first] * WAYS) + i;
}

static struct heap_block rest_of(const struct heap_tagset *set, int64_t place)
{
	const struct rest *r = &set->rests[place];

	return (struct heap_block){atomic_load_explicit(&r->bytes, memory_order_relaxed),
				   atomic_load_explicit(&r->site, memory_order_relaxed)};
}

static void put(struct heap_tagset *set, int64_t place, struct heap_block block)
{
	struct rest *r = &set->rests[place];

	atomic_store_explicit(&r->bytes, block.bytes, memory_order_relaxed);
	atomic_store_explicit(&r->site, block.site, memory_order_relaxed);
}

int heap_tagset_set(struct heap_tagset *set, uint64_t address, struct heap_block block,
		    struct heap_block *before)
{
	int64_t place = find(set, address);

	if (place >= 0) {
		*before = rest_of(set, place);
		put(set, place, block);
		return 1;
	}
	place = claim(set, address);
	if (place < 0)
		return -1;
	put(set, place, block);
	filter_add(set, address);
	return 0;
}

int heap_tagset_take(struct heap_tagset *set, uint64_t address, struct heap_block *block)
{
	int64_t place = find(set, address);

	if (place < 0)
		return 0;
	*block = rest_of(set, place);
	filter_remove(set, address);
	atomic_store_explicit(&set->buckets[place / WAYS].address[place % WAYS], 0,
			      memory_order_release);
	return 1;
}

int heap_tagset_get(const struct heap_tagset *set, uint64_t address, struct heap_block *block)
{
	int64_t place = find(set, address);

	if (place < 0)
		return 0;
	*block = rest_of(set, place);
	return 1;
}

void heap_tagset_clear(struct heap_tagset *set)
{
	heap_wipe(set->filter, FILTER_BYTES);
	heap_wipe(set->buckets, n_buckets(set) * sizeof *set->buckets);
	heap_wipe(set->rests, n_buckets(set) * WAYS * sizeof *set->rests);
}

void heap_tagset_fork_child(struct heap_tagset *set)
{
	if (!set->wiped)
		heap_tagset_clear(set);
}
