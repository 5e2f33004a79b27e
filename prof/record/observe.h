/* A living process from outside: threads that have no ring, and in wall mode the sleeping ones. Reads
 * /proc and memory; never stops, slows or signals a thread that sleeps. */
#ifndef RECORD_OBSERVE_H
#define RECORD_OBSERVE_H

#include "prof/record/recording.h"

/* Looks for threads that use CPU time and have no ring, and tells the agent of them. */
void observe_threads(struct recording *r);
/* Wall mode: what every thread was doing since the last look. */
void observe_wall(struct recording *r);
void observe_release(struct image *m);
void observe_wall_release(struct image *m);

#endif
