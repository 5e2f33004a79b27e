/* PLT entries: each jumps through a slot of the GOT, and the relocation of that slot names the function.
 * Reads the jump itself, so any order and size of entries is fine. x86-64. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/symbol/elfsym.h"

#define SECTIONS_MAX 8  /* PLT and relocation sections; real files have three of each */
#define RELATIVE_MAX 64 /* nameless ifuncs that are looked up, each one pass over the table */

struct slot {
	uint64_t got;
	size_t address; /* place in the batch */
};

/* The GOT slot that the entry around `at` jumps through: `jmp *disp(%rip)`, perhaps after endbr64.
 * Returns 0 if there is no such jump (the resolver's own entry, lazy stubs). */
static uint64_t slot_of(const struct elf_section *s, uint64_t at)
{
	uint64_t size = s->entsize == 8 ? 8 : 16, start = (at - s->addr) / size * size;
	uint64_t end = s->size - start < size ? s->size : start + size;
	int32_t disp;

	if (end >= start + 2 && s->data[start] == 0xff && s->data[start + 1] == 0x35)
		return 0; /* push of the link map: the first entry */
	for (uint64_t i = start; i + 6 <= end; i++) {
		if (s->data[i] != 0xff || s->data[i + 1] != 0x25)
			continue;
		memcpy(&disp, s->data + i + 2, sizeof disp);
		return s->addr + i + 6 + (uint64_t)(int64_t)disp;
	}
	return 0;
}

/* A lazy stub: push of its number, jump to the first entry. Numbers count the relocations. */
static int stub_number(const struct elf_section *s, uint64_t at, uint32_t *number)
{
	uint64_t start = (at - s->addr) & ~UINT64_C(15), i = start;

	if (s->size - start < 16)
		return 0;
	if (!memcmp(s->data + start, "\xf3\x0f\x1e\xfa", 4))
		i += 4;
	if (s->data[i] != 0x68)
		return 0;
	memcpy(number, s->data + i + 1, sizeof *number);
	return 1;
}

static int by_got(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return (x->got > y->got) - (x->got < y->got);
}

static struct span symbol_name(const struct elf_file *f, const struct elf_section *rela,
			       uint64_t index)
{
	struct elf_section symtab, str;
	struct span none = {NULL, 0};
	Elf64_Sym sym;

	if (!elf_section_at(f, rela->link, &symtab) || !symtab.data ||
	    symtab.entsize < sizeof sym || index >= symtab.size / symtab.entsize ||
	    !elf_section_at(f, symtab.link, &str) || !str.data)
		return none;
	memcpy(&sym, symtab.data + index * symtab.entsize, sizeof sym);
	return elfsym_text((struct span){str.data, (size_t)str.size}, sym.st_name);
}

static void name_slot(const struct elf_file *f, const struct elfsym_code *code,
		      const struct elf_section *rela, const Elf64_Rela *r, unsigned *relative,
		      struct elfsym_hit *hit)
{
	struct elfsym_hit target = {0};
	uint64_t where = (uint64_t)r->r_addend;

	if (ELF64_R_TYPE(r->r_info) == R_X86_64_IRELATIVE) {
		if (*relative >= RELATIVE_MAX)
			return;
		(*relative)++;
		elfsym_find(f, SHT_SYMTAB, code, &where, 1, &target);
	} else {
		target.best.name = symbol_name(f, rela, ELF64_R_SYM(r->r_info));
	}
	if (!target.best.name.n)
		return;
	hit->best = target.best;
	hit->plt = 1;
}

static int is_slot_type(const Elf64_Rela *r)
{
	unsigned type = ELF64_R_TYPE(r->r_info);

	return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
	       type == R_X86_64_IRELATIVE;
}

/* Names the wanted slots (sorted) by the relocations of one section. */
static void name_slots(const struct elf_file *f, const struct elfsym_code *code,
		       const struct elf_section *rela, const struct slot *slots, size_t n,
		       struct elfsym_hit *hits)
{
	unsigned relative = 0;

	for (uint64_t at = 0; rela->size - at >= sizeof(Elf64_Rela); at += sizeof(Elf64_Rela)) {
		size_t lo = 0, hi = n;
		Elf64_Rela r;

		memcpy(&r, rela->data + at, sizeof r);
		if (!is_slot_type(&r))
			continue;
		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (slots[mid].got < r.r_offset)
				lo = mid + 1;
			else
				hi = mid;
		}
		for (; lo < n && slots[lo].got == r.r_offset; lo++)
			name_slot(f, code, rela, &r, &relative, &hits[slots[lo].address]);
	}
}

/* The slot of each address of a PLT section; lazy stubs have theirs in the relocation of their number. */
static size_t collect(const struct elf_file *f, const struct elf_section *plt,
		      const uint64_t *addrs, size_t n, struct slot *slots)
{
	struct elf_section rela;
	int have = elf_section_named(f, ".rela.plt", &rela) && rela.data;
	size_t n_slots = 0;

	for (size_t i = elfsym_lower(addrs, n, plt->addr);
	     i < n && addrs[i] - plt->addr < plt->size; i++) {
		uint64_t got = slot_of(plt, addrs[i]);
		uint32_t number;
		Elf64_Rela r;

		if (!got && have && stub_number(plt, addrs[i], &number) &&
		    number < rela.size / sizeof r) {
			memcpy(&r, rela.data + (uint64_t)number * sizeof r, sizeof r);
			got = r.r_offset;
		}
		if (got)
			slots[n_slots++] = (struct slot){got, i};
	}
	return n_slots;
}

static void name_section(const struct elf_file *f, const struct elfsym_code *code,
			 const struct elf_section *plt, const uint64_t *addrs, size_t n,
			 struct slot *slots, struct elfsym_hit *hits)
{
	size_t n_slots = collect(f, plt, addrs, n, slots);
	struct elf_section rela;
	unsigned seen = 0;

	if (!n_slots)
		return;
	qsort(slots, n_slots, sizeof *slots, by_got);
	for (uint32_t i = 0; i < f->n_sections && seen < SECTIONS_MAX; i++) {
		if (!elf_section_at(f, i, &rela) || rela.type != SHT_RELA || !rela.data)
			continue;
		seen++;
		name_slots(f, code, &rela, slots, n_slots, hits);
	}
}

int elfsym_plt(const struct elf_file *f, const struct elfsym_code *code, const uint64_t *addrs,
	       size_t n, struct elfsym_hit *hits)
{
	struct elf_section s;
	struct slot *slots;
	unsigned seen = 0;

	if (f->machine != EM_X86_64 || !n || n > SIZE_MAX / sizeof *slots)
		return 0;
	slots = malloc(n * sizeof *slots);
	if (!slots)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < f->n_sections && seen < SECTIONS_MAX; i++) {
		if (!elf_section_at(f, i, &s) || !s.data || !(s.flags & SHF_EXECINSTR) ||
		    strncmp(s.name, ".plt", 4) != 0)
			continue;
		seen++;
		name_section(f, code, &s, addrs, n, slots, hits);
	}
	free(slots);
	return 0;
}
