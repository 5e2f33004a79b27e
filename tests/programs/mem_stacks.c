/* Allocates from stacks of every sort; functions are named after what they are. Each by_* function is called
 * ROUNDS times, so that later walks find what earlier ones left, and allocates 16 bytes each time. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define ROUNDS 50

static volatile int sink;
static ucontext_t main_context, other_context;
static _Alignas(16) char other_stack[65536], alt_stack[65536];
static jmp_buf back;

static __attribute__((noinline)) void allocates(void)
{
	char *volatile p = malloc(16);

	sink += p != NULL;
	free(p);
	sink++;
}

static __attribute__((noinline)) void by_call(int round)
{
	allocates();
	sink += round;
}

static __attribute__((noinline)) void by_sized(int round)
{
	volatile char room[16 + round % 7 * 24];

	room[round % 16] = 1;
	allocates();
	sink += room[round % 16];
}

static __attribute__((noinline)) void by_aligned(int round)
{
	_Alignas(128) volatile char room[128];

	room[round] = 1;
	allocates();
	sink += room[round];
}

static __attribute__((noinline)) void by_recursion(int round)
{
	if (round % 16)
		by_recursion(round - 1);
	else
		allocates();
	sink++;
}

static int by_sort(const void *a, const void *b)
{
	allocates();
	return *(const int *)a - *(const int *)b;
}

static void on_signal(int signo)
{
	allocates();
	sink += signo;
}

static void by_coroutine(void)
{
	for (;;) {
		allocates();
		swapcontext(&other_context, &main_context);
	}
}

static __attribute__((noinline)) void by_jump(int round)
{
	allocates();
	if (round >= 0)
		longjmp(back, 1);
	sink++;
}

static void prepare(void)
{
	struct sigaction a = {.sa_handler = on_signal};
	stack_t alt = {.ss_sp = alt_stack, .ss_size = sizeof alt_stack};

	sigaltstack(&alt, NULL);
	sigaction(SIGUSR1, &a, NULL);
	a.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR2, &a, NULL);
	getcontext(&other_context);
	other_context.uc_stack.ss_sp = other_stack;
	other_context.uc_stack.ss_size = sizeof other_stack;
	other_context.uc_link = &main_context;
	makecontext(&other_context, by_coroutine, 0);
}

int main(void)
{
	int numbers[2];

	prepare();
	for (volatile int round = 0; round < ROUNDS; round++) {
		by_call(round);
		by_sized(round);
		by_aligned(round);
		by_recursion(round);
		numbers[0] = 2;
		numbers[1] = 1;
		qsort(numbers, 2, sizeof *numbers, by_sort);
		raise(SIGUSR1);
		raise(SIGUSR2);
		swapcontext(&main_context, &other_context);
		if (setjmp(back) == 0)
			by_jump(round);
	}
	return 0;
}
