/* The files that code of live processes runs from, each once for all processes: opened while the process
 * holds them (through /proc/PID/map_files, /proc/PID/root, /proc/PID/exe, or out of its memory when the file
 * is gone or another one has its name), with their unwind tables. A file stays open, so that it can be named
 * after the process ended, whatever namespace it lived in. And the map of one process's address space. Not
 * thread-safe. Foreign bytes: every file and map is. */
#ifndef ATTACH_MODULES_H
#define ATTACH_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "prof/attach/proc.h"
#include "prof/base/err.h"
#include "prof/elf/elffile.h"
#include "prof/unwind/unwind.h"

#define MODULE_NONE UINT32_MAX

enum module_source {
	MODULE_FILE,   /* the very file that is mapped */
	MODULE_MEMORY, /* rebuilt from the process's memory: deleted, replaced, or not reachable */
	MODULE_VDSO,
	MODULE_JIT,     /* executable memory without a file: names by perf-PID.map */
	MODULE_UNKNOWN, /* neither file nor memory can be had: addresses only */
};

struct attach_module { /* strings are owned by the set */
	/* As the process sees it, without " (deleted)"; "[vdso]", "[jit]", "//anon". No two modules without a
	 * build id have the same: the memory of a further process is "//anon of 123". */
	const char *path;
	char build_id[ELF_BUILD_ID_HEX]; /* "" none */
	/* To open for names while the set lives: "/proc/self/fd/N"; of MODULE_JIT the perf-PID.map. NULL: none */
	const char *file;
	uint64_t start, end, offset; /* as first mapped, the executable mapping */
	enum module_source source;
	int deleted;
	int pid; /* of the process it was met in first */
};

struct module_set;
/* `cache_dir`: of unwind tables ("" or NULL: none; copied). NULL: no memory. */
struct module_set *module_set_new(const char *cache_dir);
void module_set_free(struct module_set *s);
uint32_t module_count(const struct module_set *s);
const struct attach_module *module_get(const struct module_set *s,
				       uint32_t id); /* valid until the next space_… call */

/* The module of that path and build id ("" or NULL: any), or NULL. */
const struct attach_module *module_named(const struct module_set *s, const char *path,
					 const char *build_id);

/* One process's address space. */
struct attach_space;
/* `p` is borrowed and must stay open. NULL: no memory. */
struct attach_space *attach_space_new(struct module_set *set, const struct proc *p);
void attach_space_free(struct attach_space *s);
/* From now on code that was unmapped is known for two seconds more, unless other code lies there: for samples that are
 * read some time after they were taken. */
void attach_space_linger(struct attach_space *s);
/* Reads the maps anew if they may have changed: always when `now_ns` 0, else at most every 100 ms. Cheap when
 * nothing changed. ERR_NOTFOUND: it is gone; ERR_DENIED: maps may not be read; ERR_NOMEM. */
int attach_space_refresh(struct attach_space *s, int64_t now_ns, struct err *err);
/* What perf tells, in the order in which it happened: a file was mapped (PERF_RECORD_MMAP2; it may be gone by now),
 * everything is gone (exec). ERR_NOTFOUND: only the maps can tell what it is. */
struct attach_told {
	uint64_t start, end, offset, device, inode;
	const char *path;
};
int attach_space_told(struct attach_space *s, const struct attach_told *t);
int attach_space_exec(struct attach_space *s);
/* The map to unwind with. unwind_module.id is the module's id in the set; tables of modules are made on
 * first use of attach_space_map() after a refresh (disk cache by build id). */
const struct unwind_map *attach_space_map(struct attach_space *s);
/* Is the address in executable memory that the map knows? */
int attach_space_is_code(struct attach_space *s, uint64_t address);

struct attach_frame {
	uint32_t module; /* MODULE_NONE: rel_addr is the address */
	uint64_t
		rel_addr; /* in the file's own terms, of the byte that names the frame (unwind_lookup()) */
};
struct attach_frame attach_space_frame(struct attach_space *s, uint64_t address);

/* A core file's spaces are made by hand (core.h): one executable mapping. */
struct attach_part {
	uint64_t start, end, offset;
	const char *path;     /* as the process saw it */
	const char *file;     /* to open; NULL: none is to be had */
	const char *build_id; /* of a part without a file; NULL, "": not known */
	const void *image;    /* the module as an ELF image, instead of a file; copied */
	size_t image_len;
	enum module_source source; /* of one without a file */
	int has_bias; /* `bias` is what addresses in the process have more than those in the file */
	uint64_t bias;
};
/* ERR_ARG: the addresses are taken; ERR_NOMEM. What cannot be read is MODULE_UNKNOWN. */
int attach_space_add(struct attach_space *s, const struct attach_part *part, struct err *err);

#endif
