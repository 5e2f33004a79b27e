/* Allocates what it says: lines "function bytes blocks live_bytes", for stages "stage NAME bytes blocks" of
 * what their thread allocated meanwhile. Nothing else allocates on its threads while a stage is open; what
 * goes on outside of the functions named is not said. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protea-prof.h"

#define APART __attribute__((noinline))

struct sums {
	uint64_t bytes, blocks, live;
};

static struct sums tiny_sums, empty_sums, medium_sums, large_sums, grow_sums, worker_sums;
static void *kept[20000];
static size_t n_kept;

static void *noted(struct sums *s, void *p, size_t bytes)
{
	__asm__ volatile("" : "+r"(p)); /* or compilers do without the block */
	if (!p)
		abort();
	s->bytes += bytes;
	s->blocks++;
	return p;
}

static void keep(struct sums *s, void *p, size_t bytes)
{
	kept[n_kept++] = p;
	s->live += bytes;
}

APART static void tiny(void)
{
	for (size_t i = 0; i < 400000; i++)
		free(noted(&tiny_sums, malloc(8 + i % 33), 8 + i % 33));
}

APART static void empty(void)
{
	for (size_t i = 0; i < 400000; i++)
		free(noted(&empty_sums, malloc(0), 0));
}

APART static void medium(void)
{
	for (size_t i = 0; i < 20000; i++) {
		void *p = noted(&medium_sums, calloc(10, 100), 1000);

		if (i % 2)
			keep(&medium_sums, p, 1000);
		else
			free(p);
	}
}

APART static void large(void)
{
	for (size_t i = 0; i < 50; i++) {
		void *p = noted(&large_sums, malloc(300000), 300000);

		if (i % 5)
			free(p);
		else
			keep(&large_sums, p, 300000);
	}
}

/* Each step is a block of its own, which replaces the one before. */
APART static void grow(void)
{
	for (size_t i = 0; i < 2000; i++) {
		void *p = NULL;

		for (size_t n = 100; n <= 1600; n *= 2)
			p = noted(&grow_sums, realloc(p, n), n);
		if (i % 4)
			free(p);
		else
			keep(&grow_sums, p, 1600);
	}
}

APART static void *worker(void *unused)
{
	for (size_t i = 0; i < 100000; i++)
		free(noted(&worker_sums, malloc(64 + i % 64), 64 + i % 64));
	return unused;
}

static void say(const char *name, const struct sums *s)
{
	printf("%s %llu %llu %llu\n", name, (unsigned long long)s->bytes,
	       (unsigned long long)s->blocks, (unsigned long long)s->live);
}

int main(void)
{
	pthread_t thread;
	pp_stage outer = pp_stage_begin("outer"), inner;

	tiny();
	empty();
	inner = pp_stage_begin("inner");
	medium();
	large();
	pp_stage_end(&inner);
	grow();
	pp_stage_end(&outer);
	if (pthread_create(&thread, NULL, worker, NULL) || pthread_join(thread, NULL))
		return 1;
	say("tiny", &tiny_sums);
	say("empty", &empty_sums);
	say("medium", &medium_sums);
	say("large", &large_sums);
	say("grow", &grow_sums);
	say("worker", &worker_sums);
	printf("stage inner %llu %llu\n",
	       (unsigned long long)(medium_sums.bytes + large_sums.bytes),
	       (unsigned long long)(medium_sums.blocks + large_sums.blocks));
	printf("stage outer %llu %llu\n",
	       (unsigned long long)(tiny_sums.bytes + empty_sums.bytes + medium_sums.bytes +
				    large_sums.bytes + grow_sums.bytes),
	       (unsigned long long)(tiny_sums.blocks + empty_sums.blocks + medium_sums.blocks +
				    large_sums.blocks + grow_sums.blocks));
	return 0;
}
