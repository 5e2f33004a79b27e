/* The malloc family as the program calls it. Each function has a fast way without a frame, which ends in a
 * jump to the allocator behind us (mem_next.h), and a slow one, which it jumps to: so the slow one's frame
 * lies where the program's call put it, and tells who called. What errno says is the allocator's. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "prof/agent/agent.h"
#include "prof/agent/mem.h"
#include "prof/agent/mem_fast.h"
#include "prof/agent/mem_next.h"

#define SLOW      static __attribute__((noinline))
#define LIKELY(x) __builtin_expect(!!(x), 1)

/* ---- blocks that begin */

SLOW void *malloc_slow(size_t n)
{
	struct mem_caller caller = MEM_CALLER();
	void *p = mem_next.malloc(n);

	if (p)
		mem_allocated(p, n, &caller);
	return p;
}

AGENT_EXPORT void *malloc(size_t n)
{
	return mem_goes_by(n) ? mem_next.malloc(n) : malloc_slow(n);
}

void *mem_malloc_own(size_t n) __THROW __attribute_malloc__ __attribute_alloc_size__((1))
	__attribute__((alias("malloc"), visibility("hidden")));

SLOW void *calloc_slow(size_t n, size_t bytes)
{
	struct mem_caller caller = MEM_CALLER();
	void *p = mem_next.calloc(n, bytes);

	if (p)
		mem_allocated(p, n * bytes, &caller);
	return p;
}

AGENT_EXPORT void *calloc(size_t n, size_t bytes)
{
	size_t all;

	if (!__builtin_mul_overflow(n, bytes, &all) && mem_goes_by(all))
		return mem_next.calloc(n, bytes);
	return calloc_slow(n, bytes);
}

SLOW int posix_memalign_slow(void **out, size_t align, size_t n)
{
	struct mem_caller caller = MEM_CALLER();
	int rc = mem_next.posix_memalign(out, align, n);

	if (rc == 0 && *out)
		mem_allocated(*out, n, &caller);
	return rc;
}

AGENT_EXPORT int posix_memalign(void **out, size_t align, size_t n)
{
	return mem_goes_by(n) ? mem_next.posix_memalign(out, align, n)
			      : posix_memalign_slow(out, align, n);
}

SLOW void *aligned_alloc_slow(size_t align, size_t n)
{
	struct mem_caller caller = MEM_CALLER();
	void *p = mem_next.aligned_alloc(align, n);

	if (p)
		mem_allocated(p, n, &caller);
	return p;
}

AGENT_EXPORT void *aligned_alloc(size_t align, size_t n)
{
	return mem_goes_by(n) ? mem_next.aligned_alloc(align, n) : aligned_alloc_slow(align, n);
}

SLOW void *memalign_slow(size_t align, size_t n)
{
	struct mem_caller caller = MEM_CALLER();
	void *p = mem_next.memalign(align, n);

	if (p)
		mem_allocated(p, n, &caller);
	return p;
}

AGENT_EXPORT void *memalign(size_t align, size_t n)
{
	return mem_goes_by(n) ? mem_next.memalign(align, n) : memalign_slow(align, n);
}

SLOW void *valloc_slow(size_t n)
{
	struct mem_caller caller = MEM_CALLER();
	void *p = mem_next.valloc(n);

	if (p)
		mem_allocated(p, n, &caller);
	return p;
}

AGENT_EXPORT void *valloc(size_t n)
{
	return mem_goes_by(n) ? mem_next.valloc(n) : valloc_slow(n);
}

SLOW void *pvalloc_slow(size_t n)
{
	struct mem_caller caller = MEM_CALLER();
	void *p = mem_next.pvalloc(n);

	if (p)
		mem_allocated(p, n, &caller);
	return p;
}

AGENT_EXPORT void *pvalloc(size_t n)
{
	return mem_goes_by(n) ? mem_next.pvalloc(n) : pvalloc_slow(n);
}

/* ---- blocks that end */

SLOW void free_slow(void *p)
{
	if (p)
		mem_freed(p);
	mem_next.free(p);
}

AGENT_EXPORT void free(void *p)
{
	if (LIKELY(!mem_is_watched(p)))
		mem_next.free(p);
	else
		free_slow(p);
}

void mem_free_own(void *p) __THROW __attribute__((alias("free"), visibility("hidden")));

/* Gone from <stdlib.h> since glibc 2.26, where it was another name of free(). */
void cfree(void *p);
AGENT_EXPORT void cfree(void *p)
{
	if (!LIKELY(!mem_foreign))
		mem_called_free(p);
	else if (LIKELY(!mem_is_watched(p)))
		mem_next.free(p);
	else
		free_slow(p);
}

/* C23: free() for who knows the size. An allocator that makes use of it need not be told. */
void free_sized(void *p, size_t n);
AGENT_EXPORT void free_sized(void *p, size_t n)
{
	(void)n;
	if (!LIKELY(!mem_foreign))
		mem_called_free(p);
	else if (LIKELY(!mem_is_watched(p)))
		mem_next.free(p);
	else
		free_slow(p);
}

void free_aligned_sized(void *p, size_t align, size_t n);
AGENT_EXPORT void free_aligned_sized(void *p, size_t align, size_t n)
{
	(void)align;
	(void)n;
	if (!LIKELY(!mem_foreign))
		mem_called_free(p);
	else if (LIKELY(!mem_is_watched(p)))
		mem_next.free(p);
	else
		free_slow(p);
}

/* ---- blocks that change */

/* What realloc(p, 0) does is the allocator's choice: it frees, or gives an empty block; the old one is gone. */
static void *realloc_to_nothing(void *p, const struct mem_caller *caller)
{
	void *q;

	mem_freed(p);
	q = mem_next.realloc(p, 0);
	if (q)
		mem_allocated(q, 0, caller);
	return q;
}

static inline __attribute__((always_inline)) void *resize(void *p, size_t n,
							  const struct mem_caller *caller)
{
	struct mem_resize r;
	void *q;

	if (p && n == 0)
		return realloc_to_nothing(p, caller);
	mem_resize_begin(&r, p);
	q = mem_next.realloc(p, n);
	mem_resize_end(&r, q, n, caller);
	return q;
}

SLOW void *realloc_slow(void *p, size_t n)
{
	struct mem_caller caller = MEM_CALLER();

	return resize(p, n, &caller);
}

AGENT_EXPORT void *realloc(void *p, size_t n)
{
	if (LIKELY(n > 0 && !mem_is_watched(p)) && mem_goes_by(n))
		return mem_next.realloc(p, n);
	return realloc_slow(p, n);
}

/* libc's would call realloc(), whichever that is, and be seen as its caller. */
AGENT_EXPORT void *reallocarray(void *p, size_t n, size_t bytes)
{
	size_t all;

	if (__builtin_mul_overflow(n, bytes, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	if (!LIKELY(!mem_foreign))
		return mem_called_realloc(p, all);
	if (LIKELY(all > 0 && !mem_is_watched(p)) && mem_goes_by(all))
		return mem_next.realloc(p, all);
	return realloc_slow(p, all);
}

AGENT_EXPORT size_t malloc_usable_size(void *p)
{
	return mem_next.malloc_usable_size(p);
}
