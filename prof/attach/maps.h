/* The mappings of a live process, through its folder's descriptor: asked one by one of kernels that can be asked
 * (PROCMAP_QUERY, Linux 6.11), which costs nothing for the mappings that nobody wants; else as text. */
#ifndef ATTACH_MAPS_H
#define ATTACH_MAPS_H

#include "prof/attach/proc.h"
#include "prof/attach/procmaps.h"
#include "prof/base/buf.h"
#include "prof/elf/elffile.h"

enum maps_what {
	MAPS_EXECUTABLE,
	MAPS_FILES, /* of files, executable or not */
};

/* Calls `each` in the order of addresses; a value other than 0 ends it and is returned. `*as_text` is 0 at first
 * and remembers that this kernel cannot be asked; `text` is room, empty at first. ERR_NOTFOUND: it has ended, or
 * has no memory of its own; ERR_DENIED, ERR_IO, ERR_NOMEM. */
int maps_each(const struct proc *p, enum maps_what what, int *as_text, struct buf *text,
	      int (*each)(void *ctx, const struct procmap *m), void *ctx, struct err *err);

/* The build id of the file that is mapped at an address, as the kernel finds it in what is mapped: lower-case hex, and 1;
 * 0 and "": not told. */
int maps_build_id(const struct proc *p, uint64_t address, char id[ELF_BUILD_ID_HEX]);

#endif
