/* What the parts of a core file's reader share. Private to prof/attach/core*.c. */
#ifndef ATTACH_CORE_INTERNAL_H
#define ATTACH_CORE_INTERNAL_H

#include "prof/attach/core.h"
#include "prof/attach/core_file.h"
#include "prof/attach/core_memory.h"
#include "prof/base/buf.h"

struct core {
	void *mapped; /* the file, when it is ours to unmap; `len` of `file` */
	struct core_file file;
	struct core_memory memory;
	struct attach_space *space;
	struct buf warning;
};

/* core_waits.c: what a thread was in and waited for, from its registers and the core's memory. */
void core_describe_call(struct core *c, const struct core_thread *thread, struct snap_thread *row);

#endif
