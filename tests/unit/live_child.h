/* Children for tests of live processes: one that does something and says when it has begun; ended and reaped by the
 * test, and by the kernel should the test die. */
#ifndef TESTS_LIVE_CHILD_H
#define TESTS_LIVE_CHILD_H

#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct live_child {
	int pid;
	int ready, go; /* pipes: what the child writes, what it reads */
};

/* In the child: says that it has begun. */
static inline void live_ready(int fd)
{
	if (write(fd, "", 1) != 1)
		_exit(3);
}

/* Forks; the child calls body(ready, go, arg) and exits with its result. Waits for its live_ready(). 0 or -1. */
static inline int live_start(struct live_child *c, int (*body)(int ready, int go, void *arg),
			     void *arg)
{
	int up[2], down[2];
	char byte;

	*c = (struct live_child){0, -1, -1};
	if (pipe(up) || pipe(down))
		return -1;
	c->pid = fork();
	if (c->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(up[0]);
		close(down[1]);
		_exit(body(up[1], down[0], arg));
	}
	close(up[1]);
	close(down[0]);
	c->ready = up[0];
	c->go = down[1];
	return c->pid > 0 && read(c->ready, &byte, 1) == 1 ? 0 : -1;
}

static inline void live_end(struct live_child *c)
{
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0)
			if (kill(c->pid, 0))
				break;
	}
	if (c->ready >= 0)
		close(c->ready);
	if (c->go >= 0)
		close(c->go);
	*c = (struct live_child){0, -1, -1};
}

/* ---- waiting until it is as far as a test needs it: 0, or -1 when it is not for LIVE_PATIENCE_MS ---- */

#define LIVE_PATIENCE_MS 30000

static inline void live_nap(void)
{
	const struct timespec ms = {0, 1000000};

	nanosleep(&ms, NULL);
}

/* How many of its threads are in that system call now. */
static inline int live_count_in(int pid, long nr)
{
	char path[320], text[32], want[32];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	snprintf(want, sizeof want, "%ld ", nr);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof path, "/proc/%d/task/%s/syscall", pid, e->d_name);
		f = e->d_name[0] != '.' ? fopen(path, "re") : NULL;
		if (!f)
			continue;
		n += fgets(text, sizeof text, f) && strncmp(text, want, strlen(want)) == 0;
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return n;
}

/* So many of its threads are in that system call. */
static inline int live_wait_in(int pid, long nr, int threads)
{
	for (int i = 0; i < LIVE_PATIENCE_MS; i++, live_nap())
		if (live_count_in(pid, nr) >= threads)
			return 0;
	return -1;
}

static inline int64_t live_cpu_ns(int pid)
{
	struct timespec t = {0, 0};
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
		return 0;
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* It has used so much CPU time more. */
static inline int live_wait_cpu(int pid, int64_t ns)
{
	int64_t end = live_cpu_ns(pid) + ns;

	for (int i = 0; i < LIVE_PATIENCE_MS; i++, live_nap())
		if (live_cpu_ns(pid) >= end)
			return 0;
	return -1;
}

/* ---- bodies ---- */

static inline int live_pause(int ready, int go, void *arg)
{
	(void)go, (void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* anew: who becomes another user loses it */
	live_ready(ready);
	for (;;)
		pause();
	return 0;
}

static inline int live_spin(int ready, int go, void *arg)
{
	volatile unsigned long n = 0;

	(void)go, (void)arg;
	live_ready(ready);
	for (;;)
		n++;
	return 0;
}

#endif
