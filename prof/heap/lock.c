/* The slow ways of lock.h: spinning, waiting, waking, taking over. Inside the target: bare system calls, errno is
 * kept. */
#include "prof/heap/lock.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#define SPINS       200     /* some 40 pauses each are what a holder needs at most, if it runs */
#define DEADLINE_NS 1000000 /* of a wait whose wake-up may be missed */
#define LOOK_EVERY  100     /* waits, after which one asks whether the holder is there at all */
#define ESRCH_RAW   (-3)

_Atomic uint32_t heap_lock_many;

static long call(long n, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

static int try_take(heap_lock *l, uint32_t id)
{
	uint32_t unheld = 0;

	return atomic_load_explicit(&l->held, memory_order_relaxed) == 0 &&
	       atomic_compare_exchange_strong_explicit(&l->held, &unheld, id, memory_order_acquire,
						       memory_order_relaxed);
}

/* The holder is no thread of this process any more: the lock is ours. */
static int take_over(heap_lock *l, uint32_t id)
{
	uint32_t holder = atomic_load_explicit(&l->held, memory_order_relaxed);
	long tid = holder & ~(1u << 31);

	return tid != 0 && call(SYS_tgkill, call(SYS_getpid, 0, 0, 0, 0), tid, 0, 0) == ESRCH_RAW &&
	       atomic_compare_exchange_strong(&l->held, &holder, id);
}

void heap_lock_wait(heap_lock *l, uint32_t id)
{
	const struct timespec deadline = {0, DEADLINE_NS};

	for (uint32_t i = 0; i < SPINS; i++) {
		__builtin_ia32_pause();
		if (try_take(l, id))
			return;
	}
	for (uint32_t i = 1;; i++) {
		uint32_t holder;

		atomic_store(&l->waiting, 1);
		if (try_take(l, id))
			return;
		holder = atomic_load_explicit(&l->held, memory_order_relaxed);
		if (i % LOOK_EVERY == 0 && take_over(l, id))
			return;
		if (holder)
			(void)call(SYS_futex, (long)&l->held, FUTEX_WAIT_PRIVATE, holder,
				   (long)&deadline);
	}
}

void heap_lock_wake(heap_lock *l)
{
	atomic_store_explicit(&l->waiting, 0, memory_order_relaxed);
	(void)call(SYS_futex, (long)&l->held, FUTEX_WAKE_PRIVATE, INT_MAX, 0);
}
