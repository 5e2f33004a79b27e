/* Threads as pthread_create() and thrd_create() make them. Private to prof/agent. */
#ifndef AGENT_THREAD_H
#define AGENT_THREAD_H

#include "prof/agent/agent.h"

/* Once per process: the key whose destructor sees threads end, the default stack size. 0 or -1. */
int thread_init(void);
/* The calling thread becomes `slot`'s. 0 or -1 (the slot is free again). */
int thread_adopt(struct agent_slot *slot, size_t stack_size);
/* Slots for threads that are there already. */
void threads_find(void);
/* Forked child: the slot of the surviving thread is given up without a word. */
void thread_on_fork_child(void);

#endif
