/* ELF files put together by hand: a header, room for 8 segments, the bytes of sections, names, section
 * headers. For unit tests only. */
#ifndef TESTS_ELF_BYTES_H
#define TESTS_ELF_BYTES_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

#define EB_SEGMENTS 8
#define EB_SECTIONS 12

struct elf_bytes {
	_Alignas(8) uint8_t data[65536];
	size_t len;
	Elf64_Ehdr eh;
	Elf64_Phdr ph[EB_SEGMENTS];
	Elf64_Shdr sh[EB_SECTIONS]; /* 0 is the empty one */
	char names[512];
	size_t names_len;
};

static inline void eb_init(struct elf_bytes *e)
{
	memset(e, 0, sizeof *e);
	memcpy(e->eh.e_ident, ELFMAG, SELFMAG);
	e->eh.e_ident[EI_CLASS] = ELFCLASS64;
	e->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	e->eh.e_ident[EI_VERSION] = EV_CURRENT;
	e->eh.e_type = ET_DYN;
	e->eh.e_machine = EM_X86_64;
	e->eh.e_version = EV_CURRENT;
	e->eh.e_ehsize = sizeof e->eh;
	e->eh.e_phentsize = sizeof e->ph[0];
	e->eh.e_shentsize = sizeof e->sh[0];
	e->eh.e_shnum = 1;
	e->names_len = 1;
	e->len = sizeof e->eh + sizeof e->ph;
}

/* Bytes at the next multiple of 8; where they are in the file. */
static inline uint64_t eb_put(struct elf_bytes *e, const void *bytes, size_t n)
{
	e->len = (e->len + 7) & ~(size_t)7;
	if (n > sizeof e->data - e->len)
		return 0;
	if (n && bytes)
		memcpy(e->data + e->len, bytes, n);
	e->len += n;
	return e->len - n;
}

/* Its header, for changes before eb_finish(). */
static inline Elf64_Shdr *eb_section(struct elf_bytes *e, const char *name, uint32_t type,
				     uint64_t addr, const void *bytes, size_t n)
{
	Elf64_Shdr *s = &e->sh[e->eh.e_shnum++];

	s->sh_name = (uint32_t)e->names_len;
	s->sh_type = type;
	s->sh_addr = addr;
	s->sh_offset = type == SHT_NOBITS ? 0x7fffffff : eb_put(e, bytes, n);
	s->sh_size = n;
	memcpy(e->names + e->names_len, name, strlen(name) + 1);
	e->names_len += strlen(name) + 1;
	return s;
}

static inline Elf64_Phdr *eb_segment(struct elf_bytes *e, uint32_t type, uint32_t flags,
				     uint64_t offset, uint64_t vaddr, uint64_t size)
{
	Elf64_Phdr *p = &e->ph[e->eh.e_phnum++];

	p->p_type = type;
	p->p_flags = flags;
	p->p_offset = offset;
	p->p_vaddr = vaddr;
	p->p_filesz = p->p_memsz = size;
	p->p_align = 4;
	e->eh.e_phoff = sizeof e->eh;
	return p;
}

/* Without sections (`sections` 0) as after sstrip. */
static inline void eb_finish(struct elf_bytes *e, int sections)
{
	if (sections) {
		e->eh.e_shstrndx = e->eh.e_shnum;
		eb_section(e, ".shstrtab", SHT_STRTAB, 0, NULL, 0);
		e->sh[e->eh.e_shstrndx].sh_size = e->names_len;
		e->sh[e->eh.e_shstrndx].sh_offset = eb_put(e, e->names, e->names_len);
		e->eh.e_shoff = eb_put(e, e->sh, e->eh.e_shnum * sizeof e->sh[0]);
	} else {
		e->eh.e_shnum = e->eh.e_shentsize = 0;
	}
	memcpy(e->data, &e->eh, sizeof e->eh);
	memcpy(e->data + sizeof e->eh, e->ph, sizeof e->ph);
}

/* A note of the GNU build id; how many bytes. */
static inline size_t eb_note(uint8_t *out, uint32_t type, const void *id, uint32_t n)
{
	Elf64_Nhdr h = {sizeof ELF_NOTE_GNU, n, type};

	memset(out, 0, sizeof h + 4 + ((size_t)n + 3) / 4 * 4);
	memcpy(out, &h, sizeof h);
	memcpy(out + sizeof h, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU);
	memcpy(out + sizeof h + 4, id, n);
	return sizeof h + 4 + ((size_t)n + 3) / 4 * 4;
}

#endif
