/* Finding the program and the agent, and a look into the program's file before it runs. */
#include "prof/record/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "prof/elf/elffile.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* 0 for a file that may be executed, else its errno. */
static int try_path(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode) || access(path, X_OK))
		return EACCES;
	return 0;
}

static int refuse(const char *name, int why, struct err *err)
{
	if (why == ENOENT || why == ENOTDIR)
		return err_set(err, ERR_NOTFOUND, "cannot start '%s': %s", name,
			       strchr(name, '/') ? "there is no such file" : "not found in PATH");
	if (why == EISDIR)
		return err_set(err, ERR_UNSUPPORTED, "cannot start '%s': it is a directory", name);
	return err_set(err, ERR_UNSUPPORTED, "cannot start '%s': %s", name,
		       why == EACCES ? "permission denied (is it executable?)" : strerror(why));
}

static int find_in_path(char path[PATH_MAX], const char *name)
{
	const char *dirs = getenv("PATH");
	int why = ENOENT;

	if (!dirs)
		dirs = DEFAULT_PATH;
	for (;;) {
		size_t n = strcspn(dirs, ":");
		int rc;

		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)n, dirs, n ? "/" : "", name) <
		    PATH_MAX) {
			rc = try_path(path);
			if (rc == 0)
				return 0;
			if (rc == EACCES) /* as the shells: a better one may follow */
				why = EACCES;
		}
		if (!dirs[n])
			return why;
		dirs += n + 1;
	}
}

/* The interpreter of a script, NUL-terminated; 1, or 0: it is none. */
static int script_interpreter(const char *path, char out[PATH_MAX])
{
	char head[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	char *p;

	if (fd < 0)
		return 0;
	n = read(fd, head, sizeof head - 1);
	(void)close(fd);
	if (n < 3 || head[0] != '#' || head[1] != '!')
		return 0;
	head[n] = '\0';
	p = head + 2 + strspn(head + 2, " \t");
	p[strcspn(p, " \t\r\n")] = '\0';
	snprintf(out, PATH_MAX, "%s", p);
	return 1;
}

static int is_privileged(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return 0;
	if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
	    (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getegid()))
		return 1;
	return geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

static void judge(struct program *p, enum program_kind kind, int preload, const char *why)
{
	p->kind = kind;
	p->preload = preload;
	snprintf(p->note, sizeof p->note, "%s", why);
}

static void judge_elf(struct program *p, const struct elf_file *f)
{
	const char *interpreter = elf_interpreter(f);

	if (!interpreter)
		judge(p, PROGRAM_STATIC, 1, "static program: the agent cannot be loaded");
	else if (!strstr(interpreter, "ld-linux"))
		judge(p, PROGRAM_OTHER_LIBC, 0,
		      "program of another libc than glibc: the agent cannot be loaded");
}

static int is_32_bit(const char *path)
{
	unsigned char ident[5] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, ident, sizeof ident);
	(void)close(fd);
	return n == (ssize_t)sizeof ident && memcmp(ident, ELFMAG, SELFMAG) == 0 &&
	       ident[EI_CLASS] == ELFCLASS32;
}

static void inspect(struct program *p, const char *path, int depth)
{
	char interpreter[PATH_MAX];
	struct elf_file f;

	if (is_privileged(path)) {
		judge(p, PROGRAM_PRIVILEGED, 1,
		      "set-user-ID program: the loader ignores the agent");
		return;
	}
	if (is_32_bit(path)) {
		judge(p, PROGRAM_32_BIT, 0,
		      "32-bit program: the agent is 64-bit and cannot be loaded");
		return;
	}
	if (elf_open(&f, path, NULL) == 0) {
		judge_elf(p, &f);
		elf_close(&f);
	} else if (depth < 4 && script_interpreter(path, interpreter)) {
		inspect(p, interpreter, depth + 1);
	}
}

int program_find(struct program *p, const char *name, struct err *err)
{
	int why;

	memset(p, 0, sizeof *p);
	p->preload = 1;
	if (!*name)
		return refuse(name, ENOENT, err);
	if (strchr(name, '/')) {
		if (snprintf(p->path, sizeof p->path, "%s", name) >= (int)sizeof p->path)
			return refuse(name, ENAMETOOLONG, err);
		why = try_path(name);
	} else {
		why = find_in_path(p->path, name);
	}
	if (why)
		return refuse(name, why, err);
	inspect(p, p->path, 0);
	return 0;
}

static int agent_at(char path[PATH_MAX], const char *dir, const char *below)
{
	return snprintf(path, PATH_MAX, "%s%s/libprotea-prof.so", dir, below) < PATH_MAX &&
	       access(path, R_OK) == 0;
}

int agent_find(char path[PATH_MAX], const char *given, struct err *err)
{
	static const char *const places[] = {"", "/../lib/protea-prof", "/../lib", NULL};
	char dir[PATH_MAX];
	ssize_t n;

	if (given) {
		if (!realpath(given, path))
			return err_sys(err, ERR_IO, "cannot find the agent '%s'", given);
	} else {
		n = readlink("/proc/self/exe", dir, sizeof dir - 1);
		dir[n > 0 ? n : 0] = '\0';
		if (strrchr(dir, '/'))
			*strrchr(dir, '/') = '\0';
		for (int i = 0; places[i]; i++)
			if (agent_at(path, dir, places[i]))
				goto found;
		return err_set(err, ERR_IO,
			       "cannot find the agent libprotea-prof.so beside this program or in "
			       "../lib: build it with 'make', install it with 'make install'");
	}
found:
	if (strpbrk(path, ": "))
		return err_set(err, ERR_IO,
			       "the agent's path '%s' has a colon or a blank, which LD_PRELOAD "
			       "cannot hold: move it",
			       path);
	return 0;
}
