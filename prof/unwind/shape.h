/* What the rule of a frame looks like from outside: for those who must find a register that nobody told. Signal-safe. */
#ifndef UNWIND_SHAPE_H
#define UNWIND_SHAPE_H

#include <stdint.h>

#include "prof/unwind/unwind.h"

struct unwind_shape {
	const void
		*rule; /* the same at addresses of one module that have the same rule; NULL: none */
	uint8_t has_rule;    /* there is call frame information for the address */
	uint8_t may_need_bp; /* where the caller's frame is counts from rbp, or may do so */
	uint8_t is_entry;    /* as at a function's first instruction: nothing is on the stack yet */
	uint8_t saved; /* how many of rbx and r12 to r15 are saved in the frame, as far as the short form tells */
};

void unwind_shape(const struct unwind_map *map, uint64_t address, struct unwind_shape *shape);

#endif
