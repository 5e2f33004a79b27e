/* Split DWARF: the unit of a skeleton, in a .dwo beside the objects or in a .dwp package beside the
 * program. Each unit found is a small dwarf_file of its own; addresses and lines stay in the
 * skeleton's. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/symbol/dwarf.h"
#include "prof/symbol/dwarf_const.h"

struct split {
	struct elf_file elf; /* of a .dwo; zero for a unit of the package */
	struct dwarf_file dwarf;
};

struct package {
	struct elf_file elf;
	struct dwarf_file all; /* whole sections, no units */
	struct span index;
	void *index_owned;
	uint32_t version, n_columns, n_rows, n_slots;
};

struct dwarf_splits {
	char *debug_path; /* of the file with the skeletons */
	char *sysroot;
	struct split **open; /* owned */
	size_t n_open, cap_open;
	struct package package;
	int package_tried;
	char missing[PATH_MAX];
};

struct dwarf_splits *dwarf_splits_new(const char *debug_path, const char *sysroot)
{
	struct dwarf_splits *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->debug_path = strdup(debug_path);
	s->sysroot = strdup(sysroot ? sysroot : "");
	if (!s->debug_path || !s->sysroot) {
		dwarf_splits_free(s);
		return NULL;
	}
	return s;
}

void dwarf_splits_free(struct dwarf_splits *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_open; i++) {
		dwarf_close(&s->open[i]->dwarf);
		elf_close(&s->open[i]->elf);
		free(s->open[i]);
	}
	free(s->open);
	dwarf_close(&s->package.all);
	free(s->package.index_owned);
	elf_close(&s->package.elf);
	free(s->debug_path);
	free(s->sysroot);
	free(s);
}

const char *dwarf_splits_missing(const struct dwarf_splits *s)
{
	return s->missing;
}

static struct split *add_split(struct dwarf_splits *s)
{
	struct split *one;

	if (s->n_open == s->cap_open) {
		size_t want = s->cap_open ? 2 * s->cap_open : 16;
		struct split **more = realloc(s->open, want * sizeof(*more));

		if (!more)
			return NULL;
		s->open = more;
		s->cap_open = want;
	}
	one = calloc(1, sizeof *one);
	if (one)
		s->open[s->n_open++] = one;
	return one;
}

static void drop_last(struct dwarf_splits *s)
{
	struct split *one = s->open[--s->n_open];

	dwarf_close(&one->dwarf);
	elf_close(&one->elf);
	free(one);
}

/* The unit of the skeleton's id among those of a split file. */
static int choose_unit(struct dwarf_file *f, struct dwarf_unit *skeleton, struct dwarf_unit **out)
{
	for (uint32_t i = 0; i < f->n_units; i++) {
		struct dwarf_unit *u = &f->units[i];

		if (u->type == DW_UT_split_type || u->type == DW_UT_type)
			continue;
		u->skeleton = skeleton;
		if (dwarf_root_read(u) < 0)
			return ERR_NOMEM;
		if (!u->bad && u->id == skeleton->id) {
			*out = u;
			return 0;
		}
	}
	return 0;
}

static int try_object(struct dwarf_splits *s, const char *path, struct dwarf_unit *skeleton,
		      struct dwarf_unit **out)
{
	struct split *one = add_split(s);
	int rc;

	if (!one)
		return ERR_NOMEM;
	if (elf_open(&one->elf, path, NULL) < 0) {
		drop_last(s);
		return 0;
	}
	rc = dwarf_open(&one->dwarf, &one->elf, 1);
	if (rc == 0)
		rc = choose_unit(&one->dwarf, skeleton, out);
	if (rc < 0 || !*out)
		drop_last(s);
	return rc;
}

/* ---- packages ---- */

static void open_package(struct dwarf_splits *s)
{
	struct package *p = &s->package;
	char path[PATH_MAX];
	struct cursor c;

	s->package_tried = 1;
	if (snprintf(path, sizeof path, "%s.dwp", s->debug_path) >= (int)sizeof path ||
	    elf_open(&p->elf, path, NULL) < 0)
		return;
	if (dwarf_open(&p->all, &p->elf, 1) < 0 ||
	    section_unpack(&p->elf, ".debug_cu_index", &p->index, &p->index_owned) < 0)
		return;
	c = cursor_at(p->index, 0);
	p->version = cursor_u32(&c); /* 2, or 5 and two bytes of padding */
	p->n_columns = cursor_u32(&c);
	p->n_rows = cursor_u32(&c);
	p->n_slots = cursor_u32(&c);
	if (c.bad || (p->version != 2 && p->version != 5) || !p->n_slots ||
	    (p->n_slots & (p->n_slots - 1)) || p->n_columns > 16)
		p->n_slots = 0;
}

static uint32_t index_u32(const struct package *p, uint64_t at)
{
	struct cursor c = cursor_at(p->index, at);

	return cursor_u32(&c);
}

/* The row (from 1) of a unit, by the hash that DWARF prescribes; 0: not in the package. */
static uint32_t package_row(const struct package *p, uint64_t id)
{
	uint64_t mask = p->n_slots - 1u, slot = id & mask, step = ((id >> 32) & mask) | 1;

	for (uint32_t i = 0; i < p->n_slots; i++, slot = (slot + step) & mask) {
		struct cursor c = cursor_at(p->index, 16 + 8 * slot);
		uint64_t found = cursor_u64(&c);
		uint32_t row = index_u32(p, 16 + 8 * (uint64_t)p->n_slots + 4 * slot);

		if (c.bad || !row)
			return 0;
		if (found == id)
			return row <= p->n_rows ? row : 0;
	}
	return 0;
}

/* Narrows a file's sections to what the index gives a unit. */
static void contribution(const struct package *p, uint32_t column, uint32_t row,
			 struct dwarf_file *f)
{
	uint64_t table = 16 + 12 * (uint64_t)p->n_slots;
	uint64_t offsets = table + 4 * (uint64_t)p->n_columns;
	uint64_t sizes = offsets + 4 * (uint64_t)p->n_columns * p->n_rows;
	uint64_t cell = 4 * ((uint64_t)(row - 1) * p->n_columns + column);
	uint32_t kind = index_u32(p, table + 4 * column);
	int section = kind == DW_SECT_INFO                          ? DWARF_INFO
		      : kind == DW_SECT_ABBREV                      ? DWARF_ABBREV
		      : kind == DW_SECT_LINE                        ? DWARF_LINE
		      : kind == DW_SECT_STR_OFFSETS                 ? DWARF_STR_OFFSETS
		      : kind == DW_SECT_RNGLISTS && p->version == 5 ? DWARF_RNGLISTS
								    : -1;

	if (section >= 0)
		f->sections[section] =
			span_part(p->all.sections[section], index_u32(p, offsets + cell),
				  index_u32(p, sizes + cell));
}

static int try_package(struct dwarf_splits *s, struct dwarf_unit *skeleton, struct dwarf_unit **out)
{
	struct package *p = &s->package;
	struct split *one;
	uint32_t row;
	int rc;

	if (!s->package_tried)
		open_package(s);
	row = p->n_slots ? package_row(p, skeleton->id) : 0;
	if (!row)
		return 0;
	one = add_split(s);
	if (!one)
		return ERR_NOMEM;
	one->dwarf.split = 1;
	memcpy(one->dwarf.sections, p->all.sections, sizeof one->dwarf.sections);
	for (uint32_t i = 0; i < p->n_columns; i++)
		contribution(p, i, row, &one->dwarf);
	rc = dwarf_index_units(&one->dwarf);
	if (rc == 0)
		rc = choose_unit(&one->dwarf, skeleton, out);
	if (rc < 0 || !*out)
		drop_last(s);
	return rc;
}

/* ---- objects ---- */

static int join(char *out, size_t size, const char *root, struct span dir, struct span name)
{
	int absolute = name.n && name.p[0] == '/';
	int n;

	if (dir.n > PATH_MAX || name.n > PATH_MAX)
		return 0;
	n = absolute
		    ? snprintf(out, size, "%s%.*s", root, (int)name.n, (const char *)name.p)
		    : snprintf(out, size, "%s%.*s/%.*s", root, (int)dir.n,
			       dir.n ? (const char *)dir.p : "", (int)name.n, (const char *)name.p);
	return n > 0 && (size_t)n < size;
}

int dwarf_split_unit(struct dwarf_splits *s, struct dwarf_unit *skeleton, struct dwarf_unit **out)
{
	struct span name = skeleton->split_name, beside = {NULL, 0};
	const char *slash = strrchr(s->debug_path, '/');
	char path[PATH_MAX];
	int rc;

	*out = NULL;
	if (!name.n)
		return 0;
	rc = try_package(s, skeleton, out);
	if (rc < 0 || *out)
		return rc;
	if (join(path, sizeof path, s->sysroot, skeleton->dir, name)) {
		rc = try_object(s, path, skeleton, out);
		if (rc < 0 || *out)
			return rc;
		memcpy(s->missing, path, sizeof path);
	}
	/* Beside the program, where it may have been moved with it. */
	if (slash)
		beside = (struct span){(const uint8_t *)s->debug_path,
				       (size_t)(slash - s->debug_path)};
	if (!slash || name.p[0] == '/' || !join(path, sizeof path, "", beside, name))
		return 0;
	return try_object(s, path, skeleton, out);
}
