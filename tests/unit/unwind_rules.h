/* One module with a rule of each kind, and walks over it in every way: with a cold cache, a warm one and
 * none, and by single steps. For the tests of the unwinder; include cmocka.h first. */
#ifndef TESTS_UNWIND_RULES_H
#define TESTS_UNWIND_RULES_H

#include "tests/unit/unwind_rig.h"

/* Rules that most tests share; a row every 0x100 bytes of code. */
enum {
	NONE,
	SP8,
	SP32,
	SP32_BP,
	BP16,
	ROOT,
	DEREF,
	PLT,
	REG_BX,
	SAVE_BX,
	SIGNAL,
	LOSE_BP,
	SP_DOWN,
	RA_ODD,
	N_RULES
};
static const struct unwind_rule rules[N_RULES] = {
	[SP8] = {.cfa_kind = UNWIND_CFA_SP, .cfa_off = 8, .ra = -1},
	[SP32] = {.cfa_kind = UNWIND_CFA_SP, .cfa_off = 32, .ra = -1},
	[SP32_BP] = {.cfa_kind = UNWIND_CFA_SP, .cfa_off = 32, .ra = -1, .bp = -2},
	[BP16] = {.cfa_kind = UNWIND_CFA_BP, .cfa_off = 16, .ra = -1, .bp = -2},
	[ROOT] = {.cfa_kind = UNWIND_CFA_ROOT},
	[DEREF] = {.cfa_kind = UNWIND_CFA_DEREF_BP, .cfa_off = -8, .ra = -1},
	[PLT] = {.cfa_kind = UNWIND_CFA_PLT, .cfa_off = 11, .ra = -1},
	[REG_BX] = {.cfa_kind = UNWIND_CFA_REG, .cfa_reg = UNWIND_BX, .cfa_off = 16, .ra = -1},
	[SAVE_BX] = {.cfa_kind = UNWIND_CFA_SP, .cfa_off = 32, .ra = -1, .bx = -3},
	[SIGNAL] = {.cfa_kind = UNWIND_CFA_SIGNAL, .is_signal = 1},
	[LOSE_BP] = {.cfa_kind = UNWIND_CFA_SP, .cfa_off = 16, .ra = -1, .bp = UNWIND_UNDEF},
	[SP_DOWN] = {.cfa_kind = UNWIND_CFA_SP, .cfa_off = -16, .ra = -1},
	[RA_ODD] = {.cfa_kind = UNWIND_CFA_SP, .cfa_off = 32, .ra = -2},
};

/* An address in the code that rule `r` holds for. */
static inline uint64_t in(uint32_t r)
{
	return CODE + 0x100 * r + 0x45;
}

static inline int setup(void **state)
{
	struct rig *r = malloc(sizeof *r);
	struct rig_row rows[N_RULES];

	if (!r)
		return -1;
	rig_init(r);
	for (uint16_t i = 0; i < N_RULES; i++)
		rows[i] = (struct rig_row){(uint16_t)(0x100 * i), i};
	rig_table(r, rows, N_RULES, rules, N_RULES, NULL, 0);
	*state = r;
	return 0;
}

static inline int teardown(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

static inline void go(struct rig *r, uint32_t max)
{
	r->result = unwind(&r->regs, &r->memory, &r->map, r->cache, r->out, max);
}

/* The walk gives `n` addresses and this end: with a cold cache, a warm one, none, and by steps. */
static inline void expect(struct rig *r, enum unwind_end end, uint32_t n, const uint64_t *want)
{
	struct unwind_regs start = r->regs, steps = r->regs;

	for (int turn = 0; turn < 3; turn++) {
		r->regs = start;
		memset(r->out, 0xee, sizeof r->out);
		r->result = unwind(&r->regs, &r->memory, &r->map, turn == 2 ? NULL : r->cache,
				   r->out, UNWIND_DEPTH_MAX);
		assert_string_equal(unwind_end_name(r->result.end), unwind_end_name(end));
		assert_int_equal(r->result.n, n);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(r->out[i], want[i]);
		assert_int_equal(r->out[n], 0xeeeeeeeeeeeeeeee);
	}
	r->result = rig_steps(&steps, &r->memory, &r->map, r->out, UNWIND_DEPTH_MAX);
	assert_string_equal(unwind_end_name(r->result.end), unwind_end_name(end));
	assert_int_equal(r->result.n, n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(r->out[i], want[i]);
	if (end != UNWIND_ROOT) {
		assert_int_equal(unwind_lookup(&steps), unwind_lookup(&r->regs));
		assert_int_equal(steps.reg[UNWIND_SP], r->regs.reg[UNWIND_SP]);
	}
}
#define EXPECT(r, end, ...)                                                                        \
	do {                                                                                       \
		const uint64_t want_[] = {__VA_ARGS__};                                            \
		expect(r, end, sizeof want_ / sizeof *want_, want_);                               \
	} while (0)

/* A ucontext at `slot` of the stack: register DWARF numbers to places in its array. */
static inline void put_ucontext(struct rig *r, uint32_t slot, uint64_t ip, uint64_t sp, uint64_t bp,
				uint64_t bx)
{
	r->stack[slot + 5 + 10] = bp;
	r->stack[slot + 5 + 11] = bx;
	r->stack[slot + 5 + 15] = sp;
	r->stack[slot + 5 + 16] = ip;
}

#endif
