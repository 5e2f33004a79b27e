/* Session folders that nobody will bring into a store any more: their recorder was killed and their store
 * is gone or never opened again. They hold memory. */
#ifndef RECORD_SWEEP_H
#define RECORD_SWEEP_H

#include <stdint.h>

#define SWEEP_AGE_NS (INT64_C(24) * 3600 * 1000000000) /* untouched for a day */

/* Removes our user's session folders in `dir` that are older than `age_ns`, have no supervisor and no
 * living process. How many; what cannot be removed stays. */
int sweep_sessions(const char *dir, int64_t age_ns);

#endif
