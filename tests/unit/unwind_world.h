/* The modules of a live process with their tables, by /proc/PID/maps; for tests and benchmarks of the
 * unwinder. Memory of another process is read through process_vm_readv. */
#ifndef TESTS_UNWIND_WORLD_H
#define TESTS_UNWIND_WORLD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "prof/elf/elffile.h"
#include "prof/unwind/table.h"
#include "prof/unwind/unwind.h"

#define WORLD_MAX 64

struct world {
	pid_t pid;
	struct unwind_module modules[WORLD_MAX];
	size_t mapped[WORLD_MAX]; /* of tables that unwind_table_get() gave; 0: built from bytes */
	char paths[WORLD_MAX][256];
	struct unwind_map map;
};

static inline int world_read(pid_t pid, uint64_t address, void *bytes, size_t n)
{
	struct iovec here = {bytes, n}, there = {(void *)(uintptr_t)address, n};

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)n ? 0 : -1;
}

static inline void world_vdso(struct world *w, struct unwind_module *m)
{
	struct unwind_table *table = NULL;
	struct elf_file file;
	size_t n = (size_t)(m->end - m->start);
	uint8_t *bytes = malloc(n);

	if (bytes && world_read(w->pid, m->start, bytes, n) == 0 &&
	    elf_from_bytes(&file, bytes, n, "vdso", NULL) == 0) {
		unwind_table_build(&table, &file, NULL, NULL);
		m->bias = m->start; /* linked at 0 */
	}
	m->table = table;
	free(bytes);
}

static inline void world_file(struct world *w, uint32_t i, uint64_t offset)
{
	struct unwind_module *m = &w->modules[i];
	const struct unwind_table *table = NULL;
	struct elf_file file;
	uint64_t vaddr;

	if (elf_open(&file, w->paths[i], NULL) < 0)
		return;
	if (elf_offset_to_vaddr(&file, offset, &vaddr) &&
	    unwind_table_get(&table, &w->mapped[i], w->paths[i], NULL, NULL, NULL) == 0) {
		m->table = table;
		m->bias = m->start - vaddr;
	}
	elf_close(&file);
}

/* All that is executable. Tables of files that were known before are kept. 0 or -1. */
static inline int world_load(struct world *w, pid_t pid, uint32_t flags)
{
	char line[512], name[64];
	FILE *f;

	memset(w, 0, sizeof *w);
	w->pid = pid;
	snprintf(name, sizeof name, "/proc/%d/maps", (int)pid);
	f = fopen(name, "re");
	if (!f)
		return -1;
	while (w->map.n < WORLD_MAX && fgets(line, sizeof line, f)) {
		unsigned long start, end, offset;
		char path[256] = "", perms[5];

		if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %255[^\n]", &start, &end, perms, &offset,
			   path) < 4 ||
		    perms[2] != 'x' || strcmp(path, "[vsyscall]") == 0)
			continue;
		w->modules[w->map.n] =
			(struct unwind_module){start, end, start, NULL, w->map.n, flags};
		snprintf(w->paths[w->map.n], sizeof w->paths[0], "%s", path);
		if (strcmp(path, "[vdso]") == 0)
			world_vdso(w, &w->modules[w->map.n]);
		else if (path[0] == '/')
			world_file(w, w->map.n, offset);
		w->map.n++;
	}
	fclose(f);
	w->map.generation = 1;
	w->map.modules = w->modules;
	return w->map.n ? 0 : -1;
}

static inline void world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->map.n; i++) {
		if (w->paths[i][0] == '/' && w->modules[i].table)
			unwind_table_release(w->modules[i].table, w->mapped[i]);
		else
			unwind_table_free((struct unwind_table *)(uintptr_t)w->modules[i].table);
	}
}

/* The stack that holds an address of this process: [lo, hi). */
static inline int world_own_stack(struct unwind_memory *m, uint64_t sp)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int found = -1;

	while (f && found < 0 && fgets(line, sizeof line, f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && sp >= start && sp < end) {
			*m = (struct unwind_memory){start, end, (const uint8_t *)start, NULL, NULL};
			found = 0;
		}
	}
	if (f)
		fclose(f);
	return found;
}

#endif
