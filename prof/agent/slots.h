/* Slots of threads: made, found, given back. Private to prof/agent. */
#ifndef AGENT_SLOTS_H
#define AGENT_SLOTS_H

#include "prof/agent/agent.h"

/* The calling thread's slot, or NULL. Handlers find theirs by the signal instead: threads made by bare
 * clone() may share this variable. */
extern __thread struct agent_slot *agent_self __attribute__((tls_model("initial-exec")));

/* A slot that is nobody's, tid -1; NULL: no memory or all taken. Signal-safe. */
struct agent_slot *slot_take(void);
/* Ring and clocks for the thread `tid`, and its THREAD_START record. 0 or -1 (the slot is free again
 * then). Signal-safe. */
int slot_prepare(struct agent_slot *slot, int tid, int foreign);
void slot_tick(struct agent_slot *slot); /* from now on it ticks */
/* The end of a thread's record keeping: no tick, THREAD_NAME, THREAD_END, ring and slot given back. By
 * the thread itself, or by anyone once the thread is gone. */
void slot_end(struct agent_slot *slot);
/* Free again without a word: it was never started, or its ring belongs to the parent process. */
void slot_forget(struct agent_slot *slot);
/* Ends slots whose thread is gone without telling. */
void slots_reap(void);
/* The slot of a thread, or NULL. */
struct agent_slot *slot_of_tid(int tid);
/* CPU clock of any thread of this process, negative: it is gone. Signal-safe. */
int64_t slot_cpu_ns(int tid);

#endif
