/* What is particular to x86-64: how a rule leads to the caller's registers, what a frame without CFI
 * looks like, which rules are short enough for the cache. Signal-safe. Which frame comes when, and
 * when to stop, is unwind.c's. Another architecture brings a file pair with the same functions. */
#ifndef UNWIND_ARCH_X86_64_H
#define UNWIND_ARCH_X86_64_H

#include <stdint.h>

#include "prof/unwind/cache.h"
#include "prof/unwind/table_internal.h"
#include "prof/unwind/unwind.h"

/* The return address lies right below the CFA, and the caller's stack pointer is the CFA. */
#define ARCH_RA_UNITS (-1)

struct arch_step {
	enum unwind_end why; /* when the step failed */
	uint8_t signal;      /* by a signal trampoline */
	uint8_t guessed;     /* without CFI */
	uint8_t lost_bp;     /* bp is unknown now because something else was before */
};

/* One frame outwards. `module` is that of the frame's look-up address or NULL, `rule` its rule (or the
 * empty one). 0; 1: this frame is the outermost; -1: s->why, `regs` as it was. */
int arch_step(struct unwind_regs *regs, struct unwind_memory *memory, const struct unwind_map *map,
	      const struct unwind_module *module, const struct unwind_rule *rule,
	      struct arch_step *s);

/* The rule at `address` of `module` in its short form; kind UNWIND_ENTRY_SPECIAL if it has none. */
void arch_pack(struct unwind_entry *entry, const struct unwind_rule *rule,
	       const struct unwind_module *module, uint64_t address);

/* Frames without CFI (arch_x86_64_guess.c); the same answers as arch_step(). */
int arch_guess(struct unwind_regs *regs, struct unwind_memory *memory, const struct unwind_map *map,
	       const struct unwind_module *module, struct arch_step *s);
/* The registers that a signal saved: ucontext at `address` of the memory. */
int arch_from_signal(struct unwind_regs *regs, struct unwind_memory *memory, uint64_t address,
		     struct arch_step *s);

/* The registers of the function that uses it, at this point; those that survive a call. */
static inline __attribute__((always_inline)) void unwind_regs_here(struct unwind_regs *regs)
{
	uint64_t *r = regs->reg;

	__asm__ volatile("movq %%rbx, 24(%0)\n\t"
			 "movq %%rbp, 48(%0)\n\t"
			 "movq %%rsp, 56(%0)\n\t"
			 "movq %%r12, 96(%0)\n\t"
			 "movq %%r13, 104(%0)\n\t"
			 "movq %%r14, 112(%0)\n\t"
			 "movq %%r15, 120(%0)\n\t"
			 "leaq 0(%%rip), %%rcx\n\t"
			 "movq %%rcx, 128(%0)"
			 :
			 : "r"(r)
			 : "rcx", "memory");
	regs->known = 1u << 3 | 1u << 6 | 1u << 7 | 0xfu << 12 | 1u << 16;
}

#endif
