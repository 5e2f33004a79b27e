/* Address ranges of entries: .debug_ranges (DWARF 3, 4) and .debug_rnglists (DWARF 5). */
#include "prof/base/err.h"
#include "prof/symbol/dwarf.h"
#include "prof/symbol/dwarf_const.h"

/* Linkers mark code they dropped with the highest addresses (and with 0, which callers see to). */
static int is_gone(const struct dwarf_unit *u, uint64_t low)
{
	return low >= (u->addr_size == 4 ? UINT32_MAX - 1 : UINT64_MAX - 1);
}

static int give(const struct dwarf_unit *u, uint64_t low, uint64_t high, dwarf_range_fn *take,
		void *ctx)
{
	if (low >= high || is_gone(u, low))
		return 0;
	return take(ctx, low, high);
}

static int old_list(const struct dwarf_unit *u, uint64_t at, uint64_t base, dwarf_range_fn *take,
		    void *ctx)
{
	const struct dwarf_unit *home = u->skeleton ? u->skeleton : u;
	struct cursor c = cursor_at(home->file->sections[DWARF_RANGES], at);
	uint64_t top = u->addr_size == 4 ? UINT32_MAX : UINT64_MAX;
	int rc = 0;

	while (rc >= 0 && !c.bad) {
		uint64_t low = cursor_uint(&c, u->addr_size), high = cursor_uint(&c, u->addr_size);

		if ((!low && !high) || c.bad || !dwarf_spend(u->file, 16))
			break;
		if (low == top)
			base = high;
		else if (!is_gone(u, base) && !is_gone(u, low))
			rc = give(u, base + low, base + high, take, ctx);
	}
	return rc < 0 ? rc : 0;
}

/* One entry of a DWARF 5 list: 1 and a range (perhaps empty), 0 at the end. */
static int list_entry(const struct dwarf_unit *u, struct cursor *c, uint64_t *base, uint64_t *low,
		      uint64_t *high)
{
	*low = *high = 0;
	switch (cursor_u8(c)) {
	case DW_RLE_base_addressx:
		return dwarf_address_at(u, cursor_uleb(c), base);
	case DW_RLE_startx_endx:
		return dwarf_address_at(u, cursor_uleb(c), low) &&
		       dwarf_address_at(u, cursor_uleb(c), high);
	case DW_RLE_startx_length:
		if (!dwarf_address_at(u, cursor_uleb(c), low))
			return 0;
		*high = *low + cursor_uleb(c);
		return 1;
	case DW_RLE_offset_pair:
		*low = cursor_uleb(c);
		*high = cursor_uleb(c);
		if (is_gone(u, *base)) {
			*low = *high = 0;
			return 1;
		}
		*low += *base;
		*high += *base;
		return 1;
	case DW_RLE_base_address:
		*base = cursor_uint(c, u->addr_size);
		return 1;
	case DW_RLE_start_end:
		*low = cursor_uint(c, u->addr_size);
		*high = cursor_uint(c, u->addr_size);
		return 1;
	case DW_RLE_start_length:
		*low = cursor_uint(c, u->addr_size);
		*high = *low + cursor_uleb(c);
		return 1;
	default: /* DW_RLE_end_of_list, or nothing known */
		return 0;
	}
}

static int new_list(const struct dwarf_unit *u, uint64_t at, uint64_t base, dwarf_range_fn *take,
		    void *ctx)
{
	struct cursor c = cursor_at(u->file->sections[DWARF_RNGLISTS], at);
	uint64_t low, high;
	int rc = 0;

	while (rc >= 0 && !c.bad && list_entry(u, &c, &base, &low, &high) && !c.bad &&
	       dwarf_spend(u->file, 4))
		rc = give(u, low, high, take, ctx);
	return rc < 0 ? rc : 0;
}

static uint64_t base_of(const struct dwarf_unit *u)
{
	const struct dwarf_unit *home = u->skeleton ? u->skeleton : u;

	return home->has_low ? home->low : 0;
}

int dwarf_ranges(const struct dwarf_unit *u, const struct dwarf_value *v, dwarf_range_fn *take,
		 void *ctx)
{
	const struct dwarf_unit *home = u->skeleton ? u->skeleton : u;
	uint64_t at = v->u;

	if (v->kind == DWARF_V_RNGLISTX) {
		struct cursor c;

		if (at > u->file->sections[DWARF_RNGLISTS].n)
			return 0;
		c = cursor_at(u->file->sections[DWARF_RNGLISTS], u->rng_base + at * u->off_size);
		at = u->rng_base + cursor_uint(&c, u->off_size);
		if (c.bad)
			return 0;
	} else if (v->kind != DWARF_V_OFFSET && v->kind != DWARF_V_CONST) {
		return 0;
	}
	if (u->version >= 5)
		return new_list(u, at, base_of(u), take, ctx);
	/* A .dwo of version 4 has its ranges in the main file, at a base. */
	if (u->skeleton)
		at += home->rng_base;
	return old_list(u, at, base_of(u), take, ctx);
}

int dwarf_root_ranges(const struct dwarf_unit *u, dwarf_range_fn *take, void *ctx)
{
	if (u->has_ranges)
		return u->version >= 5 ? new_list(u, u->ranges_at, base_of(u), take, ctx)
				       : old_list(u, u->ranges_at, base_of(u), take, ctx);
	if (u->has_low && u->high > u->low)
		return give(u, u->low, u->high, take, ctx);
	return 0;
}
