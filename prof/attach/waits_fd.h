/* What a file descriptor is, and what an epoll waits for. Parsers of /proc/PID/fdinfo/N take any bytes. */
#ifndef ATTACH_WAITS_FD_H
#define ATTACH_WAITS_FD_H

#include <stdint.h>

#include "prof/attach/proc.h"
#include "prof/attach/waits_words.h"

/* As waits_fd(); 1, or 0: nothing is known (closed, not for us). */
int fd_words(struct words *w, const struct proc *p, int fd);
/* "fd 3: /tmp/x"; at least the number. */
void fd_named(struct words *w, const struct proc *p, int fd);
/* The same for all that an epoll watches, some of them by name. How many it watches. */
uint32_t fd_epoll_words(struct words *w, const struct proc *p, int fd);

/* The number behind "NAME:" in the text of fdinfo, in that base; 0, or -1: not there. */
int fdinfo_number(const char *text, const char *name, int base, uint64_t *value);
/* "it_value: (SECONDS, NANOSECONDS)" of a timerfd; -1: none. */
int64_t fdinfo_timer_ns(const char *text);

struct fdinfo_watch {
	int fd;
	uint64_t inode; /* of the file that is watched; 0: the kernel does not say */
};
/* The next "tfd:" line at or after *at, which moves behind it; 0, or -1: no more. */
int fdinfo_watch(const char *text, const char **at, struct fdinfo_watch *watch);

#endif
