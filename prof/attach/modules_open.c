/* The file of a mapping, from the surest road to the poorest: the kernel's own link to the very inode, the
 * process's program, the path as the process sees it, the path as we see it. A file that was found by path is
 * taken only if it is the mapped one: by device and inode, or, where a file system tells others in maps than in
 * stat, if nothing speaks against it. Only regular files are ever opened: a device may act on being opened. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "prof/attach/modules_internal.h"

/* From a place (O_PATH) to a descriptor for reading; the place is closed. */
static int reopen(int place)
{
	char name[32];
	struct stat st;
	int fd = -1;

	if (place < 0)
		return -1;
	snprintf(name, sizeof name, "/proc/self/fd/%d", place);
	if (fstat(place, &st) == 0 && S_ISREG(st.st_mode))
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	(void)close(place);
	return fd;
}

static int open_at(int dir, const char *name)
{
	return reopen(openat(dir, name, O_PATH | O_CLOEXEC));
}

int module_open_path(const char *path)
{
	return open_at(AT_FDCWD, path);
}

int module_open_below(int dir, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (root < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM)) /* before 5.6, or filtered */
		fd = openat(root, path[0] == '/' ? path + 1 : path,
			    O_PATH | O_CLOEXEC | O_NOFOLLOW);
	(void)close(root);
	return reopen(fd);
}

/* Do maps and stat tell the same numbers of a file on this file system? */
static int numbers_agree(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type != OVERLAYFS_SUPER_MAGIC &&
	       fs.f_type != BTRFS_SUPER_MAGIC && fs.f_type != FUSE_SUPER_MAGIC;
}

/* Is it the code that is mapped? By build id, as far as there is one. */
static int is_same_code(const struct proc *p, const struct module_mapping *m, int fd)
{
	char mapped[ELF_BUILD_ID_HEX], its[ELF_BUILD_ID_HEX];
	struct elf_file f;
	int same;

	if (!module_mapped_id(p, m, mapped))
		return 1;
	if (elf_open_fd(&f, fd, m->path, NULL))
		return 0;
	same = elf_build_id(&f, its) && strcmp(mapped, its) == 0;
	elf_close(&f);
	return same;
}

/* A file that the kernel's links lead to. On an overlay that is the file of now, which may have been changed
 * without a word in maps: what is mapped is then that of a lower layer. */
static int if_unchanged(const struct proc *p, const struct module_mapping *m, int fd)
{
	if (fd < 0 || numbers_agree(fd) || is_same_code(p, m, fd))
		return fd;
	(void)close(fd);
	return -1;
}

/* A file that was found by its path, or -1 and closed: another one has its name. */
static int if_mapped(const struct proc *p, const struct module_mapping *m, int fd)
{
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_dev != m->device || st.st_ino != m->inode) &&
	    numbers_agree(fd)) {
		(void)close(fd);
		return -1;
	}
	return if_unchanged(p, m, fd);
}

/* Is the mapping one of the program itself? Both texts are made by the kernel in the same way. */
static int is_program(const struct proc *p, const struct module_mapping *m)
{
	char exe[PATH_MAX + 16], mapped[PATH_MAX + 16];
	ssize_t n = readlinkat(p->dir, "exe", exe, sizeof exe - 1);

	if (n <= 0)
		return 0;
	exe[n] = '\0';
	snprintf(mapped, sizeof mapped, "%s%s", m->path, m->deleted ? " (deleted)" : "");
	return strcmp(exe, mapped) == 0;
}

/* The link of the program is good whatever its numbers say, as long as the names agree. */
static int open_program(const struct proc *p, const struct module_mapping *m)
{
	return is_program(p, m) ? open_at(p->dir, "exe") : -1;
}

int module_open_file(const struct proc *p, const struct module_mapping *m)
{
	char name[64];
	int fd;

	snprintf(name, sizeof name, "map_files/%llx-%llx", (unsigned long long)m->start,
		 (unsigned long long)m->end);
	fd = if_unchanged(p, m, open_at(p->dir, name));
	if (fd < 0)
		fd = if_unchanged(p, m, open_program(p, m));
	if (fd < 0 && !m->deleted)
		fd = if_mapped(p, m, module_open_below(p->dir, m->path));
	if (fd < 0 && !m->deleted)
		fd = if_mapped(p, m, module_open_path(m->path));
	return fd;
}
