/* DWARF expressions of call frame information: bounded stack and step count, every load checked.
 * Signal-safe. What a rule does with the value is the caller's business. */
#ifndef UNWIND_EXPR_H
#define UNWIND_EXPR_H

#include <stdint.h>

#include "prof/unwind/unwind.h"

#define UNWIND_EXPR_STACK 64
#define UNWIND_EXPR_STEPS 1000

/* Runs `len` bytes at `ops` with `*first` (NULL: nothing) on the stack. 0 and the topmost value, or -1
 * and *why: UNWIND_NEED_REG, UNWIND_BAD_READ, or UNWIND_NO_RULE for an expression that is malformed,
 * unknown, or does not end. */
int unwind_expr(const uint8_t *ops, uint32_t len, const struct unwind_regs *regs,
		struct unwind_memory *memory, const uint64_t *first, uint64_t *value,
		enum unwind_end *why);

#endif
