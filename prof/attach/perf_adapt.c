/* See perf_adapt.h. A change costs a new event per thread and CPU, so that it must be worth it: growing as soon as one
 * sample in 200 was too short, shrinking only when a long time showed that a quarter would do. */
#include "prof/attach/perf_adapt.h"

#include <string.h>

#include "prof/attach/perf_attr.h"

#define FIRST        16384u /* sqlite3's stacks need up to 10 KiB, 97 % of python3's less than this */
#define LEAST        4096u
#define GROW_AFTER   20u   /* samples, so that one deep stack at the start decides nothing */
#define GROW_SHARE   200u  /* one in so many may be cut short */
#define SHRINK_AFTER 4000u /* 20 s of a busy thread at 199 Hz */
#define CHANGES_MAX  16u   /* a program that swings between both keeps the larger */

void perf_adapt_init(struct perf_adapt *a)
{
	memset(a, 0, sizeof *a);
	a->bytes = FIRST;
}

void perf_adapt_tell(struct perf_adapt *a, int complete, size_t used)
{
	a->told++;
	if (!complete)
		a->cut++;
	if (used > a->most)
		a->most = used;
}

uint32_t perf_adapt_next(const struct perf_adapt *a)
{
	if (a->told < GROW_AFTER || a->frozen)
		return 0;
	if (a->cut * GROW_SHARE > a->told && a->bytes < PERF_STACK_MAX)
		return a->bytes > PERF_STACK_MAX / 2 ? PERF_STACK_MAX : 2 * a->bytes;
	if (a->told >= SHRINK_AFTER && a->cut == 0 && a->bytes > LEAST && a->most < a->bytes / 4 &&
	    a->changes < CHANGES_MAX)
		return a->bytes / 2;
	return 0;
}

void perf_adapt_set(struct perf_adapt *a, uint32_t bytes)
{
	a->bytes = bytes;
	a->told = a->cut = 0;
	a->most = 0;
	a->changes++;
}
