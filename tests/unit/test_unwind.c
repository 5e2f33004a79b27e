/* The unwinder on hand-made stacks and tables: each kind of rule, each way a walk ends, what the cache
 * may and may not remember. Real programs are test_unwind_step's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/numbers.h"
#include "tests/unit/unwind_rules.h"

static void frames_by_sp_lead_to_the_root(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP8), 10);
	r->stack[10] = in(SP32);
	r->stack[14] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP8), in(SP32)-1, in(ROOT)-1);
	assert_int_equal(r->result.guessed, 0);
}

static void a_saved_bp_serves_a_frame_further_out(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP32_BP), 10);
	r->stack[12] = STACK + 8 * 20; /* bp of the caller */
	r->stack[13] = in(SP8);
	r->stack[14] = in(BP16);
	r->stack[20] = STACK + 8 * 30;
	r->stack[21] = in(BP16);
	r->stack[30] = 0;
	r->stack[31] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP32_BP), in(SP8)-1, in(BP16)-1, in(BP16)-1, in(ROOT)-1);
}

static void a_realigned_frame_finds_its_cfa_in_memory(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(DEREF), 10);
	rig_know(r, UNWIND_BP, STACK + 8 * 20);
	r->stack[19] = STACK + 8 * 33;
	r->stack[32] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(DEREF), in(ROOT)-1);
}

/* The long form: what gcc writes where it realigns the stack, whose short form is in the cache, and the
 * same with a place of rbp that has no short form. */
static void long_rules_lead_outwards(void **state)
{
	struct rig *r = *state;
	static const struct unwind_rule two[3] = {
		{.cfa_kind = UNWIND_CFA_NONE},
		{.cfa_kind = UNWIND_CFA_EXT, .cfa_off = 8},
		{.cfa_kind = UNWIND_CFA_ROOT},
	};
	static const struct rig_row rows[3] = {{0, 0}, {0x100, 1}, {0x200, 2}};
	struct {
		uint8_t ops[8];
		struct unwind_ext ext;
		struct unwind_ext_reg reg[2];
	} area = {{0x76, 0x78, 0x06, 0x76, 0, 0x76, 8, 0},
		  {1, 0, 1, 0, 0, 3},
		  {{UNWIND_BP, UNWIND_EXT_EXPR, 2, 3}, {0}}};

	for (int turn = 0; turn < 4; turn++) {
		area.reg[0].value = turn & 1 ? 5 : 3; /* rbp at rbp + 8 or rbp */
		area.ext.cfa_len =
			turn & 2 ? 2 : 3; /* CFA = rbp - 8: inside, once; or what is there */
		rig_table(r, rows, 3, two, 3, &area, sizeof area);
		r->map.generation++;
		rig_start(r, CODE + 0x100, 10);
		rig_know(r, UNWIND_BP, STACK + 8 * 20);
		r->stack[18] = CODE + 0x201;
		r->stack[19] = STACK + 8 * 34;
		r->stack[20 + (turn & 1)] = STACK + 8 * 40;
		r->stack[33] = CODE + 0x101;
		r->stack[39] = STACK + 8 * 60;
		r->stack[59] = CODE + 0x201;
		if (turn & 2)
			EXPECT(r, UNWIND_ROOT, CODE + 0x100, CODE + 0x200);
		else
			EXPECT(r, UNWIND_ROOT, CODE + 0x100, CODE + 0x100, CODE + 0x200);
		r->stack[39] = STACK + 8 * 34; /* not outwards */
		if (!(turn & 2)) {
			rig_start(r, CODE + 0x100, 10);
			rig_know(r, UNWIND_BP, STACK + 8 * 20);
			EXPECT(r, UNWIND_BAD_FRAME, CODE + 0x100);
		}
	}
}

/* The hot loop knows no rbx; what comes from it must not be lost for that. */
static void an_rbp_that_was_kept_in_rbx_is_found(void **state)
{
	struct rig *r = *state;
	static const struct unwind_rule few[5] = {
		{.cfa_kind = UNWIND_CFA_NONE},
		{.cfa_kind = UNWIND_CFA_SP, .cfa_off = 8, .ra = -1},
		{.cfa_kind = UNWIND_CFA_EXT},
		{.cfa_kind = UNWIND_CFA_BP, .cfa_off = 16, .ra = -1, .bp = -2},
		{.cfa_kind = UNWIND_CFA_ROOT},
	};
	static const struct rig_row rows[5] = {
		{0, 0}, {0x100, 1}, {0x200, 2}, {0x300, 3}, {0x400, 4}};
	static const struct {
		struct unwind_ext ext;
		struct unwind_ext_reg reg;
	} area = {{0, UNWIND_SP, 1, 0, 8, 0}, {UNWIND_BP, UNWIND_EXT_REG, 0, UNWIND_BX}};

	rig_table(r, rows, 5, few, 5, &area, sizeof area);
	rig_start(r, CODE + 0x100, 10);
	rig_know(r, UNWIND_BX, STACK + 8 * 30);
	r->stack[10] = CODE + 0x201;
	r->stack[11] = CODE + 0x301;
	r->stack[31] = CODE + 0x401;
	EXPECT(r, UNWIND_ROOT, CODE + 0x100, CODE + 0x200, CODE + 0x300, CODE + 0x400);
	r->stack[11] = CODE + 0x11; /* code without CFI, to be crossed by the frame pointer */
	rig_start(r, CODE + 0x100, 10);
	rig_know(r, UNWIND_BX, STACK + 8 * 30);
	EXPECT(r, UNWIND_ROOT, CODE + 0x100, CODE + 0x200, CODE + 0x10, CODE + 0x400);
}

static void a_plt_entry_has_one_word_more_after_its_push(void **state)
{
	struct rig *r = *state;
	uint64_t at = CODE + 0x100 * PLT + 0x20;

	r->stack[10] = in(ROOT);
	r->stack[11] = in(SP8);
	r->stack[12] = in(ROOT);
	rig_start(r, at + 10, 10);
	EXPECT(r, UNWIND_ROOT, at + 10, in(ROOT)-1);
	rig_start(r, at + 11, 10);
	EXPECT(r, UNWIND_ROOT, at + 11, in(SP8)-1, in(ROOT)-1);
}

static void a_rule_by_rbx_takes_it_from_where_inner_frames_saved_it(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP8), 10);
	rig_know(r, UNWIND_BX, 0x1234);
	r->stack[10] = in(SAVE_BX);
	r->stack[12] = STACK + 8 * 40; /* rbx of the caller */
	r->stack[14] = in(SP8);
	r->stack[15] = in(REG_BX);
	r->stack[41] = in(SP8);
	r->stack[42] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP8), in(SAVE_BX)-1, in(SP8)-1, in(REG_BX)-1, in(SP8)-1,
	       in(ROOT)-1);
}

static void a_rule_by_an_unknown_register_ends_the_walk(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP8), 10);
	r->stack[10] = in(REG_BX);
	EXPECT(r, UNWIND_NEED_REG, in(SP8));
	assert_int_equal(r->regs.reg[UNWIND_IP], in(REG_BX));
	assert_true(r->regs.known & UNWIND_IP_IS_RETURN);
	rig_start(r, in(BP16), 10);
	expect(r, UNWIND_NEED_REG, 0, NULL);
}

static void a_bp_that_is_said_to_be_lost_is_not_used(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(LOSE_BP), 10);
	rig_know(r, UNWIND_BP, STACK + 8 * 20);
	r->stack[11] = in(BP16);
	r->stack[21] = in(ROOT);
	EXPECT(r, UNWIND_NEED_REG, in(LOSE_BP));
}

static void an_odd_place_of_the_return_address_is_found(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(RA_ODD), 10);
	r->stack[12] = in(ROOT);
	r->stack[13] = in(SP8);
	EXPECT(r, UNWIND_ROOT, in(RA_ODD), in(ROOT)-1);
}

static void an_interrupted_frame_is_looked_up_at_its_pc(void **state)
{
	struct rig *r = *state;
	uint64_t first = CODE + 0x100 * SP32; /* pc - 1 would fall to SP8 */

	rig_start(r, in(SP8), 10);
	r->stack[10] = CODE + 0x100 * SIGNAL + 1;
	put_ucontext(r, 11, first, STACK + 8 * 100, 0, 0);
	r->stack[103] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP8), CODE + 0x100 * SIGNAL + 1, first, in(ROOT)-1);
}

static void a_signal_gives_back_all_registers(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP8), 10);
	r->stack[10] = in(SIGNAL);
	put_ucontext(r, 11, in(SP8), STACK + 8 * 100, STACK + 8 * 300, STACK + 8 * 200);
	r->stack[100] = in(REG_BX);
	r->stack[201] = in(BP16);
	r->stack[300] = 0;
	r->stack[301] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP8), in(SIGNAL), in(SP8), in(REG_BX)-1, in(BP16)-1, in(ROOT)-1);
}

static void a_handler_on_its_own_stack_may_lie_further_out(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP8), 400);
	r->stack[400] = in(SIGNAL);
	put_ucontext(r, 401, in(SP8), STACK + 8 * 20, 0, 0);
	r->stack[20] = in(SP8);
	r->stack[21] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP8), in(SIGNAL), in(SP8), in(SP8)-1, in(ROOT)-1);
}

static void max_holds_when_a_signal_leads_inwards(void **state)
{
	struct rig *r = *state;

	r->stack[400] = in(SIGNAL);
	put_ucontext(r, 401, in(SP8), STACK - 8 * 20, 0, 0); /* below the window */
	for (uint32_t max = 0; max < 3; max++) {
		rig_start(r, in(SP8), 400);
		memset(r->out, 0xee, sizeof r->out);
		go(r, max);
		assert_int_equal(r->result.end, UNWIND_DEPTH);
		assert_int_equal(r->result.n, max);
		assert_int_equal(r->out[max], 0xeeeeeeeeeeeeeeee);
	}
}

static void signal_frames_that_lead_round_in_circles_end(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SIGNAL), 10);
	put_ucontext(r, 10, in(SIGNAL), STACK + 8 * 10, 0, 0);
	go(r, UNWIND_DEPTH_MAX);
	assert_int_equal(r->result.end, UNWIND_BAD_FRAME);
	assert_true(r->result.n < 100);
}

static void the_stack_pointer_never_goes_back(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP8), 10);
	r->stack[10] = in(SP_DOWN);
	r->stack[8] = in(ROOT);
	EXPECT(r, UNWIND_BAD_FRAME, in(SP8));
	/* The innermost frame may: it may be about to switch stacks. */
	rig_start(r, in(SP_DOWN), 20);
	r->stack[17] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP_DOWN), in(ROOT)-1);
}

static void a_chain_of_frame_pointers_in_a_circle_ends(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(BP16), 10);
	rig_know(r, UNWIND_BP, STACK + 8 * 20);
	r->stack[20] = STACK + 8 * 20;
	r->stack[21] = in(BP16);
	EXPECT(r, UNWIND_BAD_FRAME, in(BP16));
}

static void a_return_address_of_0_is_the_root(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP8), 10);
	r->stack[10] = in(SP32);
	r->stack[14] = 0;
	EXPECT(r, UNWIND_ROOT, in(SP8), in(SP32)-1);
	rig_start(r, 0, 10);
	expect(r, UNWIND_ROOT, 0, NULL);
}

static void addresses_outside_the_window_are_not_read(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP8), WORDS - 1);
	r->stack[WORDS - 1] = in(SP8);
	EXPECT(r, UNWIND_BAD_READ, in(SP8));
	rig_start(r, in(SP8), WORDS);
	expect(r, UNWIND_BAD_READ, 0, NULL);
	rig_start(r, in(SP8), (uint64_t)-1);
	expect(r, UNWIND_BAD_READ, 0, NULL);
	rig_start(r, in(SP8), 10);
	r->regs.reg[UNWIND_SP] = UINT64_MAX - 3;
	expect(r, UNWIND_BAD_READ, 0, NULL);
	r->memory.hi = STACK + 7; /* less than a word */
	rig_start(r, in(SP8), 0);
	expect(r, UNWIND_BAD_READ, 0, NULL);
	r->memory.hi = STACK + 8;
	r->stack[0] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP8), in(ROOT)-1);
	r->memory.hi = 0;
	rig_start(r, in(SP8), 0);
	expect(r, UNWIND_BAD_READ, 0, NULL);
}

static int extend_calls;

/* Moves the window to eight bytes around the address, if that is in the whole stack. */
static int move_window(struct unwind_memory *m, uint64_t address)
{
	struct rig *r = m->ctx;

	extend_calls++;
	if (address < STACK || address > STACK + sizeof r->stack - 8)
		return -1;
	m->lo = address;
	m->hi = address + 8;
	m->base = (const uint8_t *)r->stack + (address - STACK);
	return 0;
}

static void a_window_that_moves_gives_the_same_stack(void **state)
{
	struct rig *r = *state;
	struct unwind_memory m = {0, 0, NULL, move_window, r};

	r->memory = m;
	extend_calls = 0;
	rig_start(r, in(SP32_BP), 10);
	r->stack[12] = STACK + 8 * 20;
	r->stack[13] = in(SP8);
	r->stack[14] = in(BP16);
	r->stack[20] = STACK + 8 * 30;
	r->stack[21] = in(SIGNAL);
	put_ucontext(r, 22, in(SP8), STACK + 8 * 300, 0, 0);
	r->stack[300] = in(SP8);
	r->stack[301] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP32_BP), in(SP8)-1, in(BP16)-1, in(SIGNAL), in(SP8), in(SP8)-1,
	       in(ROOT)-1);
	assert_true(extend_calls > 7);
}

static void max_addresses_are_written_and_no_more(void **state)
{
	struct rig *r = *state;

	for (uint32_t i = 0; i < 100; i++)
		r->stack[10 + i] = in(SP8);
	r->stack[110] = in(ROOT);
	for (uint32_t max = 0; max < 60; max++) {
		rig_start(r, in(SP8), 10);
		memset(r->out, 0xee, sizeof r->out);
		go(r, max);
		assert_int_equal(r->result.end, UNWIND_DEPTH);
		assert_int_equal(r->result.n, max);
		assert_int_equal(r->out[max], 0xeeeeeeeeeeeeeeee);
		assert_int_equal(r->regs.reg[UNWIND_SP], STACK + 8 * (10 + (uint64_t)max));
	}
	/* From there somebody may go on. */
	go(r, UNWIND_DEPTH_MAX);
	assert_int_equal(r->result.end, UNWIND_ROOT);
	assert_int_equal(r->result.n, 102 - 59);
	/* A stack that ends at the limit is whole. */
	rig_start(r, in(SP8), 10);
	r->stack[12] = 0;
	go(r, 3);
	assert_int_equal(r->result.end, UNWIND_ROOT);
	assert_int_equal(r->result.n, 3);
}

/* Where the window has to move for every frame, none of which is left by the hot loop. */
static void max_holds_where_the_window_moves(void **state)
{
	struct rig *r = *state;

	for (uint32_t i = 0; i < 100; i++)
		r->stack[10 + i] = in(SP8);
	for (uint32_t max = 0; max < 60; max++) {
		r->memory =
			(struct unwind_memory){UINT64_MAX - 8, UINT64_MAX, NULL, move_window, r};
		rig_start(r, in(SP8), 10);
		memset(r->out, 0xee, sizeof r->out);
		go(r, max);
		assert_int_equal(r->result.end, UNWIND_DEPTH);
		assert_int_equal(r->result.n, max);
		assert_int_equal(r->out[max], 0xeeeeeeeeeeeeeeee);
	}
}

/* ---- the cache ---------------------------------------------------------------------------------- */

static void another_generation_drops_the_rules(void **state)
{
	struct rig *r = *state;
	uint64_t want[] = {in(SP8), in(SP8)-1, in(ROOT)-1};
	struct rig_row rows[2] = {{0, 0}, {0x100, SP32}};

	r->stack[10] = in(SP8);
	r->stack[11] = in(ROOT);
	r->stack[13] = 0;
	rig_start(r, in(SP8), 10);
	expect(r, UNWIND_ROOT, 3, want);
	/* The module is another one at the same place now; nobody can know without a new number. */
	rig_table(r, rows, 2, rules, N_RULES, NULL, 0);
	rig_start(r, in(SP8), 10);
	go(r, 10);
	assert_int_equal(r->result.n, 3);
	r->map.generation++;
	rig_start(r, in(SP8), 10);
	go(r, 10);
	assert_int_equal(r->result.end, UNWIND_ROOT);
	assert_int_equal(r->result.n, 1);
}

static void a_successor_seen_before_is_only_a_guess(void **state)
{
	struct rig *r = *state;

	for (uint32_t turn = 0; turn < 20; turn++) {
		uint32_t other = turn & 1 ? SP8 : SP32;

		r->stack[10] = in(other);
		r->stack[11] = r->stack[14] = in(ROOT);
		rig_start(r, in(SP8), 10);
		EXPECT(r, UNWIND_ROOT, in(SP8), in(other)-1, in(ROOT)-1);
	}
}

/* Stacks of frames whose code lies all over the module, so that sets of the cache overflow: each walk
 * with the one cache gives what single steps give. */
static void random_stacks_agree_with_single_steps(void **state)
{
	struct rig *r = *state;
	static const uint32_t kinds[32] = {
		SP8,  SP32, SP32_BP, SP8,    SAVE_BX, SP8,   SP32,   SP8,  SP8, BP16,  SP32_BP,
		SP8,  SP8,  SP32,    SP8,    SP32_BP, SP8,   SP8,    SP32, SP8, SP8,   SP8,
		SP32, SP8,  NONE,    SIGNAL, LOSE_BP, DEREF, RA_ODD, ROOT, SP8, REG_BX};
	static uint64_t want[UNWIND_DEPTH_MAX];
	uint64_t seed = 1, deep = 0;

	for (int turn = 0; turn < 40000; turn++) {
		struct unwind_regs steps;
		struct unwind_result by_steps;

		for (uint32_t i = 0; i < WORDS; i++) {
			uint64_t x = splitmix(&seed);

			/* Mostly code, else places on the stack. */
			r->stack[i] = x % 8 ? CODE + 0x100 * kinds[x >> 8 & 31] + (x >> 16 & 0xff)
					    : STACK + 8 * (i + (x >> 8) % 40);
		}
		rig_start(r, in(kinds[splitmix(&seed) & 7]), splitmix(&seed) % 64);
		rig_know(r, UNWIND_BP, STACK + 8 * (splitmix(&seed) % 128));
		rig_know(r, UNWIND_BX, STACK + 8 * (splitmix(&seed) % 256));
		steps = r->regs;
		go(r, 50);
		by_steps = rig_steps(&steps, &r->memory, &r->map, want, 50);
		assert_int_equal(r->result.n, by_steps.n);
		assert_memory_equal(r->out, want, by_steps.n * sizeof *want);
		assert_int_equal(r->result.end, by_steps.end);
		if (by_steps.end != UNWIND_ROOT)
			assert_int_equal(unwind_lookup(&r->regs), unwind_lookup(&steps));
		deep += r->result.n > 8;
	}
	assert_true(deep > 1000); /* it was worth it */
}

/* ---- maps --------------------------------------------------------------------------------------- */

static void an_address_is_found_in_its_module_only(void **state)
{
	struct unwind_module m[9];
	struct unwind_map map = {1, 0, m};

	(void)state;
	assert_null(unwind_map_find(&map, 0));
	for (uint32_t i = 0; i < 9; i++)
		m[i] = (struct unwind_module){100 * i + 10, 100 * i + 60, 0, NULL, i, 0};
	for (map.n = 1; map.n <= 9; map.n++)
		for (uint64_t a = 0; a < 1000; a++) {
			const struct unwind_module *got = unwind_map_find(&map, a);
			uint64_t i = a / 100, in_it = a % 100 >= 10 && a % 100 < 60 && i < map.n;

			assert_ptr_equal(got, in_it ? &m[i] : NULL);
		}
}

static void each_end_has_a_name(void **state)
{
	(void)state;
	for (int i = UNWIND_ROOT; i <= UNWIND_NEED_REG; i++)
		for (int j = UNWIND_ROOT; j < i; j++)
			assert_string_not_equal(unwind_end_name((enum unwind_end)i),
						unwind_end_name((enum unwind_end)j));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_by_sp_lead_to_the_root),
		TEST(a_saved_bp_serves_a_frame_further_out),
		TEST(a_realigned_frame_finds_its_cfa_in_memory),
		TEST(long_rules_lead_outwards),
		TEST(an_rbp_that_was_kept_in_rbx_is_found),
		TEST(a_plt_entry_has_one_word_more_after_its_push),
		TEST(a_rule_by_rbx_takes_it_from_where_inner_frames_saved_it),
		TEST(a_rule_by_an_unknown_register_ends_the_walk),
		TEST(a_bp_that_is_said_to_be_lost_is_not_used),
		TEST(an_odd_place_of_the_return_address_is_found),
		TEST(an_interrupted_frame_is_looked_up_at_its_pc),
		TEST(a_signal_gives_back_all_registers),
		TEST(a_handler_on_its_own_stack_may_lie_further_out),
		TEST(max_holds_when_a_signal_leads_inwards),
		TEST(signal_frames_that_lead_round_in_circles_end),
		TEST(the_stack_pointer_never_goes_back),
		TEST(a_chain_of_frame_pointers_in_a_circle_ends),
		TEST(a_return_address_of_0_is_the_root),
		TEST(addresses_outside_the_window_are_not_read),
		TEST(a_window_that_moves_gives_the_same_stack),
		TEST(max_addresses_are_written_and_no_more),
		TEST(max_holds_where_the_window_moves),
		TEST(another_generation_drops_the_rules),
		TEST(a_successor_seen_before_is_only_a_guess),
		TEST(random_stacks_agree_with_single_steps),
		cmocka_unit_test(an_address_is_found_in_its_module_only),
		cmocka_unit_test(each_end_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
