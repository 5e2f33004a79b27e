/* Two functions, three to one.
 * Answer: `three` 75 %, `one` 25 % of self time; both called by `work`, which is called by `main`.
 * build: -O2 */
#include "samples/programs/spin.h"

static __attribute__((noinline)) void three(unsigned long n)
{
	spin_sink = spin_body(3 * n, spin_sink);
}

static __attribute__((noinline)) void one(unsigned long n)
{
	spin_sink = spin_body(n, spin_sink);
}

static __attribute__((noinline)) void work(int rounds)
{
	int i;

	for (i = 0; i < rounds; i++) {
		three(SPIN_UNIT);
		one(SPIN_UNIT);
	}
	__asm__ volatile(""); /* no tail call: work stays on the stack */
}

int main(int argc, char **argv)
{
	work((int)(400 * spin_scale(argc, argv)));
	return 0;
}
