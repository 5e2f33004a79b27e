/* Recursion 5,000 deep, then work.
 * Answer: every stack is cut to 2,048 frames, keeps the leaf end (`bottom`), begins with [truncated] and is
 * counted as truncated.
 * build: -O1 -fno-optimize-sibling-calls */
#include "samples/programs/spin.h"

static __attribute__((noinline)) void bottom(void)
{
	spin_sink = spin_body(SPIN_UNIT, spin_sink);
}

static __attribute__((noinline)) void down(int n, int rounds)
{
	int i;

	if (n > 0)
		down(n - 1, rounds);
	else
		for (i = 0; i < rounds; i++)
			bottom();
	__asm__ volatile("");
}

int main(int argc, char **argv)
{
	down(5000, (int)(1500 * spin_scale(argc, argv)));
	return 0;
}
