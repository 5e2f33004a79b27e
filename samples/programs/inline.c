/* Inlined callers: `outer` contains `middle` contains `inner`, which works; `plain` works by itself.
 * Answer: `inner` 75 % of self time, inlined into `middle` inlined into `outer` (both 75 % of total time);
 * `plain` 25 %.
 * build: -O2 -g */
#include "samples/programs/spin.h"

static inline __attribute__((always_inline)) uint64_t inner(uint64_t x)
{
	return spin_body(3 * SPIN_UNIT, x);
}

static inline __attribute__((always_inline)) uint64_t middle(uint64_t x)
{
	return inner(x) + 1;
}

static __attribute__((noinline)) uint64_t outer(uint64_t x)
{
	return middle(x) ^ 3;
}

static __attribute__((noinline)) uint64_t plain(uint64_t x)
{
	return spin_body(SPIN_UNIT, x);
}

int main(int argc, char **argv)
{
	int i, rounds = (int)(400 * spin_scale(argc, argv));

	for (i = 0; i < rounds; i++)
		spin_sink = plain(outer(spin_sink));
	return 0;
}
