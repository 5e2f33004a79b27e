/* The program to start: where it is, and whether the agent can get into it. */
#ifndef RECORD_PROGRAM_H
#define RECORD_PROGRAM_H

#include <limits.h>
#include <stddef.h>

#include "prof/base/err.h"

enum program_kind {
	PROGRAM_PRELOADABLE, /* dynamically linked against glibc, or a script */
	PROGRAM_STATIC,
	PROGRAM_OTHER_LIBC,
	PROGRAM_32_BIT,
	PROGRAM_PRIVILEGED, /* set-user-ID or the like: the loader refuses preloads */
};

struct program {
	char path[PATH_MAX];
	enum program_kind kind;
	int preload;    /* LD_PRELOAD does no harm (and may reach its children) */
	char note[128]; /* why it cannot take the agent; "" */
};

/* Finds `name` as execvp() would. ERR_NOTFOUND, ERR_UNSUPPORTED (there, but not executable), with the
 * reason. */
int program_find(struct program *p, const char *name, struct err *err);
/* libprotea-prof.so: `given`, or beside this program, or where it is installed. */
int agent_find(char path[PATH_MAX], const char *given, struct err *err);

#endif
