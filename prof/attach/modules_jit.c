/* The maps that just-in-time compilers write of their code, kept open: below the root that the process has, under the
 * number that it has there. Only those of the process's user, root or ourselves count: /tmp is everybody's. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "prof/attach/modules_internal.h"

static int is_trusted(const struct proc *p, int fd, struct stat *st)
{
	struct stat theirs;

	return fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	       fstat(p->dir, &theirs) == 0 &&
	       (st->st_uid == theirs.st_uid || st->st_uid == 0 || st->st_uid == geteuid());
}

/* The process's map, or -1. */
static int open_map(const struct proc *p, struct stat *st)
{
	struct proc_status status;
	char path[64];
	int fd;

	if (proc_status(p, &status))
		return -1;
	snprintf(path, sizeof path, "/tmp/perf-%d.map", status.ns_pid ? status.ns_pid : p->pid);
	fd = module_open_below(p->dir, path);
	if (is_trusted(p, fd, st))
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static int has_map(const struct module_entry *e, const struct stat *st)
{
	return e->fd >= 0 && e->st.st_dev == st->st_dev && e->st.st_ino == st->st_ino;
}

void module_find_maps(struct module_set *s, const struct proc *p)
{
	struct stat st;
	int fd = open_map(p, &st);

	for (uint32_t i = 0; fd >= 0 && i < s->n; i++) {
		struct module_entry *e = s->entries[i];
		int own;

		if (e->pub.source != MODULE_JIT || e->pub.pid != p->pid || has_map(e, &st))
			continue;
		own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (own < 0)
			break;
		if (e->fd >= 0)
			(void)close(e->fd);
		e->st = st;
		module_set_file(e, own);
	}
	if (fd >= 0)
		(void)close(fd);
}
