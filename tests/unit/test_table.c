/* Which addresses of a module have which rule: starts, ends, gaps, pages, order, overlaps, and both sections
 * together, in modules put together by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/table_rig.h"

static void rules_hold_from_start_to_end(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	fde(&b, 0x1010, 0x40, 16);
	fde(&b, 0x1080, 0x40, 24);
	t = build(&b, NULL, 0);
	assert_int_equal(at(t, 0), -1);
	assert_int_equal(at(t, 0x100f), -1);
	assert_int_equal(at(t, 0x1010), 16);
	assert_int_equal(at(t, 0x104f), 16);
	assert_int_equal(at(t, 0x1050), -1);
	assert_int_equal(at(t, 0x107f), -1);
	assert_int_equal(at(t, 0x1080), 24);
	assert_int_equal(at(t, 0x10bf), 24);
	assert_int_equal(at(t, 0x10c0), -1);
	assert_int_equal(at(t, 0xffff), -1);
	assert_int_equal(at(t, 0x10000), -1);
	assert_int_equal(at(t, UINT64_MAX), -1);
	unwind_table_free(t);
}

static void padding_belongs_to_what_is_before_it(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	fde(&b, 0x1000, 0x21, 16);
	fde(&b, 0x1030, 0x20, 24); /* 15 bytes of padding before it */
	fde(&b, 0x1060, 0x20, 32); /* 16 */
	t = build(&b, NULL, 0);
	assert_int_equal(at(t, 0x1021), 16);
	assert_int_equal(at(t, 0x102f), 16);
	assert_int_equal(at(t, 0x1030), 24);
	assert_int_equal(at(t, 0x1050), -1);
	assert_int_equal(at(t, 0x1060), 32);
	unwind_table_free(t);
}

static void equal_neighbours_are_one_row(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	for (uint64_t i = 0; i < 50; i++)
		fde(&b, 0x1000 + 16 * i, 16, 16);
	t = build(&b, NULL, 0);
	/* The page's first row, one row, its end. */
	assert_int_equal(unwind_table_rows(t), 3);
	assert_int_equal(t->head.n_rules, 2);
	assert_int_equal(at(t, 0x1000 + 16 * 50 - 1), 16);
	unwind_table_free(t);
}

static void the_order_of_entries_does_not_matter(void **state)
{
	struct cfi_bytes up = {0}, down = {0};
	struct unwind_table *a, *b;

	(void)state;
	cie(&up);
	cie(&down);
	for (uint64_t i = 0; i < 37; i++) {
		fde(&up, 0x1000 + 64 * i, 40, (uint8_t)(8 + 8 * (i % 5)));
		fde(&down, 0x1000 + 64 * (36 - i), 40, (uint8_t)(8 + 8 * ((36 - i) % 5)));
	}
	a = build(&up, NULL, 0);
	b = build(&down, NULL, 0);
	assert_int_equal(unwind_table_rows(a), unwind_table_rows(b));
	for (uint64_t pc = 0xf00; pc < 0x2000; pc++)
		assert_int_equal(at(a, pc), at(b, pc));
	unwind_table_free(a);
	unwind_table_free(b);
}

static void long_functions_go_over_pages(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	fde(&b, 0x1fff0, 0x30000, 16); /* to 0x4fff0 */
	fde(&b, 0x60000, 0x10000, 24); /* one whole page */
	fde(&b, 0x90010, 0x20, 32);    /* a page of nothing before it */
	t = build(&b, NULL, 0);
	assert_int_equal(t->head.first_page, 1);
	for (uint64_t pc = 0; pc < 0xb0000; pc++) {
		int want = pc < 0x1fff0   ? -1
			   : pc < 0x4fff0 ? 16
			   : pc < 0x60000 ? -1
			   : pc < 0x70000 ? 24
			   : pc < 0x90010 ? -1
			   : pc < 0x90030 ? 32
					  : -1;

		if (at(t, pc) != want)
			fail_msg("%#llx: %d, not %d", (unsigned long long)pc, at(t, pc), want);
	}
	unwind_table_free(t);
}

static void rows_on_page_boundaries_are_found(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;
	static const uint8_t code[] = {DW_CFA_advance_loc | 16, DW_CFA_def_cfa_offset, 16,
				       DW_CFA_advance_loc | 16, DW_CFA_def_cfa_offset, 8};

	(void)state;
	cie(&b);
	cb_fde(&b, 0x1fff0, 0x30, 0, code, sizeof code);
	fde(&b, 0x2fff0, 0x10, 40); /* ends where a page does */
	t = build(&b, NULL, 0);
	assert_int_equal(at(t, 0x1ffff), 8);
	assert_int_equal(at(t, 0x20000), 16);
	assert_int_equal(at(t, 0x2000f), 16);
	assert_int_equal(at(t, 0x20010), 8);
	assert_int_equal(at(t, 0x20020), -1);
	assert_int_equal(at(t, 0x2ffff), 40);
	assert_int_equal(at(t, 0x30000), -1);
	unwind_table_free(t);
}

static void an_entry_ends_where_the_next_begins(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	fde(&b, 0x1000, 0x100, 16);
	fde(&b, 0x1040, 0x20, 24);
	fde(&b, 0x1200, 0, 40); /* of no size */
	t = build(&b, NULL, 0);
	assert_int_equal(at(t, 0x103f), 16);
	assert_int_equal(at(t, 0x1040), 24);
	assert_int_equal(at(t, 0x1060), -1);
	assert_int_equal(at(t, 0x1200), -1);
	unwind_table_free(t);
}

static void debug_frame_fills_what_eh_frame_leaves(void **state)
{
	struct cfi_bytes eh = {0}, debug = {.debug = 1};
	struct unwind_table *t;

	(void)state;
	cie(&eh);
	fde(&eh, 0x1000, 0x40, 16);
	fde(&eh, 0x1100, 0x40, 16);
	cie(&debug);
	fde(&debug, 0x1000, 0x40, 80); /* known already */
	fde(&debug, 0x1020, 0x40, 24); /* in part */
	fde(&debug, 0x10f0, 0x20, 32); /* in part */
	fde(&debug, 0x1200, 0x40, 40);
	fde(&debug, 0x1300, 0x40, 48);
	fde(&debug, 0x1320, 0x10, 56);
	t = build(&eh, &debug, 0);
	assert_int_equal(at(t, 0x1000), 16);
	assert_int_equal(at(t, 0x103f), 16);
	assert_int_equal(at(t, 0x1040), 24);
	assert_int_equal(at(t, 0x105f), 24);
	assert_int_equal(at(t, 0x1060), -1);
	assert_int_equal(at(t, 0x10f0), 32);
	assert_int_equal(at(t, 0x10ff), 32);
	assert_int_equal(at(t, 0x1100), 16);
	assert_int_equal(at(t, 0x1200), 40);
	assert_int_equal(at(t, 0x131f), 48);
	assert_int_equal(at(t, 0x1320), 56);
	unwind_table_free(t);
	t = build(NULL, &debug, 0);
	assert_int_equal(at(t, 0x1000), 80);
	assert_int_equal(at(t, 0x1020), 24);
	unwind_table_free(t);
}

static void entries_outside_the_code_are_dropped(void **state)
{
	static struct elf_bytes e;
	struct cfi_bytes debug = {.debug = 1};
	struct unwind_table *t;

	(void)state;
	cie(&debug);
	fde(&debug, 0, 0x40, 16); /* a function that the linker threw away */
	fde(&debug, 0x1000, 0x40, 24);
	fde(&debug, 0x1ff0, 0x40, 32); /* goes on behind the segment */
	fde(&debug, 0x700000000000, 0x40, 40);
	eb_init(&e);
	eb_section(&e, ".debug_frame", SHT_PROGBITS, 0, debug.data, debug.len);
	eb_segment(&e, PT_LOAD, PF_R | PF_X, 0, 0x1000, 64)->p_memsz = 0x1000;
	eb_segment(&e, PT_LOAD, PF_R | PF_W, 0, 0, 64)->p_memsz = 0x1000;
	eb_finish(&e, 1);
	t = build_elf(&e, 0);
	assert_int_equal(at(t, 0), -1);
	assert_int_equal(at(t, 0x1000), 24);
	assert_int_equal(at(t, 0x1ff0), -1);
	assert_int_equal(t->head.n_pages, 1);
	unwind_table_free(t);
}

static void code_4_gib_away_is_counted_not_stored(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	fde(&b, 0x1000, 0x40, 16);
	fde(&b, 0xfffffff0, 0x10, 24);
	fde(&b, 0x100000000, 0x10, 32);
	t = build(&b, NULL, 1);
	assert_int_equal(at(t, 0x1000), 16);
	assert_int_equal(at(t, 0xffffffff), 24);
	assert_int_equal(at(t, 0x100000000), -1);
	unwind_table_free(t);
}

/* ---- files of all kinds ---------------------------------------------------------------------------- */

static void a_malformed_program_costs_the_rest_of_its_entry(void **state)
{
	static const uint8_t code[] = {DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc | 0x20, 0x3f};
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	fde(&b, 0x1000, 0x40, 8);
	cb_fde(&b, 0x1040, 0x40, 0, code, sizeof code);
	fde(&b, 0x1080, 0x40, 24);
	t = build(&b, NULL, 1);
	assert_int_equal(at(t, 0x103f), 8);
	assert_int_equal(at(t, 0x105f), 16);
	assert_int_equal(at(t, 0x1060), -1);
	assert_int_equal(at(t, 0x107f), -1);
	assert_int_equal(at(t, 0x1080), 24);
	unwind_table_free(t);
}

static void entries_that_cannot_be_read_cost_themselves(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	fde(&b, 0x1000, 0x40, 16);
	b.cie += 4; /* where no CIE is */
	fde(&b, 0x1100, 0x40, 16);
	b.cie -= 4;
	fde(&b, 0x1200, 0x40, 16);
	t = build(&b, NULL, 1);
	assert_int_equal(at(t, 0x1000), 16);
	assert_int_equal(at(t, 0x1100), -1);
	assert_int_equal(at(t, 0x1200), 16);
	unwind_table_free(t);
}

static int build_fails(const struct elf_bytes *e, struct err *err)
{
	struct unwind_table *t = NULL;
	struct elf_file f;
	uint32_t skipped;
	int rc;

	assert_int_equal(elf_from_bytes(&f, e->data, e->len, "sample", NULL), 0);
	rc = unwind_table_build(&t, &f, &skipped, err);
	assert_int_equal(unwind_table_build(&t, &f, NULL, NULL), rc);
	assert_null(t);
	return rc;
}

static void a_module_with_nothing_but_garbage_is_refused(void **state)
{
	static struct elf_bytes e;
	struct cfi_bytes b = {0};
	struct err err = ERR_INIT;

	(void)state;
	b.cie = 100000;
	fde(&b, 0x1000, 0x40, 16);
	fde(&b, 0x2000, 0x40, 16);
	make_elf(&e, &b, NULL);
	assert_int_equal(build_fails(&e, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, ".eh_frame"));
	e.eh.e_machine = EM_AARCH64;
	memcpy(e.data, &e.eh, sizeof e.eh);
	assert_int_equal(build_fails(&e, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "x86-64"));
}

static struct unwind_table *with_entry(struct cfi_bytes *b, uint64_t entry)
{
	static struct elf_bytes e;

	make_elf(&e, b, NULL);
	e.eh.e_entry = entry;
	memcpy(e.data, &e.eh, sizeof e.eh);
	return build_elf(&e, 0);
}

static void nobody_called_the_entry_of_a_program(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	fde(&b, 0x1000, 0x40, 16);
	fde(&b, 0x2040, 0x40, 24);
	t = with_entry(&b, 0x2000);
	assert_int_equal(unwind_table_rule(t, 0x2000)->cfa_kind, UNWIND_CFA_ROOT);
	assert_int_equal(unwind_table_rule(t, 0x203f)->cfa_kind, UNWIND_CFA_ROOT);
	assert_int_equal(at(t, 0x1fff), -1);
	assert_int_equal(at(t, 0x2040), 24);
	unwind_table_free(t);
	t = with_entry(&b, 0x1010); /* it says so itself */
	assert_int_equal(at(t, 0x1010), 16);
	assert_int_equal(at(t, 0x1050), -1);
	unwind_table_free(t);
}

/* The code of 0x1040 … 0x107f, below which makecontext() would leave a coroutine. */
static struct unwind_table *with_start(const struct cfi_bytes *eh, const uint8_t *start, size_t n)
{
	static struct elf_bytes e;
	const Elf64_Shdr *text;
	uint8_t code[0x100];

	memset(code, 0x90, sizeof code);
	memcpy(code + 0x40, start, n);
	eb_init(&e);
	text = eb_section(&e, ".text", SHT_PROGBITS, 0x1000, code, sizeof code);
	eb_segment(&e, PT_LOAD, PF_R | PF_X, text->sh_offset, 0x1000, sizeof code);
	eb_section(&e, ".eh_frame", SHT_PROGBITS, CFI_BYTES_ADDR, eh->data, eh->len);
	eb_finish(&e, 1);
	return build_elf(&e, 0);
}

static void nobody_called_the_end_of_a_coroutine(void **state)
{
	static const uint8_t by_rbx[] = {0x48, 0x89, 0xdc}, by_r15[] = {0x4c, 0x89, 0xfc};
	static const uint8_t marked[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x89, 0xdc};
	static const uint8_t by_rdi[] = {0x48, 0x89, 0xfc}, from_rsp[] = {0x48, 0x89, 0xe3};
	static const struct {
		const uint8_t *code;
		size_t n;
		int root;
	} known[] = {{by_rbx, sizeof by_rbx, 1},
		     {by_r15, sizeof by_r15, 1},
		     {marked, sizeof marked, 1},
		     {by_rdi, sizeof by_rdi, 0},
		     {from_rsp, sizeof from_rsp, 0}};

	(void)state;
	for (int padding = 0; padding <= 1; padding++)
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
			struct cfi_bytes b = {0};
			struct unwind_table *t;

			cie(&b);
			fde(&b, 0x1000, padding ? 0x3b : 0x40, 16);
			fde(&b, 0x1040, 0x1a, 8);
			fde(&b, 0x1060, 0x20, 24);
			t = with_start(&b, known[i].code, known[i].n);
			assert_int_equal(at(t, 0x103e), 16);
			assert_int_equal(at(t, 0x1060), 24);
			if (known[i].root && padding) /* a return address is looked up before it */
				assert_int_equal(unwind_table_rule(t, 0x103f)->cfa_kind,
						 UNWIND_CFA_ROOT);
			else
				assert_int_equal(at(t, 0x103f), 16);
			if (known[i].root)
				assert_int_equal(unwind_table_rule(t, 0x1040)->cfa_kind,
						 UNWIND_CFA_ROOT);
			else
				assert_int_equal(at(t, 0x1040), 8);
			assert_int_equal(unwind_table_rule(t, 0x1059)->cfa_kind,
					 known[i].root ? UNWIND_CFA_ROOT : UNWIND_CFA_SP);
			unwind_table_free(t);
		}
}

static void a_module_without_any_has_a_table_without_rows(void **state)
{
	static const uint8_t terminator[4];
	static struct elf_bytes e;
	struct cfi_bytes none = {0};
	struct unwind_table *t = build(NULL, NULL, 0);

	(void)state;
	assert_int_equal(unwind_table_rows(t), 0);
	assert_int_equal(at(t, 0), -1);
	assert_int_equal(at(t, 0x1000), -1);
	unwind_table_free(t);
	t = build(&none, &none, 0);
	assert_int_equal(unwind_table_rows(t), 0);
	unwind_table_free(t);
	eb_init(&e);
	eb_section(&e, ".eh_frame", SHT_PROGBITS, 0, terminator, sizeof terminator);
	eb_finish(&e, 1);
	t = build_elf(&e, 0);
	assert_int_equal(unwind_table_rows(t), 0);
	unwind_table_free(t);
}

static void sections_without_readable_bytes_count_as_empty(void **state)
{
	static struct elf_bytes e;
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	fde(&b, 0x1000, 0x40, 16);
	/* As in a file of separate debug information, and compressed. */
	eb_init(&e);
	eb_section(&e, ".eh_frame", SHT_NOBITS, CFI_BYTES_ADDR, NULL, 5000);
	eb_section(&e, ".debug_frame", SHT_PROGBITS, 0, b.data, b.len)->sh_flags = SHF_COMPRESSED;
	eb_finish(&e, 1);
	t = build_elf(&e, 0);
	assert_int_equal(unwind_table_rows(t), 0);
	unwind_table_free(t);
}

static void without_section_headers_the_segments_do(void **state)
{
	static struct elf_bytes e;
	struct cfi_bytes b = {0};
	uint8_t hdr[8] = {1, DW_EH_PE_pcrel | DW_EH_PE_sdata4};
	struct unwind_table *t;
	uint64_t data, at_hdr;
	int32_t way;

	(void)state;
	cie(&b);
	fde(&b, 0x1000, 0x40, 16);
	cb_put(&b, 0, 4);
	cb_put(&b, 0x12345678, 4); /* whatever the segment has behind it */
	eb_init(&e);
	data = eb_put(&e, b.data, b.len);
	/* The header stands 0x100 before the entries it points to; the value is at byte 4. */
	way = 0x100 - 4;
	memcpy(hdr + 4, &way, 4);
	at_hdr = eb_put(&e, hdr, sizeof hdr);
	eb_segment(&e, PT_LOAD, PF_R, data, CFI_BYTES_ADDR, b.len);
	eb_segment(&e, PT_LOAD, PF_R | PF_X, 0, 0x1000, 64)->p_memsz = 0x1000;
	eb_segment(&e, PT_GNU_EH_FRAME, PF_R, at_hdr, CFI_BYTES_ADDR - 0x100, sizeof hdr);
	eb_finish(&e, 0);
	t = build_elf(&e, 0);
	assert_int_equal(at(t, 0x1000), 16);
	assert_int_equal(at(t, 0x1040), -1);
	unwind_table_free(t);
	/* Damaged: of another version, pointing nowhere, too short. */
	for (int i = 0; i < 3; i++) {
		static struct elf_bytes bad;

		bad = e;
		if (i == 0)
			bad.data[at_hdr] = 2;
		else if (i == 1)
			bad.data[at_hdr + 6] = 0x7f;
		else
			bad.ph[2].p_filesz = 3;
		memcpy(bad.data + sizeof bad.eh, bad.ph, sizeof bad.ph);
		t = build_elf(&bad, 0);
		assert_int_equal(unwind_table_rows(t), 0);
		unwind_table_free(t);
	}
}

static void the_build_id_stands_in_the_table(void **state)
{
	static struct elf_bytes e;
	struct unwind_table *t;
	uint8_t note[64];
	size_t n = eb_note(note, NT_GNU_BUILD_ID, "\1\2\3\4", 4);

	(void)state;
	eb_init(&e);
	eb_section(&e, ".note.gnu.build-id", SHT_NOTE, 0x400, note, n);
	eb_finish(&e, 1);
	t = build_elf(&e, 0);
	assert_string_equal(t->head.build_id, "01020304");
	unwind_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_hold_from_start_to_end),
		cmocka_unit_test(padding_belongs_to_what_is_before_it),
		cmocka_unit_test(equal_neighbours_are_one_row),
		cmocka_unit_test(the_order_of_entries_does_not_matter),
		cmocka_unit_test(long_functions_go_over_pages),
		cmocka_unit_test(rows_on_page_boundaries_are_found),
		cmocka_unit_test(an_entry_ends_where_the_next_begins),
		cmocka_unit_test(debug_frame_fills_what_eh_frame_leaves),
		cmocka_unit_test(entries_outside_the_code_are_dropped),
		cmocka_unit_test(code_4_gib_away_is_counted_not_stored),
		cmocka_unit_test(a_malformed_program_costs_the_rest_of_its_entry),
		cmocka_unit_test(entries_that_cannot_be_read_cost_themselves),
		cmocka_unit_test(a_module_with_nothing_but_garbage_is_refused),
		cmocka_unit_test(nobody_called_the_entry_of_a_program),
		cmocka_unit_test(nobody_called_the_end_of_a_coroutine),
		cmocka_unit_test(a_module_without_any_has_a_table_without_rows),
		cmocka_unit_test(sections_without_readable_bytes_count_as_empty),
		cmocka_unit_test(without_section_headers_the_segments_do),
		cmocka_unit_test(the_build_id_stands_in_the_table),
	};

	return cmocka_run_group_tests_name("unwind table", tests, NULL, NULL);
}
