/* The snapshot of loaded modules that handlers unwind with. Private to prof/agent. */
#ifndef AGENT_MODULES_H
#define AGENT_MODULES_H

#include "prof/agent/agent.h"

/* Handler: the snapshot to use, which stays valid until modules_leave(); NULL: none yet. */
struct agent_modules *modules_enter(struct agent_slot *slot);
void modules_leave(struct agent_slot *slot);
const struct unwind_map *modules_map(const struct agent_modules *m); /* of NULL: no modules */

/* Around fork(), in the order of pthread_atfork()'s handlers. In the child the snapshot stays. */
void modules_fork_prepare(void);
void modules_fork_parent(void);
void modules_fork_child(void);
/* All modules into the calling thread's ring: a forked child has a spool file of its own. */
void modules_tell_all(void);

#endif
