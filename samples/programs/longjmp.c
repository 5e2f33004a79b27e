/* Leaves deep calls by longjmp, and a signal handler by siglongjmp.
 * Answer: half of the work in `before` (40 calls deep), half in `after` (called by main); exit code 0.
 * build: -O1 -fno-optimize-sibling-calls -fno-ipa-icf */
#include <setjmp.h>
#include <signal.h>

#include "samples/programs/spin.h"

static jmp_buf back;
static volatile int leave = 1;
static sigjmp_buf back_from_signal;

static __attribute__((noinline)) void before(void)
{
	spin_sink = spin_body(SPIN_UNIT, spin_sink);
}

static __attribute__((noinline)) void after(void)
{
	spin_sink = spin_body(SPIN_UNIT, spin_sink);
}

static __attribute__((noinline)) void dive(int n)
{
	if (n > 0) {
		dive(n - 1);
	} else {
		before();
		if (leave)
			longjmp(back, 1);
	}
	__asm__ volatile("");
}

static void on_signal(int signo)
{
	(void)signo;
	siglongjmp(back_from_signal, 1);
}

int main(int argc, char **argv)
{
	volatile int i, jumps = 0;
	int rounds = (int)(800 * spin_scale(argc, argv));

	signal(SIGUSR1, on_signal);
	for (i = 0; i < rounds; i++) {
		if (setjmp(back) == 0)
			dive(40);
		after();
		if (sigsetjmp(back_from_signal, 1) == 0)
			raise(SIGUSR1);
		else
			jumps = jumps + 1;
	}
	return jumps == rounds ? 0 : 1;
}
