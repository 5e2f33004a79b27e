/* Which call paths are the first on their way from the root to reach a label: where a cost with what it calls
 * is counted when a label may stand on a path more than once. One pass over the stacks, whatever their depth,
 * made once for any number of sums. */
#ifndef MODEL_OUTERMOST_H
#define MODEL_OUTERMOST_H

#include "prof/model/profile.h"

/* `label_of`: per frame a number below `n_labels`, or PROFILE_NONE. Fills `first`, one byte per stack: 1 where the
 * stack's frame has a label that no frame above it has. 0 or ERR_NOMEM. */
int outermost_find(const struct profile *p, const uint32_t *label_of, uint32_t n_labels,
		   unsigned char *first);

#endif
