/* x86-64 frames without CFI: signal trampolines by their bytes, a leaf that has not touched its stack,
 * frame pointers. A guess is taken only where a return address lies in code. Signal-safe. */
#include "prof/unwind/arch_x86_64.h"
#include "prof/unwind/memory.h"

/* How far apart two return addresses of one JIT may lie: its code is one reservation, V8's and the
 * JVM's at most 512 MiB. */
#define JIT_SPAN ((uint64_t)1 << 29)

static int fail(struct arch_step *s, enum unwind_end why)
{
	s->why = why;
	return -1;
}

/* `n` bytes of code of `module` at `address`; 0 or -1. */
static int read_code(struct unwind_memory *memory, const struct unwind_module *module,
		     uint64_t address, uint8_t *bytes, uint32_t n)
{
	uint64_t word;

	if (!module || address < module->start || n > module->end - module->start ||
	    address > module->end - n)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		if (module->flags & UNWIND_MODULE_READABLE)
			bytes[i] = ((const volatile uint8_t *)(uintptr_t)address)[i];
		else if (memory_load(memory, address + i / 8 * 8, &word) < 0)
			return -1;
		else
			bytes[i] = (uint8_t)(word >> 8 * (i % 8));
	}
	return 0;
}

/* mov $15, %rax; syscall: the return from a signal handler, here or at its second instruction. */
static int at_trampoline(struct unwind_memory *memory, const struct unwind_module *module,
			 uint64_t ip)
{
	static const uint8_t code[9] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	uint8_t got[9];

	for (uint32_t back = 0; back <= 7; back += 7) {
		uint32_t same = 0;

		if (read_code(memory, module, ip - back, got, sizeof got) < 0)
			continue;
		while (same < sizeof got && got[same] == code[same])
			same++;
		if (same == sizeof got)
			return 1;
	}
	return 0;
}

/* Does a call end right before `ra`? E8 rel32, or FF /2 with its operand of 1 to 6 bytes. */
static int after_call(struct unwind_memory *memory, const struct unwind_map *map, uint64_t ra)
{
	const struct unwind_module *module = unwind_map_find(map, ra - 1);
	uint8_t b[8];

	if (read_code(memory, module, ra - 8, b, 8) < 0)
		return 0;
	if (b[3] == 0xe8)
		return 1;
	for (uint32_t len = 2; len <= 7; len++)
		if (b[8 - len] == 0xff && (b[9 - len] >> 3 & 7) == 2)
			return 1;
	return 0;
}

static int by_leaf(struct unwind_regs *regs, struct unwind_memory *memory,
		   const struct unwind_map *map)
{
	uint64_t sp = regs->reg[UNWIND_SP], ra;

	if (memory_load(memory, sp, &ra) < 0 || !after_call(memory, map, ra))
		return -1;
	regs->reg[UNWIND_IP] = ra;
	regs->reg[UNWIND_SP] = sp + 8;
	regs->known |= UNWIND_IP_IS_RETURN;
	return 0;
}

/* A return address is believed in code of a module, or near the pc where neither lies in one (JIT),
 * if the chain of frames goes on outwards. */
static int plausible(const struct unwind_map *map, const struct unwind_regs *regs, int in_module,
		     uint64_t bp, uint64_t ra)
{
	if (ra == 0)
		return 0;
	if (unwind_map_find(map, ra - 1))
		return 1;
	return !in_module && ra - regs->reg[UNWIND_IP] + JIT_SPAN < 2 * JIT_SPAN &&
	       bp > regs->reg[UNWIND_BP];
}

static int by_frame_pointer(struct unwind_regs *regs, struct unwind_memory *memory,
			    const struct unwind_map *map, int in_module)
{
	uint64_t bp = regs->reg[UNWIND_BP], old_bp, ra;

	if (!(regs->known >> UNWIND_BP & 1) || bp < regs->reg[UNWIND_SP] || bp % 8 != 0 ||
	    bp > UINT64_MAX - 16)
		return -1;
	if (memory_load(memory, bp, &old_bp) < 0 || memory_load(memory, bp + 8, &ra) < 0 ||
	    !plausible(map, regs, in_module, old_bp, ra))
		return -1;
	regs->reg[UNWIND_BP] = old_bp;
	regs->reg[UNWIND_IP] = ra;
	regs->reg[UNWIND_SP] = bp + 16;
	regs->known = 1u << UNWIND_BP | 1u << UNWIND_IP | 1u << UNWIND_SP | UNWIND_IP_IS_RETURN;
	return 0;
}

int arch_guess(struct unwind_regs *regs, struct unwind_memory *memory, const struct unwind_map *map,
	       const struct unwind_module *module, struct arch_step *s)
{
	uint64_t ip = regs->reg[UNWIND_IP];
	int exact = !(regs->known & UNWIND_IP_IS_RETURN);

	if (module && module->flags & UNWIND_MODULE_PENDING)
		return fail(s, UNWIND_NO_TABLE);
	if (ip != 0 && at_trampoline(memory, module, ip))
		return arch_from_signal(regs, memory, regs->reg[UNWIND_SP], s);
	s->guessed = 1;
	if (exact && by_leaf(regs, memory, map) == 0)
		return 0;
	if (ip == 0)
		return 1;
	if (by_frame_pointer(regs, memory, map, module != NULL) == 0)
		return 0;
	s->guessed = 0;
	return fail(s, module ? UNWIND_NO_RULE : UNWIND_NO_TABLE);
}
