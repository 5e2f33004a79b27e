/* C++'s operator new and delete, for allocators that bring their own and do not go through malloc (jemalloc,
 * tcmalloc, mimalloc). libstdc++'s and libc++'s end in malloc(), which is seen anyway: they are jumped to.
 *
 * A C program may load C++ plugins for themselves alone (dlopen() with RTLD_LOCAL): a plugin finds our operators
 * before those of its own C++ library, which we do not find. malloc() does their work then; when it fails, the
 * plugin's own operator says so, by the program's new-handler and std::bad_alloc. Exceptions pass through:
 * nothing of ours is held while others run. */
#include "prof/agent/mem_new.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/agent/agent.h"
#include "prof/agent/mem.h"
#include "prof/agent/mem_fast.h"
#include "prof/agent/mem_next.h"

/* All of them with as many arguments as the longest has: what a caller did not give is passed on unread.
 * Alignments come by value, std::nothrow by address. */
typedef void *new_fn(size_t n, uintptr_t a, uintptr_t b);
typedef void delete_fn(void *p, uintptr_t a, uintptr_t b);

/* kind, symbol, takes an alignment, throws */
#define NEWS(X)                                                                                    \
	X(plain, _Znwm, 0, 1)                                                                      \
	X(array, _Znam, 0, 1)                                                                      \
	X(quiet, _ZnwmRKSt9nothrow_t, 0, 0)                                                        \
	X(array_quiet, _ZnamRKSt9nothrow_t, 0, 0)                                                  \
	X(at, _ZnwmSt11align_val_t, 1, 1)                                                          \
	X(array_at, _ZnamSt11align_val_t, 1, 1)                                                    \
	X(at_quiet, _ZnwmSt11align_val_tRKSt9nothrow_t, 1, 0)                                      \
	X(array_at_quiet, _ZnamSt11align_val_tRKSt9nothrow_t, 1, 0)

#define DELETES(X)                                                                                 \
	X(plain, _ZdlPv)                                                                           \
	X(array, _ZdaPv)                                                                           \
	X(sized, _ZdlPvm)                                                                          \
	X(array_sized, _ZdaPvm)                                                                    \
	X(quiet, _ZdlPvRKSt9nothrow_t)                                                             \
	X(array_quiet, _ZdaPvRKSt9nothrow_t)                                                       \
	X(at, _ZdlPvSt11align_val_t)                                                               \
	X(array_at, _ZdaPvSt11align_val_t)                                                         \
	X(sized_at, _ZdlPvmSt11align_val_t)                                                        \
	X(array_sized_at, _ZdaPvmSt11align_val_t)                                                  \
	X(at_quiet, _ZdlPvSt11align_val_tRKSt9nothrow_t)                                           \
	X(array_at_quiet, _ZdaPvSt11align_val_tRKSt9nothrow_t)

#define NEW_KIND(kind, symbol, at, throws) new_##kind,
#define DELETE_KIND(kind, symbol)          delete_##kind,
enum new_kind { NEWS(NEW_KIND) NEW_KINDS };
enum delete_kind { DELETES(DELETE_KIND) DELETE_KINDS };

static new_fn *real_new[NEW_KINDS];
static delete_fn *real_delete[DELETE_KINDS];

/* ---- operators that do not go through malloc, as far as is known */

static inline void book(void *p, size_t n, const struct mem_caller *caller)
{
	if (!mem_goes_by(n))
		mem_allocated(p, n, caller);
}

/* An allocation that was seen meanwhile was this one's, or memory for many of its kind. */
static inline __attribute__((always_inline)) void *
checked(enum new_kind kind, size_t n, uintptr_t a, uintptr_t b, const struct mem_caller *caller)
{
	uint64_t count = mem_tls.count;
	void *p = real_new[kind](n, a, b);

	if (p && mem_tls.count == count)
		book(p, n, caller);
	return p;
}

/* ---- no operators behind us: malloc's work */

static int is_own(const void *code)
{
	Dl_info own, other;

	return dladdr((void *)(uintptr_t)mem_new_find, &own) && dladdr(code, &other) &&
	       own.dli_fbase == other.dli_fbase;
}

/* The library whose view of symbols is the caller's, as a handle; somebody else keeps it. */
static void *library_of(const void *code)
{
	static const char *const standard[] = {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"};
	void *library = NULL;
	Dl_info info;

	if (dladdr(code, &info) && info.dli_fname)
		library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	for (size_t i = 0; !library && i < sizeof standard / sizeof *standard; i++)
		library = dlopen(standard[i], RTLD_LAZY | RTLD_NOLOAD);
	if (library)
		(void)AGENT_NEXT(dlclose)(library);
	return library;
}

/* What the caller would have found, were it not for us. One operator calls another, by a jump: then it is us who
 * called, for somebody who is still there. */
static void *of_caller(const char *symbol, const void *code)
{
	static void *_Atomic last;
	void *library = is_own(code) ? last : library_of(code), *found;

	last = library;
	found = library ? dlsym(library, symbol) : NULL;
	return found && !is_own(found) ? found : NULL;
}

static __attribute__((noinline, cold)) void *no_memory(const char *symbol, size_t n, uintptr_t a,
						       uintptr_t b, int throws, uint64_t ip)
{
	void *found = of_caller(symbol, (void *)ip);

	if (found)
		return ((new_fn *)found)(n, a, b);
	if (throws)
		__builtin_trap(); /* nobody is there to throw, and NULL must not come back */
	return NULL;
}

static inline __attribute__((always_inline)) void *by_malloc(size_t n, size_t align,
							     const struct mem_caller *caller)
{
	size_t bytes = n ? n : 1;
	void *p;

	if (__builtin_expect(mem_foreign, 0))
		return align ? mem_called_memalign(align, bytes) : mem_called_malloc(bytes);
	p = align ? mem_next.memalign(align, bytes) : mem_next.malloc(bytes);
	if (p)
		book(p, bytes, caller);
	return p;
}

static void by_free(void *p, uintptr_t a, uintptr_t b)
{
	(void)a;
	(void)b;
	if (__builtin_expect(mem_foreign, 0))
		mem_called_free(p);
	else
		mem_free_own(p);
}

/* ---- the operators */

static new_fn *now_new[NEW_KINDS];
static delete_fn *now_delete[DELETE_KINDS];

#define DEFINE_NEW(kind, symbol, at, throws)                                                       \
	static void *first_new_##kind(size_t n, uintptr_t a, uintptr_t b)                          \
	{                                                                                          \
		mem_new_find();                                                                    \
		return now_new[new_##kind](n, a, b);                                               \
	}                                                                                          \
	static __attribute__((noinline)) void *checked_new_##kind(size_t n, uintptr_t a,           \
								  uintptr_t b)                     \
	{                                                                                          \
		struct mem_caller caller = MEM_CALLER();                                           \
                                                                                                   \
		return checked(new_##kind, n, a, b, &caller);                                      \
	}                                                                                          \
	static __attribute__((noinline)) void *malloc_new_##kind(size_t n, uintptr_t a,            \
								 uintptr_t b)                      \
	{                                                                                          \
		struct mem_caller caller = MEM_CALLER();                                           \
		void *p = by_malloc(n, (at) ? a : 0, &caller);                                     \
                                                                                                   \
		return p ? p : no_memory(#symbol, n, a, b, throws, caller.ip);                     \
	}                                                                                          \
	new_fn symbol;                                                                             \
	AGENT_EXPORT void *symbol(size_t n, uintptr_t a, uintptr_t b)                              \
	{                                                                                          \
		return now_new[new_##kind](n, a, b);                                               \
	}

#define DEFINE_DELETE(kind, symbol)                                                                \
	static void first_delete_##kind(void *p, uintptr_t a, uintptr_t b)                         \
	{                                                                                          \
		mem_new_find();                                                                    \
		now_delete[delete_##kind](p, a, b);                                                \
	}                                                                                          \
	static void checked_delete_##kind(void *p, uintptr_t a, uintptr_t b)                       \
	{                                                                                          \
		if (p && mem_is_watched(p))                                                        \
			mem_freed(p);                                                              \
		real_delete[delete_##kind](p, a, b);                                               \
	}                                                                                          \
	delete_fn symbol;                                                                          \
	AGENT_EXPORT void symbol(void *p, uintptr_t a, uintptr_t b)                                \
	{                                                                                          \
		now_delete[delete_##kind](p, a, b);                                                \
	}

NEWS(DEFINE_NEW)
DELETES(DEFINE_DELETE)

#define NEW_FIRST(kind, symbol, at, throws) first_new_##kind,
#define DELETE_FIRST(kind, symbol)          first_delete_##kind,
static new_fn *now_new[NEW_KINDS] = {NEWS(NEW_FIRST)};
static delete_fn *now_delete[DELETE_KINDS] = {DELETES(DELETE_FIRST)};

/* ---- which */

/* libstdc++, libc++, libc++abi: theirs end in malloc() and free(), or in others of the operators. */
static int is_standard(const void *fn)
{
	Dl_info info;
	const char *name;

	if (!dladdr(fn, &info) || !info.dli_fname)
		return 0;
	name = strrchr(info.dli_fname, '/');
	name = name ? name + 1 : info.dli_fname;
	return strncmp(name, "libstdc++.so", 12) == 0 || strncmp(name, "libc++.so", 9) == 0 ||
	       strncmp(name, "libc++abi.so", 12) == 0;
}

static void *next_of(const char *symbol, int any)
{
	return any ? dlsym(RTLD_NEXT, symbol) : NULL;
}

#define FIND_NEW(kind, symbol, at, throws)                                                         \
	real_new[new_##kind] = (new_fn *)next_of(#symbol, any);                                    \
	now_new[new_##kind] = !real_new[new_##kind]                       ? malloc_new_##kind      \
			      : is_standard((void *)real_new[new_##kind]) ? real_new[new_##kind]   \
									  : checked_new_##kind;
#define FIND_DELETE(kind, symbol)                                                                  \
	real_delete[delete_##kind] = (delete_fn *)next_of(#symbol, any);                           \
	now_delete[delete_##kind] = !real_delete[delete_##kind] ? by_free                          \
				    : is_standard((void *)real_delete[delete_##kind])              \
					    ? real_delete[delete_##kind]                           \
					    : checked_delete_##kind;

/* By what is loaded when the program starts, which stays; what comes later may go again. */
__attribute__((constructor)) void mem_new_find(void)
{
	static int done;
	int any;

	if (done)
		return;
	mem_next_find();
	any = dlsym(RTLD_NEXT, "_Znwm") != NULL;
	NEWS(FIND_NEW)
	DELETES(FIND_DELETE)
	(void)dlerror(); /* of what is not there: the program did not ask */
	done = 1;
}
