/* Reading /proc/PID/maps and /proc/PID/stat: see procmaps.h. */
#include "prof/attach/procmaps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "prof/base/buf.h"

#define MAPS_MAX ((size_t)64 << 20) /* 65,530 mappings (the kernel's default limit) take 8 MiB */

/* A hexadecimal number that ends in `after`; NULL: there is none. */
static char *hex(char *p, char after, uint64_t *value)
{
	char *end;

	errno = 0;
	if (*p == '-' || *p == '+' || *p == ' ')
		return NULL;
	*value = strtoull(p, &end, 16);
	return end == p || errno || *end != after ? NULL : end + 1;
}

/* "fd:01 1234   /path": the path's place. What makes no sense is no file. */
static char *parse_file(char *p, struct procmap *m)
{
	uint64_t major, minor;
	char *at = hex(p, ':', &major);

	at = at ? hex(at, ' ', &minor) : NULL;
	m->device = m->inode = 0;
	if (at && *at >= '0' && *at <= '9') {
		m->inode = strtoull(at, NULL, 10);
		if (m->inode && major <= UINT32_MAX && minor <= UINT32_MAX)
			m->device = makedev((unsigned)major, (unsigned)minor);
	}
	for (int field = 0; field < 2; field++) { /* device, inode */
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	return p;
}

static int parse_line(char *line, struct procmap *m)
{
	char *p = hex(line, '-', &m->start);

	p = p ? hex(p, ' ', &m->end) : NULL;
	if (!p || strlen(p) < 5 || p[4] != ' ' || m->end <= m->start)
		return -1;
	m->executable = p[2] == 'x';
	p = hex(p + 5, ' ', &m->offset);
	if (!p)
		return -1;
	m->path = parse_file(p, m);
	return 0;
}

int procmaps_parse(char *text, size_t len, int (*each)(void *ctx, const struct procmap *m),
		   void *ctx)
{
	char *line = text, *end = text + len;

	*end = '\0';
	while (line < end) {
		char *next = memchr(line, '\n', (size_t)(end - line));
		struct procmap m;

		if (!next)
			next = end;
		*next = '\0';
		if (parse_line(line, &m) == 0) {
			int rc = each(ctx, &m);

			if (rc)
				return rc;
		}
		line = next + 1;
	}
	return 0;
}

static int read_all(struct buf *b, int fd)
{
	for (;;) {
		char *p = buf_reserve(b, 65536);
		ssize_t n = p ? read(fd, p, 65535) : -1;

		if (n <= 0)
			return n < 0 ? -1 : 0;
		b->len += (size_t)n;
	}
}

int procmaps_read(int pid, int (*each)(void *ctx, const struct procmap *m), void *ctx,
		  struct err *err)
{
	struct buf b;
	char path[48];
	int fd, rc;

	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open %s",
			       path);
	buf_init(&b, MAPS_MAX);
	rc = read_all(&b, fd);
	(void)close(fd);
	if (rc)
		rc = err_sys(err, errno == ESRCH ? ERR_NOTFOUND : ERR_IO, "cannot read %s", path);
	else if (b.len)
		rc = procmaps_parse(b.data, b.len, each, ctx);
	buf_release(&b);
	return rc;
}

long procfile_read(char *out, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, out, size - 1);
	(void)close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n;
}

uint64_t procstat_start(int pid, char *state)
{
	char path[48], text[1024], *p;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (procfile_read(text, sizeof text, path) <= 0)
		return 0;
	p = strrchr(text, ')'); /* the name before it may hold anything */
	if (!p || p[1] != ' ')
		return 0;
	p += 2;
	if (state)
		*state = *p;
	for (int field = 3; field < 22 && p; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p ? strtoull(p, NULL, 10) : 0;
}
