/* The watchdog process: see watchdog.h. It shares one page with us and holds the reading end of a pipe, whose end
 * tells that we are gone. After its start it makes system calls only: it is a copy of a process that may
 * have had threads. */
#include "prof/attach/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/base/clock.h"

#define QUIET_ROUNDS 8 /* without a stop, then it sleeps until told: two limits long */
#define LOST_LIMITS  4 /* as many limits more, at most, for time that the machine did not give */

struct shared {
	_Atomic int64_t since; /* CLOCK_MONOTONIC at which a stop began; 0: none is going on */
	_Atomic uint64_t uses;
	_Atomic int awake; /* looks at the page by itself */
};

struct watchdog {
	struct shared *page;
	int64_t limit_ns;
	int pid, pipe; /* pipe: the writing end */
};

/* ---- in the watchdog ---- */

static void close_others(int keep)
{
	if ((keep == 0 || syscall(SYS_close_range, 0u, (unsigned)keep - 1, 0u) == 0) &&
	    syscall(SYS_close_range, (unsigned)keep + 1, ~0u, 0u) == 0)
		return;
	for (int fd = 0; fd < 65536; fd++) /* before Linux 5.9 */
		if (fd != keep)
			(void)close(fd);
}

static void kill_parent(int parent, int pidfd)
{
	if (pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0u);
	else if (getppid() == parent)
		(void)kill(parent, SIGKILL);
}

struct stop { /* that is going on */
	int64_t since, lost_ns;
};

/* `over_ns`: what the last wait took beyond its time. The machine stood still or had no turn for us, and so none for
 * them, perhaps: that is no hanging. */
static int too_long(struct shared *page, int64_t limit_ns, struct stop *stop, int64_t over_ns)
{
	int64_t since = atomic_load(&page->since), lasts = clock_mono_ns() - since;

	if (stop->since != since)
		*stop = (struct stop){since, 0};
	stop->lost_ns += over_ns < lasts ? over_ns : lasts;
	if (stop->lost_ns > LOST_LIMITS * limit_ns)
		stop->lost_ns = LOST_LIMITS * limit_ns;
	return since && lasts - stop->lost_ns > limit_ns && atomic_load(&page->since) == since;
}

/* Until it may sleep again. 0, or 1: we are no longer needed. */
static int look(struct shared *page, int64_t limit_ns, int fd, int parent, int pidfd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t uses = atomic_load(&page->uses);
	int wait_ms = limit_ns >= 8000000 ? (int)(limit_ns / 4 / 1000000) : 1;
	struct stop stop = {0, 0};

	for (int quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
		int64_t due = clock_mono_ns() + wait_ms * INT64_C(1000000), over;
		char drop[64];

		if (poll(&p, 1, wait_ms) > 0 && read(fd, drop, sizeof drop) == 0)
			return 1;
		over = clock_mono_ns() - due;
		if (too_long(page, limit_ns, &stop, over > 0 ? over : 0)) {
			kill_parent(parent, pidfd);
			return 1;
		}
		if (uses != atomic_load(&page->uses) || atomic_load(&page->since))
			quiet = 0;
		uses = atomic_load(&page->uses);
	}
	return 0;
}

static void watch(struct shared *page, int64_t limit_ns, int fd, int parent, int pidfd)
{
	char byte;

	for (;;) {
		atomic_store(&page->awake, 0);
		if (!atomic_load(&page->since) && read(fd, &byte, 1) == 0)
			return;
		atomic_store(&page->awake, 1);
		if (look(page, limit_ns, fd, parent, pidfd))
			return;
	}
}

static void be_watchdog(struct watchdog *w, int fd, int parent)
{
	sigset_t all;
	int pidfd;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "protea-watchdog");
	close_others(fd);
	pidfd = (int)syscall(SYS_pidfd_open, parent, 0u);
	if (getppid() == parent) /* else it ended before us, and the number may be another's */
		watch(w->page, w->limit_ns, fd, parent, pidfd);
	_exit(0);
}

/* ---- beside us ---- */

/* No signal tells of its end and no plain wait() finds it: the program's own children stay its own. */
static int start(struct watchdog *w, struct err *err)
{
	int ends[2], parent = getpid();

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, ERR_IO, "cannot make the watchdog's pipe");
	atomic_store(&w->page->awake, 1);
	w->pid = (int)syscall(SYS_clone, 0ul, NULL, NULL, NULL, 0ul);
	if (w->pid == 0)
		be_watchdog(w, ends[0], parent);
	(void)close(ends[0]);
	if (w->pid > 0) {
		w->pipe = ends[1];
		return 0;
	}
	(void)close(ends[1]);
	return err_sys(err, errno == ENOMEM ? ERR_NOMEM : ERR_LIMIT,
		       "cannot start the watchdog process");
}

struct watchdog *watchdog_new(int64_t limit_ns, struct err *err)
{
	struct watchdog *w = calloc(1, sizeof *w);

	if (!w) {
		(void)err_nomem(err, "the watchdog");
		return NULL;
	}
	w->limit_ns = limit_ns;
	w->pipe = -1;
	w->page = mmap(NULL, sizeof *w->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (w->page == MAP_FAILED) {
		(void)err_sys(err, ERR_NOMEM, "cannot map the watchdog's page");
		free(w);
		return NULL;
	}
	if (start(w, err) != 0) {
		(void)munmap(w->page, sizeof *w->page);
		free(w);
		return NULL;
	}
	return w;
}

void watchdog_free(struct watchdog *w)
{
	if (!w)
		return;
	if (w->pipe >= 0)
		(void)close(w->pipe);
	if (w->pid > 0) {
		(void)kill(w->pid, SIGKILL);
		while (waitpid(w->pid, NULL, __WALL) < 0 && errno == EINTR)
			continue;
	}
	(void)munmap(w->page, sizeof *w->page);
	free(w);
}

int watchdog_begin(struct watchdog *w, struct err *err)
{
	if (w->pid <= 0 || waitpid(w->pid, NULL, WNOHANG | __WALL) != 0) { /* somebody killed it */
		if (w->pipe >= 0)
			(void)close(w->pipe);
		w->pipe = -1;
		w->pid = -1;
		if (start(w, err) != 0)
			return err ? err->code : ERR_LIMIT;
	}
	atomic_fetch_add(&w->page->uses, 1);
	atomic_store(&w->page->since, clock_mono_ns());
	if (!atomic_load(&w->page->awake) && write(w->pipe, "", 1) != 1)
		return err_sys(err, ERR_IO, "cannot wake the watchdog");
	return 0;
}

void watchdog_end(struct watchdog *w)
{
	atomic_store(&w->page->since, 0);
}

void watchdog_extend(struct watchdog *w, int64_t ns)
{
	atomic_store(&w->page->since, clock_mono_ns() + ns);
}

int watchdog_pid(const struct watchdog *w)
{
	return w->pid;
}
