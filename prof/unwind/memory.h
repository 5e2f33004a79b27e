/* Checked loads for the unwinder: eight bytes inside the caller's window, or after its `extend` has
 * moved the window there; and copies without a library call. Signal-safe if `extend` is. For
 * unwinders: prof/unwind, and what prof/attach searches where that has no rule. */
#ifndef UNWIND_MEMORY_H
#define UNWIND_MEMORY_H

#include <stdint.h>

#include "prof/unwind/unwind.h"

#define UNWIND_LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNWIND_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define UNWIND_INLINE      inline __attribute__((always_inline))

/* Addresses lo … lo + count - 1 are those at which eight bytes can be read. */
static inline uint64_t memory_count(const struct unwind_memory *m)
{
	return m->base && m->hi > m->lo && m->hi - m->lo >= 8 ? m->hi - m->lo - 7 : 0;
}

static inline uint64_t memory_word(const uint8_t *at)
{
	uint64_t word;

	__builtin_memcpy(&word, at, sizeof word);
	return word;
}

/* By hand: compilers make calls of memcpy() for structures of this size. */
static inline void regs_copy(struct unwind_regs *to, const struct unwind_regs *from)
{
	for (uint32_t i = 0; i < UNWIND_NREGS; i++) {
		to->reg[i] = from->reg[i];
		__asm__("" : "+r"(i));
	}
	to->known = from->known;
}

/* 0, or -1: refused. */
static inline int memory_load(struct unwind_memory *m, uint64_t address, uint64_t *word)
{
	if (UNWIND_UNLIKELY(address - m->lo >= memory_count(m))) {
		if (!m->extend || m->extend(m, address) != 0 || address - m->lo >= memory_count(m))
			return -1;
	}
	*word = memory_word(m->base + (address - m->lo));
	return 0;
}

#endif
