/* From registers to return addresses: the one unwinder of the toolkit, used in the agent's signal
 * handler, by the memory tracker and on remote memory. Knows nothing of files, names, processes.
 *
 * Safe in signal handlers: no allocation, no lock, no library call, bounded time; every load is
 * checked against the memory window of the caller. x86-64; what is particular to it is in
 * arch_x86_64.{c,h}. Tables come from table.h, modules from the caller. */
#ifndef UNWIND_UNWIND_H
#define UNWIND_UNWIND_H

#include <stddef.h>
#include <stdint.h>

#include "prof/unwind/table.h"

#define UNWIND_DEPTH_MAX 2048

/* DWARF numbers of x86-64. */
enum { UNWIND_BX = 3, UNWIND_BP = 6, UNWIND_SP = 7, UNWIND_IP = 16, UNWIND_NREGS = 17 };

/* In `known`: the pc is a return address, so that the frame is looked up at pc - 1. Not set for the
 * innermost frame and for one that a signal interrupted; kept up by unwind() and unwind_step(). */
#define UNWIND_IP_IS_RETURN (1u << 31)

struct unwind_regs {
	uint64_t reg[UNWIND_NREGS];
	uint32_t known; /* bit i: reg[i] has a value; IP and SP must */
};

/* The address by which a frame is looked up and named. */
static inline uint64_t unwind_lookup(const struct unwind_regs *regs)
{
	return regs->reg[UNWIND_IP] - (regs->known & UNWIND_IP_IS_RETURN ? 1 : 0);
}

/* A window of readable memory: address a in [lo, hi) is at base + (a - lo). For the own stack base is
 * lo itself. */
struct unwind_memory {
	uint64_t lo, hi;
	const uint8_t *base;
	/* Called for 8 bytes at an address outside the window: may move or grow it so that they are
	 * inside (0), or refuse (-1). NULL: refuses. Must be signal-safe where unwind() must be. */
	int (*extend)(struct unwind_memory *m, uint64_t address);
	void *ctx;
};

/* A mapped module with code in [start, end). Sorted by start, not overlapping. */
struct unwind_module {
	uint64_t start, end;
	uint64_t bias;                    /* address - bias = address in the file's terms */
	const struct unwind_table *table; /* NULL: not made yet, or the module has no CFI */
	uint32_t id;                      /* the caller's */
	uint32_t flags;                   /* enum unwind_module_flags */
};

enum unwind_module_flags {
	/* A table may come later: stop with UNWIND_NO_TABLE, do not guess. */
	UNWIND_MODULE_PENDING = 1,
	/* Every byte of [start, end) may be read at its own address: the module is mapped readable in
	 * this process. Where there is no CFI, code bytes then tell signal trampolines and calls; without
	 * the flag they are asked of the memory's `extend`. */
	UNWIND_MODULE_READABLE = 2,
};

struct unwind_map {
	uint32_t generation; /* another number for another set of modules, never 0 */
	uint32_t n;
	const struct unwind_module *modules;
};

/* Rules met before, one per thread (or per remote process). Zeroed memory is an empty cache; it is
 * dropped by itself when the map's generation changes. */
struct unwind_cache;
size_t unwind_cache_bytes(void); /* a few KiB; the caller gives that much, aligned to 64 */

enum unwind_end {
	UNWIND_ROOT,  /* the outermost frame: CFI says so (undefined return address), or pc 0 */
	UNWIND_DEPTH, /* `max` frames written, more to come */
	UNWIND_NO_TABLE, /* in code of a PENDING module, or outside every module and no frame pointer */
	UNWIND_NO_RULE,  /* in a module, no CFI for this address, and frame pointers did not help */
	UNWIND_BAD_READ, /* an address outside the window, refused */
	UNWIND_BAD_FRAME, /* the stack pointer did not move outwards, or a loop */
	UNWIND_NEED_REG,  /* a rule needs a register whose value is not known */
};
const char *unwind_end_name(enum unwind_end end); /* "root", "depth", … */

struct unwind_result {
	uint32_t n;       /* addresses written */
	uint32_t guessed; /* of them found without CFI (frame pointer, return-address scan) */
	enum unwind_end end;
};

/* Writes look-up addresses, the innermost first: the pc of the first frame and of frames that a
 * signal interrupted, the beginning of a signal trampoline, return address - 1 (inside the call) for all
 * others. On return `regs` holds the frame where it stopped, so that someone with more means can go on
 * from there; it is not written yet: who wants it in the stack nevertheless adds unwind_lookup(regs).
 * After UNWIND_ROOT all are written, and `regs` says nothing. `cache` may be NULL. */
struct unwind_result unwind(struct unwind_regs *regs, struct unwind_memory *memory,
			    const struct unwind_map *map, struct unwind_cache *cache,
			    uint64_t *addresses, uint32_t max);

/* One frame outwards by CFI or the other rules, all registers kept. 0: `regs` is the caller's frame
 * (*is_signal_frame, may be NULL: by a signal trampoline, so that it was interrupted, not calling);
 * 1: `regs` is the outermost frame; -1: *why, `regs` is as it was. For tools and tests; unwind() is
 * the fast way. */
int unwind_step(struct unwind_regs *regs, struct unwind_memory *memory,
		const struct unwind_map *map, int *is_signal_frame, enum unwind_end *why);

/* Registers from the third argument of a SA_SIGINFO handler. */
void unwind_regs_from_ucontext(struct unwind_regs *regs, const void *ucontext);
/* Registers of the function that uses it: unwind_regs_here() in arch_x86_64.h. */

/* The module of an address, or NULL. */
const struct unwind_module *unwind_map_find(const struct unwind_map *map, uint64_t address);

#endif
