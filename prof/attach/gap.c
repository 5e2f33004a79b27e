/* Searching the caller of a frame without call frame information: see gap.h.
 *
 * The stack above the frame holds the return address, and may hold others that earlier calls left behind. A direct
 * call names its target: of the targets before the pc in its module the closest one is the beginning of the
 * function that the pc is in, or of one before it, if that was entered by a jump. Among calls of the
 * same target (a recursion) the innermost counts. A call that leads elsewhere (what it called may have jumped to us) and an indirect one prove little: they are taken if nothing else is there, the
 * innermost first, and if what comes after them fits. */
#include "prof/attach/gap.h"

#include <stdlib.h>
#include <string.h>

#include "prof/unwind/memory.h"

#define REACH      16384u     /* bytes of stack that a frame may take */
#define NEAR       1024u      /* most take less: looked at first */
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
	uint64_t lo, hi; /* all code lies in between */
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

	if (ra <= s->lo || ra > s->hi || !attach_space_is_code(s->space, ra - 1))
		return 0;
	*distance = WEAK;
	switch (code_call_before(s->code, ra, &target)) {
	case CODE_CALL:
		if (target <= pc && pc - target < CALL_REACH &&
		    unwind_map_find(s->map, target) == unwind_map_find(s->map, pc))
			*distance = pc - target;
		return 1;
	case CODE_CALL_INDIRECT:
		return 1;
	case CODE_NO_CALL:
		break;
	}
	return 0;
}

static void collect(struct search *s, const struct unwind_regs *regs, uint64_t reach)
{
	uint64_t sp = regs->reg[UNWIND_SP], pc = unwind_lookup(regs);

	s->n = 0;
	for (uint64_t slot = sp; slot < sp + reach && s->n < CANDIDATES; slot += 8) {
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

/* Does the next frame, which has no call frame information either, come from a direct call of its own function, or is
 * it the outermost? */
static int goes_on(const struct search *s, const struct unwind_regs *regs)
{
	struct search next = {
		.space = s->space, .map = s->map, .code = s->code, .memory = s->memory};

	next.lo = s->lo;
	next.hi = s->hi;
	collect(&next, regs, REACH);
	return next.n == 0 || next.found[0].distance != WEAK;
}

/* 1: `regs` is the caller's; 0: none fits, s->n tells whether there were any. */
static int bridge_one(struct search *s, struct unwind_regs *regs, uint64_t reach)
{
	collect(s, regs, reach);
	for (uint32_t i = 0; i < s->n; i++) {
		struct unwind_regs next = caller(&s->found[i]);
		int weak = s->found[i].distance == WEAK;
		int far = weak && reach == NEAR ? 0 : leads(s, next);

		if (far == 0 || (far == 1 && weak && !goes_on(s, &next)))
			continue;
		*regs = next;
		return 1;
	}
	return 0;
}

static void find_bounds(struct search *s)
{
	if (s->map->n == 0)
		return;
	s->lo = s->map->modules[0].start;
	s->hi = s->map->modules[s->map->n - 1].end;
}

static struct gap_frame *remembered(struct gap_cache *c, uint64_t pc)
{
	return &c->frames[pc * UINT64_C(0x9e3779b97f4a7c15) >> 55];
}

static void forget(struct gap_cache *c, uint32_t generation)
{
	if (c->generation == generation)
		return;
	memset(c->code.address, 0, sizeof c->code.address);
	memset(c->code.tables, 0, sizeof c->code.tables);
	memset(c->frames, 0, sizeof c->frames);
	c->generation = generation;
}

/* As when this pc was met before; what lies there now must still come from a call. 1: `regs` is the caller's; 2: the
 * frame is the outermost; 0: it was not met, or is different. */
static int as_before(struct search *s, const struct gap_frame *f, struct unwind_regs *regs)
{
	struct candidate c = {.slot = regs->reg[UNWIND_SP] + f->away};
	uint64_t pc = unwind_lookup(regs);

	if (f->pc != pc)
		return 0;
	if (f->away == UINT64_MAX)
		return 2;
	if (memory_load(s->memory, c.slot, &c.ra) < 0 || !comes_from_call(s, c.ra, pc, &c.distance))
		return 0;
	*regs = caller(&c);
	return 1;
}

/* 1: `regs` is the caller's; 2: nothing further out looks like a caller: a thread's beginning; 0: none fits. */
static int find_caller(struct search *s, struct gap_cache *cache, struct unwind_regs *regs)
{
	uint64_t pc = unwind_lookup(regs), sp = regs->reg[UNWIND_SP];
	struct gap_frame *f = remembered(cache, pc);
	int found = as_before(s, f, regs);

	if (found)
		return found;
	if (bridge_one(s, regs, NEAR) || bridge_one(s, regs, REACH))
		found = 1;
	else if (s->n == 0)
		found = 2;
	if (found)
		*f = (struct gap_frame){pc,
					found == 1 ? regs->reg[UNWIND_SP] - 8 - sp : UINT64_MAX};
	return found;
}

void gap_bridge(struct attach_space *space, struct gap_cache *cache, struct remote_stack *window,
		struct unwind_regs *regs, struct attach_stack *stack)
{
	for (int i = 0; i < GAPS && stack->end == UNWIND_NO_RULE; i++) {
		struct unwind_memory memory;
		struct search s = {.space = space,
				   .map = attach_space_map(space),
				   .code = &cache->code,
				   .memory = &memory};
		int found;

		remote_stack_memory(window, &memory);
		if (!s.map)
			return;
		forget(cache, s.map->generation);
		find_bounds(&s);
		found = find_caller(&s, cache, regs);
		stack->guessed += found > 0;
		if (found == 2)
			stack->end = UNWIND_ROOT;
		if (found != 1)
			return;
		attach_unwind_on(space, regs, window, NULL, stack);
	}
}
