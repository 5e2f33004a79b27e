/* Searching a stack for a frame pointer: see blocked_find.h.
 *
 * A place fits if the rule of the frame, with it as rbp, leads to a return address that comes from a call of this
 * very function, and if from there on frame after frame leads to the root, each by a call that leads to
 * where the frame inside of it is. What a frame's own prologue takes from the stack is a lower bound: so
 * return addresses that earlier calls left behind in its variables are not even looked at. */
#include "prof/attach/blocked_find.h"

#include <string.h>

#include "prof/unwind/table_internal.h"

#define BACK_MAX     (256u << 10) /* how far before the pc the prologue may be */
#define PROLOGUE_MAX 96 /* bytes from where rbp is set to where the variables' room is made */
#define ENTRY_MAX    48 /* bytes from a function's beginning to where rbp is set */
#define FUNCTION_MAX (1u << 20) /* a call leads no further before the pc than this */
#define CHAIN_MAX    256        /* frames that are looked at for each candidate */

struct finder {
	struct attach_space *space;
	const struct unwind_map *map;
	struct code *code;
	struct unwind_memory *memory;
	const struct unwind_regs *regs;
	uint64_t set_bp;   /* where the function sets rbp; 0: not found */
	uint64_t room;     /* bytes that it takes from the stack after that, at least */
	uint64_t expected; /* rbp if that is all that it takes; 0: nobody knows */
};

static const struct unwind_rule *rule_at(const struct unwind_map *map, uint64_t address)
{
	const struct unwind_module *m = unwind_map_find(map, address);

	return m && m->table ? unwind_table_rule(m->table, address - m->bias) : NULL;
}

static int needs_bp(const struct unwind_rule *r)
{
	return r && (r->cfa_kind == UNWIND_CFA_BP || r->cfa_kind == UNWIND_CFA_DEREF_BP ||
		     r->cfa_kind == UNWIND_CFA_EXT);
}

static int is_entry(const struct unwind_rule *r)
{
	return !r || r->cfa_kind == UNWIND_CFA_NONE ||
	       (r->cfa_kind == UNWIND_CFA_SP && r->cfa_off == 8);
}

/* ---- the function's own prologue ---- */

/* mov %rsp, %rbp at `address`, from where on the rule needs rbp. */
static int sets_bp(const struct finder *f, const uint8_t *b, uint64_t address)
{
	static const uint8_t forms[2][3] = {{0x48, 0x89, 0xe5}, {0x48, 0x8b, 0xec}};

	if (memcmp(b, forms[0], 3) != 0 && memcmp(b, forms[1], 3) != 0)
		return 0;
	return needs_bp(rule_at(f->map, address + 3)) && !needs_bp(rule_at(f->map, address));
}

/* The last place before the pc where rbp is set is this function's. */
static uint64_t find_set_bp(const struct finder *f, uint64_t pc)
{
	uint8_t b[CODE_PAGE + 2];
	uint64_t start = pc / CODE_PAGE * CODE_PAGE, end = pc;

	while (pc - start < BACK_MAX && start > CODE_PAGE) {
		size_t n = (size_t)(end - start);

		if (code_read(f->code, start, b, n + 2) < 0)
			return 0;
		while (n-- > 0)
			if (sets_bp(f, b + n, start + n))
				return start + n;
		end = start;
		start -= CODE_PAGE;
	}
	return 0;
}

/* sub $n, %rsp after that, and the registers that were pushed. */
static uint64_t find_room(const struct finder *f, uint64_t pc)
{
	const struct unwind_rule *rule = rule_at(f->map, pc);
	uint64_t from = f->set_bp + 3, room = 0;
	uint8_t b[PROLOGUE_MAX];
	size_t n = pc - from < sizeof b ? (size_t)(pc - from) : sizeof b;
	int32_t bytes;

	if (rule->cfa_kind == UNWIND_CFA_BP)
		room = 8 * (uint64_t)((rule->bx < 0) + (rule->r12 < 0) + (rule->r13 < 0) +
				      (rule->r14 < 0) + (rule->r15 < 0));
	if (code_read(f->code, from, b, n) < 0)
		return room;
	for (size_t i = 0; i + 7 <= n; i++) {
		if (b[i] != 0x48 || b[i + 2] != 0xec)
			continue;
		if (b[i + 1] == 0x83)
			return room + (b[i + 3] < 0x80 ? b[i + 3] : 0);
		memcpy(&bytes, b + i + 3, sizeof bytes);
		if (b[i + 1] == 0x81)
			return room + (bytes > 0 ? (uint64_t)bytes : 0);
	}
	return room;
}

/* ---- candidates ---- */

enum fit { FIT_NOT, FIT_WEAK, FIT_STRONG };

/* Does the call before `ra` lead to the function of `pc`? */
static enum fit fits_call(const struct finder *f, uint64_t ra, uint64_t pc, uint64_t set_bp)
{
	uint64_t target;

	if (!attach_space_is_code(f->space, ra - 1))
		return FIT_NOT;
	switch (code_call_before(f->code, ra, &target)) {
	case CODE_NO_CALL:
		return FIT_NOT;
	case CODE_CALL_INDIRECT:
		return FIT_WEAK;
	case CODE_CALL:
		break;
	}
	if (set_bp)
		return set_bp - target <= ENTRY_MAX ? FIT_STRONG : FIT_NOT;
	return pc - target < FUNCTION_MAX && is_entry(rule_at(f->map, target)) ? FIT_STRONG
									       : FIT_NOT;
}

/* From a candidate's caller outwards: 1 if it leads to the root; *odd counts calls that lead elsewhere, which
 * jumps from function to function make in sound stacks, too. */
static int leads_to_root(const struct finder *f, struct unwind_regs *regs, uint32_t *odd)
{
	enum unwind_end why;
	int signal, rc;

	for (uint32_t i = 0; i < CHAIN_MAX; i++) {
		uint64_t pc = unwind_lookup(regs);

		rc = unwind_step(regs, f->memory, f->map, &signal, &why);
		if (rc != 0)
			return rc > 0;
		if (regs->known & UNWIND_IP_IS_RETURN &&
		    fits_call(f, regs->reg[UNWIND_IP], pc, 0) == FIT_NOT)
			++*odd;
	}
	return 1;
}

struct best {
	int score;
	uint64_t bp;
};

#define SURE 100

/* How well `bp` fits; 0: not at all. */
static int score(const struct finder *f, uint64_t bp)
{
	struct unwind_regs regs = *f->regs;
	enum unwind_end why;
	enum fit fit;
	uint32_t odd = 0;
	int signal, root;

	regs.reg[UNWIND_BP] = bp;
	regs.known |= 1u << UNWIND_BP;
	if (unwind_step(&regs, f->memory, f->map, &signal, &why) != 0 || signal ||
	    regs.reg[UNWIND_SP] <= f->regs->reg[UNWIND_SP] ||
	    regs.reg[UNWIND_SP] - f->regs->reg[UNWIND_SP] < f->room)
		return 0;
	fit = fits_call(f, regs.reg[UNWIND_IP], unwind_lookup(f->regs), f->set_bp);
	if (fit == FIT_NOT)
		return 0;
	root = leads_to_root(f, &regs, &odd);
	/* Right where the prologue says that it is. Looking on would find outer frames of a recursion. */
	if (root && (bp == f->expected || (fit == FIT_STRONG && odd == 0)))
		return SURE;
	if (!root && fit == FIT_WEAK)
		return 0;
	return (fit == FIT_STRONG ? 40 : 20) + (root ? 20 : 0) - (int)(odd < 15 ? odd : 15);
}

int blocked_find_bp(struct attach_space *space, struct code *code, struct unwind_memory *memory,
		    struct unwind_regs *regs, uint64_t limit)
{
	struct finder f = {.space = space,
			   .map = attach_space_map(space),
			   .code = code,
			   .memory = memory,
			   .regs = regs};
	uint64_t pc = unwind_lookup(regs), sp = regs->reg[UNWIND_SP], first, last;
	struct best best = {0, 0};

	if (!f.map || !needs_bp(rule_at(f.map, pc)))
		return 0;
	f.set_bp = find_set_bp(&f, pc);
	if (f.set_bp)
		f.room = find_room(&f, pc);
	first = (sp + f.room + 7) / 8 * 8;
	f.expected = f.set_bp ? first : 0;
	last = first + limit > first ? first + limit : first;
	for (uint64_t bp = first; bp < last && best.score < SURE; bp += 8) {
		int s = score(&f, bp);

		if (s > best.score)
			best = (struct best){s, bp};
	}
	if (best.score == 0)
		return 0;
	regs->reg[UNWIND_BP] = best.bp;
	regs->known |= 1u << UNWIND_BP;
	return 1;
}
