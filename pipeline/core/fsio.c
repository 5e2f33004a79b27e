/* Paths, whole-file reads, folders and locks: see fsio.h. Files being written are in fsio_out.c. */
#include "pipeline/core/fsio.h"

#include "pipeline/core/cancel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define READ_BLOCK     ((size_t)64 << 10)
#define MAX_TREE_DEPTH 64 /* our own folders nest four deep; each level holds two descriptors */

/* ---- paths ------------------------------------------------------------------------------------ */

char *fsio_join(const char *dir, const char *name)
{
	size_t n = strlen(dir), m = strlen(name);
	char *path;

	if (name[0] == '/' || n == 0)
		return strdup(name);
	path = malloc(n + m + 2);
	if (!path)
		return NULL;
	memcpy(path, dir, n);
	if (dir[n - 1] != '/')
		path[n++] = '/';
	memcpy(path + n, name, m + 1);
	return path;
}

char *fsio_dirname(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/') /* "a/b/" lies in "a" */
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n == 0)
		return strdup(".");
	while (n > 1 && path[n - 1] == '/')
		n--;
	return strndup(path, n);
}

char *fsio_resolve(const char *base, const char *path)
{
	const char *home = getenv("HOME");

	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0') && home && home[0]) {
		const char *rest = path + 1;

		while (*rest == '/')
			rest++;
		return *rest ? fsio_join(home, rest) : strdup(home);
	}
	if (!base || path[0] == '/')
		return strdup(path);
	return fsio_join(base, path);
}

/* Drops "." and empty components in place. ".." stays: after a link it does not lead back. */
static void squeeze(char *path)
{
	const char *in = path;
	char *out = path;

	while (*in) {
		size_t n;

		while (*in == '/')
			in++;
		n = strcspn(in, "/");
		if (n == 0)
			break;
		if (!(n == 1 && in[0] == '.')) {
			*out++ = '/';
			memmove(out, in, n);
			out += n;
		}
		in += n;
	}
	if (out == path)
		*out++ = '/';
	*out = '\0';
}

char *fsio_absolute(const char *path)
{
	char *here, *full;

	if (path[0] == '/') {
		full = strdup(path);
	} else {
		here = getcwd(NULL, 0);
		if (!here)
			return NULL;
		full = fsio_join(here, path);
		free(here);
	}
	if (full)
		squeeze(full);
	return full;
}

/* ---- what is there ---------------------------------------------------------------------------- */

static int missing(int sys)
{
	return sys == ENOENT || sys == ENOTDIR;
}

static int open_error(struct err *err, const char *path)
{
	return err_sys(err, missing(errno) ? ERR_NOTFOUND : ERR_IO, "cannot open %s", path);
}

int fsio_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

int fsio_size(const char *path, uint64_t *bytes, struct err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return open_error(err, path);
	*bytes = (uint64_t)st.st_size;
	return 0;
}

int fsio_free_bytes(const char *path, uint64_t *bytes)
{
	char *at = strdup(path);
	struct statvfs vfs;

	while (at && statvfs(at, &vfs) != 0) {
		char *up = missing(errno) && strcmp(at, ".") != 0 && strcmp(at, "/") != 0
				   ? fsio_dirname(at)
				   : NULL;

		free(at);
		at = up;
	}
	if (!at)
		return -1;
	free(at);
	*bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return 0;
}

static int read_fd(int fd, const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	size_t total = 0;

	for (;;) {
		/* One byte beyond the limit is asked for, to tell "exactly full" from "more". */
		size_t want = max_bytes - total < READ_BLOCK ? max_bytes - total + 1 : READ_BLOCK;
		char *at = buf_reserve(out, want);
		ssize_t n;

		if (!at)
			return buf_failed(out) == ERR_NOMEM
				       ? err_nomem(err, path)
				       : err_set(err, ERR_LIMIT, "%s is too large", path);
		n = read(fd, at, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, "cannot read %s", path);
		if (n == 0)
			return 0;
		total += (size_t)n;
		if (total > max_bytes)
			return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path,
				       max_bytes);
		out->len += (size_t)n;
		out->data[out->len] = '\0';
	}
}

int fsio_read_all(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	int fd, rc;

	do {
		fd = open(path, O_RDONLY | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return open_error(err, path);
	rc = read_fd(fd, path, max_bytes, out, err);
	close(fd);
	return rc;
}

/* ---- folders and removal ---------------------------------------------------------------------- */

static int make_dir(const char *dir, struct err *err)
{
	struct stat st;

	if (mkdir(dir, 0777) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(err, ERR_IO, "cannot make folder %s", dir);
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return err_set(err, ERR_EXISTS, "cannot make folder %s: a file of that name is in the way",
		       dir);
}

int fsio_mkdirs(const char *dir, struct err *err)
{
	char *path;
	size_t i;
	int rc = 0;

	if (dir[0] == '\0')
		return 0;
	path = strdup(dir);
	if (!path)
		return err_nomem(err, dir);
	for (i = 1; path[i] && rc == 0; i++) {
		if (path[i] != '/' || path[i - 1] == '/')
			continue;
		path[i] = '\0';
		/* A parent on a read-only or foreign mount need not be creatable, only there. */
		if (!fsio_exists(path))
			rc = make_dir(path, err);
		path[i] = '/';
	}
	if (rc == 0)
		rc = make_dir(path, err);
	free(path);
	return rc;
}

int fsio_remove(const char *path)
{
	if (unlink(path) == 0 || missing(errno))
		return 0;
	return -1;
}

static int remove_entry(int dir_fd, const char *name, unsigned depth);

/* Empties the folder behind `fd`, which it closes; 0 or -1 with errno. */
static int remove_inside(int fd, unsigned depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int rc = 0, saved;

	if (!d) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	while (rc == 0) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			rc = errno ? -1 : 0;
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = remove_entry(dirfd(d), e->d_name, depth + 1);
	}
	saved = errno;
	closedir(d);
	errno = saved;
	return rc;
}

static int remove_entry(int dir_fd, const char *name, unsigned depth)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) /* a file, or a link to anything */
		return unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT ? 0 : -1;
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (depth >= MAX_TREE_DEPTH) {
		close(fd);
		errno = ELOOP;
		return -1;
	}
	if (remove_inside(fd, depth) != 0)
		return -1;
	return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -1;
}

int fsio_remove_tree(const char *dir, struct err *err)
{
	if (remove_entry(AT_FDCWD, dir, 0) != 0 && !missing(errno))
		return err_sys(err, ERR_IO, "cannot remove folder %s", dir);
	return 0;
}

/* ---- locks ------------------------------------------------------------------------------------ */

/* 0 try again, else the code for the errno of a failed flock. */
static int lock_error(const char *path, struct err *err)
{
	if (errno == EINTR)
		return cancel_check(err);
	if (errno == EWOULDBLOCK)
		return err_set(err, ERR_EXISTS, "%s is locked by another process", path);
	return err_sys(err, ERR_IO, "cannot lock %s", path);
}

int fsio_lock(const char *path, int wait, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		return open_error(err, path);
	while (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) {
		int rc = lock_error(path, err);

		if (rc != 0) {
			close(fd);
			return rc;
		}
	}
	return fd;
}

void fsio_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}
