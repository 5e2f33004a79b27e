/* The tables of a heap file as the target fills them: file (file.c), rows of threads and stacks (stacks.c),
 * sites and the index of sites that each shard keeps beside it (index.c), memory of our own (own.c). Inside
 * the target: no malloc, no libc lock; memory by mmap; errno is kept by the caller.
 * A shard's index is guarded by the shard's lock (peak.h); everything else here is lock-free.
 *
 * Fork: anonymous memory from heap_map() is copied; memory from heap_map_wiped() reads as zeros in the child,
 * whatever way it came to be. The file is shared with the parent until heap_file_drop(): a child must not
 * book anything before. */
#ifndef HEAP_TABLES_H
#define HEAP_TABLES_H

#include <stddef.h>

#include "prof/base/err.h"
#include "prof/heap/format.h"
#include "prof/heap/sampler.h"

/* Makes and maps the file; one at a time in a process. Sizes 0: the limits of format.h, or less where
 * RLIMIT_AS or RLIMIT_FSIZE ask for it. 0, ERR_EXISTS (there is one already), ERR_IO (no space), ERR_LIMIT
 * (limit on file sizes), ERR_NOMEM. heap_file_describe() completes it. */
int heap_file_make(struct heap_head **out, const char *path, uint32_t sites_max,
		   uint64_t stacks_bytes, struct err *err);
/* Unmaps it, in the process that made it or in a forked child; the file stays. Every index of it must be
 * dropped too. Nobody may be in here, nor look at the head, any more. */
void heap_file_drop(struct heap_head *head);

/* Says what the sums mean; the mode is written last, and readers take a file without one as not there yet. */
static inline void heap_file_describe(struct heap_head *head, enum heap_mode mode,
				      uint64_t rate_bytes, uint32_t temporary, uint32_t image)
{
	head->count_unit = mode == HEAP_SAMPLED ? HEAP_COUNT_UNIT_SAMPLED : 1;
	head->rate_bytes = rate_bytes;
	head->copy_rate_bytes = heap_copy_rate(rate_bytes);
	head->temporary = temporary;
	head->image = image;
	__atomic_store_n(&head->mode, (uint32_t)mode, __ATOMIC_RELEASE);
}

static inline struct heap_site *heap_site_at(const struct heap_head *head, uint32_t index)
{
	return (struct heap_site *)((uintptr_t)head + head->sites_offset) + index;
}

/* A row for a thread; 0: none left (counted). Signal-safe, lock-free. */
uint32_t heap_thread_row_add(struct heap_head *head, int tid, int64_t now_ns);

struct heap_stack {    /* a walk's result */
	uint64_t hash; /* of the addresses, and of what else tells stacks apart */
	const uint64_t
		*addresses; /* borrowed, the innermost first; NULL: heap_stack_ask() has them */
	uint32_t n, flags;  /* flags: enum spool_sample_flags */
};

/* Most stacks are known by their hash, and nobody wants their addresses: who walks may keep them until asked,
 * in the thread that made the stack and while it is still in the call that did. */
extern const uint64_t *(*heap_stack_ask)(const struct heap_stack *stack);

/* The stack's place in units of 8 bytes, the same for the same hash; 0: no room (counted). Any thread;
 * lock-free: two that come at once may each write the stack, which is harmless. Counts stacks that are cut
 * or end early (HEAP_LOSS_TRUNCATED, HEAP_LOSS_NO_UNWIND), once per stack, by their flags: no one else
 * does. */
uint32_t heap_stack_intern(struct heap_head *head, const struct heap_stack *stack, int64_t now_ns);

/* One shard's index: (stack, stage, kind, thread) to site. Zeroed memory is an empty one. An entry is the
 * high 44 bits of the key and, below, the site; the site knows the whole key. */
struct heap_index {
	uint64_t *entries; /* owned, mapped; a power of two of them; NULL: empty */
	uint64_t *stages;  /* owned, mapped: set of stages with sites of their own */
	uint64_t refused;  /* a stage that found that set full */
	uint32_t shift;    /* of the key: to its place in entries */
	uint32_t mask, used, n_stages;
	uint32_t
		full; /* no memory for a larger one: everything new goes to the site of last resort */
};

struct heap_site_key {
	uint64_t stage;
	uint32_t thread,
		shard; /* the thread is part of the key: shards are shared when there are many */
	enum heap_site_kind kind;
};

#define HEAP_INDEX_SITE_BITS 20
_Static_assert(HEAP_SITES_MAX <= 1u << HEAP_INDEX_SITE_BITS, "a site fits into an entry");

/* Never 0. Odd constants: the golden ratio's and two of xxHash's primes. */
static inline uint64_t heap_site_hash(uint64_t stack, const struct heap_site_key *key)
{
	uint64_t h = stack + key->stage * 0x9e3779b97f4a7c15u +
		     ((uint64_t)key->thread << 2 | (uint64_t)key->kind) * 0xc2b2ae3d27d4eb4fu;

	h ^= h >> 32;
	h *= 0x165667b19e3779f9u;
	h ^= h >> 29;
	return h ? h : 1;
}

/* heap_site_find() when the fast way found nothing: index.c. */
uint32_t heap_site_find_slow(struct heap_head *head, struct heap_index *index,
			     const struct heap_stack *stack, const struct heap_site_key *key,
			     int64_t now_ns);

/* The site with that key, or 0. */
static inline uint32_t heap_index_find(const struct heap_head *head, const struct heap_index *index,
				       uint64_t hash)
{
	const uint64_t *entries = index->entries;

	if (__builtin_expect(!entries, 0))
		return 0;
	for (uint32_t at = (uint32_t)(hash >> index->shift);; at = (at + 1) & index->mask) {
		uint64_t entry = entries[at];
		uint32_t site = (uint32_t)entry & ((1u << HEAP_INDEX_SITE_BITS) - 1);

		if ((entry ^ hash) >> HEAP_INDEX_SITE_BITS == 0 &&
		    atomic_load_explicit(&heap_site_at(head, site)->key, memory_order_relaxed) ==
			    hash)
			return site;
		if (!entry)
			return 0;
	}
}

/* The site of a stack, made if there is none; never fails: what has no room goes to a coarser site, in the
 * end to the shard's site of last resort (counted). The caller holds the lock of shard key->shard, which is
 * the shard of the site, too. */
static inline uint32_t heap_site_find(struct heap_head *head, struct heap_index *index,
				      const struct heap_stack *stack,
				      const struct heap_site_key *key, int64_t now_ns)
{
	uint32_t site = heap_index_find(head, index, heap_site_hash(stack->hash, key));

	return __builtin_expect(site != 0, 1)
		       ? site
		       : heap_site_find_slow(head, index, stack, key, now_ns);
}

/* Gives the index's memory back, when its file goes (in a forked child too); it is empty then. */
void heap_index_drop(struct heap_head *head, struct heap_index *index);

/* Anonymous memory of our own, zeroed, named and noted in heap_head.own; NULL: none. Never unmapped but by
 * heap_unmap(). `head` may be NULL: what there is without a file is noted in the next one made. */
void *heap_map(struct heap_head *head, size_t bytes);
void heap_unmap(struct heap_head *head, void *p, size_t bytes);
/* The same, but zeroed in every forked child. *wiped (may be NULL) is 0 where the kernel cannot (before Linux
 * 4.14): heap_wipe() does it then. */
void *heap_map_wiped(struct heap_head *head, size_t bytes, int *wiped);
void heap_wipe(void *p, size_t bytes);
/* Notes memory that came from elsewhere (a file's mapping) as our own, and takes it out again. Whole pages.
 * Lock-free. */
void heap_own_add(struct heap_head *head, const void *p, size_t bytes);
void heap_own_remove(struct heap_head *head, const void *p);
uint64_t heap_own_bytes(void); /* address space that is noted as ours */
/* Told before that much more is mapped; NULL: nobody. */
extern void (*heap_maps_more)(size_t bytes);

void heap_loss(struct heap_head *head, enum heap_loss loss, uint64_t n);

#endif
