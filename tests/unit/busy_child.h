/* Children that use CPU time when told to, in known amounts, and tell what they used: for tests of sampling from
 * outside. A child dies with its parent. */
#ifndef TESTS_BUSY_CHILD_H
#define TESTS_BUSY_CHILD_H

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUSY_TIDS 64

struct busy_report {
	int64_t cpu_ns; /* of the process since it was told to go */
	int n;
	int tids[BUSY_TIDS];
	int64_t thread_ns[BUSY_TIDS];
	uint64_t place; /* an address of the body's choice */
};

struct busy {
	pid_t pid;
	int to, from;
};

static inline int64_t busy_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static volatile unsigned long busy_sink;

/* Uses that much CPU time of this thread. */
static __attribute__((noinline, unused)) void busy_burn(int64_t ns)
{
	int64_t end = busy_clock(CLOCK_THREAD_CPUTIME_ID) + ns;
	unsigned long x = 1;

	while (busy_clock(CLOCK_THREAD_CPUTIME_ID) < end) {
		for (int i = 0; i < 20000; i++)
			x = x * 6364136223846793005ul + 1;
		busy_sink = x;
	}
}

struct busy_thread {
	int64_t ns;
	int tid;
	int64_t used;
	int gate; /* waits until it can be read; -1: not at all */
	pthread_t id;
};

static inline void *busy_thread_main(void *ctx)
{
	struct busy_thread *t = ctx;
	char byte;

	t->tid = (int)syscall(SYS_gettid);
	if (t->gate >= 0 && read(t->gate, &byte, 1) < 0)
		return NULL;
	busy_burn(t->ns);
	t->used = busy_clock(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static inline void busy_note(struct busy_report *r, const struct busy_thread *t)
{
	if (r->n < BUSY_TIDS) {
		r->tids[r->n] = t->tid;
		r->thread_ns[r->n++] = t->used;
	}
}

/* `body` runs in the child after the byte of busy_go(). `before`, which may be NULL, before that. */
static inline struct busy busy_start(void (*before)(void), void (*body)(struct busy_report *r))
{
	static struct busy_report report;
	struct busy b = {0, -1, -1};
	int to[2], from[2];
	char byte;

	if (pipe(to) || pipe(from))
		return b;
	b.pid = fork();
	if (b.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(to[1]);
		close(from[0]);
		memset(&report, 0, sizeof report);
		if (before)
			before();
		if (write(from[1], "r", 1) == 1 && read(to[0], &byte, 1) == 1) {
			report.cpu_ns = -busy_clock(CLOCK_PROCESS_CPUTIME_ID);
			body(&report);
			report.cpu_ns += busy_clock(CLOCK_PROCESS_CPUTIME_ID);
			(void)!write(from[1], &report, sizeof report);
			(void)!read(to[0], &byte, 1); /* until the parent lets go */
		}
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	b.to = to[1];
	b.from = from[0];
	(void)!read(b.from, &byte, 1);
	return b;
}

static inline void busy_go(struct busy *b)
{
	(void)!write(b->to, "g", 1);
}

static inline void busy_end(struct busy *b)
{
	int status;

	if (b->to >= 0)
		close(b->to);
	if (b->from >= 0)
		close(b->from);
	b->to = b->from = -1;
	if (b->pid > 0) {
		(void)kill(b->pid, SIGKILL);
		(void)waitpid(b->pid, &status, 0);
	}
	b->pid = 0;
}

#endif
