/* Looking into folders of sites, and removing them: see site_place.h. */
#include "prof/cli/site_place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the pages begin with: viewer/site/index.html, viewer/page.html. */
#define INDEX_SAYS "<meta name=\"generator\" content=\"protea-prof site\">"
#define PAGE_SAYS  "<title>protea-prof: profile</title>"
#define HEAD       4096 /* bytes in which they do */
#define RANDOM     6 /* letters at the end of names of folders and files that are being written */

/* ---- names and files ---- */

static int open_folder(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Calls `each` for every name; stops at the first non-zero answer, which it returns. */
static int each_name(int folder, int (*each)(int folder, const char *name, void *ctx), void *ctx)
{
	int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	struct dirent *e;

	if (!dir) {
		if (own >= 0)
			close(own);
		return -1;
	}
	while (rc == 0 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = each(folder, e->d_name, ctx);
	closedir(dir);
	return rc;
}

/* A regular file, open for reading; neither a link nor anything that would make us wait. */
static int open_file(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int says(int at, const char *name, const char *mark)
{
	int fd = open_file(at, name), found;
	char head[HEAD];
	ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);

	found = n > 0 && memmem(head, (size_t)n, mark, strlen(mark)) != NULL;
	if (fd >= 0)
		close(fd);
	return found;
}

static int is_regular(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* As site_pages.c names cells: ROW-COLUMN-RUNID.html of letters, digits and "._-". */
static int names_cell(const char *name)
{
	size_t n = strlen(name), i;

	if (n < 8 || strcmp(name + n - 5, ".html") != 0 || *name == '.' || *name == '-')
		return 0;
	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return 0;
	return memchr(name, '-', n - 5) != NULL;
}

/* A page of ours? In SITE_CELLS, or above it. */
static int is_page(int folder, const char *name, int in_cells)
{
	if (in_cells)
		return names_cell(name) && says(folder, name, PAGE_SAYS);
	if (strcmp(name, SITE_MARKER) == 0)
		return is_regular(folder, name);
	return (strcmp(name, SITE_INDEX) == 0 && says(folder, name, INDEX_SAYS)) ||
	       (strcmp(name, SITE_COMPARE) == 0 && says(folder, name, PAGE_SAYS));
}

static int names_page(const char *name, int in_cells)
{
	return in_cells ? names_cell(name)
			: strcmp(name, SITE_INDEX) == 0 || strcmp(name, SITE_COMPARE) == 0;
}

/* In a marked folder: a page, also one that was being written ("index.html.x7Yz3a"). */
static int is_unfinished(int folder, const char *name, int in_cells)
{
	char whole[256];
	size_t n = strlen(name), most = sizeof whole - 1;

	if (!is_regular(folder, name))
		return 0;
	if (names_page(name, in_cells) || n <= RANDOM + 1 || n > most ||
	    name[n - RANDOM - 1] != '.')
		return names_page(name, in_cells);
	snprintf(whole, sizeof whole, "%.*s", (int)(n - RANDOM - 1), name);
	return names_page(whole, in_cells);
}

/* ---- looking ---- */

struct looking {
	int in_cells, names, index;
	char stranger[300];
};

static int is_folder(int at, const char *name)
{
	int fd = open_folder(at, name);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int look(int folder, const char *name, void *ctx)
{
	struct looking *x = ctx;
	int cells = !x->in_cells && strcmp(name, SITE_CELLS) == 0;

	x->names++;
	if (cells ? is_folder(folder, name) : is_page(folder, name, x->in_cells)) {
		x->index |= !x->in_cells && strcmp(name, SITE_INDEX) == 0;
		return 0;
	}
	snprintf(x->stranger, sizeof x->stranger, "%s%s", x->in_cells ? SITE_CELLS "/" : "", name);
	return 1;
}

/* 1: something is no part of a site; -1: cannot look. */
static int look_into(int folder, struct looking *x)
{
	int rc = each_name(folder, look, x), cells;

	if (rc)
		return rc;
	cells = open_folder(folder, SITE_CELLS);
	if (cells < 0)
		return errno == ENOENT ? 0 : -1;
	x->in_cells = 1;
	rc = each_name(cells, look, x);
	close(cells);
	return rc;
}

int site_place_check(const char *path, struct err *err)
{
	int folder = open_folder(AT_FDCWD, path), rc;
	struct looking x = {0};

	if (folder < 0 && errno == ENOENT)
		return 0;
	if (folder < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(err, ERR_EXISTS, "'%s' is a file; name a folder", path);
	rc = folder < 0 ? -1 : look_into(folder, &x);
	if (rc < 0)
		err_sys(err, ERR_IO, "cannot look into '%s'", path);
	if (folder >= 0)
		close(folder);
	if (rc < 0)
		return ERR_IO;
	if (rc > 0)
		return err_set(err, ERR_EXISTS,
			       "'%s' holds '%s', which protea-prof site did not write: name "
			       "another folder, or move it away",
			       path, x.stranger);
	if (x.names && !x.index)
		return err_set(err, ERR_EXISTS,
			       "'%s' has no index that protea-prof site wrote: name another folder",
			       path);
	return 0;
}

/* ---- removing ---- */

struct removing {
	int in_cells, marked;
	const char *last; /* what tells that the rest is ours */
};

static int remove_one(int folder, const char *name, void *ctx)
{
	const struct removing *x = ctx;

	if (!x->in_cells && strcmp(name, x->last) == 0)
		return 0;
	if (x->marked ? is_unfinished(folder, name, x->in_cells)
		      : is_page(folder, name, x->in_cells))
		(void)unlinkat(folder, name, 0);
	return 0;
}

static void remove_pages(int folder, int marked)
{
	struct removing x = {1, marked, marked ? SITE_MARKER : SITE_INDEX};
	int cells = open_folder(folder, SITE_CELLS);

	if (cells >= 0) {
		each_name(cells, remove_one, &x);
		close(cells);
		(void)unlinkat(folder, SITE_CELLS, AT_REMOVEDIR);
	}
	x.in_cells = 0;
	each_name(folder, remove_one, &x);
	if (is_page(folder, x.last, 0))
		(void)unlinkat(folder, x.last, 0);
}

void site_place_remove(const char *path, int marked)
{
	int folder = open_folder(AT_FDCWD, path);

	if (folder < 0)
		return;
	remove_pages(folder, marked && is_regular(folder, SITE_MARKER));
	close(folder);
	(void)rmdir(path);
}

/* ---- the marker ---- */

static char *marker_of(const char *folder)
{
	char *path;

	return asprintf(&path, "%s/" SITE_MARKER, folder) < 0 ? NULL : path;
}

int site_place_mark(const char *folder)
{
	char *path = marker_of(folder);
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
	struct stat st;

	if (!path)
		errno = ENOMEM;
	free(path);
	if (fd < 0)
		return -1;
	/* Where files cannot be locked, nobody gets the lock, and nothing is swept. */
	while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
		;
	if (fstat(fd, &st) != 0 || st.st_nlink == 0) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	return fd;
}

void site_place_unmark(const char *folder)
{
	char *path = marker_of(folder);

	if (path)
		unlink(path);
	free(path);
}

/* ---- what was left ---- */

struct sweeping {
	const char *base; /* name of the site's folder */
};

static int is_named(const char *name, const char *base, const char *sign)
{
	size_t n = strlen(base), m = strlen(sign), i;

	if (strncmp(name, base, n) != 0 || strncmp(name + n, sign, m) != 0 ||
	    strlen(name) != n + m + RANDOM)
		return 0;
	for (i = n + m; name[i]; i++)
		if (!isalnum((unsigned char)name[i]))
			return 0;
	return 1;
}

static int is_site(int folder)
{
	struct looking x = {0};

	return look_into(folder, &x) == 0 && x.index;
}

static void sweep_unfinished(int folder)
{
	int marker = open_file(folder, SITE_MARKER);

	if (marker < 0 && errno == ENOENT && is_site(folder))
		remove_pages(folder, 0); /* what a new site replaced */
	else if (marker >= 0 && flock(marker, LOCK_EX | LOCK_NB) == 0)
		remove_pages(folder, 1);
	if (marker >= 0)
		close(marker);
}

static int sweep_one(int parent, const char *name, void *ctx)
{
	const struct sweeping *x = ctx;
	int making = is_named(name, x->base, SITE_MAKING), folder;
	struct stat st;

	if (!making && !is_named(name, x->base, SITE_ASIDE))
		return 0;
	folder = open_folder(parent, name);
	if (folder < 0)
		return 0;
	if (fstat(folder, &st) != 0 || st.st_uid != geteuid()) {
		close(folder);
		return 0;
	}
	if (making) {
		sweep_unfinished(folder);
	} else if (is_site(folder)) {
		if (fstatat(parent, x->base, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
			(void)renameat(parent, name, parent, x->base);
		else
			remove_pages(folder, 0);
	}
	close(folder);
	/* Where anything is in it, it stays; who has just made it and not marked it makes another. */
	(void)unlinkat(parent, name, AT_REMOVEDIR);
	return 0;
}

void site_place_sweep(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct sweeping x = {slash + 1};
	char *folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int parent = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	free(folder);
	if (parent < 0)
		return;
	each_name(parent, sweep_one, &x);
	close(parent);
}
