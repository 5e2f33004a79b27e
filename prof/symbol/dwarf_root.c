/* The attributes of a unit's root entry: its addresses, its lines, and where its tables start. */
#include "prof/base/err.h"
#include "prof/symbol/dwarf.h"
#include "prof/symbol/dwarf_const.h"

/* Attributes that can be understood only when the bases are known. */
struct late {
	struct dwarf_value low, high, ranges, name, dir, split_name;
};

static void take_attr(struct dwarf_unit *u, struct late *late, uint16_t name, struct dwarf_value v)
{
	switch (name) {
	case DW_AT_low_pc:
		late->low = v;
		break;
	case DW_AT_high_pc:
		late->high = v;
		break;
	case DW_AT_ranges:
		late->ranges = v;
		break;
	case DW_AT_name:
		late->name = v;
		break;
	case DW_AT_comp_dir:
		late->dir = v;
		break;
	case DW_AT_dwo_name:
	case DW_AT_GNU_dwo_name:
		late->split_name = v;
		break;
	case DW_AT_GNU_dwo_id:
		u->id = v.u;
		break;
	case DW_AT_stmt_list:
		u->line_at = v.u;
		break;
	case DW_AT_language:
		u->language = (uint16_t)v.u;
		break;
	case DW_AT_str_offsets_base:
		u->str_base = v.u;
		break;
	case DW_AT_addr_base:
	case DW_AT_GNU_addr_base:
		u->addr_base = v.u;
		break;
	case DW_AT_rnglists_base:
	case DW_AT_GNU_ranges_base:
		u->rng_base = v.u;
		break;
	default:
		break;
	}
}

/* Tables of a .dwo have no base attribute: they start behind their header. */
static void default_bases(struct dwarf_unit *u)
{
	if (u->version < 5 || !u->file->split)
		return;
	u->str_base = u->off_size == 8 ? 16 : 8;
	u->rng_base = u->off_size == 8 ? 20 : 12;
}

static void settle(struct dwarf_unit *u, const struct late *late)
{
	uint64_t high;

	u->name = dwarf_text(u, &late->name);
	u->dir = dwarf_text(u, &late->dir);
	u->split_name = dwarf_text(u, &late->split_name);
	if (late->low.kind != DWARF_V_NONE)
		u->has_low = dwarf_address(u, &late->low, &u->low) != 0;
	if (late->high.kind == DWARF_V_CONST)
		u->high = u->low + late->high.u;
	else if (late->high.kind != DWARF_V_NONE && dwarf_address(u, &late->high, &high))
		u->high = high;
	if (late->ranges.kind == DWARF_V_RNGLISTX) {
		struct cursor c;

		c = cursor_at(u->file->sections[DWARF_RNGLISTS],
			      u->rng_base + late->ranges.u * u->off_size);
		u->ranges_at = u->rng_base + cursor_uint(&c, u->off_size);
		u->has_ranges = !c.bad;
	} else if (late->ranges.kind == DWARF_V_OFFSET || late->ranges.kind == DWARF_V_CONST) {
		u->ranges_at = late->ranges.u;
		u->has_ranges = 1;
	}
}

int dwarf_root_read(struct dwarf_unit *u)
{
	struct late late = {0};
	const struct dwarf_abbrev *e;
	struct cursor c;
	int rc;

	if (u->root_read || u->bad)
		return 0;
	u->root_read = 1;
	rc = dwarf_abbrevs_load(u);
	if (rc < 0) {
		u->bad = 1;
		return rc == ERR_NOMEM ? rc : 0;
	}
	default_bases(u);
	c = cursor_at(u->file->sections[DWARF_INFO], u->die);
	c.end = u->file->sections[DWARF_INFO].p + u->end;
	e = dwarf_abbrev(u->abbrevs, cursor_uleb(&c));
	if (!e) {
		u->bad = 1;
		return 0;
	}
	u->tag = e->tag;
	for (unsigned i = 0; i < e->n_attrs && !c.bad; i++) {
		const struct dwarf_attr *a = &u->abbrevs->attrs[e->attrs + i];

		take_attr(u, &late, a->name, dwarf_form_read(&c, u, a));
	}
	settle(u, &late);
	return 0;
}
