/* Where threads' states come from. Private to prof/agent. */
#ifndef AGENT_MEM_POOL_H
#define AGENT_MEM_POOL_H

#include "prof/agent/mem_thread.h"

/* A state for the calling thread, which has none: one that nobody uses any more, or a new one; NULL: no memory.
 * With every signal blocked. */
struct mem_thread *mem_pool_take(int tid);
/* All that were ever made, by mem_thread.next. */
struct mem_thread *mem_pool_all(void);
/* In a forked child: `own` (may be NULL) is the one whose thread is there. */
void mem_pool_fork_child(struct mem_thread *own);

#endif
