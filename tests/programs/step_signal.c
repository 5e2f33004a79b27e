/* Stepped by test_unwind_step: signal handlers on the normal and on a stack of their own, one inside the
 * other, one that leaves by siglongjmp. */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

static volatile long sink;
static sigjmp_buf back;
static char own_stack[65536];

static NOINLINE long leaf(long a)
{
	return a * 3 + 1;
}

static void plain(int signo)
{
	sink += leaf(signo);
}

static void with_info(int signo, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	sink += leaf(signo);
	raise(SIGUSR1);
	sink += leaf(signo + 1);
}

static void jumps_out(int signo)
{
	sink += leaf(signo);
	siglongjmp(back, 1);
}

static void take(int signo, void (*handler)(int), int flags)
{
	struct sigaction a = {.sa_handler = handler, .sa_flags = flags};

	sigaction(signo, &a, NULL);
}

static NOINLINE void interrupted_at_once(void)
{
	__asm__ volatile("ud2"); /* a pc that is the first of its function, or near it */
}

static void skip_ud2(int signo, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)info;
	sink += leaf(signo);
	u->uc_mcontext.gregs[16] += 2; /* rip */
}

int main(void)
{
	stack_t stack = {.ss_sp = own_stack, .ss_size = sizeof own_stack};
	struct sigaction info = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	struct sigaction ill = {.sa_sigaction = skip_ud2, .sa_flags = SA_SIGINFO};

	sigaltstack(&stack, NULL);
	take(SIGUSR1, plain, 0);
	sigaction(SIGUSR2, &info, NULL);
	sigaction(SIGILL, &ill, NULL);
	take(SIGTERM, jumps_out, SA_ONSTACK);
	raise(SIGSTOP);
	raise(SIGUSR1);
	raise(SIGUSR2);
	interrupted_at_once();
	if (sigsetjmp(back, 1) == 0)
		raise(SIGTERM);
	sink += leaf(1);
	raise(SIGSTOP);
	return 0;
}
