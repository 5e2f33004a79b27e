/* Finds the allocator behind us. dlsym() may itself allocate (its error texts, older ones more): what it asks
 * for meanwhile comes from a small arena and is never given back. Normal context; any thread. */
#include "prof/agent/mem_next.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/agent/mem.h"
#include "prof/agent/sys.h"

#define ARENA_BYTES 32768 /* dlsym() takes less than 1 KiB */
#define ARENA_ALIGN 16
#define PAGE        4096

struct arena_block { /* before each block */
	size_t bytes;
	size_t pad;
};
_Static_assert(sizeof(struct arena_block) == ARENA_ALIGN, "blocks stay aligned");

static _Alignas(PAGE) uint8_t arena[ARENA_BYTES];
static _Atomic size_t arena_used;
static _Atomic uint64_t finding; /* thread that is at it, by its control block */
static _Atomic uint32_t found;
int mem_foreign;
static struct mem_next real; /* what free, realloc, malloc_usable_size lead to */

/* ---- the arena */

static void *arena_alloc(size_t align, size_t bytes)
{
	size_t was = atomic_load(&arena_used), at, end;

	if (align < ARENA_ALIGN)
		align = ARENA_ALIGN;
	do {
		at = (was + sizeof(struct arena_block) + align - 1) & ~(align - 1);
		if (align > PAGE || bytes > ARENA_BYTES || at > ARENA_BYTES - bytes) {
			errno = ENOMEM;
			return NULL;
		}
		end = at + bytes;
	} while (!atomic_compare_exchange_weak(&arena_used, &was, end));
	((struct arena_block *)(void *)(arena + at))[-1].bytes = bytes;
	return arena + at; /* zeroed: no place is given out twice */
}

static int in_arena(const void *p)
{
	return (uintptr_t)p - (uintptr_t)arena < ARENA_BYTES;
}

static size_t arena_size(const void *p)
{
	return ((const struct arena_block *)p)[-1].bytes;
}

/* ---- before the allocator is known */

static void *early_malloc(size_t n)
{
	return mem_next_find() ? mem_next.malloc(n) : arena_alloc(0, n);
}

static void early_free(void *p)
{
	if (!in_arena(p) && mem_next_find())
		mem_next.free(p);
}

static void *early_calloc(size_t n, size_t bytes)
{
	size_t all;

	if (mem_next_find())
		return mem_next.calloc(n, bytes);
	if (__builtin_mul_overflow(n, bytes, &all))
		all = SIZE_MAX;
	return arena_alloc(0, all);
}

static void *early_realloc(void *p, size_t n)
{
	void *q;

	if (mem_next_find())
		return mem_next.realloc(p, n);
	q = arena_alloc(0, n);
	if (q && p && in_arena(p))
		memcpy(q, p, arena_size(p) < n ? arena_size(p) : n);
	return q;
}

static void *early_aligned(size_t align, size_t n)
{
	return mem_next_find() ? mem_next.memalign(align, n) : arena_alloc(align, n);
}

static int early_posix_memalign(void **out, size_t align, size_t n)
{
	int saved = errno;
	void *p;

	if (mem_next_find())
		return mem_next.posix_memalign(out, align, n);
	if (align % sizeof(void *) || align == 0 || (align & (align - 1)))
		return EINVAL;
	p = arena_alloc(align, n);
	errno = saved;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

static void *early_valloc(size_t n)
{
	return mem_next_find() ? mem_next.valloc(n) : arena_alloc(PAGE, n);
}

static size_t early_usable(void *p)
{
	if (in_arena(p))
		return arena_size(p);
	return mem_next_find() ? mem_next.malloc_usable_size(p) : 0;
}

struct mem_next mem_next = {
	.malloc = early_malloc,
	.free = early_free,
	.calloc = early_calloc,
	.realloc = early_realloc,
	.posix_memalign = early_posix_memalign,
	.aligned_alloc = early_aligned,
	.memalign = early_aligned,
	.valloc = early_valloc,
	.pvalloc = early_valloc,
	.malloc_usable_size = early_usable,
};

/* ---- once the arena was used, its blocks may come back at any time */

static void checked_free(void *p)
{
	if (!in_arena(p))
		real.free(p);
}

static void *checked_realloc(void *p, size_t n)
{
	void *q;

	if (!in_arena(p))
		return real.realloc(p, n);
	q = real.malloc(n);
	if (q)
		memcpy(q, p, arena_size(p) < n ? arena_size(p) : n);
	return q;
}

static size_t checked_usable(void *p)
{
	return in_arena(p) ? arena_size(p) : real.malloc_usable_size(p);
}

/* ---- finding it */

static void find_all(struct mem_next *n)
{
	*(void **)&n->malloc = dlsym(RTLD_NEXT, "malloc");
	*(void **)&n->free = dlsym(RTLD_NEXT, "free");
	*(void **)&n->calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&n->realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&n->posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
	*(void **)&n->aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
	*(void **)&n->memalign = dlsym(RTLD_NEXT, "memalign");
	*(void **)&n->valloc = dlsym(RTLD_NEXT, "valloc");
	*(void **)&n->pvalloc = dlsym(RTLD_NEXT, "pvalloc");
	*(void **)&n->malloc_usable_size = dlsym(RTLD_NEXT, "malloc_usable_size");
}

void *mem_called_malloc(size_t n)
{
	return malloc(n);
}

void *mem_called_memalign(size_t align, size_t n)
{
	return memalign(align, n);
}

void *mem_called_realloc(void *p, size_t n)
{
	return realloc(p, n);
}

void mem_called_free(void *p)
{
	free(p);
}

int mem_next_find(void)
{
	uint64_t self = sys_thread_pointer();
	void *(*volatile called)(size_t) = malloc;
	struct mem_next n;

	if (atomic_load_explicit(&found, memory_order_acquire))
		return 1;
	if (atomic_load(&finding) == self)
		return 0;
	/* Two threads at once find the same; the one that is told apart is ourselves further down. */
	atomic_store(&finding, self);
	find_all(&n);
	real = n;
	if (atomic_load(&arena_used)) {
		n.free = checked_free;
		n.realloc = checked_realloc;
		n.malloc_usable_size = checked_usable;
	}
	mem_next = n;
	mem_foreign = called != mem_malloc_own;
	atomic_store_explicit(&found, 1, memory_order_release);
	atomic_store(&finding, 0);
	return 1;
}
