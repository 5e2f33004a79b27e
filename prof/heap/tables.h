/* The tables of a heap file as the target fills them: file, rows of threads, stacks, sites; and the index
 * of sites that each shard keeps beside it. Inside the target: no malloc, no libc lock; memory by mmap.
 * A shard's index is guarded by the shard's lock (peak.h); everything else here is lock-free. */
#ifndef HEAP_TABLES_H
#define HEAP_TABLES_H

#include <stddef.h>

#include "prof/base/err.h"
#include "prof/heap/format.h"

/* Makes and maps the file. Sizes 0: the limits of format.h, or less where RLIMIT_AS asks for it.
 * 0, ERR_IO (no space), ERR_NOMEM. */
int heap_file_make(struct heap_head **out, const char *path, uint32_t sites_max,
		   uint64_t stacks_bytes, struct err *err);
/* Unmaps it, in the process that made it or in a forked child; the file stays. */
void heap_file_drop(struct heap_head *head);

static inline struct heap_site *heap_site_at(const struct heap_head *head, uint32_t index)
{
	return (struct heap_site *)((uintptr_t)head + head->sites_offset) + index;
}

/* A row for a thread; 0: none left (counted). Signal-safe, lock-free. */
uint32_t heap_thread_row_add(struct heap_head *head, int tid, int64_t now_ns);

struct heap_stack {                /* a walk's result */
	uint64_t hash;             /* of the addresses, and of what else tells stacks apart */
	const uint64_t *addresses; /* borrowed, the innermost first */
	uint32_t n, flags;         /* flags: enum spool_sample_flags */
};

/* The stack's place in units of 8 bytes, the same for the same hash; 0: no room (counted). Any thread;
 * lock-free: two that come at once may each write the stack, which is harmless. */
uint32_t heap_stack_intern(struct heap_head *head, const struct heap_stack *stack, int64_t now_ns);

/* One shard's index: (stack, stage, kind) to site. Zeroed memory is an empty one. */
struct heap_index {
	uint64_t *keys;  /* owned, mapped; 0: empty */
	uint32_t *sites; /* owned */
	uint32_t mask, used;
	uint32_t
		full; /* no memory for a larger one: everything new goes to the site of last resort */
};

struct heap_site_key {
	uint64_t stage;
	uint32_t thread,
		shard; /* the thread is part of the key: shards are shared when there are many */
	enum heap_site_kind kind;
};

/* The site of a stack, made if there is none; never fails: what has no room goes to one site of last
 * resort per kind (counted). The caller holds the shard's lock. The fast way is inline in tables_find.h
 * if that pays. */
uint32_t heap_site_find(struct heap_head *head, struct heap_index *index,
			const struct heap_stack *stack, const struct heap_site_key *key,
			int64_t now_ns);
/* A thread ended, or stages did: its sites in which nothing is live any more may be folded together (by
 * stack, without stage) when room runs short. */
void heap_index_release(struct heap_index *index);

/* Anonymous memory of our own, named and noted in heap_head.own; NULL: none. Never unmapped but by
 * heap_unmap(). */
void *heap_map(struct heap_head *head, size_t bytes);
void heap_unmap(struct heap_head *head, void *p, size_t bytes);
void heap_loss(struct heap_head *head, enum heap_loss loss, uint64_t n);

#endif
