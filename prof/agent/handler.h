/* The tick. Private to prof/agent. */
#ifndef AGENT_HANDLER_H
#define AGENT_HANDLER_H

#include <signal.h>

#define HANDLER_STACK_COPY 16384 /* of a stack that is not the thread's own, at a time */

void agent_tick(int signo, siginfo_t *info, void *ucontext);

#endif
