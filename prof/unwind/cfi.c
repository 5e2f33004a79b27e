/* CIEs and FDEs: see cfi.h. The programs in them are run by cfi_run.c. */
#include "prof/unwind/cfi.h"

#include <dwarf.h>

#include "prof/unwind/cfi_read.h"

/* First instructions are run once for each FDE and letters are read about as often; compilers write about
 * 10 bytes of each. The bounds keep hostile sections, many FDEs of long CIEs, linear. */
#define CIE_CODE_MAX    256
#define CIE_LETTERS_MAX 16

static uint64_t encoded_value(struct cfi_cursor *c, uint8_t format)
{
	switch (format) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return cfi_fixed(c, 8);
	case DW_EH_PE_uleb128:
		return cfi_uleb(c);
	case DW_EH_PE_sleb128:
		return (uint64_t)cfi_sleb(c);
	case DW_EH_PE_udata2:
		return cfi_fixed(c, 2);
	case DW_EH_PE_udata4:
		return cfi_fixed(c, 4);
	case DW_EH_PE_sdata2:
		return (uint64_t)(int64_t)(int16_t)cfi_fixed(c, 2);
	case DW_EH_PE_sdata4:
		return (uint64_t)(int64_t)(int32_t)cfi_fixed(c, 4);
	default:
		c->bad = 1;
		return 0;
	}
}

uint64_t cfi_pointer(const struct cfi_section *s, struct cfi_cursor *c, uint8_t encoding,
		     uint64_t func, int *indirect)
{
	uint64_t base = 0;

	*indirect = 0;
	if (encoding == DW_EH_PE_omit)
		return 0;
	switch (encoding & 0x70) {
	case DW_EH_PE_absptr:
		break;
	case DW_EH_PE_pcrel:
		base = s->addr + c->at;
		break;
	case DW_EH_PE_textrel:
		base = s->text_addr;
		break;
	case DW_EH_PE_datarel:
		base = s->data_addr;
		break;
	case DW_EH_PE_funcrel:
		base = func;
		break;
	case DW_EH_PE_aligned:
		cfi_skip(c, (0 - (s->addr + c->at)) & 7);
		break;
	default:
		c->bad = 1;
	}
	*indirect = (encoding & DW_EH_PE_indirect) != 0;
	return encoded_value(c, encoding & 0x0f) + base;
}

/* Letters of the augmentation string, for which the data stands at `c` ('z') or follows unmarked. */
static void read_augmentation(const struct cfi_section *s, struct cfi_cursor *c,
			      struct cfi_cie *cie, const char *letters)
{
	size_t data_end = c->end;
	int unused;

	if (letters[0] == 'z') {
		uint64_t n = cfi_uleb(c);

		if (c->bad || n > c->end - c->at) {
			c->bad = 1;
			return;
		}
		cie->has_z = 1;
		data_end = c->at + (size_t)n;
		letters++;
	}
	for (; *letters && !c->bad; letters++) {
		if (*letters == 'R') {
			cie->fde_encoding = (uint8_t)cfi_fixed(c, 1);
		} else if (*letters == 'L') {
			cie->lsda_encoding = (uint8_t)cfi_fixed(c, 1);
		} else if (*letters == 'P') {
			uint8_t encoding = (uint8_t)cfi_fixed(c, 1);

			(void)cfi_pointer(s, c, encoding, 0, &unused);
		} else if (*letters == 'S') {
			cie->is_signal = 1;
		} else if (*letters != 'B') {
			if (!cie->has_z)
				c->bad = 1; /* of unknown size */
			break;
		}
	}
	if (cie->has_z) {
		if (c->at > data_end)
			c->bad = 1;
		else
			c->at = data_end;
	}
}

/* The bytes of a CIE after its id. */
static int read_cie(const struct cfi_section *s, struct cfi_cursor *c, struct cfi_cie *cie)
{
	uint8_t version = (uint8_t)cfi_fixed(c, 1);
	const char *letters = (const char *)c->data + c->at;
	size_t room = c->end - c->at < CIE_LETTERS_MAX ? c->end - c->at : CIE_LETTERS_MAX;
	const uint8_t *nul = c->bad ? NULL : memchr(letters, '\0', room);

	if (!nul || (version != 1 && version != 3 && version != 4))
		return -1;
	c->at = (size_t)(nul - c->data) + 1;
	cie->address_size = 8;
	cie->lsda_encoding = DW_EH_PE_omit;
	if (letters[0] == 'e' &&
	    letters[1] == 'h') { /* gcc 2: a pointer, then as without letters */
		cfi_skip(c, 8);
		letters += 2;
	}
	if (version == 4) {
		cie->address_size = (uint8_t)cfi_fixed(c, 1);
		cie->segment_size = (uint8_t)cfi_fixed(c, 1);
	}
	cie->code_align = cfi_uleb(c);
	cie->data_align = cfi_sleb(c);
	cie->ra_reg = version == 1 ? (uint16_t)cfi_fixed(c, 1) : 0;
	if (version > 1) {
		uint64_t reg = cfi_uleb(c);

		cie->ra_reg = reg > UINT16_MAX ? UINT16_MAX : (uint16_t)reg;
	}
	read_augmentation(s, c, cie, letters);
	cie->code = c->at;
	cie->code_end = c->end;
	if (c->bad || cie->address_size != 8 || cie->segment_size != 0 || cie->ra_reg >= CFI_REGS ||
	    c->end - c->at > CIE_CODE_MAX)
		return -1;
	return 0;
}

struct entry {
	size_t offset, next; /* of this entry and of the one behind it */
	size_t id_at;        /* where the CIE id or pointer stands */
	uint64_t id;
	struct cfi_cursor c; /* the bytes after the id */
	int is_cie, is_zero;
	size_t cie_offset;
};

/* The head of the entry at `offset`: -1 if no entry can be there. */
static int read_entry(const struct cfi_section *s, size_t offset, struct entry *e)
{
	struct cfi_cursor c = {s->data, offset, s->len, 0};
	uint64_t length = cfi_fixed(&c, 4);
	size_t id_size = 4;

	if (length == 0xffffffff) {
		length = cfi_fixed(&c, 8);
		id_size = s->debug ? 8 : 4; /* the LSB keeps 4 */
	} else if (length >= 0xfffffff0) {
		return -1; /* reserved */
	}
	if (c.bad || length > s->len - c.at)
		return -1;
	*e = (struct entry){.offset = offset, .next = c.at + (size_t)length, .id_at = c.at};
	e->is_zero = length == 0;
	c.end = e->next;
	e->id = cfi_fixed(&c, id_size);
	e->is_cie = e->id == (!s->debug ? 0 : id_size == 4 ? 0xffffffff : UINT64_MAX);
	if (s->debug)
		e->cie_offset = e->id < s->len ? (size_t)e->id : s->len;
	else
		e->cie_offset = e->id <= e->id_at ? e->id_at - (size_t)e->id : s->len;
	e->c = c;
	return 0;
}

static int load_cie(const struct cfi_section *s, size_t offset, struct cfi_cie *cie)
{
	struct entry e;

	if (cie->code_end != 0 && cie->offset == offset)
		return cie->address_size == 8 ? 0 : -1;
	*cie = (struct cfi_cie){.offset = offset,
				.code_end = 1}; /* known to be bad, until it is not */
	if (read_entry(s, offset, &e) < 0 || e.is_zero || !e.is_cie || e.c.bad)
		return -1;
	if (read_cie(s, &e.c, cie) < 0) {
		*cie = (struct cfi_cie){.offset = offset, .code_end = 1};
		return -1;
	}
	return 0;
}

static int read_fde(const struct cfi_section *s, struct entry *e, struct cfi_fde *fde)
{
	struct cfi_cursor *c = &e->c;
	int indirect, unused;

	if (c->bad || load_cie(s, e->cie_offset, &fde->cie) < 0)
		return -1;
	fde->offset = e->offset;
	fde->start = cfi_pointer(s, c, fde->cie.fde_encoding, 0, &indirect);
	/* The size has the format of the address, but is relative to nothing. */
	fde->size = cfi_pointer(s, c, fde->cie.fde_encoding & 0x0f, 0, &unused);
	if (fde->cie.has_z)
		cfi_skip(c, cfi_uleb(c));
	fde->code = c->at;
	fde->code_end = c->end;
	if (c->bad || indirect || fde->cie.fde_encoding == DW_EH_PE_omit ||
	    fde->size > UINT64_MAX - fde->start)
		return -1;
	return 0;
}

enum cfi_next cfi_next(const struct cfi_section *s, size_t *offset, struct cfi_fde *fde)
{
	struct entry e;

	while (*offset < s->len) {
		if (read_entry(s, *offset, &e) < 0) {
			*offset = s->len;
			return s->ends_at_zero ? CFI_END : CFI_SKIPPED;
		}
		*offset = e.is_zero && s->ends_at_zero ? s->len : e.next;
		if (e.is_zero || e.is_cie)
			continue;
		return read_fde(s, &e, fde) < 0 ? CFI_SKIPPED : CFI_FDE;
	}
	return CFI_END;
}
