/* A thread that stands still in our hands (stop_trace.h): copied, its system call mended, let go. */
#ifndef ATTACH_STOP_HOLD_H
#define ATTACH_STOP_HOLD_H

#include "prof/attach/remote.h"
#include "prof/attach/stop.h"

/* `status`: waitpid's; a signal that the thread was about to get, it gets. `c`, or NULL, becomes what was found; its stack
 * is copied if there is a `memory`. 0, or -1: it could not be let go (it was killed meanwhile). */
int hold_let_go(int tid, int status, struct remote *memory, struct stop_copy *c);

#define HOLD_NONE    (-1) /* no thread is ours any more */
#define HOLD_PROCESS (-2) /* the process has ended */
/* The next thread of ours that has something to say: its number and its status; 0: none yet. The end of a whole process, one for
 * which is_process(ctx, pid) is true, is looked at and left: taken by us, a parent in our own process would wait for
 * it for ever. It is found again and again then; the end of our thread hands it over. */
int hold_next(int *status, int (*is_process)(const void *ctx, int pid), const void *ctx);

#endif
