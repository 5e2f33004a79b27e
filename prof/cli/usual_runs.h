/* Which runs are meant where no operand names any. */
#ifndef CLI_USUAL_RUNS_H
#define CLI_USUAL_RUNS_H

#include "prof/cli/gate_groups.h"

/* Adds all runs of the name that the last run of the store has; the last run alone if it has none. */
int usual_runs_add(struct gate_stores *stores, struct gate_group *g, const char *store,
		   struct err *err);

#endif
