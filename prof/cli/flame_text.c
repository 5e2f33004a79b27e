/* Text of source files: see flame_text.h. A wrong line is worse than none, and a page goes to others. Names of files,
 * the host and the time of a run are what a store says, and a store may come from anywhere. So without a folder that the
 * user names nothing is read for stores of other users, and with one nothing outside it. A foreign store that the user
 * copied or cloned is the user's own as far as one can see: that it names files of this machine is not prevented, only
 * that they are anything but source code; docs/viewer.md says so. */
#include "prof/cli/flame_text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"
#include "prof/cli/text.h"

/* ---- what may be read ---- */

int flame_text_is_here(const struct profile *p)
{
	struct utsname name;

	return uname(&name) == 0 &&
	       strcmp(strtab_text(p->strings, p->run.host), name.nodename) == 0;
}

int flame_text_is_own(const char *store)
{
	struct stat st;

	return stat(store, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0);
}

static int is_word(const char *text, size_t n, const char *words)
{
	const char *at = words;

	while (*at) {
		size_t len = strcspn(at, " ");

		if (len == n && memcmp(at, text, n) == 0)
			return 1;
		at += len;
		at += strspn(at, " ");
	}
	return 0;
}

/* By the end of its name; headers of C++ have none, and lie in folders of headers. */
int flame_text_is_source(const char *path)
{
	static const char endings[] = "c h cc cpp cxx c++ C hh hpp hxx h++ H ipp ixx inl inc tcc "
				      "tpp txx def S s asm m mm cu "
				      "cuh cl rs go d f F f77 f90 F90 f95 f03 f08 for adb ads pas "
				      "pp ml mli hs zig nim v vala "
				      "swift kt java scala cr jl py pyx pxd pyi rb pl pm lua js "
				      "mjs cjs ts l ll y yy lex gperf "
				      "re ispc comp vert frag hip metal";
	const char *base = text_base(path), *dot = strrchr(base, '.');

	if (base[0] == '.')
		return 0;
	if (dot)
		return is_word(dot + 1, strlen(dot + 1), endings);
	return strstr(path, "/include/") != NULL;
}

static int is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Not changed since the run began, nor since the modules were built that have code of it, so far as they are there. */
static int is_old(const struct profile *p, uint32_t file, const struct stat *st)
{
	struct timespec began = {p->run.started_at / 1000000000, p->run.started_at % 1000000000};
	uint32_t i, last = PROFILE_NONE;

	if (is_before(&began, &st->st_mtim))
		return 0;
	for (i = 0; i < p->n_frames; i++) {
		const struct profile_frame *f = &p->frames[i];
		struct stat module;

		if (f->file != file || f->module == PROFILE_NONE || f->module == last)
			continue;
		last = f->module;
		if (stat(strtab_text(p->strings, p->modules[last].path), &module) == 0 &&
		    S_ISREG(module.st_mode) && is_before(&module.st_mtim, &st->st_mtim))
			return 0;
	}
	return 1;
}

/* ---- reading ---- */

void flame_text_release(struct flame_text *t)
{
	free(t->bytes);
	free(t->lines);
	memset(t, 0, sizeof(*t));
}

/* Up to `n` bytes; -1: it cannot be read. */
static ssize_t read_all(int fd, char *bytes, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t more = read(fd, bytes + got, n - got);

		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return -1;
		if (more == 0)
			break;
		got += (size_t)more;
	}
	return (ssize_t)got;
}

static int split(struct flame_text *t)
{
	const char *at = t->bytes, *end = at + t->len;
	size_t n = 1, i = 0;

	for (; at < end; at++)
		n += *at == '\n';
	t->lines = malloc((n + 1) * sizeof(*t->lines));
	if (!t->lines)
		return ERR_NOMEM;
	for (at = t->bytes; at < end; i++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		t->lines[i] = at;
		at = stop ? stop + 1 : end;
	}
	t->lines[i] = end;
	t->n = (uint32_t)i;
	return 0;
}

/* 1: it is this one; 0: it is not; ERR_NOMEM. */
static int take(struct flame_text *t, int fd, size_t size)
{
	ssize_t got;
	int rc;

	t->bytes = malloc(size + 1);
	if (!t->bytes)
		return ERR_NOMEM;
	got = read_all(fd, t->bytes, size + 1);
	t->len = got > 0 ? (size_t)got : 0;
	if (got <= 0 || t->len > size || memchr(t->bytes, '\0', t->len)) {
		flame_text_release(t);
		return 0;
	}
	rc = split(t);
	if (rc)
		flame_text_release(t);
	return rc ? rc : 1;
}

/* Whether `path`, which has neither links nor dots, lies in `dir`, which may. */
static int is_below(const char *path, const char *dir)
{
	char real[PATH_MAX];
	size_t n;

	if (!realpath(dir, real))
		return 0;
	n = strcmp(real, "/") == 0 ? 0 : strlen(real);
	return strncmp(path, real, n) == 0 && path[n] == '/';
}

/* Opens what is source code below `dir` (NULL: anywhere), wherever links and dots in `path` lead to; -1: it is not that.
 * What is no regular file must neither hold us up nor notice us. */
static int open_source(const char *path, const char *dir, struct stat *st)
{
	char real[PATH_MAX];
	struct stat seen;
	int fd;

	if (!realpath(path, real) || !flame_text_is_source(real) || (dir && !is_below(real, dir)) ||
	    lstat(real, &seen) || !S_ISREG(seen.st_mode))
		return -1;
	fd = open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	/* Another file by now? */
	if (fstat(fd, st) == 0 && st->st_dev == seen.st_dev && st->st_ino == seen.st_ino &&
	    S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return -1;
}

/* With `dir` the user vouches for what is in it. */
static int try_path(struct flame_text *t, const struct profile *p, uint32_t file, const char *path,
		    const char *dir)
{
	struct stat st;
	int fd = open_source(path, dir, &st), rc = 0;

	if (fd < 0)
		return 0;
	if (st.st_size > 0 && st.st_size <= (off_t)FLAME_TEXT_MAX && (dir || is_old(p, file, &st)))
		rc = take(t, fd, (size_t)st.st_size);
	close(fd);
	return rc;
}

/* ---- where ---- */

static int try_joined(struct flame_text *t, const struct profile *p, uint32_t file,
		      const char *folder, size_t folder_len, const char *name, const char *dir)
{
	struct buf path = BUF_INIT;
	int rc;

	buf_printf(&path, "%.*s/%s", (int)folder_len, folder, name);
	rc = buf_failed(&path) ? ERR_NOMEM : try_path(t, p, file, buf_str(&path), dir);
	buf_release(&path);
	return rc;
}

static int find_below(struct flame_text *t, const struct profile *p, uint32_t file, const char *dir)
{
	const char *name = strtab_text(p->strings, file);
	int rc = 0;

	while (rc == 0 && *name) {
		name += strspn(name, "/");
		rc = try_joined(t, p, file, dir, strlen(dir), name, dir);
		name += strcspn(name, "/");
	}
	return rc;
}

/* A path that says not from where: from here, or from beside its program. */
static int find_relative(struct flame_text *t, const struct profile *p, uint32_t file)
{
	const char *name = strtab_text(p->strings, file);
	int rc = try_path(t, p, file, name, NULL);
	uint32_t i, last = PROFILE_NONE;

	for (i = 0; rc == 0 && i < p->n_frames; i++) {
		const struct profile_frame *f = &p->frames[i];
		const char *module, *slash;

		if (f->file != file || f->module == PROFILE_NONE || f->module == last)
			continue;
		last = f->module;
		module = strtab_text(p->strings, p->modules[last].path);
		slash = strrchr(module, '/');
		if (slash)
			rc = try_joined(t, p, file, module, (size_t)(slash - module), name, NULL);
	}
	return rc;
}

int flame_text_find(struct flame_text *t, const struct profile *p, uint32_t file, const char *dir)
{
	const char *name = strtab_text(p->strings, file);
	int rc;

	memset(t, 0, sizeof(*t));
	if (strlen(name) != strtab_len(p->strings, file)) /* no path has a NUL */
		return 0;
	if (dir)
		rc = find_below(t, p, file, dir);
	else
		rc = name[0] == '/' ? try_path(t, p, file, name, NULL) : find_relative(t, p, file);
	return rc < 0 ? rc : 0;
}
