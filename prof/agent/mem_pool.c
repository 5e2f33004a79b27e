/* States of threads: made in batches, in a list that only grows, never unmapped. One is free when its thread
 * is dead: late destructors of a thread allocate and free after the last moment that we are told of, so the
 * kernel is asked. Lock-free; normal context. */
#include "prof/agent/mem_pool.h"

#include <errno.h>

#include "prof/agent/agent.h"
#include "prof/agent/sys.h"

#define BATCH_MAX 16 /* states in one mapping: few mappings for many threads */
#define REAP_MIN  32 /* states before the kernel is asked about threads that did not say good-bye */
#define REFUSED                                                                                    \
	1024u /* after a refusal, so many events go without before memory is asked for again */

static struct mem_thread *_Atomic all;
static _Atomic uint32_t n_all, reap_at = REAP_MIN, refused;

static int is_dead(int tid)
{
	return sys3(SYS_tgkill, agent.pid, tid, 0) == -ESRCH;
}

/* A free one; a dead one of those that said good-bye, or of all. */
static struct mem_thread *find(int tid, int ask_all)
{
	for (struct mem_thread *t = mem_pool_all(); t; t = t->next) {
		int32_t whose = atomic_load_explicit(&t->tid, memory_order_acquire);
		uint32_t gone = atomic_load_explicit(&t->gone, memory_order_relaxed);

		/* The kernel gave its number to the calling thread: nobody else has it. */
		if (whose != 0 && whose != tid && !((ask_all || gone) && is_dead(whose)))
			continue;
		if (atomic_compare_exchange_strong(&t->tid, &whose, tid))
			return t;
	}
	return NULL;
}

static void push(struct mem_thread *t)
{
	t->next = atomic_load(&all);
	while (!atomic_compare_exchange_weak(&all, &t->next, t)) {
	}
	atomic_fetch_add(&n_all, 1);
}

static struct mem_thread *make(int tid)
{
	size_t bytes = mem_thread_bytes();
	uint32_t n = atomic_load(&n_all), left = atomic_load(&refused);
	uint8_t *at = NULL;

	if (left) {
		atomic_store(&refused, left - 1);
		return NULL;
	}
	n = n < 1 ? 1 : n > BATCH_MAX ? BATCH_MAX : n;
	at = heap_map(heap_file(), n * bytes);
	if (!at && n > 1) {
		n = 1;
		at = heap_map(heap_file(), bytes);
	}
	if (!at) {
		atomic_store(&refused, REFUSED);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct mem_thread *t = (struct mem_thread *)(void *)(at + i * bytes);

		mem_thread_lay(t);
		atomic_store(&t->tid, i == 0 ? tid : 0);
		push(t);
	}
	return (struct mem_thread *)(void *)at;
}

struct mem_thread *mem_pool_take(int tid)
{
	struct mem_thread *t = find(tid, 0);
	uint32_t n = atomic_load(&n_all);

	if (!t && n >= atomic_load(&reap_at)) {
		t = find(tid, 1);
		if (!t)
			atomic_store(&reap_at, 2 * n);
	}
	if (t) {
		heap_thread_end(&t->heap);
		mem_thread_reset(t);
	} else {
		t = make(tid);
	}
	if (!t)
		return NULL;
	t->heap.busy = 0;
	t->heap.stage = 0;
	t->heap.alloc_bytes = t->heap.alloc_count = 0;
	atomic_store(&t->heap.n_pending, 0);
	atomic_store(&t->gone, 0);
	t->gate = 0;
	return t;
}

struct mem_thread *mem_pool_all(void)
{
	return atomic_load_explicit(&all, memory_order_acquire);
}

void mem_pool_fork_child(struct mem_thread *own)
{
	for (struct mem_thread *t = mem_pool_all(); t; t = t->next) {
		if (t == own) {
			atomic_store(&t->tid, sys_gettid());
			continue;
		}
		modules_pin_leave(&t->pin);
		t->heap.busy = 0;
		atomic_store(&t->tid, 0);
	}
	atomic_store(&refused, 0);
}
