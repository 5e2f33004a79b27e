/* Memory of our own in the target: mapped, named, left out of core dumps, noted in the heap file so that the
 * supervisor can take it off the program's. What is noted is kept here for the next file, too. System calls
 * by number: libc's names may be hooked by us, and some are points of cancellation. Lock-free. */
#include "prof/heap/tables.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/heap/tables_internal.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d61 /* Linux 5.17, with CONFIG_ANON_VMA_NAME */
#endif
#ifndef PR_SET_VMA_ANON_NAME
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18 /* Linux 4.14 */
#endif

/* A place is free while its start is 0. */
static struct heap_range own[HEAP_OWN_RANGES];
void (*heap_maps_more)(size_t bytes);

static _Atomic uint32_t nameless; /* this kernel does not name memory: it is not asked again */

static size_t whole_pages(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

/* The file of a parent says nothing of its children. */
static void publish(struct heap_head *head, uint32_t i, uint64_t start, uint64_t bytes)
{
	if (!head || head->pid != (int32_t)syscall(SYS_getpid))
		return;
	atomic_store_explicit(&head->own[i].bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&head->own[i].start, start, memory_order_release);
	atomic_store_explicit(&head->own[i].bytes, bytes, memory_order_release);
}

void heap_own_add(struct heap_head *head, const void *p, size_t bytes)
{
	uint64_t start = (uint64_t)(uintptr_t)p;

	bytes = whole_pages(bytes);
	for (uint32_t i = 0; i < HEAP_OWN_RANGES; i++) {
		uint64_t none = 0;

		if (atomic_load_explicit(&own[i].start, memory_order_relaxed) != 0 ||
		    !atomic_compare_exchange_strong(&own[i].start, &none, start))
			continue;
		atomic_store_explicit(&own[i].bytes, bytes, memory_order_release);
		publish(head, i, start, bytes);
		return;
	}
}

void heap_own_remove(struct heap_head *head, const void *p)
{
	uint64_t start = (uint64_t)(uintptr_t)p;

	for (uint32_t i = 0; i < HEAP_OWN_RANGES; i++) {
		if (atomic_load_explicit(&own[i].start, memory_order_relaxed) != start)
			continue;
		publish(head, i, 0, 0);
		atomic_store_explicit(&own[i].bytes, 0, memory_order_relaxed);
		atomic_store_explicit(&own[i].start, 0, memory_order_release);
		return;
	}
}

uint64_t heap_own_bytes(void)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < HEAP_OWN_RANGES; i++)
		bytes += atomic_load_explicit(&own[i].bytes, memory_order_relaxed);
	return bytes;
}

void heap_own_note_all(struct heap_head *head)
{
	for (uint32_t i = 0; i < HEAP_OWN_RANGES; i++) {
		uint64_t bytes = atomic_load_explicit(&own[i].bytes, memory_order_acquire);

		if (bytes)
			publish(head, i, atomic_load_explicit(&own[i].start, memory_order_relaxed),
				bytes);
	}
}

void *heap_map(struct heap_head *head, size_t bytes)
{
	long at;
	void *p;

	bytes = whole_pages(bytes);
	if (heap_maps_more)
		heap_maps_more(bytes);
	at = syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
	if (at == -1)
		return NULL;
	p = (void *)at;
	if (!atomic_load_explicit(&nameless, memory_order_relaxed) &&
	    syscall(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, bytes, "protea-prof"))
		atomic_store_explicit(&nameless, 1, memory_order_relaxed);
	(void)syscall(SYS_madvise, p, bytes, MADV_DONTDUMP);
	/* Tables are touched here and there: a huge page for each touch would be most of our memory. */
	(void)syscall(SYS_madvise, p, bytes, MADV_NOHUGEPAGE);
	heap_own_add(head, p, bytes);
	return p;
}

void heap_unmap(struct heap_head *head, void *p, size_t bytes)
{
	if (!p)
		return;
	/* Taken out first: what another thread maps there next is not ours. */
	heap_own_remove(head, p);
	(void)syscall(SYS_munmap, p, whole_pages(bytes));
}

void *heap_map_wiped(struct heap_head *head, size_t bytes, int *wiped)
{
	void *p = heap_map(head, bytes);
	int can = p && syscall(SYS_madvise, p, whole_pages(bytes), MADV_WIPEONFORK) == 0;

	if (wiped)
		*wiped = can;
	return p;
}

void heap_wipe(void *p, size_t bytes)
{
	(void)syscall(SYS_madvise, p, whole_pages(bytes), MADV_DONTNEED);
}

void heap_loss(struct heap_head *head, enum heap_loss loss, uint64_t n)
{
	atomic_fetch_add_explicit(&head->losses[loss], n, memory_order_relaxed);
}
