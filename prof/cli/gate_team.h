/* Groups of runs that are in a team's database: fetched once into a private store, and compared from there like any others. */
#ifndef CLI_GATE_TEAM_H
#define CLI_GATE_TEAM_H

#include <stddef.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"
#include "prof/cli/gate_groups.h"
#include "prof/cli/gate_stores.h"

#define GATE_TEAM_LAST 20 /* runs of a group when nobody says how many */

/* `operand` is URL, or URL#RUNS: parts with '&' between them that must all hold: a name, the beginning of an id, 'last' or a
 * label (key=value). Without RUNS the name is that of the runs in `like`, the other group. Runs of `like` are never
 * among those that are found, even if they were pushed already. The latest `last` (0: GATE_TEAM_LAST) are fetched into a
 * store at *place. `what` gets what the operand was read as, `shown` the operand without user, password and parameters. */
int gate_team_fetch(struct gate_stores *stores, const char *operand, const struct gate_group *like,
		    size_t last, size_t *place, struct buf *what, struct buf *shown,
		    struct err *err);

/* The operand as it may be shown, malloc'ed; NULL: no memory. */
char *gate_team_shown(const char *operand);

#endif
