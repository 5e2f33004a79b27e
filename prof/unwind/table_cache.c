/* Unwind tables on disk by build id: see table.h. A file is written aside and renamed, so that a reader
 * sees a whole one or none, and is never written to again, so that a mapping stays valid. A file that does
 * not check (older version, torn, foreign) is replaced. Failing to write is no failure: the table that was
 * made is used. No malloc, no stdio: this runs in the target at start and after dlopen. */
#include "prof/unwind/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* rename */
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/elf/elffile.h"
#include "prof/unwind/table_internal.h"

#define PATH_ROOM 1024 /* longer ones go without a cache; stacks of the target may be small */

struct text { /* a path in the making; cut off: `bad` */
	char *at;
	size_t len, size;
	int bad;
};

static void add(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (t->bad || n >= t->size - t->len) {
		t->bad = 1;
		return;
	}
	memcpy(t->at + t->len, s, n + 1);
	t->len += n;
}

static void add_number(struct text *t, unsigned long v)
{
	char digits[24];
	size_t i = sizeof digits - 1;

	digits[i] = '\0';
	do
		digits[--i] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	add(t, digits + i);
}

static const char *variable(char *const *environ_list, const char *name)
{
	size_t n = strlen(name);

	for (; environ_list && *environ_list; environ_list++)
		if (strncmp(*environ_list, name, n) == 0 && (*environ_list)[n] == '=')
			return *environ_list + n + 1;
	return "";
}

void unwind_table_dir(char *path, size_t size, char *const *environ_list)
{
	const char *own = variable(environ_list, "PROTEA_PROF_CACHE");
	const char *xdg = variable(environ_list, "XDG_CACHE_HOME");
	const char *home = variable(environ_list, "HOME");
	struct text t = {.at = path, .size = size};

	if (size == 0)
		return;
	path[0] = '\0';
	if (*own) {
		add(&t, own);
	} else if (*xdg == '/') { /* the XDG rules: a relative one is ignored */
		add(&t, xdg);
		add(&t, "/protea-prof");
	} else if (*home == '/') {
		add(&t, home);
		add(&t, "/.cache/protea-prof");
	}
	if (t.bad)
		path[0] = '\0';
}

/* Ids become file names: nothing but hex may. */
static int is_id(const char *id)
{
	size_t n = id ? strspn(id, "0123456789abcdef") : 0;

	return n >= 2 && n < ELF_BUILD_ID_HEX && id[n] == '\0';
}

static int cache_path(char path[PATH_ROOM], const char *dir, const char *id)
{
	struct text t = {.at = path, .size = PATH_ROOM};

	add(&t, dir);
	add(&t, "/");
	add(&t, id);
	add(&t, ".unw");
	return !t.bad;
}

static size_t map_size(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

/* The table in the file, or NULL for whatever reason. */
static const struct unwind_table *map_cached(const char *path, const char *id)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const struct unwind_table *t = NULL;
	struct stat st;
	void *p;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)sizeof *t &&
	    st.st_size <= UINT32_MAX) {
		/* Faults bring 16 pages each, which costs half of what MAP_POPULATE does; the check
		 * touches every page, so that no handler meets a fault. */
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p != MAP_FAILED) {
			t = p;
			if (unwind_table_check(p, (size_t)st.st_size, NULL) < 0 ||
			    strcmp(t->head.build_id, id) != 0) {
				munmap(p, (size_t)st.st_size);
				t = NULL;
			}
		}
	}
	close(fd); /* only read from */
	return t;
}

static int make_folders(const char *dir)
{
	char path[PATH_ROOM];
	size_t n = strlen(dir);

	if (n >= sizeof path)
		return -1;
	memcpy(path, dir, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST && errno != EACCES && errno != EROFS)
			return -1;
		path[i] = dir[i];
	}
	return 0;
}

static int write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

/* Writing past the limit of file sizes would kill the process that we are a guest of. */
static int may_write(size_t bytes)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes <= limit.rlim_cur;
}

static int write_file(const char *aside, const struct unwind_table *t)
{
	int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return -1;
	rc = write_all(fd, t, t->head.bytes);
	if (close(fd) != 0)
		rc = -1;
	if (rc < 0)
		unlink(aside);
	return rc;
}

/* Names aside hold pid and thread: two writers of one process do not meet. What a killed writer leaves is
 * overtaken by the next one with its numbers. */
static void store(const char *dir, const char *path, const struct unwind_table *t)
{
	char aside[PATH_ROOM];
	struct text name = {.at = aside, .size = sizeof aside};

	add(&name, path);
	add(&name, ".");
	add_number(&name, (unsigned long)getpid());
	add(&name, ".");
	add_number(&name, (unsigned long)gettid());
	if (name.bad || !may_write(t->head.bytes))
		return;
	if (write_file(aside, t) < 0) {
		if (errno == ENOENT && make_folders(dir) < 0)
			return;
		if (errno == EEXIST)
			unlink(aside);
		if (write_file(aside, t) < 0)
			return;
	}
	if (rename(aside, path) != 0)
		unlink(aside);
}

static int build(struct unwind_table **out, const char *path, const char *id, struct err *err)
{
	char found[ELF_BUILD_ID_HEX];
	struct elf_file f;
	int rc = elf_open(&f, path, err);

	if (rc < 0)
		return rc;
	if (is_id(id) && elf_build_id(&f, found) && strcmp(found, id) != 0)
		rc = err_set(err, ERR_NOTFOUND,
			     "%s was replaced: it has build id %s, the mapped module %s", path,
			     found, id);
	else
		rc = unwind_table_build(out, &f, NULL, err);
	elf_close(&f);
	return rc;
}

int unwind_table_get(const struct unwind_table **out, size_t *mapped_bytes, const char *path,
		     const char *build_id, const char *dir, struct err *err)
{
	char file[PATH_ROOM];
	int cached = dir && *dir && is_id(build_id) && cache_path(file, dir, build_id);
	struct unwind_table *made = NULL;
	int rc;

	*out = cached ? map_cached(file, build_id) : NULL;
	if (!*out) {
		rc = build(&made, path, build_id, err);
		if (rc < 0)
			return rc;
		if (cached && strcmp(made->head.build_id, build_id) == 0)
			store(dir, file, made);
		*out = made;
	}
	*mapped_bytes = map_size((*out)->head.bytes);
	return 0;
}

void unwind_table_release(const struct unwind_table *t, size_t mapped_bytes)
{
	if (t)
		munmap((void *)(uintptr_t)t, mapped_bytes);
}
