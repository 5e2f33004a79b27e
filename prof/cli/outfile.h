/* A file that appears whole or not at all: written beside its place, synced, renamed. */
#ifndef CLI_OUTFILE_H
#define CLI_OUTFILE_H

#include <stdio.h>

#include "prof/base/err.h"

/* Calls `write` with the new file; the old one (if any) stays until everything is on disk. What is no
 * regular file (a pipe, /dev/stdout) is written to directly. */
int outfile_write(const char *path, int (*write)(FILE *out, void *ctx, struct err *err), void *ctx,
		  struct err *err);

#endif
