/* Writing a file aside, then putting it in its place. */
#include "prof/cli/outfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int finish(FILE *out, const char *path, int sync, struct err *err)
{
	int bad = fflush(out) || ferror(out) || (sync && fsync(fileno(out)));

	if (bad)
		err_sys(err, ERR_IO, "cannot write '%s'", path);
	if (fclose(out) && !bad)
		bad = err_sys(err, ERR_IO, "cannot write '%s'", path);
	return bad ? ERR_IO : 0;
}

static int write_direct(const char *path, int (*write)(FILE *, void *, struct err *), void *ctx,
			struct err *err)
{
	FILE *out = fopen(path, "we");
	int rc, end;

	if (!out)
		return err_sys(err, ERR_IO, "cannot write '%s'", path);
	rc = write(out, ctx, err);
	if (rc == ERR_IO)
		err_prefix(err, "%s", path);
	end = finish(out, path, 0, rc ? NULL : err);
	return rc ? rc : end;
}

static int write_aside(const char *path, char *aside, int (*write)(FILE *, void *, struct err *),
		       void *ctx, struct err *err)
{
	mode_t mask = umask(0);
	int fd = mkstemp(aside), rc;
	FILE *out;

	umask(mask);
	if (fd < 0)
		return err_sys(err, ERR_IO, "cannot write '%s': its folder does not let us", path);
	out = fchmod(fd, 0666 & ~mask) ? NULL : fdopen(fd, "w");
	if (!out) {
		rc = err_sys(err, ERR_IO, "cannot write '%s'", path);
		close(fd);
	} else {
		int end;

		rc = write(out, ctx, err);
		if (rc == ERR_IO)
			err_prefix(err, "%s", path);
		end = finish(out, path, 1, rc ? NULL : err);
		rc = rc ? rc : end;
	}
	if (rc == 0 && rename(aside, path))
		rc = err_sys(err, ERR_IO, "cannot put '%s' in its place", path);
	if (rc)
		unlink(aside);
	return rc;
}

int outfile_write(const char *path, int (*write)(FILE *out, void *ctx, struct err *err), void *ctx,
		  struct err *err)
{
	struct stat st;
	char *aside;
	int rc;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		if (S_ISDIR(st.st_mode))
			return err_set(err, ERR_ARG, "'%s' is a folder; name a file", path);
		return write_direct(path, write, ctx, err);
	}
	if (asprintf(&aside, "%s.XXXXXX", path) < 0)
		return err_nomem(err, "a file name");
	rc = write_aside(path, aside, write, ctx, err);
	free(aside);
	return rc;
}
