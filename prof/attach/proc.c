/* Processes by descriptors of their folders in /proc: see proc.h. Texts are taken apart in proc_parse.c. */
#include "prof/attach/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* status has about 60 lines; its longest, Groups and Cpus_allowed, pass 4 KiB only on odd machines. */
#define STATUS_MAX  8192
#define STAT_MAX    1024 /* 52 numbers and a name */
#define LISTING_MAX 8192 /* of a folder, at once */

/* The numbers of /proc are those of the namespace it was mounted in; ours to ptrace() and others are those
 * of our own namespace. Where these differ ("unshare --pid" without a new /proc) another process would be
 * looked at than was meant. */
static int is_our_proc(struct err *err)
{
	char self[16];
	ssize_t n = readlink("/proc/self", self, sizeof self - 1);

	if (n < 0 && errno == ENOENT && access("/proc/version", F_OK))
		return err_set(err, ERR_UNSUPPORTED,
			       "/proc is not mounted here: mount -t proc proc /proc");
	self[n > 0 ? n : 0] = '\0';
	if (n > 0 && strtol(self, NULL, 10) == getpid())
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "/proc shows another pid namespace than the one we are in, so its numbers "
		       "mean other processes: mount -t proc proc /proc, or unshare --mount-proc");
}

static int cannot_open(int pid, struct err *err)
{
	int error = errno;

	/* Signal 0 is none: only whether there is such a process. */
	if ((error == ENOENT || error == EPERM) && (kill(pid, 0) == 0 || errno == EPERM))
		return err_set(err, ERR_DENIED,
			       "process %d is there but hidden from us (/proc is mounted with "
			       "hidepid): sudo, or as root: mount -o remount,hidepid=0 /proc",
			       pid);
	errno = error;
	if (error == ENOENT || error == ESRCH)
		return err_set(err, ERR_NOTFOUND,
			       "no process %d: it ended, or has another number here; those that "
			       "run: ps -e, or pgrep -af NAME",
			       pid);
	return err_sys(err, ERR_IO, "cannot open /proc/%d", pid);
}

int proc_open(struct proc *p, int pid, struct err *err)
{
	struct proc_stat stat;
	char path[24];
	int rc;

	*p = (struct proc){pid, -1, -1, 0};
	if (pid <= 0)
		return err_set(err, ERR_ARG, "%d is no process's number: those are 1 and above",
			       pid);
	rc = is_our_proc(err);
	if (rc)
		return rc;
	snprintf(path, sizeof path, "/proc/%d", pid);
	p->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0)
		return cannot_open(pid, err);
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* The folder answers: so the process had its number still when pidfd_open() asked for it. */
	if (proc_stat(p, &stat)) {
		proc_close(p);
		errno = ENOENT;
		return cannot_open(pid, err);
	}
	p->start_ticks = stat.start_ticks;
	return 0;
}

void proc_close(struct proc *p)
{
	if (p->dir >= 0)
		(void)close(p->dir);
	if (p->dir >= 0 && p->pidfd >= 0)
		(void)close(p->pidfd);
	p->dir = p->pidfd = -1;
}

int proc_is_alive(const struct proc *p)
{
	struct pollfd ended = {p->pidfd, POLLIN, 0};
	struct proc_stat stat;

	if (p->pidfd >= 0)
		return poll(&ended, 1, 0) == 0;
	if (proc_stat(p, &stat) || stat.state == 'X')
		return 0;
	return stat.state != 'Z' || stat.n_threads > 1;
}

int proc_openat(const struct proc *p, const char *name, int flags)
{
	return openat(p->dir, name, flags | O_CLOEXEC | O_NOCTTY);
}

long proc_read(const struct proc *p, const char *name, char *out, size_t size)
{
	int fd = proc_openat(p, name, O_RDONLY);
	int error;
	ssize_t n;

	out[0] = '\0';
	if (fd < 0)
		return -1;
	n = read(fd, out, size - 1);
	error = errno;
	(void)close(fd);
	errno = error;
	out[n > 0 ? n : 0] = '\0';
	return n;
}

long proc_readlink(const struct proc *p, const char *name, char *out, size_t size)
{
	ssize_t n = readlinkat(p->dir, name, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
	return n;
}

int proc_stat(const struct proc *p, struct proc_stat *s)
{
	char text[STAT_MAX];

	return proc_read(p, "stat", text, sizeof text) > 0 ? proc_stat_parse(s, text) : -1;
}

int proc_task_stat(const struct proc *p, int tid, struct proc_stat *s)
{
	char name[40], text[STAT_MAX];

	snprintf(name, sizeof name, "task/%d/stat", tid);
	return proc_read(p, name, text, sizeof text) > 0 ? proc_stat_parse(s, text) : -1;
}

int proc_status(const struct proc *p, struct proc_status *s)
{
	char text[STATUS_MAX];

	return proc_read(p, "status", text, sizeof text) > 0 ? proc_status_parse(s, text) : -1;
}

int proc_task_status(const struct proc *p, int tid, struct proc_status *s)
{
	char name[40], text[STATUS_MAX];

	snprintf(name, sizeof name, "task/%d/status", tid);
	return proc_read(p, name, text, sizeof text) > 0 ? proc_status_parse(s, text) : -1;
}

int proc_schedstat(const struct proc *p, int tid, struct proc_schedstat *s)
{
	char name[40], text[128];

	snprintf(name, sizeof name, "task/%d/schedstat", tid);
	return proc_read(p, name, text, sizeof text) > 0 ? proc_schedstat_parse(s, text) : -1;
}

enum proc_call proc_syscall(const struct proc *p, int tid, struct proc_syscall *s)
{
	char name[40], text[256];

	*s = (struct proc_syscall){.nr = -1};
	snprintf(name, sizeof name, "task/%d/syscall", tid);
	if (proc_read(p, name, text, sizeof text) <= 0)
		return PROC_CALL_DENIED;
	return proc_syscall_parse(s, text);
}

/* ---- tasks -------------------------------------------------------------------------------------- */

static int add_tid(int **tids, uint32_t *n, uint32_t *cap, int tid)
{
	if (*n == *cap) {
		uint32_t more = *cap ? *cap * 2 : 64;
		int *grown = realloc(*tids, more * sizeof **tids);

		if (!grown)
			return ERR_NOMEM;
		*tids = grown;
		*cap = more;
	}
	(*tids)[(*n)++] = tid;
	return 0;
}

/* Every entry of a folder that is a number. */
static int list_numbers(int fd, int **tids, uint32_t *n, uint32_t *cap)
{
	_Alignas(struct dirent64) char part[LISTING_MAX];

	for (;;) {
		ssize_t got = getdents64(fd, part, sizeof part);

		if (got <= 0)
			return got < 0 ? ERR_NOTFOUND : 0;
		for (ssize_t at = 0; at < got;) {
			const struct dirent64 *entry = (const void *)(part + at);
			long tid = strtol(entry->d_name, NULL, 10);

			at += entry->d_reclen;
			if (tid > 0 && add_tid(tids, n, cap, (int)tid))
				return ERR_NOMEM;
		}
	}
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Takes the descriptor. */
static int list_sorted(int fd, int **tids, uint32_t *n, uint32_t *cap)
{
	int rc;

	*n = 0;
	if (fd < 0)
		return ERR_NOTFOUND;
	rc = list_numbers(fd, tids, n, cap);
	(void)close(fd);
	if (rc == 0 && !*n)
		rc = ERR_NOTFOUND;
	for (uint32_t i = 1; rc == 0 && i < *n; i++) /* the kernel gives them in order, mostly */
		if ((*tids)[i - 1] > (*tids)[i]) {
			qsort(*tids, *n, sizeof **tids, by_number);
			break;
		}
	return rc;
}

int proc_tasks(const struct proc *p, int **tids, uint32_t *n, uint32_t *cap)
{
	return list_sorted(proc_openat(p, "task", O_RDONLY | O_DIRECTORY), tids, n, cap);
}

int proc_all(int **pids, uint32_t *n, uint32_t *cap)
{
	return list_sorted(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), pids, n, cap);
}

static int ns_tid_of(const struct proc *p, int tid)
{
	char name[40], text[STATUS_MAX];
	struct proc_status status;

	snprintf(name, sizeof name, "task/%d/status", tid);
	if (proc_read(p, name, text, sizeof text) <= 0 || proc_status_parse(&status, text))
		return 0;
	return status.ns_pid ? status.ns_pid : tid;
}

int proc_tid_from_ns(const struct proc *p, int ns_tid)
{
	uint32_t n = 0, cap = 0;
	int *tids = NULL, found = 0;

	if (ns_tid <= 0)
		return 0;
	if (ns_tid_of(p, ns_tid) == ns_tid) /* its namespace is ours */
		return ns_tid;
	if (proc_tasks(p, &tids, &n, &cap) == 0)
		for (uint32_t i = 0; i < n && !found; i++)
			if (ns_tid_of(p, tids[i]) == ns_tid)
				found = tids[i];
	free(tids);
	return found;
}

/* ---- names -------------------------------------------------------------------------------------- */

size_t proc_plain_length(const char *path)
{
	static const char gone[] = " (deleted)";
	size_t n = strlen(path), tail = sizeof gone - 1;

	return n > tail && strcmp(path + n - tail, gone) == 0 ? n - tail : n;
}

void proc_name(const struct proc *p, char *out, size_t size)
{
	struct proc_stat stat;
	char path[4200];
	long n = proc_readlink(p, "exe", path, sizeof path);
	const char *base = strrchr(path, '/');

	if (n > 0)
		path[proc_plain_length(path)] = '\0';
	if (n > 0 && base && base[1]) {
		snprintf(out, size, "%.*s", (int)(size - 1), base + 1);
		return;
	}
	if (proc_stat(p, &stat))
		stat.comm[0] = '\0';
	snprintf(out, size, "%.*s", (int)(size - 1), stat.comm);
}

void proc_command(const struct proc *p, char *out, size_t size)
{
	long n = proc_read(p, "cmdline", out, size);

	if (n < 0)
		n = 0;
	while (n > 0 && !out[n - 1])
		n--;
	for (long i = 0; i < n; i++)
		if (!out[i])
			out[i] = ' ';
	out[n] = '\0';
}
