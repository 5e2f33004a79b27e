/* Searching a stack for a frame pointer: see blocked_find.h.
 *
 * A place fits if the rule of the frame, with it as rbp, leads to a return address that comes from a call of this
 * very function, and if from there on frame after frame leads to the root, each by a call that leads to
 * where the frame inside of it is. What a frame's own prologue takes from the stack is a lower bound: so
 * return addresses that earlier calls left behind in its variables are not even looked at. */
#include "prof/attach/blocked_find.h"

#include <string.h>

#include "prof/unwind/shape.h"

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
	struct unwind_shape shape;
	uint64_t start, end; /* of the function, or its piece; 0: not told */
	int is_piece;        /* a part apart from the function's beginning, which is elsewhere */
	uint64_t set_bp;     /* where the function sets rbp; 0: not found */
	uint64_t room;       /* bytes that it takes from the stack after that, at least */
	uint64_t expected;   /* rbp if that is all that it takes; 0: nobody knows */
};

static struct unwind_shape shape_at(const struct unwind_map *map, uint64_t address)
{
	struct unwind_shape shape;

	unwind_shape(map, address, &shape);
	return shape;
}

static int needs_bp(const struct unwind_map *map, uint64_t address)
{
	return shape_at(map, address).may_need_bp;
}

/* Code without call frame information may begin anywhere. */
static int is_entry(const struct unwind_map *map, uint64_t address)
{
	struct unwind_shape shape = shape_at(map, address);

	return !shape.has_rule || shape.is_entry;
}

/* ---- the function's own prologue ---- */

/* mov %rsp, %rbp at `address`, from where on the rule needs rbp. */
static int sets_bp(const struct finder *f, const uint8_t *b, uint64_t address)
{
	static const uint8_t forms[2][3] = {{0x48, 0x89, 0xe5}, {0x48, 0x8b, 0xec}};

	if (memcmp(b, forms[0], 3) != 0 && memcmp(b, forms[1], 3) != 0)
		return 0;
	return needs_bp(f->map, address + 3) && !needs_bp(f->map, address);
}

/* The last place before the pc, or after the function's beginning where that is known. */
static uint64_t find_set_bp(const struct finder *f, uint64_t pc)
{
	uint8_t b[CODE_PAGE + 2];
	uint64_t from = f->start ? f->start : pc > BACK_MAX ? pc - BACK_MAX : 0, end = pc;

	while (end > from) {
		uint64_t start = end - from < CODE_PAGE ? from : end - CODE_PAGE;
		size_t n = (size_t)(end - start);

		if (code_read(f->code, start, b, n + 2) < 0)
			return 0;
		while (n-- > 0)
			if (sets_bp(f, b + n, start + n))
				return start + n;
		end = start;
	}
	return 0;
}

/* sub $n, %rsp after that, and the registers that were pushed. */
static uint64_t find_room(const struct finder *f, uint64_t pc)
{
	uint64_t from = f->set_bp + 3, room = 8 * (uint64_t)f->shape.saved;
	uint8_t b[PROLOGUE_MAX];
	size_t n = pc - from < sizeof b ? (size_t)(pc - from) : sizeof b;
	int32_t bytes;

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

/* Does the function at `target` have places with the very rule of our piece? (A table has each rule once.) */
static int shares_rule(const struct finder *f, uint64_t target)
{
	const struct unwind_module *m = unwind_map_find(f->map, target);
	uint64_t start, end;

	if (!m || !code_function(f->code, m->bias, target, &start, &end) || start != target ||
	    end - start > FUNCTION_MAX)
		return 0;
	for (uint64_t at = start; at < end; at++)
		if (shape_at(f->map, at).rule == f->shape.rule)
			return 1;
	return 0;
}

/* Does a call of `target` lead to our frame's function? */
static int is_ours(const struct finder *f, uint64_t target)
{
	if (f->is_piece)
		return shares_rule(f, target);
	if (f->start)
		return target == f->start;
	return f->set_bp
		       ? f->set_bp - target <= ENTRY_MAX
		       : unwind_lookup(f->regs) - target < FUNCTION_MAX && is_entry(f->map, target);
}

/* Is there a call before `ra`, and does it lead to our frame's function? */
static enum fit fits(const struct finder *f, uint64_t ra, int expected)
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
	if (is_ours(f, target))
		return FIT_STRONG;
	return expected ? FIT_WEAK : FIT_NOT; /* what was called may have jumped to us */
}

/* Is there a call before `ra` that may lead to the function of `pc`? */
static int may_fit(const struct finder *f, uint64_t ra, uint64_t pc)
{
	uint64_t target;

	if (!attach_space_is_code(f->space, ra - 1))
		return 0;
	switch (code_call_before(f->code, ra, &target)) {
	case CODE_NO_CALL:
		return 0;
	case CODE_CALL_INDIRECT:
		return 1;
	case CODE_CALL:
		break;
	}
	return pc - target < FUNCTION_MAX && is_entry(f->map, target);
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
		if (regs->known & UNWIND_IP_IS_RETURN && !may_fit(f, regs->reg[UNWIND_IP], pc))
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
	fit = fits(f, regs.reg[UNWIND_IP], bp == f->expected);
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

/* What the code of the frame's function tells. */
static void study(struct finder *f)
{
	uint64_t pc = unwind_lookup(f->regs), sp = f->regs->reg[UNWIND_SP];
	const struct unwind_module *m = unwind_map_find(f->map, pc);

	if (m && code_function(f->code, m->bias, pc, &f->start, &f->end))
		f->is_piece = needs_bp(f->map, f->start);
	else
		f->start = f->end = 0;
	f->set_bp = f->is_piece ? 0 : find_set_bp(f, pc);
	if (!f->set_bp)
		return;
	f->room = find_room(f, pc);
	f->expected = (sp + f->room + 7) / 8 * 8;
}

int blocked_find_bp(struct attach_space *space, struct code *code, struct unwind_memory *memory,
		    struct unwind_regs *regs, uint64_t limit)
{
	struct finder f = {.space = space,
			   .map = attach_space_map(space),
			   .code = code,
			   .memory = memory,
			   .regs = regs};
	uint64_t first, last;
	struct best best = {0, 0};

	if (!f.map)
		return 0;
	f.shape = shape_at(f.map, unwind_lookup(regs));
	if (!f.shape.may_need_bp)
		return 0;
	study(&f);
	first = (regs->reg[UNWIND_SP] + f.room + 7) / 8 * 8;
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
