/* The programs of call frame information: see cfi.h. One opcode is one small step on the row; each
 * advance of the location gives the row so far away. */
#include "prof/unwind/cfi.h"

#include <dwarf.h>

#include "prof/unwind/cfi_read.h"

#ifndef DW_CFA_GNU_negative_offset_extended
#define DW_CFA_GNU_negative_offset_extended 0x2f
#endif

#define STATES 16 /* nested remember_state: gcc nests 1, hand-written assembly 2 */

struct run {
	const struct cfi_section *s;
	const struct cfi_cie *cie;
	struct cfi_cursor c;
	struct cfi_row row;
	struct cfi_row initial; /* after the CIE; what `restore` goes back to */
	uint64_t loc, end;
	int in_cie, changed;
	cfi_row_fn *fn;
	void *ctx;
	int stopped;
	unsigned int depth;
	struct cfi_row saved[STATES];
};

/* Gives away [loc, to) and moves on. */
static int advance_to(struct run *r, uint64_t to)
{
	if (r->in_cie || to < r->loc)
		return -1;
	if (to > r->end)
		to = r->end;
	if (to == r->loc)
		return 0;
	r->stopped = r->fn(r->ctx, r->loc, to, &r->row, r->changed);
	r->changed = 0;
	r->loc = to;
	return 0;
}

static int advance_by(struct run *r, uint64_t units)
{
	uint64_t delta, to;

	if (__builtin_mul_overflow(units, r->cie->code_align, &delta) ||
	    __builtin_add_overflow(r->loc, delta, &to))
		to = UINT64_MAX;
	return advance_to(r, to);
}

/* Registers past the return address (vector, flags, segments) are understood and not kept. */
static void put(struct run *r, uint64_t reg, enum cfi_where where, int64_t value, uint32_t len)
{
	if (reg >= CFI_REGS)
		return;
	r->row.reg[reg] = (struct cfi_place){value, len, (uint8_t)where};
	r->changed |= CFI_CHANGED_REGS;
}

static int put_factored(struct run *r, uint64_t reg, enum cfi_where where, int64_t n)
{
	int64_t value;

	if (__builtin_mul_overflow(n, r->cie->data_align, &value))
		return -1;
	put(r, reg, where, value, 0);
	return 0;
}

static int put_unsigned(struct run *r, uint64_t reg, enum cfi_where where, uint64_t n)
{
	return n > INT64_MAX ? -1 : put_factored(r, reg, where, (int64_t)n);
}

static int put_expr(struct run *r, uint64_t reg, enum cfi_where where)
{
	uint64_t len = cfi_uleb(&r->c);
	size_t at = r->c.at;

	cfi_skip(&r->c, len);
	if (r->c.bad || len > UINT32_MAX)
		return -1;
	put(r, reg, where, (int64_t)at, (uint32_t)len);
	return 0;
}

static int restore(struct run *r, uint64_t reg)
{
	if (r->in_cie)
		return -1;
	if (reg < CFI_REGS) {
		r->row.reg[reg] = r->initial.reg[reg];
		r->changed |= CFI_CHANGED_REGS;
	}
	return 0;
}

static int def_cfa(struct run *r, uint64_t reg, int64_t offset)
{
	if (reg >= CFI_REGS)
		return -1;
	r->row.cfa_where = CFI_REGISTER;
	r->row.cfa_reg = (uint16_t)reg;
	r->row.cfa_off = offset;
	r->changed |= CFI_CHANGED_CFA;
	return 0;
}

static int def_cfa_factored(struct run *r, uint64_t reg, int64_t n)
{
	int64_t offset;

	return __builtin_mul_overflow(n, r->cie->data_align, &offset) ? -1
								      : def_cfa(r, reg, offset);
}

static int set_cfa_offset(struct run *r, int64_t offset)
{
	r->row.cfa_off = offset;
	r->changed |= CFI_CHANGED_CFA;
	return 0;
}

/* The forms that change one half of "register + offset". Behind an expression they are not allowed, but
 * there is hand-written code (libgcrypt) that counts on what all unwinders do then: the offset from before
 * the expression is still there, and naming a register ends the expression. */
static int def_cfa_part(struct run *r, uint8_t op)
{
	uint64_t n = op == DW_CFA_def_cfa_offset_sf ? 0 : cfi_uleb(&r->c);
	int64_t offset;

	if (r->row.cfa_where == CFI_UNSPEC)
		return -1;
	if (op == DW_CFA_def_cfa_register)
		return def_cfa(r, n, r->row.cfa_off);
	if (op == DW_CFA_def_cfa_offset)
		return n > INT64_MAX ? -1 : set_cfa_offset(r, (int64_t)n);
	return __builtin_mul_overflow(cfi_sleb(&r->c), r->cie->data_align, &offset)
		       ? -1
		       : set_cfa_offset(r, offset);
}

static int def_cfa_expression(struct run *r)
{
	uint64_t len = cfi_uleb(&r->c);
	size_t at = r->c.at;

	cfi_skip(&r->c, len);
	if (r->c.bad || len > UINT32_MAX)
		return -1;
	r->row.cfa_where = CFI_VAL_EXPR;
	r->row.cfa = (struct cfi_place){(int64_t)at, (uint32_t)len, CFI_VAL_EXPR};
	r->changed |= CFI_CHANGED_CFA;
	return 0;
}

static int remember(struct run *r)
{
	if (r->depth == STATES)
		return -1;
	r->saved[r->depth++] = r->row;
	return 0;
}

static int recall(struct run *r)
{
	if (r->depth == 0)
		return -1;
	r->row = r->saved[--r->depth];
	r->changed = CFI_CHANGED_CFA | CFI_CHANGED_REGS;
	return 0;
}

static int step_location(struct run *r, uint8_t op)
{
	int indirect;
	uint64_t to;

	switch (op) {
	case DW_CFA_advance_loc1:
		return advance_by(r, cfi_fixed(&r->c, 1));
	case DW_CFA_advance_loc2:
		return advance_by(r, cfi_fixed(&r->c, 2));
	case DW_CFA_advance_loc4:
		return advance_by(r, cfi_fixed(&r->c, 4));
	case DW_CFA_MIPS_advance_loc8:
		return advance_by(r, cfi_fixed(&r->c, 8));
	default: /* DW_CFA_set_loc */
		to = cfi_pointer(r->s, &r->c, r->cie->fde_encoding, 0, &indirect);
		return r->c.bad || indirect ? -1 : advance_to(r, to);
	}
}

static int step_register(struct run *r, uint8_t op)
{
	uint64_t reg = cfi_uleb(&r->c);

	switch (op) {
	case DW_CFA_offset_extended:
		return put_unsigned(r, reg, CFI_OFFSET, cfi_uleb(&r->c));
	case DW_CFA_offset_extended_sf:
		return put_factored(r, reg, CFI_OFFSET, cfi_sleb(&r->c));
	case DW_CFA_GNU_negative_offset_extended: {
		uint64_t n = cfi_uleb(&r->c);

		return n > INT64_MAX ? -1 : put_factored(r, reg, CFI_OFFSET, -(int64_t)n);
	}
	case DW_CFA_val_offset:
		return put_unsigned(r, reg, CFI_VAL_OFFSET, cfi_uleb(&r->c));
	case DW_CFA_val_offset_sf:
		return put_factored(r, reg, CFI_VAL_OFFSET, cfi_sleb(&r->c));
	case DW_CFA_register: {
		uint64_t from = cfi_uleb(&r->c);

		/* Its content in another register that is not followed: it cannot be found. */
		put(r, reg, from < CFI_REGS ? CFI_REGISTER : CFI_UNDEF, (int64_t)(from % CFI_REGS),
		    0);
		return 0;
	}
	case DW_CFA_expression:
		return put_expr(r, reg, CFI_EXPR);
	case DW_CFA_val_expression:
		return put_expr(r, reg, CFI_VAL_EXPR);
	case DW_CFA_restore_extended:
		return restore(r, reg);
	case DW_CFA_undefined:
		put(r, reg, CFI_UNDEF, 0, 0);
		return 0;
	default: /* DW_CFA_same_value */
		put(r, reg, CFI_SAME, 0, 0);
		return 0;
	}
}

static int step_other(struct run *r, uint8_t op)
{
	uint64_t n;

	switch (op) {
	case DW_CFA_nop:
	case DW_CFA_GNU_window_save: /* SPARC; on AArch64 a change of pointer signing */
		return 0;
	case DW_CFA_GNU_args_size:
		(void)cfi_uleb(&r->c); /* for landing pads only */
		return 0;
	case DW_CFA_remember_state:
		return remember(r);
	case DW_CFA_restore_state:
		return recall(r);
	case DW_CFA_def_cfa:
	case DW_CFA_def_cfa_sf:
		n = cfi_uleb(&r->c);
		if (op == DW_CFA_def_cfa_sf)
			return def_cfa_factored(r, n, cfi_sleb(&r->c));
		return def_cfa(r, n, (int64_t)cfi_uleb(&r->c));
	case DW_CFA_def_cfa_register:
	case DW_CFA_def_cfa_offset:
	case DW_CFA_def_cfa_offset_sf:
		return def_cfa_part(r, op);
	case DW_CFA_def_cfa_expression:
		return def_cfa_expression(r);
	default:
		return -1;
	}
}

static int step(struct run *r)
{
	uint8_t op = (uint8_t)cfi_fixed(&r->c, 1);
	uint8_t low = op & 0x3f;

	switch (op & 0xc0) {
	case DW_CFA_advance_loc:
		return advance_by(r, low);
	case DW_CFA_offset:
		return put_unsigned(r, low, CFI_OFFSET, cfi_uleb(&r->c));
	case DW_CFA_restore:
		return restore(r, low);
	}
	switch (op) {
	case DW_CFA_set_loc:
	case DW_CFA_advance_loc1:
	case DW_CFA_advance_loc2:
	case DW_CFA_advance_loc4:
	case DW_CFA_MIPS_advance_loc8:
		return step_location(r, op);
	case DW_CFA_offset_extended:
	case DW_CFA_offset_extended_sf:
	case DW_CFA_GNU_negative_offset_extended:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
	case DW_CFA_register:
	case DW_CFA_expression:
	case DW_CFA_val_expression:
	case DW_CFA_restore_extended:
	case DW_CFA_undefined:
	case DW_CFA_same_value:
		return step_register(r, op);
	default:
		return step_other(r, op);
	}
}

static int run_code(struct run *r, size_t at, size_t end)
{
	r->c = (struct cfi_cursor){r->s->data, at, end, 0};
	while (r->c.at < end && !r->stopped && (r->in_cie || r->loc < r->end))
		if (step(r) < 0 || r->c.bad)
			return -1;
	return 0;
}

int cfi_run(const struct cfi_section *s, const struct cfi_fde *fde, cfi_row_fn *fn, void *ctx)
{
	struct run r;

	/* Not all of it: the saved rows are only read once written. */
	memset(&r, 0, offsetof(struct run, saved));
	r.s = s;
	r.cie = &fde->cie;
	r.fn = fn;
	r.ctx = ctx;
	r.loc = fde->start;
	r.end = fde->start + fde->size;
	r.in_cie = 1;
	r.changed = CFI_CHANGED_CFA | CFI_CHANGED_REGS;
	if (run_code(&r, fde->cie.code, fde->cie.code_end) < 0)
		return -1;
	r.in_cie = 0;
	r.depth = 0; /* what the CIE remembered is not the FDE's to restore */
	r.initial = r.row;
	if (run_code(&r, fde->code, fde->code_end) < 0)
		return -1;
	if (!r.stopped && r.loc < r.end)
		(void)advance_to(&r, r.end); /* forwards: cannot fail */
	return r.stopped ? 1 : 0;
}
