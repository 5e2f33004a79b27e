/* Threads, children and holders of file locks: see waits_people.h. */
#include "prof/attach/waits_people.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "prof/attach/procmaps.h"

#define CHILDREN_SHOWN 3
#define CHILDREN_TEXT  8192
#define LOCKS_TEXT     65536 /* some 1,000 locks */

static void parenthesised(struct words *w, const char *name, size_t n)
{
	words_add(w, " (");
	words_text(w, name, n);
	words_add(w, ")");
}

void people_thread(struct words *w, const struct proc *p, int tid)
{
	char path[48], comm[PROC_COMM_MAX];

	words_add(w, "thread %d", tid);
	snprintf(path, sizeof path, "task/%d/comm", tid);
	if (proc_read(p, path, comm, sizeof comm) > 0)
		parenthesised(w, comm, strcspn(comm, "\n"));
}

/* Of any process, by our own pid namespace. */
static int other_thread(struct words *w, int tid)
{
	char path[48], text[4096];
	const char *tgid;

	snprintf(path, sizeof path, "/proc/%d/status", tid);
	if (procfile_read(text, sizeof text, path) <= 0 || !(tgid = strstr(text, "\nTgid:")))
		return 0;
	words_add(w, "thread %d", tid);
	if (strncmp(text, "Name:\t", 6) == 0)
		parenthesised(w, text + 6, strcspn(text + 6, "\n"));
	words_add(w, " of process %d", (int)strtol(tgid + 6, NULL, 10));
	return 1;
}

int people_owner(struct words *w, const struct proc *p, int ns_tid, int elsewhere)
{
	struct proc_status status;
	char name[32];
	char text[64];
	int tid = proc_tid_from_ns(p, ns_tid);

	if (tid > 0) {
		snprintf(name, sizeof name, "task/%d/comm", tid);
		if (proc_read(p, name, text, sizeof text) >= 0) {
			people_thread(w, p, tid);
			return 1;
		}
	}
	/* Numbers of another process mean something only where it counts as we do. */
	return elsewhere && proc_status(p, &status) == 0 && status.ns_pid == p->pid &&
	       other_thread(w, ns_tid);
}

/* ---- children ------------------------------------------------------------------------------------ */

/* Entry `level` of "NSpid: …" in a status text; 0: it has none there. */
static int pid_at(const char *status, int level)
{
	const char *at = strstr(status, "\nNSpid:");
	long n = 0;
	char *end;

	if (!at)
		return 0;
	for (at += 7; level >= 0; level--, at = end) {
		at += strspn(at, "\t ");
		if (*at == '\n' || *at == '\0')
			return 0;
		n = strtol(at, &end, 10);
		if (end == at)
			return 0;
	}
	return n > 0 && n <= INT32_MAX ? (int)n : 0;
}

/* How deep the process's pid namespace is below ours. */
static int level_of(const struct proc *p)
{
	char text[4096];
	int level = 0;

	if (proc_read(p, "status", text, sizeof text) <= 0)
		return 0;
	while (level < 32 && pid_at(text, level + 1))
		level++;
	return level;
}

static int add_child(struct words *w, int pid, int level, int wanted, uint32_t n)
{
	char path[48], text[4096];

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	if (procfile_read(text, sizeof text, path) <= 0)
		return 0;
	if (wanted > 0 && pid_at(text, level) != wanted)
		return 0;
	if (n >= CHILDREN_SHOWN)
		return 1;
	words_add(w, "%s%d", n ? ", " : "child ", pid);
	if (strncmp(text, "Name:\t", 6) == 0)
		parenthesised(w, text + 6, strcspn(text + 6, "\n"));
	return 1;
}

uint32_t people_children(struct words *w, const struct proc *p, int ns_pid)
{
	uint32_t n_tids = 0, cap = 0, n = 0;
	char path[48], text[CHILDREN_TEXT], *at, *end;
	int *tids = NULL, level = level_of(p);

	if (proc_tasks(p, &tids, &n_tids, &cap))
		n_tids = 0;
	for (uint32_t i = 0; i < n_tids; i++) {
		snprintf(path, sizeof path, "task/%d/children", tids[i]);
		if (proc_read(p, path, text, sizeof text) <= 0)
			continue;
		for (at = text;; at = end) {
			long pid = strtol(at, &end, 10);

			if (end == at)
				break;
			n += (uint32_t)add_child(w, (int)pid, level, ns_pid, n);
		}
	}
	free(tids);
	if (n > CHILDREN_SHOWN)
		words_add(w, " or %u more", n - CHILDREN_SHOWN);
	return n;
}

/* ---- locks on files ------------------------------------------------------------------------------- */

/* "1: POSIX  ADVISORY  WRITE 708 fd:01:263205 0 EOF", "1: -> FLOCK …" */
int file_lock_line(struct file_lock *l, const char *line)
{
	char kind[16], end[32];
	const char *at = strchr(line, ':');
	unsigned long long inode;
	long long start;

	if (!at)
		return -1;
	at++;
	at += strspn(at, " ");
	memset(l, 0, sizeof *l);
	l->waits = strncmp(at, "->", 2) == 0;
	at += l->waits ? 2 : 0;
	if (sscanf(at, " %15s %*15s %*15s %d %x:%x:%llu %lld %31s", kind, &l->pid, &l->major,
		   &l->minor, &inode, &start, end) != 7)
		return -1;
	l->is_flock = strcmp(kind, "FLOCK") == 0;
	l->inode = inode;
	l->start = start;
	l->end = strcmp(end, "EOF") == 0 ? INT64_MAX : strtoll(end, NULL, 10);
	return l->is_flock || strcmp(kind, "POSIX") == 0 || strcmp(kind, "OFDLCK") == 0 ? 0 : -1;
}

static void add_holder(struct words *w, int pid)
{
	char path[48], comm[PROC_COMM_MAX];

	words_add(w, " held by %d", pid);
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	if (procfile_read(comm, sizeof comm, path) > 0)
		parenthesised(w, comm, strcspn(comm, "\n"));
}

int people_file_lock(struct words *w, const struct proc *p, int fd, int is_flock, int64_t start,
		     int64_t end)
{
	char name[40], *text = malloc(LOCKS_TEXT), *line, *next;
	struct file_lock l;
	struct statx st;
	int found = 0;

	snprintf(name, sizeof name, "fd/%d", fd);
	if (!text || statx(p->dir, name, AT_STATX_DONT_SYNC, STATX_INO, &st) ||
	    procfile_read(text, LOCKS_TEXT, "/proc/locks") <= 0) {
		free(text);
		return 0;
	}
	for (line = text; *line && !found; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (file_lock_line(&l, line) || l.waits || l.pid <= 0 || l.pid == p->pid ||
		    l.is_flock != is_flock || l.inode != st.stx_ino ||
		    l.major != st.stx_dev_major || l.minor != st.stx_dev_minor || l.start > end ||
		    l.end < start)
			continue;
		add_holder(w, l.pid);
		found = 1;
	}
	free(text);
	return found;
}
