/* Bytes as files, for readers that take a path: a folder in memory if there is one, so that no disk is
 * worn out; gone when the process ends. */
#ifndef FUZZ_SCRATCH_H
#define FUZZ_SCRATCH_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"

static char scratch_dir[64];

static inline void scratch_remove(void)
{
	struct err err = ERR_INIT;

	(void)fsio_remove_tree(scratch_dir, &err); /* it is small and in memory */
}

static inline const char *scratch_folder(void)
{
	if (scratch_dir[0])
		return scratch_dir;
	snprintf(scratch_dir, sizeof scratch_dir, "%s/protea-fuzz.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(scratch_dir))
		abort();
	atexit(scratch_remove);
	return scratch_dir;
}

#define SCRATCH_PATH 160

static inline void scratch_path(char out[SCRATCH_PATH], const char *name)
{
	snprintf(out, SCRATCH_PATH, "%s/%s", scratch_folder(), name);
}

/* Makes the file `name` of these bytes; its path goes to `out`. */
static inline void scratch_write(char out[SCRATCH_PATH], const char *name, const void *bytes,
				 size_t n)
{
	int fd;

	scratch_path(out, name);
	fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || (n && write(fd, bytes, n) != (ssize_t)n) || close(fd) != 0)
		abort();
}

#endif
