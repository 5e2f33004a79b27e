/* Paths of modules, from /proc/self/maps read in pieces. */
#include "prof/agent/modpath.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>

#include "prof/agent/sys.h"

int modpath_is_vdso(uint64_t base)
{
	return base != 0 && base == getauxval(AT_SYSINFO_EHDR);
}

static uint64_t hex(const char **at)
{
	uint64_t n = 0;

	for (;; (*at)++) {
		char c = **at;

		if (c >= '0' && c <= '9')
			n = n * 16 + (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + (uint64_t)(c - 'a' + 10);
		else
			return n;
	}
}

struct mapping { /* what a line says */
	uint64_t start, end;
	char *path; /* room for `size` bytes, unchanged if there is none */
	size_t size;
};

/* "start-end perms offset dev inode      path": 1 if the address is in it (path copied if it has one). */
static int use_line(const char *line, uint64_t address, struct mapping *m)
{
	const char *path;
	size_t len;

	m->start = hex(&line);
	if (*line++ != '-')
		return 0;
	m->end = hex(&line);
	if (address < m->start || address >= m->end)
		return 0;
	path = strchr(line, '/');
	len = path ? strlen(path) : 0;
	if (len > 0 && len < m->size)
		memcpy(m->path, path, len + 1);
	return 1;
}

static int find(uint64_t address, struct mapping *m)
{
	char buf[4096 + 512]; /* a line is at most 73 bytes and a path of 4096 */
	size_t have = 0;
	long fd = sys4(SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	int done = 0;

	if (fd < 0)
		return -1;
	while (!done) {
		long n = sys3(SYS_read, fd, (long)(buf + have), (long)(sizeof buf - 1 - have));
		char *line = buf, *nl;

		if (n <= 0)
			break;
		have += (size_t)n;
		buf[have] = '\0';
		while (!done && (nl = strchr(line, '\n')) != NULL) {
			*nl = '\0';
			done = use_line(line, address, m);
			line = nl + 1;
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
	}
	(void)sys2(SYS_close, fd, 0);
	return done ? 0 : -1;
}

void modpath_of_address(uint64_t address, char *out, size_t size)
{
	struct mapping m = {.path = out, .size = size};

	(void)find(address, &m);
}

int modpath_range(uint64_t address, uint64_t *start, uint64_t *end)
{
	struct mapping m = {.size = 0};

	if (find(address, &m) < 0)
		return -1;
	*start = m.start;
	*end = m.end;
	return 0;
}

const char *modpath_to_open(const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(path), tail = sizeof deleted - 1;
	char exe[1024];
	long n;

	if (len <= tail || strcmp(path + len - tail, deleted) != 0)
		return path;
	n = sys4(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)exe, sizeof exe);
	if (n == (long)len && memcmp(exe, path, len) == 0)
		return "/proc/self/exe";
	return path;
}
