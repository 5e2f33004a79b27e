/* A lock of two words for memory shared by the threads of a target, held for some ten instructions at a time:
 * taking it is one atomic instruction, giving it back a plain store. Who finds it taken spins a little, then
 * waits by futex with a deadline. A store that gives it back may be seen after the look at `waiting` that
 * follows it, so that a wake-up can be missed: the waiters then look again at their deadline, a millisecond later.
 * That costs one atomic instruction less on each event of each thread.
 *
 * Holders call nothing that is a cancellation point, and their signal handlers stay outside (heap_thread.busy).
 * What is left are programs that do what malloc forbids: jump out of a handler, or end a thread, in the middle of
 * it. So a lock says who holds it: a thread that finds itself to have jumped gives its locks back
 * (heap_thread_jumped()), and who has waited long for a thread that is no more takes its place. What the holder
 * was at stays half done: one event, as if it had been lost. In a forked child all are made new. Zeroed memory is
 * a free one. While heap_lock_many is 0 there is one thread and nothing is taken at all. */
#ifndef HEAP_LOCK_H
#define HEAP_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct {
	_Atomic uint32_t held;    /* by heap_lock_id(); 0: free */
	_Atomic uint32_t waiting; /* somebody does, or did */
} heap_lock;

extern _Atomic uint32_t heap_lock_many;

/* A thread as holder, by its tid. 0: one that says nothing of itself, and is waited for for ever. */
static inline uint32_t heap_lock_id(int tid)
{
	return (uint32_t)tid | 1u << 31;
}

void heap_lock_wait(heap_lock *l, uint32_t id);
void heap_lock_wake(heap_lock *l);

static inline void heap_lock_take_as(heap_lock *l, uint32_t id)
{
	uint32_t unheld = 0;

	if (!atomic_load_explicit(&heap_lock_many, memory_order_relaxed))
		return;
	if (__builtin_expect(!atomic_compare_exchange_strong_explicit(&l->held, &unheld, id,
								      memory_order_acquire,
								      memory_order_relaxed),
			     0))
		heap_lock_wait(l, id);
}

static inline void heap_lock_take(heap_lock *l)
{
	heap_lock_take_as(l, heap_lock_id(0));
}

static inline void heap_lock_give(heap_lock *l)
{
	if (!atomic_load_explicit(&heap_lock_many, memory_order_relaxed))
		return;
	atomic_store_explicit(&l->held, 0, memory_order_release);
	if (__builtin_expect(atomic_load_explicit(&l->waiting, memory_order_relaxed) != 0, 0))
		heap_lock_wake(l);
}

/* If `id` holds it. */
static inline void heap_lock_give_as(heap_lock *l, uint32_t id)
{
	if (atomic_load_explicit(&l->held, memory_order_relaxed) == id)
		heap_lock_give(l);
}

static inline void heap_lock_reset(heap_lock *l)
{
	atomic_store_explicit(&l->held, 0, memory_order_relaxed);
	atomic_store_explicit(&l->waiting, 0, memory_order_relaxed);
}

#endif
