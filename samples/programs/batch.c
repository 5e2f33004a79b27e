/* Batches with a known answer. Every worker has
 *   base      40 MiB of the heap, before its first batch
 *   shared    24 MiB of shared memory
 *   per item  12 MiB of the heap, from its batch's begin to its end
 * (and about 5 MiB of code and libc, most of it shared), and a batch takes 40 ms + 15 ms an item, asleep.
 * Arguments are sizes of batches, run one after the other (default: 1 2 4 8), each a stage `batch` with its items and a
 * parameter "rows" of 1,000 an item. `x2` in front of them: an item takes twice the memory from the fourth on, so that no
 * line fits.
 * build: -O2 -fno-builtin */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "protea-prof.h"

#define MIB      ((size_t)1 << 20)
#define BASE     (40 * MIB)
#define SHARED   (24 * MIB)
#define ITEM     (12 * MIB)
#define START_NS 40000000L
#define EACH_NS  15000000L
#define MOST     64 /* items */

static void *touched(size_t bytes)
{
	void *p = malloc(bytes);

	if (!p)
		abort();
	memset(p, 1, bytes);
	return p;
}

static void sleep_until(const struct timespec *begin, long ns)
{
	struct timespec t = *begin;

	t.tv_sec += (t.tv_nsec + ns) / 1000000000;
	t.tv_nsec = (t.tv_nsec + ns) % 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
}

static void batch(int items, int doubles)
{
	void *item[MOST];
	struct timespec begin;
	pp_stage stage;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	stage = pp_stage_begin("batch");
	pp_stage_items(&stage, (uint64_t)items);
	pp_stage_param(&stage, "rows", 1000.0 * items);
	for (i = 0; i < items; i++)
		item[i] = touched(doubles && i >= 3 ? 2 * ITEM : ITEM);
	sleep_until(&begin, (START_NS + EACH_NS * items) / 10 * 9);
	for (i = 0; i < items; i++)
		free(item[i]);
	sleep_until(&begin, START_NS + EACH_NS * items);
	pp_stage_end(&stage);
}

int main(int argc, char **argv)
{
	static char *usual[] = {"1", "2", "4", "8"};
	int doubles = argc > 1 && strcmp(argv[1], "x2") == 0, n = argc - 1 - doubles, i;
	char **sizes = n > 0 ? argv + 1 + doubles : usual;
	void *base = touched(BASE);
	void *shared =
		mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return 1;
	memset(shared, 1, SHARED);
	for (i = 0; i < (n > 0 ? n : 4); i++) {
		long items = strtol(sizes[i], NULL, 10);

		if (items < 1 || items > MOST)
			return 2;
		batch((int)items, doubles);
	}
	free(base);
	return munmap(shared, SHARED);
}
