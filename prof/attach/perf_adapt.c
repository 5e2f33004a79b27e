/* See perf_adapt.h. A change costs a new event per thread and CPU, a copy too large some microseconds per sample (1 us for
 * about 4 KiB on a Milan VM), one too short the outer end of a stack. So it begins wide, is cut to measure once a few
 * stacks were seen, grows at once when one sample in 200 was too short, and shrinks only when a long time showed that
 * far less would do. */
#include "prof/attach/perf_adapt.h"

#include <string.h>

#include "prof/attach/perf_attr.h"

#define WIDEST       49152u /* clang's stacks need up to 60 KiB, python3's 22, sqlite3's 10 */
#define NARROWEST    16384u
#define LEAST        8192u
#define FIT_AFTER    100u  /* samples */
#define GROW_SHARE   200u  /* one in so many may be cut short */
#define SHRINK_AFTER 4000u /* samples: 20 s of a busy thread at 199 Hz */
#define CHANGES_MAX  12u   /* a program that swings between both keeps the larger */

void perf_adapt_init(struct perf_adapt *a, uint64_t room)
{
	memset(a, 0, sizeof *a);
	a->bytes = room > WIDEST ? WIDEST : room < NARROWEST ? NARROWEST : (uint32_t)room & ~1023u;
}

void perf_adapt_tell(struct perf_adapt *a, int complete, size_t used)
{
	a->told++;
	if (!complete)
		a->cut++;
	if (used > a->most)
		a->most = used;
}

/* Twice of what was needed: the next stacks may be deeper. */
static uint32_t fitting(const struct perf_adapt *a)
{
	uint32_t bytes = LEAST;

	while (bytes < PERF_STACK_MAX / 2 && bytes < 2 * a->most)
		bytes *= 2;
	return bytes;
}

uint32_t perf_adapt_next(const struct perf_adapt *a)
{
	uint32_t fit;

	if (a->frozen || a->told == 0)
		return 0;
	if (a->cut * GROW_SHARE > a->told && a->bytes < PERF_STACK_MAX)
		return a->bytes > PERF_STACK_MAX / 2 ? PERF_STACK_MAX : 2 * a->bytes;
	if (a->told < (a->changes ? SHRINK_AFTER : FIT_AFTER) || a->cut ||
	    a->changes >= CHANGES_MAX)
		return 0;
	fit = fitting(a);
	return fit <= a->bytes / 2 ? fit : 0;
}

void perf_adapt_set(struct perf_adapt *a, uint32_t bytes)
{
	a->bytes = bytes;
	a->told = a->cut = 0;
	a->most = 0;
	a->changes++;
}
