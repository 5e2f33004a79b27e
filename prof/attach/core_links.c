/* Which files were mapped where, of a core that does not list them (NT_FILE: Linux 3.7 and gdb 7.5 on): the program's
 * headers by AT_PHDR, its dynamic section, there the linker's list (struct r_debug and link_map of <link.h>), which
 * lies in memory that every core has. */
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/core_file.h"
#include "prof/attach/core_memory.h"

#define LINKS_MAX   4096 /* libraries of a process; a hostile list may go round in circles */
#define DYNAMIC_MAX 256
#define PATH_SIZE   4096
#define PAGE        4096u

struct links {
	struct core_file *f;
	struct core_memory memory; /* of segments only */
	const char *sysroot;
	uint32_t cap;
};

static int keep_path(struct core_file *f, const char *path, const char **kept)
{
	char **grown = reallocarray(f->texts, f->n_texts + 1, sizeof(*grown));

	if (!grown)
		return ERR_NOMEM;
	f->texts = grown;
	f->texts[f->n_texts] = strdup(path);
	if (!f->texts[f->n_texts])
		return ERR_NOMEM;
	*kept = f->texts[f->n_texts++];
	return 0;
}

static int add_mapping(struct links *l, const struct core_mapping *m)
{
	struct core_file *f = l->f;

	if (f->n_mappings == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 64;
		struct core_mapping *grown = reallocarray(f->mappings, cap, sizeof(*grown));

		if (!grown)
			return ERR_NOMEM;
		f->mappings = grown;
		l->cap = cap;
	}
	f->mappings[f->n_mappings++] = *m;
	return 0;
}

static int add_part(struct links *l, uint64_t bias, const Elf64_Phdr *ph, const char *path)
{
	struct core_mapping m = {.path = path};
	uint64_t end;

	if (ph->p_type != PT_LOAD || ph->p_filesz == 0 ||
	    __builtin_add_overflow(bias + ph->p_vaddr, ph->p_filesz + PAGE - 1, &end) ||
	    ph->p_filesz > INT64_MAX)
		return 0;
	m.start = (bias + ph->p_vaddr) & ~(uint64_t)(PAGE - 1);
	m.end = end & ~(uint64_t)(PAGE - 1);
	m.offset = ph->p_offset & ~(uint64_t)(PAGE - 1);
	if (m.start >= m.end || m.offset > INT64_MAX)
		return 0;
	return add_mapping(l, &m);
}

/* Headers on disk, where the core lacks them. */
static uint32_t headers_of_file(const struct links *l, const char *path,
				Elf64_Phdr out[CORE_IMAGE_HEADERS])
{
	struct elf_segment s;
	struct elf_file elf;
	char *file = core_memory_path(l->sysroot, path);
	uint32_t i = 0;

	if (!file)
		return 0;
	if (elf_open(&elf, file, NULL) == 0) {
		for (; i < CORE_IMAGE_HEADERS && elf_segment_at(&elf, i, &s); i++)
			out[i] = (Elf64_Phdr){.p_type = s.type,
					      .p_flags = s.flags,
					      .p_offset = s.offset,
					      .p_vaddr = s.vaddr,
					      .p_filesz = s.filesz,
					      .p_memsz = s.memsz};
		elf_close(&elf);
	}
	free(file);
	return i;
}

/* A library at `bias`, or the program whose headers are at hand. */
static int add_object(struct links *l, uint64_t bias, const char *path, const Elf64_Phdr *known,
		      uint32_t n)
{
	Elf64_Phdr ph[CORE_IMAGE_HEADERS];
	const char *kept;
	uint32_t i;
	int rc;

	if (!known) {
		n = core_memory_headers(&l->memory, bias, ph);
		if (n == 0)
			n = headers_of_file(l, path, ph);
		known = ph;
	}
	rc = keep_path(l->f, path, &kept);
	for (i = 0; i < n && rc == 0; i++)
		rc = add_part(l, bias, &known[i], kept);
	return rc;
}

static uint64_t dynamic_value(const struct links *l, uint64_t address, int64_t tag)
{
	uint32_t i;

	for (i = 0; i < DYNAMIC_MAX; i++) {
		Elf64_Dyn d;

		if (core_memory_read(&l->memory, address + i * sizeof(d), &d, sizeof(d)) !=
			    sizeof(d) ||
		    d.d_tag == DT_NULL)
			return 0;
		if (d.d_tag == tag)
			return d.d_un.d_val;
	}
	return 0;
}

static int walk_list(struct links *l, uint64_t dynamic)
{
	uint64_t debug = dynamic_value(l, dynamic, DT_DEBUG), at;
	struct r_debug head;
	uint32_t i;
	int rc = 0;

	if (!debug || core_memory_read(&l->memory, debug, &head, sizeof(head)) != sizeof(head))
		return 0;
	at = (uint64_t)(uintptr_t)head.r_map;
	for (i = 0; i < LINKS_MAX && at && rc == 0; i++) {
		struct link_map map;
		char path[PATH_SIZE];

		if (core_memory_read(&l->memory, at, &map, sizeof(map)) != sizeof(map))
			break;
		/* The program itself has no name here, nor has the vDSO. */
		if (core_memory_text(&l->memory, (uint64_t)(uintptr_t)map.l_name, path,
				     sizeof(path)) > 0 &&
		    path[0] == '/')
			rc = add_object(l, map.l_addr, path, NULL, 0);
		at = (uint64_t)(uintptr_t)map.l_next;
	}
	return rc;
}

static int add_program(struct links *l)
{
	Elf64_Phdr ph[CORE_IMAGE_HEADERS];
	struct core_file *f = l->f;
	uint64_t bias = 0, dynamic = 0;
	char path[PATH_SIZE];
	uint32_t n = f->phnum < CORE_IMAGE_HEADERS ? (uint32_t)f->phnum : CORE_IMAGE_HEADERS, i;
	int known = 0, rc;

	n = (uint32_t)(core_memory_read(&l->memory, f->phdr, ph, n * sizeof(*ph)) / sizeof(*ph));
	for (i = 0; i < n && !known; i++) {
		known = ph[i].p_type == PT_PHDR || (ph[i].p_type == PT_LOAD && ph[i].p_offset == 0);
		if (ph[i].p_type == PT_PHDR)
			bias = f->phdr - ph[i].p_vaddr;
		else if (known)
			bias = f->phdr - sizeof(Elf64_Ehdr) - ph[i].p_vaddr;
	}
	if (!known)
		return 0;
	for (i = 0; i < n; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			dynamic = bias + ph[i].p_vaddr;
	if (core_memory_text(&l->memory, f->execfn, path, sizeof(path)) <= 0)
		snprintf(path, sizeof(path), "%s", f->name);
	rc = add_object(l, bias, path, ph, n);
	if (rc == 0 && dynamic)
		rc = walk_list(l, dynamic);
	return rc;
}

int core_links_read(struct core_file *f, const char *sysroot, struct err *err)
{
	struct links l = {.f = f, .memory = {.core = f}, .sysroot = sysroot};

	if (f->n_mappings || !f->phdr)
		return 0;
	free(f->mappings); /* an empty list */
	f->mappings = NULL;
	if (add_program(&l))
		return err_nomem(err, "the mapped files of a core file");
	core_file_sort(f);
	return 0;
}
