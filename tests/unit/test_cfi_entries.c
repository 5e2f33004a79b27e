/* CIEs and FDEs byte by byte: heads, augmentations, each encoding of addresses, both sections, and entries
 * that lie or are cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/cfi_log.h"

/* ---- CIEs ------------------------------------------------------------------------------------------ */

static void a_cie_may_not_advance_or_restore(void **state)
{
	static const uint8_t bad[][2] = {{DW_CFA_advance_loc | 1},
					 {DW_CFA_restore | 6},
					 {DW_CFA_restore_state},
					 {DW_CFA_restore_extended, 6}};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct cfi_bytes b = {0};

		cb_cie(&b, "", NULL, 0, bad[i], 2);
		cb_fde(&b, START, SIZE, 0, NULL, 0);
		expect_section(&b, "bad");
	}
}

static void versions_1_3_and_4_are_read(void **state)
{
	/* version, "", [address and segment size], code 1, data -8, ra 16 (uleb from version 3) */
	static const uint8_t v3[] = {3, 0, 1, 0x78, 0x90, 0};
	static const uint8_t v4[] = {4, 0, 8, 0, 1, 0x78, 16};
	static const uint8_t v4_small[] = {4, 0, 4, 0, 1, 0x78, 16};
	static const uint8_t v2[] = {2, 0, 1, 0x78, 16};
	static const uint8_t far[] = {3, 0, 1, 0x78, 40};
	static const struct {
		const uint8_t *bytes;
		size_t n;
		const char *want;
	} all[] = {
		{v3, sizeof v3, "1000-1100 r7+8 16:[-8]"},
		{v4, sizeof v4, "1000-1100 r7+8 16:[-8]"},
		{v4_small, sizeof v4_small, "skipped"},
		{v2, sizeof v2, "skipped"},
		{far, sizeof far, "skipped"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct cfi_bytes b = {0};
		size_t at = cb_begin(&b);

		cb_put(&b, 0, 4);
		cb_bytes(&b, all[i].bytes, all[i].n);
		cb_bytes(&b, usual, sizeof usual);
		cb_end(&b, at);
		cb_fde(&b, START, SIZE, 0, NULL, 0);
		expect_section(&b, all[i].want);
	}
}

static void augmentations_are_read(void **state)
{
	/* zPLRS: personality pcrel sdata4, language data absptr, addresses pcrel sdata4 */
	static const uint8_t zplrs[] = {7, 0x1b, 1, 2, 3, 4, 0, 0x1b};
	static const uint8_t longer[] = {3, 0x1b, 9, 9}; /* unknown letters after R */
	static const uint8_t size4[] = {4, 0, 0, 0};
	struct cfi_bytes b = {0};
	struct cfi_fde fde = {0};
	struct cfi_section s;
	size_t at, offset = 0;

	(void)state;
	cb_cie(&b, "zPLRSB", zplrs, sizeof zplrs, usual, sizeof usual);
	at = cb_fde_begin(&b);
	cb_put(&b, (uint32_t)(0x8000 - (CFI_BYTES_ADDR + b.len)), 4);
	cb_bytes(&b, size4, 4);
	cb_put(&b, 8, 1); /* the pointer to the language data */
	cb_put(&b, 0x1122334455667788, 8);
	cb_end(&b, at);
	s = cb_section(&b);
	assert_int_equal(cfi_next(&s, &offset, &fde), CFI_FDE);
	assert_int_equal(fde.start, 0x8000);
	assert_int_equal(fde.size, 4);
	assert_true(fde.cie.is_signal);
	assert_int_equal(fde.cie.lsda_encoding, 0);
	assert_int_equal(cfi_next(&s, &offset, &fde), CFI_END);
	expect_section(&b, "8000-8004 r7+8 16:[-8]");

	b = (struct cfi_bytes){0};
	cb_cie(&b, "zRx", longer, sizeof longer, usual, sizeof usual);
	at = cb_fde_begin(&b);
	cb_put(&b, (uint32_t)(0x8000 - (CFI_BYTES_ADDR + b.len)), 4);
	cb_bytes(&b, size4, 4);
	cb_put(&b, 0, 1);
	cb_end(&b, at);
	expect_section(&b, "8000-8004 r7+8 16:[-8]");
}

static void gcc_2_left_a_pointer_behind_eh(void **state)
{
	struct cfi_bytes b = {0};
	size_t at = cb_begin(&b);

	(void)state;
	cb_put(&b, 0, 4);
	cb_bytes(&b, "\1eh", 4);
	cb_put(&b, 0x1234, 8);
	cb_bytes(&b, "\1\x78\x10", 3);
	cb_bytes(&b, usual, sizeof usual);
	cb_end(&b, at);
	cb_fde(&b, START, SIZE, 0, NULL, 0);
	expect_section(&b, "1000-1100 r7+8 16:[-8]");
}

static void augmentations_that_lie_are_refused(void **state)
{
	static const uint8_t too_long[] = {0x7f, 0x1b};
	static const uint8_t too_short[] = {1, 0x1b, 0};
	struct cfi_bytes b = {0};

	(void)state;
	cb_cie(&b, "zR", too_long, sizeof too_long, NULL, 0);
	cb_fde(&b, START, SIZE, 1, NULL, 0);
	cb_cie(&b, "zRL", too_short, sizeof too_short, NULL, 0);
	cb_fde(&b, START, SIZE, 1, NULL, 0);
	cb_cie(&b, "q", NULL, 0, NULL, 0); /* data of unknown size */
	cb_fde(&b, START, SIZE, 1, NULL, 0);
	expect_section(&b, "skipped skipped skipped");
}

/* ---- addresses ------------------------------------------------------------------------------------- */

static void expect_encoding(uint8_t encoding, uint64_t value, size_t n, uint64_t size,
			    size_t n_size, uint64_t want)
{
	uint8_t zr[] = {1, encoding};
	struct cfi_bytes b = {0};
	struct cfi_section s;
	struct cfi_fde fde = {0};
	size_t at, offset = 0;

	cb_cie(&b, "zR", zr, sizeof zr, usual, sizeof usual);
	at = cb_fde_begin(&b);
	cb_put(&b, value, n);
	cb_put(&b, size, n_size);
	cb_put(&b, 0, 1);
	cb_end(&b, at);
	s = cb_section(&b);
	s.text_addr = 0x400000;
	s.data_addr = 0x600000;
	assert_int_equal(cfi_next(&s, &offset, &fde), CFI_FDE);
	assert_int_equal(fde.start, want);
	assert_int_equal(fde.size, 0x20);
}

static void addresses_are_read_in_each_encoding(void **state)
{
	/* The CIE takes 24 bytes, head and pointer of the FDE 8. */
	const uint64_t here = CFI_BYTES_ADDR + 24 + 8;

	(void)state;
	expect_encoding(DW_EH_PE_absptr, 0x123456789a, 8, 0x20, 8, 0x123456789a);
	expect_encoding(DW_EH_PE_udata2, 0xf000, 2, 0x20, 2, 0xf000);
	expect_encoding(DW_EH_PE_udata4, 0xf0000000, 4, 0x20, 4, 0xf0000000);
	expect_encoding(DW_EH_PE_udata8, 0xf000000000, 8, 0x20, 8, 0xf000000000);
	expect_encoding(DW_EH_PE_uleb128, 0x0281, 2, 0x20, 1, 0x101);
	expect_encoding(DW_EH_PE_sleb128, 0x0281, 2, 0x20, 1, 0x101);
	expect_encoding(DW_EH_PE_pcrel | DW_EH_PE_sdata2, 0xfffe, 2, 0x20, 2, here - 2);
	expect_encoding(DW_EH_PE_pcrel | DW_EH_PE_sdata4, 0xfffffff0, 4, 0x20, 4, here - 16);
	expect_encoding(DW_EH_PE_pcrel | DW_EH_PE_sdata8, (uint64_t)-16, 8, 0x20, 8, here - 16);
	expect_encoding(DW_EH_PE_pcrel | DW_EH_PE_sleb128, 0x7f, 1, 0x20, 1, here - 1);
	expect_encoding(DW_EH_PE_pcrel | DW_EH_PE_absptr, 16, 8, 0x20, 8, here + 16);
	expect_encoding(DW_EH_PE_textrel | DW_EH_PE_udata4, 0x10, 4, 0x20, 4, 0x400010);
	expect_encoding(DW_EH_PE_datarel | DW_EH_PE_sdata4, 0xfffffff0, 4, 0x20, 4, 0x5ffff0);
	expect_encoding(DW_EH_PE_funcrel | DW_EH_PE_udata4, 0x10, 4, 0x20, 4, 0x10);
	/* The CIE ends at a multiple of 8 and so does the head: nothing to align. */
	expect_encoding(DW_EH_PE_aligned, 0x7000, 8, 0x20, 8, 0x7000);
}

static void addresses_known_at_run_time_only_are_skipped(void **state)
{
	static const uint8_t encodings[] = {0x9b /* indirect */, 0xff /* omitted */, 0x0d, 0x60};

	(void)state;
	for (size_t i = 0; i < sizeof encodings; i++) {
		uint8_t zr[] = {1, encodings[i]};
		struct cfi_bytes b = {0};

		cb_cie(&b, "zR", zr, sizeof zr, usual, sizeof usual);
		cb_fde(&b, START, SIZE, 1, NULL, 0);
		expect_section(&b, "skipped");
	}
}

static void ranges_past_the_end_of_memory_are_skipped(void **state)
{
	struct cfi_bytes b = {0};

	(void)state;
	cb_cie(&b, "", NULL, 0, usual, sizeof usual);
	cb_fde(&b, UINT64_MAX - 15, 16, 0, NULL, 0);
	cb_fde(&b, UINT64_MAX - 15, 15, 0, NULL, 0);
	expect_section(&b, "skipped | fffffffffffffff0-ffffffffffffffff r7+8 16:[-8]");
}

/* ---- entries --------------------------------------------------------------------------------------- */

static void both_sections_are_read_in_both_sizes(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct cfi_bytes b = {.debug = kind & 1, .dwarf64 = kind >> 1};

		cb_cie(&b, "", NULL, 0, usual, sizeof usual);
		cb_fde(&b, START, SIZE, 0, NULL, 0);
		cb_cie(&b, "", NULL, 0, usual, 3);
		cb_fde(&b, 0x2000, SIZE, 0, NULL, 0);
		expect_section(&b, "1000-1100 r7+8 16:[-8] | 2000-2100 r7+8");
	}
}

static void a_cie_may_stand_behind_its_fdes_in_debug_frame(void **state)
{
	struct cfi_bytes b = {.debug = 1, .cie = 32};

	(void)state;
	cb_fde(&b, START, SIZE, 0, NULL, 0);
	assert_true(b.len <= 32);
	while (b.len < 32)
		cb_put(&b, 0, 4); /* terminators between entries */
	cb_cie(&b, "", NULL, 0, usual, sizeof usual);
	assert_int_equal(b.cie, 32);
	expect_section(&b, "1000-1100 r7+8 16:[-8]");
}

static void terminators_in_the_middle_are_stepped_over(void **state)
{
	struct cfi_bytes b = {0};
	struct cfi_section s;
	struct log l = {0};

	(void)state;
	cb_cie(&b, "", NULL, 0, usual, sizeof usual);
	cb_fde(&b, START, SIZE, 0, NULL, 0);
	cb_put(&b, 0, 4);
	cb_put(&b, 0, 4);
	cb_fde(&b, 0x2000, SIZE, 0, NULL, 0);
	cb_put(&b, 0, 4);
	expect_section(&b, "1000-1100 r7+8 16:[-8] | 2000-2100 r7+8 16:[-8]");
	s = cb_section(&b);
	s.ends_at_zero = 1;
	run_section(&l, &s);
	assert_string_equal(l.text, "1000-1100 r7+8 16:[-8]");
}

static void an_fde_needs_a_cie(void **state)
{
	struct cfi_bytes b = {0};

	(void)state;
	b.cie = 0;
	cb_fde(&b, START, SIZE, 0, NULL, 0); /* names itself */
	b.cie = 100000;
	cb_fde(&b, START, SIZE, 0, NULL, 0); /* nothing there */
	cb_cie(&b, "", NULL, 0, usual, sizeof usual);
	b.cie += 4;
	cb_fde(&b, START, SIZE, 0, NULL, 0); /* the middle of one */
	b.cie -= 4;
	cb_fde(&b, START, SIZE, 0, NULL, 0);
	expect_section(&b, "skipped skipped skipped | 1000-1100 r7+8 16:[-8]");
}

static void lengths_that_lie_end_the_section(void **state)
{
	static const uint64_t lies[] = {0x1000, 0xfffffff0, 0xfffffffe, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct cfi_bytes b = {0};

		cb_cie(&b, "", NULL, 0, usual, sizeof usual);
		cb_fde(&b, START, SIZE, 0, NULL, 0);
		cb_put(&b, lies[i], 4);
		cb_put(&b, UINT64_MAX, 8);
		expect_section(&b, "1000-1100 r7+8 16:[-8] skipped");
	}
}

static void every_cut_of_a_section_is_survived(void **state)
{
	static const uint8_t zplr[] = {7, 0x1b, 1, 2, 3, 4, 0, 0x1b};
	static const uint8_t code[] = {DW_CFA_advance_loc | 4,
				       DW_CFA_def_cfa_expression,
				       2,
				       DW_OP_breg6,
				       0,
				       DW_CFA_advance_loc2,
				       4,
				       0};
	struct cfi_bytes b = {0};

	(void)state;
	cb_cie(&b, "zPLR", zplr, sizeof zplr, usual, sizeof usual);
	cb_fde(&b, START, SIZE, 1, code, sizeof code);
	for (size_t n = 0; n <= b.len; n++) {
		uint8_t *cut = malloc(n + 1);
		struct cfi_section s = cb_section(&b);
		struct log l = {0};

		assert_non_null(cut);
		memcpy(cut, b.data, n);
		s.data = cut;
		s.len = n;
		run_section(&l, &s);
		free(cut);
		/* An FDE cut off gives nothing, a cut between the entries nothing to complain of. */
		if (n < b.len)
			assert_null(strchr(l.text, '-'));
	}
}

static void the_first_instructions_of_a_cie_are_bounded(void **state)
{
	static uint8_t long_code[400];
	struct cfi_bytes b = {0};

	(void)state;
	cb_cie(&b, "", NULL, 0, long_code, 200);
	cb_fde(&b, START, SIZE, 0, usual, sizeof usual);
	expect_section(&b, "1000-1100 r7+8 16:[-8]");
	b = (struct cfi_bytes){0};
	cb_cie(&b, "", NULL, 0, long_code, sizeof long_code);
	cb_fde(&b, START, SIZE, 0, usual, sizeof usual);
	expect_section(&b, "skipped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cie_may_not_advance_or_restore),
		cmocka_unit_test(versions_1_3_and_4_are_read),
		cmocka_unit_test(augmentations_are_read),
		cmocka_unit_test(gcc_2_left_a_pointer_behind_eh),
		cmocka_unit_test(augmentations_that_lie_are_refused),
		cmocka_unit_test(addresses_are_read_in_each_encoding),
		cmocka_unit_test(addresses_known_at_run_time_only_are_skipped),
		cmocka_unit_test(ranges_past_the_end_of_memory_are_skipped),
		cmocka_unit_test(both_sections_are_read_in_both_sizes),
		cmocka_unit_test(a_cie_may_stand_behind_its_fdes_in_debug_frame),
		cmocka_unit_test(terminators_in_the_middle_are_stepped_over),
		cmocka_unit_test(an_fde_needs_a_cie),
		cmocka_unit_test(lengths_that_lie_end_the_section),
		cmocka_unit_test(every_cut_of_a_section_is_survived),
		cmocka_unit_test(the_first_instructions_of_a_cie_are_bounded),
	};

	return cmocka_run_group_tests_name("cfi entries", tests, NULL, NULL);
}
