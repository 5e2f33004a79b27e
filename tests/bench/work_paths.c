/* work_paths PAIRS [THREADS]: malloc+free pairs from 200 random call paths, 17 to 19 frames deep, on each
 * thread. Prints nanoseconds of wall time per pair. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATHS   200
#define THREADS 64

static long pairs;
static _Thread_local volatile int touched; /* keeps calls from becoming jumps */

static void go(uint32_t path, int depth);

#define STEP(n)                                                                                    \
	static __attribute__((noinline)) void step##n(uint32_t path, int depth)                    \
	{                                                                                          \
		go(path, depth - 1);                                                               \
		touched += n;                                                                      \
	}
STEP(0)
STEP(1)
STEP(2)
STEP(3)
STEP(4)
STEP(5)
STEP(6)
STEP(7)

static __attribute__((noinline)) void leaf(uint32_t path)
{
	char *p = malloc(16 + path * 8 % 1000);

	if (!p)
		abort();
	*(volatile char *)p = 1;
	free(p);
}

static __attribute__((noinline)) void go(uint32_t path, int depth)
{
	static void (*const steps[8])(uint32_t, int) = {step0, step1, step2, step3,
							step4, step5, step6, step7};

	if (depth == 0)
		leaf(path);
	else
		steps[path >> (depth % 3 * 2 + (depth > 6)) & 7](path, depth);
	touched--;
}

static void *work(void *arg)
{
	uint32_t state = (uint32_t)(uintptr_t)arg * 2 + 1;
	long i;

	for (i = 0; i < pairs; i++) {
		uint32_t path;

		state = state * 1664525 + 1013904223;
		path = (state >> 16) % PATHS;
		go(path, 7 + (int)(path % 2));
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int n = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1, i;
	struct timespec a, b;

	pairs = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	if (n < 1 || n > THREADS)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 1; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i))
			return 1;
	(void)work(NULL);
	for (i = 1; i < n; i++)
		pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.2f\n", ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
				 (double)pairs);
	return 0;
}
