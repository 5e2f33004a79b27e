/* Profiles itself, without the command: pp_start(), work, pp_stop(), twice into one store (first argument).
 * Answer: two finished runs; `measured` has the CPU time in both, `unmeasured` in none; exit code 0.
 * build: -O2 -Wl,--no-as-needed $(O)/libprotea-prof.so -Wl,-rpath,'$ORIGIN/../..' */
#include <stdio.h>
#include <string.h>
#include <errno.h>

#include "protea-prof.h"
#include "samples/programs/spin.h"

static __attribute__((noinline)) void measured(void)
{
	spin_sink = spin_body(1000 * SPIN_UNIT, spin_sink);
}

static __attribute__((noinline)) void unmeasured(void)
{
	spin_sink = spin_body(300 * SPIN_UNIT, spin_sink);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 0; i < 2; i++) {
		unmeasured();
		if (pp_start(argc > 1 ? argv[1] : NULL)) {
			fprintf(stderr, "selfprof: cannot start: %s\n", strerror(errno));
			return 1;
		}
		measured();
		if (pp_stop()) {
			fprintf(stderr, "selfprof: cannot stop: %s\n", strerror(errno));
			return 1;
		}
		unmeasured();
	}
	return 0;
}
