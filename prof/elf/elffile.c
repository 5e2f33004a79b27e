/* Reading ELF-64: see elffile.h. Every size and offset of the file is checked here, once, so that the
 * callers get pointers they may use up to the stated size. No malloc, no stdio. */
#include "prof/elf/elffile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int inside(const struct elf_file *f, uint64_t off, uint64_t size)
{
	return off <= f->len && size <= f->len - off;
}

static int bad(struct err *err, const char *name, const char *what)
{
	return err_set(err, ERR_FORMAT, "%s: %s", name, what);
}

/* Tables of `n` entries of at least `min` bytes each. */
static int table_inside(const struct elf_file *f, uint64_t off, uint32_t n, uint16_t entsize,
			size_t min)
{
	return entsize >= min && inside(f, off, (uint64_t)n * entsize);
}

static int raw_section(const struct elf_file *f, uint32_t i, Elf64_Shdr *sh)
{
	if (i >= f->n_sections)
		return 0;
	memcpy(sh, f->bytes + f->shoff + (uint64_t)i * f->shentsize, sizeof *sh);
	return 1;
}

static int read_segments(struct elf_file *f, const Elf64_Ehdr *eh, const Elf64_Shdr *first,
			 const char *name, struct err *err)
{
	/* gABI: the real number is in the first section header if it does not fit. */
	uint32_t n = eh->e_phnum == PN_XNUM && first ? first->sh_info : eh->e_phnum;

	if (eh->e_phoff == 0 || n == 0)
		return 0;
	if (!table_inside(f, eh->e_phoff, n, eh->e_phentsize, sizeof(Elf64_Phdr)))
		return bad(err, name,
			   "the program headers lie outside the file; it is cut off or damaged");
	f->phoff = eh->e_phoff;
	f->phentsize = eh->e_phentsize;
	f->n_segments = n;
	return 0;
}

static int read_sections(struct elf_file *f, const Elf64_Ehdr *eh, const char *name,
			 struct err *err)
{
	static const char *const outside =
		"the section headers lie outside the file; it is cut off or damaged";
	Elf64_Shdr first = {0}, names;
	uint64_t n = eh->e_shnum;
	uint32_t names_at = eh->e_shstrndx;

	if (eh->e_shoff == 0)
		return 0;
	if (!table_inside(f, eh->e_shoff, 1, eh->e_shentsize, sizeof first))
		return n == 0 ? 0 : bad(err, name, outside);
	f->shoff = eh->e_shoff;
	f->shentsize = eh->e_shentsize;
	memcpy(&first, f->bytes + f->shoff, sizeof first);
	if (n == 0)
		n = first.sh_size;
	if (names_at == SHN_XINDEX)
		names_at = first.sh_link;
	if (n > UINT32_MAX || !table_inside(f, f->shoff, (uint32_t)n, f->shentsize, sizeof first)) {
		f->shoff = 0;
		return eh->e_shnum == 0 ? 0 : bad(err, name, outside);
	}
	f->n_sections = (uint32_t)n;
	if (raw_section(f, names_at, &names) && names.sh_type != SHT_NOBITS &&
	    inside(f, names.sh_offset, names.sh_size)) {
		f->names = (const char *)f->bytes + names.sh_offset;
		f->names_len = (size_t)names.sh_size;
	}
	return 0;
}

int elf_from_bytes(struct elf_file *f, const void *bytes, size_t len, const char *name,
		   struct err *err)
{
	Elf64_Ehdr eh;
	Elf64_Shdr first;
	int rc;

	memset(f, 0, sizeof *f);
	if (len < EI_NIDENT || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return bad(err, name, "not an ELF file");
	memcpy(&eh, bytes, len < sizeof eh ? EI_NIDENT : sizeof eh);
	if (eh.e_ident[EI_CLASS] == ELFCLASS32)
		return err_set(err, ERR_UNSUPPORTED, "%s: 32-bit ELF files are not supported",
			       name);
	if (eh.e_ident[EI_DATA] == ELFDATA2MSB)
		return err_set(err, ERR_UNSUPPORTED, "%s: big-endian ELF files are not supported",
			       name);
	if (len < sizeof eh || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_ident[EI_VERSION] != EV_CURRENT)
		return bad(err, name, "the ELF header is cut off or damaged");
	f->bytes = bytes;
	f->len = len;
	f->type = eh.e_type;
	f->machine = eh.e_machine;
	f->entry = eh.e_entry;
	rc = read_sections(f, &eh, name, err);
	if (rc == 0)
		rc = read_segments(f, &eh, raw_section(f, 0, &first) ? &first : NULL, name, err);
	if (rc < 0)
		memset(f, 0, sizeof *f);
	return rc;
}

int elf_open_fd(struct elf_file *f, int fd, const char *name, struct err *err)
{
	struct stat st;
	void *p;
	int rc;

	memset(f, 0, sizeof *f);
	if (fstat(fd, &st) != 0)
		return err_sys(err, ERR_IO, "cannot read %s", name);
	if (!S_ISREG(st.st_mode))
		return bad(err, name, "not a regular file");
	if ((uint64_t)st.st_size < EI_NIDENT)
		return bad(err, name, "not an ELF file");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, ERR_IO, "cannot map %s", name);
	rc = elf_from_bytes(f, p, (size_t)st.st_size, name, err);
	if (rc < 0)
		munmap(p, (size_t)st.st_size);
	else
		f->mapped = 1;
	return rc;
}

int elf_open(struct elf_file *f, const char *path, struct err *err)
{
	/* O_NONBLOCK: a fifo must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	memset(f, 0, sizeof *f);
	if (fd < 0)
		return err_sys(err, ERR_IO, "cannot open %s", path);
	rc = elf_open_fd(f, fd, path, err);
	close(fd); /* only read from */
	return rc;
}

void elf_close(struct elf_file *f)
{
	if (f->mapped)
		munmap((void *)(uintptr_t)f->bytes, f->len);
	memset(f, 0, sizeof *f);
}

/* Longer names count as none, so that a hostile table of names cannot make each section a long search. */
#define NAME_MAX_LEN 4096

static const char *section_name(const struct elf_file *f, uint32_t at)
{
	size_t room = at < f->names_len ? f->names_len - at : 0;

	if (room > NAME_MAX_LEN)
		room = NAME_MAX_LEN;
	return room && memchr(f->names + at, '\0', room) ? f->names + at : "";
}

int elf_section_at(const struct elf_file *f, uint32_t i, struct elf_section *out)
{
	Elf64_Shdr sh;

	memset(out, 0, sizeof *out);
	if (!raw_section(f, i, &sh))
		return 0;
	if (sh.sh_type != SHT_NOBITS && !inside(f, sh.sh_offset, sh.sh_size))
		return 0;
	*out = (struct elf_section){
		.name = section_name(f, sh.sh_name),
		.type = sh.sh_type,
		.link = sh.sh_link,
		.flags = sh.sh_flags,
		.addr = sh.sh_addr,
		.size = sh.sh_size,
		.align = sh.sh_addralign,
		.entsize = sh.sh_entsize,
		.data = sh.sh_type == SHT_NOBITS ? NULL : f->bytes + sh.sh_offset,
	};
	return 1;
}

int elf_section_named(const struct elf_file *f, const char *name, struct elf_section *out)
{
	Elf64_Shdr sh;

	for (uint32_t i = 0; raw_section(f, i, &sh); i++)
		if (strcmp(section_name(f, sh.sh_name), name) == 0)
			return elf_section_at(f, i, out);
	memset(out, 0, sizeof *out);
	return 0;
}

int elf_segment_at(const struct elf_file *f, uint32_t i, struct elf_segment *out)
{
	Elf64_Phdr ph;

	memset(out, 0, sizeof *out);
	if (i >= f->n_segments)
		return 0;
	memcpy(&ph, f->bytes + f->phoff + (uint64_t)i * f->phentsize, sizeof ph);
	if (!inside(f, ph.p_offset, ph.p_filesz))
		return 0;
	*out = (struct elf_segment){
		.type = ph.p_type,
		.flags = ph.p_flags,
		.offset = ph.p_offset,
		.vaddr = ph.p_vaddr,
		.filesz = ph.p_filesz,
		.memsz = ph.p_memsz,
		.align = ph.p_align,
		.data = f->bytes + ph.p_offset,
	};
	return 1;
}

static void to_hex(const uint8_t *id, size_t n, char hex[ELF_BUILD_ID_HEX])
{
	static const char digits[] = "0123456789abcdef";

	if (n > (ELF_BUILD_ID_HEX - 1) / 2)
		n = (ELF_BUILD_ID_HEX - 1) / 2;
	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[id[i] >> 4];
		hex[2 * i + 1] = digits[id[i] & 15];
	}
	hex[2 * n] = '\0';
}

/* Up to the next multiple of 4 or 8, at most `len`. */
static size_t padded(size_t at, size_t align, size_t len)
{
	size_t to = (at + align - 1) & ~(align - 1);

	return to < at || to > len ? len : to;
}

#define NOTES_MAX_LEN 8192 /* real ones take about 100 bytes; bounds the work on hostile files */

int elf_build_id_notes(const void *notes, size_t len, uint64_t align, char hex[ELF_BUILD_ID_HEX])
{
	const uint8_t *p = notes;
	size_t step = align == 8 ? 8 : 4; /* gABI says 8, all but .note.gnu.property use 4 */
	size_t at = 0;

	hex[0] = '\0';
	if (len > NOTES_MAX_LEN)
		len = NOTES_MAX_LEN;
	while (p && len - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		size_t name = at + sizeof n, desc;

		memcpy(&n, p + at, sizeof n);
		if (n.n_namesz > len - name)
			return 0;
		desc = padded(name + n.n_namesz, step, len);
		if (n.n_descsz > len - desc)
			return 0;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == sizeof ELF_NOTE_GNU &&
		    n.n_descsz > 0 && memcmp(p + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0) {
			to_hex(p + desc, n.n_descsz, hex);
			return 1;
		}
		at = padded(desc + n.n_descsz, step, len);
	}
	return 0;
}

int elf_build_id(const struct elf_file *f, char hex[ELF_BUILD_ID_HEX])
{
	hex[0] = '\0';
	for (uint32_t i = 0; i < f->n_segments; i++) {
		struct elf_segment s;

		if (elf_segment_at(f, i, &s) && s.type == PT_NOTE &&
		    elf_build_id_notes(s.data, (size_t)s.filesz, s.align, hex))
			return 1;
	}
	for (uint32_t i = 0; i < f->n_sections; i++) {
		struct elf_section s;

		if (elf_section_at(f, i, &s) && s.type == SHT_NOTE &&
		    elf_build_id_notes(s.data, (size_t)s.size, s.align, hex))
			return 1;
	}
	return 0;
}

int elf_offset_to_vaddr(const struct elf_file *f, uint64_t offset, uint64_t *vaddr)
{
	for (uint32_t i = 0; i < f->n_segments; i++) {
		struct elf_segment s;

		if (elf_segment_at(f, i, &s) && s.type == PT_LOAD && offset >= s.offset &&
		    offset - s.offset < s.filesz) {
			*vaddr = s.vaddr + (offset - s.offset);
			return 1;
		}
	}
	return 0;
}

const char *elf_interpreter(const struct elf_file *f)
{
	for (uint32_t i = 0; i < f->n_segments; i++) {
		struct elf_segment s;

		if (elf_segment_at(f, i, &s) && s.type == PT_INTERP && s.filesz > 0)
			return memchr(s.data, '\0', (size_t)s.filesz) ? (const char *)s.data : NULL;
	}
	return NULL;
}
