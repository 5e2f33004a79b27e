/* Modules out of a process's memory: where the file is gone, has been replaced, or may not be opened; and the
 * vDSO, which has none. */
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prof/attach/image.h"
#include "prof/attach/maps.h"
#include "prof/attach/modules_internal.h"

#define IMAGE_BYTES ((uint64_t)1 << 30) /* sparse: only what is read takes memory */
#define MAPS_BYTES  ((size_t)256 << 20)

static long read_memory(void *ctx, uint64_t address, void *out, size_t len)
{
	return pread(*(int *)ctx, out, len, (off_t)address);
}

struct search {
	const struct module_mapping *m;
	uint64_t header; /* where the file's first byte is mapped */
	int found;
};

/* The last such mapping before the code: a file may be loaded more than once. */
static int is_header(void *ctx, const struct procmap *m)
{
	struct search *s = ctx;

	if (m->start > s->m->start)
		return 1;
	if (m->offset == 0 && m->inode == s->m->inode && m->device == s->m->device) {
		s->header = m->start;
		s->found = 1;
	}
	return 0;
}

static int find_header(const struct proc *p, const struct module_mapping *m, uint64_t *header)
{
	struct search s = {.m = m};
	struct buf text;
	int as_text = 0, rc;

	buf_init(&text, MAPS_BYTES);
	rc = maps_each(p, MAPS_FILES, &as_text, &text, is_header, &s, NULL);
	buf_release(&text);
	*header = s.header;
	return rc >= 0 && s.found;
}

/* The process's memory, and where the file begins in it. -1: may not be read; MODULE_NO_ELF: not mapped. */
static int open_at_header(const struct proc *p, const struct module_mapping *m, uint64_t *header)
{
	int memory = proc_openat(p, "mem", O_RDONLY);

	if (memory >= 0 && !find_header(p, m, header)) {
		(void)close(memory);
		return MODULE_NO_ELF;
	}
	return memory;
}

int module_open_memory(const struct proc *p, const struct module_mapping *m)
{
	uint64_t header;
	int memory = open_at_header(p, m, &header), fd, rc;

	if (memory < 0)
		return memory;
	fd = memfd_create("protea-prof module", MFD_CLOEXEC);
	rc = fd < 0 ? -1 : image_make(fd, read_memory, &memory, header, IMAGE_BYTES, NULL);
	(void)close(memory);
	if (rc == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return rc == ERR_FORMAT ? MODULE_NO_ELF : -1;
}

/* By the file's first page, where linkers put the note. */
static int id_in_memory(const struct proc *p, const struct module_mapping *m,
			char id[ELF_BUILD_ID_HEX])
{
	_Alignas(Elf64_Ehdr) uint8_t page[4096];
	uint64_t header;
	int memory = open_at_header(p, m, &header);
	Elf64_Ehdr *head = (void *)page;
	struct elf_file f;
	long n;

	id[0] = '\0';
	if (memory < 0)
		return 0;
	n = pread(memory, page, sizeof page, (off_t)header);
	(void)close(memory);
	if (n != (long)sizeof page)
		return 0;
	head->e_shoff = 0; /* sections are not mapped */
	return elf_from_bytes(&f, page, sizeof page, m->path, NULL) == 0 && elf_build_id(&f, id);
}

int module_mapped_id(const struct proc *p, const struct module_mapping *m,
		     char id[ELF_BUILD_ID_HEX])
{
	return maps_build_id(p, m->start, id) || id_in_memory(p, m, id);
}

static long read_at(int fd, uint64_t address, void *out, size_t len)
{
	long n = fd < 0 ? -1 : pread(fd, out, len, (off_t)address);

	if (fd >= 0)
		(void)close(fd);
	return n;
}

/* Every 64-bit process under one kernel has the same image: ours does where theirs may not be read. */
long module_read_vdso(const struct proc *p, const struct module_mapping *m, void *out, size_t size)
{
	size_t len = m->end - m->start < size ? (size_t)(m->end - m->start) : size;
	long n = read_at(proc_openat(p, "mem", O_RDONLY), m->start, out, len);

	return n > 0 ? n
		     : read_at(open("/proc/self/mem", O_RDONLY | O_CLOEXEC),
			       getauxval(AT_SYSINFO_EHDR), out, len);
}
