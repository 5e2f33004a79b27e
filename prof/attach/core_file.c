/* Parsing a core file: program headers by hand, because a core that was cut off has lost its section headers and the
 * last segments, and is worth reading nevertheless. Layouts: fs/binfmt_elf.c of Linux, <sys/procfs.h>, elf(5);
 * gdb's gcore writes notes in another order and a page size of 1. */
#include "prof/attach/core_file.h"

#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_US INT64_C(1000)

/* Formats that cores are kept in, and what unpacks them. */
static const struct packed {
	uint8_t magic[4];
	size_t n;
	const char *name, *tool;
} packings[] = {
	{{0x28, 0xb5, 0x2f, 0xfd}, 4, "zstd", "zstd -d"},
	{{0x04, 0x22, 0x4d, 0x18}, 4, "lz4", "lz4 -d"},
	{{0xfd, '7', 'z', 'X'}, 4, "xz", "xz -d"},
	{{0x1f, 0x8b}, 2, "gzip", "gzip -d"},
	{{'B', 'Z', 'h'}, 3, "bzip2", "bzip2 -d"},
};

static int refuse_header(const uint8_t *p, size_t len, const char *name, struct err *err)
{
	size_t i;

	for (i = 0; i < sizeof(packings) / sizeof(packings[0]); i++)
		if (len >= packings[i].n && memcmp(p, packings[i].magic, packings[i].n) == 0)
			return err_set(err, ERR_FORMAT,
				       "'%s' is packed with %s: unpack it first (%s)", name,
				       packings[i].name, packings[i].tool);
	if (len < EI_NIDENT || memcmp(p, ELFMAG, SELFMAG) != 0)
		return err_set(err, ERR_FORMAT, "'%s' is no core file: it does not begin as ELF%s",
			       name, len ? "" : ", it is empty");
	if (p[EI_CLASS] == ELFCLASS32)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is the core of a 32-bit program, which is not supported",
			       name);
	if (p[EI_CLASS] != ELFCLASS64 || p[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is the core of another kind of machine: only x86-64 is read",
			       name);
	if (len < sizeof(Elf64_Ehdr))
		return err_set(err, ERR_FORMAT, "'%s' is cut off after %zu bytes", name, len);
	return 0;
}

static int check_header(const Elf64_Ehdr *eh, const char *name, struct err *err)
{
	if (eh->e_type != ET_CORE)
		return err_set(err, ERR_FORMAT,
			       "'%s' is no core file but %s: a core is what the kernel or gcore "
			       "writes of a process",
			       name,
			       eh->e_type == ET_REL ? "an object file" : "a program or library");
	if (eh->e_machine != EM_X86_64)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is the core of another kind of machine (ELF number %u): only "
			       "x86-64 is read",
			       name, eh->e_machine);
	return 0;
}

/* ---- program headers ---- */

struct headers {
	const uint8_t *at;
	uint32_t n;
	uint16_t size;
};

static int inside(const struct core_file *f, uint64_t offset, uint64_t size)
{
	return offset <= f->len && size <= f->len - offset;
}

static int find_headers(const struct core_file *f, const Elf64_Ehdr *eh, struct headers *h,
			const char *name, struct err *err)
{
	Elf64_Shdr first;

	h->n = eh->e_phnum;
	h->size = eh->e_phentsize;
	if (h->n == PN_XNUM && eh->e_shoff && inside(f, eh->e_shoff, sizeof(first))) {
		/* gABI: the number is in the first section header if it does not fit. */
		memcpy(&first, f->bytes + eh->e_shoff, sizeof(first));
		h->n = first.sh_info;
	}
	if (h->size < sizeof(Elf64_Phdr) || h->n == 0 || eh->e_phoff > f->len)
		return err_set(err, ERR_FORMAT, "'%s' is cut off or damaged: no program headers",
			       name);
	h->at = f->bytes + eh->e_phoff;
	if ((f->len - eh->e_phoff) / h->size < h->n)
		return err_set(err, ERR_FORMAT,
			       "'%s' is cut off at %zu bytes, within its program headers", name,
			       f->len);
	return 0;
}

static Elf64_Phdr header_at(const struct headers *h, uint32_t i)
{
	Elf64_Phdr ph;

	memcpy(&ph, h->at + (size_t)i * h->size, sizeof(ph));
	return ph;
}

/* How much of [offset, offset + size) the file has. */
static uint64_t there(struct core_file *f, uint64_t offset, uint64_t size)
{
	uint64_t has = offset >= f->len ? 0 : f->len - offset;

	if (has >= size)
		return size;
	if (f->missing <= UINT64_MAX - (size - has))
		f->missing += size - has;
	return has;
}

static int by_start(const void *a, const void *b)
{
	const struct core_segment *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int read_segments(struct core_file *f, const struct headers *h, struct err *err)
{
	uint32_t i;

	f->segments = calloc(h->n, sizeof(*f->segments)); /* the headers are in the file */
	if (!f->segments)
		return err_nomem(err, "the segments of a core file");
	for (i = 0; i < h->n; i++) {
		Elf64_Phdr ph = header_at(h, i);
		struct core_segment *s = &f->segments[f->n_segments];

		if (ph.p_type != PT_LOAD || ph.p_memsz == 0 || ph.p_memsz > UINT64_MAX - ph.p_vaddr)
			continue;
		s->start = ph.p_vaddr;
		s->end = ph.p_vaddr + ph.p_memsz;
		s->size = ph.p_filesz < ph.p_memsz ? ph.p_filesz : ph.p_memsz;
		s->size = there(f, ph.p_offset, s->size);
		s->bytes = s->size ? f->bytes + ph.p_offset : NULL;
		s->executable = (ph.p_flags & PF_X) != 0;
		f->n_segments++;
	}
	if (f->n_segments)
		qsort(f->segments, f->n_segments, sizeof(*f->segments), by_start);
	return 0;
}

const struct core_segment *core_file_segment(const struct core_file *f, uint64_t address)
{
	uint32_t lo = 0, hi = f->n_segments;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->segments[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && address < f->segments[lo - 1].end ? &f->segments[lo - 1] : NULL;
}

/* ---- notes ---- */

static void note_status(struct core_thread *t, const uint8_t *p)
{
	struct elf_prstatus s;

	memcpy(&s, p, sizeof(s));
	_Static_assert(sizeof(s.pr_reg) == sizeof(t->reg), "27 registers of 8 bytes");
	t->tid = s.pr_pid;
	t->signal = s.pr_cursig;
	memcpy(t->reg, &s.pr_reg, sizeof(t->reg));
	/* A negative or absurd time is none. */
	if (s.pr_utime.tv_sec >= 0 && s.pr_stime.tv_sec >= 0 && s.pr_utime.tv_sec < INT32_MAX &&
	    s.pr_stime.tv_sec < INT32_MAX && s.pr_utime.tv_usec >= 0 &&
	    s.pr_utime.tv_usec < 1000000 && s.pr_stime.tv_usec >= 0 && s.pr_stime.tv_usec < 1000000)
		t->cpu_ns = (s.pr_utime.tv_sec + s.pr_stime.tv_sec) * NS_PER_S +
			    (s.pr_utime.tv_usec + s.pr_stime.tv_usec) * NS_PER_US;
}

static int add_thread(struct core_file *f, const uint8_t *p, size_t n, struct err *err)
{
	if (n < sizeof(struct elf_prstatus))
		return 0;
	if (f->n_threads == f->cap_threads) {
		uint32_t cap = f->cap_threads ? f->cap_threads * 2 : 16;
		struct core_thread *grown =
			reallocarray(f->threads, cap, sizeof(*grown)); /* each has its note */

		if (!grown)
			return err_nomem(err, "the threads of a core file");
		f->threads = grown;
		f->cap_threads = cap;
	}
	memset(&f->threads[f->n_threads], 0, sizeof(*f->threads));
	note_status(&f->threads[f->n_threads++], p);
	return 0;
}

/* The kernel writes one, behind the first thread's status: the signal that ended the process. gcore writes one
 * behind each. */
static void note_siginfo(struct core_file *f, const uint8_t *p, size_t n)
{
	struct core_thread *t = f->n_threads ? &f->threads[f->n_threads - 1] : NULL;
	siginfo_t info;

	if (!t || n < sizeof(info))
		return;
	memcpy(&info, p, sizeof(info));
	t->has_info = 1;
	t->info_signal = info.si_signo;
	t->info_code = info.si_code;
	t->info_address = info.si_code > 0 ? (uint64_t)(uintptr_t)info.si_addr
					   : (uint64_t)(uint32_t)info.si_pid;
}

static void note_process(struct core_file *f, const uint8_t *p, size_t n)
{
	struct elf_prpsinfo s;

	if (n < sizeof(s))
		return;
	memcpy(&s, p, sizeof(s));
	f->pid = s.pr_pid;
	f->state = s.pr_sname;
	memcpy(f->name, s.pr_fname, sizeof(s.pr_fname));
	memcpy(f->arguments, s.pr_psargs, sizeof(s.pr_psargs));
	n = strlen(f->arguments);
	while (n && f->arguments[n - 1] == ' ') /* what the kernel writes for NULs */
		f->arguments[--n] = '\0';
}

static void note_auxv(struct core_file *f, const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i + sizeof(Elf64_auxv_t) <= n; i += sizeof(Elf64_auxv_t)) {
		Elf64_auxv_t a;

		memcpy(&a, p + i, sizeof(a));
		switch (a.a_type) {
		case AT_NULL:
			return;
		case AT_SYSINFO_EHDR:
			f->vdso = a.a_un.a_val;
			break;
		case AT_PHDR:
			f->phdr = a.a_un.a_val;
			break;
		case AT_PHNUM:
			f->phnum = a.a_un.a_val;
			break;
		case AT_ENTRY:
			f->entry = a.a_un.a_val;
			break;
		case AT_EXECFN:
			f->execfn = a.a_un.a_val;
			break;
		default:
			break;
		}
	}
}

static int by_mapping_start(const void *a, const void *b)
{
	const struct core_mapping *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

void core_file_sort(struct core_file *f)
{
	if (f->n_mappings)
		qsort(f->mappings, f->n_mappings, sizeof(*f->mappings), by_mapping_start);
}

static uint64_t word(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* count, page size, count times (start, end, offset in pages), count texts. */
static int note_files(struct core_file *f, const uint8_t *p, size_t n, struct err *err)
{
	const char *text, *end = (const char *)p + n;
	uint64_t count, page, i;

	if (f->mappings || n < 16)
		return 0;
	count = word(p);
	page = word(p + 8);
	if (count > (n - 16) / 25) /* 24 bytes and an end of text each */
		return 0;
	f->mappings = calloc((size_t)count + 1, sizeof(*f->mappings));
	if (!f->mappings)
		return err_nomem(err, "the mapped files of a core file");
	text = (const char *)p + 16 + 24 * count;
	for (i = 0; i < count; i++) {
		struct core_mapping *m = &f->mappings[f->n_mappings];
		const uint8_t *row = p + 16 + 24 * i;
		const char *stop = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;

		if (!stop)
			break;
		m->start = word(row);
		m->end = word(row + 8);
		m->path = text;
		text = stop + 1;
		if (m->start < m->end &&
		    !__builtin_mul_overflow(word(row + 16), page, &m->offset) &&
		    m->offset <= UINT64_MAX - (m->end - m->start))
			f->n_mappings++;
	}
	core_file_sort(f);
	return 0;
}

const struct core_mapping *core_file_mapping(const struct core_file *f, uint64_t address)
{
	uint32_t lo = 0, hi = f->n_mappings;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->mappings[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && address < f->mappings[lo - 1].end ? &f->mappings[lo - 1] : NULL;
}

static int take_note(struct core_file *f, uint32_t type, const uint8_t *p, size_t n,
		     struct err *err)
{
	switch (type) {
	case NT_PRSTATUS:
		return add_thread(f, p, n, err);
	case NT_PRPSINFO:
		note_process(f, p, n);
		return 0;
	case NT_SIGINFO:
		note_siginfo(f, p, n);
		return 0;
	case NT_AUXV:
		note_auxv(f, p, n);
		return 0;
	case NT_FILE:
		return note_files(f, p, n, err);
	default:
		return 0;
	}
}

/* Up to the next multiple of 4, which is what both writers use whatever p_align says; at most `len`. */
static size_t padded(size_t at, size_t len)
{
	size_t to = (at + 3) & ~(size_t)3;

	return to < at || to > len ? len : to;
}

static int read_notes(struct core_file *f, const uint8_t *p, size_t len, struct err *err)
{
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && len - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		size_t name = at + sizeof(n), desc;

		memcpy(&n, p + at, sizeof(n));
		if (n.n_namesz > len - name)
			break;
		desc = padded(name + n.n_namesz, len);
		if (n.n_descsz > len - desc)
			break;
		if (n.n_namesz >= 4 && memcmp(p + name, "CORE", 4) == 0)
			rc = take_note(f, n.n_type, p + desc, n.n_descsz, err);
		at = padded(desc + n.n_descsz, len);
	}
	return rc;
}

static int read_all_notes(struct core_file *f, const struct headers *h, struct err *err)
{
	uint64_t budget = f->len; /* notes do not overlap; a lie about that must not cost time */
	uint32_t i;
	int rc = 0;

	for (i = 0; i < h->n && rc == 0; i++) {
		Elf64_Phdr ph = header_at(h, i);
		uint64_t has = ph.p_type == PT_NOTE ? there(f, ph.p_offset, ph.p_filesz) : 0;

		if (has > budget)
			has = budget;
		budget -= has;
		if (has)
			rc = read_notes(f, f->bytes + ph.p_offset, (size_t)has, err);
	}
	return rc;
}

/* ---- the whole ---- */

static int parse(struct core_file *f, const char *name, struct err *err)
{
	struct headers h = {0};
	Elf64_Ehdr eh;
	int rc = refuse_header(f->bytes, f->len, name, err);

	if (rc)
		return rc;
	memcpy(&eh, f->bytes, sizeof(eh));
	rc = check_header(&eh, name, err);
	if (rc == 0)
		rc = find_headers(f, &eh, &h, name, err);
	if (rc == 0)
		rc = read_segments(f, &h, err);
	if (rc == 0)
		rc = read_all_notes(f, &h, err);
	if (rc == 0 && f->n_threads == 0)
		rc = err_set(err, ERR_FORMAT,
			     f->missing ? "'%s' is cut off: of %zu bytes none tells of a thread "
					  "(the disk may have been full, or a limit on core size)"
					: "'%s' has %zu bytes, but none tells of a thread",
			     name, f->len);
	return rc;
}

int core_file_parse(struct core_file *f, const void *bytes, size_t len, const char *name,
		    struct err *err)
{
	int rc;

	memset(f, 0, sizeof(*f));
	f->bytes = bytes;
	f->len = len;
	rc = parse(f, name, err);
	if (rc)
		core_file_release(f);
	return rc;
}

void core_file_release(struct core_file *f)
{
	while (f->n_texts)
		free(f->texts[--f->n_texts]);
	free(f->texts);
	free(f->segments);
	free(f->mappings);
	free(f->threads);
	memset(f, 0, sizeof(*f));
}
