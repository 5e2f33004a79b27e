/* Programs that shut themselves in with seccomp. Our own system calls go on behind the filter: of the tick, of threads
 * that come and go. One that the filter would answer with death, a signal or a question ends the program, not us, so
 * before such a filter is installed our recording of this process ends, and programs that it executes from then on,
 * which inherit the filter, are left alone. Filters that refuse with an error do no harm: we go on.
 *
 * Seen are prctl() and syscall(), which is what libseccomp and others call; not system calls that a program makes by
 * itself. Normal context. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "prof/agent/agent.h"
#include "prof/agent/engine.h"
#include "prof/agent/mem.h"
#include "prof/agent/seal.h"
#include "prof/agent/sys.h"

#define FILTER_MAX  4096 /* BPF_MAXINSNS */
#define PATIENCE_MS 1000

/* What we call while a recording goes on, with the arguments that filters look at. */
static const struct {
	int nr;
	uint64_t second;
} ours[] = {
	{SYS_ioctl, PERF_EVENT_IOC_REFRESH},
	{SYS_ioctl, PERF_EVENT_IOC_PERIOD},
	{SYS_ioctl, PERF_EVENT_IOC_ENABLE},
	{SYS_ioctl, PERF_EVENT_IOC_DISABLE},
	{SYS_timer_create, 0},
	{SYS_timer_settime, 0},
	{SYS_timer_delete, 0},
	{SYS_perf_event_open, 0},
	{SYS_fcntl, 0},
	{SYS_close, 0},
	{SYS_openat, 0},
	{SYS_read, 0},
	{SYS_readlinkat, 0},
	{SYS_mmap, 0},
	{SYS_munmap, 0},
	{SYS_madvise, 0},
	{SYS_membarrier, 0},
	{SYS_prlimit64, 0},
	{SYS_prctl, 0},
	{SYS_process_vm_readv, 0},
	{SYS_clock_gettime, 0},
	{SYS_getrusage, 0},
	{SYS_getpid, 0},
	{SYS_gettid, 0},
	{SYS_tgkill, 0},
	{SYS_sched_yield, 0},
	{SYS_rt_sigprocmask, 0},
	{SYS_rt_sigaction, 0},
	{SYS_rt_sigreturn, 0},
	{SYS_rt_sigtimedwait, 0},
	{SYS_rt_tgsigqueueinfo, 0},
};

/* ---- what it would do -------------------------------------------------------------------------------------- */

static int is_fatal(long answer)
{
	switch ((uint32_t)answer & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_TRACE: /* without a tracer it is an error */
		return 0;
	default:
		return answer >= 0;
	}
}

static int kills_us(const struct sock_filter *filter, size_t n)
{
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		struct seccomp_data call = {
			.nr = ours[i].nr,
			.arch = AUDIT_ARCH_X86_64,
			.instruction_pointer = (uintptr_t)kills_us,
			.args = {0, ours[i].second},
		};

		if (is_fatal(seal_answer(filter, n, &call)))
			return 1;
	}
	return 0;
}

/* The program's memory, which may not be there: that is for the kernel to say. */
static int copy(void *to, uintptr_t from, size_t bytes)
{
	struct iovec own = {to, bytes}, its = {(void *)from, bytes};

	return sys6(SYS_process_vm_readv, sys2(SYS_getpid, 0, 0), (long)&own, 1, (long)&its, 1,
		    0) == (long)bytes
		       ? 0
		       : -1;
}

static int filter_kills_us(uintptr_t program)
{
	struct sock_fprog p;
	struct sock_filter *filter;
	size_t bytes;
	int fatal;

	if (copy(&p, program, sizeof p) || p.len == 0 || p.len > FILTER_MAX)
		return 0;
	bytes = p.len * sizeof *filter;
	filter = sys_map(bytes);
	if (!filter)
		return 1;
	fatal = copy(filter, (uintptr_t)p.filter, bytes) == 0 && kills_us(filter, p.len);
	sys_unmap(filter, bytes);
	return fatal;
}

/* ---- where it is seen ---------------------------------------------------------------------------------------- */

/* Nobody is in a handler or between two system calls of ours any more, as far as a second tells. */
static int all_quiet(uint32_t used)
{
	if (atomic_load(&agent.coming) || mem_is_busy())
		return 0;
	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load(&agent.slots[i]);

		if (s && atomic_load(&s->in_handler))
			return 0;
	}
	return 1;
}

/* Other threads may be in the middle of something: a nap, so that they see the end, and until they are through. */
static void wait_for_others(uint32_t used)
{
	const struct timespec nap = {.tv_nsec = 1000000};

	for (int i = 0; i < PATIENCE_MS && (i == 0 || !all_quiet(used)); i++)
		(void)sys2(SYS_nanosleep, (long)&nap, 0);
}

static void seal(int fatal)
{
	uint32_t used = atomic_load(&agent.slots_used);
	int saved = errno;

	if (!fatal || !agent_live() || sys2(SYS_getpid, 0, 0) != agent.pid)
		return;
	atomic_store(&agent.sealed, 1); /* ticks that are under way end there */
	agent_end(SPOOL_ENDED_SEALED);
	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load(&agent.slots[i]);

		if (s && atomic_load(&s->tid) > 0)
			engine_close(s);
	}
	if (used > 1)
		wait_for_others(used);
	errno = saved;
}

static void before_prctl(unsigned long op, unsigned long mode, unsigned long program)
{
	if (op != PR_SET_SECCOMP || !agent_live())
		return;
	seal(mode == SECCOMP_MODE_STRICT ||
	     (mode == SECCOMP_MODE_FILTER && filter_kills_us(program)));
}

static void before_seccomp(unsigned long op, unsigned long flags, unsigned long program)
{
	if (!agent_live())
		return;
	/* Strict mode takes no arguments; libraries ask with some whether the call is there. */
	seal((op == SECCOMP_SET_MODE_STRICT && !flags && !program) ||
	     (op == SECCOMP_SET_MODE_FILTER && filter_kills_us(program)));
}

AGENT_EXPORT int prctl(int op, ...)
{
	unsigned long a[4];
	va_list args;

	va_start(args, op);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	before_prctl((unsigned long)op, a[0], a[1]);
	return AGENT_NEXT(prctl)(op, a[0], a[1], a[2], a[3]);
}

/* Called by syscall() below for the two numbers that matter. */
__attribute__((used)) void agent_before_syscall(long n, unsigned long a, unsigned long b,
						unsigned long c);

void agent_before_syscall(long n, unsigned long a, unsigned long b, unsigned long c)
{
	if (n == SYS_seccomp)
		before_seccomp(a, b, c);
	else
		before_prctl(a, b, c);
}

/* libc's, looked up at our start; before that at the first call. */
__attribute__((used)) void *agent_next_syscall(void);

void *agent_next_syscall(void)
{
	return (void *)(uintptr_t)AGENT_NEXT(syscall);
}

/* Every other call goes on with its registers, stack and return address as they are: what returns twice or on another
 * stack (vfork, clone) works as with libc's own. */
__asm__(".text\n"
	".p2align 4\n"
	".globl syscall\n"
	".type syscall, @function\n"
	"syscall:\n"
	".cfi_startproc\n"
	"	endbr64\n"
	"	pushq %rdi\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %rsi\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %rdx\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %rcx\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r8\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r9\n	.cfi_adjust_cfa_offset 8\n"
	"	subq $8, %rsp\n	.cfi_adjust_cfa_offset 8\n"
	"	cmpq $317, %rdi\n" /* seccomp */
	"	je 1f\n"
	"	cmpq $157, %rdi\n" /* prctl */
	"	jne 2f\n"
	"1:	call agent_before_syscall\n"
	"2:	call agent_next_syscall\n"
	"	addq $8, %rsp\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %r9\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %r8\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %rcx\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %rdx\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %rsi\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %rdi\n	.cfi_adjust_cfa_offset -8\n"
	"	jmpq *%rax\n"
	".cfi_endproc\n"
	".size syscall, . - syscall\n");
