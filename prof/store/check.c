/* Is a file a profile store that this program may open? Answered by looking at its first bytes, so that
 * a file that is not ours is never handed to SQLite, which might write to it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/store/internal.h"

#define HEAD_BYTES 100 /* of every SQLite file */

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int check_type(const char *path, const struct stat *st, struct err *err)
{
	if (S_ISREG(st->st_mode))
		return 0;
	return err_set(err, ERR_IO, "'%s' is %s, not a profile store", path,
		       S_ISDIR(st->st_mode) ? "a folder" : "no regular file");
}

static ssize_t read_head(const char *path, unsigned char head[HEAD_BYTES], struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot read '%s'",
			       path);
	do
		n = pread(fd, head, HEAD_BYTES, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		n = err_sys(err, ERR_IO, "cannot read '%s'", path);
	close(fd);
	return n;
}

static int check_head(const char *path, const unsigned char *head, ssize_t n,
		      struct store_file *file, struct err *err)
{
	if (n < 16 || memcmp(head, "SQLite format 3", 16) != 0)
		return err_set(err, ERR_FORMAT, "'%s' is not a SQLite file, so not a profile store",
			       path);
	if (n < HEAD_BYTES)
		return err_set(err, ERR_FORMAT, "'%s' is cut short within its first %d bytes", path,
			       HEAD_BYTES);
	if (be32(head + 68) != STORE_APPLICATION_ID)
		return err_set(err, ERR_FORMAT,
			       "'%s' is a SQLite file, but not a profile store; choose another"
			       " file with --store",
			       path);
	file->version = (int)be32(head + 60);
	if (file->version > STORE_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' was written by a newer protea-prof (store version %d, this one"
			       " knows up to %d); use that one",
			       path, file->version, STORE_VERSION);
	if (file->version < 1)
		return err_set(err, ERR_FORMAT, "'%s' is damaged: store version %d", path,
			       file->version);
	return 0;
}

/* A SQLite file of one page has no table: another process is just making its first ones, or died over it. Who they
 * belong to is asked again under the lock. */
static int is_bare(const unsigned char *head, ssize_t n)
{
	return n == HEAD_BYTES && memcmp(head, "SQLite format 3", 16) == 0 &&
	       be32(head + 28) <= 1 && be32(head + 60) == 0 && be32(head + 68) == 0;
}

static void look_around(const char *path, struct store_file *file)
{
	char other[PATH_MAX];
	struct stat st;
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash - path) : 1;

	snprintf(other, sizeof other, "%s-wal", path);
	file->wal = stat(other, &st) == 0 && st.st_size > 0;
	file->may_write = access(path, W_OK) == 0;
	if (slash && len == 0)
		len = 1;
	snprintf(other, sizeof other, "%.*s", len, slash ? path : ".");
	file->folder_writable = access(other, W_OK) == 0;
}

int store_file_check(const char *path, enum store_open_mode mode, struct store_file *file,
		     struct err *err)
{
	unsigned char head[HEAD_BYTES];
	struct stat st;
	ssize_t n;
	int rc;

	memset(file, 0, sizeof *file);
	if (!*path)
		return err_set(err, ERR_ARG, "the store has an empty path");
	if (strlen(path) >= PATH_MAX - 16)
		return err_set(err, ERR_ARG, "the path of the store is too long: '%.100s…'", path);
	look_around(path, file);
	if (stat(path, &st) < 0) {
		if (errno == ENOENT && mode == STORE_CREATE)
			return 0;
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
			       "cannot open the store '%s'", path);
	}
	file->exists = 1;
	file->size = st.st_size;
	file->empty = st.st_size == 0;
	rc = check_type(path, &st, err);
	if (rc < 0)
		return rc;
	n = read_head(path, head, err);
	if (n < 0)
		return (int)n;
	if (n > 0 && !is_bare(head, n))
		return check_head(path, head, n, file, err);
	file->empty = 1;
	return mode == STORE_CREATE ? 0
				    : err_set(err, ERR_FORMAT,
					      "'%s' is empty: nothing was recorded into it", path);
}
