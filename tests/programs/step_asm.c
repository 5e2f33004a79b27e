/* Stepped by test_unwind_step: the hand-written functions of step_asm_parts.S. */
#include <signal.h>

long asm_entry(long (*callback)(long), long a);

static volatile long sink;

static __attribute__((noinline)) long callback(long a)
{
	sink += a;
	return a + 1;
}

int main(int argc, char **argv)
{
	(void)argv;
	raise(SIGSTOP);
	sink += asm_entry(callback, argc);
	raise(SIGSTOP);
	return 0;
}
