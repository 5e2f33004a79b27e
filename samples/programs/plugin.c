/* The library that dlopen.c loads; it also works in its constructor, before dlopen returns.
 * build: -O2 -shared -fPIC */
#include "samples/programs/spin.h"

uint64_t plugin_work(uint64_t x);

static __attribute__((noinline)) uint64_t plugin_inner(uint64_t x)
{
	return spin_body(SPIN_UNIT, x);
}

__attribute__((visibility("default"))) uint64_t plugin_work(uint64_t x)
{
	return plugin_inner(x) + 1;
}

static __attribute__((noinline)) void plugin_start(void)
{
	const char *scale = getenv("SPIN_SCALE");
	int i, rounds = (int)(200 * (scale ? strtod(scale, NULL) : 1));

	for (i = 0; i < rounds; i++)
		spin_sink = spin_body(SPIN_UNIT, spin_sink);
}

__attribute__((constructor)) static void plugin_init(void)
{
	plugin_start();
	__asm__ volatile("");
}
