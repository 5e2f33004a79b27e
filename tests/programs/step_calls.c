/* Stepped instruction by instruction by test_unwind_step, between the two stops: frames of every shape a
 * C compiler makes. Built several times with other flags. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))

static volatile long sink;
static jmp_buf back;

static NOINLINE long leaf(long a)
{
	return a * 3 + 1;
}

static NOINLINE long many_registers(long a, long b, long c, long d)
{
	long e = leaf(a), f = leaf(b), g = leaf(c), h = leaf(d), i = leaf(e + f);

	return leaf(e * f) + leaf(g * h) + e + f + g + h + i;
}

static NOINLINE long variable_array(int n)
{
	long room[n + 1];

	room[n] = leaf(n);
	room[0] = n;
	sink += leaf(room[n]);
	return room[0] + many_registers(1, 2, 3, room[n]);
}

static NOINLINE long dynamic(size_t n)
{
	char *room = __builtin_alloca(n);

	room[n - 1] = (char)leaf(1);
	return leaf(room[n - 1]) + sink;
}

static NOINLINE void touch(long *p)
{
	*p += leaf(*p);
}

/* Locals that the stack must be realigned for; with saved registers and a variable array besides. */
static NOINLINE long realigned(long a, int n)
{
	_Alignas(64) long room[8] = {a};
	long b = leaf(a), c = leaf(b), d = leaf(c), e = leaf(d);
	long more[n + 1];

	more[n] = a;
	touch(&room[0]);
	touch(&more[n]);
	return room[0] + more[n] + b + c + d + e;
}

static NOINLINE long realigned_plain(long a)
{
	_Alignas(32) long room[8] = {a, a, a};

	touch(&room[1]);
	return room[1] + leaf(room[0]);
}

static NOINLINE long tail_target(long a, long b)
{
	sink += a;
	return leaf(a) - b;
}

static NOINLINE long tail_call(long a, long b)
{
	touch(&a);
	return tail_target(b, a);
}

static NOINLINE long large_frame(long a)
{
	volatile char room[20000];

	room[0] = room[19999] = (char)leaf(a);
	return room[0] + leaf(room[19999]);
}

static NOINLINE long arguments(int n, ...)
{
	va_list ap;
	long sum = 0;

	va_start(ap, n);
	for (int i = 0; i < n; i++)
		sum += va_arg(ap, long);
	va_end(ap);
	return leaf(sum);
}

/* Arguments on the stack. */
static NOINLINE long nine(long a, long b, long c, long d, long e, long f, long g, long h, long i)
{
	return leaf(a + b + c) + leaf(d + e + f) + leaf(g + h + i);
}

static __attribute__((noinline, noreturn)) void leave(int code)
{
	sink += leaf(code);
	longjmp(back, code);
}

static NOINLINE void noreturn_call(int code)
{
	long a = leaf(code);

	if (a)
		leave(code);
	touch(&a);
}

static NOINLINE long recursion(int n)
{
	return n ? recursion(n - 1) + leaf(n) : leaf(0);
}

static int by_value(const void *a, const void *b)
{
	return (int)(*(const long *)a - *(const long *)b);
}

static NOINLINE long library_calls(void)
{
	long numbers[6] = {5, 3, 9, 1, 7, 2};
	struct timespec now;
	char text[64], *copy;

	qsort(numbers, 6, sizeof *numbers, by_value);
	clock_gettime(CLOCK_MONOTONIC, &now); /* the vDSO */
	snprintf(text, sizeof text, "%ld %s", numbers[0], "x");
	copy = strdup(text);
	free(copy);
	return numbers[2] + (long)strlen(text);
}

int main(int argc, char **argv)
{
	(void)argv;
	raise(SIGSTOP);
	sink += many_registers(1, 2, 3, argc);
	sink += variable_array(argc * 7);
	sink += dynamic((size_t)argc * 40);
	sink += realigned(argc, argc * 3) + realigned_plain(argc);
	sink += tail_call(argc, 2);
	sink += large_frame(argc);
	sink += arguments(4, 1L, 2L, 3L, 4L);
	sink += nine(1, 2, 3, 4, 5, 6, 7, 8, argc);
	if (setjmp(back) == 0)
		noreturn_call(argc);
	sink += recursion(6);
	sink += library_calls();
	raise(SIGSTOP);
	return 0;
}
