/* Failing allocations on purpose. The fault twins are linked so that malloc, calloc, realloc,
 * aligned_alloc, strdup and strndup of our own code come through here (allocations inside shared
 * libraries do not). */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <stddef.h>

/* The n-th following allocation (from 1) fails, once; all others succeed. */
void fault_arm(size_t n);
/* The n-th following allocation and all after it fail. */
void fault_arm_forever(size_t n);
void fault_disarm(void);
size_t fault_count(void); /* allocations seen since the last arm or disarm */
int fault_fired(void);    /* did an armed failure happen since the last arm? */

/* The same for system calls: posix_spawn and pthread_create fail with EAGAIN, waitpid and poll with EINTR. */
void fault_arm_calls(size_t n);

#endif
