/* How rows of call frame information become rules: each short form, the long one, signal frames, and more
 * rules than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/table_rig.h"

static struct unwind_table *one_rule(const uint8_t *code, size_t n, const char *letters,
				     struct unwind_rule *rule)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;
	static const uint8_t none = 0;

	cb_cie(&b, letters, &none, *letters ? 1 : 0, usual, sizeof usual);
	cb_fde(&b, 0x1000, 0x40, *letters != 0, code, n);
	t = build(&b, NULL, 0);
	*rule = *unwind_table_rule(t, 0x1000);
	return t;
}

#define RULE(rule, ...)                                                                            \
	do {                                                                                       \
		static const uint8_t code_[] = {__VA_ARGS__};                                      \
		unwind_table_free(one_rule(code_, sizeof code_, "", rule));                        \
	} while (0)

static void short_forms_hold_what_compilers_write(void **state)
{
	struct unwind_rule r;

	(void)state;
	RULE(&r, DW_CFA_def_cfa, 6, 16, DW_CFA_offset | 6, 2, DW_CFA_offset | 3, 7,
	     DW_CFA_offset | 12, 6, DW_CFA_offset | 13, 5, DW_CFA_offset | 14, 4,
	     DW_CFA_offset | 15, 3);
	assert_int_equal(r.cfa_kind, UNWIND_CFA_BP);
	assert_int_equal(r.cfa_off, 16);
	assert_int_equal(r.ra, -1);
	assert_int_equal(r.bp, -2);
	assert_int_equal(r.bx, -7);
	assert_int_equal(r.r12, -6);
	assert_int_equal(r.r13, -5);
	assert_int_equal(r.r14, -4);
	assert_int_equal(r.r15, -3);
	RULE(&r, DW_CFA_def_cfa, 10, 0, DW_CFA_undefined, 3, DW_CFA_same_value, 6);
	assert_int_equal(r.cfa_kind, UNWIND_CFA_REG);
	assert_int_equal(r.cfa_reg, 10);
	assert_int_equal(r.cfa_off, 0);
	assert_int_equal(r.bx, UNWIND_UNDEF);
	assert_int_equal(r.bp, UNWIND_SAME);
	RULE(&r, DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 0x78, DW_OP_deref);
	assert_int_equal(r.cfa_kind, UNWIND_CFA_DEREF_BP);
	assert_int_equal(r.cfa_off, -8);
	RULE(&r, DW_CFA_def_cfa_expression, 4, DW_OP_breg6, 0xf8, 0x7e, DW_OP_deref);
	assert_int_equal(r.cfa_kind, UNWIND_CFA_DEREF_BP);
	assert_int_equal(r.cfa_off, -136);
	RULE(&r, DW_CFA_undefined, 16);
	assert_int_equal(r.cfa_kind, UNWIND_CFA_ROOT);
	RULE(&r, DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15,
	     DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus);
	assert_int_equal(r.cfa_kind, UNWIND_CFA_PLT);
	assert_int_equal(r.cfa_off, 11);
	/* Registers that no callee keeps cost no long form. */
	RULE(&r, DW_CFA_offset | 0, 9, DW_CFA_offset | 10, 8);
	assert_int_equal(r.cfa_kind, UNWIND_CFA_SP);
}

static void a_return_address_not_spoken_of_is_where_the_call_put_it(void **state)
{
	static const uint8_t cfa_only[] = {DW_CFA_def_cfa, 7, 8};
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cb_cie(&b, "", NULL, 0, cfa_only, sizeof cfa_only);
	fde(&b, 0x1000, 0x40, 16);
	t = build(&b, NULL, 0);
	assert_int_equal(at(t, 0x1000), 16);
	unwind_table_free(t);
}

static void a_row_without_cfa_is_no_rule(void **state)
{
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cb_cie(&b, "", NULL, 0, NULL, 0);
	cb_fde(&b, 0x1000, 0x40, 0, NULL, 0);
	t = build(&b, NULL, 0);
	assert_int_equal(at(t, 0x1000), -1);
	unwind_table_free(t);
}

struct ext {
	struct unwind_ext head;
	struct unwind_ext_reg reg[CFI_REGS];
	const uint8_t *area;
};

static void read_ext(const struct unwind_table *t, const struct unwind_rule *r, struct ext *x)
{
	assert_int_equal(r->cfa_kind, UNWIND_CFA_EXT);
	x->area = (const uint8_t *)t + t->head.ext_off;
	memcpy(&x->head, x->area + r->cfa_off, sizeof x->head);
	assert_true(x->head.n_regs <= CFI_REGS);
	memcpy(x->reg, x->area + r->cfa_off + sizeof x->head, x->head.n_regs * sizeof x->reg[0]);
}

static void everything_else_takes_the_long_form(void **state)
{
	static const uint8_t code[] = {
		DW_CFA_def_cfa_expression,
		2,
		DW_OP_breg12,
		24, /* */
		DW_CFA_expression,
		6,
		2,
		DW_OP_breg6,
		0, /* */
		DW_CFA_val_expression,
		3,
		2,
		DW_OP_breg7,
		16, /* */
		DW_CFA_register,
		12,
		13,
		DW_CFA_val_offset,
		7,
		0x7f, /* */
		DW_CFA_undefined,
		14,
		DW_CFA_same_value,
		15, /* */
		DW_CFA_offset | 0,
		2,
		DW_CFA_offset_extended_sf,
		13,
		0x80,
		0x7f,
	};
	struct unwind_rule r;
	struct ext x;
	struct unwind_table *t = one_rule(code, sizeof code, "", &r);
	static const struct {
		uint8_t reg, kind;
		int value;
	} want[] = {
		{0, UNWIND_EXT_OFFSET, -16}, {3, UNWIND_EXT_VAL_EXPR, 16},
		{6, UNWIND_EXT_EXPR, 0},     {7, UNWIND_EXT_VALUE, -1016},
		{12, UNWIND_EXT_REG, 13},    {13, UNWIND_EXT_OFFSET, 1024},
		{14, UNWIND_EXT_UNDEF, 0},   {16, UNWIND_EXT_OFFSET, -8},
	};

	(void)state;
	read_ext(t, &r, &x);
	assert_true(x.head.cfa_is_expr);
	assert_int_equal(x.head.cfa_len, 2);
	assert_int_equal(x.area[x.head.cfa_off], DW_OP_breg12);
	assert_int_equal(x.head.n_regs, sizeof want / sizeof want[0]);
	for (size_t i = 0; i < x.head.n_regs; i++) {
		int value = x.reg[i].value;

		assert_int_equal(x.reg[i].reg, want[i].reg);
		assert_int_equal(x.reg[i].kind, want[i].kind);
		if (x.reg[i].len) {
			assert_int_equal(x.reg[i].len, 2);
			value = x.area[value + 1];
		}
		assert_int_equal(value, want[i].value);
	}
	unwind_table_free(t);
}

static void offsets_that_are_too_odd_take_the_long_form(void **state)
{
	static const uint8_t far[] = {DW_CFA_offset | 6, 0x80, 1};
	static const uint8_t further[] = {DW_CFA_offset | 6, 0x80, 0x80, 0x80, 0x80, 2};
	struct unwind_rule r;
	struct ext x;
	struct unwind_table *t = one_rule(far, sizeof far, "", &r);

	(void)state;
	read_ext(t, &r, &x);
	assert_false(x.head.cfa_is_expr);
	assert_int_equal(x.head.cfa_reg, 7);
	assert_int_equal(x.head.cfa_off, 8);
	assert_int_equal(x.reg[0].value, -1024);
	unwind_table_free(t);
	t = one_rule(further, sizeof further, "", &r);
	read_ext(t, &r, &x);
	assert_int_equal(x.reg[0].kind, UNWIND_EXT_UNDEF); /* 4 GiB away */
	unwind_table_free(t);
}

static void equal_long_forms_are_kept_once(void **state)
{
	static const uint8_t code[] = {DW_CFA_register, 6, 12};
	struct cfi_bytes b = {0};
	struct unwind_table *t;

	(void)state;
	cie(&b);
	for (uint64_t i = 0; i < 20; i++)
		cb_fde(&b, 0x1000 + 64 * i, 32, 0, code, sizeof code);
	t = build(&b, NULL, 0);
	assert_int_equal(t->head.n_rules, 2);
	assert_int_equal(t->head.ext_bytes,
			 sizeof(struct unwind_ext) + 2 * sizeof(struct unwind_ext_reg));
	unwind_table_free(t);
}

static void signal_frames_are_known_by_their_rules(void **state)
{
	static const uint8_t code[] = {
		DW_CFA_def_cfa_expression, 4,  DW_OP_breg7, 0xa0,        1,    DW_OP_deref,
		DW_CFA_expression,         16, 3,           DW_OP_breg7, 0xa8, 1,
		DW_CFA_expression,         6,  3,           DW_OP_breg7, 0xf8, 0,
	};
	struct unwind_rule r;

	(void)state;
	unwind_table_free(one_rule(code, sizeof code, "zS", &r));
	assert_int_equal(r.cfa_kind, UNWIND_CFA_SIGNAL);
	assert_int_equal(r.is_signal, 1);
	/* Not marked as one, or another layout: what it says is done, no more. */
	unwind_table_free(one_rule(code, sizeof code, "", &r));
	assert_int_equal(r.cfa_kind, UNWIND_CFA_EXT);
	unwind_table_free(one_rule(code, sizeof code - 6, "zS", &r));
	assert_int_equal(r.cfa_kind, UNWIND_CFA_EXT);
	assert_int_equal(r.is_signal, 1);
}

static void signal_frames_are_known_by_their_code(void **state)
{
	static const uint8_t text[] = {0x90, 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	static struct elf_bytes e;
	struct cfi_bytes b = {0};
	struct unwind_table *t;
	Elf64_Shdr *s;
	static const uint8_t none = 0;

	(void)state;
	cb_cie(&b, "zS", &none, 1, usual, sizeof usual);
	cb_fde(&b, 0x2000, sizeof text, 1, NULL, 0); /* a byte before the code, as in libc */
	cb_fde(&b, 0x2000 + 64, 9, 1, NULL, 0);      /* marked, but other code */
	eb_init(&e);
	eb_section(&e, ".eh_frame", SHT_PROGBITS, CFI_BYTES_ADDR, b.data, b.len);
	s = eb_section(&e, ".text", SHT_PROGBITS, 0x2000, text, sizeof text);
	eb_put(&e, b.data, 128);
	eb_segment(&e, PT_LOAD, PF_R | PF_X, s->sh_offset, 0x2000, 128);
	eb_finish(&e, 1);
	t = build_elf(&e, 0);
	assert_int_equal(unwind_table_rule(t, 0x2000)->cfa_kind, UNWIND_CFA_SIGNAL);
	assert_int_equal(unwind_table_rule(t, 0x2009)->cfa_kind, UNWIND_CFA_SIGNAL);
	assert_int_equal(unwind_table_rule(t, 0x200a)->cfa_kind, UNWIND_CFA_NONE);
	assert_int_equal(unwind_table_rule(t, 0x2040)->cfa_kind, UNWIND_CFA_SP);
	assert_int_equal(unwind_table_rule(t, 0x2040)->is_signal, 1);
	unwind_table_free(t);
}

/* A .plt without call frame information; what the rules are at its first 32 bytes. */
static void stubs(const uint8_t *code, uint64_t addr, const char *want)
{
	static struct elf_bytes e;
	char have[33] = "";
	struct unwind_table *t;

	eb_init(&e);
	eb_section(&e, ".plt", SHT_PROGBITS, addr, code, 48)->sh_flags = SHF_EXECINSTR;
	eb_finish(&e, 1);
	t = build_elf(&e, 0);
	for (uint64_t i = 0; i < 32; i++) {
		const struct unwind_rule *r = unwind_table_rule(t, addr + i);

		have[i] = (char)(r->cfa_kind == UNWIND_CFA_PLT  ? 'a' + r->cfa_off
				 : r->cfa_kind == UNWIND_CFA_SP ? '0' + r->cfa_off / 8
								: '?');
	}
	assert_string_equal(have, want);
	assert_int_equal(unwind_table_rule(t, addr + 48)->cfa_kind, UNWIND_CFA_NONE);
	unwind_table_free(t);
}

static void linkage_stubs_are_known_by_their_code(void **state)
{
	uint8_t code[48] = {0xff, 0x35, 0, 0, 0, 0, 0xff, 0x25};

	(void)state;
	memcpy(code + 16, "\xff\x25\0\0\0\0\x68", 7);
	stubs(code, 0x2000, "2222223333333333llllllllllllllll");
	memcpy(code + 16, "\xf3\x0f\x1e\xfa\x68\0\0", 7);
	stubs(code, 0x2000, "2222223333333333jjjjjjjjjjjjjjjj");
	/* Not where its addresses say anything, or other code: jumps only. */
	stubs(code, 0x2008, "11111111111111111111111111111111");
	code[20] = 0x90;
	stubs(code, 0x2000, "11111111111111111111111111111111");
}

/* Each row a rule of its own: `n` of them, which differ in rbx only or also in the CFA. */
static struct unwind_table *many_rules(uint32_t n, int cfa_too, uint32_t *skipped)
{
	size_t room = (size_t)n * 12 + 4096, len;
	uint8_t *big = calloc(1, room + 4096);
	struct cfi_bytes head = {0};
	struct unwind_table *t;
	struct elf_file f;
	Elf64_Ehdr eh = {0};
	Elf64_Shdr sh[3] = {{0}};
	uint32_t fde_len;
	uint8_t *p;

	assert_non_null(big);
	cie(&head);
	fde(&head, 0x10000, 4 * (uint64_t)n, 8);
	/* The program goes on behind the small one: its length is patched below. */
	p = big + 256;
	memcpy(p, head.data, head.len);
	len = head.len;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t cfa = cfa_too ? 8 * (i / 100) : 8;

		p[len++] = DW_CFA_def_cfa_offset;
		p[len++] = (uint8_t)(0x80 | (cfa & 0x7f));
		p[len++] = (uint8_t)(0x80 | (cfa >> 7 & 0x7f));
		p[len++] = (uint8_t)(cfa >> 14);
		p[len++] = DW_CFA_offset | 3;
		p[len++] = (uint8_t)(2 + i % 100);
		p[len++] = DW_CFA_offset | 12;
		p[len++] = cfa_too ? 2 : (uint8_t)(2 + i / 100 % 100);
		p[len++] = DW_CFA_offset | 13;
		p[len++] = cfa_too ? 2 : (uint8_t)(2 + i / 10000);
		p[len++] = DW_CFA_advance_loc | 4;
	}
	assert_true(len < room);
	fde_len = (uint32_t)(len - 24 - 4); /* the CIE takes 24 bytes */
	memcpy(p + 24, &fde_len, 4);
	memcpy(eh.e_ident, "\177ELF\2\1\1", 7);
	eh.e_machine = EM_X86_64;
	eh.e_shoff = 64;
	eh.e_shentsize = sizeof sh[0];
	eh.e_shnum = 2;
	eh.e_shstrndx = 1;
	memcpy(big, &eh, sizeof eh);
	memcpy(big + room, ".eh_frame", 10);
	sh[0] = (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_offset = 256, .sh_size = len};
	sh[1] = (Elf64_Shdr){
		.sh_name = 10, .sh_type = SHT_STRTAB, .sh_offset = room, .sh_size = 11};
	memcpy(big + 64, sh, 2 * sizeof sh[0]);
	assert_int_equal(elf_from_bytes(&f, big, room + 4096, "many", NULL), 0);
	assert_int_equal(unwind_table_build(&t, &f, skipped, NULL), 0);
	assert_int_equal(unwind_table_check(t, unwind_table_bytes(t), NULL), 0);
	free(big);
	return t;
}

static void too_many_rules_forget_the_least_useful(void **state)
{
	uint32_t skipped;
	struct unwind_table *t = many_rules(90000, 0, &skipped);
	const struct unwind_rule *r;

	(void)state;
	assert_int_equal(skipped, 0);
	r = unwind_table_rule(t, 0x10000 + 4 * 100);
	assert_int_equal(r->cfa_off, 8);
	assert_int_equal(r->bx, -2);
	assert_int_equal(r->r12, -3);
	r = unwind_table_rule(t, 0x10000 + 4 * 89999);
	assert_int_equal(r->cfa_kind, UNWIND_CFA_SP);
	assert_int_equal(r->ra, -1);
	assert_int_equal(r->bx, UNWIND_UNDEF);
	assert_int_equal(r->r12, UNWIND_UNDEF);
	assert_int_equal(r->r15, UNWIND_UNDEF);
	assert_int_equal(r->bp, UNWIND_SAME);
	assert_true(t->head.n_rules <= 60001);
	unwind_table_free(t);
}

static void rules_past_all_room_are_none_and_counted(void **state)
{
	uint32_t skipped;
	struct unwind_table *t = many_rules(1300000, 1, &skipped);
	const struct unwind_rule *r;

	(void)state;
	assert_true(skipped > 0);
	assert_int_equal(t->head.n_rules, 65535);
	r = unwind_table_rule(t, 0x10000 + 4 * 1299999ull);
	assert_int_equal(r->cfa_kind, UNWIND_CFA_NONE);
	r = unwind_table_rule(t, 0x10000 + 4 * 59000);
	assert_int_equal(r->cfa_off, 8 * 590);
	unwind_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_forms_hold_what_compilers_write),
		cmocka_unit_test(a_return_address_not_spoken_of_is_where_the_call_put_it),
		cmocka_unit_test(a_row_without_cfa_is_no_rule),
		cmocka_unit_test(everything_else_takes_the_long_form),
		cmocka_unit_test(offsets_that_are_too_odd_take_the_long_form),
		cmocka_unit_test(equal_long_forms_are_kept_once),
		cmocka_unit_test(signal_frames_are_known_by_their_rules),
		cmocka_unit_test(signal_frames_are_known_by_their_code),
		cmocka_unit_test(linkage_stubs_are_known_by_their_code),
		cmocka_unit_test(too_many_rules_forget_the_least_useful),
		cmocka_unit_test(rules_past_all_room_are_none_and_counted),
	};

	return cmocka_run_group_tests_name("unwind table rules", tests, NULL, NULL);
}
