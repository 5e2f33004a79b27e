/* One thread's stack as addresses, with how far it can be trusted; and from registers with a copied stack to
 * such a thing. */
#ifndef ATTACH_STACK_H
#define ATTACH_STACK_H

#include <stdint.h>

#include "prof/attach/modules.h"
#include "prof/attach/remote.h"
#include "prof/unwind/unwind.h"

struct attach_stack {
	uint32_t n;
	enum unwind_end end; /* UNWIND_ROOT: whole */
	uint32_t guessed; /* frames found without CFI, or with a register that was searched for */
	uint8_t torn;     /* the thread ran while it was read: frames may not belong together */
	uint8_t running;  /* it was on a CPU, interrupted at addresses[0] */
	uint64_t addresses[UNWIND_DEPTH_MAX]; /* innermost first, look-up addresses */
};

/* `regs` is used up. `cache` may be NULL. */
void attach_unwind(struct attach_space *space, struct unwind_regs *regs,
		   struct remote_stack *memory, struct unwind_cache *cache,
		   struct attach_stack *stack);
/* Goes on from where it ended: `regs` are as it left them, with more known by now. */
void attach_unwind_on(struct attach_space *space, struct unwind_regs *regs,
		      struct remote_stack *memory, struct unwind_cache *cache,
		      struct attach_stack *stack);

#endif
