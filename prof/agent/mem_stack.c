/* The stack of an allocation: window of memory, snapshot of modules, walk, what it says of itself; and the
 * stage, if that is still to be asked for, since a site is made of both. What is
 * remembered between walks is unwind/trail's. Normal context, by the thread that `t` belongs to and with
 * heap.busy set; errno is kept, for no libc call is made. */
#include <sys/uio.h>

#include "prof/agent/mem_thread.h"
#include "prof/agent/modpath.h"
#include "prof/agent/slots.h"
#include "prof/agent/sys.h"

#define COPY_BYTES  4096 /* of a stack that is not the thread's own, at a time */
#define COPY_PIECES 2    /* pages that so much can lie in */
#define PAGE        4096ull
#define MAIN_SPAN   (128ull << 20) /* nothing is mapped this close below the main stack (mmap_base) */
#define NOT_FOUND   1              /* mem_thread.stack_hi */
#define EPOCH       0xd6e8feb86659fd93u

#define ALIGN64(n) (((n) + 63) & ~(size_t)63)

static const uint64_t *asked(const struct heap_stack *stack)
{
	(void)stack;
	return unwind_trail_addresses(mem_tls.thread->trail);
}

size_t mem_thread_bytes(void)
{
	return ALIGN64(sizeof(struct mem_thread)) + ALIGN64(unwind_cache_bytes()) +
	       ALIGN64(unwind_trail_bytes(HEAP_DEPTH_MAX)) + COPY_BYTES;
}

void mem_thread_lay(struct mem_thread *t)
{
	uint8_t *at = (uint8_t *)t + ALIGN64(sizeof *t);

	t->cache = (struct unwind_cache *)(void *)at;
	at += ALIGN64(unwind_cache_bytes());
	t->trail = (struct unwind_trail *)(void *)at;
	at += ALIGN64(unwind_trail_bytes(HEAP_DEPTH_MAX));
	t->stack_bytes = at;
	unwind_trail_init(t->trail, HEAP_DEPTH_MAX);
	modules_pin_add(&t->pin);
	heap_stack_ask = asked;
}

void mem_thread_reset(struct mem_thread *t)
{
	t->stack_lo = t->stack_hi = 0;
	modules_pin_leave(&t->pin);
	unwind_trail_init(t->trail, HEAP_DEPTH_MAX);
}

/* ---- memory ------------------------------------------------------------------------------------- */

/* As far as it is readable, by a system call that reports what is not instead of faulting: the pages of
 * other stacks may be gone at any time. */
static int extend(struct unwind_memory *m, uint64_t address)
{
	struct mem_thread *t = m->ctx;
	uint64_t from = address & ~7ull, end = from + COPY_BYTES, cut = (from | (PAGE - 1)) + 1;
	struct iovec to = {t->stack_bytes, COPY_BYTES};
	struct iovec pieces[COPY_PIECES] = {{(void *)from, cut - from}, {(void *)cut, end - cut}};
	long got;

	if (from >= UINT64_MAX - COPY_BYTES - PAGE)
		return -1;
	got = sys6(SYS_process_vm_readv, agent.pid, (long)&to, 1, (long)pieces,
		   cut < end ? COPY_PIECES : 1, 0);
	if (got < 16)
		return -1;
	m->lo = from;
	m->hi = from + (uint64_t)got;
	m->base = t->stack_bytes;
	return 0;
}

/* The thread's stack by its slot; else the mapping that sp lies in, if it is the kernel's or holds the
 * thread's control block, which lies above the stack. */
static void find_stack(struct mem_thread *t, uint64_t sp)
{
	const struct agent_slot *slot = agent_self;
	uint64_t tp = sys_thread_pointer(), lo, hi;

	t->stack_lo = 0;
	t->stack_hi = NOT_FOUND;
	if (slot && slot->thread_pointer == tp && slot->stack_hi) {
		t->stack_lo = slot->stack_lo;
		t->stack_hi = slot->stack_hi;
		return;
	}
	if (modpath_range(sp, &lo, &hi) < 0)
		return;
	if (sys_gettid() == agent.pid) {
		t->stack_lo = hi - MAIN_SPAN;
		t->stack_hi = hi;
	} else if (sp < tp && tp < hi) {
		t->stack_lo = lo;
		t->stack_hi = tp;
	}
}

static void set_window(struct mem_thread *t, struct unwind_memory *m, uint64_t sp)
{
	if (__builtin_expect(t->stack_hi == 0, 0))
		find_stack(t, sp);
	m->ctx = t;
	m->extend = extend;
	if (__builtin_expect(sp >= t->stack_lo && sp < t->stack_hi, 1)) {
		m->lo = sp;
		m->hi = t->stack_hi;
		m->base = (const uint8_t *)sp;
	} else {
		m->lo = m->hi = 0;
		m->base = NULL;
	}
}

/* ---- the stack ---------------------------------------------------------------------------------- */

/* Nothing is known of modules yet, or of this code: the caller alone. */
static void only_caller(struct mem_thread *t, const struct mem_caller *caller,
			struct heap_stack *stack)
{
	t->first = caller->ip - 1;
	stack->addresses = &t->first;
	stack->n = 1;
	stack->hash = unwind_trail_hash(&t->first, 1);
}

/* Where code was replaced by other code, the same addresses are another stack. */
static __attribute__((noinline)) void
tell_apart(struct mem_thread *t, const struct modules_replaced *replaced, struct heap_stack *stack)
{
	const uint64_t *a = stack->addresses ? stack->addresses : unwind_trail_addresses(t->trail);

	for (uint32_t i = 0; i < stack->n; i++)
		if (a[i] - replaced->start < replaced->end - replaced->start) {
			stack->hash += EPOCH * replaced->times;
			return;
		}
}

static uint32_t flags_of(const struct unwind_trail_result *r)
{
	uint32_t flags = (uint32_t)r->end & SPOOL_SAMPLE_END_MASK;

	if (r->end == UNWIND_DEPTH)
		flags |= SPOOL_SAMPLE_TRUNCATED;
	if (r->guessed)
		flags |= SPOOL_SAMPLE_GUESSED;
	return flags;
}

void mem_stack_quick(struct mem_thread *t, const struct mem_caller *caller,
		     struct heap_stack *stack)
{
	struct agent_modules *modules = modules_pin_enter(&t->pin);
	struct unwind_trail_result r = {.end = UNWIND_NO_TABLE};
	struct unwind_memory memory;

	if (__builtin_expect(t->heap.stage == AGENT_STAGE_ASK, 0)) /* a site is made of both */
		t->heap.stage = agent_stage_for_memory(agent_self);
	if (modules) {
		set_window(t, &memory, caller->sp);
		unwind_trail_walk(t->trail, caller->ip, caller->sp, caller->bp, &memory,
				  modules_map(modules), t->cache, &r);
	}
	stack->addresses = NULL;
	stack->n = r.n;
	stack->hash = r.hash;
	if (__builtin_expect(r.n == 0, 0))
		only_caller(t, caller, stack);
	if (__builtin_expect(modules_replaced(modules)->times != 0, 0))
		tell_apart(t, modules_replaced(modules), stack);
	modules_pin_leave(&t->pin);
	stack->flags = flags_of(&r);
}

void mem_stack(struct mem_thread *t, const struct mem_caller *caller, struct heap_stack *stack)
{
	mem_stack_quick(t, caller, stack);
	if (!stack->addresses)
		stack->addresses = unwind_trail_addresses(t->trail);
}
