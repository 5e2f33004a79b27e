/* Walking a stack: the hot loop over cached rules, and the way round by full registers for what has no
 * short rule. What a rule means is in the arch files, where rules are found in cache.c. Signal-safe: no
 * allocation, no lock, no library call; time is bounded by the caller's `max`. */
#include "prof/unwind/unwind.h"

#include "prof/unwind/arch_x86_64.h"
#include "prof/unwind/cache.h"
#include "prof/unwind/memory.h"

/* Stands for a bp that is not known. Not canonical: no load by it can pass for right. */
#define NO_BP 0x8000000000000001u

/* No stack is as large: what differs by more lies the other way, and sums cannot wrap around. */
#define HALF ((uint64_t)1 << 62)

/* Signal frames that lead inwards: so many stacks of handlers inside each other are none. */
#define SWITCHES_MAX 16

struct walk {
	struct unwind_memory *memory;
	const struct unwind_map *map;
	struct unwind_cache *cache;
	struct unwind_regs *regs; /* all registers, at frame `known_at` */
	uint64_t *known_at;
	uint64_t *out, *end; /* the frame at hand is the one that goes to *out */
	uint64_t *exact_at;  /* the frame whose pc is no return address */
	uint64_t key, sp, bp;
	struct unwind_entry *entry; /* that of the frame at hand, or of the one before */
	uint32_t guessed, switches;
};

enum stop { STOP_MISS, STOP_SPECIAL, STOP_DEPTH, STOP_ROOT };

const char *unwind_end_name(enum unwind_end end)
{
	switch (end) {
	case UNWIND_ROOT:
		return "root";
	case UNWIND_DEPTH:
		return "depth";
	case UNWIND_NO_TABLE:
		return "no table";
	case UNWIND_NO_RULE:
		return "no rule";
	case UNWIND_BAD_READ:
		return "bad read";
	case UNWIND_BAD_FRAME:
		return "bad frame";
	case UNWIND_NEED_REG:
		return "need register";
	}
	return "unknown";
}

const struct unwind_module *unwind_map_find(const struct unwind_map *map, uint64_t address)
{
	const struct unwind_module *m = map->modules;
	uint32_t n = map->n;

	if (n == 0)
		return NULL;
	while (n > 1) { /* the last module with start <= address */
		uint32_t half = n / 2;

		m = m[half].start <= address ? m + half : m;
		n -= half;
	}
	return address >= m->start && address < m->end ? m : NULL;
}

/* The hot loop: no call in it, so that all of its state stays in registers. The entry of the caller is
 * the one seen after this frame the last time; the return address only confirms that, off the critical
 * path, and so does a bp that no rule asks for. Leaves for anything else, with the frame at hand not
 * written. */
static inline __attribute__((always_inline)) enum stop run(struct walk *w)
{
	const struct unwind_memory *m = w->memory;
	const uint8_t *entries = (const uint8_t *)cache_entries(w->cache);
	uint64_t shift =
		(uint64_t)(uintptr_t)m->base - m->lo; /* from addresses to where they are */
	uint64_t first_ra = m->lo + 8, count = memory_count(m);
	uint64_t key = w->key, sp = w->sp, *out = w->out, *const end = w->end;
	uint64_t bp_at = (uint64_t)(uintptr_t)&w->bp; /* where bp is to be had */
	const struct unwind_entry *e = w->entry, *next;
	enum stop stop;

	if (UNWIND_UNLIKELY(sp < m->lo || count >= HALF))
		return out == end ? STOP_DEPTH : STOP_SPECIAL;
	for (;;) {
		uint64_t cfa = sp;

		stop = STOP_DEPTH;
		if (UNWIND_UNLIKELY(out == end))
			break;
		/* A branch, not a choice by arithmetic: guessing it takes the load of bp out of the chain
		 * from frame to frame. */
		if (e->kind != UNWIND_ENTRY_SP) {
			uint64_t from = memory_word((const uint8_t *)(uintptr_t)bp_at), at;

			stop = e->kind == UNWIND_ENTRY_ROOT ? STOP_ROOT : STOP_SPECIAL;
			if (UNWIND_UNLIKELY(e->kind != UNWIND_ENTRY_BP &&
					    e->kind != UNWIND_ENTRY_REALIGNED))
				break;
			if (UNWIND_UNLIKELY(from - sp >= HALF))
				break;
			cfa = from;
			if (UNWIND_UNLIKELY(e->kind == UNWIND_ENTRY_REALIGNED)) {
				at = from + (uint64_t)(int64_t)e->cfa_off;
				if (at - m->lo >= count || from - m->lo >= count)
					break;
				cfa = memory_word((const uint8_t *)(uintptr_t)(at + shift));
				if (cfa - from - 1 >= HALF || cfa - first_ra >= count)
					break;
				bp_at = from + shift;
				goto found;
			}
		}
		stop = STOP_SPECIAL;
		cfa += (uint64_t)(int64_t)e->cfa_off;
		if (UNWIND_UNLIKELY(cfa - first_ra >= count))
			break;
		/* From here on all that is read lies between sp and the return address. */
		bp_at = e->bp ? cfa + shift + (uint64_t)(8 * (int64_t)e->bp) : bp_at;
	found:
		*out++ = key;
		key = memory_word((const uint8_t *)(uintptr_t)(cfa - 8 + shift)) - 1;
		sp = cfa;
		next = (const struct unwind_entry *)(const void *)(entries + e->next);
		stop = STOP_MISS;
		if (UNWIND_UNLIKELY(next->key != key))
			break;
		e = next;
	}
	w->bp = memory_word((const uint8_t *)(uintptr_t)bp_at);
	w->key = key;
	w->sp = sp;
	w->out = out;
	w->entry = (struct unwind_entry *)(uintptr_t)e;
	return stop;
}

static int step(struct walk *w, struct unwind_regs *regs, struct arch_step *s)
{
	const struct unwind_rule *rule = cache_rule(w->map, &w->cache->module, unwind_lookup(regs));

	return arch_step(regs, w->memory, w->map, w->cache->module, rule, s);
}

/* The registers that the hot loop keeps. */
static void few_registers(const struct walk *w, struct unwind_regs *regs)
{
	int exact = w->out == w->exact_at;

	regs->reg[UNWIND_SP] = w->sp;
	regs->reg[UNWIND_BP] = w->bp;
	regs->reg[UNWIND_IP] = exact ? w->key : w->key + 1;
	regs->known = 1u << UNWIND_SP | 1u << UNWIND_IP;
	if (w->bp != NO_BP)
		regs->known |= 1u << UNWIND_BP;
	if (!exact)
		regs->known |= UNWIND_IP_IS_RETURN;
}

/* The frame at hand with all registers that can be known, in w->regs: the frames since the last such
 * point are walked again. 0, or -1 if that leads elsewhere (the stack changes under us). */
static int all_registers(struct walk *w)
{
	struct unwind_regs regs;
	struct arch_step s;

	regs_copy(&regs, w->regs);
	for (uint64_t *p = w->known_at; p < w->out; p++)
		if (unwind_lookup(&regs) != *p || step(w, &regs, &s) != 0)
			return -1;
	if (unwind_lookup(&regs) != w->key || regs.reg[UNWIND_SP] != w->sp)
		return -1;
	regs_copy(w->regs, &regs);
	w->known_at = w->out;
	return 0;
}

/* Leaves the frame at hand by `regs`, its caller. */
static void advance(struct walk *w, const struct unwind_regs *regs, const struct arch_step *s)
{
	/* Nobody called a signal trampoline: the address that leads into it is its beginning. */
	*w->out = w->key + (s->signal && w->out != w->exact_at);
	w->out++;
	w->guessed += s->guessed;
	w->key = unwind_lookup(regs);
	w->sp = regs->reg[UNWIND_SP];
	w->bp = regs->known >> UNWIND_BP & 1 ? regs->reg[UNWIND_BP] : NO_BP;
	if (!(regs->known & UNWIND_IP_IS_RETURN))
		w->exact_at = w->out;
}

/* Whether the frame at hand is one: a return address of 0 ends a stack. */
static int is_frame(const struct walk *w)
{
	return w->out == w->exact_at ? w->key != 0 : w->key != UINT64_MAX;
}

/* One frame that the hot loop cannot do. 0; 1: it was the last, *end says why. */
static __attribute__((noinline)) int special(struct walk *w, enum unwind_end *end)
{
	struct unwind_regs regs = {0};
	struct arch_step s;
	int full = w->out == w->known_at, rc;
	uint64_t sp = w->sp;

	if (full)
		regs_copy(&regs, w->regs);
	else
		few_registers(w, &regs);
	rc = step(w, &regs, &s);
	if (!full && ((rc < 0 && s.why == UNWIND_NEED_REG) || (rc == 0 && s.lost_bp)) &&
	    all_registers(w) == 0) {
		full = 1;
		regs_copy(&regs, w->regs);
		rc = step(w, &regs, &s);
	}
	if (rc == 0 && s.signal && regs.reg[UNWIND_SP] <= sp && ++w->switches > SWITCHES_MAX) {
		s.why = UNWIND_BAD_FRAME;
		rc = -1;
	}
	if (rc > 0 && is_frame(w))
		*w->out++ = w->key;
	if (rc != 0) {
		*end = rc > 0 ? UNWIND_ROOT : s.why;
		return 1;
	}
	advance(w, &regs, &s);
	if (full || s.signal) {
		regs_copy(w->regs, &regs);
		w->known_at = w->out;
	}
	return 0;
}

static enum unwind_end walk(struct walk *w)
{
	struct unwind_entry *before = NULL;
	enum unwind_end end;

	for (;;) {
		w->entry = cache_find(w->cache, w->map, w->key);
		if (before)
			before->next = (uint16_t)((uint8_t *)w->entry -
						  (uint8_t *)cache_entries(w->cache));
		switch (run(w)) {
		case STOP_MISS:
			break;
		case STOP_DEPTH:
			return w->out == w->exact_at || is_frame(w) ? UNWIND_DEPTH : UNWIND_ROOT;
		case STOP_ROOT:
			*w->out++ = w->key;
			return UNWIND_ROOT;
		case STOP_SPECIAL:
			if (special(w, &end))
				return end;
		}
		before = w->entry;
	}
}

/* What the caller finds in its registers: all that can be known where somebody may go on. */
static void leave(struct walk *w, enum unwind_end end)
{
	uint64_t *out = w->out;

	if (end != UNWIND_ROOT && end != UNWIND_DEPTH && out != w->known_at &&
	    all_registers(w) == 0)
		return;
	if (out != w->known_at)
		few_registers(w, w->regs);
}

struct unwind_result unwind(struct unwind_regs *regs, struct unwind_memory *memory,
			    const struct unwind_map *map, struct unwind_cache *cache,
			    uint64_t *addresses, uint32_t max)
{
	struct walk w;
	struct unwind_result result;
	struct unwind_no_cache none;

	w.memory = memory;
	w.map = map;
	w.cache = cache ? cache : &none.cache;
	w.regs = regs;
	w.known_at = w.out = addresses;
	w.end = addresses + max;
	w.exact_at = regs->known & UNWIND_IP_IS_RETURN ? NULL : addresses;
	w.key = unwind_lookup(regs);
	w.sp = regs->reg[UNWIND_SP];
	w.bp = regs->known >> UNWIND_BP & 1 ? regs->reg[UNWIND_BP] : NO_BP;
	w.guessed = w.switches = 0;
	if (cache)
		cache_check(cache, map, UNWIND_CACHE_SETS);
	else
		cache_clear(&none.cache, map->generation, 1);
	result.end = walk(&w);
	leave(&w, result.end);
	result.n = (uint32_t)(w.out - addresses);
	result.guessed = w.guessed;
	return result;
}

int unwind_step(struct unwind_regs *regs, struct unwind_memory *memory,
		const struct unwind_map *map, int *is_signal_frame, enum unwind_end *why)
{
	const struct unwind_module *module = NULL;
	const struct unwind_rule *rule = cache_rule(map, &module, unwind_lookup(regs));
	struct arch_step s;
	int rc = arch_step(regs, memory, map, module, rule, &s);

	if (rc < 0)
		*why = s.why;
	if (is_signal_frame)
		*is_signal_frame = rc == 0 && s.signal;
	return rc;
}
