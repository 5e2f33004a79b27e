/* A lock of a word for memory shared by the threads of a target, held for some ten instructions at a time:
 * taking it is one atomic exchange, giving it back a plain store. Who finds it taken spins a little, then
 * waits by futex with a deadline. A store that gives it back may be seen after the look at `waiting` that
 * follows it, so that a wake-up can be missed: the waiter then looks again at its deadline, a millisecond later.
 * That costs one atomic instruction less on each event of each thread.
 *
 * Holders call nothing that is a cancellation point, and their signal handlers stay outside (heap_thread.busy), so
 * a thread does not vanish while it has one. (Asynchronous cancellation, or a handler that jumps away, in the
 * middle of malloc is forbidden to programs; it would leave libc's own lock behind as well.) In a forked child
 * all are made new. Zeroed memory is a free one.
 * While heap_lock_many is 0 there is one thread and nothing is taken at all. */
#ifndef HEAP_LOCK_H
#define HEAP_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct {
	_Atomic uint32_t held, waiting;
} heap_lock;

extern _Atomic uint32_t heap_lock_many;

void heap_lock_wait(heap_lock *l);
void heap_lock_wake(heap_lock *l);

static inline void heap_lock_take(heap_lock *l)
{
	if (!atomic_load_explicit(&heap_lock_many, memory_order_relaxed))
		return;
	if (__builtin_expect(atomic_exchange_explicit(&l->held, 1, memory_order_acquire) != 0, 0))
		heap_lock_wait(l);
}

static inline void heap_lock_give(heap_lock *l)
{
	if (!atomic_load_explicit(&heap_lock_many, memory_order_relaxed))
		return;
	atomic_store_explicit(&l->held, 0, memory_order_release);
	if (__builtin_expect(atomic_load_explicit(&l->waiting, memory_order_relaxed) != 0, 0))
		heap_lock_wake(l);
}

static inline void heap_lock_reset(heap_lock *l)
{
	atomic_store_explicit(&l->held, 0, memory_order_relaxed);
	atomic_store_explicit(&l->waiting, 0, memory_order_relaxed);
}

#endif
