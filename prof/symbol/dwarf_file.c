/* The debug sections of a file and the headers of its units. What units hold is read elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/symbol/dwarf.h"
#include "prof/symbol/dwarf_const.h"

#define UNITS_MAX     (1u << 18) /* eight times the largest browsers */
#define WORK_FACTOR   16         /* each byte may be looked at that often */
#define WORK_AT_LEAST (1u << 22)

static const char *const section_names[DWARF_SECTIONS] = {
	[DWARF_INFO] = ".debug_info",
	[DWARF_ABBREV] = ".debug_abbrev",
	[DWARF_LINE] = ".debug_line",
	[DWARF_STR] = ".debug_str",
	[DWARF_LINE_STR] = ".debug_line_str",
	[DWARF_RANGES] = ".debug_ranges",
	[DWARF_RNGLISTS] = ".debug_rnglists",
	[DWARF_ADDR] = ".debug_addr",
	[DWARF_STR_OFFSETS] = ".debug_str_offsets",
};

static int open_section(struct dwarf_file *f, const struct elf_file *elf, unsigned i, int split)
{
	char name[40];
	size_t n = strlen(section_names[i]);

	memcpy(name, section_names[i], n + 1);
	if (split)
		memcpy(name + n, ".dwo", 5);
	return section_unpack(elf, name, &f->sections[i], &f->unpacked[i]) == ERR_NOMEM ? ERR_NOMEM
											: 0;
}

int dwarf_open(struct dwarf_file *f, const struct elf_file *elf, int split)
{
	memset(f, 0, sizeof *f);
	f->split = split;
	for (unsigned i = 0; i < DWARF_SECTIONS; i++) {
		if (open_section(f, elf, i, split) < 0) {
			dwarf_close(f);
			return ERR_NOMEM;
		}
	}
	if (dwarf_index_units(f) < 0) {
		dwarf_close(f);
		return ERR_NOMEM;
	}
	return 0;
}

void dwarf_close(struct dwarf_file *f)
{
	for (unsigned i = 0; i < DWARF_SECTIONS; i++)
		free(f->unpacked[i]);
	for (uint32_t i = 0; i < f->n_abbrevs; i++)
		dwarf_abbrevs_free(f->abbrevs[i]);
	free(f->abbrevs);
	free(f->units);
	idmap_release(&f->abbrev_ids);
	memset(f, 0, sizeof *f);
}

int dwarf_present(const struct dwarf_file *f)
{
	return f->n_units > 0;
}

int dwarf_spend(struct dwarf_file *f, uint64_t n)
{
	if (n > f->work) {
		f->work = 0;
		f->exhausted = 1;
		return 0;
	}
	f->work -= n;
	return 1;
}

/* Fields after the length and version of a header. */
static void unit_header(struct cursor *c, struct dwarf_unit *u)
{
	if (u->version >= 5) {
		u->type = cursor_u8(c);
		u->addr_size = cursor_u8(c);
		u->abbrev_offset = cursor_uint(c, u->off_size);
		if (u->type == DW_UT_skeleton || u->type == DW_UT_split_compile)
			u->id = cursor_u64(c);
		else if (u->type == DW_UT_type || u->type == DW_UT_split_type)
			cursor_skip(c, 8u + u->off_size);
	} else {
		u->type = DW_UT_compile;
		u->abbrev_offset = cursor_uint(c, u->off_size);
		u->addr_size = cursor_u8(c);
	}
}

/* The unit at the cursor, which moves past it. 1; 0 at the end of what can be read. */
static int next_unit(struct dwarf_file *f, struct cursor *c, struct dwarf_unit *u)
{
	const uint8_t *start = f->sections[DWARF_INFO].p;
	struct cursor in;
	uint64_t len;

	*u = (struct dwarf_unit){.file = f, .off_size = 4, .line_at = DWARF_NONE};
	u->offset = (uint64_t)(c->p - start);
	len = cursor_u32(c);
	if (len == UINT32_MAX) {
		u->off_size = 8;
		len = cursor_u64(c);
	}
	if (c->bad || !len || len > cursor_left(c))
		return 0;
	in = (struct cursor){c->p, c->p + len, 0};
	c->p += len;
	u->end = (uint64_t)(c->p - start);
	u->version = (uint8_t)cursor_u16(&in);
	unit_header(&in, u);
	u->die = (uint64_t)(in.p - start);
	u->bad = in.bad || u->version < 2 || u->version > 5 ||
		 (u->addr_size != 4 && u->addr_size != 8);
	return 1;
}

int dwarf_index_units(struct dwarf_file *f)
{
	struct cursor c = cursor_at(f->sections[DWARF_INFO], 0);
	uint32_t cap = 0;

	f->work = WORK_AT_LEAST;
	for (unsigned i = 0; i < DWARF_SECTIONS; i++)
		f->work += (uint64_t)f->sections[i].n * WORK_FACTOR;
	if (!f->sections[DWARF_ABBREV].n)
		return 0;
	while (c.p < c.end && f->n_units < UNITS_MAX) {
		if (f->n_units == cap) {
			uint32_t want = cap ? 2 * cap : 256;
			struct dwarf_unit *more = realloc(f->units, want * sizeof *more);

			if (!more)
				return ERR_NOMEM;
			f->units = more;
			cap = want;
		}
		if (!next_unit(f, &c, &f->units[f->n_units]))
			break;
		f->n_units++;
	}
	return 0;
}

struct dwarf_unit *dwarf_unit_at(struct dwarf_file *f, uint64_t offset)
{
	uint32_t lo = 0, hi = f->n_units;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->units[mid].end <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == f->n_units || f->units[lo].bad || offset < f->units[lo].die)
		return NULL;
	return &f->units[lo];
}
