/* Blocks that begin and end, booked at their sites, to the byte. In sampled mode the same happens to the blocks
 * that were drawn, each counting for what it stands for, with the set of tags in place of the shadow: each way
 * is compiled for both (`drawn` is a constant). Inside the target; normal context. */
#include "prof/heap/core.h"

#define EACH_MODE static inline __attribute__((always_inline))

struct block_new {
	uint64_t address, bytes;
	_Atomic uint64_t *word; /* of the shadow, where nothing is known; NULL: to be looked for */
	struct heap_amount amount;
	double variance;
};

EACH_MODE struct heap_amount amount_of(const int drawn, uint64_t bytes, double *variance)
{
	struct heap_weight w;

	*variance = 0;
	if (!drawn)
		return (struct heap_amount){bytes, 1};
	w = heap_sample_weight(bytes, heap_core.peak.head->rate_bytes);
	*variance = w.variance;
	return (struct heap_amount){w.bytes, w.count};
}

/* ---- temporary blocks ------------------------------------------------------------------------ */

EACH_MODE void last_push(const int drawn, struct heap_thread *t, uint64_t address)
{
	uint32_t at = t->last_at;

	t->last[at] = address;
	if (drawn)
		t->last_count[at] = t->alloc_count;
	t->last_at = at + 1 < heap_core.temporary ? at + 1 : 0;
}

/* Is it among the last blocks that this thread was given? In sampled mode not all of them are known here, but
 * how many there were. The address may be that of a later block, which another thread was given: its site
 * knows. */
static __attribute__((noinline)) int is_temporary_slow(const struct heap_thread *t, int drawn,
						       uint64_t address,
						       const struct heap_site *site)
{
	uint32_t row = atomic_load_explicit(&site->thread, memory_order_relaxed);

	if (row != t->row && row != 0)
		return 0;
	for (uint32_t i = 0; i < heap_core.temporary; i++)
		if (t->last[i] == address &&
		    (!drawn || t->alloc_count - t->last_count[i] < heap_core.temporary))
			return 1;
	return 0;
}

EACH_MODE int is_temporary(const int drawn, const struct heap_thread *t, uint64_t address,
			   uint32_t site)
{
	return (t->last[0] == address || heap_core.temporary > 1) &&
	       is_temporary_slow(t, drawn, address, heap_site_at(heap_core.peak.head, site));
}

/* ---- blocks that begin ----------------------------------------------------------------------- */

EACH_MODE int remember(const int drawn, const struct block_new *b, uint32_t site)
{
	const struct heap_block block = {b->bytes, site};
	struct heap_block before;

	if (drawn)
		return heap_tagset_set(heap_core.tags, b->address, block, &before);
	if (!b->word)
		return heap_shadow_set(heap_core.peak.head, heap_core.shadow, b->address, block,
				       &before);
	atomic_store_explicit(b->word, (uint64_t)site << HEAP_SHADOW_SIZE_BITS | b->bytes,
			      memory_order_relaxed);
	return 0;
}

EACH_MODE int known(const int drawn, uint64_t address)
{
	struct heap_block block;

	return drawn ? heap_tagset_get(heap_core.tags, address, &block)
		     : heap_shadow_get(heap_core.shadow, address, &block);
}

/* With the lock of the thread's shard, or all of them. A block whose end will not be seen counts as allocated
 * and, at once, as freed. */
EACH_MODE void begin_block(const int drawn, struct heap_thread *t, struct heap_shard *s,
			   const struct block_new *b, const struct heap_stack *stack)
{
	uint32_t at = heap_site_of(t, s, HEAP_SITE_MALLOC, stack);
	struct heap_site *site = heap_site_at(heap_core.peak.head, at);
	uint64_t ticks = heap_ticks();

	last_push(drawn, t, b->address);
	heap_book_alloc(site, b->amount, ticks);
	if (drawn)
		heap_variance_add(site, b->variance);
	if (__builtin_expect(remember(drawn, b, at) < 0, 0)) {
		heap_loss(heap_core.peak.head, drawn ? HEAP_LOSS_TAG_TABLE : HEAP_LOSS_NO_MEMORY,
			  1);
		heap_book_free(site, b->amount, ticks);
		return;
	}
	heap_live_add(s, (int64_t)b->amount.bytes, (int64_t)b->amount.count);
}

EACH_MODE void begin_and_look(const int drawn, struct heap_thread *t, struct heap_shard *s,
			      const struct block_new *b, const struct heap_stack *stack)
{
	begin_block(drawn, t, s, b, stack);
	if (heap_shard_live(s) >= s->limit_bytes)
		heap_peak_reached(&heap_core.peak, s, heap_now());
}

/* It would bring the shard, which is locked, to its limit. Other shards' limits are at stake, too: all of it
 * happens with all locks held, at one moment. */
EACH_MODE void begin_at_limit(const int drawn, struct heap_thread *t, struct heap_shard *s,
			      const struct block_new *b, const struct heap_stack *stack)
{
	struct heap_peak *p = &heap_core.peak;

	if (heap_peak_alone(p)) {
		begin_and_look(drawn, t, s, b, stack);
		heap_lock_give(&s->lock);
		return;
	}
	heap_lock_give(&s->lock);
	heap_peak_lock_all(p, heap_lock_id(t->tid));
	if (t->recording == p->recording)
		begin_and_look(drawn, t, &p->shards[t->shard], b, stack);
	heap_peak_unlock_all(p);
}

/* By values, so that the fast way keeps them in registers. */
static __attribute__((noinline)) void begin_all_at_limit(struct heap_thread *t,
							 struct heap_shard *s, uint64_t address,
							 uint64_t bytes, _Atomic uint64_t *word,
							 const struct heap_stack *stack)
{
	const struct block_new b = {address, bytes, word, {bytes, 1}, 0};

	begin_at_limit(0, t, s, &b, stack);
}

EACH_MODE void begin(const int drawn, struct heap_thread *t, uint64_t address, uint64_t bytes,
		     _Atomic uint64_t *word, const struct heap_stack *stack)
{
	struct block_new b = {.address = address, .bytes = bytes, .word = word};
	struct heap_shard *s = heap_enter(t);

	if (!s)
		return;
	b.amount = amount_of(drawn, bytes, &b.variance);
	if (__builtin_expect(heap_shard_live(s) + (int64_t)b.amount.bytes < s->limit_bytes, 1)) {
		begin_block(drawn, t, s, &b, stack);
		heap_lock_give(&s->lock);
	} else if (drawn) {
		begin_at_limit(1, t, s, &b, stack);
	} else {
		begin_all_at_limit(t, s, address, bytes, word, stack);
	}
}

/* ---- blocks that end ------------------------------------------------------------------------- */

/* With the lock of the thread's shard, which it gives back. */
EACH_MODE void end_block(const int drawn, struct heap_shard *s, struct heap_block block,
			 int temporary)
{
	struct heap_site *site = heap_site_at(heap_core.peak.head, block.site);
	double variance;
	struct heap_amount a = amount_of(drawn, block.bytes, &variance);

	s = heap_go(s, site->shard);
	if (!s)
		return;
	heap_book_free(site, a, heap_ticks());
	if (temporary) {
		heap_word_add(&site->temporary_bytes, a.bytes);
		heap_word_add(&site->temporary_count, a.count);
	}
	heap_live_add(s, -(int64_t)a.bytes, -(int64_t)a.count);
	heap_lock_give(&s->lock);
}

static __attribute__((noinline)) int take_slow(uint64_t address, struct heap_block *block)
{
	return heap_shadow_take(heap_core.shadow, address, block);
}

/* As heap_shadow_take(); its own copy of what is quick, for the registers' sake. */
static inline int take(uint64_t address, struct heap_block *block)
{
	_Atomic uint64_t *word = heap_shadow_word(heap_core.shadow, address);
	uint64_t v = word ? atomic_load_explicit(word, memory_order_relaxed) : 0;
	struct heap_block odd;

	if (__builtin_expect(!word || (v & HEAP_SHADOW_SIZE_LIST) == HEAP_SHADOW_SIZE_LIST, 0)) {
		if (!take_slow(address, &odd))
			return 0;
		*block = odd;
		return 1;
	}
	if (!v)
		return 0;
	atomic_store_explicit(word, 0, memory_order_relaxed);
	block->bytes = v & HEAP_SHADOW_SIZE_LIST;
	block->site = (uint32_t)(v >> HEAP_SHADOW_SIZE_BITS);
	return 1;
}

/* `seen` 0: it ended somewhere before now. */
EACH_MODE int end(const int drawn, struct heap_thread *t, uint64_t address, int seen)
{
	struct heap_shard *s = heap_enter(t);
	struct heap_block block;

	if (!s)
		return 0;
	if (drawn ? heap_tagset_take(heap_core.tags, address, &block) : take(address, &block)) {
		end_block(drawn, s, block, seen && is_temporary(drawn, t, address, block.site));
		return 1;
	}
	heap_lock_give(&s->lock);
	return 0;
}

/* A block was given out where one is known: that one was freed where we do not look. */
static __attribute__((noinline)) void forget_unseen(struct heap_thread *t, uint64_t address)
{
	int mode = heap_mode();

	if (mode == HEAP_FULL ? end(0, t, address, 0)
			      : mode == HEAP_SAMPLED && end(1, t, address, 0))
		heap_loss(heap_core.file, HEAP_LOSS_FREE_UNSEEN, 1);
}

/* ---- the calls ------------------------------------------------------------------------------- */

/* No leaf of the shadow yet, an odd address, a huge block, or one whose end was not seen. */
static __attribute__((noinline)) void alloc_slow(struct heap_thread *t, uint64_t address,
						 uint64_t bytes, const struct heap_stack *stack)
{
	if (known(0, address))
		forget_unseen(t, address);
	begin(0, t, address, bytes, NULL, stack);
}

void heap_alloc(struct heap_thread *t, uint64_t address, uint64_t bytes,
		const struct heap_stack *stack)
{
	_Atomic uint64_t *word;

	t->alloc_bytes += bytes;
	t->alloc_count++;
	if (!heap_core.shadow)
		return;
	word = heap_shadow_word(heap_core.shadow, address);
	if (__builtin_expect(!word || bytes >= HEAP_SHADOW_SIZE_LIST ||
				     atomic_load_explicit(word, memory_order_relaxed),
			     0))
		alloc_slow(t, address, bytes, stack);
	else
		begin(0, t, address, bytes, word, stack);
}

int heap_free(struct heap_thread *t, uint64_t address)
{
	return heap_core.shadow ? end(0, t, address, 1) : 0;
}

void heap_alloc_sampled(struct heap_thread *t, uint64_t address, uint64_t bytes,
			const struct heap_stack *stack)
{
	if (!heap_core.tags)
		return;
	if (known(1, address))
		forget_unseen(t, address);
	begin(1, t, address, bytes, NULL, stack);
}

int heap_free_sampled(struct heap_thread *t, uint64_t address)
{
	return heap_core.tags ? end(1, t, address, 1) : 0;
}

int heap_is_sampled(uint64_t address)
{
	return heap_mode() == HEAP_SAMPLED && known(1, address);
}

/* ---- realloc --------------------------------------------------------------------------------- */

int heap_resize_begin(struct heap_thread *t, uint64_t address, struct heap_block *block)
{
	struct heap_shard *s = heap_enter(t);
	int taken = 0;

	block->bytes = 0;
	block->site = 0;
	if (!s)
		return 0;
	if (heap_core.peak.head->mode == HEAP_FULL)
		taken = heap_shadow_take(heap_core.shadow, address, block);
	else
		taken = heap_tagset_take(heap_core.tags, address, block);
	if (!taken)
		block->site = 0;
	t->resizing = t->recording;
	t->resizing_temporary = taken && is_temporary(heap_core.peak.head->mode == HEAP_SAMPLED, t,
						      address, block->site);
	heap_lock_give(&s->lock);
	return taken;
}

static int remember_again(uint64_t address, struct heap_block block)
{
	const struct block_new b = {.address = address, .bytes = block.bytes};

	return heap_core.peak.head->mode == HEAP_SAMPLED ? remember(1, &b, block.site)
							 : remember(0, &b, block.site);
}

/* Its sums were not touched, so that nothing is to be undone. */
void heap_resize_failed(struct heap_thread *t, uint64_t address, const struct heap_block *block)
{
	struct heap_shard *s;

	if (!block->site)
		return;
	s = heap_enter(t);
	if (!s)
		return;
	if (t->resizing == t->recording) /* there was memory for it a moment ago */
		(void)remember_again(address, *block);
	heap_lock_give(&s->lock);
}

void heap_resize_end(struct heap_thread *t, const struct heap_block *block)
{
	struct heap_shard *s;

	if (!block->site)
		return;
	s = heap_enter(t);
	if (!s)
		return;
	if (t->resizing != t->recording)
		heap_lock_give(&s->lock);
	else if (heap_core.peak.head->mode == HEAP_FULL)
		end_block(0, s, *block, t->resizing_temporary);
	else
		end_block(1, s, *block, t->resizing_temporary);
}

void heap_resized(struct heap_thread *t, const struct heap_block *block, uint64_t address,
		  uint64_t bytes, const struct heap_stack *stack)
{
	heap_resize_end(t, block);
	if (heap_mode() == HEAP_SAMPLED)
		heap_alloc_sampled(t, address, bytes, stack);
	else
		heap_alloc(t, address, bytes, stack);
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* Their counts are in 1 / 65536 in both modes: they are sampled in both. */
void heap_copied(struct heap_thread *t, uint64_t bytes, const struct heap_stack *stack)
{
	struct heap_shard *s = heap_enter(t);
	struct heap_weight w;
	struct heap_site *site;

	if (!s)
		return;
	w = heap_sample_weight(bytes, heap_core.peak.head->copy_rate_bytes);
	site = heap_site_at(heap_core.peak.head, heap_site_of(t, s, HEAP_SITE_COPY, stack));
	heap_word_add(&site->alloc_bytes, w.bytes);
	heap_word_add(&site->alloc_count, w.count);
	heap_variance_add(site, w.variance);
	heap_lock_give(&s->lock);
}
