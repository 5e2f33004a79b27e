/* See stop_hold.h. Nothing is allocated, formatted or read from disk here. */
#include "prof/attach/stop_hold.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "prof/base/clock.h"

/* The kernel's own codes, which programs never see (include/linux/errno.h). */
#define K_ERESTARTNOHAND 514

/* May this system call, having answered EINTR, be made again with the same arguments? Those of signal(7) that the
 * kernel does not restart, where EINTR tells that nothing was done. (close() is none.) */
static int may_repeat(uint64_t nr)
{
	switch (nr) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_rt_sigtimedwait:
	case SYS_io_getevents:
	case SYS_io_uring_enter:
	case SYS_futex_waitv:
	case SYS_accept: /* sockets with a timeout (SO_RCVTIMEO, SO_SNDTIMEO) */
	case SYS_accept4:
	case SYS_connect:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
		return 1;
	default:
		return 0;
	}
}

/* The thread fell asleep between our look and the interrupt, in a call that answers EINTR for it. With the kernel's
 * own code for "again, unless a signal handler ran" in its place the kernel itself makes the call again,
 * or answers EINTR if a signal with a handler is due: the program sees what it would have seen without us. */
static void mend(int tid, const struct user_regs_struct *u)
{
	if ((int64_t)u->orig_rax >= 0 && (int64_t)u->rax == -EINTR && may_repeat(u->orig_rax))
		(void)ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax),
			     (void *)(intptr_t)-K_ERESTARTNOHAND);
}

static void keep(struct unwind_regs *regs, const struct user_regs_struct *u)
{
	const uint64_t order[UNWIND_NREGS] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi,
					      u->rbp, u->rsp, u->r8,  u->r9,  u->r10, u->r11,
					      u->r12, u->r13, u->r14, u->r15, u->rip};

	memcpy(regs->reg, order, sizeof order);
	regs->known = (1u << UNWIND_NREGS) - 1;
}

static void copy(struct remote *memory, struct stop_copy *c, const struct user_regs_struct *u)
{
	long n = remote_read(memory, u->rsp, c->stack, c->size);

	c->at_ns = clock_mono_ns();
	c->bytes = n > 0 ? (size_t)n : 0;
	c->result = STOP_COPIED;
}

int hold_let_go(int tid, int status, struct remote *memory, struct stop_copy *c)
{
	struct user_regs_struct u;
	struct iovec iov = {&u, sizeof u};
	intptr_t signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
	int got = ptrace(PTRACE_GETREGSET, tid, (void *)(intptr_t)NT_PRSTATUS, &iov) == 0;
	int whole = got && iov.iov_len == sizeof u; /* else a 32-bit thread */
	int rc;

	if (whole) {
		if (c && memory)
			copy(memory, c, &u);
		mend(tid, &u);
	}
	rc = ptrace(PTRACE_DETACH, tid, NULL, (void *)signal) == 0 ? 0 : -1;
	if (c && whole) {
		keep(&c->regs, &u);
		c->orig_rax = u.orig_rax;
	} else if (c) {
		c->result = got ? STOP_DENIED : STOP_GONE;
		c->sys = got ? EOPNOTSUPP : ESRCH;
	}
	return rc;
}

int hold_next(int *status, int (*is_process)(const void *ctx, int pid), const void *ctx)
{
	siginfo_t si = {0};
	int ended;

	if (waitid(P_ALL, 0, &si, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD) !=
	    0)
		return HOLD_NONE;
	if (si.si_pid == 0)
		return 0;
	ended = si.si_code != CLD_TRAPPED && si.si_code != CLD_STOPPED;
	if (ended && is_process(ctx, si.si_pid))
		return HOLD_PROCESS;
	return waitpid(si.si_pid, status, WNOHANG | __WALL | __WNOTHREAD);
}
