/* A process of its own that kills us should a stop of ours last too long: whatever stopped or hung us (SIGSTOP, a
 * debugger, no CPU time), the kernel then lets every thread go that we hold. It sleeps while nothing is
 * stopped, is not in our process group or session, and ends with us. */
#ifndef ATTACH_WATCHDOG_H
#define ATTACH_WATCHDOG_H

#include <stdint.h>

#include "prof/base/err.h"

struct watchdog;

/* NULL: *err says why. To be made before much memory is in use: it starts as a copy of us. */
struct watchdog *watchdog_new(int64_t limit_ns, struct err *err);
void watchdog_free(struct watchdog *w); /* NULL is fine */
/* Around each stop; not nested. begin: 0, or negative: nobody watches, nothing may be stopped. SIGPIPE must be
 * blocked or ignored. */
int watchdog_begin(struct watchdog *w, struct err *err);
void watchdog_end(struct watchdog *w);
/* The stop that is going on may take that much longer than the limit, from now on. */
void watchdog_extend(struct watchdog *w, int64_t ns);
int watchdog_pid(const struct watchdog *w);

#endif
