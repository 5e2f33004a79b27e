/* A thread that stands still in our hands (stop_trace.h): copied, its system call mended, let go. */
#ifndef ATTACH_STOP_HOLD_H
#define ATTACH_STOP_HOLD_H

#include "prof/attach/remote.h"
#include "prof/attach/stop.h"

/* `status`: waitpid's; a signal that the thread was about to get, it gets. `c`, or NULL, becomes what was found; its stack
 * is copied if there is a `memory`. 0, or -1: it could not be let go (it was killed meanwhile). */
int hold_let_go(int tid, int status, struct remote *memory, struct stop_copy *c);

#endif
