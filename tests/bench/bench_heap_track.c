/* What the tracker itself costs per allocated and freed block, its stack given: one thread without locks and
 * with, a heap that hovers and one that grows, blocks freed by another thread, a stage's mark; beside it the
 * same loop without the tracker. Scaling: two threads of a process against two processes with a thread each, so
 * that what processors share anyway is not counted. CPU time; medians of interleaved rounds; numbers, no
 * verdict. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/heap/heap.h"

#define ROUNDS 9
#define LOOPS  1000000u
#define LIVE   4096u
#define STACKS 200u

enum what { LOOP, HOVER, GROW, SAME, CROSS, STAGES, WHATS };
static const char *const names[WHATS] = {"loop alone",
					 "random sizes, heap hovers",
					 "heap grows, three of four stay",
					 "one size: the same peak again and again",
					 "freed by the other thread",
					 "a stage around each block"};

struct worker {
	_Alignas(128) struct heap_thread heap;
	uint64_t base, random;
	uint64_t mine; /* a block that nobody else can find */
	enum what what;
	double ns;
	pthread_barrier_t *start;
};

static volatile uint64_t sink;
static _Atomic uint64_t shared[LIVE]; /* blocks that either thread may free */
static struct heap_stack stacks[STACKS];

static uint64_t next(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

/* Block i of a thread: a slot of LIVE, in an order that is not that of addresses. */
static uint64_t address(const struct worker *w, uint32_t i)
{
	return w->base + (i * 2654435761u >> 20) % LIVE * 64;
}

static void turn(struct worker *w, enum what what, uint32_t i)
{
	uint64_t r = next(w), at = address(w, i);
	const struct heap_stack *stack = &stacks[r >> 32 & 127];
	struct heap_mark mark;

	switch (what) {
	case HOVER:
		(void)heap_free(&w->heap, at);
		heap_alloc(&w->heap, at, r & 255, stack);
		break;
	case GROW:
		heap_alloc(&w->heap, w->base + (uint64_t)i * 32, 24, stack);
		if (i % 4 == 3)
			(void)heap_free(&w->heap, w->base + (uint64_t)(i - i / 4 % 3) * 32);
		break;
	case SAME:
		(void)heap_free(&w->heap, at);
		heap_alloc(&w->heap, at, 48, stack);
		break;
	case CROSS:
		/* Addresses go round: who takes a block out may give its address out again. */
		at = atomic_exchange(&shared[r >> 40 & (LIVE - 1)], w->mine);
		(void)heap_free(&w->heap, at);
		heap_alloc(&w->heap, at, r & 255, stack);
		w->mine = at;
		break;
	case STAGES:
		heap_mark_begin(&w->heap, &mark);
		(void)heap_free(&w->heap, at);
		heap_alloc(&w->heap, at, r & 255, stack);
		(void)heap_mark_end(&w->heap, &mark);
		break;
	default:
		sink = at + r;
	}
}

#define TIMED(what)                                                                                \
	do {                                                                                       \
		for (uint32_t i = 0; i < LOOPS; i++)                                               \
			turn(w, what, i);                                                          \
	} while (0)

static void *work(void *arg)
{
	struct worker *w = arg;
	int64_t start;

	if (w->start)
		pthread_barrier_wait(w->start);
	start = clock_thread_cpu_ns();
	/* Each its own loop, so that the choice is made at compile time. */
	if (w->what == HOVER)
		TIMED(HOVER);
	else if (w->what == GROW)
		TIMED(GROW);
	else if (w->what == SAME)
		TIMED(SAME);
	else if (w->what == CROSS)
		TIMED(CROSS);
	else if (w->what == STAGES)
		TIMED(STAGES);
	else
		TIMED(LOOP);
	w->ns = (double)(clock_thread_cpu_ns() - start) / LOOPS;
	return NULL;
}

static void begin(const char *path)
{
	struct heap_config config = {.path = path, .mode = HEAP_FULL};
	struct err err = ERR_INIT;

	(void)unlink(path);
	if (heap_begin(&config, &err)) {
		fprintf(stderr, "bench_heap_track: %s\n", err.text);
		exit(1);
	}
}

/* A heap of LIVE blocks per thread; nanoseconds a turn, the mean of the threads. */
static double measure(const char *path, enum what what, uint32_t n)
{
	static struct worker workers[2];
	pthread_barrier_t start;
	pthread_t threads[2];
	double sum = 0;

	begin(path);
	pthread_barrier_init(&start, NULL, n);
	for (uint32_t k = 0; k < n; k++) {
		struct worker *w = &workers[k];

		memset(w, 0, sizeof *w);
		w->base = 0x7f0000000000 + ((uint64_t)k << 36);
		w->random = 77 + k;
		w->what = what;
		w->start = n > 1 ? &start : NULL;
		heap_thread_begin(&w->heap, 100 + (int)k, clock_mono_ns());
		for (uint32_t i = 0; i < LIVE; i++)
			heap_alloc(&w->heap, w->base + i * 64, 100, &stacks[i % STACKS]);
		for (uint32_t i = k; i < LIVE; i += n)
			shared[i] = w->base + i * 64;
		w->mine = w->base + LIVE * 64;
		heap_alloc(&w->heap, w->mine, 100, &stacks[0]);
	}
	for (uint32_t k = 1; k < n; k++)
		if (pthread_create(&threads[k], NULL, work, &workers[k]))
			exit(1);
	(void)work(&workers[0]);
	for (uint32_t k = 1; k < n; k++)
		(void)pthread_join(threads[k], NULL);
	for (uint32_t k = 0; k < n; k++)
		sum += workers[k].ns / n;
	heap_end();
	pthread_barrier_destroy(&start);
	return sum;
}

/* The same while another process is at it, too. */
static double beside_another(const char *path, enum what what)
{
	char other[80];
	pid_t pid = fork();
	double ns;

	snprintf(other, sizeof other, "%s.other", path);
	while (pid == 0)
		(void)measure(other, what, 1);
	ns = measure(path, what, 1);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)unlink(other);
	return ns;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *ns)
{
	qsort(ns, ROUNDS, sizeof *ns, by_value);
	return ns[ROUNDS / 2];
}

int main(void)
{
	static uint64_t addresses[STACKS][16];
	static double ns[WHATS][4][ROUNDS];
	char path[64];

	snprintf(path, sizeof path, "/dev/shm/bench_heap_track.%d", (int)getpid());
	for (uint32_t i = 0; i < STACKS; i++) {
		addresses[i][0] = 0x400000 + i;
		stacks[i] = (struct heap_stack){(i + 1) * 0x9e3779b97f4a7c15u, addresses[i], 16, 0};
	}
	for (int r = 0; r < ROUNDS; r++)
		for (int k = 0; k < WHATS; k++)
			ns[k][0][r] = measure(path, (enum what)k, 1);
	heap_threads_many();
	for (int r = 0; r < ROUNDS; r++)
		for (int k = 0; k < WHATS; k++) {
			ns[k][1][r] = measure(path, (enum what)k, 1);
			ns[k][2][r] = beside_another(path, (enum what)k);
			ns[k][3][r] = measure(path, (enum what)k, 2);
		}
	(void)unlink(path);
	printf("%-42s %8s %8s %8s %8s %8s\n", "ns a turn", "alone", "locked", "2 proc", "2 thr",
	       "scaling");
	for (int k = 0; k < WHATS; k++) {
		printf("%-42s", names[k]);
		for (int i = 0; i < 4; i++)
			printf(" %8.1f", median(ns[k][i]));
		printf(" %8.2f\n", median(ns[k][2]) / median(ns[k][3]));
	}
	return 0;
}
