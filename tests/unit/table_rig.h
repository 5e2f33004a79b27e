/* Modules put together by hand and their tables. For unit tests only. */
#ifndef TESTS_TABLE_RIG_H
#define TESTS_TABLE_RIG_H

#include <dwarf.h>

#include "prof/elf/elffile.h"
#include "prof/unwind/table_make.h"
#include "tests/unit/cfi_bytes.h"
#include "tests/unit/elf_bytes.h"

static const uint8_t usual[] = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};

/* A library with both sections, either of which may be empty. */
static inline void make_elf(struct elf_bytes *e, const struct cfi_bytes *eh,
			    const struct cfi_bytes *debug)
{
	eb_init(e);
	if (eh)
		eb_section(e, ".eh_frame", SHT_PROGBITS, CFI_BYTES_ADDR, eh->data, eh->len);
	if (debug)
		eb_section(e, ".debug_frame", SHT_PROGBITS, 0, debug->data, debug->len);
	eb_finish(e, 1);
}

static inline struct unwind_table *build_elf(const struct elf_bytes *e, uint32_t want_skipped)
{
	struct unwind_table *t;
	struct elf_file f;
	struct err err = ERR_INIT;
	uint32_t skipped;

	if (elf_from_bytes(&f, e->data, e->len, "sample", &err) < 0)
		fail_msg("%s", err.text);
	if (unwind_table_build(&t, &f, &skipped, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(skipped, want_skipped);
	assert_int_equal(unwind_table_check(t, unwind_table_bytes(t), &err), 0);
	return t;
}

static inline struct unwind_table *build(const struct cfi_bytes *eh, const struct cfi_bytes *debug,
					 uint32_t want_skipped)
{
	static struct elf_bytes e;

	make_elf(&e, eh, debug);
	return build_elf(&e, want_skipped);
}

static inline void cie(struct cfi_bytes *b)
{
	cb_cie(b, "", NULL, 0, usual, sizeof usual);
}

/* An FDE whose CFA is rsp + `offset`. */
static inline void fde(struct cfi_bytes *b, uint64_t start, uint64_t size, uint8_t offset)
{
	uint8_t code[] = {DW_CFA_def_cfa_offset, offset};

	cb_fde(b, start, size, 0, code, sizeof code);
}

/* Kind and offset of the rule at an address: -1 none, offset of rsp. */
static inline int at(const struct unwind_table *t, uint64_t address)
{
	const struct unwind_rule *r = unwind_table_rule(t, address);

	if (r->cfa_kind == UNWIND_CFA_NONE)
		return -1;
	assert_int_equal(r->cfa_kind, UNWIND_CFA_SP);
	assert_int_equal(r->ra, -1);
	return r->cfa_off;
}

#endif
