/* The state of the tracker, shared by heap.c (life cycle, threads, stages), track.c (full mode), sampled.c
 * and mapped.c, and how an event is booked. Private to them. */
#ifndef HEAP_CORE_H
#define HEAP_CORE_H

#include "prof/heap/heap.h"
#include "prof/heap/maps.h"
#include "prof/heap/tagset.h"

#define HEAP_TAGS_MAX (1u << 20) /* sampled blocks that are live at a time */

struct heap_core {
	struct heap_peak peak; /* its head is NULL while nothing is recorded */
	struct heap_shadow *shadow;
	struct heap_tagset *tags;
	struct heap_maps *maps; /* these three: made at first use, kept */
	struct heap_head *file; /* of the last recording, let go at the next one */
	uint32_t temporary;
	_Atomic uint32_t mode;
	_Atomic uint32_t threads; /* that take part */
};

extern struct heap_core heap_core;

/* The calling thread's shard, locked; NULL: nothing is recorded. With it no recording begins or ends. */
struct heap_shard *heap_enter_slow(struct heap_thread *t);

static inline struct heap_shard *heap_enter(struct heap_thread *t)
{
	struct heap_shard *s = &heap_core.peak.shards[t->shard];

	heap_lock_take_as(&s->lock, heap_lock_id(t->tid));
	if (__builtin_expect(t->recording == heap_core.peak.recording, 1))
		return s;
	heap_lock_give(&s->lock);
	return heap_enter_slow(t);
}

/* From one shard's lock to another one's; NULL: meanwhile the recording ended. */
static inline struct heap_shard *heap_go(struct heap_shard *from, uint32_t to)
{
	uint32_t recording = heap_core.peak.recording;
	struct heap_shard *s = &heap_core.peak.shards[to];
	uint32_t id = atomic_load_explicit(&from->lock.held, memory_order_relaxed);

	if (s == from)
		return s;
	heap_lock_give(&from->lock);
	heap_lock_take_as(&s->lock, id);
	if (recording == heap_core.peak.recording)
		return s;
	heap_lock_give(&s->lock);
	return NULL;
}

/* The site of `stack` in the locked shard of the thread. */
uint32_t heap_site_new(const struct heap_thread *t, struct heap_shard *s, enum heap_site_kind kind,
		       const struct heap_stack *stack);

static inline uint32_t heap_site_of(struct heap_thread *t, struct heap_shard *s,
				    enum heap_site_kind kind, const struct heap_stack *stack)
{
	const struct heap_site_key key = {t->stage, t->row, t->shard, kind};
	uint32_t site =
		heap_index_find(heap_core.peak.head, &s->index, heap_site_hash(stack->hash, &key));

	return __builtin_expect(site != 0, 1) ? site : heap_site_new(t, s, kind, stack);
}

static inline uint64_t heap_word(const _Atomic uint64_t *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

/* Words of a site or shard have one writer at a time, by the lock. */
static inline void heap_word_add(_Atomic uint64_t *w, uint64_t n)
{
	atomic_store_explicit(w, heap_word(w) + n, memory_order_relaxed);
}

static inline void heap_live_add(struct heap_shard *s, int64_t bytes, int64_t count)
{
	struct heap_shard_sum *sum = s->sum;

	atomic_store_explicit(&sum->live_bytes,
			      atomic_load_explicit(&sum->live_bytes, memory_order_relaxed) + bytes,
			      memory_order_relaxed);
	atomic_store_explicit(&sum->live_count,
			      atomic_load_explicit(&sum->live_count, memory_order_relaxed) + count,
			      memory_order_relaxed);
}

/* Before a site's sums change: what it holds is what it held at the last mark, if it has not noted that. */
static inline void heap_rebase(const struct heap_head *head, struct heap_site *site)
{
	uint64_t gen = heap_word(&head->gen);

	if (heap_word(&site->gen) == gen)
		return;
	atomic_store_explicit(&site->peak_bytes,
			      heap_word(&site->alloc_bytes) - heap_word(&site->freed_bytes),
			      memory_order_relaxed);
	atomic_store_explicit(&site->peak_count,
			      heap_word(&site->alloc_count) - heap_word(&site->freed_count),
			      memory_order_relaxed);
	atomic_store_explicit(&site->gen, gen, memory_order_relaxed);
}

static inline int64_t heap_now(void)
{
	return atomic_load_explicit(&heap_now_ns, memory_order_relaxed);
}

/* Ticks of 2^16 ns since the recording began; heap_now_ns is not before that. */
static inline uint64_t heap_ticks(void)
{
	return (uint64_t)(heap_now() - heap_core.peak.head->start_ns) >> 16;
}

/* What a block counts for: itself, or in sampled mode what it stands for. Counts are in count units. */
struct heap_amount {
	uint64_t bytes, count;
};

/* A block begins at a site, or ends; with the lock of the site's shard. */
static inline void heap_book_alloc(struct heap_site *site, struct heap_amount a, uint64_t ticks)
{
	heap_rebase(heap_core.peak.head, site);
	heap_word_add(&site->alloc_bytes, a.bytes);
	heap_word_add(&site->alloc_count, a.count);
	heap_word_add(&site->born, ticks * a.count);
}

static inline void heap_book_free(struct heap_site *site, struct heap_amount a, uint64_t ticks)
{
	heap_rebase(heap_core.peak.head, site);
	heap_word_add(&site->freed_bytes, a.bytes);
	heap_word_add(&site->freed_count, a.count);
	heap_word_add(&site->died, ticks * a.count);
}

void heap_variance_add(struct heap_site *site, double variance);

#endif
