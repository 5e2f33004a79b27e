/* PTRACE_SEIZE, PTRACE_INTERRUPT, copy, PTRACE_DETACH: see stop.h and stop_trace.h. Between the interrupt of the
 * first thread and the release of the last nothing is allocated, formatted or read from disk.
 *
 * A thread is looked at right before it is interrupted: one that sleeps is left alone. One that falls asleep
 * in between is woken by the interrupt. The kernel restarts most system calls of itself then, unseen by the
 * program; the few that answer EINTR even so (signal(7)) are restarted by us (stop_hold.c). */
#include "prof/attach/stop_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/attach/remote.h"
#include "prof/attach/stop_hold.h"
#include "prof/base/clock.h"

#define AT_ONCE      8     /* threads that may stand still at the same time */
#define PAGE         4096u /* of our buffers, to touch them beforehand */
#define SPIN_NS      30000 /* a running thread stands still after 3 to 30 us; waking up takes longer */
#define SLEEP_NS     10000 /* one that waits for a CPU needs ours, maybe */
#define SLEEP_NS_MAX 100000
#define SLEEP_SHARE  8 /* of what it took so far: a busy machine is not made busier by looking on */

struct slot {
	struct stop_copy *c;
	int fd; /* /proc/PID/task/TID/syscall */
	int seized, asked;
	int64_t asked_ns;
};

struct tracer {
	struct stop_job *job;
	struct remote memory;
	struct slot slots[AT_ONCE];
	uint32_t n, waiting; /* waiting: asked, and not yet let go */
	int64_t none_ns;     /* nobody stood still at this time */
	int64_t progress_ns;
};

/* ---- before the stop ---- */

static void touch(uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += PAGE)
		*(volatile uint8_t *)(bytes + at) = 0;
}

/* "running": 1; it sleeps: 0; gone or not for us: -1 and errno. One that has ended has no stack any more. */
static int runs(int fd)
{
	static const char ended[] = "-1 0x0 0x0";
	char text[16];
	ssize_t n = pread(fd, text, sizeof text, 0);

	if (n == 0 || (n >= (ssize_t)sizeof ended - 1 && !memcmp(text, ended, sizeof ended - 1))) {
		errno = ESRCH;
		return -1;
	}
	if (n < 0)
		return -1;
	return n >= 7 && memcmp(text, "running", 7) == 0;
}

static void failed(struct stop_copy *c, int sys)
{
	c->sys = sys;
	c->result = sys == ESRCH || sys == ENOENT ? STOP_GONE : STOP_DENIED;
}

/* EPERM has several reasons: it is ending, another one traces it, or we may not. */
static enum stop_result why_refused(int pid, int tid)
{
	char path[64], text[2048];
	const char *state, *tracer;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return STOP_GONE;
	text[n] = '\0';
	state = strstr(text, "\nState:\t");
	tracer = strstr(text, "\nTracerPid:\t");
	if (state && (state[8] == 'Z' || state[8] == 'X'))
		return STOP_GONE;
	return tracer && tracer[12] != '0' ? STOP_TRACED : STOP_DENIED;
}

static void prepare(struct tracer *t, struct slot *s)
{
	struct stop_copy *c = s->c;
	char path[64];
	int yes;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", t->job->pid, c->tid);
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	yes = s->fd < 0 ? -1 : runs(s->fd);
	if (yes < 0) {
		failed(c, errno);
		return;
	}
	if (late_take(t->job->late, c->tid)) { /* asked already; it may have come meanwhile */
		s->asked_ns = t->job->late->none_ns;
		s->seized = s->asked = 1;
		c->result = STOP_BUDGET;
		t->waiting++;
		touch(c->stack, c->size);
		return;
	}
	c->result = STOP_BLOCKED;
	if (!yes)
		return;
	touch(c->stack, c->size);
	if (ptrace(PTRACE_SEIZE, c->tid, NULL, NULL) == 0) {
		s->seized = 1;
		return;
	}
	failed(c, errno);
	if (c->sys == EPERM)
		c->result = why_refused(t->job->pid, c->tid);
}

static void ask(struct tracer *t, struct slot *s)
{
	int yes = runs(s->fd);

	if (yes <= 0) {
		if (yes < 0)
			failed(s->c, errno);
		t->job->must_end = 1;
		return;
	}
	s->asked_ns = clock_mono_ns();
	if (ptrace(PTRACE_INTERRUPT, s->c->tid, NULL, NULL) != 0) {
		failed(s->c, errno);
		t->job->must_end = 1;
		return;
	}
	s->asked = 1;
	s->c->result = STOP_BUDGET;
	t->waiting++;
}

/* ---- while it stands still ---- */

/* It stands still: copied if that is in time, and let go. */
static void serve(struct tracer *t, struct slot *s, int status)
{
	struct stop_copy *c = s->c;
	int64_t since = t->none_ns > s->asked_ns ? t->none_ns : s->asked_ns;
	int in_time = clock_mono_ns() - since <= t->job->max_pause_ns;

	if (hold_let_go(c->tid, status, in_time ? &t->memory : NULL, c) != 0)
		t->job->must_end = 1;
	t->progress_ns = clock_mono_ns();
	c->pause_ns = t->progress_ns - since;
	pauses_add(t->job->pauses, c->pause_ns);
	t->job->pauses->skipped += c->result == STOP_BUDGET;
}

static struct slot *slot_of(struct tracer *t, int tid)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->slots[i].asked && t->slots[i].c->tid == tid)
			return &t->slots[i];
	return NULL;
}

/* When nobody stood still for the last time: in this round, or before it. */
static int64_t last_none(const struct tracer *t)
{
	int64_t before = t->job->late->none_ns;

	return t->none_ns > before ? t->none_ns : before;
}

static void answered(struct tracer *t, int tid, int status)
{
	struct slot *s = slot_of(t, tid);
	int late = !s && late_take(t->job->late, tid);

	if (!s) { /* late; or not asked: a signal; or of another number now, after an exec */
		if (WIFSTOPPED(status) && hold_let_go(tid, status, NULL, NULL) != 0)
			t->job->must_end = 1;
		if (late)
			pauses_add(t->job->pauses, clock_mono_ns() - last_none(t));
		return;
	}
	if (WIFSTOPPED(status))
		serve(t, s, status);
	else
		s->c->result = STOP_GONE;
	s->asked = 0;
	t->waiting--;
}

/* Those that take too long to stand still: they are late (stop_late.h), or else let go by our thread's end. */
static void give_up(struct tracer *t, int64_t now_ns)
{
	for (uint32_t i = 0; i < t->n; i++) {
		struct slot *s = &t->slots[i];

		if (!s->asked || now_ns - s->asked_ns <= t->job->arrive_ns)
			continue;
		s->asked = 0;
		t->waiting--;
		t->job->pauses->skipped++;
		if (late_add(t->job->late, t->job->pid, s->c->tid, now_ns) != 0)
			t->job->must_end = 1;
	}
}

/* A thread that stood still since we looked has rung: then there is no reason to wait. */
static int rang(struct tracer *t)
{
	struct signalfd_siginfo calls[8];
	int yes = t->job->bell >= 0 && read(t->job->bell, calls, sizeof calls) > 0;

	t->job->rung |= yes;
	return yes;
}

/* Without our CPU a thread that waits for one may never stand still. Short sleeps even where the bell ends them: how
 * long one has stood still is known no better than when we looked before. */
static void relax(struct tracer *t, int64_t now_ns)
{
	int64_t waited = now_ns - t->progress_ns, sleep = waited / SLEEP_SHARE;
	struct timespec moment = {.tv_nsec = sleep < SLEEP_NS       ? SLEEP_NS
					     : sleep > SLEEP_NS_MAX ? SLEEP_NS_MAX
								    : sleep};
	struct pollfd bell = {.fd = t->job->bell, .events = POLLIN};

	if (waited <= SPIN_NS || rang(t))
		return;
	(void)ppoll(&bell, bell.fd >= 0, &moment, NULL);
}

static int is_process(const void *ctx, int pid)
{
	const struct stop_job *job = ctx;

	return pid == job->pid || late_is_process(job->late, pid);
}

static void gather(struct tracer *t)
{
	t->none_ns = 0;
	t->progress_ns = clock_mono_ns();
	while (t->waiting > 0) {
		int64_t before = clock_mono_ns();
		int status, tid = hold_next(&status, is_process, t->job);

		if (tid > 0) {
			answered(t, tid, status);
			continue;
		}
		t->none_ns = before;
		if (tid < 0) {
			t->job->must_end |= tid == HOLD_PROCESS;
			for (uint32_t i = 0; i < t->n; i++)
				if (t->slots[i].asked)
					t->slots[i].c->result = STOP_GONE;
			t->waiting = 0;
			t->job->late->n = 0;
			return;
		}
		watchdog_extend(t->job->watchdog, 0); /* it is about those that stand still */
		give_up(t, before);
		relax(t, before);
	}
}

static void one_round(struct tracer *t)
{
	t->waiting = 0;
	for (uint32_t i = 0; i < t->n; i++)
		prepare(t, &t->slots[i]);
	for (uint32_t i = 0; i < t->n; i++)
		if (t->slots[i].seized && !t->slots[i].asked)
			ask(t, &t->slots[i]);
	gather(t);
	for (uint32_t i = 0; i < t->n; i++)
		if (t->slots[i].fd >= 0)
			(void)close(t->slots[i].fd);
}

static void begin(struct slot *s, struct stop_copy *c)
{
	c->sys = 0;
	c->bytes = 0;
	c->pause_ns = c->at_ns = 0;
	c->orig_rax = UINT64_MAX;
	c->regs.known = 0;
	*s = (struct slot){.c = c, .fd = -1};
}

void stop_trace(struct stop_job *job)
{
	struct tracer t = {.job = job};

	remote_init(&t.memory, job->pid);
	job->must_end = 0;
	while (job->done < job->n && !job->must_end) {
		for (t.n = 0; t.n < AT_ONCE && job->done < job->n; t.n++)
			begin(&t.slots[t.n], &job->copies[job->done++]);
		one_round(&t);
	}
	remote_close(&t.memory);
}
