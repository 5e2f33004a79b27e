/* An ELF file put together again from the memory of a process that has it mapped: its segments, and section headers for
 * what can be found by them (dynamic symbols), so that unwind tables and names can be made of it. What is
 * not mapped (symbol table, debug information, section names) is not there: such a file has the section ELF_IMAGE_MARK. Foreign bytes: the memory is. */
#ifndef ATTACH_IMAGE_H
#define ATTACH_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

/* Up to `len` bytes at an address of the process: how many from the beginning could be read, or -1. */
typedef long image_read(void *ctx, uint64_t address, void *out, size_t len);

/* The file whose ELF header lies at `base`, into `fd`, an empty file (memfd_create()). What cannot be read is zero.
 * ERR_FORMAT (no ELF header of a 64-bit program there), ERR_LIMIT (larger than `max_bytes`), ERR_IO. */
int image_make(int fd, image_read *read, void *ctx, uint64_t base, uint64_t max_bytes,
	       struct err *err);

#endif
