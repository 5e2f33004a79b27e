/* Making a folder aside and swapping it in: see site_folder.h. */
#include "prof/cli/site_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/cli/outfile.h"
#include "prof/cli/site_place.h"

#define TRIES 100

static char *join(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* ---- making ---- */

static void release(struct site_folder *f)
{
	free(f->path);
	free(f->aside);
	if (f->lock >= 0)
		close(f->lock);
	*f = (struct site_folder){.lock = -1};
}

/* The folder itself where it is there, behind links; else its place in its parent. */
static char *place_of(const char *path, struct err *err)
{
	char *real = realpath(path, NULL), *copy, *slash, *parent;

	if (real)
		return real;
	copy = strdup(path);
	while (copy && strlen(copy) > 1 && copy[strlen(copy) - 1] == '/')
		copy[strlen(copy) - 1] = '\0';
	slash = copy ? strrchr(copy, '/') : NULL;
	parent = !copy ? NULL : !slash ? realpath(".", NULL) : NULL;
	if (slash) {
		*slash = '\0';
		parent = realpath(slash == copy ? "/" : copy, NULL);
	}
	if (parent && copy)
		real = join(strcmp(parent, "/") == 0 ? "" : parent, slash ? slash + 1 : copy);
	if (!copy || (parent && !real))
		err_nomem(err, "a path");
	else if (!parent)
		err_sys(err, ERR_IO, "cannot make '%s'", path);
	free(copy);
	free(parent);
	return real;
}

/* A new empty folder beside `path`, named with `sign` and six letters; NULL with errno. */
static char *make_beside(const char *path, const char *sign)
{
	char *beside;
	uint32_t by;
	int i;

	for (i = 0; i < TRIES; i++) {
		if (getrandom(&by, sizeof by, 0) != sizeof by ||
		    asprintf(&beside, "%s%s%06" PRIx32, path, sign, by >> 8) < 0)
			return NULL;
		if (mkdir(beside, 0777) == 0)
			return beside;
		free(beside);
		if (errno != EEXIST)
			return NULL;
	}
	return NULL;
}

static int make_cells(const struct site_folder *f, struct err *err)
{
	char *inner = join(f->aside, SITE_CELLS);
	int rc = inner ? 0 : err_nomem(err, "a path");

	if (inner && mkdir(inner, 0777) != 0)
		rc = err_sys(err, ERR_IO, "cannot make '%s'", inner);
	free(inner);
	return rc;
}

static int make_aside(struct site_folder *f, struct err *err)
{
	int i;

	for (i = 0; i < TRIES; i++) {
		f->aside = make_beside(f->path, SITE_MAKING);
		if (!f->aside)
			return err_sys(err, ERR_IO,
				       "cannot make '%s': the folder it is in does not let us",
				       f->path);
		f->lock = site_place_mark(f->aside);
		if (f->lock >= 0)
			return make_cells(f, err);
		if (errno != ENOENT)
			break;
		free(f->aside); /* swept away before it had its mark */
		f->aside = NULL;
	}
	return err_sys(err, ERR_IO, "cannot make '%s'", f->path);
}

int site_folder_begin(struct site_folder *f, const char *path, struct err *err)
{
	int rc;

	*f = (struct site_folder){.lock = -1};
	f->path = *path ? place_of(path, err) : NULL;
	if (!f->path)
		return *path ? err->code : err_set(err, ERR_ARG, "the folder has no name");
	if (strcmp(f->path, "/") == 0) {
		release(f);
		return err_set(err, ERR_EXISTS, "'/' is not a place for a site");
	}
	site_place_sweep(f->path);
	rc = site_place_check(f->path, err);
	if (rc == 0)
		rc = make_aside(f, err);
	if (rc)
		site_folder_abort(f);
	return rc;
}

int site_folder_write(struct site_folder *f, const char *name,
		      int (*write)(FILE *out, void *ctx, struct err *err), void *ctx,
		      struct err *err)
{
	char *path = join(f->aside, name);
	int rc = path ? outfile_write(path, write, ctx, err) : err_nomem(err, "a path");

	free(path);
	return rc;
}

static int sync_folder(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	/* Some file systems cannot sync a folder; they do not lose it either. */
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		rc = err_sys(err, ERR_IO, "cannot write '%s'", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The folder that holds the site: only now the names in it are where a power cut leaves them. */
static int sync_parent(const struct site_folder *f, struct err *err)
{
	const char *slash = strrchr(f->path, '/');
	char *parent = strndup(f->path, slash == f->path ? 1 : (size_t)(slash - f->path));
	int rc = parent ? sync_folder(parent, err) : err_nomem(err, "a path");

	free(parent);
	return rc;
}

/* Where the system cannot swap two folders in one step, the old one goes aside for a moment; whoever is killed in it
 * leaves it to the next one to bring it back. */
static int swap_by_hand(const struct site_folder *f, struct err *err)
{
	char *old =
		make_beside(f->path, SITE_ASIDE); /* empty, so that a folder can take its name */
	int rc = 0;

	if (!old || rename(f->path, old) != 0) {
		rc = err_sys(err, ERR_IO, "cannot replace '%s'", f->path);
		if (old)
			rmdir(old);
	} else if (rename(f->aside, f->path) != 0) {
		rc = err_sys(err, ERR_IO, "cannot replace '%s'", f->path);
		(void)rename(old, f->path);
	} else {
		rc = sync_parent(f, err);
		site_place_remove(old, 0);
	}
	free(old);
	return rc;
}

/* The mark goes last: until then what was written is ours to clear away. */
static int put_in_place(const struct site_folder *f, struct err *err)
{
	struct stat st;
	int rc;

	if (lstat(f->path, &st) != 0) {
		if (rename(f->aside, f->path) != 0)
			return err_sys(err, ERR_IO, "cannot put '%s' in its place", f->path);
		rc = sync_parent(f, err);
	} else if (renameat2(AT_FDCWD, f->aside, AT_FDCWD, f->path, RENAME_EXCHANGE) == 0) {
		rc = sync_parent(f, err);
		site_place_remove(f->aside, 0);
	} else if (errno == EINVAL || errno == ENOSYS) {
		rc = swap_by_hand(f, err);
	} else {
		rc = err_sys(err, ERR_IO, "cannot replace '%s'", f->path);
	}
	site_place_unmark(f->path);
	return rc;
}

int site_folder_commit(struct site_folder *f, struct err *err)
{
	char *inner = join(f->aside, SITE_CELLS);
	int rc = inner ? sync_folder(inner, err) : err_nomem(err, "a path");

	free(inner);
	if (rc == 0)
		rc = sync_folder(f->aside, err);
	if (rc == 0)
		rc = site_place_check(f->path, err);
	if (rc == 0)
		rc = put_in_place(f, err);
	if (rc)
		site_folder_abort(f);
	else
		release(f);
	return rc;
}

void site_folder_abort(struct site_folder *f)
{
	if (f->aside)
		site_place_remove(f->aside, 1);
	release(f);
}
