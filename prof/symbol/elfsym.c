/* Names by symbol tables: see elfsym.h. Among symbols that cover an address the choice is by type, then
 * the innermost, then binding, size and name, so it does not depend on the order of the table. */
#include "prof/symbol/elfsym.h"

#include <string.h>

#include "prof/symbol/text.h"

#define STEPS_MAX  (UINT64_C(1) << 25) /* against tables in which every symbol covers everything */
#define TABLES_MAX 2 /* a file has one of a type; against a thousand over the same bytes */

size_t elfsym_lower(const uint64_t *addrs, size_t n, uint64_t low)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addrs[mid] < low)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void add_range(struct elfsym_code *code, uint64_t addr, uint64_t size)
{
	uint64_t high;

	if (!size || code->n == ELFSYM_RANGES || __builtin_add_overflow(addr, size, &high))
		return;
	if (!code->n || addr < code->low)
		code->low = addr;
	if (!code->n || high > code->high)
		code->high = high;
	code->ranges[code->n].low = addr;
	code->ranges[code->n++].high = high;
}

void elfsym_code(const struct elf_file *f, struct elfsym_code *code)
{
	struct elf_section s;
	struct elf_segment seg;

	memset(code, 0, sizeof *code);
	for (uint32_t i = 0; i < f->n_sections; i++) {
		if (elf_section_at(f, i, &s) && (s.flags & SHF_EXECINSTR) && (s.flags & SHF_ALLOC))
			add_range(code, s.addr, s.size);
	}
	for (uint32_t i = 0; !code->n && i < f->n_segments; i++) {
		if (elf_segment_at(f, i, &seg) && seg.type == PT_LOAD && (seg.flags & PF_X))
			add_range(code, seg.vaddr, seg.memsz);
	}
}

int elfsym_in_code(const struct elfsym_code *code, uint64_t address, unsigned *range)
{
	for (unsigned i = 0; i < code->n; i++) {
		if (address >= code->ranges[i].low && address < code->ranges[i].high) {
			*range = i;
			return 1;
		}
	}
	return 0;
}

struct span elfsym_text(struct span strings, uint64_t offset)
{
	struct span s = span_text(strings, offset, TEXT_SEEN_MAX);
	const uint8_t *at = s.n > 1 ? memchr(s.p + 1, '@', s.n - 1) : NULL;

	if (at)
		s.n = (size_t)(at - s.p);
	return s;
}

static int compare_names(struct span a, struct span b)
{
	int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int is_better(const struct elfsym_name *a, const struct elfsym_name *b)
{
	if (!b->name.n)
		return 1;
	if (a->no_type != b->no_type)
		return a->no_type < b->no_type;
	if (a->value != b->value)
		return a->value > b->value;
	if (a->binding != b->binding)
		return a->binding < b->binding;
	if (a->size != b->size)
		return a->size < b->size;
	return compare_names(a->name, b->name) < 0;
}

/* Is it a symbol of code? Then its ranks. */
static int classify(const Elf64_Sym *sym, struct elfsym_name *out)
{
	unsigned type = ELF64_ST_TYPE(sym->st_info), bind = ELF64_ST_BIND(sym->st_info);

	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return 0;
	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS || !sym->st_name)
		return 0;
	out->name = (struct span){NULL, 0};
	out->no_type = type == STT_NOTYPE;
	out->binding = bind == STB_LOCAL ? 2 : bind == STB_WEAK ? 1 : 0;
	out->value = sym->st_value;
	out->size = sym->st_size;
	return 1;
}

/* Offers a symbol to the addresses it may name; returns the steps that took. Its name is read only if
 * there is such an address. */
static uint64_t offer(struct elfsym_name *s, struct span strings, uint32_t name,
		      const uint64_t *addrs, size_t n, struct elfsym_hit *hits)
{
	size_t first = elfsym_lower(addrs, n, s->value), i = first;

	if (first == n)
		return 1;
	if (!s->size || addrs[first] - s->value < s->size)
		s->name = elfsym_text(strings, name);
	for (; s->name.n && s->size && i < n && addrs[i] - s->value < s->size; i++) {
		if (is_better(s, &hits[i].best))
			hits[i].best = *s;
	}
	if (!s->size && s->name.n && is_better(s, &hits[first].near))
		hits[first].near = *s;
	if (s->value > hits[first].start)
		hits[first].start = s->value;
	/* What comparing and reading such a name costs, in steps of its own. */
	return (i - first + 1) * (1 + s->name.n / 64);
}

size_t elfsym_find(const struct elf_file *f, uint32_t table, const struct elfsym_code *code,
		   const uint64_t *addrs, size_t n, struct elfsym_hit *hits)
{
	struct elf_section s, str;
	uint64_t steps = 0;
	size_t found = 0;
	unsigned range, tables = 0;

	for (uint32_t i = 0; i < f->n_sections && tables < TABLES_MAX; i++) {
		if (!elf_section_at(f, i, &s) || s.type != table || !s.data ||
		    s.entsize < sizeof(Elf64_Sym) || !elf_section_at(f, s.link, &str) || !str.data)
			continue;
		tables++;
		for (uint64_t at = 0; s.size - at >= s.entsize && steps < STEPS_MAX;
		     at += s.entsize) {
			struct elfsym_name name;
			Elf64_Sym sym;

			memcpy(&sym, s.data + at, sizeof sym);
			if (!classify(&sym, &name) || !elfsym_in_code(code, name.value, &range))
				continue;
			found++;
			/* No function reaches out of its section. */
			if (name.size > code->ranges[range].high - name.value)
				name.size = code->ranges[range].high - name.value;
			steps += offer(&name, (struct span){str.data, (size_t)str.size},
				       sym.st_name, addrs, n, hits);
		}
	}
	return found;
}

void elfsym_settle(const struct elfsym_code *code, const uint64_t *addrs, size_t n,
		   struct elfsym_hit *hits)
{
	unsigned mine, its;

	for (size_t i = 0; i < n; i++) {
		struct elfsym_hit *h = &hits[i], *before = i ? h - 1 : NULL;

		if (before && before->start > h->start)
			h->start = before->start;
		if (before && before->near.name.n &&
		    (!h->near.name.n || before->near.value > h->near.value))
			h->near = before->near;
	}
	for (size_t i = 0; i < n; i++) {
		struct elfsym_hit *h = &hits[i];

		if (!h->best.name.n && h->near.name.n && h->near.value >= h->start &&
		    elfsym_in_code(code, addrs[i], &mine) &&
		    elfsym_in_code(code, h->near.value, &its) && mine == its)
			h->best = h->near;
	}
}
