/* Mappings by ioctl or by text: see maps.h. */
#include "prof/attach/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* include/uapi/linux/fs.h of Linux 6.11, which older headers do not have. */
struct query {
	uint64_t size, flags, address;
	uint64_t start, end, vma_flags, page_size, offset, inode;
	uint32_t major, minor, name_size, id_size;
	uint64_t name, id;
};
#define QUERY            _IOWR('f', 17, struct query)
#define QUERY_EXECUTABLE 0x04
#define QUERY_NEXT       0x10 /* the mapping of the address, or the next one */
#define QUERY_FILES      0x20

#define READ_STEP ((size_t)65536)
#define NOT_ASKED INT_MAX /* this kernel cannot be asked */

struct walk {
	const struct proc *p;
	enum maps_what what;
	int (*each)(void *ctx, const struct procmap *m);
	void *ctx;
	struct err *err;
};

static int cannot_read(const struct walk *w)
{
	if (errno == ENOMEM)
		return err_nomem(w->err, "the maps of a process");
	if (errno == EACCES || errno == EPERM)
		return err_sys(w->err, ERR_DENIED, "the maps of process %d may not be read",
			       w->p->pid);
	if (errno != ENOENT && errno != ESRCH)
		return err_sys(w->err, ERR_IO, "cannot read the maps of process %d", w->p->pid);
	return err_set(w->err, ERR_NOTFOUND, "process %d has ended, or is the kernel's", w->p->pid);
}

/* ---- asked one by one ---- */

static int tell(const struct walk *w, const struct query *q, char *name)
{
	struct procmap m = {.start = q->start,
			    .end = q->end,
			    .inode = q->inode,
			    .executable = (q->vma_flags & QUERY_EXECUTABLE) != 0,
			    .path = name};

	if (q->name_size == 0)
		name[0] = '\0';
	if (q->inode) { /* as the text has it */
		m.offset = q->offset;
		m.device = makedev(q->major, q->minor);
	}
	return w->each(w->ctx, &m);
}

static int ask(const struct walk *w, int fd)
{
	char name[PATH_MAX + 16];
	uint64_t at = 0;

	for (uint32_t met = 0;; met++) {
		struct query q = {.size = sizeof q,
				  .flags = QUERY_NEXT |
					   (w->what == MAPS_FILES ? QUERY_FILES : QUERY_EXECUTABLE),
				  .address = at,
				  .name = (uintptr_t)name,
				  .name_size = sizeof name};
		int rc;

		name[sizeof name - 1] = '\0';
		if (ioctl(fd, QUERY, &q) != 0) {
			if (errno == ENOENT && met)
				return 0;
			return errno == ENOENT || errno == ESRCH ? cannot_read(w) : NOT_ASKED;
		}
		if (q.end <= at)
			return NOT_ASKED;
		rc = tell(w, &q, name);
		if (rc)
			return rc;
		at = q.end;
	}
}

int maps_build_id(const struct proc *p, uint64_t address, char id[ELF_BUILD_ID_HEX])
{
	uint8_t bytes[64];
	struct query q = {.size = sizeof q,
			  .flags = QUERY_FILES,
			  .address = address,
			  .id = (uintptr_t)bytes,
			  .id_size = sizeof bytes};
	int fd = proc_openat(p, "maps", O_RDONLY);

	id[0] = '\0';
	if (fd >= 0 && ioctl(fd, QUERY, &q) != 0)
		q.id_size = 0;
	for (uint32_t i = 0; fd >= 0 && i < q.id_size && 2 * i + 2 < ELF_BUILD_ID_HEX; i++)
		snprintf(id + (size_t)2 * i, 3, "%02x", bytes[i]);
	if (fd >= 0)
		(void)close(fd);
	return id[0] != '\0';
}

/* ---- as text ---- */

/* [vsyscall] is the kernel's, and in the text alone. */
static int is_wanted(enum maps_what what, const struct procmap *m)
{
	if (m->start > INT64_MAX)
		return 0;
	return what == MAPS_FILES ? m->inode != 0 : m->executable;
}

static int tell_line(void *ctx, const struct procmap *m)
{
	const struct walk *w = ctx;

	return is_wanted(w->what, m) ? w->each(w->ctx, m) : 0;
}

static int read_text(const struct walk *w, int fd, struct buf *text)
{
	ssize_t n;

	buf_clear(text);
	do {
		char *at = buf_reserve(text, READ_STEP);

		if (!at) {
			errno = ENOMEM;
			return cannot_read(w);
		}
		n = read(fd, at, READ_STEP - 1);
		text->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	if (n == 0 && text->len)
		return 0;
	errno = n < 0 ? errno : ESRCH;
	return cannot_read(w);
}

int maps_each(const struct proc *p, enum maps_what what, int *as_text, struct buf *text,
	      int (*each)(void *ctx, const struct procmap *m), void *ctx, struct err *err)
{
	struct walk w = {p, what, each, ctx, err};
	int fd = proc_openat(p, "maps", O_RDONLY), rc = NOT_ASKED;

	if (fd < 0)
		return cannot_read(&w);
	if (!*as_text)
		rc = ask(&w, fd);
	if (rc == NOT_ASKED) {
		*as_text = 1;
		rc = read_text(&w, fd, text);
		if (rc == 0)
			rc = procmaps_parse(text->data, text->len, tell_line, &w);
	}
	(void)close(fd);
	return rc;
}
