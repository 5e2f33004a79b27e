/* Address space that the program asks for: mmap and its kin, brk, System V shared memory, the stacks of threads
 * that libc makes. What a call gives is noted after it; what a call takes away is taken out before it, and put
 * back if it fails: other threads may be given the same addresses in between (prof/heap/maps.h).
 *
 * Not seen, and not to be: what libc maps for itself (it calls itself directly), and what this library maps
 * (told by the caller's address). These calls are made by handlers, and by allocators that are just starting:
 * as long as the next definitions are not known, the kernel is asked without them. errno is kept. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "prof/agent/agent.h"
#include "prof/agent/mem.h"
#include "prof/agent/sys.h"
#include "prof/heap/maps.h"

#define PAGE UINT64_C(4096)

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif
#define HUGE_MASK    63
#define HUGE_DEFAULT 21 /* 2 MiB: what x86-64 has unless the system was told otherwise */

#define ATTACHED_MAX 256

/* The next definition as far as it was looked up; else NULL. */
#define KNOWN_NEXT(name)                                                                           \
	({                                                                                         \
		static struct agent_next_entry next_                                               \
			__attribute__((section("agent_lookups"), used)) = {.called = #name};       \
		(__typeof__(&name))atomic_load_explicit(&next_.found, memory_order_relaxed);       \
	})

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + PAGE - 1) & ~(PAGE - 1);
}

static long failed(long rc)
{
	if (rc < 0 && rc > -4096) {
		errno = (int)-rc;
		return -1;
	}
	return rc;
}

/* ---- notes ----------------------------------------------------------------------------------- */

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

static int is_ours(uint64_t ip)
{
	return ip - (uint64_t)(uintptr_t)__ehdr_start < (uint64_t)(etext - __ehdr_start);
}

static int is_tracked(const struct mem_caller *caller)
{
	return atomic_load_explicit(mem_gate, memory_order_relaxed) != 0 && !is_ours(caller->ip);
}

/* The calling thread's state; NULL: it is in the middle of something. */
static struct mem_thread *enter(void)
{
	struct mem_thread *t = mem_enter();
	struct heap_head *file = t ? NULL : heap_file();

	if (file)
		heap_loss(file, HEAP_LOSS_IN_HANDLER, 1);
	return t;
}

static void note_mapped(const void *p, uint64_t bytes, const struct mem_caller *caller)
{
	int saved = errno;
	struct mem_thread *t = enter();
	struct heap_stack stack;

	if (t) {
		mem_stack(t, caller, &stack);
		heap_mapped(mem_heap_thread(t), (uint64_t)(uintptr_t)p, bytes, &stack);
		mem_leave(t);
	}
	errno = saved;
}

/* What a call is about to take away. */
struct leaving {
	uint64_t start, bytes;
	struct heap_maps_taken taken;
	int noted;
};

static void note_leaving(struct leaving *l, uint64_t start, uint64_t bytes,
			 const struct mem_caller *caller)
{
	int saved = errno;
	struct mem_thread *t = NULL;

	*l = (struct leaving){.start = start, .bytes = bytes};
	if (bytes && is_tracked(caller))
		t = enter();
	if (t) {
		heap_unmap_begin(mem_heap_thread(t), start, bytes, &l->taken);
		mem_leave(t);
		l->noted = 1;
	}
	errno = saved;
}

static void note_left(struct leaving *l, int done)
{
	int saved = errno;
	struct mem_thread *t = l->noted ? enter() : NULL;

	if (t) {
		if (done)
			heap_unmap_end(mem_heap_thread(t), &l->taken);
		else
			heap_unmap_failed(mem_heap_thread(t), &l->taken, l->start, l->bytes);
		mem_leave(t);
	}
	errno = saved;
}

/* What is below its callers is no code but a word of its own. */
static uint64_t labelled_hash(const struct heap_stack *stack, enum heap_label label)
{
	uint64_t h = (stack->hash ^ (uint64_t)label) * 0x9e3779b97f4a7c15u; /* the golden ratio's */

	return h ? h : 1;
}

/* Copies at most `max` addresses behind one that says `label`; returns how many there are. */
static uint32_t put_label(uint64_t *out, uint32_t max, const struct heap_stack *stack,
			  enum heap_label label, uint32_t *flags)
{
	uint32_t n = stack->n < max ? stack->n : max;

	*flags = stack->flags | (n < stack->n ? SPOOL_SAMPLE_TRUNCATED : 0);
	out[0] = label;
	for (uint32_t i = 0; i < n; i++)
		out[1 + i] = stack->addresses[i];
	return 1 + n;
}

static __attribute__((noinline)) void note_labelled(uint64_t start, uint64_t bytes,
						    const struct mem_caller *caller,
						    enum heap_label label)
{
	uint64_t addresses[HEAP_DEPTH_MAX];
	struct mem_thread *t = enter();
	struct heap_stack stack, labelled = {.addresses = addresses};

	if (!t)
		return;
	mem_stack(t, caller, &stack);
	labelled.hash = labelled_hash(&stack, label);
	labelled.n = put_label(addresses, HEAP_DEPTH_MAX - 1, &stack, label, &labelled.flags);
	heap_mapped(mem_heap_thread(t), start, bytes, &labelled);
	mem_leave(t);
}

/* ---- mmap ------------------------------------------------------------------------------------ */

static uint64_t mapped_bytes(size_t length, int flags)
{
	int shift = (int)((unsigned int)flags >> MAP_HUGE_SHIFT & HUGE_MASK);
	uint64_t page = PAGE;

	if (flags & MAP_HUGETLB)
		page = UINT64_C(1) << (shift ? shift : HUGE_DEFAULT);
	return ((uint64_t)length + page - 1) & ~(page - 1);
}

AGENT_EXPORT void *mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset)
{
	const struct mem_caller caller = MEM_CALLER();
	__typeof__(&mmap) next = KNOWN_NEXT(mmap);
	void *p = next ? next(at, length, prot, flags, fd, offset)
		       : (void *)failed(
				 sys6(SYS_mmap, (long)at, (long)length, prot, flags, fd, offset));

	if (p != MAP_FAILED && is_tracked(&caller))
		note_mapped(p, mapped_bytes(length, flags), &caller);
	return p;
}

AGENT_EXPORT void *mmap64(void *at, size_t length, int prot, int flags, int fd, off64_t offset)
{
	const struct mem_caller caller = MEM_CALLER();
	__typeof__(&mmap64) next = KNOWN_NEXT(mmap64);
	void *p = next ? next(at, length, prot, flags, fd, offset)
		       : (void *)failed(
				 sys6(SYS_mmap, (long)at, (long)length, prot, flags, fd, offset));

	if (p != MAP_FAILED && is_tracked(&caller))
		note_mapped(p, mapped_bytes(length, flags), &caller);
	return p;
}

AGENT_EXPORT int munmap(void *at, size_t length)
{
	const struct mem_caller caller = MEM_CALLER();
	__typeof__(&munmap) next = KNOWN_NEXT(munmap);
	struct leaving leaving;
	int rc;

	note_leaving(&leaving, (uint64_t)(uintptr_t)at, whole_pages(length), &caller);
	rc = next ? next(at, length) : (int)failed(sys2(SYS_munmap, (long)at, (long)length));
	note_left(&leaving, rc == 0);
	return rc;
}

static void note_moved(struct leaving *l, const void *p, size_t bytes,
		       const struct mem_caller *caller)
{
	int saved = errno;
	struct mem_thread *t = l->noted ? enter() : NULL;
	struct heap_remap r = {l->start, l->bytes, (uint64_t)(uintptr_t)p, whole_pages(bytes)};
	struct heap_stack stack;

	if (t) {
		mem_stack(t, caller, &stack);
		heap_remap_end(mem_heap_thread(t), &l->taken, &r, &stack);
		mem_leave(t);
	}
	errno = saved;
}

/* Nothing of the old mapping goes where only its pages do, and where a shared one is doubled. */
static uint64_t bytes_that_leave(size_t old_bytes, int flags)
{
	return flags & MREMAP_DONTUNMAP ? 0 : whole_pages(old_bytes);
}

AGENT_EXPORT void *mremap(void *old, size_t old_bytes, size_t bytes, int flags, ...)
{
	const struct mem_caller caller = MEM_CALLER();
	__typeof__(&mremap) next = KNOWN_NEXT(mremap);
	struct leaving leaving;
	void *want, *p;
	va_list ap;

	va_start(ap, flags); /* passed on as it is: what it means is the kernel's business */
	want = va_arg(ap, void *);
	va_end(ap);
	note_leaving(&leaving, (uint64_t)(uintptr_t)old, bytes_that_leave(old_bytes, flags),
		     &caller);
	p = next ? next(old, old_bytes, bytes, flags, want)
		 : (void *)failed(sys6(SYS_mremap, (long)old, (long)old_bytes, (long)bytes, flags,
				       (long)want, 0));
	if (p == MAP_FAILED)
		note_left(&leaving, 0);
	else if (leaving.bytes)
		note_moved(&leaving, p, bytes, &caller);
	else if (is_tracked(&caller))
		note_mapped(p, whole_pages(bytes), &caller);
	return p;
}

/* ---- brk ------------------------------------------------------------------------------------- */

/* The program's break is to go down: whole pages in between leave. */
static void note_break_down(struct leaving *l, uint64_t from, uint64_t to,
			    const struct mem_caller *caller)
{
	from = whole_pages(from);
	to = whole_pages(to);
	note_leaving(l, to, from > to ? from - to : 0, caller);
}

static void note_break_up(uint64_t from, uint64_t to, const struct mem_caller *caller)
{
	int saved = errno;

	from = whole_pages(from);
	to = whole_pages(to);
	if (to > from)
		note_labelled(from, to - from, caller, HEAP_LABEL_BRK);
	errno = saved;
}

static uint64_t break_now(void)
{
	return (uint64_t)(uintptr_t)AGENT_NEXT(sbrk)(0);
}

AGENT_EXPORT void *sbrk(intptr_t increment)
{
	const struct mem_caller caller = MEM_CALLER();
	uint64_t by = (uint64_t)increment;
	struct leaving leaving = {.noted = 0};
	void *old;

	if (increment < 0 && is_tracked(&caller)) {
		uint64_t from = break_now();

		note_break_down(&leaving, from, from + by, &caller);
	}
	old = AGENT_NEXT(sbrk)(increment);
	note_left(&leaving, old != (void *)-1);
	if (increment > 0 && old != (void *)-1 && is_tracked(&caller))
		note_break_up((uint64_t)(uintptr_t)old, (uint64_t)(uintptr_t)old + by, &caller);
	return old;
}

AGENT_EXPORT int brk(void *to)
{
	const struct mem_caller caller = MEM_CALLER();
	uint64_t from = is_tracked(&caller) ? break_now() : 0;
	struct leaving leaving = {.noted = 0};
	int rc;

	if (from)
		note_break_down(&leaving, from, (uint64_t)(uintptr_t)to, &caller);
	rc = AGENT_NEXT(brk)(to);
	note_left(&leaving, rc == 0);
	if (rc == 0 && from)
		note_break_up(from, (uint64_t)(uintptr_t)to, &caller);
	return rc;
}

/* ---- System V shared memory ------------------------------------------------------------------ */

/* shmdt() says an address only: how much is there. A place is free while its address is 0. */
static struct {
	_Atomic uint64_t address, bytes;
} attached[ATTACHED_MAX];

static int remember_attached(uint64_t address, uint64_t bytes)
{
	for (int i = 0; i < ATTACHED_MAX; i++) {
		uint64_t none = 0;

		if (atomic_compare_exchange_strong(&attached[i].address, &none, address)) {
			atomic_store(&attached[i].bytes, bytes);
			return 1;
		}
	}
	return 0;
}

static uint64_t forget_attached(uint64_t address)
{
	for (int i = 0; i < ATTACHED_MAX; i++)
		if (atomic_load(&attached[i].address) == address) {
			uint64_t bytes = atomic_exchange(&attached[i].bytes, 0);

			atomic_store(&attached[i].address, 0);
			return bytes;
		}
	return 0;
}

AGENT_EXPORT void *shmat(int id, const void *at, int flags)
{
	const struct mem_caller caller = MEM_CALLER();
	void *p = AGENT_NEXT(shmat)(id, at, flags);
	int saved = errno;
	struct shmid_ds ds;

	if (p != (void *)-1 && is_tracked(&caller) &&
	    sys3(SYS_shmctl, id, IPC_STAT, (long)&ds) == 0 &&
	    remember_attached((uint64_t)(uintptr_t)p, whole_pages(ds.shm_segsz)))
		note_mapped(p, whole_pages(ds.shm_segsz), &caller);
	errno = saved;
	return p;
}

AGENT_EXPORT int shmdt(const void *at)
{
	const struct mem_caller caller = MEM_CALLER();
	uint64_t start = (uint64_t)(uintptr_t)at, bytes = forget_attached(start);
	struct leaving leaving;
	int rc;

	note_leaving(&leaving, start, bytes, &caller);
	rc = AGENT_NEXT(shmdt)(at);
	note_left(&leaving, rc == 0);
	if (rc != 0 && bytes)
		(void)remember_attached(start, bytes);
	return rc;
}

/* ---- stacks of threads ----------------------------------------------------------------------- */

static __thread struct {
	uint64_t lo, bytes;
} own_stack __attribute__((tls_model("initial-exec")));

/* Where the program gives the memory, it is known by how it was come by. */
static int stack_is_given(const pthread_attr_t *attr)
{
	size_t bytes = 0;
	void *lo = NULL;

	return attr && pthread_attr_getstack(attr, &lo, &bytes) == 0 &&
	       (uint64_t)(uintptr_t)lo + bytes != 0;
}

void mem_map_thread_made(struct agent_slot *slot, const pthread_attr_t *attr,
			 const struct mem_caller *caller)
{
	struct mem_thread *t = NULL;
	struct heap_stack stack;
	int saved = errno;

	slot->start_frames = 0;
	if (is_tracked(caller) && !stack_is_given(attr))
		t = enter();
	if (t) {
		mem_stack(t, caller, &stack);
		slot->start_hash = labelled_hash(&stack, HEAP_LABEL_THREAD_STACK);
		slot->start_frames = put_label(slot->addresses, HEAP_DEPTH_MAX - 1, &stack,
					       HEAP_LABEL_THREAD_STACK, &slot->start_frame_flags);
		mem_leave(t);
	}
	errno = saved;
}

/* glibc's control block of a thread (fs:0), 2.3 KiB, is the last thing on the stack it makes. */
void mem_map_thread_begins(const struct agent_slot *slot)
{
	const struct heap_stack stack = {slot->start_hash, slot->addresses, slot->start_frames,
					 slot->start_frame_flags};
	uint64_t hi = whole_pages(sys_thread_pointer()), bytes;
	struct mem_thread *t;

	if (stack.n == 0)
		return;
	bytes = whole_pages(slot->start_stack_bytes);
	if (bytes == 0 || bytes > hi)
		return;
	t = enter();
	if (!t)
		return;
	heap_mapped(mem_heap_thread(t), hi - bytes, bytes, &stack);
	own_stack.lo = hi - bytes;
	own_stack.bytes = bytes;
	mem_leave(t);
}

void mem_map_thread_ends(void)
{
	const struct mem_caller libc = {0, 0, 0};
	struct leaving leaving;

	note_leaving(&leaving, own_stack.lo, own_stack.bytes, &libc);
	own_stack.bytes = 0;
	note_left(&leaving, 1);
}
