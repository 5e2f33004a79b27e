/* Layout of an unwind table and of its rules; shared by the builder (cfi*.c, table*.c) and the unwinder
 * (unwind.c, arch_x86_64.c). All offsets count from the head; arrays are aligned to their elements. */
#ifndef UNWIND_TABLE_INTERNAL_H
#define UNWIND_TABLE_INTERNAL_H

#include <stdint.h>

#include "prof/unwind/table.h"

enum unwind_cfa_kind {
	UNWIND_CFA_NONE = 0, /* no CFI for this address; rule 0 of every table */
	UNWIND_CFA_SP,       /* CFA = sp + cfa_off */
	UNWIND_CFA_BP,       /* CFA = bp + cfa_off */
	UNWIND_CFA_REG,      /* CFA = reg[cfa_reg] + cfa_off */
	UNWIND_CFA_DEREF_BP, /* CFA = *(bp + cfa_off): gcc's realigned stacks */
	UNWIND_CFA_PLT,      /* CFA = sp + 8 + ((ip & 15) >= cfa_off ? 8 : 0) */
	UNWIND_CFA_SIGNAL,   /* the signal trampoline: registers lie in a ucontext at sp */
	UNWIND_CFA_ROOT,     /* return address undefined: the outermost frame */
	UNWIND_CFA_EXT,      /* everything else: a struct unwind_ext at ext_off + cfa_off */
};

/* Where a register of the caller is: units of 8 bytes from the CFA, or: */
#define UNWIND_SAME  0      /* unchanged (no register is saved at the CFA itself) */
#define UNWIND_UNDEF (-128) /* not recoverable */

struct unwind_rule { /* 16 bytes */
	uint8_t cfa_kind, cfa_reg;
	int8_t ra; /* return address: -1 nearly always */
	int8_t bp;
	int32_t cfa_off;
	int8_t bx, r12, r13, r14, r15;
	uint8_t is_signal; /* 'S' augmentation: the caller's pc is exact */
	uint8_t pad[2];
};

/* A rule with expressions, or with registers or offsets that the short form has no room for. Followed by
 * n_regs struct unwind_ext_reg. Expressions are DWARF bytes in the ext area, run with a bounded stack and
 * step count. Of registers not listed, those a callee keeps (rbx, rbp, r12-r15) are unchanged, rsp is the
 * CFA and the others are unknown. The builder always lists the return address. */
enum unwind_ext_kind {
	UNWIND_EXT_OFFSET, /* at CFA + value */
	UNWIND_EXT_VALUE,  /* is CFA + value */
	UNWIND_EXT_REG,    /* is reg[value] */
	UNWIND_EXT_EXPR, /* at the address the expression at ext_off + value gives (CFA pushed first) */
	UNWIND_EXT_VAL_EXPR, /* is what it gives */
	UNWIND_EXT_UNDEF,
	UNWIND_EXT_SAME,
};
struct unwind_ext {
	uint8_t cfa_is_expr, cfa_reg, n_regs, is_signal;
	int32_t cfa_off;  /* offset, or place of the expression in the ext area */
	uint32_t cfa_len; /* bytes of the expression */
};
struct unwind_ext_reg {
	uint8_t reg, kind; /* DWARF number; enum unwind_ext_kind */
	uint16_t len;      /* bytes of the expression */
	int32_t value;
};

#define UNWIND_PAGE_BITS 16

struct unwind_table_head {
	char magic[8]; /* "PPUNWTB1" */
	uint32_t version, bytes;
	uint32_t crc; /* sum of everything after this word; see table.c */
	uint32_t n_rows, n_rules, n_pages;
	uint64_t first_page; /* address >> 16 of page 0 */
	uint32_t
		pages_off; /* uint32_t[n_pages + 1]: first row of each page; every page begins with a row
	                         whose low part is 0, so that a look-up never leaves its page */
	uint32_t low_off;   /* uint16_t[n_rows]: low 16 bits of the address, ascending in a page */
	uint32_t rule_off;  /* uint16_t[n_rows] */
	uint32_t rules_off; /* struct unwind_rule[n_rules], 0 is UNWIND_CFA_NONE */
	uint32_t ext_off, ext_bytes;
	char build_id[88]; /* hex; "" none */
};

struct unwind_table { /* = the bytes on disk */
	struct unwind_table_head head;
};

/* The rule for an address in the file's terms; rule 0 outside. Signal-safe, never NULL. */
static inline const struct unwind_rule *unwind_table_rule(const struct unwind_table *t,
							  uint64_t address)
{
	const char *base = (const char *)t;
	const struct unwind_table_head *h = &t->head;
	const struct unwind_rule *rules =
		(const struct unwind_rule *)(const void *)(base + h->rules_off);
	const uint32_t *pages = (const uint32_t *)(const void *)(base + h->pages_off);
	const uint16_t *low = (const uint16_t *)(const void *)(base + h->low_off);
	const uint16_t *rule = (const uint16_t *)(const void *)(base + h->rule_off);
	uint64_t page = (address >> UNWIND_PAGE_BITS) - h->first_page;
	uint16_t want = (uint16_t)address;
	uint32_t lo, n;

	if (page >= h->n_pages)
		return rules;
	lo = pages[page];
	n = pages[page + 1] - lo;
	if (n == 0)
		return rules;
	while (n > 1) { /* the last row with low <= want */
		uint32_t half = n / 2;

		lo = low[lo + half] <= want ? lo + half : lo;
		n -= half;
	}
	return &rules[rule[lo]];
}

#endif
