/* Searching the caller of a frame without call frame information: see gap.h.
 *
 * The stack above the frame holds the return address, and may hold others that earlier calls left behind. A direct
 * call names its target: of the targets before the pc in its module the closest one is the beginning of the
 * function that the pc is in, or of one before it, if that was entered by a jump. Among calls of the
 * same target (a recursion) the innermost counts. A call that leads elsewhere in the module (what it called may have
 * jumped to us) and an indirect one prove little: they are taken if nothing else is there, the
 * innermost first, and if what comes after them fits. */
#include "prof/attach/gap.h"

#include <stdlib.h>

#include "prof/unwind/memory.h"

#define REACH      16384u     /* bytes of stack that a frame may take */
#define CALL_REACH (1u << 20) /* bytes from a function's beginning to the pc */
#define CANDIDATES 64u        /* kept per frame */
#define GAPS       64         /* in one stack */
#define CHAIN      64         /* frames that a candidate is followed */
#define WEAK       UINT64_MAX

struct candidate {
	uint64_t slot, ra,
		distance; /* distance: from the call's target to the pc; UINT64_MAX: indirect */
};

struct search {
	struct attach_space *space;
	const struct unwind_map *map;
	struct code *code;
	struct unwind_memory *memory;
	struct candidate found[CANDIDATES];
	uint32_t n;
};

static int closer(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* May a return address belong to the frame at `pc`? 1 and *distance, or 0. */
static int comes_from_call(struct search *s, uint64_t ra, uint64_t pc, uint64_t *distance)
{
	uint64_t target;

	if (ra == 0 || !attach_space_is_code(s->space, ra - 1))
		return 0;
	*distance = WEAK;
	switch (code_call_before(s->code, ra, &target)) {
	case CODE_CALL:
		if (unwind_map_find(s->map, target) != unwind_map_find(s->map, pc))
			return 0;
		if (target <= pc && pc - target < CALL_REACH)
			*distance = pc - target;
		return 1;
	case CODE_CALL_INDIRECT:
		return 1;
	case CODE_NO_CALL:
		break;
	}
	return 0;
}

static void collect(struct search *s, const struct unwind_regs *regs)
{
	uint64_t sp = regs->reg[UNWIND_SP], pc = unwind_lookup(regs);

	s->n = 0;
	for (uint64_t slot = sp; slot < sp + REACH && s->n < CANDIDATES; slot += 8) {
		struct candidate c = {.slot = slot};

		if (memory_load(s->memory, slot, &c.ra) < 0)
			break;
		if (comes_from_call(s, c.ra, pc, &c.distance))
			s->found[s->n++] = c;
	}
	qsort(s->found, s->n, sizeof *s->found, closer);
}

static struct unwind_regs caller(const struct candidate *c)
{
	struct unwind_regs regs = {0};

	regs.reg[UNWIND_IP] = c->ra;
	regs.reg[UNWIND_SP] = c->slot + 8;
	regs.known = 1u << UNWIND_IP | 1u << UNWIND_SP | UNWIND_IP_IS_RETURN;
	return regs;
}

/* 2: call frame information leads to the root, to where a register must be searched for, or on to more code without
 * it; 1: right there begins more code without it; 0: nowhere. */
static int leads(const struct search *s, struct unwind_regs regs)
{
	enum unwind_end why = UNWIND_DEPTH;
	int signal;

	for (int i = 0; i < CHAIN; i++) {
		int rc = unwind_step(&regs, s->memory, s->map, &signal, &why);

		if (rc > 0)
			return 2;
		if (rc < 0)
			return why == UNWIND_NEED_REG  ? 2
			       : why != UNWIND_NO_RULE ? 0
			       : i > 0                 ? 2
						       : 1;
	}
	return 2;
}

/* Does the next frame, which has no call frame information either, come from a direct call of its own function? */
static int goes_on(const struct search *s, const struct unwind_regs *regs)
{
	struct search next = {
		.space = s->space, .map = s->map, .code = s->code, .memory = s->memory};

	collect(&next, regs);
	return next.n > 0 && next.found[0].distance != WEAK;
}

static int bridge_one(struct search *s, struct unwind_regs *regs)
{
	collect(s, regs);
	for (uint32_t i = 0; i < s->n; i++) {
		struct unwind_regs next = caller(&s->found[i]);
		int far = leads(s, next);

		if (far == 0 || (far == 1 && s->found[i].distance == WEAK && !goes_on(s, &next)))
			continue;
		*regs = next;
		return 1;
	}
	return 0;
}

void gap_bridge(struct attach_space *space, struct code *code, struct remote_stack *window,
		struct unwind_regs *regs, struct attach_stack *stack)
{
	for (int i = 0; i < GAPS && stack->end == UNWIND_NO_RULE; i++) {
		struct unwind_memory memory;
		struct search s = {.space = space,
				   .map = attach_space_map(space),
				   .code = code,
				   .memory = &memory};

		remote_stack_memory(window, &memory);
		if (!s.map || !bridge_one(&s, regs))
			return;
		stack->guessed++;
		attach_unwind_on(space, regs, window, NULL, stack);
	}
}
