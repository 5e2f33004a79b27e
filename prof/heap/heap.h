/* The memory tracker's core: events of a program's memory in, sums by site out, exact to the byte. Knows
 * nothing of how the events are caught (prof/agent/mem*.c) nor of what becomes of the sums (prof/record).
 *
 * Inside the target: no malloc, no libc lock, no printing; errno is the caller's to keep. Normal context. Each call is for
 * the calling thread's own heap_thread; a signal handler that interrupts one must not call in (the caller
 * looks at heap_thread.busy).
 *
 * Order: a block is noted after the allocator gave it out and forgotten before it gets it back.
 *
 * Fork: the shadow is empty in a child by itself, so that a number of the parent's sites cannot be taken for
 * one of the child's. heap_fork_child() calls heap_shadow_fork_child(), heap_index_drop() for every shard,
 * then heap_file_drop(); a later heap_begin() after heap_end() calls heap_shadow_clear(), likewise. */
#ifndef HEAP_HEAP_H
#define HEAP_HEAP_H

#include "prof/base/err.h"
#include "prof/heap/format.h"
#include "prof/heap/maps.h"
#include "prof/heap/peak.h"
#include "prof/heap/shadow.h"
#include "prof/heap/tables.h"

struct heap_config {
	const char *path;    /* of the file to make */
	enum heap_mode mode; /* sampled or full */
	uint64_t rate_bytes; /* sampled: mean distance */
	uint32_t temporary;  /* 0: 1 */
	int pid;
	uint32_t image;
	uint32_t sites_max;    /* 0: as much as there may be */
	uint64_t stacks_bytes; /* 0: likewise */
};

#define HEAP_TEMPORARY_MAX 64
#define HEAP_PENDING       64

/* What a thread needs; in memory that outlives it (late destructors). Zeroed before heap_thread_begin(). */
struct heap_thread {
	volatile uint32_t busy; /* in here, or in the walk of the stack: handlers keep out */
	uint32_t recording;     /* that shard and row are of */
	uint32_t resizing;      /* recording that heap_resize_begin() took a block of */
	int resizing_temporary; /* it is a temporary one */
	uint32_t shard;
	uint32_t row; /* in the table of threads */
	uint32_t last_at;
	uint64_t stage; /* to book new blocks under: set by whoever opens and ends stages */
	/* Exact, of this thread's whole life: for stages. In full mode counted here; in sampled mode brought up
	 * to date by the caller before each call, the block in question included. */
	uint64_t alloc_bytes, alloc_count;
	uint64_t last[HEAP_TEMPORARY_MAX];       /* addresses given out last, a ring */
	uint64_t last_count[HEAP_TEMPORARY_MAX]; /* sampled mode: alloc_count then */
	/* Frees that a handler met while busy; booked when that is over. */
	_Atomic uint32_t n_pending;
	uint64_t pending[HEAP_PENDING];
	int tid;
};

/* Starts tracking in this process. 0; ERR_EXISTS (it runs, or the file is there), ERR_IO, ERR_LIMIT, ERR_NOMEM:
 * it is off then. */
int heap_begin(const struct heap_config *config, struct err *err);
/* No event is booked after it returns; marks the file as final. Blocks known now are forgotten by a later
 * heap_begin(). */
void heap_end(void);
/* In a forked child, before anything else is booked: the parent's sums are let go, blocks inherited from it
 * are nobody's here. Tracking is off until the next heap_begin(). */
void heap_fork_child(void);
int heap_mode(void);               /* enum heap_mode; HEAP_OFF when not begun */
struct heap_head *heap_file(void); /* NULL: off */

void heap_thread_begin(struct heap_thread *t, int tid, int64_t now_ns);
/* Its thread is gone for good (or the process has forked): the shard is free for another one. */
void heap_thread_end(struct heap_thread *t);
/* By the thread itself, when it finds that a handler jumped out of the middle of a call in here: whatever lock
 * that held is given back. */
void heap_thread_jumped(const struct heap_thread *t);
/* From now on more than one thread may call; set before the second one is made. */
void heap_threads_many(void);

/* ---- full mode */
void heap_alloc(struct heap_thread *t, uint64_t address, uint64_t bytes,
		const struct heap_stack *stack);
/* 1: the block was known. */
int heap_free(struct heap_thread *t, uint64_t address);
/* realloc: the block is taken out before the allocator is asked, and booked or put back after. */
int heap_resize_begin(struct heap_thread *t, uint64_t address, struct heap_block *block);
void heap_resize_failed(struct heap_thread *t, uint64_t address, const struct heap_block *block);
void heap_resized(struct heap_thread *t, const struct heap_block *block, uint64_t address,
		  uint64_t bytes, const struct heap_stack *stack);

/* ---- sampled mode: the block was drawn with the probability that heap_sample_weight() (sampler.h) turns
 * into what it stands for. */
void heap_alloc_sampled(struct heap_thread *t, uint64_t address, uint64_t bytes,
			const struct heap_stack *stack);
int heap_free_sampled(struct heap_thread *t,
		      uint64_t address); /* after the filter said "perhaps" */
int heap_is_sampled(uint64_t address);
/* What tells nearly every free that it is none of them (tagset.h); NULL: not in sampled mode. */
uint8_t *heap_filter(void);
/* heap_resize_begin(), _failed() and _resized() serve sampled mode as well, for blocks that are in the set;
 * heap_resize_end() is a heap_resized() whose new block was not drawn. */
void heap_resize_end(struct heap_thread *t, const struct heap_block *block);

/* ---- bytes copied, sampled in both modes */
void heap_copied(struct heap_thread *t, uint64_t bytes, const struct heap_stack *stack);

/* ---- address space; [start, start + bytes) in whole pages */
void heap_mapped(struct heap_thread *t, uint64_t start, uint64_t bytes,
		 const struct heap_stack *stack);
/* munmap and mremap: the old place is taken out before the system call, and afterwards is gone, or put back, or
 * moved: pieces keep their sites, `stack` is for what is added. */
void heap_unmap_begin(struct heap_thread *t, uint64_t start, uint64_t bytes,
		      struct heap_maps_taken *taken);
void heap_unmap_end(struct heap_thread *t, struct heap_maps_taken *taken);
void heap_unmap_failed(struct heap_thread *t, struct heap_maps_taken *taken, uint64_t start,
		       uint64_t bytes);
struct heap_remap {
	uint64_t old, old_bytes, start, bytes;
};
void heap_remap_end(struct heap_thread *t, struct heap_maps_taken *taken,
		    const struct heap_remap *r, const struct heap_stack *stack);

/* ---- stages: the process's heap while one is open */
void heap_mark_begin(const struct heap_thread *t, struct heap_mark *mark);
/* Peak bytes; -1: not measured. Once ended, the same again. */
int64_t heap_mark_end(const struct heap_thread *t, struct heap_mark *mark);
/* The same by another thread, if it is still the one that had `serial` (heap_mark_serial() before it was found
 * to be the right one): its own thread's heap_mark_end() tells what it came to. */
void heap_mark_end_of(const struct heap_thread *t, struct heap_mark *mark, uint64_t serial);
static inline uint64_t heap_mark_serial(const struct heap_mark *mark)
{
	return atomic_load_explicit(&mark->serial, memory_order_acquire);
}
int64_t heap_live_bytes(void); /* of the process, now; -1: off */

/* The time in ticks of born and died, set by whoever knows it (the tick's handler, the supervisor). */
extern _Atomic int64_t heap_now_ns;

static inline void heap_now_set(int64_t now_ns)
{
	if (now_ns - atomic_load_explicit(&heap_now_ns, memory_order_relaxed) > 1 << 16)
		atomic_store_explicit(&heap_now_ns, now_ns, memory_order_relaxed);
}

#endif
