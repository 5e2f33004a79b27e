/* Call frame information as compilers write it: the entries of .eh_frame and .debug_frame (DWARF 5
 * section 6.4, LSB 5 section 10.6) and where they say that registers are. Allocates nothing; an entry
 * points into its section. Knows no ELF and no table: the caller brings the bytes. Every byte may be
 * hostile: whatever is read is checked, and the work is linear in the size of the section.
 * No locks, no state: any thread; not meant for handlers, though nothing in it forbids that. */
#ifndef UNWIND_CFI_H
#define UNWIND_CFI_H

#include <stddef.h>
#include <stdint.h>

#define CFI_REGS 17 /* DWARF 0-16 of x86-64: the general registers and the return address */

enum cfi_where {
	CFI_UNSPEC = 0, /* the program says nothing: the ABI's default */
	CFI_SAME,
	CFI_UNDEF,
	CFI_OFFSET,     /* at CFA + value */
	CFI_VAL_OFFSET, /* is CFA + value */
	CFI_REGISTER,   /* is in register `value` */
	CFI_EXPR,     /* at the address an expression gives: `len` bytes at section offset value */
	CFI_VAL_EXPR, /* is what it gives */
};

struct cfi_place {
	int64_t value;
	uint32_t len;
	uint8_t where;
};

struct cfi_row {
	uint8_t cfa_where; /* CFI_UNSPEC, CFI_REGISTER (cfa_reg + cfa_off) or CFI_VAL_EXPR (cfa) */
	uint16_t cfa_reg;
	int64_t cfa_off;
	struct cfi_place cfa;
	struct cfi_place reg[CFI_REGS];
};

struct cfi_section {
	const uint8_t *data;
	size_t len;
	uint64_t addr;                 /* of data[0] */
	uint64_t text_addr, data_addr; /* for DW_EH_PE_textrel and _datarel */
	int debug;                     /* .debug_frame, not .eh_frame */
	/* There is no known end: a zero terminator ends it (without section headers). Else a terminator
	 * is stepped over: crtend.o and ld -r leave some in the middle. */
	int ends_at_zero;
};

struct cfi_cie {
	size_t offset; /* in the section */
	size_t code, code_end;
	uint64_t code_align;
	int64_t data_align;
	uint16_t ra_reg;
	uint8_t fde_encoding, lsda_encoding;
	uint8_t has_z, is_signal, address_size, segment_size;
};

struct cfi_fde {
	size_t offset;
	uint64_t start, size;
	size_t code, code_end;
	struct cfi_cie cie;
};

enum cfi_next {
	CFI_END = 0,
	CFI_FDE = 1,
	CFI_SKIPPED = -1, /* malformed, or its address is not known before load time; go on */
};

/* The next FDE from *offset on (start with 0), which moves on. After CFI_SKIPPED the walk goes on with
 * the next entry, or ends if lengths no longer make sense. `fde->cie` is used as a cache: the same struct
 * must be passed each time, zeroed before the first. */
enum cfi_next cfi_next(const struct cfi_section *s, size_t *offset, struct cfi_fde *fde);

enum cfi_changed {
	CFI_CHANGED_CFA = 1,
	CFI_CHANGED_REGS = 2,
};

/* Called for each range of addresses with one rule set; never with start == end. `changed` tells which parts
 * may differ from the call before (enum cfi_changed, all at the first). Not 0 stops the run. */
typedef int cfi_row_fn(void *ctx, uint64_t start, uint64_t end, const struct cfi_row *row,
		       int changed);

/* Runs the program of an FDE over its whole range, in order of address. 0; 1 if `fn` stopped it; -1 if the
 * program is malformed: from there on no row was given. */
int cfi_run(const struct cfi_section *s, const struct cfi_fde *fde, cfi_row_fn *fn, void *ctx);

#endif
