/* Files: whole-file reads with a limit, write-aside-and-rename, folders, locks. A file under its
 * final name is always complete. Errors name the path and, when a disk is full, how much room there
 * is. Thread-safe (no shared state). */
#ifndef CORE_FSIO_H
#define CORE_FSIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

/* "dir/name"; `name` alone if it is absolute. malloc'ed, NULL: no memory. */
char *fsio_join(const char *dir, const char *name);
/* Folder part of a path ("." if none), malloc'ed. */
char *fsio_dirname(const char *path);
/* A leading "~/" becomes $HOME/; relative paths are taken from `base` (NULL: left alone).
 * malloc'ed. */
char *fsio_resolve(const char *base, const char *path);
/* Absolute form of a path that need not exist; malloc'ed, NULL: no memory. */
char *fsio_absolute(const char *path);

int fsio_mkdirs(const char *dir, struct err *err); /* like mkdir -p, mode 0777 & ~umask */
int fsio_exists(const char *path);                 /* 1 a file or folder is there, 0 not */
int fsio_read_all(const char *path, size_t max_bytes, struct buf *out, struct err *err);
int fsio_size(const char *path, uint64_t *bytes, struct err *err);
int fsio_free_bytes(const char *path, uint64_t *bytes); /* of the nearest existing parent; 0/-1 */
int fsio_remove(const char *path);                      /* a missing file is fine; 0/-1 errno */
int fsio_remove_tree(const char *dir, struct err *err); /* never follows links */
int fsio_copy(const char *from, const char *to, struct err *err); /* by write-aside */

/* A file being written beside its final name ("name.tmp.PID.N", same folder). */
struct fsio_out {
	int fd;                /* -1 when closed */
	char *path;            /* owned: the final name */
	char *tmp;             /* owned */
	uint64_t offset;       /* bytes written so far */
	unsigned char *buffer; /* owned; unwritten bytes */
	size_t buffered;
};

int fsio_create(struct fsio_out *out, const char *path, struct err *err);
int fsio_write(struct fsio_out *out, const void *bytes, size_t n, struct err *err);
/* Flush, fsync, rename to the final name, fsync the folder. After this, or fsio_abort, the struct
 * may be forgotten. On failure the temporary file is removed and nothing has the final name. */
int fsio_commit(struct fsio_out *out, struct err *err);
void fsio_abort(struct fsio_out *out); /* removes the temporary file; fine on a zeroed struct */
/* Convenience: all of the above for bytes at hand. */
int fsio_write_file(const char *path, const void *bytes, size_t n, struct err *err);

/* Exclusive flock on `path` (created). `wait`: block, else ERR_EXISTS when someone holds it.
 * Returns an fd >= 0 or a negative code. The lock dies with the process. */
int fsio_lock(const char *path, int wait, struct err *err);
void fsio_unlock(int fd);

#endif
