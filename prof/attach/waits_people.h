/* Threads and children of a process in words, and who holds a lock on a file. Parsers take any bytes. */
#ifndef ATTACH_WAITS_PEOPLE_H
#define ATTACH_WAITS_PEOPLE_H

#include <stdint.h>

#include "prof/attach/proc.h"
#include "prof/attach/waits_words.h"

/* "thread 12 (worker)" of a thread of `p`. */
void people_thread(struct words *w, const struct proc *p, int tid);
/* "thread 12 (worker)", or "thread 12 (worker) of process 11" where `elsewhere` allows another one's. `ns_tid` is counted as in the
 * process's pid namespace. 1, or 0: there is no such thread. */
int people_owner(struct words *w, const struct proc *p, int ns_tid, int elsewhere);
/* "child 77 (sh)", "child 77 (sh) or 78 (cat)": the one with that number in the process's namespace, or all (`ns_pid` -1).
 * How many. */
uint32_t people_children(struct words *w, const struct proc *p, int ns_pid);

struct file_lock {
	int is_flock, waits; /* flock(), else POSIX; waits for it, does not hold it */
	int pid;             /* as we count, <= 0: not told */
	uint32_t major, minor;
	uint64_t inode;
	int64_t start, end; /* end: INT64_MAX to the file's end */
};
/* One line of /proc/locks; 0 or -1. */
int file_lock_line(struct file_lock *l, const char *line);
/* " held by 99 (cat)" for the lock that [start, end] of the descriptor's file is waited for with. 1 or 0: not known. */
int people_file_lock(struct words *w, const struct proc *p, int fd, int is_flock, int64_t start,
		     int64_t end);

#endif
