/* The exact high-water mark of the heap, of the run and of every open stage, without a lock that all
 * threads share as long as no mark is near.
 *
 * Live bytes are kept per shard, under the shard's lock. Each shard has a limit up to which it may grow by
 * itself; the limits add up to the lowest mark that is still to be reached (the "edge"), so that no mark can be
 * reached while all shards stay below theirs. Who would reach his limit takes all locks, books, adds up,
 * declares marks and deals out limits anew. The last of equal marks counts. docs/memory.md has the proof.
 *
 * A process with one thread takes no lock at all: heap_threads_many() says when that ends. Inside the target;
 * spins, then waits by futex; never allocates but for more levels than ever before. Not for signal handlers:
 * callers keep them out. */
#ifndef HEAP_PEAK_H
#define HEAP_PEAK_H

#include "prof/heap/format.h"
#include "prof/heap/lock.h"
#include "prof/heap/tables.h"

struct heap_shard { /* lines of its own */
	_Alignas(64) heap_lock lock;
	uint32_t threads;           /* that book here; by the lock of all */
	struct heap_shard_sum *sum; /* its live bytes and blocks, in the file; by the lock */
	int64_t limit_bytes;        /* its live bytes may grow to less than this; by the lock */
	int64_t high_bytes;         /* what it grew to lately; by the lock of all */
	struct heap_index index;    /* by the lock */
};

/* An open stage's mark: in the stage's own memory. Zeroed: none. */
struct heap_mark {
	_Atomic uint64_t serial; /* of its begin; 0: not measured, or ended */
	uint32_t recording;      /* that it belongs to */
	int64_t peak_bytes;      /* once ended; -1: not measured */
};

/* Marks of stages that began one after the other and are equal by now. */
struct heap_level {
	uint64_t first; /* serial of the first begin of them; the next level has the ones after */
	int64_t peak_bytes; /* the highest live heap since then */
	uint32_t open;      /* stages that have not ended */
};

#define HEAP_LEVELS_FIRST 256

struct heap_peak {
	struct heap_head *head;
	struct heap_shard shards[HEAP_SHARDS];
	/* Held, before all shards' locks, by who takes them all; alone, by who ends a stage. With one shard in
	 * use, that shard's lock stands for it. */
	_Alignas(64) heap_lock lock;
	_Atomic uint32_t n_shards; /* in use; grows under all locks */
	/* Level 0 is the run. Each has a lower mark than the one before. */
	struct heap_level *levels; /* levels_first, or mapped */
	uint32_t n_levels, levels_max;
	uint64_t serial;    /* of the last begin of a stage */
	uint32_t recording; /* number of the one that runs; an odd one is none */
	struct heap_level levels_first[HEAP_LEVELS_FIRST];
};

/* Fresh, for a new recording (NULL: for none), with all locks held; indexes are the caller's. */
void heap_peak_begin(struct heap_peak *p, struct heap_head *head);
/* In a forked child: its one thread holds no lock; heap_peak_begin() is next. */
void heap_peak_fork_child(struct heap_peak *p);
/* With all locks held: a shard for one more thread. */
uint32_t heap_peak_thread_begin(struct heap_peak *p, uint32_t id);

/* `id`: of the calling thread, heap_lock_id(). */
void heap_peak_lock_all(struct heap_peak *p, uint32_t id);
void heap_peak_unlock_all(struct heap_peak *p);

/* After an allocation brought `shard` to its limit, with all locks held (or the only shard's): declares the
 * marks that it reached and deals out limits. */
void heap_peak_reached(struct heap_peak *p, struct heap_shard *shard, int64_t now_ns);

/* Live bytes of the process; takes locks. */
int64_t heap_peak_live(struct heap_peak *p, uint32_t id);
void heap_peak_mark_begin(struct heap_peak *p, uint32_t id, struct heap_mark *mark);
/* `serial`: only if it is that of the mark; 0: whatever it is. */
int64_t heap_peak_mark_end(struct heap_peak *p, uint32_t id, struct heap_mark *mark,
			   uint64_t serial);
/* The thread jumped out of the middle of something: what it holds is given back. */
void heap_peak_give_back(struct heap_peak *p, uint32_t id);

/* May `bytes` more be booked in `shard` with its own lock only? If it is the only one, always. */
static inline int heap_peak_alone(const struct heap_peak *p)
{
	return atomic_load_explicit(&p->n_shards, memory_order_relaxed) == 1;
}

static inline int64_t heap_shard_live(const struct heap_shard *s)
{
	return atomic_load_explicit(&s->sum->live_bytes, memory_order_relaxed);
}

#endif
