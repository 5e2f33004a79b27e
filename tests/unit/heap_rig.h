/* A recording (record_rig.h) whose process tracks memory: its heap file is filled as the tracker does it, with
 * sums that the test makes up. */
#ifndef TESTS_HEAP_RIG_H
#define TESTS_HEAP_RIG_H

#include "prof/base/hash.h"
#include "prof/heap/tables.h"
#include "tests/unit/record_rig.h"

struct heap_rig {
	struct record_rig rig;
	struct heap_head *head;
	struct heap_index index;
	char path[SPOOL_PATH_MAX + 64];
};

/* A process has one heap file at a time: that of a test that failed on its way is let go here. */
static struct heap_rig *heap_rig_open;

static inline void heap_rig_unmake_file(struct heap_rig *h)
{
	heap_index_drop(h->head, &h->index);
	heap_file_drop(h->head);
	heap_rig_open = NULL;
}

static inline void heap_rig_file(struct heap_rig *h, enum heap_mode mode)
{
	struct err err = ERR_INIT;
	static struct heap_head *left;

	if (heap_rig_open)
		heap_file_drop(left);
	snprintf(h->path, sizeof h->path, "%.280s" HEAP_SUFFIX, h->rig.spool.head->file);
	if (heap_file_make(&h->head, h->path, 0, 0, &err))
		fail_msg("%s", err.text);
	heap_rig_open = h;
	left = h->head;
	memset(&h->index, 0, sizeof h->index);
	h->head->count_unit = mode == HEAP_SAMPLED ? HEAP_COUNT_UNIT_SAMPLED : 1;
	h->head->temporary = 1;
	h->head->mode = mode;
}

static inline void heap_rig_make(struct heap_rig *h, const char *store, enum heap_mode mode)
{
	memset(h, 0, sizeof *h);
	record_rig_make(&h->rig, store);
	h->rig.spool.session->memory_mode = mode;
	heap_rig_file(h, mode);
	rig_thread(&h->rig, 77, 10, "main");
	rig_module(&h->rig, 11, RIG_START, "/bin/rig", "abcd");
}

static inline void heap_rig_drop(struct heap_rig *h)
{
	heap_rig_unmake_file(h);
	record_rig_drop(&h->rig);
}

struct rig_where {
	enum heap_site_kind kind;
	uint32_t thread, n, flags;
	uint64_t stage;
	const uint64_t *addresses;
};

static inline struct heap_site *heap_rig_site(struct heap_rig *h, const struct rig_where *w)
{
	struct heap_stack stack = {hash_bytes(w->addresses, w->n * sizeof *w->addresses, 1) | 1,
				   w->addresses, w->n, w->flags};
	struct heap_site_key key = {w->stage, w->thread, 0, w->kind};

	return heap_site_at(h->head, heap_site_find(h->head, &h->index, &stack, &key, 20));
}

/* Blocks allocated, of which some were freed, some of them at once; the mark as it is now. */
static inline void heap_rig_blocks(struct heap_site *s, uint64_t count, uint64_t bytes,
				   uint64_t freed_count, uint64_t freed_bytes, uint64_t temporary)
{
	atomic_store(&s->alloc_count, count);
	atomic_store(&s->alloc_bytes, bytes);
	atomic_store(&s->freed_count, freed_count);
	atomic_store(&s->freed_bytes, freed_bytes);
	atomic_store(&s->temporary_count, temporary);
	atomic_store(&s->temporary_bytes, temporary * 2);
}

static inline void heap_rig_peak(struct heap_rig *h, struct heap_site *s, uint64_t count,
				 uint64_t bytes)
{
	atomic_store(&s->gen, atomic_load(&h->head->gen));
	atomic_store(&s->peak_count, count);
	atomic_store(&s->peak_bytes, bytes);
}

/* The process ends: rounds until that is noticed, and all is stored. */
static inline void heap_rig_end(struct heap_rig *h)
{
	rig_round(&h->rig);
	for (int i = 0; i < 4; i++) {
		rig_round(&h->rig);
		assert_int_equal(images_watch(&h->rig.r), 0);
	}
	rig_flush(&h->rig);
}

static inline void heap_rig_read(struct heap_rig *h, struct profile *p)
{
	struct err err = ERR_INIT;

	if (store_read_run(h->rig.store, h->rig.run, STORE_READ_ALL, p, &err))
		fail_msg("%s", err.text);
}

#endif
