/* Who holds the ends of pipes and unix sockets: see waits_ends.h. */
#include "prof/attach/waits_ends.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/attach/procmaps.h"
#include "prof/base/clock.h"

#define FRESH_NS  INT64_C(100000000)
#define SCAN_NS   INT64_C(20000000) /* 1.5 us a descriptor: some 10,000 of them */
#define ENDS_MAX  (1u << 16)
#define NAMED_MAX 3

struct end {
	uint64_t inode;
	int pid;
	uint32_t mode;
};

/* Kept from call to call: a dump of many threads on many pipes asks for each. */
static struct {
	struct end *ends;
	uint32_t n, cap;
	int64_t at_ns, cost_ns; /* when it was made, and how long that took */
} known;

static int by_inode(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->pid != y->pid ? (x->pid < y->pid ? -1 : 1) : (int)x->mode - (int)y->mode;
}

static int add(uint64_t inode, int pid, uint32_t mode)
{
	if (known.n == known.cap) {
		uint32_t cap = known.cap ? 2 * known.cap : 256;
		struct end *p = cap > ENDS_MAX ? NULL : realloc(known.ends, cap * sizeof *p);

		if (!p)
			return -1;
		known.ends = p;
		known.cap = cap;
	}
	known.ends[known.n++] = (struct end){inode, pid, mode};
	return 0;
}

/* Which end of a pipe a descriptor is, its link's own permissions tell. */
static uint32_t pipe_mode(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	return (st.st_mode & S_IRUSR ? END_READ : 0u) | (st.st_mode & S_IWUSR ? END_WRITE : 0u);
}

static int look_at_link(int dir, const char *name, int pid)
{
	char target[64];
	ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
	unsigned long long inode;

	target[n > 0 ? n : 0] = '\0';
	if (sscanf(target, "pipe:[%llu]", &inode) == 1)
		return add(inode, pid, pipe_mode(dir, name));
	if (sscanf(target, "socket:[%llu]", &inode) == 1)
		return add(inode, pid, END_SOCKET);
	return 0;
}

static int look_at_process(int proc, const char *name, int64_t until)
{
	char path[32];
	int fd, rc = 0, pid = (int)strtol(name, NULL, 10);
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof path, "%d/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return 0; /* not for us, or gone */
	}
	while (rc == 0 && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			rc = look_at_link(dirfd(dir), d->d_name, pid);
	(void)closedir(dir);
	return rc ? rc : clock_mono_ns() > until ? -1 : 0;
}

static void scan(void)
{
	int64_t now = clock_mono_ns();
	DIR *dir = opendir("/proc");
	struct dirent *d;

	known.n = 0;
	while (dir && (d = readdir(dir)) != NULL)
		if (d->d_name[0] > '0' && d->d_name[0] <= '9' &&
		    look_at_process(dirfd(dir), d->d_name, now + SCAN_NS))
			break; /* what is not found is not claimed */
	if (dir)
		(void)closedir(dir);
	if (known.n)
		qsort(known.ends, known.n, sizeof *known.ends, by_inode);
	known.at_ns = clock_mono_ns();
	known.cost_ns = known.at_ns - now;
}

static void name_process(struct words *w, int pid, int self_pid)
{
	char path[48], comm[64];
	long n;

	if (pid == self_pid) {
		words_add(w, "itself");
		return;
	}
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	n = procfile_read(comm, sizeof comm, path);
	if (n > 0)
		words_text(w, comm, strcspn(comm, "\n"));
	words_add(w, "%s%d", n > 0 ? " " : "", pid);
}

static uint32_t name_all(struct words *w, uint64_t inode, enum end_mode mode, int self_pid)
{
	uint32_t found = 0;
	int last = 0;

	for (uint32_t i = 0; i < known.n; i++) {
		const struct end *e = &known.ends[i];

		if (e->inode != inode || !(e->mode & mode) || e->pid == last)
			continue;
		last = e->pid;
		if (found++ >= NAMED_MAX)
			continue;
		words_add(w, "%s", found > 1 ? ", " : "");
		name_process(w, e->pid, self_pid);
	}
	if (found > NAMED_MAX)
		words_add(w, " and %u more", found - NAMED_MAX);
	return found;
}

uint32_t ends_words(struct words *w, uint64_t inode, enum end_mode mode, int self_pid)
{
	int64_t age = clock_mono_ns() - known.at_ns;
	uint32_t n = 0;

	if (known.at_ns && age <= FRESH_NS)
		n = name_all(w, inode, mode, self_pid);
	if (n || (known.at_ns &&
		  age <= 2 * known.cost_ns)) /* half of our time at most goes into looking */
		return n;
	scan();
	return name_all(w, inode, mode, self_pid);
}
