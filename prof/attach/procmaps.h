/* /proc/PID/maps as ranges. The text is foreign: lines that make no sense are passed over. */
#ifndef ATTACH_PROCMAPS_H
#define ATTACH_PROCMAPS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct procmap {
	uint64_t start, end, offset;
	uint64_t device, inode; /* as makedev() makes one; 0, 0: no file */
	int executable;
	const char
		*path; /* NUL-terminated; "" anonymous; "[vdso]", "/usr/lib/libc.so.6 (deleted)" */
};

/* Calls `each` per sound line of `text` (changed in place, `len` bytes, text[len] writable); a value
 * other than 0 stops and is returned. */
int procmaps_parse(char *text, size_t len, int (*each)(void *ctx, const struct procmap *m),
		   void *ctx);
/* The same for a process's file. ERR_NOTFOUND: no such process any more. */
int procmaps_read(int pid, int (*each)(void *ctx, const struct procmap *m), void *ctx,
		  struct err *err);

/* A small file of /proc in one read, NUL-terminated, at most size - 1 bytes: its length or -1. */
long procfile_read(char *out, size_t size, const char *path);
/* Field 22 of /proc/PID/stat, the state's letter in *state (may be NULL); 0: no such process. */
uint64_t procstat_start(int pid, char *state);

#endif
