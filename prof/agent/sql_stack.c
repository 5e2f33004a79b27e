/* The issuing stack of a statement, by the walker of allocation stacks with a state of its own for each thread,
 * so that it works whatever is tracked of memory; and who is inside: libpq calls its own functions by names that
 * lead to ours, and a handler may come by. */
#include <errno.h>

#include "prof/agent/agent.h"
#include "prof/agent/mem_thread.h"
#include "prof/agent/slots.h"
#include "prof/agent/sql.h"
#include "prof/agent/sys.h"

struct sql_thread {
	struct sql_thread *next;
	_Atomic int32_t tid; /* 0: free */
	uint64_t thread_pointer;
	struct mem_thread *walker;
};

struct sql_tls {
	struct sql_thread *thread;
	uint64_t inside_sp; /* of who is inside, 0: nobody */
	uint32_t gone;
};

static __thread struct sql_tls tls __attribute__((tls_model("initial-exec")));
static struct sql_thread *_Atomic all;

/* What is still on the stack lies further up than we; who does not has jumped out. */
int sql_inside(void)
{
	return tls.inside_sp != 0 && tls.inside_sp > (uint64_t)__builtin_frame_address(0);
}

int sql_enter(void)
{
	if (tls.inside_sp != 0 && tls.inside_sp > (uint64_t)__builtin_frame_address(0))
		return 0;
	tls.inside_sp = (uint64_t)__builtin_frame_address(0);
	atomic_signal_fence(memory_order_seq_cst);
	return 1;
}

void sql_leave(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	tls.inside_sp = 0;
}

static struct sql_thread *find_free(int tid)
{
	for (struct sql_thread *t = atomic_load(&all); t; t = t->next) {
		int32_t nobody = 0;

		if (atomic_compare_exchange_strong(&t->tid, &nobody, tid))
			return t;
	}
	return NULL;
}

static __attribute__((noinline)) struct sql_thread *attach(void)
{
	int tid = sys_gettid();
	struct sql_thread *t = find_free(tid);
	size_t head = (sizeof *t + 63) & ~(size_t)63;

	if (!t) {
		t = sys_map(head + mem_thread_bytes());
		if (!t)
			return NULL;
		t->walker = (struct mem_thread *)(void *)((uint8_t *)t + head);
		mem_thread_lay(t->walker);
		atomic_store(&t->tid, tid);
		t->next = atomic_load(&all);
		while (!atomic_compare_exchange_weak(&all, &t->next, t)) {
		}
	} else {
		mem_thread_reset(t->walker);
	}
	t->thread_pointer = sys_thread_pointer();
	tls.thread = t;
	return t;
}

void sql_thread_gone(void)
{
	struct sql_thread *t = tls.thread;

	tls.gone = 1;
	tls.thread = NULL;
	if (t && t->thread_pointer == sys_thread_pointer())
		atomic_store(&t->tid, 0);
}

/* The surviving thread keeps its state; the others' are free. */
void sql_stack_fork_child(void)
{
	for (struct sql_thread *t = atomic_load(&all); t; t = t->next)
		if (t != tls.thread)
			atomic_store(&t->tid, 0);
	tls.inside_sp = 0;
	tls.gone = 0;
	if (tls.thread)
		mem_thread_reset(tls.thread->walker);
}

void sql_where(const struct mem_caller *caller, struct sql_where *w)
{
	struct sql_thread *t = tls.thread;
	struct heap_stack stack;

	if (__builtin_expect(!t && !tls.gone, 0))
		t = attach();
	if (__builtin_expect(!t, 0)) {
		w->only = caller->ip - 1;
		w->addresses = &w->only;
		w->n = 1;
		w->hash = w->only;
		w->stage = 0;
		w->flags = 0;
		return;
	}
	w->stage = agent_stage_for_statement(agent_self);
	mem_stack_quick(t->walker, caller, &stack);
	w->hash = stack.hash;
	w->addresses = stack.addresses;
	w->n = stack.n;
	w->flags = stack.flags;
}

const uint64_t *sql_where_addresses(struct sql_where *w)
{
	if (!w->addresses && tls.thread)
		w->addresses = unwind_trail_addresses(tls.thread->walker->trail);
	return w->addresses;
}
