/* DWARF 2 to 5 read straight from a file's sections: units, functions, inlined calls, lines. Private to
 * prof/symbol. Addresses are asked in one batch: what no address touches is stepped over. Everything
 * is checked: a lie in the file costs names, never memory or time beyond a budget that grows with the
 * file. Not thread-safe. */
#ifndef SYMBOL_DWARF_H
#define SYMBOL_DWARF_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/hash.h"
#include "prof/elf/elffile.h"
#include "prof/symbol/cursor.h"

enum dwarf_section {
	DWARF_INFO,
	DWARF_ABBREV,
	DWARF_LINE,
	DWARF_STR,
	DWARF_LINE_STR,
	DWARF_RANGES,
	DWARF_RNGLISTS,
	DWARF_ADDR,
	DWARF_STR_OFFSETS,
	DWARF_SECTIONS
};

#define DWARF_NONE UINT64_MAX

struct dwarf_attr {
	uint16_t name, form;
	int64_t implicit; /* DW_FORM_implicit_const */
};

/* What a walk does with an entry. */
enum dwarf_kind {
	DWARF_LEAF,     /* holds no code, nor do its children */
	DWARF_TYPE,     /* a class; its children hold code in a few languages only */
	DWARF_SCOPE,    /* holds entries with code */
	DWARF_FUNCTION, /* may have code of its own */
	DWARF_INLINED,
};

struct dwarf_abbrev {
	uint32_t attrs; /* place of its first in the table's attrs */
	uint16_t n_attrs;
	uint16_t tag;
	uint8_t kind, children, known;
	int32_t fixed;   /* bytes of all attributes, -1: they vary */
	int32_t sibling; /* bytes before DW_AT_sibling, -1: none, or they vary */
	uint16_t sibling_form;
};

struct dwarf_abbrevs {
	struct dwarf_abbrev *by_code; /* owned */
	struct dwarf_attr *attrs;     /* owned */
	uint64_t n_codes;             /* codes are below this */
	uint32_t n_attrs;
	uint64_t offset;
	uint8_t addr_size, off_size, version; /* sizes above are for units of these */
};

struct dwarf_file;

struct dwarf_unit {
	struct dwarf_file *file;
	uint64_t offset, die, end; /* in DWARF_INFO: header, root entry, end */
	uint64_t abbrev_offset;
	uint64_t id; /* of a split unit, 0: none */
	uint8_t version, addr_size, off_size, type;
	uint8_t root_read; /* the fields below are valid */
	uint8_t bad;       /* cannot be read */
	uint8_t has_low, has_ranges;
	uint16_t tag, language;
	uint64_t low, high, ranges_at; /* of the root; `high` is 0 if there is none */
	uint64_t line_at;              /* DWARF_NONE: no line program */
	uint64_t str_base, addr_base, rng_base;
	struct span name, dir, split_name;
	struct dwarf_unit *skeleton; /* of a split unit: where its addresses and lines are */
	const struct dwarf_abbrevs *abbrevs; /* NULL until used */
};

/* The debug sections of one file. */
struct dwarf_file {
	struct span sections[DWARF_SECTIONS];
	void *unpacked[DWARF_SECTIONS]; /* owned: sections that were compressed */
	struct dwarf_unit *units;       /* owned, by offset */
	uint32_t n_units;
	struct dwarf_abbrevs **abbrevs; /* owned */
	uint32_t n_abbrevs, cap_abbrevs;
	struct idmap abbrev_ids;
	uint64_t abbrev_bytes;  /* read into tables, each table for itself */
	struct dwarf_file *alt; /* borrowed: of dwz, NULL if there is none */
	int split;              /* a .dwo */
	uint64_t work;          /* bytes that may still be read */
	int exhausted;          /* they were not enough */
};

struct dwarf_value {
	enum dwarf_value_kind {
		DWARF_V_NONE,
		DWARF_V_CONST,
		DWARF_V_ADDR,
		DWARF_V_ADDRX,
		DWARF_V_TEXT, /* `text` */
		DWARF_V_STRP,
		DWARF_V_LINE_STRP,
		DWARF_V_STRX,
		DWARF_V_ALT_STRP,
		DWARF_V_REF, /* offset in DWARF_INFO */
		DWARF_V_ALT_REF,
		DWARF_V_OFFSET,
		DWARF_V_RNGLISTX,
		DWARF_V_OTHER,
	} kind;
	uint64_t u;
	struct span text;
};

/* dwarf_file.c. The view `elf` must live as long. 0 (perhaps without any unit) or ERR_NOMEM. `split`
 * takes the sections whose names end in .dwo. */
int dwarf_open(struct dwarf_file *f, const struct elf_file *elf, int split);
int dwarf_index_units(struct dwarf_file *f); /* after `sections` are set; 0 or ERR_NOMEM */
void dwarf_close(struct dwarf_file *f);      /* a zeroed one is fine */
int dwarf_present(const struct dwarf_file *f);
struct dwarf_unit *dwarf_unit_at(struct dwarf_file *f, uint64_t offset); /* holds it, or NULL */
/* Takes `n` from the budget; 0 when it is used up. */
int dwarf_spend(struct dwarf_file *f, uint64_t n);

/* unpack.c: a section as it was before compression; `*owned` is to be freed (NULL: nothing to free).
 * 0, ERR_NOMEM, ERR_FORMAT, ERR_UNSUPPORTED, ERR_NOTFOUND. */
int section_unpack(const struct elf_file *elf, const char *name, struct span *out, void **owned);

/* dwarf_abbrev.c. ERR_NOMEM, ERR_FORMAT, or 0 and u->abbrevs. */
int dwarf_abbrevs_load(struct dwarf_unit *u);
void dwarf_abbrevs_free(struct dwarf_abbrevs *a);
static inline const struct dwarf_abbrev *dwarf_abbrev(const struct dwarf_abbrevs *t, uint64_t code)
{
	return code < t->n_codes && t->by_code[code].known ? &t->by_code[code] : NULL;
}

/* dwarf_form.c */
#define DWARF_SIZE_VARIES (-1)
int dwarf_form_size(uint16_t form, unsigned version, unsigned addr_size, unsigned off_size);
void dwarf_form_skip(struct cursor *c, const struct dwarf_unit *u, uint16_t form);
struct dwarf_value dwarf_form_read(struct cursor *c, const struct dwarf_unit *u,
				   const struct dwarf_attr *a);
void dwarf_attrs_skip(struct cursor *c, const struct dwarf_unit *u, const struct dwarf_abbrev *a);
struct span dwarf_text(const struct dwarf_unit *u, const struct dwarf_value *v);
/* The text at an offset of a section, without its NUL; empty if it is not there. */
struct span dwarf_text_at(struct span section, uint64_t offset);
/* 1 and the address; 0 if it is not there. */
int dwarf_address(const struct dwarf_unit *u, const struct dwarf_value *v, uint64_t *address);
int dwarf_address_at(const struct dwarf_unit *u, uint64_t index, uint64_t *address);

/* dwarf_root.c: the root entry's attributes. 0 (bad is set when it makes no sense) or ERR_NOMEM. */
int dwarf_root_read(struct dwarf_unit *u);

/* dwarf_range.c: calls `take` for each non-empty range; a negative value ends it and is returned. */
typedef int dwarf_range_fn(void *ctx, uint64_t low, uint64_t high);
int dwarf_ranges(const struct dwarf_unit *u, const struct dwarf_value *v, dwarf_range_fn *take,
		 void *ctx);
int dwarf_root_ranges(const struct dwarf_unit *u, dwarf_range_fn *take, void *ctx);

/* dwarf_scan.c: functions and inlined calls around addresses. */
struct dwarf_node {
	uint64_t die;    /* offset of the entry */
	uint64_t low;    /* of the function's first range */
	uint32_t parent; /* DWARF_NO_NODE: none around it that is known */
	uint32_t call_file, call_line;
	uint8_t inlined;
};
#define DWARF_NO_NODE UINT32_MAX

struct dwarf_scan {
	struct dwarf_unit *unit;
	const uint64_t *addrs; /* borrowed; ascending */
	uint32_t *node;        /* borrowed; for each address, its innermost node */
	uint64_t *width;       /* borrowed; size of the range that claimed it */
	size_t n;
	struct dwarf_node *nodes; /* owned */
	uint32_t n_nodes, cap_nodes;
};
/* `thorough`: looks also where code is seldom found. 0 or ERR_NOMEM. */
int dwarf_scan(struct dwarf_scan *s, int thorough);
void dwarf_scan_release(struct dwarf_scan *s);

/* dwarf_name.c: what a function is called; linkage name and plain name, either may be empty. */
struct dwarf_names {
	struct span linkage, name;
	uint16_t language;
};
int dwarf_names(struct dwarf_unit *u, uint64_t die, struct dwarf_names *out); /* 0 or ERR_NOMEM */
const char *dwarf_language(uint16_t code); /* "C++"; "" unknown */
/* Which name says most: C's is plain (its linkage names are assembler's), others' is the linkage name; and
 * where names are mangled that of the symbol table is better than none. */
enum { DWARF_PLAIN, DWARF_LINKAGE, DWARF_LINKAGE_OR_SYMBOL };
int dwarf_language_linkage(uint16_t code);

/* dwarf_line.c: the line program of a unit. */
struct dwarf_line_header {
	struct dwarf_unit *unit;
	struct cursor program;
	unsigned version, addr_size, off_size;
	uint8_t min_inst, max_ops, line_range, opcode_base;
	int8_t line_base;
	uint8_t lengths[256];
	struct span *dirs; /* owned */
	struct {
		struct span name;
		uint64_t dir;
	} * files; /* owned */
	uint32_t n_dirs, n_files, cap_dirs, cap_files;
};
struct dwarf_row {
	uint32_t file, line; /* line 0: unknown */
	uint8_t found;
};
/* 0, ERR_NOMEM, or ERR_FORMAT and the header is empty. */
int dwarf_line_open(struct dwarf_line_header *h, struct dwarf_unit *u);
void dwarf_line_release(struct dwarf_line_header *h);
/* The row of each address (ascending); sequences that start below `text_low` are not code. */
void dwarf_line_rows(struct dwarf_line_header *h, const uint64_t *addrs, size_t n,
		     uint64_t text_low, struct dwarf_row *rows);
/* Writes the path of a file; 1, or 0 if there is no such file or it does not fit. */
int dwarf_line_path(const struct dwarf_line_header *h, uint32_t file, char *out, size_t size);

/* dwarf_split.c: the .dwo of a skeleton unit. */
struct dwarf_splits; /* those that are open */
struct dwarf_splits *dwarf_splits_new(const char *debug_path, const char *sysroot);
void dwarf_splits_free(struct dwarf_splits *s);
/* 0 and the split unit, or NULL if it cannot be found; ERR_NOMEM. */
int dwarf_split_unit(struct dwarf_splits *s, struct dwarf_unit *skeleton, struct dwarf_unit **out);
/* A path that was looked for in vain, "" if none was. */
const char *dwarf_splits_missing(const struct dwarf_splits *s);

#endif
