/* The compact unwind table of one module: rows "from this address on, this rule", sorted, 4 bytes a
 * row (low 16 bits of the address and a 16-bit rule number, in pages of 64 KiB) and each rule once.
 * One block of bytes without pointers: it may be kept in a file by build id and mapped read-only.
 *
 * Making one is offline work (never in a handler) and uses no malloc: memory comes from mmap. Looking
 * up is signal-safe. */
#ifndef UNWIND_TABLE_H
#define UNWIND_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct elf_file;
struct unwind_table; /* starts with struct unwind_table_head (table_internal.h) */

#define UNWIND_TABLE_VERSION 3

/* From .eh_frame, completed where that has none by .debug_frame (unless compressed: zlib is not linked into
 * the agent) and by what is known of .plt sections. `*out` is owned:
 * free with unwind_table_free(). A module without any CFI gives a table without rows. CFI that is
 * malformed costs the entries it is in, not the table: `*skipped` (may be NULL) counts them.
 * 0, ERR_NOMEM, ERR_FORMAT (nothing usable), ERR_LIMIT. */
int unwind_table_build(struct unwind_table **out, const struct elf_file *file, uint32_t *skipped,
		       struct err *err);
void unwind_table_free(struct unwind_table *t);

size_t unwind_table_bytes(const struct unwind_table *t);
uint32_t unwind_table_rows(const struct unwind_table *t);
/* Is this block of bytes a whole table of this version (magic, sizes, order, rule numbers, checksum)?
 * What passes can be used without further checks. 0 or ERR_FORMAT. */
int unwind_table_check(const void *bytes, size_t len, struct err *err);

/* Tables on disk by build id: DIR/BUILDID.unw, written aside and renamed. */
/* The default folder: $PROTEA_PROF_CACHE, else $XDG_CACHE_HOME/protea-prof, else ~/.cache/protea-prof
 * (from `environ_list`, an environ-like array), "" if none; signal-unsafe but no malloc. */
void unwind_table_dir(char *path, size_t size, char *const *environ_list);
/* The table of a module: mapped from the cache, or made from the file (`path`) and put there. `dir`
 * "" or NULL: no cache. With build_id NULL or "" it is made anew each time. `*mapped_bytes` tells
 * unwind_table_release() what to unmap. ERR_NOTFOUND: the file at `path` has another build id by now; else
 * the errors of elf_open() and unwind_table_build(). What goes wrong with the cache is no error. */
int unwind_table_get(const struct unwind_table **out, size_t *mapped_bytes, const char *path,
		     const char *build_id, const char *dir, struct err *err);
void unwind_table_release(const struct unwind_table *t, size_t mapped_bytes);

#endif
