/* The lock on a session: see lease.h. */
#include "prof/record/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/base/err.h"
#include "prof/spool/format.h"

int lease_take(const char *session_path)
{
	char path[SPOOL_PATH_MAX + 16];
	struct stat st;
	int fd;

	if (snprintf(path, sizeof path, "%s/session", session_path) >= (int)sizeof path)
		return ERR_NOTFOUND;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_IO;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int rc = errno == EWOULDBLOCK ? ERR_EXISTS : ERR_IO;

		(void)close(fd);
		return rc;
	}
	/* Removed by the holder before us, between our open and our lock? */
	if (fstat(fd, &st) || st.st_nlink == 0) {
		(void)close(fd);
		return ERR_NOTFOUND;
	}
	return fd;
}

void lease_drop(int lease)
{
	if (lease >= 0)
		(void)close(lease);
}
