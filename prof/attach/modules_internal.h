/* What the parts of module sets share: mappings as they are met, entries, how files are found. Private to
 * prof/attach/modules*.c and space*.c. */
#ifndef ATTACH_MODULES_INTERNAL_H
#define ATTACH_MODULES_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "prof/attach/modules.h"

struct module_mapping { /* one executable mapping */
	uint64_t start, end, offset;
	uint64_t device, inode; /* as the kernel tells them; 0: no file */
	const char *path;       /* without " (deleted)" */
	int deleted;
};

struct module_load { /* a PT_LOAD */
	uint64_t offset, vaddr, filesz, memsz;
	uint32_t flags;
};

struct module_entry {
	struct attach_module pub;
	char *path, *name; /* owned: as mapped; pub.path where that is another, or NULL */
	int fd;            /* pub.file's; -1: none */
	char file[32];
	struct stat st;            /* of `fd` */
	uint64_t device, inode;    /* as mapped, where no file could be had */
	struct module_load *loads; /* owned */
	uint32_t n_loads;
	const struct unwind_table *table;
	size_t table_bytes; /* what unwind_table_release() needs; 0: built, for unwind_table_free() */
	struct unwind_table *built;
	int table_tried;
};

struct module_set {
	struct module_entry **entries; /* owned, each */
	uint32_t n, cap;
	char *cache_dir; /* owned */
};

/* The module of a mapping, met now or before. 0 or ERR_NOMEM: what cannot be read is MODULE_UNKNOWN. */
int module_meet(struct module_set *s, const struct proc *p, const struct module_mapping *m,
		uint32_t *id);
/* The same without a process: `file` is what to open; NULL: nothing. */
int module_meet_path(struct module_set *s, const struct module_mapping *m, const char *file,
		     uint32_t *id);
/* A file that was mapped a moment ago and may not be any more: found by its path, taken only if it is that very inode.
 * ERR_NOTFOUND: it is not, or no ELF file. */
int module_meet_told(struct module_set *s, const struct proc *p, const struct module_mapping *m,
		     uint32_t *id);
/* One without a file, of the process `pid` (0: of none that lives). */
int module_meet_plain(struct module_set *s, int pid, const struct module_mapping *m,
		      enum module_source source, uint32_t *id);
/* A module out of an ELF image in memory (copied); `path` as above. ERR_FORMAT, ERR_IO, ERR_NOMEM. */
int module_meet_image(struct module_set *s, int pid, const struct module_mapping *m,
		      enum module_source source, const void *bytes, size_t len, uint32_t *id,
		      struct err *err);
/* Address - bias is the address in the file's terms, for its mapping of `offset` at `start`. */
uint64_t module_bias(const struct module_set *s, uint32_t id, uint64_t start, uint64_t offset);
/* Are these addresses of its file code, all of them? */
int module_has_code(const struct module_set *s, uint32_t id, uint64_t lo, uint64_t hi);
/* Made on first use; NULL: there is none. */
const struct unwind_table *module_table(struct module_set *s, uint32_t id);

/* modules_open.c: the file of a mapping, open for reading; -1: none is to be had. */
int module_open_file(const struct proc *p, const struct module_mapping *m);
int module_open_path(const char *path); /* a regular file, or -1 */
/* The same below the root of a process, whose folder is `dir`: links lead where they lead for it. */
int module_open_below(int dir, const char *path);
/* Gives an entry its file; the descriptor is its from now on. */
void module_set_file(struct module_entry *e, int fd);

/* modules_jit.c: looks for the perf-PID.map of a process, the file of its MODULE_JITs. */
void module_find_maps(struct module_set *s, const struct proc *p);

/* modules_memory.c: a file put together from the process's memory; -1: none is to be had, MODULE_NO_ELF: what is
 * mapped is no ELF file. */
#define MODULE_NO_ELF (-2)
int module_open_memory(const struct proc *p, const struct module_mapping *m);
/* The build id of what is mapped: 1, or 0 and "": not known. */
int module_mapped_id(const struct proc *p, const struct module_mapping *m,
		     char id[ELF_BUILD_ID_HEX]);
/* Bytes of the vDSO that is mapped: how many, or -1. */
long module_read_vdso(const struct proc *p, const struct module_mapping *m, void *out, size_t size);

#endif
