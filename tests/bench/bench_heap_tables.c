/* What an event costs in the tracker's tables: setting and taking a block in the shadow, and finding the site
 * of a stack, when all of it is in cache and when it is not. Beside each the same addresses or hashes walked
 * without the table (what the loop itself costs). Medians of interleaved rounds; numbers, no verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/heap/shadow.h"
#include "prof/heap/tables.h"

#define ROUNDS 15
#define LOOPS  2000000u
#define PLACES 65536u /* addresses and stacks, drawn once */

enum what { LOOP, PAIR, SET_TAKE_LATE, FIND, WHATS };
static const char *const names[WHATS] = {"loop alone", "shadow: set + take at once",
					 "shadow: set, then take of an older one", "site: find"};

struct world {
	struct heap_head *head;
	struct heap_shadow *shadow;
	struct heap_index index;
	uint64_t address[PLACES], hash[PLACES];
	uint32_t live; /* addresses, or stacks, in use: a power of two */
};

static volatile uint64_t sink;

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static uint64_t find(struct world *w, uint32_t i)
{
	static const uint64_t addresses[16] = {4096, 8192};
	struct heap_stack stack = {
		.hash = w->hash[i & (w->live - 1)], .addresses = addresses, .n = 16};
	struct heap_site_key key = {.stage = 7, .thread = 1, .kind = HEAP_SITE_MALLOC};

	return heap_site_find(w->head, &w->index, &stack, &key, 1);
}

static uint64_t turn(struct world *w, enum what what, uint32_t i)
{
	uint32_t mask = w->live - 1;
	uint64_t address = w->address[i & mask], older = w->address[(i + w->live / 2) & mask];
	struct heap_block block = {i & 1023, 5}, other;

	switch (what) {
	case PAIR:
		(void)heap_shadow_set(w->head, w->shadow, address, block, &other);
		return (uint64_t)heap_shadow_take(w->shadow, address, &other) + other.site;
	case SET_TAKE_LATE:
		(void)heap_shadow_set(w->head, w->shadow, address, block, &other);
		return (uint64_t)heap_shadow_take(w->shadow, older, &other) + other.site;
	case FIND:
		return find(w, i);
	default:
		return address + w->hash[i & mask];
	}
}

#define TIMED(what)                                                                                \
	do {                                                                                       \
		for (uint32_t i = 0; i < LOOPS; i++)                                               \
			sum += turn(w, what, i);                                                   \
	} while (0)

static double time_of(struct world *w, enum what what)
{
	int64_t start = clock_mono_ns();
	uint64_t sum = 0;

	/* Each its own loop, so that the choice is made at compile time. */
	if (what == PAIR)
		TIMED(PAIR);
	else if (what == SET_TAKE_LATE)
		TIMED(SET_TAKE_LATE);
	else if (what == FIND)
		TIMED(FIND);
	else
		TIMED(LOOP);
	sink = sum;
	return (double)(clock_mono_ns() - start) / LOOPS;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void bench(struct world *w, uint32_t live)
{
	double ns[WHATS][ROUNDS];

	w->live = live;
	for (int r = -1; r < ROUNDS; r++)
		for (int k = 0; k < WHATS; k++) {
			double t = time_of(w, (enum what)k);

			if (r >= 0)
				ns[k][r] = t;
		}
	printf("%u addresses, %u stacks\n", live, live);
	for (int k = 0; k < WHATS; k++) {
		qsort(ns[k], ROUNDS, sizeof(double), by_value);
		printf("  %-40s %7.2f ns\n", names[k], ns[k][ROUNDS / 2]);
	}
}

int main(void)
{
	struct world *w = calloc(1, sizeof *w);
	char path[64] = "";
	uint64_t x = 88172645463325252u;
	struct err err = ERR_INIT;

	snprintf(path, sizeof path, "/dev/shm/bench-heap-%d", (int)getpid());
	if (!w || heap_file_make(&w->head, path, 0, 0, &err)) {
		fprintf(stderr, "bench_heap_tables: %s\n", err.text);
		free(w);
		return 1;
	}
	(void)unlink(path);
	w->shadow = heap_map(w->head, heap_shadow_bytes());
	/* A heap of blocks of 64 bytes on average, given out in no order. */
	for (uint32_t i = 0; i < PLACES; i++) {
		w->address[i] = 0x7f3200000000u + (next(&x) % (PLACES * 4)) * 16;
		w->hash[i] = next(&x);
	}
	if (w->shadow) {
		bench(w, 256);
		bench(w, 8192);
		bench(w, PLACES);
	}
	heap_index_drop(w->head, &w->index);
	heap_file_drop(w->head);
	free(w);
	return 0;
}
