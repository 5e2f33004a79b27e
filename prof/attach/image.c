/* ELF files out of memory: see image.h. The loader relocates some of the dynamic section in place, so that each
 * address in it may be the file's or the process's. */
#include "prof/attach/image.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prof/elf/elffile.h"

#define LOADS_MAX   64
#define PHNUM_MAX   128
#define PAGE        UINT64_C(4096)
#define STEP        ((size_t)1 << 20)     /* read at a time */
#define CODE_MAX    ((uint64_t)256 << 20) /* larger segments of code are left out */
#define SYMBOLS_MAX (UINT32_C(1) << 24)

struct image {
	image_read *read;
	void *ctx;
	uint64_t base, bias; /* of the process: address - bias is the file's */
	Elf64_Ehdr head;
	Elf64_Phdr loads[LOADS_MAX], dynamic;
	uint32_t n_loads;
	int has_dynamic;
	uint8_t *bytes; /* the file, mapped */
	uint64_t size;  /* of the segments */
	uint64_t room;  /* and of what comes behind them */
};

/* What .dynamic tells, in the file's terms; 0: nothing. */
struct tags {
	uint64_t symtab, strtab, strsz, hash, gnu_hash;
};

enum { SEC_NULL, SEC_MARK, SEC_DYNSYM, SEC_DYNSTR, SEC_NAMES, SECTIONS };

static const char section_names[] = "\0" ELF_IMAGE_MARK "\0.dynsym\0.dynstr\0.shstrtab";
#define NAME_MARK   1
#define NAME_DYNSYM (NAME_MARK + sizeof ELF_IMAGE_MARK)
#define NAME_DYNSTR (NAME_DYNSYM + sizeof ".dynsym")
#define NAME_NAMES  (NAME_DYNSTR + sizeof ".dynstr")

static int no_elf(struct err *err, uint64_t base)
{
	return err_set(err, ERR_FORMAT, "no ELF file is mapped at 0x%llx",
		       (unsigned long long)base);
}

/* ---- headers ---- */

static int read_head(struct image *m, struct err *err)
{
	const Elf64_Ehdr *h = &m->head;

	if (m->read(m->ctx, m->base, &m->head, sizeof m->head) != (long)sizeof m->head ||
	    memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_ident[EI_VERSION] != EV_CURRENT ||
	    (h->e_type != ET_EXEC && h->e_type != ET_DYN) || h->e_phentsize != sizeof(Elf64_Phdr) ||
	    h->e_phnum == 0 || h->e_phnum > PHNUM_MAX || h->e_phoff > PAGE * 16)
		return no_elf(err, m->base);
	return 0;
}

static int add_load(struct image *m, const Elf64_Phdr *ph)
{
	if (m->n_loads == LOADS_MAX || ph->p_offset > INT64_MAX || ph->p_filesz > INT64_MAX ||
	    ph->p_filesz > ph->p_memsz || ph->p_memsz > UINT64_MAX - ph->p_vaddr)
		return -1;
	if (ph->p_offset + ph->p_filesz > m->size)
		m->size = ph->p_offset + ph->p_filesz;
	m->loads[m->n_loads++] = *ph;
	return 0;
}

static int read_segments(struct image *m, struct err *err)
{
	Elf64_Phdr ph[PHNUM_MAX];
	long want = (long)(m->head.e_phnum * sizeof ph[0]);
	int found = 0;

	if (m->read(m->ctx, m->base + m->head.e_phoff, ph, (size_t)want) != want)
		return no_elf(err, m->base);
	for (uint32_t i = 0; i < m->head.e_phnum; i++) {
		if (ph[i].p_type == PT_DYNAMIC && !m->has_dynamic) {
			m->dynamic = ph[i];
			m->has_dynamic = 1;
		}
		if (ph[i].p_type != PT_LOAD || ph[i].p_filesz == 0)
			continue;
		if (add_load(m, &ph[i]))
			return no_elf(err, m->base);
		if (ph[i].p_offset < PAGE && !found) { /* it holds the header */
			m->bias = m->base - (ph[i].p_vaddr - ph[i].p_offset);
			found = 1;
		}
	}
	return found ? 0 : no_elf(err, m->base);
}

/* ---- segments ---- */

/* Page by page behind one that cannot be read. */
static void copy_segment(struct image *m, const Elf64_Phdr *ph)
{
	uint64_t from = m->bias + ph->p_vaddr, done = 0;

	while (done < ph->p_filesz) {
		uint64_t left = ph->p_filesz - done;
		size_t step = left < STEP ? (size_t)left : STEP;
		long n = m->read(m->ctx, from + done, m->bytes + ph->p_offset + done, step);

		if (n > 0)
			done += (uint64_t)n;
		else
			done += PAGE - ((from + done) & (PAGE - 1));
	}
}

static void copy_segments(struct image *m)
{
	for (uint32_t i = 0; i < m->n_loads; i++)
		if (!(m->loads[i].p_flags & PF_X) || m->loads[i].p_filesz <= CODE_MAX)
			copy_segment(m, &m->loads[i]);
}

/* The file's bytes at one of its addresses, as far as they go. */
static const uint8_t *bytes_at(const struct image *m, uint64_t vaddr, uint64_t *len)
{
	for (uint32_t i = 0; i < m->n_loads; i++) {
		const Elf64_Phdr *ph = &m->loads[i];

		if (vaddr >= ph->p_vaddr && vaddr - ph->p_vaddr < ph->p_filesz) {
			*len = ph->p_filesz - (vaddr - ph->p_vaddr);
			return m->bytes + ph->p_offset + (vaddr - ph->p_vaddr);
		}
	}
	*len = 0;
	return NULL;
}

/* ---- dynamic symbols ---- */

static uint64_t own_address(const struct image *m, uint64_t value)
{
	uint64_t len;

	if (m->bias && value >= m->base && bytes_at(m, value - m->bias, &len))
		return value - m->bias;
	return bytes_at(m, value, &len) ? value : 0;
}

static void take_tag(struct image *m, const Elf64_Dyn *d, struct tags *t)
{
	switch (d->d_tag) {
	case DT_SYMTAB:
		t->symtab = own_address(m, d->d_un.d_ptr);
		break;
	case DT_STRTAB:
		t->strtab = own_address(m, d->d_un.d_ptr);
		break;
	case DT_STRSZ:
		t->strsz = d->d_un.d_val;
		break;
	case DT_HASH:
		t->hash = own_address(m, d->d_un.d_ptr);
		break;
	case DT_GNU_HASH:
		t->gnu_hash = own_address(m, d->d_un.d_ptr);
		break;
	default:
		break;
	}
}

static void read_tags(struct image *m, struct tags *t)
{
	uint64_t len = 0;
	const uint8_t *p = m->has_dynamic ? bytes_at(m, m->dynamic.p_vaddr, &len) : NULL;

	memset(t, 0, sizeof *t);
	if (len > m->dynamic.p_filesz)
		len = m->dynamic.p_filesz;
	for (; p && len >= sizeof(Elf64_Dyn); p += sizeof(Elf64_Dyn), len -= sizeof(Elf64_Dyn)) {
		Elf64_Dyn d;

		memcpy(&d, p, sizeof d);
		if (d.d_tag == DT_NULL)
			break;
		take_tag(m, &d, t);
	}
}

static uint32_t word(const uint8_t *p, uint64_t i)
{
	uint32_t v;

	memcpy(&v, p + 4 * i, sizeof v);
	return v;
}

/* The number of symbols by the GNU hash table: the end of the chain that begins last. */
static uint64_t count_gnu(const struct image *m, uint64_t vaddr)
{
	uint64_t len, buckets, chains, last = 0;
	const uint8_t *p = bytes_at(m, vaddr, &len);
	uint32_t n, first, bloom;

	if (len < 16)
		return 0;
	n = word(p, 0);
	first = word(p, 1);
	bloom = word(p, 2);
	buckets = 4 + (uint64_t)bloom * 2; /* in words */
	chains = buckets + n;
	len /= 4;
	if (chains > len)
		return 0;
	for (uint64_t i = buckets; i < chains; i++)
		if (word(p, i) > last)
			last = word(p, i);
	if (last < first)
		return first;
	while (chains + (last - first) < len && !(word(p, chains + (last - first)) & 1))
		last++;
	return last + 1;
}

static uint64_t count_symbols(const struct image *m, const struct tags *t)
{
	uint64_t len = 0, room, n = 0;
	const uint8_t *p;

	if (t->hash && (p = bytes_at(m, t->hash, &len)) != NULL && len >= 8)
		n = word(p, 1);
	else if (t->gnu_hash)
		n = count_gnu(m, t->gnu_hash);
	if (!n && t->strtab > t->symtab) /* linkers put the names behind the symbols */
		n = (t->strtab - t->symtab) / sizeof(Elf64_Sym);
	if (!bytes_at(m, t->symtab, &room))
		return 0;
	room /= sizeof(Elf64_Sym);
	return n < room ? n : room;
}

/* ---- section headers ---- */

static Elf64_Shdr header_of(const struct image *m, uint32_t name, uint32_t type, uint64_t vaddr,
			    uint64_t size)
{
	uint64_t len;
	const uint8_t *p = bytes_at(m, vaddr, &len);
	Elf64_Shdr sh = {.sh_name = name, .sh_type = type, .sh_flags = SHF_ALLOC};

	if (!p) {
		sh.sh_type = SHT_NULL;
		return sh;
	}
	sh.sh_addr = vaddr;
	sh.sh_offset = (uint64_t)(p - m->bytes);
	sh.sh_size = size < len ? size : len;
	sh.sh_addralign = 1;
	return sh;
}

static void put_sections(struct image *m)
{
	uint64_t at = (m->size + 15) & ~UINT64_C(15), names = at + SECTIONS * sizeof(Elf64_Shdr);
	Elf64_Shdr sh[SECTIONS] = {0};
	struct tags t;
	uint64_t n;

	read_tags(m, &t);
	n = t.symtab && t.strtab ? count_symbols(m, &t) : 0;
	sh[SEC_MARK] = (Elf64_Shdr){.sh_name = NAME_MARK, .sh_type = SHT_NOBITS};
	if (n && n < SYMBOLS_MAX) {
		sh[SEC_DYNSYM] =
			header_of(m, NAME_DYNSYM, SHT_DYNSYM, t.symtab, n * sizeof(Elf64_Sym));
		sh[SEC_DYNSYM].sh_entsize = sizeof(Elf64_Sym);
		sh[SEC_DYNSYM].sh_link = SEC_DYNSTR;
		sh[SEC_DYNSTR] = header_of(m, NAME_DYNSTR, SHT_STRTAB, t.strtab, t.strsz);
	}
	sh[SEC_NAMES] = (Elf64_Shdr){.sh_name = NAME_NAMES,
				     .sh_type = SHT_STRTAB,
				     .sh_offset = names,
				     .sh_size = sizeof section_names};
	memcpy(m->bytes + at, sh, sizeof sh);
	memcpy(m->bytes + names, section_names, sizeof section_names);
	m->head.e_shoff = at;
	m->head.e_shentsize = sizeof(Elf64_Shdr);
	m->head.e_shnum = SECTIONS;
	m->head.e_shstrndx = SEC_NAMES;
	memcpy(m->bytes, &m->head, sizeof m->head);
}

int image_make(int fd, image_read *read, void *ctx, uint64_t base, uint64_t max_bytes,
	       struct err *err)
{
	struct image m = {.read = read, .ctx = ctx, .base = base};
	int rc = read_head(&m, err);

	if (rc == 0)
		rc = read_segments(&m, err);
	if (rc)
		return rc;
	/* The headers that were read are the file's own. */
	if (m.size < sizeof m.head || m.size < m.head.e_phoff + m.head.e_phnum * sizeof(Elf64_Phdr))
		return no_elf(err, base);
	if (m.size > max_bytes)
		return err_set(err, ERR_LIMIT, "the ELF file at 0x%llx has %llu bytes, too many",
			       (unsigned long long)base, (unsigned long long)m.size);
	m.room = ((m.size + 15) & ~UINT64_C(15)) + SECTIONS * sizeof(Elf64_Shdr) +
		 sizeof section_names;
	if (ftruncate(fd, (off_t)m.room))
		return err_sys(err, ERR_IO, "cannot keep a module's image");
	m.bytes = mmap(NULL, (size_t)m.room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m.bytes == MAP_FAILED)
		return err_sys(err, ERR_IO, "cannot keep a module's image");
	copy_segments(&m);
	put_sections(&m);
	(void)munmap(m.bytes, (size_t)m.room);
	return 0;
}
