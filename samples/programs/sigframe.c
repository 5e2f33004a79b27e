/* Work inside a signal handler, on the normal stack and on an alternate one.
 * Answer: half of the work in `in_handler` below `on_normal`, half below `on_alternate`; both below the signal
 * frame below `raiser` below `main`.
 * build: -O2 -fno-ipa-icf */
#include <signal.h>
#include <string.h>

#include "samples/programs/spin.h"

static char alternate[65536];

static __attribute__((noinline)) void in_handler(void)
{
	spin_sink = spin_body(SPIN_UNIT, spin_sink);
	__asm__ volatile("");
}

static void on_normal(int signo)
{
	(void)signo;
	in_handler();
	__asm__ volatile("");
}

static void on_alternate(int signo)
{
	(void)signo;
	in_handler();
	__asm__ volatile("");
}

static __attribute__((noinline)) void raiser(int signo)
{
	raise(signo);
	__asm__ volatile("");
}

int main(int argc, char **argv)
{
	int i, rounds = (int)(800 * spin_scale(argc, argv));
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction act;

	memset(&act, 0, sizeof(act));
	sigaltstack(&stack, NULL);
	act.sa_handler = on_normal;
	sigaction(SIGUSR1, &act, NULL);
	act.sa_handler = on_alternate;
	act.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR2, &act, NULL);
	for (i = 0; i < rounds; i++) {
		raiser(SIGUSR1);
		raiser(SIGUSR2);
	}
	return 0;
}
