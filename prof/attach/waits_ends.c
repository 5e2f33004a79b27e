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
#define SCAN_NS   INT64_C(30000000) /* of our CPU time; 3 us a descriptor: some 10,000 of them */
#define ENDS_MAX  (1u << 16)
#define NEAR_MAX  64 /* relatives that are looked at first: with them most pipes are shared */
#define NAMED_MAX 3

struct end {
	uint64_t inode;
	int pid;
	uint32_t mode;
};

/* Kept from call to call: a dump of many threads on many pipes asks for each. */
struct ends {
	struct end *ends; /* by inode */
	uint32_t n, cap;
	int of_pid;             /* whose relatives; 0: everybody */
	int64_t at_ns, cost_ns; /* when it was made, and how long that took */
};

static struct ends family, world;

static int by_inode(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->pid != y->pid ? (x->pid < y->pid ? -1 : 1) : (int)x->mode - (int)y->mode;
}

static int add(struct ends *e, uint64_t inode, int pid, uint32_t mode)
{
	if (e->n == e->cap) {
		uint32_t cap = e->cap ? 2 * e->cap : 256;
		struct end *p = cap > ENDS_MAX ? NULL : realloc(e->ends, cap * sizeof *p);

		if (!p)
			return -1;
		e->ends = p;
		e->cap = cap;
	}
	e->ends[e->n++] = (struct end){inode, pid, mode};
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

static int look_at_link(struct ends *e, int dir, const char *name, int pid)
{
	char target[64];
	ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
	unsigned long long inode;

	target[n > 0 ? n : 0] = '\0';
	if (sscanf(target, "pipe:[%llu]", &inode) == 1)
		return add(e, inode, pid, pipe_mode(dir, name));
	if (sscanf(target, "socket:[%llu]", &inode) == 1)
		return add(e, inode, pid, END_SOCKET);
	return 0;
}

/* What cannot be looked at is nobody's, as far as we know. */
static int look_at_process(struct ends *e, int pid)
{
	char path[32];
	struct dirent *d;
	int rc = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (rc == 0 && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			rc = look_at_link(e, dirfd(dir), d->d_name, pid);
	(void)closedir(dir);
	return rc;
}

static void begin(struct ends *e, int pid)
{
	e->n = 0;
	e->of_pid = pid;
	e->at_ns = clock_mono_ns();
}

static void end(struct ends *e)
{
	int64_t now = clock_mono_ns();

	if (e->n)
		qsort(e->ends, e->n, sizeof *e->ends, by_inode);
	e->cost_ns = now - e->at_ns;
	e->at_ns = now;
}

static int look_at_children(struct ends *e, int pid, int left)
{
	char path[48], text[4096], *at, *rest;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	if (procfile_read(text, sizeof text, path) <= 0)
		return left;
	for (at = text; left > 0; at = rest, left--) {
		long child = strtol(at, &rest, 10);

		if (rest == at || look_at_process(e, (int)child))
			break;
	}
	return left;
}

/* The process, its parent, its children and its parent's. */
static void scan_family(int pid)
{
	struct ends *e = &family;
	char path[32], text[512], *stat;
	int parent = 0;

	begin(e, pid);
	(void)look_at_process(e, pid);
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (procfile_read(text, sizeof text, path) > 0 && (stat = strrchr(text, ')')) &&
	    strlen(stat) > 4)
		parent = (int)strtol(stat + 4, NULL, 10);
	if (parent > 1) /* the first process of all has no relatives */
		(void)look_at_process(e, parent);
	if (look_at_children(e, pid, NEAR_MAX) > 0 && parent > 1)
		(void)look_at_children(e, parent, NEAR_MAX);
	end(e);
}

static void scan_world(void)
{
	int64_t until = clock_thread_cpu_ns() + SCAN_NS;
	DIR *dir = opendir("/proc");
	struct dirent *d;

	begin(&world, 0);
	while (dir && (d = readdir(dir)) != NULL)
		if (d->d_name[0] > '0' && d->d_name[0] <= '9' &&
		    (look_at_process(&world, (int)strtol(d->d_name, NULL, 10)) ||
		     clock_thread_cpu_ns() > until))
			break; /* what is not found is not claimed */
	if (dir)
		(void)closedir(dir);
	end(&world);
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

static uint32_t name_all(struct words *w, const struct ends *list, uint64_t inode,
			 enum end_mode mode, int self_pid)
{
	uint32_t found = 0;
	int last = 0;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct end *e = &list->ends[i];

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

/* Made anew when it is old; or when it may be too old for what was not found in it, as long as at most half of our
 * time goes into looking. */
static int is_due(const struct ends *e, int64_t now, int missed)
{
	int64_t age = now - e->at_ns;

	return !e->at_ns || age > FRESH_NS || (missed && age > 2 * e->cost_ns);
}

uint32_t ends_words(struct words *w, uint64_t inode, enum end_mode mode, int self_pid)
{
	int64_t now = clock_mono_ns();
	uint32_t n = 0;

	if (family.of_pid != self_pid || is_due(&family, now, 0))
		scan_family(self_pid);
	n = name_all(w, &family, inode, mode, self_pid);
	if (n == 0 && !is_due(&world, now, 0))
		n = name_all(w, &world, inode, mode, self_pid);
	if (n || !is_due(&world, now, 1))
		return n;
	scan_world();
	return name_all(w, &world, inode, mode, self_pid);
}
