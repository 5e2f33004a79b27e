/* The tick. Private to prof/agent. */
#ifndef AGENT_HANDLER_H
#define AGENT_HANDLER_H

#include <signal.h>

#define HANDLER_STACK_COPY  16384 /* of a stack that is not the thread's own, at a time */
#define HANDLER_STACK_PAGES 5     /* that so much can lie in */

struct agent_slot;

/* The handler of the agent's signal. */
void agent_tick(int signo, siginfo_t *info, void *ucontext);
/* A tick of the calling thread, whose slot and ring these are, by whatever signal. */
void handler_tick(struct agent_slot *slot, const siginfo_t *info, const void *ucontext);

#endif
