/* DWARF expressions of call frame information: each operator against its definition, and everything that
 * must be refused: empty and overfull stacks, cut operands, jumps out of the expression, loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dwarf.h>
#include <string.h>

#include "prof/unwind/expr.h"
#include "tests/unit/numbers.h"

static uint64_t words[4] = {0x1122334455667788u, 2, 3, 4};
static struct unwind_memory memory = {0x1000, 0x1000 + sizeof words, (const uint8_t *)words, NULL,
				      NULL};
static struct unwind_regs regs;

struct outcome {
	int rc;
	uint64_t value;
	enum unwind_end why;
};

static struct outcome run(const uint8_t *ops, size_t n, const uint64_t *first)
{
	struct outcome o = {0, 0, UNWIND_ROOT};

	o.rc = unwind_expr(ops, (uint32_t)n, &regs, &memory, first, &o.value, &o.why);
	return o;
}

#define VALUE(want, ...)                                                                           \
	do {                                                                                       \
		static const uint8_t ops_[] = {__VA_ARGS__};                                       \
		struct outcome o_ = run(ops_, sizeof ops_, NULL);                                  \
		assert_int_equal(o_.rc, 0);                                                        \
		assert_int_equal(o_.value, (uint64_t)(want));                                      \
	} while (0)
#define REFUSED(reason, ...)                                                                       \
	do {                                                                                       \
		static const uint8_t ops_[] = {__VA_ARGS__};                                       \
		struct outcome o_ = run(ops_, sizeof ops_, NULL);                                  \
		assert_int_equal(o_.rc, -1);                                                       \
		assert_int_equal(o_.why, reason);                                                  \
	} while (0)

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < UNWIND_NREGS; i++)
		regs.reg[i] = 0x100 * (uint64_t)i;
	regs.known = (1u << UNWIND_NREGS) - 1;
	return 0;
}

static void constants_have_their_size_and_sign(void **state)
{
	(void)state;
	VALUE(0, DW_OP_lit0);
	VALUE(31, DW_OP_lit31);
	VALUE(0xfe, DW_OP_const1u, 0xfe);
	VALUE(-2, DW_OP_const1s, 0xfe);
	VALUE(0xfffe, DW_OP_const2u, 0xfe, 0xff);
	VALUE(-2, DW_OP_const2s, 0xfe, 0xff);
	VALUE(0x84030201, DW_OP_const4u, 1, 2, 3, 0x84);
	VALUE((int32_t)0x84030201, DW_OP_const4s, 1, 2, 3, 0x84);
	VALUE(0x8807060504030201, DW_OP_const8u, 1, 2, 3, 4, 5, 6, 7, 0x88);
	VALUE(0x8807060504030201, DW_OP_const8s, 1, 2, 3, 4, 5, 6, 7, 0x88);
	VALUE(0x8807060504030201, DW_OP_addr, 1, 2, 3, 4, 5, 6, 7, 0x88);
	VALUE(624485, DW_OP_constu, 0xe5, 0x8e, 0x26);
	VALUE(-123456, DW_OP_consts, 0xc0, 0xbb, 0x78);
	VALUE(-1, DW_OP_consts, 0x7f);
	VALUE(UINT64_MAX, DW_OP_constu, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1);
}

static void registers_are_added_to_their_offsets(void **state)
{
	(void)state;
	VALUE(0x708, DW_OP_breg7, 8);
	VALUE(0x6f8, DW_OP_breg7, 0x78);
	VALUE(0x1000, DW_OP_breg16, 0);
	VALUE(0x605, DW_OP_bregx, 6, 5);
	REFUSED(UNWIND_NEED_REG, DW_OP_breg17, 0);
	REFUSED(UNWIND_NEED_REG, DW_OP_breg31, 0);
	REFUSED(UNWIND_NEED_REG, DW_OP_bregx, 0xff, 0x7f, 0);
	regs.known &= ~(1u << 6);
	REFUSED(UNWIND_NEED_REG, DW_OP_breg6, 0);
}

static void operators_give_what_they_are_defined_to(void **state)
{
	(void)state;
	VALUE(12 & 10, DW_OP_lit12, DW_OP_lit10, DW_OP_and);
	VALUE(12 | 10, DW_OP_lit12, DW_OP_lit10, DW_OP_or);
	VALUE(12 ^ 10, DW_OP_lit12, DW_OP_lit10, DW_OP_xor);
	VALUE(22, DW_OP_lit12, DW_OP_lit10, DW_OP_plus);
	VALUE(2, DW_OP_lit12, DW_OP_lit10, DW_OP_minus);
	VALUE(120, DW_OP_lit12, DW_OP_lit10, DW_OP_mul);
	VALUE(-4, DW_OP_lit12, DW_OP_lit3, DW_OP_neg, DW_OP_div);
	VALUE(2, DW_OP_lit12, DW_OP_lit10, DW_OP_mod);
	VALUE(12 << 4, DW_OP_lit12, DW_OP_lit4, DW_OP_shl);
	VALUE(3, DW_OP_lit12, DW_OP_lit2, DW_OP_shr);
	VALUE(-3, DW_OP_lit12, DW_OP_neg, DW_OP_lit2, DW_OP_shra);
	VALUE(0, DW_OP_lit1, DW_OP_const1u, 64, DW_OP_shl);
	VALUE(0, DW_OP_lit1, DW_OP_const1u, 64, DW_OP_shr);
	VALUE(-1, DW_OP_const1s, 0xff, DW_OP_const1u, 64, DW_OP_shra);
	VALUE(17, DW_OP_lit12, DW_OP_plus_uconst, 5);
	VALUE(5, DW_OP_const1s, 0xfb, DW_OP_abs);
	VALUE(5, DW_OP_lit5, DW_OP_abs);
	VALUE(~12, DW_OP_lit12, DW_OP_not);
	VALUE(1, DW_OP_const1s, 0xff, DW_OP_lit1, DW_OP_lt); /* signed */
	VALUE(0, DW_OP_const1s, 0xff, DW_OP_lit1, DW_OP_gt);
	VALUE(1, DW_OP_lit1, DW_OP_lit1, DW_OP_le);
	VALUE(1, DW_OP_lit1, DW_OP_lit1, DW_OP_ge);
	VALUE(0, DW_OP_lit1, DW_OP_lit2, DW_OP_eq);
	VALUE(1, DW_OP_lit1, DW_OP_lit2, DW_OP_ne);
	VALUE(INT64_MIN, DW_OP_const8u, 0, 0, 0, 0, 0, 0, 0, 0x80, DW_OP_const1s, 0xff, DW_OP_div);
	REFUSED(UNWIND_NO_RULE, DW_OP_lit1, DW_OP_lit0, DW_OP_div);
	REFUSED(UNWIND_NO_RULE, DW_OP_lit1, DW_OP_lit0, DW_OP_mod);
}

static void values_move_on_the_stack(void **state)
{
	(void)state;
	VALUE(8, DW_OP_lit4, DW_OP_dup, DW_OP_plus);
	VALUE(4, DW_OP_lit4, DW_OP_lit5, DW_OP_drop);
	VALUE(4, DW_OP_lit4, DW_OP_lit5, DW_OP_over);
	VALUE(1, DW_OP_lit4, DW_OP_lit5, DW_OP_swap, DW_OP_minus);
	VALUE(7, DW_OP_lit7, DW_OP_lit8, DW_OP_lit9, DW_OP_pick, 2);
	/* 1 2 3 becomes 3 1 2. */
	VALUE(2, DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_rot);
	VALUE(1, DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_rot, DW_OP_drop);
	VALUE(3, DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_rot, DW_OP_drop, DW_OP_drop);
	VALUE(4, DW_OP_nop, DW_OP_lit4, DW_OP_nop);
}

static void memory_is_read_through_the_window_only(void **state)
{
	(void)state;
	VALUE(3, DW_OP_const2u, 0x10, 0x10, DW_OP_deref);
	VALUE(0x1122334455667788, DW_OP_const2u, 0, 0x10, DW_OP_deref);
	VALUE(0x7788, DW_OP_const2u, 0, 0x10, DW_OP_deref_size, 2);
	VALUE(0x1122334455667788, DW_OP_const2u, 0, 0x10, DW_OP_deref_size, 8);
	REFUSED(UNWIND_NO_RULE, DW_OP_const2u, 0, 0x10, DW_OP_deref_size, 9);
	REFUSED(UNWIND_NO_RULE, DW_OP_const2u, 0, 0x10, DW_OP_deref_size, 0);
	REFUSED(UNWIND_BAD_READ, DW_OP_const2u, 0xff, 0x0f, DW_OP_deref);
	REFUSED(UNWIND_BAD_READ, DW_OP_const2u, 0x19, 0x10, DW_OP_deref);
	REFUSED(UNWIND_BAD_READ, DW_OP_lit0, DW_OP_deref);
	REFUSED(UNWIND_BAD_READ, DW_OP_const1s, 0xff, DW_OP_deref);
}

static void jumps_stay_inside_and_loops_end(void **state)
{
	(void)state;
	VALUE(1, DW_OP_lit1, DW_OP_skip, 1, 0, DW_OP_lit2);
	VALUE(2, DW_OP_lit2, DW_OP_lit1, DW_OP_bra, 1, 0, DW_OP_lit3);
	VALUE(3, DW_OP_lit2, DW_OP_lit0, DW_OP_bra, 1, 0, DW_OP_lit3);
	VALUE(0, DW_OP_lit3, DW_OP_lit1, DW_OP_minus, DW_OP_dup, DW_OP_bra, 0xfa,
	      0xff); /* counts */
	REFUSED(UNWIND_NO_RULE, DW_OP_lit1, DW_OP_skip, 0xfd, 0xff);
	REFUSED(UNWIND_NO_RULE, DW_OP_skip, 1, 0);
	REFUSED(UNWIND_NO_RULE, DW_OP_skip, 0xfc, 0xff);
	REFUSED(UNWIND_NO_RULE, DW_OP_skip, 0, 0x80);
}

static void what_is_malformed_is_refused(void **state)
{
	static const uint8_t plus = DW_OP_plus;
	struct outcome none = run(&plus, 0, NULL);

	(void)state;
	assert_int_equal(none.rc, -1);
	assert_int_equal(none.why, UNWIND_NO_RULE);
	REFUSED(UNWIND_NO_RULE, DW_OP_plus);
	REFUSED(UNWIND_NO_RULE, DW_OP_lit1, DW_OP_plus);
	REFUSED(UNWIND_NO_RULE, DW_OP_lit1, DW_OP_lit1, DW_OP_rot);
	REFUSED(UNWIND_NO_RULE, DW_OP_dup);
	REFUSED(UNWIND_NO_RULE, DW_OP_lit1, DW_OP_pick, 1);
	REFUSED(UNWIND_NO_RULE, DW_OP_lit1, DW_OP_pick);
	REFUSED(UNWIND_NO_RULE, DW_OP_lit1, DW_OP_drop);
	REFUSED(UNWIND_NO_RULE, DW_OP_const4u, 1, 2, 3);
	REFUSED(UNWIND_NO_RULE, DW_OP_constu, 0x80);
	REFUSED(UNWIND_NO_RULE, DW_OP_constu, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 1);
	REFUSED(UNWIND_NO_RULE, DW_OP_breg7);
	REFUSED(UNWIND_NO_RULE, DW_OP_fbreg, 0);
	REFUSED(UNWIND_NO_RULE, DW_OP_call_frame_cfa);
	REFUSED(UNWIND_NO_RULE, DW_OP_reg0);
	REFUSED(UNWIND_NO_RULE, 0xff);
}

static void the_stack_has_an_end(void **state)
{
	uint8_t ops[UNWIND_EXPR_STACK + 1];

	(void)state;
	memset(ops, DW_OP_lit5, sizeof ops);
	assert_int_equal(run(ops, UNWIND_EXPR_STACK, NULL).rc, 0);
	assert_int_equal(run(ops, UNWIND_EXPR_STACK + 1, NULL).rc, -1);
}

static void the_first_value_is_there_before_all(void **state)
{
	static const uint8_t ops[] = {DW_OP_const1u, 24, DW_OP_minus};
	uint64_t cfa = 0x1000;
	struct outcome o = run(ops, sizeof ops, &cfa);

	(void)state;
	assert_int_equal(o.rc, 0);
	assert_int_equal(o.value, 0x1000 - 24);
	assert_int_equal(run(ops, 0, &cfa).value, 0x1000);
}

static void random_bytes_end(void **state)
{
	uint64_t seed = 7;
	uint32_t worked = 0;

	(void)state;
	for (int turn = 0; turn < 200000; turn++) {
		uint8_t ops[24];
		uint64_t cfa = 0x1000;

		for (size_t i = 0; i < sizeof ops; i++)
			ops[i] = (uint8_t)splitmix(&seed);
		worked += run(ops, 1 + splitmix(&seed) % sizeof ops, &cfa).rc == 0;
	}
	assert_true(worked > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(constants_have_their_size_and_sign, setup),
		cmocka_unit_test_setup(registers_are_added_to_their_offsets, setup),
		cmocka_unit_test_setup(operators_give_what_they_are_defined_to, setup),
		cmocka_unit_test_setup(values_move_on_the_stack, setup),
		cmocka_unit_test_setup(memory_is_read_through_the_window_only, setup),
		cmocka_unit_test_setup(jumps_stay_inside_and_loops_end, setup),
		cmocka_unit_test_setup(what_is_malformed_is_refused, setup),
		cmocka_unit_test_setup(the_stack_has_an_end, setup),
		cmocka_unit_test_setup(the_first_value_is_there_before_all, setup),
		cmocka_unit_test_setup(random_bytes_end, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
