/* Random streams of memory events against a brute-force replay. The stream is told to the tracker and written
 * down as plain differences (which site, how many bytes, how many blocks); the oracle adds these up from the
 * beginning, again for each question. Any number of heap_threads, driven by one real thread or by several that
 * take turns. */
#ifndef TESTS_HEAP_ORACLE_H
#define TESTS_HEAP_ORACLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/heap/heap.h"
#include "prof/heap/sampler.h"
#include "tests/unit/scratch.h"

#define ORACLE_STACKS    60u
#define ORACLE_THREADS   8u
#define ORACLE_STAGES    5u
#define ORACLE_SITES     (ORACLE_STACKS * ORACLE_THREADS * ORACLE_STAGES)
#define ORACLE_SLOTS     4096u
#define ORACLE_PAGES     512u
#define ORACLE_MARKS     48u
#define ORACLE_PAGE      4096u
#define ORACLE_BLOCKS_AT 0x7f1200000000u
#define ORACLE_PAGES_AT  0x7e0000000000u

struct difference {
	int64_t bytes, count;
	uint32_t site;
	uint8_t map, grows;
};

struct oracle_block {
	uint64_t bytes; /* as asked for */
	int64_t amount, count;
	uint64_t number; /* allocation of its thread */
	uint32_t site, thread;
	int live;
};

struct oracle_mark {
	struct heap_mark mark;
	size_t from;
	int64_t at_begin;
	int open;
};

struct oracle_sums {
	uint64_t alloc_bytes, alloc_count, freed_bytes, freed_count, temporary_bytes,
		temporary_count;
	int64_t peak_bytes, peak_count;
};

struct oracle {
	uint64_t random;
	struct heap_thread threads[ORACLE_THREADS];
	uint32_t n_threads, temporary, unit;
	uint64_t rate; /* 0: full mode */
	int huge;      /* some blocks for which a word of the shadow has no room */
	uint64_t addresses[ORACLE_STACKS][4];
	struct oracle_block blocks[ORACLE_SLOTS];
	uint32_t pages[ORACLE_PAGES]; /* site + 1 */
	struct oracle_mark marks[ORACLE_MARKS];
	struct difference *log;
	int64_t *live; /* after each difference */
	size_t n, max, marks_ended;
	uint64_t target; /* live bytes that the stream hovers about */
	struct oracle_sums sites[ORACLE_SITES], maps[ORACLE_SITES];
};

static inline uint64_t oracle_random(struct oracle *o)
{
	o->random ^= o->random << 13;
	o->random ^= o->random >> 7;
	o->random ^= o->random << 17;
	return o->random * 0x2545f4914f6cdd1du;
}

static inline uint32_t oracle_below(struct oracle *o, uint32_t n)
{
	return (uint32_t)((oracle_random(o) >> 32) * n >> 32);
}

static inline void oracle_begin(struct oracle *o, const char *path, uint64_t seed, uint32_t threads,
				uint64_t rate, uint32_t temporary, size_t max)
{
	struct heap_config config = {.path = path,
				     .mode = rate ? HEAP_SAMPLED : HEAP_FULL,
				     .rate_bytes = rate,
				     .temporary = temporary,
				     .pid = getpid()};
	struct err err = ERR_INIT;

	memset(o, 0, sizeof *o);
	o->random = seed * 0x9e3779b97f4a7c15u + 1;
	o->n_threads = threads;
	o->temporary = temporary;
	o->rate = rate;
	o->unit = rate ? HEAP_COUNT_UNIT_SAMPLED : 1;
	o->max = max;
	o->log = malloc(max * sizeof *o->log);
	o->live = malloc(max * sizeof *o->live);
	o->target = 100000;
	if (!o->log || !o->live)
		fail_msg("no memory for %zu events", max);
	unlink(path);
	heap_end(); /* of a stream that failed on its way */
	if (heap_begin(&config, &err))
		fail_msg("%s", err.text);
	for (uint32_t i = 0; i < ORACLE_STACKS; i++)
		for (uint32_t k = 0; k < 4; k++)
			o->addresses[i][k] = 0x400000 + 64 * i + k;
	if (threads > 1)
		heap_threads_many();
	for (uint32_t i = 0; i < threads; i++)
		heap_thread_begin(&o->threads[i], 1000 + (int)i, 1);
}

static inline void oracle_end(struct oracle *o)
{
	for (uint32_t i = 0; i < o->n_threads; i++)
		heap_thread_end(&o->threads[i]);
	heap_end();
	free(o->log);
	free(o->live);
}

static inline struct heap_stack oracle_stack(struct oracle *o, uint32_t i)
{
	return (struct heap_stack){0x1000 + i * 7919u, o->addresses[i], 4, 0};
}

static inline uint32_t oracle_site(const struct oracle *o, uint32_t thread, uint32_t stack)
{
	return (stack * ORACLE_THREADS + thread) * ORACLE_STAGES +
	       (uint32_t)o->threads[thread].stage;
}

static inline void oracle_log(struct oracle *o, uint32_t site, int64_t bytes, int64_t count,
			      int map)
{
	int64_t before = o->n ? o->live[o->n - 1] : 0;
	struct oracle_sums *s = map ? &o->maps[site] : &o->sites[site];
	int grows = count > 0;

	if (o->n == o->max)
		fail_msg("the log of %zu differences is full", o->max);
	o->log[o->n] = (struct difference){bytes, count, site, (uint8_t)map, (uint8_t)grows};
	o->live[o->n++] = map ? before : before + bytes;
	if (grows) {
		s->alloc_bytes += (uint64_t)bytes;
		s->alloc_count += (uint64_t)count;
	} else {
		s->freed_bytes += (uint64_t)-bytes;
		s->freed_count += (uint64_t)-count;
	}
}

/* Mostly multiples of 16, some of 8, a few of nothing. */
static inline uint64_t oracle_address(uint32_t slot)
{
	uint64_t at = ORACLE_BLOCKS_AT + (uint64_t)slot * 80;

	return slot % 32 == 7 ? at + 8 : slot % 128 == 5 ? at + 3 : at;
}

/* Small ones mostly, some empty. */
static inline uint64_t oracle_size(struct oracle *o)
{
	uint32_t what = oracle_below(o, 1000);

	if (what < 20)
		return 0;
	if (o->huge && what == 999)
		return (UINT64_C(1) << 40) + oracle_below(o, 100);
	return what < 900 ? oracle_below(o, 400) : oracle_below(o, 20000);
}

static inline void oracle_book(struct oracle *o, uint32_t slot, uint32_t thread, uint32_t stack,
			       uint64_t bytes)
{
	struct oracle_block *b = &o->blocks[slot];
	struct heap_thread *t = &o->threads[thread];

	b->bytes = bytes;
	b->amount = (int64_t)bytes;
	b->count = 1;
	if (o->rate) {
		struct heap_weight w = heap_sample_weight(bytes, o->rate);

		b->amount = (int64_t)w.bytes;
		b->count = (int64_t)w.count;
	}
	b->number = t->alloc_count;
	b->site = oracle_site(o, thread, stack);
	b->thread = thread;
	b->live = 1;
	oracle_log(o, b->site, b->amount, b->count, 0);
}

static inline void oracle_unbook(struct oracle *o, uint32_t slot, uint32_t thread)
{
	struct oracle_block *b = &o->blocks[slot];

	if (b->thread == thread &&
	    o->threads[thread].alloc_count - b->number < (o->temporary ? o->temporary : 1)) {
		o->sites[b->site].temporary_bytes += (uint64_t)b->amount;
		o->sites[b->site].temporary_count += (uint64_t)b->count;
	}
	oracle_log(o, b->site, -b->amount, -b->count, 0);
	b->live = 0;
}

static inline void oracle_alloc(struct oracle *o, uint32_t slot, uint32_t thread)
{
	uint32_t stack = oracle_below(o, ORACLE_STACKS);
	struct heap_stack s = oracle_stack(o, stack);
	struct heap_thread *t = &o->threads[thread];
	uint64_t bytes = oracle_size(o);

	if (o->rate) {
		t->alloc_count++;
		t->alloc_bytes += bytes;
		heap_alloc_sampled(t, oracle_address(slot), bytes, &s);
	} else {
		heap_alloc(t, oracle_address(slot), bytes, &s);
	}
	oracle_book(o, slot, thread, stack, bytes);
}

static inline void oracle_free(struct oracle *o, uint32_t slot, uint32_t thread)
{
	struct heap_thread *t = &o->threads[thread];
	uint64_t address = oracle_address(slot);

	assert_int_equal(o->rate ? heap_free_sampled(t, address) : heap_free(t, address), 1);
	assert_int_equal(o->rate ? heap_free_sampled(t, address) : heap_free(t, address), 0);
	oracle_unbook(o, slot, thread);
}

/* Freed where nobody looks: the tracker learns of it when the address is given out again. Not temporary: nobody
 * knows when that was, and by whom. */
static inline void oracle_alloc_over(struct oracle *o, uint32_t slot, uint32_t thread)
{
	oracle_unbook(o, slot, ORACLE_THREADS);
	oracle_alloc(o, slot, thread);
}

static inline void oracle_resize(struct oracle *o, uint32_t slot, uint32_t thread)
{
	uint32_t stack = oracle_below(o, ORACLE_STACKS), to = slot;
	struct heap_stack s = oracle_stack(o, stack);
	struct heap_thread *t = &o->threads[thread];
	struct heap_block block;
	uint64_t bytes = oracle_size(o);

	assert_int_equal(heap_resize_begin(t, oracle_address(slot), &block), 1);
	assert_int_equal(block.bytes, o->blocks[slot].bytes);
	if (oracle_below(o, 10) == 0) {
		heap_resize_failed(t, oracle_address(slot), &block);
		return;
	}
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t other = oracle_below(o, ORACLE_SLOTS);

		if (!o->blocks[other].live)
			to = other;
	}
	oracle_unbook(o, slot, thread);
	if (o->rate)
		t->alloc_count++;
	heap_resized(t, &block, oracle_address(to), bytes, &s);
	oracle_book(o, to, thread, stack, bytes);
}

/* ---- address space --------------------------------------------------------------------------- */

static inline void oracle_page(struct oracle *o, uint32_t page, uint32_t owner)
{
	if (o->pages[page])
		oracle_log(o, o->pages[page] - 1, -(int64_t)ORACLE_PAGE, -1, 1);
	o->pages[page] = owner;
	if (owner)
		oracle_log(o, owner - 1, ORACLE_PAGE, 1, 1);
}

static inline void oracle_map(struct oracle *o, uint32_t thread)
{
	uint32_t stack = oracle_below(o, ORACLE_STACKS), site = oracle_site(o, thread, stack);
	uint32_t at = oracle_below(o, ORACLE_PAGES - 16), n = 1 + oracle_below(o, 16);
	struct heap_stack s = oracle_stack(o, stack);

	heap_mapped(&o->threads[thread], ORACLE_PAGES_AT + (uint64_t)at * ORACLE_PAGE,
		    (uint64_t)n * ORACLE_PAGE, &s);
	for (uint32_t i = at; i < at + n; i++)
		oracle_page(o, i, site + 1);
}

static inline void oracle_unmap(struct oracle *o, uint32_t thread)
{
	uint32_t at = oracle_below(o, ORACLE_PAGES - 24), n = 1 + oracle_below(o, 24);
	struct heap_maps_taken taken;

	heap_unmap_begin(&o->threads[thread], ORACLE_PAGES_AT + (uint64_t)at * ORACLE_PAGE,
			 (uint64_t)n * ORACLE_PAGE, &taken);
	heap_unmap_end(&o->threads[thread], &taken);
	for (uint32_t i = at; i < at + n; i++)
		oracle_page(o, i, 0);
}

/* Places do not overlap, as mremap wants it; what was not known stays so. */
static inline void oracle_remap(struct oracle *o, uint32_t thread)
{
	uint32_t stack = oracle_below(o, ORACLE_STACKS), site = oracle_site(o, thread, stack);
	uint32_t half = ORACLE_PAGES / 2, old_n = 1 + oracle_below(o, 12);
	uint32_t n = 1 + oracle_below(o, 12), old = oracle_below(o, half - 12);
	uint32_t to = oracle_below(o, 3) ? half + oracle_below(o, half - 12) : old;
	uint32_t kept = old_n < n ? old_n : n, moved[12];
	struct heap_stack s = oracle_stack(o, stack);
	struct heap_remap r = {
		ORACLE_PAGES_AT + (uint64_t)old * ORACLE_PAGE, (uint64_t)old_n * ORACLE_PAGE,
		ORACLE_PAGES_AT + (uint64_t)to * ORACLE_PAGE, (uint64_t)n * ORACLE_PAGE};
	struct heap_maps_taken taken;

	heap_unmap_begin(&o->threads[thread], r.old, r.old_bytes, &taken);
	heap_remap_end(&o->threads[thread], &taken, &r, &s);
	for (uint32_t i = kept; i < old_n; i++)
		oracle_page(o, old + i, 0);
	if (to != old) {
		memcpy(moved, o->pages + old, kept * sizeof *moved);
		memset(o->pages + old, 0, kept * sizeof *moved);
		for (uint32_t i = 0; i < kept; i++) {
			oracle_page(o, to + i, 0);
			o->pages[to + i] = moved[i];
		}
	}
	for (uint32_t i = kept; i < n; i++)
		oracle_page(o, to + i, site + 1);
}

/* ---- stages ---------------------------------------------------------------------------------- */

/* Stages of the process, ended in any order; some never. */
static inline void oracle_mark(struct oracle *o)
{
	struct oracle_mark *m = &o->marks[oracle_below(o, ORACLE_MARKS)];
	int64_t highest = m->at_begin;

	if (!m->open) {
		m->from = o->n;
		m->at_begin = o->n ? o->live[o->n - 1] : 0;
		m->open = 1;
		heap_mark_begin(&o->threads[0], &m->mark);
		return;
	}
	for (size_t i = m->from; i < o->n; i++)
		highest = highest > o->live[i] ? highest : o->live[i];
	assert_int_equal(heap_mark_end(&o->threads[0], &m->mark), highest);
	assert_int_equal(heap_mark_end(&o->threads[0], &m->mark), highest);
	m->open = 0;
	o->marks_ended++;
}

/* ---- the stream ------------------------------------------------------------------------------ */

/* Live bytes are led up and down, so that there are phases of growth, of decline, and of neither. */
static inline void oracle_step(struct oracle *o, uint32_t thread)
{
	uint32_t what = oracle_below(o, 1000), slot = oracle_below(o, ORACLE_SLOTS);
	uint64_t live = o->n ? (uint64_t)o->live[o->n - 1] & 0xffffffff : 0;

	if (oracle_below(o, 20000) == 0)
		o->target = 20000 + oracle_below(o, 3000000);
	if (what < 3)
		oracle_map(o, thread);
	else if (what < 5)
		oracle_unmap(o, thread);
	else if (what < 7)
		oracle_remap(o, thread);
	else if (what < 20)
		oracle_mark(o);
	else if (what < 40)
		o->threads[thread].stage = oracle_below(o, ORACLE_STAGES);
	else if (!o->blocks[slot].live)
		(live < o->target || oracle_below(o, 3) == 0) ? oracle_alloc(o, slot, thread)
							      : (void)0;
	else if (what < 100)
		oracle_resize(o, slot, thread);
	else if (what < 105)
		oracle_alloc_over(o, slot, thread);
	else if (live > o->target || oracle_below(o, 2) == 0)
		oracle_free(o, slot, thread);
	if (what >= 900 && !o->blocks[slot].live) { /* temporary ones */
		oracle_alloc(o, slot, thread);
		oracle_free(o, slot, thread);
	}
}

/* ---- the comparison -------------------------------------------------------------------------- */

/* Where the run's mark was: the last of the highest, reached by an allocation. -1: nothing was allocated. */
static inline long oracle_peak_at(const struct oracle *o)
{
	long at = -1;
	int64_t peak = 0;

	for (size_t i = 0; i < o->n; i++)
		if (!o->log[i].map && o->log[i].grows && o->live[i] >= peak) {
			peak = o->live[i];
			at = (long)i;
		}
	return at;
}

static inline void oracle_at_peak(struct oracle *o, long at, int64_t *count, int64_t *mapped)
{
	*count = *mapped = 0;
	for (long i = 0; i <= at; i++) {
		const struct difference *d = &o->log[i];
		struct oracle_sums *s = d->map ? &o->maps[d->site] : &o->sites[d->site];

		s->peak_bytes += d->bytes;
		s->peak_count += d->count;
		*(d->map ? mapped : count) += d->map ? d->bytes : d->count;
	}
}

static inline uint32_t oracle_site_of(const struct oracle *o, const struct heap_site *site)
{
	const struct heap_head *head = heap_file();
	const struct heap_stack_row *row =
		(const struct heap_stack_row *)((uintptr_t)head + head->stacks_offset +
						8 * (uint64_t)site->stack);
	uint32_t stack = ((uint32_t)row->hash - 0x1000) / 7919u, thread = 0;

	while (thread < o->n_threads && o->threads[thread].row != site->thread)
		thread++;
	assert_true(thread < o->n_threads && stack < ORACLE_STACKS && site->stage < ORACLE_STAGES);
	return (stack * ORACLE_THREADS + thread) * ORACLE_STAGES + (uint32_t)site->stage;
}

static inline void oracle_check_site(const struct heap_site *site, const struct oracle_sums *want)
{
	const struct heap_head *head = heap_file();
	uint64_t live = site->alloc_bytes - site->freed_bytes;
	uint64_t count = site->alloc_count - site->freed_count;
	int noted = site->gen == head->gen, map = site->kind == HEAP_SITE_MAP;

	assert_int_equal(site->gen > head->gen, 0);
	assert_int_equal(live, want->alloc_bytes - want->freed_bytes);
	assert_int_equal(noted ? site->peak_bytes : live, want->peak_bytes);
	if (map)
		return; /* the tracker counts ranges, the oracle pages */
	assert_int_equal(site->alloc_bytes, want->alloc_bytes);
	assert_int_equal(site->alloc_count, want->alloc_count);
	assert_int_equal(count, want->alloc_count - want->freed_count);
	assert_int_equal(noted ? site->peak_count : count, want->peak_count);
	assert_int_equal(site->temporary_bytes, want->temporary_bytes);
	assert_int_equal(site->temporary_count, want->temporary_count);
}

static inline void oracle_check(struct oracle *o)
{
	static uint8_t seen[2][ORACLE_SITES];
	const struct heap_head *head = heap_file();
	long at = oracle_peak_at(o);
	int64_t count, mapped;

	memset(seen, 0, sizeof seen);
	oracle_at_peak(o, at, &count, &mapped);
	assert_int_equal(head->peak_bytes, at < 0 ? 0 : o->live[at]);
	assert_int_equal(head->peak_count, count);
	assert_int_equal(head->peak_mapped_bytes, mapped);
	assert_int_equal(heap_live_bytes(), o->n ? o->live[o->n - 1] : 0);
	for (uint32_t i = HEAP_SITES_RESERVED; i < head->sites_used; i++) {
		const struct heap_site *site = heap_site_at(head, i);
		int map = site->kind == HEAP_SITE_MAP;
		uint32_t of = oracle_site_of(o, site);

		assert_int_equal(seen[map][of], 0);
		seen[map][of] = 1;
		oracle_check_site(site, map ? &o->maps[of] : &o->sites[of]);
	}
	for (uint32_t i = 0; i < ORACLE_SITES; i++) {
		assert_true(seen[0][i] || o->sites[i].alloc_count == 0);
		assert_true(seen[1][i] || o->maps[i].alloc_bytes == 0);
	}
}

#endif
