/* Makes the table of a module from its call frame information: see table.h. All entries of .eh_frame and
 * .debug_frame are listed and sorted by address; each gets the addresses up to the next one, .debug_frame
 * and known linkage stubs only what .eh_frame leaves; then their programs are run once, in order. */
#include "prof/unwind/table.h"

#include <dwarf.h>
#include <string.h>
#include <sys/mman.h>

#include "prof/elf/elffile.h"
#include "prof/unwind/cfi_read.h"
#include "prof/unwind/table_make.h"

#define GAP_JOIN  16 /* shorter gaps are padding between functions */
#define ENTRY_MAX 96 /* ld.so's entry is 61 bytes */

enum piece_kind {
	PIECE_EH,
	PIECE_DEBUG,
	PIECE_PLT,
	PIECE_ENTRY,
};

struct piece { /* an FDE, or a section of stubs, and the addresses it speaks for */
	uint64_t start, end;
	size_t offset; /* of the FDE in its section; which of the sections of stubs */
	enum piece_kind kind;
};

struct span { /* executable segment */
	uint64_t start, end;
	const uint8_t *bytes; /* of the file; len may be less than end - start */
	uint64_t len;
};

struct build {
	const struct elf_file *file;
	struct cfi_section section[2]; /* by PIECE_EH, PIECE_DEBUG */
	struct elf_section plt[3];
	struct span code[16]; /* executable segments; none: all addresses may be code */
	uint32_t n_code;
	struct pages pieces, other; /* struct piece[n_pieces]; room to sort */
	uint32_t n_pieces;
	uint32_t skipped, seen;
	struct rules rules;
	struct rows rows;
	uint64_t covered; /* end of what has rows */
};

/* What runs while the program of one FDE is run. */
struct emit {
	struct build *b;
	const struct cfi_fde *fde;
	const struct cfi_section *section;
	uint64_t start, end; /* the piece */
	uint16_t rule;
	int stale; /* in what `rule` is not of this row: enum cfi_changed */
	int rc;
};

/* ---- sections ------------------------------------------------------------------------------------ */

static uint64_t section_addr(const struct elf_file *f, const char *name)
{
	struct elf_section s;

	return elf_section_named(f, name, &s) ? s.addr : 0;
}

static int named_section(struct build *b, const char *name, struct cfi_section *out)
{
	struct elf_section s;

	if (!elf_section_named(b->file, name, &s))
		return 0;
	/* Without data: a file of debug information only. Compressed: zlib is not ours to link. */
	if (!s.data || (s.flags & SHF_COMPRESSED))
		return 1;
	out->data = s.data;
	out->len = (size_t)s.size;
	out->addr = s.addr;
	return 1;
}

static int eh_frame_address(const struct elf_segment *hdr, uint64_t *address)
{
	struct cfi_section s = {.data = hdr->data, .len = (size_t)hdr->filesz, .addr = hdr->vaddr};
	struct cfi_cursor c = {s.data, 4, s.len, 0};
	int indirect;

	if (s.len < 4 || s.data[0] != 1)
		return 0;
	s.data_addr = s.addr;
	*address = cfi_pointer(&s, &c, s.data[1], 0, &indirect);
	return !c.bad && !indirect && s.data[1] != DW_EH_PE_omit;
}

/* .eh_frame by the program headers, for files that were robbed of section headers or call it otherwise. Its
 * end is not known: a terminator or the end of the segment. */
static void find_by_segments(struct build *b, struct cfi_section *out)
{
	struct elf_segment s;
	uint64_t at = 0;
	int found = 0;

	for (uint32_t i = 0; i < b->file->n_segments && !found; i++)
		if (elf_segment_at(b->file, i, &s) && s.type == PT_GNU_EH_FRAME)
			found = eh_frame_address(&s, &at);
	for (uint32_t i = 0; i < b->file->n_segments && found; i++) {
		if (!elf_segment_at(b->file, i, &s) || s.type != PT_LOAD || at < s.vaddr ||
		    at - s.vaddr >= s.filesz)
			continue;
		out->data = s.data + (at - s.vaddr);
		out->len = (size_t)(s.filesz - (at - s.vaddr));
		out->addr = at;
		out->ends_at_zero = 1;
		return;
	}
}

static void find_sections(struct build *b)
{
	uint64_t text = section_addr(b->file, ".text");
	uint64_t data = section_addr(b->file, ".got.plt");
	struct elf_segment s;

	if (!named_section(b, ".eh_frame", &b->section[PIECE_EH]))
		find_by_segments(b, &b->section[PIECE_EH]);
	named_section(b, ".debug_frame", &b->section[PIECE_DEBUG]);
	b->section[PIECE_DEBUG].debug = 1;
	for (int i = 0; i < 2; i++) {
		b->section[i].text_addr = text;
		b->section[i].data_addr = data ? data : section_addr(b->file, ".got");
	}
	for (uint32_t i = 0; i < b->file->n_segments; i++)
		if (elf_segment_at(b->file, i, &s) && s.type == PT_LOAD && (s.flags & PF_X) &&
		    s.memsz > 0 && s.memsz <= UINT64_MAX - s.vaddr &&
		    b->n_code < sizeof b->code / sizeof b->code[0])
			b->code[b->n_code++] =
				(struct span){s.vaddr, s.vaddr + s.memsz, s.data, s.filesz};
}

/* ---- listing ------------------------------------------------------------------------------------- */

static int is_code(const struct build *b, uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < b->n_code; i++)
		if (start >= b->code[i].start && end <= b->code[i].end)
			return 1;
	return b->n_code == 0;
}

static int add_piece(struct build *b, uint64_t start, uint64_t size, size_t offset,
		     enum piece_kind kind)
{
	/* Of functions that the linker dropped, .debug_frame keeps entries at 0. */
	if (size == 0 || !is_code(b, start, start + size))
		return 0;
	if (b->n_pieces == UINT32_MAX ||
	    pages_need(&b->pieces, ((size_t)b->n_pieces + 1) * sizeof(struct piece)) < 0)
		return ERR_NOMEM;
	((struct piece *)b->pieces.data)[b->n_pieces++] =
		(struct piece){start, start + size, offset, kind};
	return 0;
}

static int list_stubs(struct build *b)
{
	static const char *const names[] = {".plt", ".plt.sec", ".plt.got"};
	int rc = 0;

	for (uint32_t i = 0; i < 3 && rc == 0; i++) {
		struct elf_section *s = &b->plt[i];

		if (elf_section_named(b->file, names[i], s) && s->data &&
		    (s->flags & SHF_EXECINSTR) && s->size <= UINT64_MAX - s->addr)
			rc = add_piece(b, s->addr, s->size, i, PIECE_PLT);
	}
	return rc;
}

/* Where the kernel enters: nobody called it. ld.so's entry has no CFI, and library constructors run on top
 * of it. */
static int list_entry(struct build *b)
{
	uint64_t entry = b->file->entry, size = ENTRY_MAX;

	if (entry == 0)
		return 0;
	for (uint32_t i = 0; i < b->n_code; i++)
		if (entry >= b->code[i].start && entry < b->code[i].end &&
		    size > b->code[i].end - entry)
			size = b->code[i].end - entry;
	return add_piece(b, entry, size, 0, PIECE_ENTRY);
}

static int list_section(struct build *b, enum piece_kind kind)
{
	const struct cfi_section *s = &b->section[kind];
	struct cfi_fde fde = {0};
	size_t offset = 0;
	enum cfi_next next;
	int rc = 0;

	while (rc == 0 && s->data && (next = cfi_next(s, &offset, &fde)) != CFI_END) {
		b->seen++;
		if (next == CFI_SKIPPED)
			b->skipped++;
		else
			rc = add_piece(b, fde.start, fde.size, fde.offset, kind);
	}
	return rc;
}

static int before(const struct piece *x, const struct piece *y)
{
	return x->start != y->start ? x->start < y->start : x->kind < y->kind;
}

static void merge(const struct piece *from, struct piece *to, size_t lo, size_t mid, size_t hi)
{
	size_t i = lo, j = mid;

	for (size_t k = lo; k < hi; k++) {
		int second = i == mid || (j < hi && before(&from[j], &from[i]));

		to[k] = second ? from[j++] : from[i++];
	}
}

/* Merge sort, stable; qsort() of libc would call malloc. */
static int sort_pieces(struct build *b)
{
	size_t n = b->n_pieces, i = 1;

	while (i < n &&
	       !before((struct piece *)b->pieces.data + i, (struct piece *)b->pieces.data + i - 1))
		i++;
	if (i >= n)
		return 0; /* linkers mostly leave them in order */
	if (pages_need(&b->other, n * sizeof(struct piece)) < 0)
		return ERR_NOMEM;
	for (size_t width = 1; width < n; width *= 2) {
		struct pages swap = b->pieces;

		for (size_t lo = 0; lo < n; lo += 2 * width) {
			size_t mid = lo + width < n ? lo + width : n;
			size_t hi = mid + width < n ? mid + width : n;

			merge(b->pieces.data, b->other.data, lo, mid, hi);
		}
		b->pieces = b->other;
		b->other = swap;
	}
	return 0;
}

static void cut_overlaps(struct build *b)
{
	struct piece *p = b->pieces.data;
	uint64_t next_eh = UINT64_MAX, next = UINT64_MAX, eh_end = 0;

	for (uint32_t i = b->n_pieces; i-- > 0;) {
		uint64_t limit = p[i].kind == PIECE_EH ? next_eh : next;

		if (p[i].end > limit)
			p[i].end = limit;
		next = p[i].start;
		if (p[i].kind == PIECE_EH)
			next_eh = p[i].start;
	}
	for (uint32_t i = 0; i < b->n_pieces; i++) {
		if (p[i].kind == PIECE_EH && p[i].end > eh_end)
			eh_end = p[i].end;
		if (p[i].kind != PIECE_EH && p[i].start < eh_end)
			p[i].start = eh_end < p[i].end ? eh_end : p[i].end;
	}
}

/* ---- running ------------------------------------------------------------------------------------- */

static int put(struct build *b, uint64_t address, uint16_t rule)
{
	int rc = rows_put(&b->rows, address, rule);

	if (rc == ERR_LIMIT) {
		b->skipped += rule != 0;
		return 0;
	}
	return rc;
}

/* Ends what came before, where there is a gap that may hold other code. */
static int close_gap(struct build *b, uint64_t next)
{
	if (b->rows.any && next - b->covered >= GAP_JOIN)
		return put(b, b->covered, 0);
	return 0;
}

static int emit_row(void *ctx, uint64_t start, uint64_t end, const struct cfi_row *row, int changed)
{
	struct emit *e = ctx;

	e->stale |= changed;
	if (start < e->start)
		start = e->start;
	if (end > e->end)
		end = e->end;
	if (start >= end)
		return start >= e->end;
	if (e->stale) {
		int rule = rules_of_row(&e->b->rules, e->section, &e->fde->cie, row, e->stale);

		if (rule < 0)
			return e->rc = rule;
		e->rule = (uint16_t)rule;
		e->stale = 0;
	}
	e->b->covered = end;
	return e->rc = put(e->b, start, e->rule);
}

/* The bytes of code from an address on; NULL where the file has none. */
static const uint8_t *code_at(const struct build *b, uint64_t address, uint64_t *len)
{
	for (uint32_t i = 0; i < b->n_code; i++) {
		const struct span *c = &b->code[i];

		if (address >= c->start && address - c->start < c->len) {
			*len = c->len - (address - c->start);
			return c->bytes + (address - c->start);
		}
	}
	return NULL;
}

static int run_stubs(struct build *b, const struct piece *p)
{
	const struct elf_section *s = &b->plt[p->offset];
	struct plt_row rows[3];
	uint32_t n = plt_rows(s->data, s->addr, s->size, rows);
	int rc;

	if (p->start != s->addr || p->end != s->addr + s->size)
		return 0; /* someone knows a part of it: let it be */
	rc = close_gap(b, p->start);
	for (uint32_t i = 0; i < n && rc >= 0; i++) {
		rc = rules_plain(&b->rules, rows[i].kind, rows[i].off);
		if (rc >= 0)
			rc = put(b, p->start + rows[i].at, (uint16_t)rc);
	}
	b->covered = p->end;
	return rc;
}

static int run_entry(struct build *b, const struct piece *p)
{
	int rc;

	if (p->start != b->file->entry || p->start >= p->end)
		return 0; /* it has CFI */
	rc = close_gap(b, p->start);
	if (rc >= 0)
		rc = rules_plain(&b->rules, UNWIND_CFA_ROOT, 0);
	if (rc < 0)
		return rc;
	b->covered = p->end;
	return put(b, p->start, (uint16_t)rc);
}

/* A piece that one rule holds in, from `start` on. */
static int run_known(struct build *b, const struct piece *p, uint64_t start, int rule)
{
	if (rule < 0)
		return rule;
	b->covered = p->end;
	return put(b, start, (uint16_t)rule);
}

static int run_piece(struct build *b, const struct piece *p, struct cfi_fde *fde)
{
	const struct cfi_section *s = &b->section[p->kind];
	struct emit e = {.b = b, .fde = fde, .section = s, .start = p->start, .end = p->end};
	size_t offset = p->offset;
	const uint8_t *code;
	uint64_t len;
	int rc;

	if (p->start >= p->end || cfi_next(s, &offset, fde) != CFI_FDE)
		return 0;
	rc = close_gap(b, p->start);
	if (rc < 0)
		return rc;
	code = code_at(b, p->start, &len);
	if (code && fde->cie.is_signal && code_is_trampoline(code, len))
		return run_known(b, p, p->start, rules_signal(&b->rules));
	if (code &&
	    code_starts_coroutine(code, len)) /* as a return address it is looked up before */
		return run_known(b, p, p->start - (p->start > b->covered),
				 rules_plain(&b->rules, UNWIND_CFA_ROOT, 0));
	b->covered = p->start;
	rc = cfi_run(s, fde, emit_row, &e);
	if (e.rc < 0)
		return e.rc;
	if (rc >= 0)
		return 0;
	b->skipped++;
	rc = put(b, b->covered, 0); /* from the malformed place on nothing is known */
	b->covered = p->end;
	return rc;
}

static int run_pieces(struct build *b)
{
	const struct piece *p = b->pieces.data;
	struct cfi_fde fde[2];
	int rc = 0;

	memset(fde, 0, sizeof fde);
	for (uint32_t i = 0; i < b->n_pieces && rc == 0; i++)
		rc = p[i].kind == PIECE_PLT     ? run_stubs(b, &p[i])
		     : p[i].kind == PIECE_ENTRY ? run_entry(b, &p[i])
						: run_piece(b, &p[i], &fde[p[i].kind]);
	if (rc == 0 && b->rows.any)
		rc = put(b, b->covered, 0);
	return rc < 0 ? rc : rows_finish(&b->rows);
}

/* ---- the block ----------------------------------------------------------------------------------- */

static uint32_t place(uint64_t *bytes, uint64_t size)
{
	uint64_t at = (*bytes + 7) & ~(uint64_t)7;

	*bytes = at + size;
	return (uint32_t)at;
}

static void copy(struct unwind_table *t, uint32_t off, const struct pages *from, size_t bytes)
{
	if (bytes)
		memcpy((uint8_t *)t + off, from->data, bytes);
}

static int assemble(struct build *b, struct unwind_table **out)
{
	const struct rows *w = &b->rows;
	struct unwind_table_head h = {.version = UNWIND_TABLE_VERSION};
	uint64_t bytes = sizeof h;
	struct unwind_table *t;

	memcpy(h.magic, UNWIND_TABLE_MAGIC, sizeof h.magic);
	h.n_rows = w->n;
	h.n_rules = b->rules.n;
	h.n_pages = w->any ? w->page : 0;
	h.first_page = w->first_page;
	h.ext_bytes = b->rules.ext_len;
	h.rules_off = place(&bytes, (uint64_t)h.n_rules * sizeof(struct unwind_rule));
	h.pages_off = place(&bytes, ((uint64_t)h.n_pages + 1) * sizeof(uint32_t));
	h.ext_off = place(&bytes, h.ext_bytes);
	h.low_off = place(&bytes, (uint64_t)h.n_rows * sizeof(uint16_t));
	h.rule_off = place(&bytes, (uint64_t)h.n_rows * sizeof(uint16_t));
	if (bytes > UINT32_MAX)
		return ERR_LIMIT;
	h.bytes = (uint32_t)bytes;
	(void)elf_build_id(b->file, h.build_id);
	t = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return ERR_NOMEM;
	t->head = h;
	copy(t, h.rules_off, &b->rules.rules, (size_t)h.n_rules * sizeof(struct unwind_rule));
	copy(t, h.pages_off, &w->pages, ((size_t)h.n_pages + 1) * sizeof(uint32_t));
	copy(t, h.ext_off, &b->rules.ext, h.ext_bytes);
	copy(t, h.low_off, &w->low, (size_t)h.n_rows * sizeof(uint16_t));
	copy(t, h.rule_off, &w->rule, (size_t)h.n_rows * sizeof(uint16_t));
	t->head.crc = unwind_table_sum(t, h.bytes);
	*out = t;
	return 0;
}

static int make(struct build *b, struct unwind_table **out)
{
	int rc = rules_init(&b->rules);

	find_sections(b);
	if (rc >= 0)
		rc = list_section(b, PIECE_EH);
	if (rc >= 0)
		rc = list_section(b, PIECE_DEBUG);
	if (rc >= 0)
		rc = list_stubs(b);
	if (rc >= 0)
		rc = list_entry(b);
	if (rc >= 0)
		rc = sort_pieces(b);
	if (rc < 0)
		return rc;
	if (b->skipped > 0 && b->skipped == b->seen)
		return ERR_FORMAT;
	cut_overlaps(b);
	rc = run_pieces(b);
	return rc < 0 ? rc : assemble(b, out);
}

int unwind_table_build(struct unwind_table **out, const struct elf_file *file, uint32_t *skipped,
		       struct err *err)
{
	struct build b;
	int rc;

	*out = NULL;
	if (skipped)
		*skipped = 0;
	if (file->machine != EM_X86_64)
		return err_set(err, ERR_FORMAT, "the file is for another machine than x86-64");
	memset(&b, 0, sizeof b);
	b.file = file;
	rc = make(&b, out);
	if (skipped)
		*skipped = b.skipped + b.rules.refused;
	pages_free(&b.pieces);
	pages_free(&b.other);
	rules_free(&b.rules);
	rows_free(&b.rows);
	if (rc == ERR_NOMEM)
		return err_nomem(err, "an unwind table");
	if (rc == ERR_FORMAT)
		return err_set(err, rc, "no entry of .eh_frame can be read; the file is damaged");
	return rc < 0 ? err_set(err, rc, "the unwind table would pass 4 GiB") : 0;
}
