/* Recursion: `down` calls itself 50 deep, then `leaf` works; `even` and `odd` call each other 20 times.
 * Answer: total of `down` 50 %, of `leaf` 100 % (called by both), self of `leaf` 100 %; no total above 100 %;
 * the path through `down` has 50 frames of it (a sample in the calls themselves, before they are 50, is one in a
 * hundred thousand: `leaf` takes long).
 * build: -O1 -fno-optimize-sibling-calls -fno-ipa-cp -fno-inline */
#include "samples/programs/spin.h"

static __attribute__((noinline)) void leaf(void)
{
	spin_sink = spin_body(20 * SPIN_UNIT, spin_sink);
}

static __attribute__((noinline)) void down(int n)
{
	if (n > 1)
		down(n - 1);
	else
		leaf();
	__asm__ volatile("");
}

static void odd(int n);

static __attribute__((noinline)) void even(int n)
{
	if (n > 0)
		odd(n - 1);
	else
		leaf();
	__asm__ volatile("");
}

static __attribute__((noinline)) void odd(int n)
{
	if (n > 0)
		even(n - 1);
	else
		leaf();
	__asm__ volatile("");
}

int main(int argc, char **argv)
{
	int i, rounds = (int)(40 * spin_scale(argc, argv));

	for (i = 0; i < rounds; i++) {
		down(50);
		even(20);
	}
	return 0;
}
