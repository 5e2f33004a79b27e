/* Samples with a planted change: one source, two variants. The second argument says which ("before", "after"); without
 * it -DAFTER does, so that both are one program or two builds, as a comparison may meet them. */
#ifndef SAMPLES_PLANTED_H
#define SAMPLES_PLANTED_H

#include <string.h>

#include "protea-prof.h"
#include "samples/programs/spin.h"

#define PLANTED_FUNCTION static __attribute__((noinline, noclone, unused))

#ifdef AFTER
#define PLANTED_DEFAULT 1
#else
#define PLANTED_DEFAULT 0
#endif

static inline int planted_after(int argc, char **argv)
{
	return argc > 2 ? strcmp(argv[2], "after") == 0 : PLANTED_DEFAULT;
}

/* What neither variant changes. */
PLANTED_FUNCTION void unchanged_work(const char *name, int units)
{
	pp_stage stage = pp_stage_begin(name);

	while (units-- > 0)
		spin_sink = spin_body(SPIN_UNIT, spin_sink);
	pp_stage_end(&stage);
}

#endif
