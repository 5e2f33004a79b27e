/* The snapshot of loaded modules that handlers unwind with. Private to prof/agent. */
#ifndef AGENT_MODULES_H
#define AGENT_MODULES_H

#include "prof/agent/agent.h"

/* Handler: the snapshot to use, which stays valid until modules_leave(); NULL: none yet. */
struct agent_modules *modules_enter(struct agent_slot *slot);
void modules_leave(struct agent_slot *slot);
const struct unwind_map *modules_map(const struct agent_modules *m); /* of NULL: no modules */

/* Forked child: the snapshot stays; its modules are told to the new spool file. */
void modules_on_fork_child(void);

#endif
