/* The slow ways of lock.h: spinning, waiting, waking. Inside the target: bare system calls, errno is kept. */
#include "prof/heap/lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#define SPINS       200     /* some 40 pauses each are what a holder needs at most, if it runs */
#define DEADLINE_NS 1000000 /* of a wait whose wake-up may be missed */

_Atomic uint32_t heap_lock_many;

static long futex(_Atomic uint32_t *word, int what, uint32_t value, const struct timespec *until)
{
	register long r10 __asm__("r10") = (long)until;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(SYS_futex), "D"(word), "S"(what), "d"(value), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

void heap_lock_wait(heap_lock *l)
{
	const struct timespec deadline = {0, DEADLINE_NS};

	for (uint32_t i = 0; i < SPINS; i++) {
		__builtin_ia32_pause();
		if (!atomic_load_explicit(&l->held, memory_order_relaxed) &&
		    !atomic_exchange_explicit(&l->held, 1, memory_order_acquire))
			return;
	}
	atomic_fetch_add(&l->waiting, 1);
	while (atomic_exchange_explicit(&l->held, 1, memory_order_acquire))
		futex(&l->held, FUTEX_WAIT_PRIVATE, 1, &deadline);
	atomic_fetch_sub(&l->waiting, 1);
}

void heap_lock_wake(heap_lock *l)
{
	futex(&l->held, FUTEX_WAKE_PRIVATE, 1, NULL);
}
