/* A program that records itself, and only for a while: what it allocates before and after is not counted, a
 * thread that was there before is. Linked with the library. Says of each recording "sum BYTES BLOCKS" of what its
 * two threads allocated meanwhile. A store that pp_stop() is done with is one file, whose readers find nobody at it;
 * else it says "open STORE". mem_start STORE… */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protea-prof.h"

#define APART __attribute__((noinline))

static sem_t go, done;
static void *early[100];
static unsigned long bytes, blocks;

APART static void *by_start(size_t n)
{
	void *p = malloc(n);

	__asm__ volatile("" : "+r"(p) : : "memory");
	__atomic_fetch_add(&bytes, n, __ATOMIC_RELAXED);
	__atomic_fetch_add(&blocks, 1, __ATOMIC_RELAXED);
	return p;
}

static void *other(void *arg)
{
	free(by_start(1));
	for (;;) {
		sem_wait(&go);
		for (int i = 0; i < 200; i++)
			free(by_start(30));
		sem_post(&done);
	}
	return arg;
}

static void work(void)
{
	bytes = blocks = 0;
	sem_post(&go);
	for (int i = 0; i < 100; i++) {
		free(early[i]); /* of before: nobody's */
		early[i] = by_start(50);
	}
	sem_wait(&done);
}

static void look_at_store(const char *path)
{
	char wal[4096];

	snprintf(wal, sizeof wal, "%s-wal", path);
	if (access(wal, F_OK) == 0)
		printf("open %s\n", path);
}

int main(int argc, char **argv)
{
	static char buffer[BUFSIZ];
	pthread_t t;

	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	if (pthread_create(&t, NULL, other, NULL))
		return 1;
	for (int i = 1; i < argc; i++) {
		work();
		if (pp_start(argv[i])) {
			printf("start: %s\n", strerror(errno));
			return 1;
		}
		work();
		printf("sum %lu %lu\n", bytes, blocks);
		if (pp_stop())
			printf("stop: %s\n", strerror(errno));
		look_at_store(argv[i]);
		work();
	}
	return 0;
}
