/* Stopping a running thread for microseconds: PTRACE_SEIZE, PTRACE_INTERRUPT, registers and stack copied, let
 * go; unwinding is for afterwards. Never SIGSTOP, never a thread that sleeps in a system call (that would
 * make it return EINTR), never EXITKILL: whatever way we die, the kernel lets the thread go. A watchdog process
 * kills us should we hang while a thread is stopped. Beside live targets; one thread of ours only. */
#ifndef ATTACH_STOP_H
#define ATTACH_STOP_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/unwind/unwind.h"

struct pause_stats { /* of all stops; ns from when a thread was last seen not to stand still, or was asked to,
		      * to after it was let go: an upper bound */
	uint64_t n, skipped; /* skipped: let go without a copy, or never stood still in time */
	int64_t p50_ns, p99_ns, max_ns; /* p50 and p99 are up to 1/32 too long */
};

struct stopper;

struct stop_options {
	int64_t arrive_ns;    /* how long one that waits for a CPU may take; 0: 20 * max_pause_ns */
	int64_t max_pause_ns; /* of one thread; 0: 1 ms. One that is not copied by then is let go */
	int64_t watchdog_ns;  /* 0: 200 ms; longer than any stop, or it ends us */
};
struct stopper *stopper_new(const struct stop_options *o, struct err *err);
void stopper_free(struct stopper *s); /* lets go whatever it holds */

enum stop_result {
	STOP_COPIED,
	STOP_BLOCKED, /* it sleeps: not stopped; read it by /proc (blocked.h) */
	STOP_GONE,
	STOP_DENIED, /* errno in `sys` */
	STOP_BUDGET, /* would have taken longer than allowed */
	STOP_TRACED, /* it runs under another tracer: only that one can stop it */
};

struct stop_copy {
	int tid;
	enum stop_result result;
	int sys;
	struct unwind_regs regs; /* of a 64-bit thread, all of UNWIND_NREGS that callers keep */
	uint64_t orig_rax;       /* as PTRACE_GETREGSET: a system call it was in, or -1 */
	uint8_t *stack;          /* the caller's, `size` bytes */
	size_t size, bytes;      /* copied from the stack pointer on */
	int64_t pause_ns, at_ns; /* CLOCK_MONOTONIC of the copy */
};
/* Stops, copies and releases threads of one process; up to 8 stand still at a time, each is let go as soon as
 * it is copied. 0 or negative (nothing could be tried). Keeps signals from the calling thread meanwhile. */
int stop_and_copy(struct stopper *s, int pid, struct stop_copy *copies, uint32_t n,
		  struct err *err);
void stopper_stats(const struct stopper *s, struct pause_stats *stats);

#endif
