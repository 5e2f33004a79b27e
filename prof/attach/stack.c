/* From registers and memory to a list of addresses: see stack.h. Code that was mapped meanwhile is looked for
 * once per walk. Not thread-safe. */
#include "prof/attach/stack.h"

#include "prof/base/clock.h"

/* Where the walk ended without a rule there is still a frame: its pc was a return address of the last one. */
static void add_last(struct attach_space *space, const struct unwind_regs *regs,
		     struct attach_stack *stack)
{
	uint64_t pc = unwind_lookup(regs);

	if (stack->end == UNWIND_ROOT || stack->end == UNWIND_DEPTH || pc == 0 ||
	    stack->n == UNWIND_DEPTH_MAX)
		return;
	if (stack->n == 0 || attach_space_is_code(space, pc))
		stack->addresses[stack->n++] = pc;
}

/* Is there a reason to read the maps again? The pc that nobody knows may be of a library loaded since. */
static int learn(struct attach_space *space, const struct unwind_regs *regs, uint32_t *generation)
{
	const struct unwind_map *map;

	if (attach_space_is_code(space, unwind_lookup(regs)))
		return 0;
	if (attach_space_refresh(space, clock_mono_ns(), NULL) != 0)
		return 0;
	map = attach_space_map(space);
	if (!map || map->generation == *generation)
		return 0;
	*generation = map->generation;
	return 1;
}

static void walk(struct attach_space *space, struct unwind_regs *regs, struct unwind_memory *m,
		 struct unwind_cache *cache, struct attach_stack *stack)
{
	const struct unwind_map *map = attach_space_map(space);
	uint32_t generation = map ? map->generation : 0;

	stack->end = UNWIND_NO_TABLE;
	while (map) {
		struct unwind_result r = unwind(regs, m, map, cache, stack->addresses + stack->n,
						UNWIND_DEPTH_MAX - stack->n);

		stack->n += r.n;
		stack->guessed += r.guessed;
		stack->end = r.end;
		if (r.end != UNWIND_NO_TABLE || !learn(space, regs, &generation))
			break;
		map = attach_space_map(space);
	}
	add_last(space, regs, stack);
}

void attach_unwind(struct attach_space *space, struct unwind_regs *regs,
		   struct remote_stack *memory, struct unwind_cache *cache,
		   struct attach_stack *stack)
{
	struct unwind_memory m;

	remote_stack_memory(memory, &m);
	stack->n = stack->guessed = 0;
	walk(space, regs, &m, cache, stack);
	stack->torn = stack->running && memory->live_reads > 0;
}

void attach_unwind_on(struct attach_space *space, struct unwind_regs *regs,
		      struct remote_stack *memory, struct unwind_cache *cache,
		      struct attach_stack *stack)
{
	struct unwind_memory m;

	remote_stack_memory(memory, &m);
	if (stack->n && stack->end != UNWIND_ROOT && stack->end != UNWIND_DEPTH &&
	    stack->addresses[stack->n - 1] == unwind_lookup(regs))
		stack->n--; /* the last one is written again */
	walk(space, regs, &m, cache, stack);
	stack->torn |= stack->running && memory->live_reads > 0;
}
