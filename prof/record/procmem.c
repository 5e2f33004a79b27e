/* Reading /proc/PID/{statm,status,stat,smaps_rollup,pagemap}: see procmem.h. */
#include "prof/record/procmem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE     4096
#define NUMBER   (INT64_C(1) << 56) /* more is no number of bytes */
#define PRESENT  63                 /* bit of a pagemap entry */
#define OF_FILE  61                 /* likewise: of a file, or shared */
#define ENTRIES  4096               /* read at once: 16 MiB of addresses */
#define KILOBYTE 1024

/* Decimal digits, and how they end; -1: none, or too many. */
static int64_t number(const char *p, const char **end)
{
	int64_t n = 0;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (*p - '0');
		if (n > NUMBER)
			return -1;
	}
	*end = p;
	return n;
}

/* Number `place` of a line of pages, in bytes. */
static int64_t pages_at(const char *text, int place)
{
	const char *end;
	int64_t pages = number(text, &end);

	for (; place > 0 && pages >= 0; place--)
		pages = *end == ' ' ? number(end + 1, &end) : -1;
	return pages < 0 || pages > NUMBER / PAGE ? -1 : pages * PAGE;
}

int64_t procmem_statm_rss(const char *text)
{
	return pages_at(text, 1);
}

int64_t procmem_statm_shared(const char *text)
{
	return pages_at(text, 2);
}

int64_t procmem_field(const char *text, const char *name)
{
	size_t n = strlen(name);
	const char *end;
	int64_t kb;

	while (text) {
		if (strncmp(text, name, n) == 0 && text[n] == ':') {
			kb = number(text + n + 1 + strspn(text + n + 1, " \t"), &end);
			return kb < 0 || kb > NUMBER / KILOBYTE ? -1 : kb * KILOBYTE;
		}
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return -1;
}

int procmem_faults(const char *text, int64_t *minor, int64_t *major)
{
	const char *p = strrchr(text, ')'), *end; /* the name before it may hold anything */

	for (int field = 2; p && field < 10; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	*minor = p ? number(p, &end) : -1;
	if (*minor < 0 || *end != ' ')
		return -1;
	p = strchr(end + 1, ' '); /* of its children, that it waited for */
	*major = p ? number(p + 1, &end) : -1;
	return *major < 0 ? -1 : 0;
}

long procmem_read(int fd, char *out, size_t size)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, out, size - 1, 0);

	out[n > 0 ? n : 0] = '\0';
	return n;
}

int procmem_open(int pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int64_t procmem_resident(int pagemap_fd, uint64_t start, uint64_t bytes, int64_t *shared)
{
	uint64_t entry[ENTRIES], page = start / PAGE;
	int64_t resident = 0;

	for (uint64_t left = bytes / PAGE; left > 0;) {
		size_t want = left < ENTRIES ? (size_t)left : ENTRIES;
		ssize_t n = pread(pagemap_fd, entry, want * sizeof *entry,
				  (off_t)(page * sizeof *entry));

		if (n < (ssize_t)sizeof *entry)
			break;
		n /= (ssize_t)sizeof *entry;
		for (ssize_t i = 0; i < n; i++) {
			resident += (int64_t)(entry[i] >> PRESENT & 1) * PAGE;
			*shared += (int64_t)(entry[i] >> PRESENT & entry[i] >> OF_FILE & 1) * PAGE;
		}
		page += (uint64_t)n;
		left -= (uint64_t)n;
	}
	return resident;
}
