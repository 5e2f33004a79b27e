/* The maps of just-in-time compilers: see perfmap.h. */
#include "prof/symbol/perfmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/base/err.h"
#include "prof/symbol/elfsym.h"

#define FILE_MAX  ((size_t)256 << 20) /* Node.js after a day wrote 30 MB */
#define STEPS_MAX (UINT64_C(1) << 26)

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A number of 1 to 16 hex digits, perhaps after 0x, and a blank. */
static int read_hex(struct cursor *c, uint64_t *v)
{
	unsigned digits = 0;
	int d;

	if (cursor_left(c) > 2 && c->p[0] == '0' && (c->p[1] | 0x20) == 'x')
		c->p += 2;
	for (*v = 0; c->p < c->end && (d = hex_digit(*c->p)) >= 0; c->p++) {
		*v = *v << 4 | (unsigned)d;
		if (++digits > 16)
			return 0;
	}
	if (!digits || c->p == c->end || (*c->p != ' ' && *c->p != '\t'))
		return 0;
	c->p++;
	return 1;
}

static int read_line(struct cursor line, uint64_t *start, uint64_t *size, struct span *name)
{
	if (!read_hex(&line, start) || !read_hex(&line, size) || !*size)
		return 0;
	while (line.end > line.p && (line.end[-1] == '\r' || line.end[-1] == ' '))
		line.end--;
	*name = (struct span){line.p, cursor_left(&line)};
	return name->n > 0;
}

size_t perfmap_find(struct span text, const uint64_t *addrs, size_t n, struct span *names)
{
	const uint8_t *p = text.p, *end = text.p ? text.p + text.n : NULL;
	uint64_t start, size, steps = 0;
	size_t lines = 0;
	struct span name;

	memset(names, 0, n * sizeof *names);
	while (p < end && steps < STEPS_MAX) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
		struct cursor line = {p, nl ? nl : end, 0};

		p = nl ? nl + 1 : end;
		if (!read_line(line, &start, &size, &name))
			continue;
		lines++;
		for (size_t i = elfsym_lower(addrs, n, start); i < n && addrs[i] - start < size;
		     i++, steps++)
			names[i] = name;
	}
	return lines;
}

static int read_all(int fd, size_t size, void **bytes, size_t *len)
{
	char *p = malloc(size + 1);
	size_t have = 0;

	if (!p)
		return ERR_NOMEM;
	while (have < size) {
		ssize_t n = read(fd, p + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	*bytes = p;
	*len = have;
	return 1;
}

static int read_map(const char *path, uid_t owner, void **bytes, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return 0;
	/* /tmp is everybody's: a map that another user put there would name our code. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_uid == owner || st.st_uid == 0 || st.st_uid == geteuid()) && st.st_size > 0)
		rc = read_all(fd, (uint64_t)st.st_size < FILE_MAX ? (size_t)st.st_size : FILE_MAX,
			      bytes, len);
	close(fd);
	return rc;
}

int perfmap_read_file(const char *file, void **bytes, size_t *len)
{
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1, rc = 0;
	struct stat st;

	*bytes = NULL;
	*len = 0;
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		rc = read_all(fd, (uint64_t)st.st_size < FILE_MAX ? (size_t)st.st_size : FILE_MAX,
			      bytes, len);
	close(fd);
	return rc;
}

/* The number that a process has in its own namespace; the same without one. */
static long long inner_pid(int64_t pid)
{
	long long inner = pid, v;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
	f = fopen(path, "re");
	if (!f)
		return inner;
	while (fgets(line, sizeof line, f)) {
		char *at = line + 6, *end;

		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		for (errno = 0; (v = strtoll(at, &end, 10)), end != at; at = end)
			inner = v;
	}
	fclose(f);
	return inner;
}

int perfmap_read(int64_t pid, void **bytes, size_t *len)
{
	char path[96];
	struct stat st;
	int rc;

	*bytes = NULL;
	*len = 0;
	if (pid <= 0)
		return 0;
	snprintf(path, sizeof path, "/proc/%lld", (long long)pid);
	if (stat(path, &st) == 0) {
		snprintf(path, sizeof path, "/proc/%lld/root/tmp/perf-%lld.map", (long long)pid,
			 inner_pid(pid));
		rc = read_map(path, st.st_uid, bytes, len);
		if (rc)
			return rc;
	}
	snprintf(path, sizeof path, "/tmp/perf-%lld.map", (long long)pid);
	return read_map(path, geteuid(), bytes, len);
}
