/* ELF files with symbols and DWARF 4 put together by hand, and names asked of them. For unit tests only. */
#ifndef TESTS_MADE_DWARF_H
#define TESTS_MADE_DWARF_H

#include <fcntl.h>
#include <unistd.h>

#include "prof/base/buf.h"
#include "prof/symbol/dwarf_const.h"
#include "prof/symbol/symbol.h"
#include "tests/unit/elf_bytes.h"
#include "tests/unit/scratch.h"

#define MADE_TEXT      0x1000
#define MADE_TEXT_SIZE 0x1000

struct made {
	struct elf_bytes elf;
	struct buf syms, names, info, abbrev, line;
};

static inline void made_init(struct made *m)
{
	static const uint8_t code[MADE_TEXT_SIZE];

	memset(m, 0, sizeof *m);
	m->syms = m->names = m->info = m->abbrev = m->line = (struct buf)BUF_INIT;
	eb_init(&m->elf);
	eb_section(&m->elf, ".text", SHT_PROGBITS, MADE_TEXT, code, sizeof code)->sh_flags =
		SHF_ALLOC | SHF_EXECINSTR;
	buf_put(&m->syms, &(Elf64_Sym){0}, sizeof(Elf64_Sym));
	buf_put(&m->names, "", 1);
}

static inline void made_symbol(struct made *m, const char *name, uint64_t value, uint64_t size,
			       unsigned bind, unsigned type)
{
	Elf64_Sym s = {.st_name = (uint32_t)m->names.len,
		       .st_info = (unsigned char)ELF64_ST_INFO(bind, type),
		       .st_shndx = 1,
		       .st_value = value,
		       .st_size = size};

	buf_put(&m->syms, &s, sizeof s);
	buf_put(&m->names, name, strlen(name) + 1);
}

/* One abbreviation: its code, tag, whether it has children, then pairs of name and form, all as bytes. */
static inline void made_abbrev(struct made *m, const void *bytes, size_t n)
{
	buf_put(&m->abbrev, bytes, n);
	buf_put(&m->abbrev, "\0\0", 2);
}

/* The header of a unit; its length is put right by made_write(). */
static inline void made_unit(struct made *m)
{
	buf_put_u32(&m->info, 0);
	buf_put_u16(&m->info, 4);
	buf_put_u32(&m->info, 0);
	buf_putc(&m->info, 8);
}

static inline const char *made_write(struct made *m, const char *name)
{
	const char *path = scratch(name);
	Elf64_Shdr *symtab;
	int fd;

	if (m->info.len) {
		uint32_t len = (uint32_t)m->info.len - 4;

		memcpy(m->info.data, &len, sizeof len);
		buf_putc(&m->abbrev, 0);
		eb_section(&m->elf, ".debug_info", SHT_PROGBITS, 0, m->info.data, m->info.len);
		eb_section(&m->elf, ".debug_abbrev", SHT_PROGBITS, 0, m->abbrev.data,
			   m->abbrev.len);
		if (m->line.len)
			eb_section(&m->elf, ".debug_line", SHT_PROGBITS, 0, m->line.data,
				   m->line.len);
	}
	eb_section(&m->elf, ".strtab", SHT_STRTAB, 0, m->names.data, m->names.len);
	symtab = eb_section(&m->elf, ".symtab", SHT_SYMTAB, 0, m->syms.data, m->syms.len);
	symtab->sh_link = m->elf.eh.e_shnum - 2u; /* .strtab, just before */
	symtab->sh_entsize = sizeof(Elf64_Sym);
	eb_finish(&m->elf, 1);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, m->elf.data, m->elf.len) != (ssize_t)m->elf.len || close(fd) < 0)
		return NULL;
	buf_release(&m->syms);
	buf_release(&m->names);
	buf_release(&m->info);
	buf_release(&m->abbrev);
	buf_release(&m->line);
	return path;
}

/* The chain of one address as "outer < inner", in a buffer of the caller. */
static inline const char *made_ask(const char *path, const char *id, uint64_t addr, char out[512],
				   char *warning, size_t warning_size)
{
	struct symbol_options options = {.debug_dirs = ""};
	struct symbol_module module = {.path = path, .build_id = id};
	struct strtab *strings = strtab_new();
	struct symbolizer *s = symbolizer_new(strings, &options);
	struct symbol_answer a = {0};
	size_t len = 0;

	out[0] = 0;
	if (s && symbolize(s, &module, &addr, 1, &a, warning, warning_size) == 0) {
		for (uint32_t i = a.first[0]; i < a.first[1] && len < 400; i++)
			len += (size_t)snprintf(out + len, 512 - len, "%s%.200s", i ? " < " : "",
						strtab_text(strings, a.frames[i].function));
	}
	symbol_answer_release(&a);
	symbolizer_free(s);
	strtab_free(strings);
	return out;
}

#endif
