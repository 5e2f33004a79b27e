/* The exclusive right to a data set's name: an flock on a file beside the bundle (spec B.21).
 *
 * The file is BUNDLE.lock-DIGEST, with a digest of the name: plain names of 255 bytes would not fit,
 * and 'a' + '.b.c' could not be told from 'a.b' + '.c'. It is removed by whoever holds the lock, so a
 * newcomer checks that the file it locked is still the one with that name. */
#include "pipeline/source/bundle_source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/bundle/db.h"
#include "pipeline/core/digest.h"
#include "pipeline/core/fsio.h"
#include "prof/base/buf.h"

#define DIGEST_SHOWN 32 /* hex digits of SHA-256: 128 bits */

static int lock_path(struct bundle_source *b, const char *name, char **path, struct err *err)
{
	struct buf text = BUF_INIT;
	char hex[SHA256_HEX];
	int rc = sha256_hex(name, strlen(name), hex);

	if (rc < 0)
		return err_set(err, rc, "cannot make the lock of data set '%s'", name);
	buf_printf(&text, "%s.lock-%.*s", bundle_db_name(b->db), DIGEST_SHOWN, hex);
	*path = buf_steal(&text, NULL);
	buf_release(&text);
	return *path ? 0 : err_nomem(err, "a lock");
}

/* 1: `fd` is the file that has this path now. */
static int is_current(int fd, const char *path)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
	       held.st_ino == named.st_ino;
}

int bundle_reserve_name(struct source *s, const char *name, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	char *path;
	int fd, rc;

	if (b->lock_fd >= 0)
		return err_set(err, ERR_INTERNAL, "a data set name is reserved already");
	rc = lock_path(b, name, &path, err);
	if (rc < 0)
		return rc;
	for (;;) {
		fd = fsio_lock(path, 0, err);
		if (fd < 0 || is_current(fd, path))
			break;
		fsio_unlock(fd);
	}
	if (fd < 0) {
		if (fd == ERR_EXISTS)
			err_set(err, ERR_EXISTS,
				"another run is making data set '%s' from '%s' (it holds '%s')",
				name, b->base.name, path);
		free(path);
		return fd;
	}
	b->lock_fd = fd;
	b->lock_path = path;
	return 0;
}

void bundle_release_name(struct source *s)
{
	struct bundle_source *b = bundle_of(s);

	if (b->lock_fd < 0)
		return;
	unlink(b->lock_path); /* first: once unlocked it may be another run's */
	fsio_unlock(b->lock_fd);
	free(b->lock_path);
	b->lock_path = NULL;
	b->lock_fd = -1;
}

/* An flock lasts as long as its file is open. */
int bundle_check_name(struct source *s, struct err *err)
{
	if (bundle_of(s)->lock_fd < 0)
		return err_set(err, ERR_INTERNAL, "no data set name is reserved");
	return 0;
}
