/* A core file as a snap: threads by NT_PRSTATUS, memory by its PT_LOAD segments and the files of NT_FILE, names by
 * NT_PRPSINFO. Nothing live is touched. Foreign bytes. */
#ifndef ATTACH_CORE_H
#define ATTACH_CORE_H

#include "prof/attach/modules.h"
#include "prof/attach/snap.h"

struct core;
/* `sysroot` (may be NULL) is put before the paths of NT_FILE. ERR_IO, ERR_FORMAT (no core, cut off: says where),
 * ERR_UNSUPPORTED (32-bit, other machine), ERR_NOMEM. */
int core_open(struct core **out, const char *path, const char *sysroot, struct module_set *set,
	      struct err *err);
/* The same of bytes that stay where they are until core_close(). */
int core_from_bytes(struct core **out, const void *bytes, size_t len, const char *name,
		    const char *sysroot, struct module_set *set, struct err *err);
void core_close(struct core *c);
/* The thread that a signal ended first, then the main thread, then by tid. 0 or ERR_NOMEM. */
int core_snap(struct core *c, struct snap *s, uint32_t max_frames, struct err *err);
struct attach_space *core_space(struct core *c);
/* Files that are missing or other ones by now, what was cut off; "" */
const char *core_warning(const struct core *c);
const char *core_command(const struct core *c); /* its first 80 bytes; "" */

#endif
