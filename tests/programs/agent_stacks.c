/* Work on stacks that are not a thread's own, and jumps between them: an alternate signal stack, coroutines
 * on memory that is unmapped afterwards, deep recursion, longjmp out of handlers. Prints a checksum and
 * where each piece of work ran ("range NAME LOW HIGH" of its code). */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define KEEP       __attribute__((noinline, noclone))
#define BARRIER(x) __asm__ volatile("" : "+r"(x))

static uint64_t sum;

KEEP static uint64_t burn(int ms, uint64_t x)
{
	for (long i = 0; i < ms * 300000L; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x;
}

KEEP static uint64_t deep(int d)
{
	uint64_t r = d > 0 ? deep(d - 1) : burn(100, 3);

	BARRIER(r);
	return r;
}

KEEP static void on_altstack(int sig)
{
	(void)sig;
	sum += burn(100, 5);
}

static ucontext_t back, coroutine;

KEEP static uint64_t in_coroutine(uint64_t x)
{
	uint64_t r = burn(20, x);

	BARRIER(r);
	return r;
}

static void coroutine_main(void)
{
	for (int i = 0; i < 5; i++) {
		sum += in_coroutine(7);
		swapcontext(&coroutine, &back);
	}
}

static void run_coroutines(void)
{
	const size_t size = 64 << 10;

	for (int n = 0; n < 3; n++) {
		char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);

		if (stack == MAP_FAILED)
			exit(1);
		getcontext(&coroutine);
		coroutine.uc_stack.ss_sp = stack;
		coroutine.uc_stack.ss_size = size;
		coroutine.uc_link = &back;
		makecontext(&coroutine, coroutine_main, 0);
		for (int i = 0; i < 5; i++) {
			swapcontext(&back, &coroutine);
			sum += burn(2, 9);
		}
		munmap(stack, size);
	}
}

static sigjmp_buf home;
static volatile int jumps;

static void jumper(int sig)
{
	(void)sig;
	jumps++;
	siglongjmp(home, 1);
}

/* A timer of the program's own, with a handler that never returns. */
static void run_jumps(void)
{
	struct itimerval every = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
	volatile uint64_t x = 1;

	signal(SIGALRM, jumper);
	(void)sigsetjmp(home, 1);
	if (jumps == 0)
		setitimer(ITIMER_REAL, &every, NULL);
	while (jumps < 200)
		x = x * 6364136223846793005u + 1;
	setitimer(ITIMER_REAL, &off, NULL);
	signal(SIGALRM, SIG_IGN);
}

static void *small_thread(void *unused)
{
	sum += burn(60, 11);
	return unused;
}

/* A handler of ours on the 16 KiB of this thread, of which it uses the better part itself. */
static void *full_thread(void *unused)
{
	volatile char mine[9000];

	memset((char *)mine, 1, sizeof mine);
	sum += burn(60, 13) + (uint64_t)mine[17];
	return unused;
}

static void run_small_stacks(void)
{
	void *(*const work[])(void *) = {small_thread, full_thread};
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&t, &attr, work[i], NULL))
			exit(1);
		pthread_join(t, NULL);
	}
}

int main(void)
{
	stack_t alt = {.ss_size = 65536};
	struct sigaction sa;

	alt.ss_sp = malloc(alt.ss_size);
	if (!alt.ss_sp || sigaltstack(&alt, NULL))
		return 1;
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = on_altstack;
	sa.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	sum += deep(100);
	sum += deep(3000);
	run_coroutines();
	run_jumps();
	run_small_stacks();
	printf("%016llx\n", (unsigned long long)sum);
	return 0;
}
