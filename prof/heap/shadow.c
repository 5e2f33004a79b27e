/* The shadow's slow ways: leaves and the tables above them are made, lock-free (who comes second takes the
 * other's); blocks that have no place in the trees are listed. System calls by number, as in own.c. */
#include "prof/heap/shadow.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/heap/tables.h"

#define SLAB_FIRST 2u  /* log2 of leaves: 8 MiB of heap */
#define SLAB_MOST  24u /* likewise: 16 TiB of addresses, more than the kernel gives */

/* ---- leaves */

/* log2 of the leaves of the next slab: a quarter of what there is, so that few mappings (no more than
 * HEAP_SHADOW_SLABS for a heap of a TiB) and little unused address space are both had. An eighth, from a single
 * leaf on, where address space is limited. */
static uint32_t next_slab(const struct heap_shadow *s, uint32_t n)
{
	uint32_t total = 0, leaves, least = SLAB_FIRST, share = 2;
	struct rlimit r;

	if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY) {
		least = 0;
		share = 3;
	}
	for (uint32_t i = 0; i < n; i++) {
		(void)heap_shadow_slab(s, i, &leaves);
		total += leaves;
	}
	while (least < SLAB_MOST && 2u << least <= total >> share)
		least++;
	return least;
}

/* Slab number n is there afterwards, ours or another's: 0; -1: no memory. */
static int slab_add(struct heap_head *head, struct heap_shadow *s, uint32_t n)
{
	uint64_t none = 0;
	uint32_t want;
	int wiped = 1;
	void *p;

	if (n >= HEAP_SHADOW_SLABS)
		return -1;
	if (atomic_load(&s->slabs[n]) == 0) {
		want = next_slab(s, n);
		while (!(p = heap_map_wiped(head, HEAP_SHADOW_LEAF << want, &wiped)) && want > 0)
			want--;
		if (!p)
			return -1;
		if (!wiped)
			atomic_store(&s->unwiped, 1);
		if (!atomic_compare_exchange_strong(&s->slabs[n], &none,
						    (uint64_t)(uintptr_t)p | want))
			heap_unmap(head, p, HEAP_SHADOW_LEAF << want);
	}
	/* Whoever sees the slab counts it: nobody waits for him who made it. */
	(void)atomic_compare_exchange_strong(&s->n_slabs, &n, n + 1);
	return 0;
}

static _Atomic uint64_t *leaf_cut(struct heap_head *head, struct heap_shadow *s)
{
	for (;;) {
		uint32_t n = atomic_load(&s->n_slabs), leaves = 0, i;
		uint8_t *start = n ? heap_shadow_slab(s, n - 1, &leaves) : NULL;

		if (n && atomic_load(&s->slab_used[n - 1]) < leaves) {
			i = atomic_fetch_add(&s->slab_used[n - 1], 1);
			if (i < leaves)
				return (_Atomic uint64_t *)(start + i * HEAP_SHADOW_LEAF);
		} else if (slab_add(head, s, n)) {
			return NULL;
		}
	}
}

static struct heap_shadow_mid *mid_of(struct heap_head *head, struct heap_shadow *s,
				      uint64_t address)
{
	struct heap_shadow_mid *_Atomic *place = &s->top[heap_shadow_top(address)];
	struct heap_shadow_mid *mid = atomic_load_explicit(place, memory_order_acquire), *fresh;

	if (mid)
		return mid;
	fresh = heap_map(head, sizeof *fresh);
	if (!fresh || atomic_compare_exchange_strong(place, &mid, fresh))
		return fresh;
	heap_unmap(head, fresh, sizeof *fresh);
	return mid;
}

/* The word of an address that can be in the trees, its leaf made if need be; NULL: no memory. */
static _Atomic uint64_t *word_made(struct heap_head *head, struct heap_shadow *s, uint64_t address)
{
	struct heap_shadow_mid *mid = mid_of(head, s, address);
	uint64_t granule = address >> 4;
	_Atomic uint64_t *_Atomic *place;
	_Atomic uint64_t *leaf, *fresh;

	if (!mid)
		return NULL;
	place = &mid->leaf[granule >> HEAP_SHADOW_LEAF_BITS & ((1u << HEAP_SHADOW_MID_BITS) - 1)];
	leaf = atomic_load_explicit(place, memory_order_acquire);
	if (!leaf) {
		fresh = atomic_exchange(&s->spare, NULL);
		if (!fresh)
			fresh = leaf_cut(head, s);
		if (!fresh)
			return NULL;
		if (atomic_compare_exchange_strong(place, &leaf, fresh))
			leaf = fresh;
		else
			atomic_store(&s->spare, fresh);
	}
	return leaf + (granule & ((1u << HEAP_SHADOW_LEAF_BITS) - 1));
}

/* ---- the list */

static void list_lock(struct heap_shadow *s)
{
	while (atomic_exchange_explicit(&s->list_lock, 1, memory_order_acquire))
		(void)syscall(SYS_sched_yield);
}

static void list_unlock(struct heap_shadow *s)
{
	atomic_store_explicit(&s->list_lock, 0, memory_order_release);
}

/* By the lock. */
static struct heap_shadow_odd *list_at(struct heap_shadow *s, uint64_t address)
{
	for (uint32_t i = 0; i < HEAP_SHADOW_LIST; i++)
		if (s->list[i].address == address)
			return &s->list[i];
	return NULL;
}

static int list_take(struct heap_shadow *s, uint64_t address, struct heap_block *block, int keep)
{
	struct heap_shadow_odd *odd = NULL;

	*block = (struct heap_block){0};
	if (address == 0 || atomic_load_explicit(&s->n_list, memory_order_relaxed) == 0)
		return 0;
	list_lock(s);
	odd = list_at(s, address);
	if (odd) {
		*block = (struct heap_block){odd->bytes, odd->site};
		if (!keep) {
			*odd = (struct heap_shadow_odd){0};
			atomic_fetch_sub_explicit(&s->n_list, 1, memory_order_relaxed);
		}
	}
	list_unlock(s);
	return odd != NULL;
}

/* 0, 1: another one was known there, -1: the list is full. */
static int list_set(struct heap_shadow *s, uint64_t address, struct heap_block block,
		    struct heap_block *before)
{
	struct heap_shadow_odd *odd;
	int rc = -1;

	if (address == 0)
		return -1;
	list_lock(s);
	odd = list_at(s, address);
	if (odd) {
		*before = (struct heap_block){odd->bytes, odd->site};
		rc = 1;
	} else {
		odd = list_at(s, 0);
		if (odd) {
			atomic_fetch_add_explicit(&s->n_list, 1, memory_order_relaxed);
			rc = 0;
		}
	}
	if (odd)
		*odd = (struct heap_shadow_odd){address, block.bytes, block.site};
	list_unlock(s);
	return rc;
}

static int has_place(uint64_t address)
{
	return ((address & 7) | address >> 47) == 0;
}

/* ---- both */

int heap_shadow_set_slow(struct heap_head *head, struct heap_shadow *s, uint64_t address,
			 struct heap_block block, struct heap_block *before)
{
	_Atomic uint64_t *word;
	uint64_t v, size = block.bytes;
	int rc = 0;

	if (!has_place(address))
		return list_set(s, address, block, before);
	word = word_made(head, s, address);
	if (!word)
		return -1;
	v = atomic_load_explicit(word, memory_order_relaxed);
	if (size >= HEAP_SHADOW_SIZE_LIST) {
		size = HEAP_SHADOW_SIZE_LIST;
		rc = list_set(s, address, block, before);
		if (rc < 0)
			return -1;
	} else if ((v & HEAP_SHADOW_SIZE_LIST) == HEAP_SHADOW_SIZE_LIST) {
		rc = list_take(s, address, before, 0);
	}
	if (v && (v & HEAP_SHADOW_SIZE_LIST) != HEAP_SHADOW_SIZE_LIST) {
		*before = (struct heap_block){v & HEAP_SHADOW_SIZE_LIST,
					      (uint32_t)(v >> HEAP_SHADOW_SIZE_BITS)};
		rc = 1;
	}
	atomic_store_explicit(word, (uint64_t)block.site << HEAP_SHADOW_SIZE_BITS | size,
			      memory_order_relaxed);
	return rc;
}

int heap_shadow_take_slow(struct heap_shadow *s, uint64_t address, struct heap_block *block,
			  int keep)
{
	_Atomic uint64_t *word = heap_shadow_word(s, address);

	if (!word && has_place(address)) {
		*block = (struct heap_block){0};
		return 0;
	}
	if (word && !keep)
		atomic_store_explicit(word, 0, memory_order_relaxed);
	return list_take(s, address, block, keep);
}

static void list_clear(struct heap_shadow *s)
{
	if (atomic_load(&s->n_list))
		memset(s->list, 0, sizeof s->list);
	atomic_store(&s->n_list, 0);
	atomic_store(&s->list_lock, 0);
}

void heap_shadow_clear(struct heap_shadow *s)
{
	uint32_t n = atomic_load(&s->n_slabs);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t leaves;
		uint8_t *start = heap_shadow_slab(s, i, &leaves);

		heap_wipe(start, leaves * HEAP_SHADOW_LEAF);
	}
	list_clear(s);
}

void heap_shadow_fork_child(struct heap_shadow *s)
{
	if (atomic_load(&s->unwiped))
		heap_shadow_clear(s);
	list_clear(s);
}
