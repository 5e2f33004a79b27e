/* Files written beside their final name and renamed: the second half of fsio.h. */
#include "pipeline/core/fsio.h"

#include "prof/base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_BUFFER ((size_t)256 << 10)
#define TRY_NAMES  1000 /* names left behind by killed runs of the same pid */

/* errno of a failed write becomes a message; a full disk also says how much room there is. */
static int write_error(struct err *err, const char *path)
{
	char room[UNITS_TEXT];
	uint64_t bytes;
	int sys = errno;

	if ((sys == ENOSPC || sys == EDQUOT) && fsio_free_bytes(path, &bytes) == 0) {
		units_bytes(room, bytes);
		errno = sys;
		return err_sys(err, ERR_IO,
			       "cannot write %s (%s = %llu bytes free there; make room or choose "
			       "another folder)",
			       path, room, (unsigned long long)bytes);
	}
	errno = sys;
	return err_sys(err, ERR_IO, "cannot write %s", path);
}

static void forget(struct fsio_out *out)
{
	free(out->path);
	free(out->tmp);
	free(out->buffer);
	*out = (struct fsio_out){.fd = -1};
}

void fsio_abort(struct fsio_out *out)
{
	int saved = errno;

	if (out->tmp) { /* a zeroed struct has no name, and its fd 0 is not ours */
		if (out->fd >= 0)
			close(out->fd);
		unlink(out->tmp);
	}
	forget(out);
	errno = saved;
}

/* Opens a fresh "path.tmp.PID.N"; 0 or -1 with errno. */
static int open_aside(struct fsio_out *out, size_t tmp_size)
{
	static atomic_uint serial;
	int tries;

	for (tries = 0; tries < TRY_NAMES; tries++) {
		unsigned n = atomic_fetch_add(&serial, 1);

		snprintf(out->tmp, tmp_size, "%s.tmp.%ld.%u", out->path, (long)getpid(), n);
		out->fd = open(out->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (out->fd >= 0)
			return 0;
		if (errno != EEXIST && errno != EINTR)
			return -1;
	}
	return -1;
}

int fsio_create(struct fsio_out *out, const char *path, struct err *err)
{
	size_t tmp_size = strlen(path) + 48; /* ".tmp." and two integers */
	int rc;

	*out = (struct fsio_out){.fd = -1};
	out->path = strdup(path);
	out->tmp = malloc(tmp_size);
	out->buffer = malloc(OUT_BUFFER);
	if (!out->path || !out->tmp || !out->buffer) {
		forget(out);
		return err_nomem(err, path);
	}
	if (open_aside(out, tmp_size) != 0) {
		rc = write_error(err, path);
		forget(out);
		return rc;
	}
	return 0;
}

static int write_fully(struct fsio_out *out, const unsigned char *bytes, size_t n, struct err *err)
{
	while (n > 0) {
		ssize_t m = write(out->fd, bytes, n);

		if (m < 0 && errno == EINTR)
			continue;
		if (m <= 0)
			return write_error(err, out->path);
		bytes += m;
		n -= (size_t)m;
	}
	return 0;
}

static int flush(struct fsio_out *out, struct err *err)
{
	int rc = write_fully(out, out->buffer, out->buffered, err);

	if (rc == 0)
		out->buffered = 0;
	return rc;
}

int fsio_write(struct fsio_out *out, const void *bytes, size_t n, struct err *err)
{
	int rc;

	if (n == 0)
		return 0;
	if (n > OUT_BUFFER - out->buffered) {
		rc = flush(out, err);
		if (rc != 0)
			return rc;
	}
	if (n >= OUT_BUFFER) {
		rc = write_fully(out, bytes, n, err);
		if (rc != 0)
			return rc;
	} else {
		memcpy(out->buffer + out->buffered, bytes, n);
		out->buffered += n;
	}
	out->offset += n;
	return 0;
}

/* Makes a rename durable. File systems that cannot sync a folder, and folders that may be written
 * but not read, are passed over: the file itself is on disk. */
static int sync_folder(const char *path, struct err *err)
{
	char *dir = fsio_dirname(path);
	int fd, rc = 0;

	if (!dir)
		return err_nomem(err, path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS)
			rc = err_sys(err, ERR_IO, "cannot make %s durable", path);
		close(fd);
	}
	free(dir);
	return rc;
}

static int finish(struct fsio_out *out, struct err *err)
{
	int fd, rc;

	rc = flush(out, err);
	if (rc != 0)
		return rc;
	if (fsync(out->fd) != 0)
		return write_error(err, out->path);
	fd = out->fd;
	out->fd = -1;
	if (close(fd) != 0)
		return write_error(err, out->path);
	if (rename(out->tmp, out->path) != 0)
		return err_sys(err, ERR_IO, "cannot rename %s to %s", out->tmp, out->path);
	rc = sync_folder(out->path, err);
	if (rc != 0)
		unlink(out->path);
	return rc;
}

int fsio_commit(struct fsio_out *out, struct err *err)
{
	int rc = finish(out, err);

	if (rc != 0)
		fsio_abort(out);
	else
		forget(out);
	return rc;
}

int fsio_write_file(const char *path, const void *bytes, size_t n, struct err *err)
{
	struct fsio_out out;
	int rc = fsio_create(&out, path, err);

	if (rc != 0)
		return rc;
	rc = fsio_write(&out, bytes, n, err);
	if (rc != 0) {
		fsio_abort(&out);
		return rc;
	}
	return fsio_commit(&out, err);
}

static int copy_fd(struct fsio_out *out, int fd, const char *from, struct err *err)
{
	unsigned char *block = malloc(OUT_BUFFER);
	int rc = block ? 0 : err_nomem(err, from);

	while (rc == 0) {
		ssize_t n = read(fd, block, OUT_BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = err_sys(err, ERR_IO, "cannot read %s", from);
		if (n <= 0)
			break;
		rc = fsio_write(out, block, (size_t)n, err);
	}
	free(block);
	return rc;
}

int fsio_copy(const char *from, const char *to, struct err *err)
{
	struct fsio_out out;
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open %s",
			       from);
	rc = fsio_create(&out, to, err);
	if (rc == 0) {
		rc = copy_fd(&out, fd, from, err);
		if (rc == 0)
			rc = fsio_commit(&out, err);
		else
			fsio_abort(&out);
	}
	close(fd);
	return rc;
}
