/* The memory of a process by its core file: what was dumped, and for code that was not the files it came from, if
 * they are still the same. Private to core*.c. Foreign bytes. */
#ifndef ATTACH_CORE_MEMORY_H
#define ATTACH_CORE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "prof/attach/core_file.h"
#include "prof/elf/elffile.h"
#include "prof/unwind/unwind.h"

enum core_image_state {
	CORE_IMAGE_FILE, /* the file is there and is the one that was mapped, as far as can be told */
	CORE_IMAGE_MISSING, /* it cannot be opened, or is no ELF file */
	CORE_IMAGE_OTHER,   /* its build id is not that of the core */
};

struct core_image { /* a program or library as it was mapped: neighbouring mappings of one file */
	const char *path;                /* in the process */
	char *file;                      /* owned: to open, with the sysroot */
	uint32_t first, n;               /* mappings of the core file */
	uint64_t start, end;             /* of all of them */
	char build_id[ELF_BUILD_ID_HEX]; /* by the memory that was dumped; "" not known */
	enum core_image_state state;
	int is_elf;          /* as far as the core or the file tell */
	struct elf_file elf; /* CORE_IMAGE_FILE */
};

struct core_memory {
	const struct core_file *core; /* borrowed */
	struct core_image *images;    /* owned, by start */
	uint32_t n, cap;
	uint8_t seam[16]; /* a word that begins in one segment and ends in the next */
};

/* 0 or ERR_NOMEM; files that are missing are no failure. */
int core_memory_init(struct core_memory *m, const struct core_file *core, const char *sysroot,
		     struct err *err);
void core_memory_release(struct core_memory *m); /* a zeroed one is fine */

/* Up to `len` bytes at `address`: how many from the beginning are known. */
size_t core_memory_read(const struct core_memory *m, uint64_t address, void *out, size_t len);
/* A text of at most size - 1 bytes, NUL-terminated; its length or -1. */
long core_memory_text(const struct core_memory *m, uint64_t address, char *out, size_t size);
/* An unwind_memory over it; `m` must not move. */
void core_memory_window(struct core_memory *m, struct unwind_memory *window);

/* The program headers of an ELF file mapped at `start`, as the core has them; how many, 0: not there, or no ELF. */
#define CORE_IMAGE_HEADERS 64 /* more are not looked at; real programs have about 13 */
uint32_t core_memory_headers(const struct core_memory *m, uint64_t start,
			     Elf64_Phdr out[CORE_IMAGE_HEADERS]);
/* Where a file of the process is looked for (malloc'ed); NULL: no memory. */
char *core_memory_path(const char *sysroot, const char *path);
/* Does the mapping hold code? */
int core_memory_executable(const struct core_memory *m, const struct core_image *image,
			   const struct core_mapping *mapping);

#endif
