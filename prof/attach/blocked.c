/* Stacks of sleeping threads without a stop: see blocked.h. Whether a thread ran while it was read is told by its
 * scheduling statistics: the number of times that it got a CPU is counted before it runs a single
 * instruction (kernel/sched/stats.h, sched_info_arrive()). */
#include "prof/attach/blocked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/blocked_find.h"
#include "prof/attach/gap.h"

#define TEXT 160 /* the longest line of "syscall" has 9 numbers of 19 characters at most */

#define SEARCH_BYTES (64u << 10) /* of the stack: a search reads it at once, and looks no further */
#define SEARCHES     8           /* in one stack, at most */

struct look {
	int syscall, schedstat;
	char before[TEXT], after[TEXT];
};

static int open_task(const struct proc *p, int tid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof path, "task/%d/%s", tid, name);
	return proc_openat(p, path, O_RDONLY);
}

/* From the beginning of a file of /proc; its length or -1. */
static long again(int fd, char text[TEXT])
{
	ssize_t n = fd < 0 ? -1 : pread(fd, text, TEXT - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? n : -1;
}

static enum blocked_result why_not(void)
{
	return errno == EACCES || errno == EPERM ? BLOCKED_DENIED : BLOCKED_GONE;
}

static int is_searched(const struct attach_stack *stack)
{
	return stack->end == UNWIND_NEED_REG || stack->end == UNWIND_NO_RULE;
}

/* Frames that need rbp, which nobody tells, or without any rule: what is missing is searched for. */
static __attribute__((noinline)) void search(struct remote *memory, struct attach_space *space,
					     struct unwind_regs *regs, struct remote_stack *window,
					     struct attach_stack *stack)
{
	struct gap_cache cache = {.code.remote = memory};
	uint8_t copy[SEARCH_BYTES];

	for (int i = 0; i < SEARCHES && is_searched(stack); i++) {
		uint64_t sp = regs->reg[UNWIND_SP];
		long n = remote_read(memory, sp, copy, sizeof copy);
		struct unwind_memory m;

		if (n <= 0)
			return;
		window->copy = copy;
		window->copy_lo = sp;
		window->copy_bytes = (size_t)n;
		if (stack->end == UNWIND_NO_RULE) {
			gap_bridge(space, &cache, window, regs, stack);
			if (stack->end == UNWIND_NO_RULE)
				return;
			continue;
		}
		remote_stack_memory(window, &m);
		if (!blocked_find_bp(space, &cache.code, &m, regs, (uint64_t)n))
			return;
		stack->guessed++;
		attach_unwind_on(space, regs, window, NULL, stack);
	}
}

/* One look. 1 in *same: it did not run meanwhile. */
static enum blocked_result look(struct look *l, struct remote *memory, struct attach_space *space,
				struct attach_stack *stack, struct proc_syscall *call, int *same)
{
	struct remote_stack window;
	struct unwind_regs regs = {0};
	char text[TEXT];
	enum proc_call state;
	int counted = again(l->schedstat, l->before) > 0 && strcmp(l->before, "0 0 0\n") != 0;

	if (again(l->syscall, text) < 0)
		return why_not();
	state = proc_syscall_parse(call, text);
	if (state == PROC_CALL_RUNNING)
		return BLOCKED_RUNNING;
	if (state == PROC_CALL_DENIED)
		return BLOCKED_GONE;
	stack->n = stack->guessed = 0;
	stack->torn = stack->running = 0;
	stack->end = UNWIND_ROOT;
	if (call->sp != 0) { /* 0: a thread of the kernel's that works for the process */
		window.remote = memory;
		window.copy = NULL;
		window.copy_lo = window.copy_bytes = 0;
		regs.reg[UNWIND_SP] = call->sp;
		regs.reg[UNWIND_IP] = call->pc;
		regs.known = 1u << UNWIND_SP | 1u << UNWIND_IP;
		attach_unwind(space, &regs, &window, NULL, stack);
		if (is_searched(stack))
			search(memory, space, &regs, &window, stack);
	}
	if (counted) { /* what cannot be asked any more has ended, and is gone */
		if (again(l->schedstat, l->after) < 0)
			return BLOCKED_GONE;
		*same = strcmp(l->before, l->after) == 0;
		return BLOCKED_OK;
	}
	*same = again(l->syscall, l->after) > 0 && strcmp(text, l->after) == 0;
	return BLOCKED_OK;
}

enum blocked_result blocked_stack(const struct proc *p, struct remote *memory,
				  struct attach_space *space, int tid, int tries,
				  struct attach_stack *stack, struct proc_syscall *call)
{
	struct look l;
	struct proc_syscall unasked;
	enum blocked_result result;
	int same = 0;

	l.syscall = open_task(p, tid, "syscall");
	if (l.syscall < 0)
		return why_not();
	l.schedstat = open_task(p, tid, "schedstat");
	do {
		result = look(&l, memory, space, stack, call ? call : &unasked, &same);
	} while (result == BLOCKED_OK && !same && --tries > 0);
	if (result == BLOCKED_OK)
		stack->torn = !same;
	(void)close(l.syscall);
	if (l.schedstat >= 0)
		(void)close(l.schedstat);
	return result;
}
