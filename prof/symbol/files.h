/* The files that tell of a module: its own, the one with its debug information, the one they share with
 * others (dwz), the small symbol table inside (minidebuginfo). Each is taken only if it belongs to the
 * module: by build id, or by checksum where a file is named by .gnu_debuglink. Private to prof/symbol. */
#ifndef SYMBOL_FILES_H
#define SYMBOL_FILES_H

#include <limits.h>

#include "prof/base/buf.h"
#include "prof/elf/elffile.h"
#include "prof/symbol/symbol.h"

struct files {
	struct elf_file main, debug, alt, mini;
	int have_main, have_debug, have_alt, have_mini;
	int partial;      /* `main` was put together from memory: its names are not all there are */
	void *mini_bytes; /* owned */
	char main_path[PATH_MAX], debug_path[PATH_MAX];
	char root[40]; /* "/proc/PID/root" of a living process that sees other files than we; "" */
	char build_id[ELF_BUILD_ID_HEX]; /* recorded, or else of the file; "" if there is none */
	struct buf missing;              /* NUL-terminated paths whose appearance would tell more */
	struct buf warning;              /* sentences, "; " between them */
};

/* 0, or ERR_NOMEM; what is not there is not an error. files_close() is due in both cases. */
int files_open(struct files *f, const struct symbol_module *module,
	       const struct symbol_options *options);
void files_close(struct files *f);
/* The view that has debug information; NULL: none has. */
const struct elf_file *files_dwarf(const struct files *f);
void files_warn(struct files *f, const char *fmt, ...) ERR_PRINTF(2, 3);
/* Lower-case hex, or "" for anything else: the id becomes part of paths. NULL is fine. */
void files_copy_id(char out[ELF_BUILD_ID_HEX], const char *id);
int files_has_debug(const struct elf_file *f);
int files_has_symtab(const struct elf_file *f);

/* debugfile.c: the file with debug information of f->main, and the one that it shares. */
int files_find_debug(struct files *f, const struct symbol_options *options);
int files_find_alt(struct files *f, const struct symbol_options *options);

/* mini.c: unpacks .gnu_debugdata of f->main into f->mini. 0 or ERR_NOMEM. */
int files_open_mini(struct files *f);
/* debuginfod.c: asks the servers for the debug file of a build id. 1 and its path; 0: not had. */
int debuginfod_fetch(const char *build_id, char *path, size_t size);

/* vdso.c: this process's own vDSO; 1, or 0 if there is none. */
int vdso_image(struct elf_file *f);

#endif
