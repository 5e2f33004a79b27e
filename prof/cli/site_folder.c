/* Making a folder aside and swapping it in: see site_folder.h. */
#include "prof/cli/site_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/cli/outfile.h"

#define GENERATOR "<meta name=\"generator\" content=\"protea-prof site\">"

static char *join(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* ---- what is there ---- */

static int ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

/* May it be in a site? In SITE_CELLS, or above it. */
static int is_ours(const char *name, int in_cells)
{
	if (in_cells)
		return ends_with(name, ".html");
	return strcmp(name, SITE_CELLS) == 0 || strcmp(name, SITE_INDEX) == 0 ||
	       strcmp(name, SITE_COMPARE) == 0;
}

/* Also a page that was being written ("index.html.x7Yz3a") when a site was abandoned. */
static int is_left(const char *name, int in_cells)
{
	char whole[256];
	size_t n = strlen(name);

	if (is_ours(name, in_cells))
		return 1;
	if (n < 8 || n >= sizeof whole || name[n - 7] != '.')
		return 0;
	snprintf(whole, sizeof whole, "%.*s", (int)(n - 7), name);
	return is_ours(whole, in_cells);
}

/* Calls `each` for every name; stops at the first non-zero answer, which it returns. */
static int each_name(const char *folder,
		     int (*each)(const char *folder, const char *name, void *ctx), void *ctx)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -1;
	while (rc == 0 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = each(folder, e->d_name, ctx);
	closedir(dir);
	return rc;
}

struct looking {
	int in_cells, names;
	char stranger[256];
};

static int look(const char *folder, const char *name, void *ctx)
{
	struct looking *x = ctx;

	(void)folder;
	x->names++;
	if (is_ours(name, x->in_cells))
		return 0;
	snprintf(x->stranger, sizeof x->stranger, "%s", name);
	return 1;
}

static int has_generator(const char *folder)
{
	char *path = join(folder, SITE_INDEX), head[4096];
	FILE *in = path ? fopen(path, "re") : NULL;
	size_t n = in ? fread(head, 1, sizeof head - 1, in) : 0;

	if (in)
		fclose(in);
	free(path);
	head[n] = '\0';
	return strstr(head, GENERATOR) != NULL;
}

/* Nothing, an empty folder, or a site with nothing else in it. */
static int check_place(const char *path, struct err *err)
{
	struct looking top = {0}, cells = {.in_cells = 1};
	struct stat st;
	char *inner;
	int rc;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "cannot look at '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_EXISTS, "'%s' is a file; name a folder", path);
	rc = each_name(path, look, &top);
	inner = join(path, SITE_CELLS);
	if (!inner)
		return err_nomem(err, "a path");
	if (rc == 0)
		rc = each_name(inner, look, &cells);
	free(inner);
	if (rc < 0)
		return err_sys(err, ERR_IO, "cannot look into '%s'", path);
	if (rc > 0)
		return err_set(
			err, ERR_EXISTS,
			"'%s' holds '%s', which no site has: name another folder, or move it "
			"away",
			path, *top.stranger ? top.stranger : cells.stranger);
	if (top.names && !has_generator(path))
		return err_set(
			err, ERR_EXISTS,
			"'%s' has an index that protea-prof site did not write: name another "
			"folder",
			path);
	return 0;
}

/* ---- removing ---- */

static int remove_one(const char *folder, const char *name, void *ctx)
{
	char *path = is_left(name, *(int *)ctx) ? join(folder, name) : NULL;

	if (path)
		unlink(path);
	free(path);
	return 0;
}

/* Only what a site has; a folder with anything else in it stays. */
static void remove_site(const char *path)
{
	char *inner = join(path, SITE_CELLS);
	int in_cells = 1;

	if (inner) {
		each_name(inner, remove_one, &in_cells);
		rmdir(inner);
	}
	free(inner);
	in_cells = 0;
	each_name(path, remove_one, &in_cells);
	rmdir(path);
}

struct stale {
	const char *base; /* name of the site's folder */
};

/* "NAME.tmp-PID" of a process that is gone: it was killed while it wrote. */
static int remove_stale(const char *folder, const char *name, void *ctx)
{
	const struct stale *x = ctx;
	size_t len = strlen(x->base);
	char *end, *path;
	long pid;

	if (strncmp(name, x->base, len) != 0 || strncmp(name + len, ".tmp-", 5) != 0)
		return 0;
	pid = strtol(name + len + 5, &end, 10);
	if (*end || pid <= 0)
		return 0;
	if (pid != (long)getpid() && (kill((pid_t)pid, 0) == 0 || errno != ESRCH))
		return 0;
	path = join(folder, name);
	if (path)
		remove_site(path);
	free(path);
	return 0;
}

/* ---- making ---- */

static void release(struct site_folder *f)
{
	free(f->path);
	free(f->aside);
	*f = (struct site_folder){0};
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

static int make_aside(struct site_folder *f, struct err *err)
{
	char *slash = strrchr(f->path, '/'), *inner, *aside;
	struct stale stale = {slash + 1};
	int rc = 0;

	*slash = '\0';
	each_name(slash == f->path ? "/" : f->path, remove_stale, &stale);
	*slash = '/';
	if (asprintf(&aside, "%s.tmp-%ld", f->path, (long)getpid()) < 0)
		return err_nomem(err, "a path");
	if (mkdir(aside, 0777) != 0) {
		rc = err_sys(err, ERR_IO, "cannot make '%s': the folder it is in does not let us",
			     f->path);
		free(aside);
		return rc;
	}
	f->aside = aside;
	inner = join(aside, SITE_CELLS);
	if (!inner)
		return err_nomem(err, "a path");
	if (mkdir(inner, 0777) != 0)
		rc = err_sys(err, ERR_IO, "cannot make '%s'", inner);
	free(inner);
	return rc;
}

int site_folder_begin(struct site_folder *f, const char *path, struct err *err)
{
	int rc;

	*f = (struct site_folder){0};
	f->path = *path ? place_of(path, err) : NULL;
	if (!f->path)
		return *path ? err->code : err_set(err, ERR_ARG, "the folder has no name");
	if (strcmp(f->path, "/") == 0) {
		release(f);
		return err_set(err, ERR_EXISTS, "'/' is not a place for a site");
	}
	rc = check_place(f->path, err);
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

/* Where the system cannot swap two folders in one step, the old one goes aside for a moment. */
static int swap_by_hand(const struct site_folder *f, struct err *err)
{
	char *old;
	int rc = 0;

	if (asprintf(&old, "%s.old-%ld", f->path, (long)getpid()) < 0)
		return err_nomem(err, "a path");
	if (rename(f->path, old) != 0)
		rc = err_sys(err, ERR_IO, "cannot replace '%s'", f->path);
	else if (rename(f->aside, f->path) != 0) {
		rc = err_sys(err, ERR_IO, "cannot replace '%s'", f->path);
		(void)rename(old, f->path);
	} else {
		remove_site(old);
	}
	free(old);
	return rc;
}

static int put_in_place(const struct site_folder *f, struct err *err)
{
	struct stat st;

	if (lstat(f->path, &st) != 0) {
		if (rename(f->aside, f->path) == 0)
			return 0;
		return err_sys(err, ERR_IO, "cannot put '%s' in its place", f->path);
	}
	if (renameat2(AT_FDCWD, f->aside, AT_FDCWD, f->path, RENAME_EXCHANGE) == 0) {
		remove_site(f->aside);
		return 0;
	}
	if (errno == EINVAL || errno == ENOSYS)
		return swap_by_hand(f, err);
	return err_sys(err, ERR_IO, "cannot replace '%s'", f->path);
}

int site_folder_commit(struct site_folder *f, struct err *err)
{
	char *inner = join(f->aside, SITE_CELLS);
	int rc = inner ? sync_folder(inner, err) : err_nomem(err, "a path");

	free(inner);
	if (rc == 0)
		rc = sync_folder(f->aside, err);
	if (rc == 0)
		rc = check_place(f->path, err);
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
		remove_site(f->aside);
	release(f);
}
