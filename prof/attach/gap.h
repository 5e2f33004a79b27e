/* Frames of code without call frame information (musl's libc, assembly kernels): the return address is looked for on
 * the stack. One is taken that comes from a call of the function that the frame is in, as far as its code
 * tells: of all calls found, the one that leads closest before the pc. Not thread-safe. */
#ifndef ATTACH_GAP_H
#define ATTACH_GAP_H

#include "prof/attach/code.h"
#include "prof/attach/modules.h"
#include "prof/attach/stack.h"

/* The walk of `stack` ended in such a frame (UNWIND_NO_RULE), which `regs` is: goes on from there, over as many
 * frames of this kind as there are. `memory` is the thread's. What it finds counts as guessed. */
void gap_bridge(struct attach_space *space, struct code *code, struct remote_stack *window,
		struct unwind_regs *regs, struct attach_stack *stack);

#endif
