/* Attribute values by form: sizes, skipping, reading, and the texts and addresses they stand for. */
#include "prof/symbol/dwarf.h"
#include "prof/symbol/dwarf_const.h"
#include "prof/symbol/text.h"

/* Sizes of the forms that do not depend on the unit; 0 for those that do or are unknown. */
static const int8_t simple_sizes[0x2d] = {
	[DW_FORM_data2] = 2,    [DW_FORM_data4] = 4,   [DW_FORM_data8] = 8,
	[DW_FORM_data1] = 1,    [DW_FORM_flag] = 1,    [DW_FORM_ref1] = 1,
	[DW_FORM_ref2] = 2,     [DW_FORM_ref4] = 4,    [DW_FORM_ref8] = 8,
	[DW_FORM_ref_sup4] = 4, [DW_FORM_data16] = 16, [DW_FORM_ref_sig8] = 8,
	[DW_FORM_ref_sup8] = 8, [DW_FORM_strx1] = 1,   [DW_FORM_strx2] = 2,
	[DW_FORM_strx3] = 3,    [DW_FORM_strx4] = 4,   [DW_FORM_addrx1] = 1,
	[DW_FORM_addrx2] = 2,   [DW_FORM_addrx3] = 3,  [DW_FORM_addrx4] = 4,
};

int dwarf_form_size(uint16_t form, unsigned version, unsigned addr_size, unsigned off_size)
{
	switch (form) {
	case DW_FORM_addr:
		return (int)addr_size;
	case DW_FORM_ref_addr:
		return (int)(version == 2 ? addr_size : off_size);
	case DW_FORM_strp:
	case DW_FORM_sec_offset:
	case DW_FORM_strp_sup:
	case DW_FORM_line_strp:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return (int)off_size;
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	default:
		if (form < sizeof simple_sizes && simple_sizes[form])
			return simple_sizes[form];
		return DWARF_SIZE_VARIES;
	}
}

void dwarf_form_skip(struct cursor *c, const struct dwarf_unit *u, uint16_t form)
{
	int size = dwarf_form_size(form, u->version, u->addr_size, u->off_size);

	if (size >= 0) {
		cursor_skip(c, (uint64_t)size);
		return;
	}
	switch (form) {
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		cursor_uleb(c);
		break;
	case DW_FORM_block1:
		cursor_skip(c, cursor_u8(c));
		break;
	case DW_FORM_block2:
		cursor_skip(c, cursor_u16(c));
		break;
	case DW_FORM_block4:
		cursor_skip(c, cursor_u32(c));
		break;
	case DW_FORM_block:
	case DW_FORM_exprloc:
		cursor_skip(c, cursor_uleb(c));
		break;
	case DW_FORM_string:
		cursor_text(c);
		break;
	case DW_FORM_indirect: {
		uint64_t real = cursor_uleb(c);

		/* An indirection to itself would be a loop, a constant has nowhere to be. */
		if (real == DW_FORM_indirect || real == DW_FORM_implicit_const || real > UINT16_MAX)
			cursor_fail(c);
		else
			dwarf_form_skip(c, u, (uint16_t)real);
		break;
	}
	default: /* unknown: nothing behind it can be found */
		cursor_fail(c);
	}
}

void dwarf_attrs_skip(struct cursor *c, const struct dwarf_unit *u, const struct dwarf_abbrev *a)
{
	const struct dwarf_attr *at;

	if (a->fixed >= 0) {
		cursor_skip(c, (uint64_t)a->fixed);
		return;
	}
	at = u->abbrevs->attrs + a->attrs;
	for (unsigned i = 0; i < a->n_attrs && !c->bad; i++)
		dwarf_form_skip(c, u, at[i].form);
}

static struct dwarf_value value(enum dwarf_value_kind kind, uint64_t u)
{
	return (struct dwarf_value){.kind = kind, .u = u};
}

/* Forms of texts other than DW_FORM_string. */
static struct dwarf_value read_text(struct cursor *c, const struct dwarf_unit *u, uint16_t form)
{
	switch (form) {
	case DW_FORM_strp:
		return value(DWARF_V_STRP, cursor_uint(c, u->off_size));
	case DW_FORM_line_strp:
		return value(DWARF_V_LINE_STRP, cursor_uint(c, u->off_size));
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt:
		return value(DWARF_V_ALT_STRP, cursor_uint(c, u->off_size));
	case DW_FORM_strx:
	case DW_FORM_GNU_str_index:
		return value(DWARF_V_STRX, cursor_uleb(c));
	default: /* DW_FORM_strx1 to 4 */
		return value(DWARF_V_STRX, cursor_uint(c, form - DW_FORM_strx1 + 1u));
	}
}

static struct dwarf_value read_reference(struct cursor *c, const struct dwarf_unit *u,
					 uint16_t form)
{
	switch (form) {
	case DW_FORM_ref_addr:
		return value(DWARF_V_REF,
			     cursor_uint(c, u->version == 2 ? u->addr_size : u->off_size));
	case DW_FORM_GNU_ref_alt:
		return value(DWARF_V_ALT_REF, cursor_uint(c, u->off_size));
	case DW_FORM_ref_sup4:
		return value(DWARF_V_ALT_REF, cursor_u32(c));
	case DW_FORM_ref_sup8:
		return value(DWARF_V_ALT_REF, cursor_u64(c));
	case DW_FORM_ref_udata:
		return value(DWARF_V_REF, u->offset + cursor_uleb(c));
	default: /* DW_FORM_ref1, 2, 4, 8 */
		return value(DWARF_V_REF, u->offset + cursor_uint(c, (unsigned)simple_sizes[form]));
	}
}

struct dwarf_value dwarf_form_read(struct cursor *c, const struct dwarf_unit *u,
				   const struct dwarf_attr *a)
{
	struct dwarf_attr inner;

	switch (a->form) {
	case DW_FORM_addr:
		return value(DWARF_V_ADDR, cursor_uint(c, u->addr_size));
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
	case DW_FORM_flag:
		return value(DWARF_V_CONST, cursor_uint(c, (unsigned)simple_sizes[a->form]));
	case DW_FORM_udata:
		return value(DWARF_V_CONST, cursor_uleb(c));
	case DW_FORM_sdata:
		return value(DWARF_V_CONST, (uint64_t)cursor_sleb(c));
	case DW_FORM_implicit_const:
		return value(DWARF_V_CONST, (uint64_t)a->implicit);
	case DW_FORM_flag_present:
		return value(DWARF_V_CONST, 1);
	case DW_FORM_sec_offset:
		return value(DWARF_V_OFFSET, cursor_uint(c, u->off_size));
	case DW_FORM_rnglistx:
		return value(DWARF_V_RNGLISTX, cursor_uleb(c));
	case DW_FORM_addrx:
	case DW_FORM_GNU_addr_index:
		return value(DWARF_V_ADDRX, cursor_uleb(c));
	case DW_FORM_addrx1:
	case DW_FORM_addrx2:
	case DW_FORM_addrx3:
	case DW_FORM_addrx4:
		return value(DWARF_V_ADDRX, cursor_uint(c, a->form - DW_FORM_addrx1 + 1u));
	case DW_FORM_string:
		return (struct dwarf_value){.kind = DWARF_V_TEXT, .text = cursor_text(c)};
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt:
	case DW_FORM_strx:
	case DW_FORM_GNU_str_index:
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4:
		return read_text(c, u, a->form);
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
	case DW_FORM_ref_udata:
	case DW_FORM_ref_addr:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8:
	case DW_FORM_GNU_ref_alt:
		return read_reference(c, u, a->form);
	case DW_FORM_indirect:
		inner = (struct dwarf_attr){.name = a->name, .form = (uint16_t)cursor_uleb(c)};
		if (inner.form == DW_FORM_indirect || inner.form == DW_FORM_implicit_const)
			cursor_fail(c);
		else
			return dwarf_form_read(c, u, &inner);
		break;
	default:
		dwarf_form_skip(c, u, a->form);
	}
	return value(DWARF_V_OTHER, 0);
}

struct span dwarf_text_at(struct span section, uint64_t offset)
{
	return span_text(section, offset, TEXT_SEEN_MAX);
}

static struct span indexed_text(const struct dwarf_unit *u, uint64_t index)
{
	struct span table = u->file->sections[DWARF_STR_OFFSETS];
	uint64_t at;
	struct cursor c;

	if (__builtin_mul_overflow(index, (uint64_t)u->off_size, &at) ||
	    __builtin_add_overflow(at, u->str_base, &at))
		return (struct span){NULL, 0};
	c = cursor_at(table, at);
	at = cursor_uint(&c, u->off_size);
	if (c.bad)
		return (struct span){NULL, 0};
	return dwarf_text_at(u->file->sections[DWARF_STR], at);
}

struct span dwarf_text(const struct dwarf_unit *u, const struct dwarf_value *v)
{
	const struct dwarf_file *f = u->file;

	switch (v->kind) {
	case DWARF_V_TEXT:
		return v->text;
	case DWARF_V_STRP:
		return dwarf_text_at(f->sections[DWARF_STR], v->u);
	case DWARF_V_LINE_STRP:
		return dwarf_text_at(f->sections[DWARF_LINE_STR], v->u);
	case DWARF_V_STRX:
		return indexed_text(u, v->u);
	case DWARF_V_ALT_STRP:
		if (f->alt)
			return dwarf_text_at(f->alt->sections[DWARF_STR], v->u);
		break;
	default:
		break;
	}
	return (struct span){NULL, 0};
}

int dwarf_address_at(const struct dwarf_unit *u, uint64_t index, uint64_t *address)
{
	const struct dwarf_unit *home = u->skeleton ? u->skeleton : u;
	uint64_t at;
	struct cursor c;

	if (__builtin_mul_overflow(index, (uint64_t)u->addr_size, &at) ||
	    __builtin_add_overflow(at, home->addr_base, &at))
		return 0;
	c = cursor_at(home->file->sections[DWARF_ADDR], at);
	*address = cursor_uint(&c, u->addr_size);
	return !c.bad;
}

int dwarf_address(const struct dwarf_unit *u, const struct dwarf_value *v, uint64_t *address)
{
	if (v->kind == DWARF_V_ADDRX)
		return dwarf_address_at(u, v->u, address);
	*address = v->u;
	return v->kind == DWARF_V_ADDR;
}
