/* File descriptors in words: see waits_fd.h. Formats: fs/proc/fd.c, fs/{eventfd,timerfd,signalfd,eventpoll,pidfs}.c. */
#include "prof/attach/waits_fd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <fcntl.h>

#include "prof/attach/waits.h"
#include "prof/attach/waits_ends.h"
#include "prof/attach/waits_names.h"
#include "prof/attach/waits_net.h"

#define LINK_MAX_BYTES 1024
#define INFO_MAX       16384 /* of an epoll: 100 bytes a watch */
#define WATCHES_SHOWN  8

int fdinfo_number(const char *text, const char *name, int base, uint64_t *value)
{
	size_t n = strlen(name);
	char *end;

	while (strncmp(text, name, n) != 0 || text[n] != ':') {
		text = strchr(text, '\n');
		if (!text)
			return -1;
		text++;
	}
	*value = strtoull(text + n + 1, &end, base);
	return end == text + n + 1 ? -1 : 0;
}

int64_t fdinfo_timer_ns(const char *text)
{
	const char *at = strstr(text, "it_value: (");
	long long s, ns;

	if (!at || sscanf(at + 11, "%lld, %lld", &s, &ns) != 2 || s < 0 || ns < 0 ||
	    ns >= 1000000000 || s > 9000000000)
		return -1;
	return s * 1000000000 + ns;
}

int fdinfo_watch(const char *text, const char **at, struct fdinfo_watch *watch)
{
	const char *line = *at ? *at : text, *end, *field;
	char *rest;

	for (; line && *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (strncmp(line, "tfd:", 4) != 0)
			continue;
		watch->fd = (int)strtol(line + 4, &rest, 10);
		if (rest == line + 4)
			continue;
		field = strstr(line, " ino:");
		watch->inode = field && field < end ? strtoull(field + 5, NULL, 16) : 0;
		*at = *end ? end + 1 : end;
		return 0;
	}
	*at = line;
	return -1;
}

static long read_info(const struct proc *p, int fd, char *text, size_t size)
{
	char name[40];

	snprintf(name, sizeof name, "fdinfo/%d", fd);
	return proc_read(p, name, text, size);
}

static void pipe_words(struct words *w, const struct proc *p, int fd, uint64_t inode)
{
	char name[40];
	struct stat st;
	int reads, writes;
	struct words before;

	words_add(w, "pipe:[%llu]", (unsigned long long)inode);
	snprintf(name, sizeof name, "fd/%d", fd);
	if (fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	reads = (st.st_mode & S_IRUSR) != 0;
	writes = (st.st_mode & S_IWUSR) != 0;
	if (reads == writes)
		return; /* opened for both: it has no other end */
	before = *w;
	words_add(w, " (other end: ");
	if (ends_words(w, inode, reads ? END_WRITE : END_READ, p->pid)) {
		words_add(w, ")");
		return;
	}
	words_back(w, &before);
}

/* What the socket calls itself: "TCP", "UNIX-STREAM"; "" if the kernel does not say. */
static void protocol_of(const struct proc *p, int fd, char name[32])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/self/fd/%d/fd/%d", p->dir, fd);
	n = getxattr(path, "system.sockprotoname", name, 31);
	name[n > 0 ? n : 0] = '\0';
}

static void peer_words(struct words *w, const struct proc *p, uint64_t inode)
{
	uint64_t peer = net_unix_peer(p, inode);
	struct words before = *w;

	if (!peer)
		return;
	words_add(w, " (other end: ");
	if (ends_words(w, peer, END_SOCKET, p->pid)) {
		words_add(w, ")");
		return;
	}
	words_back(w, &before);
}

static void socket_words(struct words *w, const struct proc *p, int fd, uint64_t inode)
{
	struct net_socket s;
	char protocol[32];

	protocol_of(p, fd, protocol);
	if (net_find(&s, p, inode, protocol) == 0) {
		net_words(w, &s);
		if (s.file == NET_UNIX && !s.listening)
			peer_words(w, p, inode);
	} else if (*protocol) {
		words_text(w, protocol, sizeof protocol);
		words_add(w, " socket:[%llu]", (unsigned long long)inode);
	} else {
		words_add(w, "socket:[%llu]", (unsigned long long)inode);
	}
}

static void eventfd_words(struct words *w, const char *info)
{
	uint64_t count;

	words_add(w, "eventfd");
	if (fdinfo_number(info, "eventfd-count", 16, &count) == 0)
		words_add(w, " (count %llu)", (unsigned long long)count);
}

static void timerfd_words(struct words *w, const char *info)
{
	int64_t ns = fdinfo_timer_ns(info);

	words_add(w, "timerfd");
	if (ns > 0) {
		words_add(w, " (");
		words_time(w, ns);
		words_add(w, " left)");
	} else if (ns == 0) {
		words_add(w, " (not armed)");
	}
}

static void signalfd_words(struct words *w, const char *info)
{
	uint64_t set;

	words_add(w, "signalfd");
	if (fdinfo_number(info, "sigmask", 16, &set) == 0) {
		words_add(w, " for ");
		names_signals(w, set);
	}
}

static void pidfd_words(struct words *w, const char *info)
{
	char path[48], comm[PROC_COMM_MAX];
	struct proc other;
	uint64_t pid;
	long n;

	words_add(w, "pidfd");
	if (fdinfo_number(info, "Pid", 10, &pid) || pid == 0 || pid > INT32_MAX)
		return; /* in another pid namespace: -1 */
	words_add(w, " of %llu", (unsigned long long)pid);
	if (proc_open(&other, (int)pid, NULL))
		return;
	snprintf(path, sizeof path, "comm");
	n = proc_read(&other, path, comm, sizeof comm);
	if (n > 0) {
		words_add(w, " (");
		words_text(w, comm, strcspn(comm, "\n"));
		words_add(w, ")");
	}
	proc_close(&other);
}

static void inotify_words(struct words *w, const char *info)
{
	uint32_t n = 0;

	for (const char *at = info; (at = strstr(at, "inotify wd:")); at += 11)
		n++;
	words_add(w, "inotify (%u watch%s)", n, n == 1 ? "" : "es");
}

static void epoll_words(struct words *w, const char *info)
{
	struct fdinfo_watch watch;
	const char *at = info;
	uint32_t n = 0;

	while (fdinfo_watch(info, &at, &watch) == 0)
		n++;
	words_add(w, "epoll of %u descriptor%s", n, n == 1 ? "" : "s");
}

/* As the kernel has it: asking a server that is gone would never end. */
static int look(const struct proc *p, int fd, struct statx *st)
{
	char name[40];

	snprintf(name, sizeof name, "fd/%d", fd);
	return statx(p->dir, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, st);
}

/* Files without a name: what kind they are, and how they stand by their fdinfo. */
static void anon_words(struct words *w, const struct proc *p, int fd, const char *kind)
{
	static const struct {
		const char *name;
		void (*tell)(struct words *, const char *);
	} kinds[] = {
		{"[eventfd]", eventfd_words},   {"[timerfd]", timerfd_words},
		{"[signalfd]", signalfd_words}, {"[eventpoll]", epoll_words},
		{"[pidfd]", pidfd_words},       {"inotify", inotify_words},
		{"[inotify]", inotify_words},
	};
	char info[INFO_MAX];

	if (read_info(p, fd, info, sizeof info) <= 0)
		info[0] = '\0';
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kind, kinds[i].name) == 0) {
			kinds[i].tell(w, info);
			return;
		}
	words_text(w, kind + (*kind == '['), strcspn(kind + (*kind == '['), "]"));
}

static void path_words(struct words *w, const struct proc *p, int fd, const char *path)
{
	char info[1024];
	struct statx st;
	uint64_t number;

	if (strcmp(path, "/dev/ptmx") == 0 || strcmp(path, "/dev/pts/ptmx") == 0)
		if (read_info(p, fd, info, sizeof info) > 0 &&
		    fdinfo_number(info, "tty-index", 10, &number) == 0) {
			words_add(w, "pty of /dev/pts/%llu", (unsigned long long)number);
			return;
		}
	words_text(w, path, LINK_MAX_BYTES);
	if (look(p, fd, &st) == 0 && S_ISFIFO(st.stx_mode))
		words_add(w, " (fifo)");
}

int fd_words(struct words *w, const struct proc *p, int fd)
{
	char name[40], target[LINK_MAX_BYTES];
	unsigned long long inode;
	long n;

	snprintf(name, sizeof name, "fd/%d", fd);
	n = proc_readlink(p, name, target, sizeof target);
	if (n <= 0)
		return 0;
	target[n < (long)sizeof target ? n : (long)sizeof target - 1] = '\0';
	if (sscanf(target, "pipe:[%llu]", &inode) == 1)
		pipe_words(w, p, fd, inode);
	else if (sscanf(target, "socket:[%llu]", &inode) == 1)
		socket_words(w, p, fd, inode);
	else if (strncmp(target, "anon_inode:", 11) == 0)
		anon_words(w, p, fd, target + 11);
	else if (strncmp(target, "pidfd:", 6) == 0) /* since Linux 6.9 */
		anon_words(w, p, fd, "[pidfd]");
	else
		path_words(w, p, fd, target);
	return 1;
}

void fd_named(struct words *w, const struct proc *p, int fd)
{
	struct words before;

	words_add(w, "fd %d", fd);
	before = *w;
	words_add(w, ": ");
	if (fd_words(w, p, fd))
		return;
	words_back(w, &before);
}

/* Is the number still the file that was added? The kernel watches files; numbers may have been closed since. */
static int is_same_file(const struct proc *p, const struct fdinfo_watch *watch)
{
	struct statx st;

	return !watch->inode || (look(p, watch->fd, &st) == 0 && st.stx_ino == watch->inode);
}

uint32_t fd_epoll_words(struct words *w, const struct proc *p, int fd)
{
	struct fdinfo_watch watch;
	char info[INFO_MAX];
	const char *at = info;
	uint32_t n = 0;

	if (read_info(p, fd, info, sizeof info) <= 0)
		return 0;
	while (fdinfo_watch(info, &at, &watch) == 0) {
		if (n++ >= WATCHES_SHOWN)
			continue;
		words_add(w, "%s", n > 1 ? ", " : "");
		if (is_same_file(p, &watch))
			fd_named(w, p, watch.fd);
		else
			words_add(w, "fd %d (closed since)", watch.fd);
	}
	if (n > WATCHES_SHOWN)
		words_add(w, " and %u more", n - WATCHES_SHOWN);
	return n;
}

void waits_fd(const struct proc *p, int fd, char *out, size_t size)
{
	struct words w;

	words_init(&w, out, size);
	(void)fd_words(&w, p, fd);
	words_end(&w);
}
