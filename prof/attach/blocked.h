/* The stack of a thread that sleeps in the kernel, read without stopping it: stack pointer and pc by
 * /proc/PID/task/TID/syscall, the rest from its memory. Registers that a system call leaves alone (rbx, rbp, r12 to
 * r15) are not told there: where a frame needs one, the value is searched for on the stack and taken only if
 * the frames beyond it fit (call instructions that lead where the frames inside are). Read before and after:
 * a thread that ran in between gives a torn stack, and is tried again. */
#ifndef ATTACH_BLOCKED_H
#define ATTACH_BLOCKED_H

#include <stdint.h>

#include "prof/attach/modules.h"
#include "prof/attach/proc.h"
#include "prof/attach/remote.h"
#include "prof/attach/stack.h"

enum blocked_result {
	BLOCKED_OK,
	BLOCKED_RUNNING, /* it runs: stop it, or leave it */
	BLOCKED_GONE,
	BLOCKED_DENIED,
};

/* One look, at most `tries` repetitions when it moved; stack->torn says that it moved in each. `call` (may be
 * NULL) is what it sleeps in. */
enum blocked_result blocked_stack(const struct proc *p, struct remote *memory,
				  struct attach_space *space, int tid, int tries,
				  struct attach_stack *stack, struct proc_syscall *call);

#endif
