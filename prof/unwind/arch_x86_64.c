/* x86-64: from the registers of a frame and its rule to those of the caller. Frames without CFI are
 * arch_x86_64_guess.c's. Signal-safe: no allocation, no library call, every load checked. */
#include "prof/unwind/arch_x86_64.h"

#include <dwarf.h>

#include "prof/unwind/expr.h"
#include "prof/unwind/memory.h"

/* A call leaves rbx, rbp, r12 … r15 as they were; the others are gone, whatever the CFI says. */
#define KEPT (1u << UNWIND_BX | 1u << UNWIND_BP | 0xfu << 12)

/* Order of a ucontext's registers, from byte 40 on: DWARF numbers. */
static const uint8_t greg_order[17] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
#define GREGS_AT 40

struct frame { /* what a step needs at each turn */
	const struct unwind_regs *old;
	struct unwind_regs *new;
	struct unwind_memory *memory;
	struct arch_step *s;
	uint64_t cfa;
};

static int fail(struct arch_step *s, enum unwind_end why)
{
	s->why = why;
	return -1;
}

static int known(const struct unwind_regs *regs, uint32_t reg)
{
	return reg < UNWIND_NREGS && regs->known >> reg & 1;
}

static void put(struct unwind_regs *regs, uint32_t reg, uint64_t value)
{
	regs->reg[reg] = value;
	regs->known |= 1u << reg;
}

static int load(struct frame *f, uint64_t address, uint64_t *word)
{
	return memory_load(f->memory, address, word) < 0 ? fail(f->s, UNWIND_BAD_READ) : 0;
}

static void unwind_regs_fill(struct unwind_regs *regs, const uint64_t *gregs)
{
	for (uint32_t i = 0; i < 17; i++)
		regs->reg[greg_order[i]] = gregs[i];
	regs->known = (1u << UNWIND_NREGS) - 1;
}

void unwind_regs_from_ucontext(struct unwind_regs *regs, const void *ucontext)
{
	unwind_regs_fill(regs, (const uint64_t *)((const uint8_t *)ucontext + GREGS_AT));
}

int arch_from_signal(struct unwind_regs *regs, struct unwind_memory *memory, uint64_t address,
		     struct arch_step *s)
{
	uint64_t gregs[17];

	for (uint32_t i = 0; i < 17; i++)
		if (memory_load(memory, address + GREGS_AT + 8 * i, &gregs[i]) < 0)
			return fail(s, UNWIND_BAD_READ);
	unwind_regs_fill(regs, gregs);
	s->signal = 1;
	return 0;
}

/* The canonical frame address of a rule in the short form. */
static int find_cfa(struct frame *f, const struct unwind_rule *rule)
{
	const struct unwind_regs *old = f->old;
	uint64_t off = (uint64_t)(int64_t)rule->cfa_off;
	uint32_t reg;

	switch (rule->cfa_kind) {
	case UNWIND_CFA_PLT:
		f->cfa = old->reg[UNWIND_SP] + 8 +
			 ((int32_t)(unwind_lookup(old) & 15) >= rule->cfa_off ? 8 : 0);
		return 0;
	case UNWIND_CFA_DEREF_BP:
		if (!known(old, UNWIND_BP))
			return fail(f->s, UNWIND_NEED_REG);
		return load(f, old->reg[UNWIND_BP] + off, &f->cfa);
	case UNWIND_CFA_SP:
		reg = UNWIND_SP;
		break;
	case UNWIND_CFA_BP:
		reg = UNWIND_BP;
		break;
	case UNWIND_CFA_REG:
		reg = rule->cfa_reg;
		break;
	default:
		return fail(f->s, UNWIND_NO_RULE);
	}
	if (!known(old, reg))
		return fail(f->s, UNWIND_NEED_REG);
	f->cfa = old->reg[reg] + off;
	return 0;
}

/* One register of the caller by its place. A register that cannot be had is unknown, no failure. */
static int restore(struct frame *f, uint32_t reg, int8_t place)
{
	uint64_t word;

	if (place == UNWIND_UNDEF) {
		f->new->known &= ~(1u << reg);
		return 0;
	}
	if (place == UNWIND_SAME) {
		f->s->lost_bp |= reg == UNWIND_BP && !known(f->old, reg);
		return 0;
	}
	if (load(f, f->cfa + (uint64_t)(8 * (int64_t)place), &word) == 0)
		put(f->new, reg, word);
	else if (reg == UNWIND_BP)
		return -1;
	else
		f->new->known &= ~(1u << reg);
	return 0;
}

static int short_rule(struct frame *f, const struct unwind_rule *rule)
{
	uint64_t ra;

	if (find_cfa(f, rule) < 0)
		return -1;
	if (rule->ra == UNWIND_UNDEF)
		return 1;
	if (load(f, f->cfa + (uint64_t)(8 * (int64_t)rule->ra), &ra) < 0)
		return -1;
	if (restore(f, UNWIND_BP, rule->bp) < 0 || restore(f, UNWIND_BX, rule->bx) < 0 ||
	    restore(f, 12, rule->r12) < 0 || restore(f, 13, rule->r13) < 0 ||
	    restore(f, 14, rule->r14) < 0 || restore(f, 15, rule->r15) < 0)
		return -1;
	put(f->new, UNWIND_IP, ra);
	put(f->new, UNWIND_SP, f->cfa);
	f->s->signal = rule->is_signal;
	return 0;
}

/* ---- the long form ------------------------------------------------------------------------------ */

struct ext_area {
	const uint8_t *at;
	uint32_t bytes;
};

static int run_expr(struct frame *f, const struct ext_area *area, int32_t place, uint32_t len,
		    const uint64_t *first, uint64_t *value)
{
	if (place < 0 || (uint32_t)place > area->bytes || len > area->bytes - (uint32_t)place)
		return fail(f->s, UNWIND_NO_RULE);
	return unwind_expr(area->at + place, len, f->old, f->memory, first, value, &f->s->why);
}

/* The value of one register; 1: it has none. */
static int ext_value(struct frame *f, const struct ext_area *area, const struct unwind_ext_reg *x,
		     uint64_t *value)
{
	uint64_t at;

	switch (x->kind) {
	case UNWIND_EXT_OFFSET:
		return load(f, f->cfa + (uint64_t)(int64_t)x->value, value);
	case UNWIND_EXT_VALUE:
		*value = f->cfa + (uint64_t)(int64_t)x->value;
		return 0;
	case UNWIND_EXT_REG:
	case UNWIND_EXT_SAME: {
		uint32_t from = x->kind == UNWIND_EXT_SAME ? x->reg : (uint32_t)x->value;

		if (!known(f->old, from))
			return fail(f->s, UNWIND_NEED_REG);
		*value = f->old->reg[from];
		return 0;
	}
	case UNWIND_EXT_EXPR:
		if (run_expr(f, area, x->value, x->len, &f->cfa, &at) < 0)
			return -1;
		return load(f, at, value);
	case UNWIND_EXT_VAL_EXPR:
		return run_expr(f, area, x->value, x->len, &f->cfa, value);
	case UNWIND_EXT_UNDEF:
		return 1;
	default:
		return fail(f->s, UNWIND_NO_RULE);
	}
}

/* A register that cannot be had is unknown to the caller; without the return address there is none. */
static int ext_register(struct frame *f, const struct ext_area *area,
			const struct unwind_ext_reg *x)
{
	uint64_t value = 0;
	int rc = ext_value(f, area, x, &value);

	if (rc == 0) {
		put(f->new, x->reg, value);
		return 0;
	}
	if (x->reg == UNWIND_IP)
		return rc;
	if (x->reg == UNWIND_SP)
		return rc < 0 ? -1 : fail(f->s, UNWIND_NEED_REG);
	f->s->lost_bp |= x->reg == UNWIND_BP && rc < 0 && f->s->why == UNWIND_NEED_REG;
	f->new->known &= ~(1u << x->reg);
	return 0;
}

static int ext_cfa(struct frame *f, const struct ext_area *area, const struct unwind_ext *ext)
{
	if (ext->cfa_is_expr)
		return run_expr(f, area, ext->cfa_off, ext->cfa_len, NULL, &f->cfa);
	if (!known(f->old, ext->cfa_reg))
		return fail(f->s, UNWIND_NEED_REG);
	f->cfa = f->old->reg[ext->cfa_reg] + (uint64_t)(int64_t)ext->cfa_off;
	return 0;
}

/* The head of a long rule, and where its registers begin in the area; 0 or -1. */
static int find_ext(const struct unwind_module *module, const struct unwind_rule *rule,
		    struct ext_area *area, struct unwind_ext *ext, uint32_t *regs_at)
{
	const struct unwind_table_head *h = &module->table->head;
	uint32_t at = (uint32_t)rule->cfa_off;

	*area = (struct ext_area){(const uint8_t *)module->table + h->ext_off, h->ext_bytes};
	if (area->bytes < sizeof *ext || at > area->bytes - sizeof *ext)
		return -1;
	__builtin_memcpy(ext, area->at + at, sizeof *ext);
	*regs_at = at + (uint32_t)sizeof *ext;
	if (ext->n_regs > UNWIND_NREGS ||
	    ext->n_regs * sizeof(struct unwind_ext_reg) > area->bytes - *regs_at)
		return -1;
	return 0;
}

static int long_rule(struct frame *f, const struct unwind_module *module,
		     const struct unwind_rule *rule)
{
	struct ext_area area;
	struct unwind_ext ext;
	struct unwind_ext_reg x;
	uint32_t at, done = 0;
	uint64_t ra;

	if (find_ext(module, rule, &area, &ext, &at) < 0)
		return fail(f->s, UNWIND_NO_RULE);
	if (ext_cfa(f, &area, &ext) < 0)
		return -1;
	f->new->reg[UNWIND_SP] = f->cfa;
	for (uint32_t i = 0; i < ext.n_regs; i++) {
		int rc;

		__builtin_memcpy(&x, area.at + at + i * sizeof x, sizeof x);
		if (x.reg >= UNWIND_NREGS)
			return fail(f->s, UNWIND_NO_RULE);
		rc = ext_register(f, &area, &x);
		if (rc != 0)
			return rc;
		done |= 1u << x.reg;
	}
	f->s->lost_bp |= !(done >> UNWIND_BP & 1) && !known(f->old, UNWIND_BP);
	f->s->signal = ext.is_signal;
	if (done >> UNWIND_IP & 1)
		return 0;
	if (load(f, f->cfa - 8, &ra) < 0)
		return -1;
	f->new->reg[UNWIND_IP] = ra;
	return 0;
}

/* ---- one step ----------------------------------------------------------------------------------- */

static int by_rule(struct frame *f, const struct unwind_module *module,
		   const struct unwind_rule *rule)
{
	switch (rule->cfa_kind) {
	case UNWIND_CFA_ROOT:
		return 1;
	case UNWIND_CFA_SIGNAL:
		return arch_from_signal(f->new, f->memory, f->old->reg[UNWIND_SP], f->s);
	case UNWIND_CFA_EXT:
		return long_rule(f, module, rule);
	default:
		return short_rule(f, rule);
	}
}

int arch_step(struct unwind_regs *regs, struct unwind_memory *memory, const struct unwind_map *map,
	      const struct unwind_module *module, const struct unwind_rule *rule,
	      struct arch_step *s)
{
	struct unwind_regs new;
	struct frame f = {regs, &new, memory, s, 0};
	int exact = !(regs->known & UNWIND_IP_IS_RETURN), rc;

	*s = (struct arch_step){UNWIND_NO_RULE, 0, 0, 0};
	if (rule->cfa_kind == UNWIND_CFA_NONE)
		return arch_guess(regs, memory, map, module, s);
	regs_copy(&new, regs);
	new.known &= KEPT | 1u << UNWIND_SP | 1u << UNWIND_IP;
	rc = by_rule(&f, module, rule);
	if (rc != 0)
		return rc;
	if (new.reg[UNWIND_IP] == 0 && !s->signal)
		return 1;
	/* The stack grows inwards: a caller's frame lies further out. The innermost frame may be about to
	 * switch stacks, and a signal may have come on a stack of its own. */
	if (!s->signal && !exact && new.reg[UNWIND_SP] <= regs->reg[UNWIND_SP])
		return fail(s, UNWIND_BAD_FRAME);
	new.known = (new.known & ~UNWIND_IP_IS_RETURN) | (s->signal ? 0 : UNWIND_IP_IS_RETURN);
	regs_copy(regs, &new);
	return 0;
}

/* ---- short forms -------------------------------------------------------------------------------- */

/* Is this "rbp + a number", with `deref` what is stored there? The number has one byte or two. */
static int is_bp(const struct ext_area *area, int32_t place, uint32_t len, int deref, int32_t *off)
{
	const uint8_t *e = area->at + place;
	uint32_t n = len - (deref ? 1 : 0);

	if (place < 0 || (uint32_t)place > area->bytes || len > area->bytes - (uint32_t)place ||
	    n < 2 || n > 3 || len < n || e[0] != DW_OP_breg6 || (deref && e[n] != DW_OP_deref))
		return 0;
	if (n == 2)
		*off = (int32_t)((uint32_t)e[1] << 25) >> 25;
	else
		*off = (int32_t)((uint32_t)e[1] << 18 | (uint32_t)e[2] << 25) >> 18;
	return n == 2 ? e[1] < 0x80 : e[1] >= 0x80 && e[2] < 0x80;
}

/* What gcc makes where it realigns the stack: the CFA is stored near rbp, rbp where it points to; others
 * are of no interest here. */
static int is_realigned(const struct unwind_module *module, const struct unwind_rule *rule,
			int32_t *cfa_off)
{
	struct ext_area area;
	struct unwind_ext ext;
	struct unwind_ext_reg x;
	uint32_t at;
	int bp_saved = 0;

	if (find_ext(module, rule, &area, &ext, &at) < 0 || ext.is_signal || !ext.cfa_is_expr ||
	    !is_bp(&area, ext.cfa_off, ext.cfa_len, 1, cfa_off))
		return 0;
	for (uint32_t i = 0; i < ext.n_regs; i++) {
		int32_t off = 1;

		__builtin_memcpy(&x, area.at + at + i * sizeof x, sizeof x);
		if (x.reg == UNWIND_SP || x.reg >= UNWIND_NREGS)
			return 0;
		if (x.reg == UNWIND_IP && (x.kind != UNWIND_EXT_OFFSET || x.value != -8))
			return 0;
		if (x.reg == UNWIND_BP && x.kind == UNWIND_EXT_EXPR)
			bp_saved = is_bp(&area, x.value, x.len, 0, &off) && off == 0;
		else if (x.reg == UNWIND_BP)
			return 0;
	}
	return bp_saved;
}

static uint8_t short_kind(const struct unwind_rule *rule, const struct unwind_module *module,
			  uint64_t address, int32_t *off)
{
	switch (rule->cfa_kind) {
	case UNWIND_CFA_ROOT:
		return UNWIND_ENTRY_ROOT;
	case UNWIND_CFA_EXT:
		return is_realigned(module, rule, off) ? UNWIND_ENTRY_REALIGNED
						       : UNWIND_ENTRY_SPECIAL;
	case UNWIND_CFA_PLT:
		*off = (int32_t)(address & 15) >= rule->cfa_off ? 16 : 8;
		break;
	case UNWIND_CFA_SP:
	case UNWIND_CFA_BP:
		*off = rule->cfa_off;
		break;
	default:
		return UNWIND_ENTRY_SPECIAL;
	}
	if (*off < 8 || rule->ra != ARCH_RA_UNITS || rule->is_signal)
		return UNWIND_ENTRY_SPECIAL;
	if (rule->bp != UNWIND_SAME && (rule->bp >= ARCH_RA_UNITS || *off + 8 * rule->bp < 0))
		return UNWIND_ENTRY_SPECIAL;
	return rule->cfa_kind == UNWIND_CFA_BP ? UNWIND_ENTRY_BP : UNWIND_ENTRY_SP;
}

void arch_pack(struct unwind_entry *entry, const struct unwind_rule *rule,
	       const struct unwind_module *module, uint64_t address)
{
	int32_t off = 0;

	entry->kind = short_kind(rule, module, address, &off);
	entry->cfa_off = off;
	entry->bp = rule->bp;
}
