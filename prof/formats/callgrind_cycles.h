/* Functions that call each other in circles, of a graph of calls: R. Tarjan's strongly connected components (SIAM J. Comput. 1,
 * 1972), without recursion of our own. Private to prof/formats/callgrind*.c. */
#ifndef FORMATS_CALLGRIND_CYCLES_H
#define FORMATS_CALLGRIND_CYCLES_H

#include "prof/formats/callgrind_internal.h"

/* `calls` sorted by caller; those of function f are first_call[f] … first_call[f + 1] - 1. of[f] becomes the number of
 * f's circle, 0 … *n - 1; a function that is in none has one of its own. 0 or ERR_NOMEM. */
int callgrind_cycles(const struct callgrind_call *calls, const size_t *first_call,
		     size_t n_functions, uint32_t *of, uint32_t *n);

#endif
