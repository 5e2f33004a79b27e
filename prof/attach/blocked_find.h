/* The frame pointer of a frame that needs it, found on the stack: see blocked.h. */
#ifndef ATTACH_BLOCKED_FIND_H
#define ATTACH_BLOCKED_FIND_H

#include "prof/attach/code.h"
#include "prof/attach/modules.h"
#include "prof/unwind/unwind.h"

/* `regs` is a frame whose rule needs rbp, which is not known. 1: it is now; 0: none was found that fits. `memory`
 * is the thread's. `limit`: how far from the stack pointer to look, bytes. */
int blocked_find_bp(struct attach_space *space, struct code *code, struct unwind_memory *memory,
		    struct unwind_regs *regs, uint64_t limit);

#endif
