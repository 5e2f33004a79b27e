/* Frames of code without call frame information (musl's libc, assembly kernels): the return address is looked for on
 * the stack. One is taken that comes from a call of the function that the frame is in, as far as its code
 * tells: of all calls found, the one that leads closest before the pc. Not thread-safe. */
#ifndef ATTACH_GAP_H
#define ATTACH_GAP_H

#include "prof/attach/code.h"
#include "prof/attach/modules.h"
#include "prof/attach/stack.h"

#define GAP_FRAMES 512u

/* What was found before in one process: at one pc the return address always lies as far from the stack pointer.
 * Zeroed but for code.remote: nothing yet. Forgotten by itself when other code is mapped. */
struct gap_cache {
	struct code code;
	uint32_t generation;
	struct gap_frame {
		uint64_t pc; /* 0: none */
		uint64_t
			away; /* bytes from the stack pointer to the return address; UINT64_MAX: the outermost */
	} frames[GAP_FRAMES];
};

/* The walk of `stack` ended in such a frame (UNWIND_NO_RULE), which `regs` is: goes on from there, over as many
 * frames of this kind as there are. `window` must reach to the stack's end (its `remote` is set). What it finds
 * counts as guessed; a frame beyond which nothing looks like a return address is the outermost one. */
void gap_bridge(struct attach_space *space, struct gap_cache *cache, struct remote_stack *window,
		struct unwind_regs *regs, struct attach_stack *stack);

#endif
