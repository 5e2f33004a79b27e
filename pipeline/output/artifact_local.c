/* Artifact store in a folder. A file gets its key's name in one step that fails if the name is
 * taken: link(2) on the same file system, else a copy beside it and a rename that does not
 * replace. */
#include "pipeline/output/artifact_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"

/* A put may lose its folder to a remove of the last file in it; then it is made again. */
#define FOLDER_TRIES 5

#define ASIDE ".new." /* and the process's id: a copy that does not have its name yet */

struct local {
	char *root; /* owned, absolute */
};

int artifact_local_open(void **out, const struct artifact_config *config, struct err *err)
{
	struct local *l;

	if (!config->root || !*config->root)
		return err_set(err, ERR_ARG,
			       "artifact store: backend local needs PROTEA_STORAGE_ROOT");
	l = calloc(1, sizeof *l);
	if (l)
		l->root = fsio_absolute(config->root);
	if (!l || !l->root) {
		free(l);
		return err_nomem(err, "the artifact store");
	}
	*out = l;
	return 0;
}

static void local_close(void *self)
{
	struct local *l = self;

	free(l->root);
	free(l);
}

/* The nearest folder at or above `path` that exists, malloc'ed. */
static char *existing_parent(const char *path)
{
	char *at = strdup(path);

	while (at && !fsio_exists(at)) {
		char *up = fsio_dirname(at);

		free(at);
		at = up;
	}
	return at;
}

/* Is there a folder that takes new files? access(2) knows read-only mounts too. */
static int check_writable(const char *dir, const char *root, struct err *err)
{
	struct stat st;

	if (stat(dir, &st) != 0)
		return err_sys(err, ERR_IO, "artifact store '%s'", root);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "artifact store '%s': '%s' is not a folder", root, dir);
	if (access(dir, W_OK | X_OK) != 0)
		return err_sys(err, ERR_IO, "artifact store '%s': folder '%s' is not writable",
			       root, dir);
	return 0;
}

static int local_probe(void *self, int create, struct err *err)
{
	struct local *l = self;
	char *dir;
	int rc = create ? fsio_mkdirs(l->root, err) : 0;

	if (rc != 0)
		return rc;
	dir = existing_parent(l->root);
	rc = dir ? check_writable(dir, l->root, err) : err_nomem(err, l->root);
	free(dir);
	return rc;
}

static int local_free_bytes(void *self, uint64_t *bytes)
{
	struct local *l = self;

	return fsio_free_bytes(l->root, bytes) == 0 ? 0 : ERR_IO;
}

static char *local_uri(const void *self, const char *key)
{
	const struct local *l = self;
	struct buf b = BUF_INIT;

	buf_printf(&b, "file://%s%s%s", l->root, strcmp(l->root, "/") == 0 ? "" : "/", key);
	if (buf_failed(&b))
		buf_release(&b);
	return buf_steal(&b, NULL);
}

static int local_exists(void *self, const char *key, struct err *err)
{
	struct local *l = self;
	char *path = fsio_join(l->root, key);
	struct stat st;
	int there;

	if (!path)
		return err_nomem(err, key);
	there = lstat(path, &st) == 0;
	if (!there && errno != ENOENT && errno != ENOTDIR)
		there = err_sys(err, ERR_IO, "cannot look at '%s'", path);
	free(path);
	return there;
}

static int taken(const char *path, struct err *err)
{
	return err_set(err, ERR_EXISTS, "artifact '%s' exists already; nothing is overwritten",
		       path);
}

/* Makes the entry in the folder durable. */
static int sync_parent(const char *path, struct err *err)
{
	char *dir = fsio_dirname(path);
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc = 0;

	if (!dir)
		return err_nomem(err, path);
	if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
		rc = err_sys(err, ERR_IO, "cannot sync folder '%s'", dir);
	if (fd >= 0)
		close(fd);
	free(dir);
	return rc;
}

/* The bytes must be on disk before the name is. */
static int sync_file(const char *file, struct err *err)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st;

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open '%s'",
			       file);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		rc = err_set(err, ERR_ARG, "'%s' is not a plain file", file);
	else if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
		rc = err_sys(err, ERR_IO, "cannot sync '%s'", file);
	close(fd);
	return rc;
}

/* 0, -1 with errno. Where the file system cannot rename without replacing, link and unlink do the
 * same in two steps. */
static int rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (link(from, to) != 0)
		return -1;
	unlink(from);
	return 0;
}

/* Is `name` the copy, or the beginning of one, that a process which is no more was making of `base`? */
static int is_orphan(const char *name, const char *base)
{
	size_t n = strlen(base);
	char *end;
	long pid;

	if (strncmp(name, base, n) != 0 || strncmp(name + n, ASIDE, strlen(ASIDE)) != 0)
		return 0;
	pid = strtol(name + n + strlen(ASIDE), &end, 10);
	return pid > 0 && pid <= INT_MAX && (!*end || *end == '.') && kill((pid_t)pid, 0) != 0 &&
	       errno == ESRCH;
}

/* Killed runs leave their copies behind; nobody else would ever remove them. */
static void remove_orphans(const char *path)
{
	char *dir = fsio_dirname(path);
	DIR *d = dir ? opendir(dir) : NULL;
	const char *base = strrchr(path, '/');
	const struct dirent *e;

	base = base ? base + 1 : path;
	while (d && (e = readdir(d)))
		if (is_orphan(e->d_name, base))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	free(dir);
}

/* Another file system: a complete, synced copy under a name of its own, then the rename. */
static int put_copy(const char *file, const char *path, struct err *err)
{
	char *aside = NULL;
	int rc;

	remove_orphans(path);
	if (asprintf(&aside, "%s" ASIDE "%ld", path, (long)getpid()) < 0)
		return err_nomem(err, path);
	rc = fsio_copy(file, aside, err);
	if (rc == 0 && rename_new(aside, path) != 0) {
		rc = errno == EEXIST ? taken(path, err)
				     : err_sys(err, ERR_IO, "cannot store '%s'", path);
		fsio_remove(aside);
	}
	free(aside);
	return rc;
}

/* One try; 1: the folder is gone again. */
static int put_once(const char *file, const char *path, struct err *err)
{
	char *dir = fsio_dirname(path);
	int rc = dir ? fsio_mkdirs(dir, err) : err_nomem(err, path);

	free(dir);
	if (rc != 0)
		return rc;
	if (linkat(AT_FDCWD, file, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno == EEXIST)
		return taken(path, err);
	if (errno == ENOENT)
		return 1;
	/* Another file system, or one without links, or a file of someone else. */
	return put_copy(file, path, err);
}

static int put_path(const char *file, const char *path, struct err *err)
{
	int rc = sync_file(file, err), tries;
	struct stat st;

	if (rc == 0 && lstat(path, &st) == 0)
		rc = taken(path, err);
	if (rc != 0)
		return rc;
	for (tries = 0, rc = 1; rc == 1 && tries < FOLDER_TRIES; tries++)
		rc = put_once(file, path, err);
	if (rc == 1)
		return err_set(err, ERR_IO, "cannot store '%s': its folder keeps vanishing", path);
	return rc == 0 ? sync_parent(path, err) : rc;
}

static int local_put(void *self, const char *key, const char *file, artifact_progress *progress,
		     void *ctx, struct err *err)
{
	struct local *l = self;
	char *path = fsio_join(l->root, key);
	uint64_t bytes = 0;
	int rc;

	if (!path)
		return err_nomem(err, key);
	rc = fsio_size(file, &bytes, err);
	if (rc == 0)
		rc = put_path(file, path, err);
	if (rc == 0 && progress)
		progress(ctx, bytes);
	free(path);
	return rc;
}

/* Removes the folders that a removed key leaves empty, below the root. */
static void prune(const struct local *l, const char *path)
{
	char *dir = fsio_dirname(path);

	while (dir && strlen(dir) > strlen(l->root) && rmdir(dir) == 0) {
		char *up = fsio_dirname(dir);

		free(dir);
		dir = up;
	}
	free(dir);
}

static int local_remove(void *self, const char *key, struct err *err)
{
	struct local *l = self;
	char *path = fsio_join(l->root, key);
	int rc = 0;

	if (!path)
		return err_nomem(err, key);
	if (fsio_remove(path) != 0)
		rc = err_sys(err, ERR_IO, "cannot remove artifact '%s'", path);
	else
		prune(l, path);
	free(path);
	return rc;
}

static int local_get(void *self, const char *key, const char *file, struct err *err)
{
	struct local *l = self;
	char *path = fsio_join(l->root, key);
	struct stat st;
	int rc;

	if (!path)
		return err_nomem(err, key);
	if (stat(path, &st) != 0)
		rc = err_sys(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_IO,
			     "artifact '%s'", path);
	else if (!S_ISREG(st.st_mode))
		rc = err_set(err, ERR_NOTFOUND, "artifact '%s' is not a file", path);
	else
		rc = fsio_copy(path, file, err);
	free(path);
	return rc;
}

const struct artifact_ops artifact_local_ops = {
	.name = "local",
	.close = local_close,
	.probe = local_probe,
	.free_bytes = local_free_bytes,
	.uri = local_uri,
	.exists = local_exists,
	.put = local_put,
	.remove = local_remove,
	.get = local_get,
};
