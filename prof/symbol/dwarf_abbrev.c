/* Abbreviation tables with what a walk needs of each entry worked out once: whether it can hold code,
 * how many bytes its attributes take, where its sibling is named. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/symbol/dwarf.h"
#include "prof/symbol/dwarf_const.h"

#define ATTRS_MAX 1000 /* of one entry; real ones have below 40 */
/* Tables lie one behind the other; a file in which they overlap gets this many times the section. */
#define OVERLAP_MAX 4

void dwarf_abbrevs_free(struct dwarf_abbrevs *a)
{
	if (!a)
		return;
	free(a->by_code);
	free(a->attrs);
	free(a);
}

static uint8_t kind_of(uint16_t tag)
{
	switch (tag) {
	case DW_TAG_subprogram:
		return DWARF_FUNCTION;
	case DW_TAG_inlined_subroutine:
		return DWARF_INLINED;
	case DW_TAG_compile_unit:
	case DW_TAG_partial_unit:
	case DW_TAG_skeleton_unit:
	case DW_TAG_lexical_block:
	case DW_TAG_module:
	case DW_TAG_namespace:
	case DW_TAG_with_stmt:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
		return DWARF_SCOPE;
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
		return DWARF_TYPE;
	default:
		return DWARF_LEAF;
	}
}

/* Room for the entry of `code` and everything below it. Compilers count codes from 1 without gaps; a
 * table with wild codes is refused. */
static int room_for(struct dwarf_abbrevs *t, uint64_t code, uint64_t *cap, size_t bytes)
{
	struct dwarf_abbrev *more;
	uint64_t want = *cap ? *cap : 64;

	if (code < t->n_codes)
		return 0;
	if (code > bytes + 64)
		return ERR_FORMAT; /* more codes than the table has bytes */
	while (want <= code)
		want *= 2;
	if (want > *cap) {
		more = realloc(t->by_code, (size_t)want * sizeof *more);
		if (!more)
			return ERR_NOMEM;
		memset(more + *cap, 0, (size_t)(want - *cap) * sizeof *more);
		t->by_code = more;
		*cap = want;
	}
	t->n_codes = code + 1;
	return 0;
}

static int add_attr(struct dwarf_abbrevs *t, uint32_t *cap, struct dwarf_attr a)
{
	if (t->n_attrs == *cap) {
		uint32_t want = *cap ? 2 * *cap : 256;
		struct dwarf_attr *more = realloc(t->attrs, want * sizeof *more);

		if (!more)
			return ERR_NOMEM;
		t->attrs = more;
		*cap = want;
	}
	t->attrs[t->n_attrs++] = a;
	return 0;
}

/* The attributes of one entry. 0, ERR_NOMEM, ERR_FORMAT. */
static int read_attrs(struct dwarf_abbrevs *t, struct cursor *c, struct dwarf_abbrev *e,
		      uint32_t *cap)
{
	int32_t size = 0;

	e->attrs = t->n_attrs;
	e->sibling = -1;
	for (;;) {
		struct dwarf_attr a = {0};
		uint64_t name = cursor_uleb(c), form = cursor_uleb(c);
		int bytes;

		if (form == DW_FORM_implicit_const)
			a.implicit = cursor_sleb(c);
		if (c->bad || form > UINT16_MAX || e->n_attrs > ATTRS_MAX)
			return ERR_FORMAT;
		if (!name && !form)
			break;
		a.name = name > UINT16_MAX ? UINT16_MAX : (uint16_t)name;
		a.form = (uint16_t)form;
		if (a.name == DW_AT_sibling && size >= 0) {
			e->sibling = size;
			e->sibling_form = a.form;
		}
		bytes = dwarf_form_size(a.form, t->version, t->addr_size, t->off_size);
		size = size < 0 || bytes == DWARF_SIZE_VARIES ? -1 : size + bytes;
		if (add_attr(t, cap, a) < 0)
			return ERR_NOMEM;
		e->n_attrs++;
	}
	e->fixed = size;
	return 0;
}

static int read_table(struct dwarf_abbrevs *t, struct cursor *c)
{
	uint64_t cap_codes = 0, code;
	uint32_t cap_attrs = 0;
	size_t bytes = cursor_left(c);

	while ((code = cursor_uleb(c)) != 0) {
		struct dwarf_abbrev e = {.known = 1};
		uint64_t tag = cursor_uleb(c);
		int rc;

		e.tag = tag > UINT16_MAX ? 0 : (uint16_t)tag;
		e.kind = kind_of(e.tag);
		e.children = cursor_u8(c) != 0;
		rc = read_attrs(t, c, &e, &cap_attrs);
		if (rc == 0)
			rc = room_for(t, code, &cap_codes, bytes);
		if (rc < 0)
			return rc;
		if (!t->by_code[code].known)
			t->by_code[code] = e;
	}
	return c->bad ? ERR_FORMAT : 0;
}

static int keep(struct dwarf_file *f, struct dwarf_abbrevs *t, uint64_t key)
{
	if (f->n_abbrevs == f->cap_abbrevs) {
		uint32_t want = f->cap_abbrevs ? 2 * f->cap_abbrevs : 64;
		struct dwarf_abbrevs **more = realloc(f->abbrevs, want * sizeof(*more));

		if (!more)
			return ERR_NOMEM;
		f->abbrevs = more;
		f->cap_abbrevs = want;
	}
	if (idmap_set(&f->abbrev_ids, key, f->n_abbrevs) < 0)
		return ERR_NOMEM;
	f->abbrevs[f->n_abbrevs++] = t;
	return 0;
}

static int load_new(struct dwarf_unit *u, uint64_t key)
{
	struct dwarf_file *f = u->file;
	struct cursor c = cursor_at(f->sections[DWARF_ABBREV], u->abbrev_offset);
	const uint8_t *start = c.p;
	struct dwarf_abbrevs *t = calloc(1, sizeof *t);
	int rc;

	if (!t)
		return ERR_NOMEM;
	*t = (struct dwarf_abbrevs){.offset = u->abbrev_offset,
				    .addr_size = u->addr_size,
				    .off_size = u->off_size,
				    .version = u->version};
	rc = c.bad ? ERR_FORMAT : read_table(t, &c);
	f->abbrev_bytes += (uint64_t)(c.p - start);
	if (!dwarf_spend(f, (uint64_t)(c.p - start)) ||
	    f->abbrev_bytes > OVERLAP_MAX * (uint64_t)f->sections[DWARF_ABBREV].n)
		rc = rc == 0 ? ERR_FORMAT : rc;
	if (rc == 0)
		rc = keep(f, t, key);
	if (rc < 0) {
		dwarf_abbrevs_free(t);
		return rc;
	}
	u->abbrevs = t;
	return 0;
}

int dwarf_abbrevs_load(struct dwarf_unit *u)
{
	/* One table serves units of the same shape; shapes hardly ever differ within a file. */
	uint64_t key = u->abbrev_offset << 6 | (uint64_t)u->version << 2 |
		       (uint64_t)(u->addr_size == 8) << 1 | (u->off_size == 8);
	uint32_t id;

	if (u->abbrevs)
		return 0;
	id = idmap_get(&u->file->abbrev_ids, key);
	if (id != IDMAP_NONE) {
		u->abbrevs = u->file->abbrevs[id];
		return 0;
	}
	return load_new(u, key);
}
