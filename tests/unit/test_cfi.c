/* Programs of call frame information byte by byte: each operation with the rows that it must give, and
 * programs that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/cfi_log.h"

/* The usual CIE (CFA rsp+8, return address at -8) and one FDE with this program. */
#define EXPECT(want, ...)                                                                          \
	do {                                                                                       \
		static const uint8_t code[] = {__VA_ARGS__};                                       \
		expect_program(code, sizeof code, want);                                           \
	} while (0)

static void expect_program(const uint8_t *code, size_t n, const char *want)
{
	struct cfi_bytes b = {0};

	cb_cie(&b, "", NULL, 0, usual, sizeof usual);
	cb_fde(&b, START, SIZE, 0, code, n);
	expect_section(&b, want);
}

static void an_empty_program_is_the_row_of_its_cie(void **state)
{
	(void)state;
	EXPECT("1000-1100 r7+8 16:[-8]", DW_CFA_nop);
}

static void each_advance_of_the_location_ends_a_row(void **state)
{
	(void)state;
	EXPECT("1000-1001 r7+8 16:[-8] | 1001-1100 r7+16 16:[-8]", DW_CFA_advance_loc | 1,
	       DW_CFA_def_cfa_offset, 16);
	EXPECT("1000-1080 r7+8 16:[-8] | 1080-1100 r7+16 16:[-8]", DW_CFA_advance_loc1, 0x80,
	       DW_CFA_def_cfa_offset, 16);
	EXPECT("1000-1080 r7+8 16:[-8] | 1080-1100 r7+16 16:[-8]", DW_CFA_advance_loc2, 0x80, 0,
	       DW_CFA_def_cfa_offset, 16);
	EXPECT("1000-1080 r7+8 16:[-8] | 1080-1100 r7+16 16:[-8]", DW_CFA_advance_loc4, 0x80, 0, 0,
	       0, DW_CFA_def_cfa_offset, 16);
	EXPECT("1000-1080 r7+8 16:[-8] | 1080-1100 r7+16 16:[-8]", DW_CFA_MIPS_advance_loc8, 0x80,
	       0, 0, 0, 0, 0, 0, 0, DW_CFA_def_cfa_offset, 16);
	EXPECT("1000-1080 r7+8 16:[-8] | 1080-1100 r7+16 16:[-8]", DW_CFA_set_loc, 0x80, 0x10, 0, 0,
	       0, 0, 0, 0, DW_CFA_def_cfa_offset, 16);
}

static void an_advance_of_nothing_gives_no_row(void **state)
{
	(void)state;
	EXPECT("1000-1100 r7+16 16:[-8]", DW_CFA_advance_loc, DW_CFA_def_cfa_offset, 16);
	EXPECT("1000-1100 r7+16 16:[-8]", DW_CFA_advance_loc1, 0, DW_CFA_def_cfa_offset, 16);
}

static void nothing_is_given_past_the_end(void **state)
{
	(void)state;
	EXPECT("1000-1100 r7+8 16:[-8]", DW_CFA_advance_loc2, 0, 1, DW_CFA_def_cfa_offset, 16);
	EXPECT("1000-1100 r7+8 16:[-8]", DW_CFA_advance_loc4, 0xff, 0xff, 0xff, 0xff,
	       DW_CFA_def_cfa_offset, 16);
	EXPECT("1000-1100 r7+8 16:[-8]", DW_CFA_MIPS_advance_loc8, 0xff, 0xff, 0xff, 0xff, 0xff,
	       0xff, 0xff, 0xff, DW_CFA_def_cfa_offset, 16);
	/* What stands behind the end is not read, so it may be anything. */
	EXPECT("1000-1100 r7+8 16:[-8]", DW_CFA_advance_loc4, 0, 1, 0, 0, 0x3f, 0x3f);
}

static void locations_only_go_forward(void **state)
{
	(void)state;
	EXPECT("1000-1010 r7+8 16:[-8] bad", DW_CFA_advance_loc | 16, DW_CFA_set_loc, 0x08, 0x10, 0,
	       0, 0, 0, 0, 0);
}

static void the_cfa_is_defined_in_each_form(void **state)
{
	(void)state;
	EXPECT("1000-1100 r6+16 16:[-8]", DW_CFA_def_cfa, 6, 16);
	EXPECT("1000-1100 r10+300 16:[-8]", DW_CFA_def_cfa, 10, 0xac, 2);
	EXPECT("1000-1100 r6+16 16:[-8]", DW_CFA_def_cfa_sf, 6, 0x7e);
	EXPECT("1000-1100 r6-16 16:[-8]", DW_CFA_def_cfa_sf, 6, 2);
	EXPECT("1000-1100 r6+8 16:[-8]", DW_CFA_def_cfa_register, 6);
	EXPECT("1000-1100 r7+160 16:[-8]", DW_CFA_def_cfa_offset, 0xa0, 1);
	EXPECT("1000-1100 r7+24 16:[-8]", DW_CFA_def_cfa_offset_sf, 0x7d);
	EXPECT("1000-1100 76 78 06 16:[-8]", DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 0x78,
	       DW_OP_deref);
}

/* Not allowed, done by hand-written code, and understood alike by libgcc, gdb and libunwind. */
static void an_offset_outlives_an_expression(void **state)
{
	(void)state;
	EXPECT("1000-1001 30 16:[-8] | 1001-1100 r6+8 16:[-8]", DW_CFA_def_cfa_expression, 1,
	       DW_OP_lit0, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_register, 6);
	EXPECT("1000-1001 30 16:[-8] | 1001-1100 r7+32 16:[-8]", DW_CFA_def_cfa_expression, 1,
	       DW_OP_lit0, DW_CFA_def_cfa_offset, 32, DW_CFA_advance_loc | 1,
	       DW_CFA_def_cfa_register, 7);
	EXPECT("1000-1001 30 16:[-8] | 1001-1100 r7+16 16:[-8]", DW_CFA_def_cfa_expression, 1,
	       DW_OP_lit0, DW_CFA_def_cfa_offset_sf, 0x7e, DW_CFA_advance_loc | 1,
	       DW_CFA_def_cfa_register, 7);
	EXPECT("1000-1100 r6+16 16:[-8]", DW_CFA_def_cfa_expression, 1, DW_OP_lit0, DW_CFA_def_cfa,
	       6, 16);
}

static void half_a_cfa_needs_the_other_half(void **state)
{
	static const uint8_t halves[][2] = {{DW_CFA_def_cfa_register, 7},
					    {DW_CFA_def_cfa_offset, 8},
					    {DW_CFA_def_cfa_offset_sf, 0x7f}};

	(void)state;
	for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
		struct cfi_bytes b = {0};

		cb_cie(&b, "", NULL, 0, NULL, 0);
		cb_fde(&b, START, SIZE, 0, halves[i], 2);
		expect_section(&b, "bad");
	}
}

static void registers_are_saved_in_each_form(void **state)
{
	(void)state;
	EXPECT("1000-1100 r7+8 6:[-16] 16:[-8]", DW_CFA_offset | 6, 2);
	EXPECT("1000-1100 r7+8 6:[-1600] 16:[-8]", DW_CFA_offset | 6, 0xc8, 1);
	EXPECT("1000-1100 r7+8 6:[-16] 16:[-8]", DW_CFA_offset_extended, 6, 2);
	EXPECT("1000-1100 r7+8 6:[+16] 16:[-8]", DW_CFA_offset_extended_sf, 6, 0x7e);
	EXPECT("1000-1100 r7+8 6:[+16] 16:[-8]", 0x2f /* GNU_negative_offset_extended */, 6, 2);
	EXPECT("1000-1100 r7+8 7:=-16 16:[-8]", DW_CFA_val_offset, 7, 2);
	EXPECT("1000-1100 r7+8 7:=+16 16:[-8]", DW_CFA_val_offset_sf, 7, 0x7e);
	EXPECT("1000-1100 r7+8 6:r12 16:[-8]", DW_CFA_register, 6, 12);
	EXPECT("1000-1100 r7+8 6:[76 00] 16:[-8]", DW_CFA_expression, 6, 2, DW_OP_breg6, 0);
	EXPECT("1000-1100 r7+8 6:=77 10 16:[-8]", DW_CFA_val_expression, 6, 2, DW_OP_breg7, 16);
	EXPECT("1000-1100 r7+8 6:undef 16:[-8]", DW_CFA_undefined, 6);
	EXPECT("1000-1100 r7+8 6:same 16:[-8]", DW_CFA_same_value, 6);
	EXPECT("1000-1100 r7+8 16:undef", DW_CFA_undefined, 16);
}

static void registers_that_are_not_followed_are_stepped_over(void **state)
{
	(void)state;
	EXPECT("1000-1100 r7+8 6:[-16] 16:[-8]", DW_CFA_offset_extended, 17, 4,
	       DW_CFA_offset_extended, 0xff, 0xff, 3, 4, DW_CFA_same_value, 0x80, 1,
	       DW_CFA_restore_extended, 33, DW_CFA_expression, 20, 1, DW_OP_lit0, DW_CFA_offset | 6,
	       2);
	/* What is kept in one of them is lost. */
	EXPECT("1000-1100 r7+8 6:undef 16:[-8]", DW_CFA_register, 6, 17);
	EXPECT("bad", DW_CFA_def_cfa, 17, 8);
	EXPECT("bad", DW_CFA_def_cfa_register, 17);
}

static void restore_goes_back_to_the_cie(void **state)
{
	(void)state;
	EXPECT("1000-1001 r7+8 6:[-16] 16:[-8] | 1001-1100 r7+8 16:[-8]", DW_CFA_offset | 6, 2,
	       DW_CFA_advance_loc | 1, DW_CFA_restore | 6);
	EXPECT("1000-1001 r7+8 16:undef | 1001-1100 r7+8 16:[-8]", DW_CFA_undefined, 16,
	       DW_CFA_advance_loc | 1, DW_CFA_restore_extended, 16);
}

static void remembered_states_nest_and_hold_the_cfa(void **state)
{
	(void)state;
	EXPECT("1000-1001 r7+16 6:[-16] 16:[-8] | 1001-1002 r6+32 3:[-24] 6:[-16] 16:[-8] | "
	       "1002-1003 r6+40 3:[-24] 6:[-16] 16:[-8] | 1003-1004 r6+32 3:[-24] 6:[-16] 16:[-8] "
	       "| "
	       "1004-1100 r7+16 6:[-16] 16:[-8]",
	       DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 6, 2, DW_CFA_remember_state,
	       DW_CFA_advance_loc | 1, DW_CFA_def_cfa, 6, 32, DW_CFA_offset | 3, 3,
	       DW_CFA_remember_state, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 40,
	       DW_CFA_advance_loc | 1, DW_CFA_restore_state, DW_CFA_advance_loc | 1,
	       DW_CFA_restore_state);
}

static void states_need_not_match(void **state)
{
	uint8_t many[64];

	(void)state;
	EXPECT("1000-1001 r7+8 16:[-8] bad", DW_CFA_advance_loc | 1, DW_CFA_restore_state);
	EXPECT("1000-1100 r7+8 16:[-8]", DW_CFA_remember_state, DW_CFA_remember_state);
	memset(many, DW_CFA_remember_state, sizeof many);
	expect_program(many, 16, "1000-1100 r7+8 16:[-8]");
	expect_program(many, sizeof many, "bad");
}

static void gnu_operations_are_stepped_over(void **state)
{
	(void)state;
	EXPECT("1000-1100 r7+16 16:[-8]", DW_CFA_GNU_args_size, 0x90, 1, DW_CFA_GNU_window_save,
	       DW_CFA_def_cfa_offset, 16);
}

static void unknown_operations_end_the_program(void **state)
{
	(void)state;
	EXPECT("bad", 0x17);
	EXPECT("bad", 0x3f);
	EXPECT("1000-1004 r7+8 16:[-8] bad", DW_CFA_advance_loc | 4, 0x1e, DW_CFA_advance_loc | 4);
}

static void operands_cut_off_are_refused(void **state)
{
	static const uint8_t cut[][7] = {
		{DW_CFA_advance_loc4, 1, 0, 0},
		{DW_CFA_def_cfa, 7, 0x80},
		{DW_CFA_offset | 6, 0x80},
		{DW_CFA_def_cfa_expression, 9, DW_OP_lit0},
		{DW_CFA_expression, 6, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{DW_CFA_set_loc, 0, 0, 0},
		{DW_CFA_val_offset_sf, 0x80},
	};
	static const uint8_t len[] = {4, 3, 2, 3, 7, 4, 2};

	(void)state;
	for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
		struct cfi_bytes b = {0};
		struct cfi_section s;
		struct cfi_fde fde = {0};
		struct log l = {0};
		size_t offset = 0;

		cb_cie(&b, "", NULL, 0, usual, sizeof usual);
		cb_fde(&b, START, SIZE, 0, cut[i], len[i]);
		s = cb_section(&b);
		l.s = &s;
		assert_int_equal(cfi_next(&s, &offset, &fde), CFI_FDE);
		fde.code_end = fde.code + len[i]; /* without the padding */
		assert_int_equal(cfi_run(&s, &fde, on_row, &l), -1);
	}
}

static void numbers_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	EXPECT("bad", DW_CFA_def_cfa_offset, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	       0x01);
	EXPECT("bad", DW_CFA_offset | 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f);
	EXPECT("bad", DW_CFA_offset | 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	       0x01);
	EXPECT("bad", DW_CFA_def_cfa_sf, 7, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	       0x7f);
	/* More bytes than needed are none too many. */
	EXPECT("1000-1100 r7+16 16:[-8]", DW_CFA_def_cfa_offset, 0x90, 0x80, 0x80, 0x80, 0x80, 0x80,
	       0x80, 0x80, 0x80, 0x80, 0x80, 0);
}

static void a_row_is_said_to_be_changed_only_if_it_may_be(void **state)
{
	struct cfi_bytes b = {0};
	static const uint8_t code[] = {DW_CFA_advance_loc | 1, DW_CFA_advance_loc | 1, DW_CFA_nop};

	(void)state;
	cb_cie(&b, "", NULL, 0, usual, sizeof usual);
	cb_fde(&b, START, SIZE, 0, code, sizeof code);
	expect_section(&b, "1000-1001 r7+8 16:[-8] | 1001-1002 r7+8 16:[-8] | "
			   "1002-1100 r7+8 16:[-8]");
}

static void the_one_who_is_called_may_stop(void **state)
{
	struct cfi_bytes b = {0};
	struct log l = {.stop_after = 2};
	struct cfi_section s;
	static const uint8_t code[] = {DW_CFA_advance_loc | 1, DW_CFA_advance_loc | 1, 0x3f};

	(void)state;
	cb_cie(&b, "", NULL, 0, usual, sizeof usual);
	cb_fde(&b, START, SIZE, 0, code, sizeof code);
	s = cb_section(&b);
	run_section(&l, &s);
	assert_string_equal(l.text, "1000-1001 r7+8 16:[-8] | 1001-1002 r7+8 16:[-8] stopped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_program_is_the_row_of_its_cie),
		cmocka_unit_test(each_advance_of_the_location_ends_a_row),
		cmocka_unit_test(an_advance_of_nothing_gives_no_row),
		cmocka_unit_test(nothing_is_given_past_the_end),
		cmocka_unit_test(locations_only_go_forward),
		cmocka_unit_test(the_cfa_is_defined_in_each_form),
		cmocka_unit_test(an_offset_outlives_an_expression),
		cmocka_unit_test(half_a_cfa_needs_the_other_half),
		cmocka_unit_test(registers_are_saved_in_each_form),
		cmocka_unit_test(registers_that_are_not_followed_are_stepped_over),
		cmocka_unit_test(restore_goes_back_to_the_cie),
		cmocka_unit_test(remembered_states_nest_and_hold_the_cfa),
		cmocka_unit_test(states_need_not_match),
		cmocka_unit_test(gnu_operations_are_stepped_over),
		cmocka_unit_test(unknown_operations_end_the_program),
		cmocka_unit_test(operands_cut_off_are_refused),
		cmocka_unit_test(numbers_that_do_not_fit_are_refused),
		cmocka_unit_test(a_row_is_said_to_be_changed_only_if_it_may_be),
		cmocka_unit_test(the_one_who_is_called_may_stop),
	};

	return cmocka_run_group_tests_name("cfi programs", tests, NULL, NULL);
}
