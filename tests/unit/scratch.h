/* A fresh folder for a test, and paths and files in it. One test program uses one folder at a time. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"

static char scratch_dir[PATH_MAX];

static inline int scratch_make(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(scratch_dir, sizeof scratch_dir, "%s/protea-test.XXXXXX", base ? base : "/tmp");
	return mkdtemp(scratch_dir) ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
	(void)state;
	return fsio_remove_tree(scratch_dir, NULL);
}

/* Path of `name` in the folder; the last eight results stay valid. */
static inline const char *scratch(const char *name)
{
	static char paths[8][PATH_MAX + 256];
	static unsigned at;
	char *path = paths[at++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", scratch_dir, name);
	return path;
}

static inline const char *scratch_write(const char *name, const void *bytes, size_t n)
{
	const char *path = scratch(name);
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
		abort();
	return path;
}

#endif
