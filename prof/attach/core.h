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
void core_close(struct core *c);
int core_snap(struct core *c, struct snap *s, uint32_t max_frames, struct err *err);
struct attach_space *core_space(struct core *c);
const char *
core_warning(const struct core *c); /* files that are missing or other ones by now; "" */

#endif
