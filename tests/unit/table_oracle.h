/* The tables of modules against libdw's own reading of the same call frame information: rows from end to
 * end, random addresses, and where there is none. For unit tests only. */
#ifndef TESTS_TABLE_ORACLE_H
#define TESTS_TABLE_ORACLE_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/elf/elffile.h"
#include "prof/unwind/table_internal.h"
#include "tests/unit/numbers.h"

#define REGS      17
#define TEXT_ROOM 256
#define ROWS_ALL  80000 /* a module with more rows is compared at every eighth */

typedef char place[TEXT_ROOM];

/* A frame in words: "r7+16", "same", "undef", "[cfa-16]", "=cfa+0", "r12", "[expression]". */
struct words {
	place cfa, reg[REGS];
	int is_signal;
};

struct both {
	const struct unwind_table *t;
	Dwarf_CFI *cfi;
	const struct elf_file *file;
	const char *name;
	size_t compared, without;
};

/* ---- expressions in words ----------------------------------------------------------------------- */

static inline void append(char *out, const char *fmt, ...) ERR_PRINTF(2, 3);
static inline void append(char *out, const char *fmt, ...)
{
	size_t n = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + n, TEXT_ROOM - n, fmt, ap);
	va_end(ap);
}

static inline void say_op(char *out, uint8_t atom, int64_t a)
{
	if ((atom >= DW_OP_breg0 && atom <= DW_OP_breg31) || atom == DW_OP_const1u ||
	    atom == DW_OP_const1s || atom == DW_OP_const2u || atom == DW_OP_const4s ||
	    atom == DW_OP_plus_uconst)
		append(out, " %02x:%lld", atom, (long long)a);
	else
		append(out, " %02x", atom);
}

static inline int64_t leb(const uint8_t **p, int is_signed)
{
	uint64_t v = 0;
	unsigned int shift = 0;
	uint8_t b;

	do {
		b = *(*p)++;
		v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	if (is_signed && (b & 0x40))
		v |= ~(uint64_t)0 << shift;
	return (int64_t)v;
}

/* Only operators that occur in call frame information of real libraries. */
static inline void say_bytes(char *out, const uint8_t *p, uint32_t len)
{
	const uint8_t *end = p + len;

	while (p < end) {
		uint8_t atom = *p++;
		int64_t a = 0;

		if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
			a = leb(&p, 1);
		} else if (atom == DW_OP_plus_uconst) {
			a = leb(&p, 0);
		} else if (atom == DW_OP_const1u) {
			a = *p++;
		} else if (atom == DW_OP_const1s) {
			a = (int8_t)*p++;
		} else if (atom == DW_OP_const2u) {
			a = p[0] | p[1] << 8;
			p += 2;
		} else if (atom == DW_OP_const4s) {
			int32_t v;

			memcpy(&v, p, sizeof v);
			a = v;
			p += sizeof v;
		}
		say_op(out, atom, a);
	}
	assert_ptr_equal(p, end);
}

static inline void say_ops(char *out, const Dwarf_Op *op, size_t n)
{
	for (size_t i = 0; i < n; i++)
		say_op(out, op[i].atom, (int64_t)op[i].number);
}

/* ---- libdw's frame ------------------------------------------------------------------------------- */

static inline void dw_register(place out, Dwarf_Frame *frame, int reg)
{
	Dwarf_Op mem[3], *ops = NULL;
	size_t n = 0;

	out[0] = '\0';
	assert_int_equal(dwarf_frame_register(frame, reg, mem, &ops, &n), 0);
	if (n == 0) {
		append(out, ops ? "undef" : "same");
	} else if (ops[0].atom == DW_OP_regx) {
		append(out, "r%u", (unsigned int)ops[0].number);
	} else {
		int value = ops[n - 1].atom == DW_OP_stack_value;
		size_t inner = n - (size_t)value;

		assert_int_equal(ops[0].atom, DW_OP_call_frame_cfa);
		if (inner == 1 || (inner == 2 && ops[1].atom == DW_OP_plus_uconst))
			append(out, "%scfa%+lld", value ? "=" : "at ",
			       inner == 2 ? (long long)ops[1].number : 0);
		else {
			append(out, "%s", value ? "=" : "at");
			say_ops(out, ops + 1, inner - 1);
		}
	}
}

static inline int dw_words(struct both *b, uint64_t pc, struct words *w, uint64_t *start,
			   uint64_t *end)
{
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	size_t n;
	bool is_signal;
	Dwarf_Addr lo, hi;

	if (dwarf_cfi_addrframe(b->cfi, pc, &frame) != 0)
		return 0;
	assert_int_equal(dwarf_frame_info(frame, &lo, &hi, &is_signal), 16);
	*start = lo;
	*end = hi;
	w->is_signal = is_signal;
	assert_int_equal(dwarf_frame_cfa(frame, &ops, &n), 0);
	w->cfa[0] = '\0';
	if (n == 1 && ops[0].atom == DW_OP_bregx)
		append(w->cfa, "r%u%+lld", (unsigned int)ops[0].number, (long long)ops[0].number2);
	else
		say_ops(w->cfa, ops, n);
	for (int i = 0; i < REGS; i++)
		dw_register(w->reg[i], frame, i);
	free(frame);
	return 1;
}

/* ---- our frame ----------------------------------------------------------------------------------- */

static inline void say_place(place out, int8_t at)
{
	if (at == UNWIND_SAME)
		append(out, "same");
	else if (at == UNWIND_UNDEF)
		append(out, "undef");
	else
		append(out, "at cfa%+d", 8 * at);
}

static inline void say_ext(struct words *w, const struct unwind_table *t,
			   const struct unwind_rule *r)
{
	const uint8_t *area = (const uint8_t *)t + t->head.ext_off;
	struct unwind_ext x;
	struct unwind_ext_reg g;

	memcpy(&x, area + r->cfa_off, sizeof x);
	if (x.cfa_is_expr)
		say_bytes(w->cfa, area + x.cfa_off, x.cfa_len);
	else
		append(w->cfa, "r%u%+d", x.cfa_reg, x.cfa_off);
	assert_int_equal(x.is_signal, r->is_signal);
	for (int i = 0; i < REGS; i++)
		append(w->reg[i], i == 7 ? "=cfa+0" : "same");
	for (int i = 0; i < x.n_regs; i++) {
		char *out;

		memcpy(&g, area + r->cfa_off + sizeof x + (size_t)i * sizeof g, sizeof g);
		out = w->reg[g.reg];
		out[0] = '\0';
		switch (g.kind) {
		case UNWIND_EXT_OFFSET:
		case UNWIND_EXT_VALUE:
			append(out, "%scfa%+d", g.kind == UNWIND_EXT_VALUE ? "=" : "at ", g.value);
			break;
		case UNWIND_EXT_REG:
			append(out, "r%d", g.value);
			break;
		case UNWIND_EXT_EXPR:
		case UNWIND_EXT_VAL_EXPR:
			append(out, g.kind == UNWIND_EXT_EXPR ? "at" : "=");
			say_bytes(out, area + g.value, g.len);
			break;
		default:
			append(out, g.kind == UNWIND_EXT_UNDEF ? "undef" : "same");
		}
	}
}

static inline void say_signal(struct words *w)
{
	static const uint8_t order[REGS] = {8, 9, 10, 11, 12, 13, 14, 15, 5,
					    4, 6, 3,  1,  0,  2,  7,  16};

	append(w->cfa, " 77:160 06");
	for (int i = 0; i < REGS; i++)
		append(w->reg[order[i]], "at 77:%d", 40 + 8 * i);
}

static inline int our_words(struct both *b, uint64_t pc, struct words *w)
{
	const struct unwind_rule *r = unwind_table_rule(b->t, pc);

	memset(w, 0, sizeof *w);
	w->is_signal = r->is_signal;
	switch (r->cfa_kind) {
	case UNWIND_CFA_NONE:
		return 0;
	case UNWIND_CFA_ROOT:
		append(w->reg[16], "undef");
		return 1;
	case UNWIND_CFA_SIGNAL:
		say_signal(w);
		return 1;
	case UNWIND_CFA_EXT:
		say_ext(w, b->t, r);
		return 1;
	case UNWIND_CFA_DEREF_BP:
		append(w->cfa, " 76:%d 06", r->cfa_off);
		break;
	case UNWIND_CFA_PLT:
		append(w->cfa, " 77:8 80:0 3f 1a %02x 2a 33 24 22", 0x30 + r->cfa_off);
		break;
	default:
		append(w->cfa, "r%d%+d",
		       r->cfa_kind == UNWIND_CFA_SP   ? 7
		       : r->cfa_kind == UNWIND_CFA_BP ? 6
						      : r->cfa_reg,
		       r->cfa_off);
	}
	say_place(w->reg[16], r->ra);
	append(w->reg[7], "=cfa+0");
	say_place(w->reg[6], r->bp);
	say_place(w->reg[3], r->bx);
	say_place(w->reg[12], r->r12);
	say_place(w->reg[13], r->r13);
	say_place(w->reg[14], r->r14);
	say_place(w->reg[15], r->r15);
	return 1;
}

/* ---- comparing ----------------------------------------------------------------------------------- */

/* libdw 0.188 says "undefined" of a register that the program does not speak of; that a callee keeps some
 * is the ABI's word. */
static inline int same_place(const char *want, const char *have)
{
	return strcmp(want, have) == 0 || (strcmp(want, "undef") == 0 && strcmp(have, "same") == 0);
}

/* mov %rbx,%rsp: makecontext() has put this under a coroutine, the CFI does not say that nobody called it. */
static inline int is_coroutine_start(const struct both *b, uint64_t start)
{
	static const uint8_t code[] = {0x48, 0x89, 0xdc};
	struct elf_section s;

	return elf_section_named(b->file, ".text", &s) && s.data && start >= s.addr &&
	       start - s.addr < s.size - sizeof code &&
	       memcmp(s.data + (start - s.addr), code, sizeof code) == 0;
}

static inline void compare_words(struct both *b, uint64_t pc, const struct words *want,
				 const struct words *have)
{
	static const int kept[] = {3, 6, 7, 12, 13, 14, 15, 16};
	int everything = have->is_signal && strchr(have->cfa, ' ');

	if (strcmp(have->reg[16], "undef") == 0) {
		assert_string_equal(want->reg[16], "undef");
		return;
	}
	if (strcmp(want->cfa, have->cfa) != 0)
		fail_msg("%s %#llx: CFA %s, libdw says %s", b->name, (unsigned long long)pc,
			 have->cfa, want->cfa);
	for (size_t k = 0; k < sizeof kept / sizeof kept[0]; k++)
		if (!same_place(want->reg[kept[k]], have->reg[kept[k]]))
			fail_msg("%s %#llx: register %d %s, libdw says %s", b->name,
				 (unsigned long long)pc, kept[k], have->reg[kept[k]],
				 want->reg[kept[k]]);
	for (int i = 0; i < REGS && everything; i++)
		assert_string_equal(want->reg[i], have->reg[i]);
	assert_int_equal(want->is_signal, have->is_signal);
}

static inline int has_cfi(struct both *b, uint64_t pc)
{
	Dwarf_Frame *frame;

	if (dwarf_cfi_addrframe(b->cfi, pc, &frame) != 0)
		return 0;
	free(frame);
	return 1;
}

/* Of these and of the padding around them we know more than the linker wrote. */
static inline int is_stub(struct both *b, uint64_t pc)
{
	static const char *const names[] = {".plt", ".plt.sec", ".plt.got"};
	struct elf_section s;

	for (int i = 0; i < 3; i++)
		if (elf_section_named(b->file, names[i], &s) && pc + 16 - s.addr < s.size + 32)
			return 1;
	/* The program's entry is the outermost frame, said or not. */
	return b->file->entry && pc + 16 - b->file->entry < 96 + 16;
}

/* Where libdw knows nothing we know nothing, but in short gaps. */
static inline void check_without(struct both *b, uint64_t pc)
{
	struct words have;
	int before = 0, after = 0;

	b->without++;
	if (!our_words(b, pc, &have) || is_stub(b, pc))
		return;
	for (uint64_t d = 1; d < 16; d++) {
		before |= has_cfi(b, pc - d);
		after |= has_cfi(b, pc + d);
	}
	if (!before || !after)
		fail_msg("%s %#llx: a rule without call frame information", b->name,
			 (unsigned long long)pc);
}

/* Returns the end of libdw's row, or the next address. */
static inline uint64_t compare_at(struct both *b, uint64_t pc)
{
	struct words want, have;
	uint64_t start, end;

	if (!dw_words(b, pc, &want, &start, &end)) {
		check_without(b, pc);
		return pc + 1;
	}
	if (!our_words(b, pc, &have))
		fail_msg("%s %#llx: no rule", b->name, (unsigned long long)pc);
	if (!is_coroutine_start(b, start))
		compare_words(b, pc, &want, &have);
	else
		assert_string_equal(have.reg[16], "undef");
	b->compared++;
	assert_true(end > pc);
	return end;
}

static inline void compare_segment(struct both *b, uint64_t from, uint64_t to)
{
	int all = unwind_table_rows(b->t) <= ROWS_ALL;
	uint64_t seed = 7, pc = from, gap = 0;

	while (pc < to && all) {
		uint64_t next = compare_at(b, pc);

		/* Far from any entry, with large steps. */
		gap = next == pc + 1 ? gap + 1 : 0;
		if (gap > 64 && !has_cfi(b, pc + 61))
			next = pc + 61;
		pc = next;
	}
	for (int i = 0; i < 20000; i++)
		compare_at(b, from + splitmix(&seed) % (to - from));
}

/* Row boundaries of our table, and the address before each. */
static inline void compare_rows(struct both *b)
{
	const struct unwind_table_head *h = &b->t->head;
	const char *base = (const char *)b->t;
	const uint32_t *pages = (const uint32_t *)(const void *)(base + h->pages_off);
	const uint16_t *low = (const uint16_t *)(const void *)(base + h->low_off);
	uint32_t step = h->n_rows <= ROWS_ALL ? 1 : 8;

	for (uint32_t p = 0; p < h->n_pages; p++)
		for (uint32_t i = pages[p]; i < pages[p + 1]; i += step) {
			uint64_t pc = ((h->first_page + p) << UNWIND_PAGE_BITS) + low[i];

			compare_at(b, pc);
			if (pc > 0)
				compare_at(b, pc - 1);
		}
}

/* `cfi` is given away; `at_least` so many frames must be there to compare. */
static inline void compare_module(const char *name, const struct elf_file *f, Dwarf_CFI *cfi,
				  size_t at_least)
{
	struct err err = ERR_INIT;
	struct unwind_table *t;
	struct both b = {.name = name};
	uint32_t skipped;

	if (unwind_table_build(&t, f, &skipped, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	assert_int_equal(skipped, 0);
	assert_int_equal(unwind_table_check(t, unwind_table_bytes(t), NULL), 0);
	b.t = t;
	b.file = f;
	b.cfi = cfi;
	assert_non_null(b.cfi);
	for (uint32_t i = 0; i < f->n_segments; i++) {
		struct elf_segment s;

		if (elf_segment_at(f, i, &s) && s.type == PT_LOAD && (s.flags & PF_X))
			compare_segment(&b, s.vaddr, s.vaddr + s.memsz);
	}
	compare_rows(&b);
	print_message("%s: %u rows, %.2f bytes a row; %zu frames equal, %zu addresses without\n",
		      name, unwind_table_rows(t),
		      (double)unwind_table_bytes(t) / unwind_table_rows(t), b.compared, b.without);
	assert_true(b.compared >= at_least);
	unwind_table_free(t);
}

/* With `debug` by .debug_frame, else by .eh_frame. */
static inline void compare_file(const char *path, int debug, size_t at_least)
{
	struct err err = ERR_INIT;
	struct elf_file f;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Dwarf_CFI *cfi;
	Dwarf *dwarf;
	Elf *elf;

	assert_true(fd >= 0);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	assert_non_null(elf);
	if (elf_open(&f, path, &err) < 0)
		fail_msg("%s", err.text);
	dwarf = debug ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	cfi = debug ? dwarf_getcfi(dwarf) : dwarf_getcfi_elf(elf);
	compare_module(path, &f, cfi, at_least);
	if (debug)
		dwarf_end(dwarf);
	else
		dwarf_cfi_end(cfi);
	elf_close(&f);
	elf_end(elf);
	close(fd);
}

#endif
