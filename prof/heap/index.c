/* The slow way from a stack to its site: a site is made, or, where there is no room for one, a coarser one is
 * taken: without the stage, without the thread, at last the shard's site of last resort. Guarded by the shard's
 * lock; sites of a file are handed out lock-free to all shards. */
#include "prof/heap/tables.h"

#include "prof/heap/tables_internal.h"

#define FIRST_BITS 10 /* 8 KiB: few pages for a thread that allocates in few places */
#define STAGE_BITS 13 /* of the set of stages: twice HEAP_STAGES_MAX */
#define SITE_MASK  ((UINT64_C(1) << HEAP_INDEX_SITE_BITS) - 1)
_Static_assert(HEAP_STAGES_MAX * 2 <= 1u << STAGE_BITS, "the set is at most half full");

static void put(uint64_t *entries, uint32_t shift, uint32_t mask, uint64_t entry)
{
	uint32_t at = (uint32_t)(entry >> shift);

	while (entries[at])
		at = (at + 1) & mask;
	entries[at] = entry;
}

/* Twice as large. An entry's place is told by its high bits, so the sites need not be looked at. */
static int grow(struct heap_head *head, struct heap_index *index)
{
	uint32_t n = index->entries ? (index->mask + 1) * 2 : 1u << FIRST_BITS;
	uint32_t shift = index->entries ? index->shift - 1 : 64 - FIRST_BITS;
	uint64_t *fresh = heap_map(head, n * sizeof *fresh);

	if (!fresh)
		return -1;
	for (uint32_t i = 0; index->entries && i <= index->mask; i++)
		if (index->entries[i])
			put(fresh, shift, n - 1, index->entries[i]);
	if (index->entries)
		heap_unmap(head, index->entries, (index->mask + 1) * sizeof *fresh);
	index->entries = fresh;
	index->mask = n - 1;
	index->shift = shift;
	return 0;
}

/* Room for one entry more. Half full at most, as long as there is memory; seven eighths without. */
static int index_room(struct heap_head *head, struct heap_index *index)
{
	uint32_t n = index->entries ? index->mask + 1 : 0;

	if (index->full)
		return -1;
	if (index->used < n / 2)
		return 0;
	/* Not asked for at each new site: a refusal tends to be repeated. */
	if ((n == 0 || index->used % 256 == 0) && grow(head, index) == 0)
		return 0;
	if (index->used < n / 8 * 7)
		return 0;
	index->full = 1;
	return -1;
}

/* A free site; 0: none. */
static uint32_t take_site(struct heap_head *head)
{
	uint32_t used = atomic_load_explicit(&head->sites_used, memory_order_relaxed);

	do {
		if (used >= head->sites_max ||
		    heap_file_room(head, HEAP_PART_SITES,
				   (uint64_t)(used + 1) * sizeof(struct heap_site)))
			return 0;
	} while (!atomic_compare_exchange_weak(&head->sites_used, &used, used + 1));
	return used;
}

static void fill(struct heap_head *head, uint32_t site, uint64_t hash, uint32_t stack,
		 const struct heap_site_key *key)
{
	struct heap_site *s = heap_site_at(head, site);

	s->shard = key->shard;
	atomic_store_explicit(&s->key, hash, memory_order_relaxed);
	atomic_store_explicit(&s->stage, key->stage, memory_order_relaxed);
	atomic_store_explicit(&s->stack, stack, memory_order_relaxed);
	atomic_store_explicit(&s->thread, key->thread, memory_order_relaxed);
	atomic_store_explicit(&s->kind, (uint32_t)key->kind, memory_order_release);
}

/* A new site with that key; 0: no room for it. */
static uint32_t make(struct heap_head *head, struct heap_index *index, uint32_t stack,
		     const struct heap_site_key *key, uint64_t hash)
{
	uint32_t site = index_room(head, index) ? 0 : take_site(head);

	if (!site)
		return 0;
	fill(head, site, hash, stack, key);
	put(index->entries, index->shift, index->mask, (hash & ~SITE_MASK) | site);
	index->used++;
	return site;
}

/* May this stage have sites of its own? */
static int admit(struct heap_head *head, struct heap_index *index, uint64_t stage)
{
	uint32_t mask = (1u << STAGE_BITS) - 1;
	uint32_t at = (uint32_t)((stage * 0x9e3779b97f4a7c15u) >> (64 - STAGE_BITS));

	if (stage == index->refused)
		return 0;
	if (!index->stages)
		index->stages = heap_map(head, sizeof(uint64_t) << STAGE_BITS);
	while (index->stages && index->stages[at]) {
		if (index->stages[at] == stage)
			return 1;
		at = (at + 1) & mask;
	}
	if (index->stages && index->n_stages < HEAP_STAGES_MAX) {
		index->stages[at] = stage;
		index->n_stages++;
		return 1;
	}
	index->refused = stage;
	return 0;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Is a site for all that the key says too much by the limits of format.h? */
static int too_fine(struct heap_head *head, struct heap_index *index,
		    const struct heap_site_key *key)
{
	uint32_t used = atomic_load_explicit(&head->sites_used, memory_order_relaxed);
	uint32_t max = head->sites_max;

	if (key->stage)
		return used >= lesser(max / 2, HEAP_SITES_STAGED) ||
		       !admit(head, index, key->stage);
	return key->thread && used >= lesser(max - max / 4, HEAP_SITES_THREADED);
}

static uint32_t last_resort(struct heap_head *head, const struct heap_site_key *key)
{
	uint32_t site = heap_site_last_resort(key->shard, key->kind);
	struct heap_site_key coarse = {.shard = key->shard, .kind = key->kind};

	if (!atomic_load_explicit(&heap_site_at(head, site)->kind, memory_order_relaxed))
		fill(head, site, 0, 0, &coarse);
	heap_loss(head, HEAP_LOSS_SITE_TABLE, 1);
	return site;
}

uint32_t heap_site_find_slow(struct heap_head *head, struct heap_index *index,
			     const struct heap_stack *stack, const struct heap_site_key *key,
			     int64_t now_ns)
{
	struct heap_site_key k = *key;
	uint32_t place = 0, asked = 0;

	for (;;) {
		uint64_t hash = heap_site_hash(stack->hash, &k);
		uint32_t site = heap_index_find(head, index, hash);

		if (!site && !too_fine(head, index, &k)) {
			if (!asked++)
				place = heap_stack_intern(head, stack, now_ns);
			if (place)
				site = make(head, index, place, &k, hash);
		}
		if (site) {
			if (k.stage != key->stage || k.thread != key->thread)
				heap_loss(head, HEAP_LOSS_FOLDED, 1);
			return site;
		}
		if (k.stage)
			k.stage = 0;
		else if (k.thread)
			k.thread = 0;
		else
			return last_resort(head, key);
	}
}

void heap_index_drop(struct heap_head *head, struct heap_index *index)
{
	if (index->entries)
		heap_unmap(head, index->entries, (index->mask + 1) * sizeof(uint64_t));
	heap_unmap(head, index->stages, sizeof(uint64_t) << STAGE_BITS);
	*index = (struct heap_index){0};
}
