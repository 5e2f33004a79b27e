/* The memory cgroup of a process, of either version: which folder it is, the lowest limit on the way up, and
 * what is used there. See procmem.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/buf.h"
#include "prof/record/procmem.h"

#define TEXT_MAX ((size_t)1 << 20)  /* of mountinfo */
#define NO_LIMIT (INT64_C(1) << 60) /* version 1 says "none" with a number about that large */

static int is_word(const char *text, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(text, word, n) == 0;
}

/* One of the words between commas. */
static int has_word(const char *list, size_t n, const char *word)
{
	while (n > 0) {
		const char *comma = memchr(list, ',', n);
		size_t len = comma ? (size_t)(comma - list) : n;

		if (is_word(list, len, word))
			return 1;
		n -= comma ? len + 1 : len;
		list += comma ? len + 1 : len;
	}
	return 0;
}

/* "4:memory:/a/b" or "0::/a/b": the group that counts memory. Version 1 where both are in use: a controller
 * is in one of them only. */
static const char *own_group(const char *text, size_t *bytes, int *unified)
{
	const char *found = NULL;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *names, *path;

		line += *line == '\n';
		names = strchr(line, ':');
		path = names ? strchr(names + 1, ':') : NULL;
		if (!path || memchr(line, '\n', (size_t)(path - line)) || path[1] != '/')
			continue;
		if (has_word(names + 1, (size_t)(path - names - 1), "memory")) {
			*unified = 0;
		} else if (path == names + 1 && !found) {
			*unified = 1;
		} else {
			continue;
		}
		found = path + 1;
		*bytes = strcspn(found, "\n");
		if (!*unified)
			break;
	}
	return found;
}

struct mount { /* a line of mountinfo */
	const char *root, *point, *type, *options;
	size_t root_bytes, point_bytes, type_bytes, options_bytes;
};

/* The next word of a line; NULL: there is none. */
static const char *next_word(const char *p, size_t *bytes)
{
	p += strspn(p, " ");
	*bytes = strcspn(p, " \n");
	return *bytes ? p : NULL;
}

/* "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:1 - cgroup cgroup rw,memory" */
static int parse_mount(const char *line, struct mount *m)
{
	const char *p = line;
	size_t n;

	for (int field = 0; field < 3; field++) {
		if (!(p = next_word(p, &n)))
			return -1;
		p += n;
	}
	if (!(m->root = next_word(p, &m->root_bytes)) ||
	    !(m->point = next_word(m->root + m->root_bytes, &m->point_bytes)))
		return -1;
	p = m->point + m->point_bytes;
	do {
		if (!(p = next_word(p, &n)))
			return -1;
		p += n;
	} while (!(n == 1 && p[-1] == '-'));
	if (!(m->type = next_word(p, &m->type_bytes)) ||
	    !(p = next_word(m->type + m->type_bytes, &n)) ||
	    !(m->options = next_word(p + n, &m->options_bytes)))
		return -1;
	return 0;
}

/* `\040` is a blank in mountinfo; 0: nothing is escaped here. */
static int escaped_byte(const char *p, size_t n)
{
	int byte = 0;

	if (n < 4 || p[0] != '\\' || p[1] > '3')
		return 0;
	for (int i = 1; i < 4; i++) {
		if (p[i] < '0' || p[i] > '7')
			return 0;
		byte = byte << 3 | (p[i] - '0');
	}
	return byte;
}

/* How many bytes, negative: too long. */
static long unescape(char *out, size_t size, const char *p, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++, len++) {
		int byte = escaped_byte(p + i, n - i);

		if (len + 1 >= size)
			return -1;
		out[len] = byte ? (char)byte : p[i];
		i += byte ? 3 : 0;
	}
	out[len] = '\0';
	return (long)len;
}

/* The group's folder below the mount point. Where only a part of the tree is mounted, its root is left out; a
 * group outside of it is taken to be the root itself, as in a container that cannot see more. */
static int join(struct cgroup *c, const struct mount *m, const char *group, size_t bytes)
{
	long n = unescape(c->path, sizeof c->path, m->point, m->point_bytes);
	size_t skip = m->root_bytes == 1 ? 0 : m->root_bytes;

	if (n < 0)
		return -1;
	c->top = (size_t)n;
	if (bytes < skip || memcmp(group, m->root, skip) != 0 ||
	    (bytes > skip && group[skip] != '/') || strncmp(group, "/..", 3) == 0)
		skip = bytes;
	while (bytes > skip && group[bytes - 1] == '/')
		bytes--;
	if (c->top + bytes - skip >= sizeof c->path)
		return -1;
	memcpy(c->path + c->top, group + skip, bytes - skip);
	c->path[c->top + bytes - skip] = '\0';
	return 0;
}

int cgroup_find(struct cgroup *c, const char *groups, const char *mounts)
{
	size_t bytes = 0;
	const char *group = own_group(groups, &bytes, &c->unified);

	c->path[0] = '\0';
	c->usage_fd = -1;
	c->limit_bytes = -1;
	for (const char *line = group ? mounts : NULL; line; line = strchr(line, '\n')) {
		struct mount m;

		line += *line == '\n';
		if (parse_mount(line, &m) == 0 &&
		    (c->unified ? is_word(m.type, m.type_bytes, "cgroup2")
				: is_word(m.type, m.type_bytes, "cgroup") &&
					  has_word(m.options, m.options_bytes, "memory")))
			return join(c, &m, group, bytes);
	}
	return -1;
}

int64_t cgroup_limit_parse(const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	return end == text || errno || n < 0 || n >= NO_LIMIT ? -1 : n;
}

/* A file of the group path[0 … level). */
static int open_at(const struct cgroup *c, size_t level, const char *name)
{
	char path[CGROUP_PATH_MAX + 32];

	if (snprintf(path, sizeof path, "%.*s/%s", (int)level, c->path, name) >= (int)sizeof path)
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int64_t limit_at(const struct cgroup *c, size_t level)
{
	int fd = open_at(c, level, c->unified ? "memory.max" : "memory.limit_in_bytes");
	char text[64];
	int64_t limit = procmem_read(fd, text, sizeof text) > 0 ? cgroup_limit_parse(text) : -1;

	if (fd >= 0)
		(void)close(fd);
	return limit;
}

static void use_level(struct cgroup *c, size_t level)
{
	if (level == c->level && c->usage_fd >= 0)
		return;
	if (c->usage_fd >= 0)
		(void)close(c->usage_fd);
	c->level = level;
	c->usage_fd = open_at(c, level, c->unified ? "memory.current" : "memory.usage_in_bytes");
}

void cgroup_look(struct cgroup *c)
{
	size_t own = strlen(c->path), best = own;
	int64_t lowest = -1;

	if (own == 0)
		return;
	for (size_t level = own; level >= c->top && level > 0; level--) {
		int64_t limit;

		if (level != own && level != c->top && c->path[level] != '/')
			continue;
		limit = limit_at(c, level);
		if (limit >= 0 && (lowest < 0 || limit < lowest)) {
			lowest = limit;
			best = level;
		}
	}
	c->limit_bytes = lowest;
	use_level(c, best);
}

static int read_text(struct buf *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	char *p;

	if (fd < 0)
		return -1;
	while ((p = buf_reserve(b, 4096)) != NULL && (n = read(fd, p, 4096)) > 0)
		b->len += (size_t)n;
	(void)close(fd);
	return n == 0 && buf_putc(b, '\0') == 0 ? 0 : -1;
}

int cgroup_open(struct cgroup *c, int pid)
{
	struct buf groups, mounts;
	char path[48];
	int rc = -1;

	c->path[0] = '\0';
	c->usage_fd = -1;
	c->limit_bytes = -1;
	buf_init(&groups, TEXT_MAX);
	buf_init(&mounts, TEXT_MAX);
	snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
	if (read_text(&groups, path) == 0 && read_text(&mounts, "/proc/self/mountinfo") == 0)
		rc = cgroup_find(c, groups.data, mounts.data);
	if (rc == 0)
		cgroup_look(c);
	else
		c->path[0] = '\0';
	buf_release(&groups);
	buf_release(&mounts);
	return rc;
}

int64_t cgroup_usage(struct cgroup *c)
{
	char text[64];

	return procmem_read(c->usage_fd, text, sizeof text) > 0 ? cgroup_limit_parse(text) : -1;
}

void cgroup_close(struct cgroup *c)
{
	if (c->usage_fd >= 0)
		(void)close(c->usage_fd);
	c->usage_fd = -1;
}
