/* Wall mode: where each thread of a process was since the last look. Threads that run tell it themselves
 * (their CPU samples); of sleeping ones the kernel gives stack pointer and pc, and their stacks are read
 * and unwound from outside. A thread that did not run since the last look is where it was: one small
 * read (0.5 us), nothing else. No thread is stopped or signalled. */
#include "prof/record/observe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/attach/procmaps.h"

#define TASKS_NS INT64_C(20000000) /* between two lists of threads */
#define WINDOW   32768             /* stack bytes read at a time */
#define PAGE     4096u
#define FDS_MAX  512 /* threads whose schedstat stays open, per process */

struct wall_thread {
	int tid, fd;
	uint32_t thread;
	uint64_t run_ns, wait_ns; /* on a CPU, and waiting for one, so far */
	int64_t at_ns;            /* accounted up to here */
	uint32_t stack;           /* where it sleeps; STACK_ROOT: not known */
	enum profile_state state;
	int listed;
};

struct window {
	int pid;
	uint8_t bytes[WINDOW];
};

/* Pages that cannot be read end the window, they do not spoil it: one piece per page. */
static int extend(struct unwind_memory *m, uint64_t address)
{
	struct window *w = m->ctx;
	struct iovec to = {w->bytes, sizeof w->bytes}, from[WINDOW / PAGE + 1];
	uint64_t at = address & ~7ull, end = at + sizeof w->bytes;
	unsigned long n = 0;
	ssize_t got;

	if (end < at)
		return -1;
	m->lo = address & ~7ull;
	for (; at < end; n++) {
		uint64_t next = (at | (PAGE - 1)) + 1;

		if (next > end)
			next = end;
		from[n].iov_base = (void *)(uintptr_t)at;
		from[n].iov_len = next - at;
		at = next;
	}
	got = process_vm_readv(w->pid, &to, 1, from, n, 0);
	if (got < 16)
		return -1;
	m->hi = m->lo + (uint64_t)got;
	m->base = w->bytes;
	return 0;
}

/* Stack pointer and pc of a thread in a system call; 0, or -1: it runs, or may not be asked. */
static int blocked_at(int pid, int tid, uint64_t *sp, uint64_t *pc)
{
	char path[64], text[256], *last, *before;

	snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
	if (procfile_read(text, sizeof text, path) <= 0)
		return -1;
	last = strrchr(text, ' ');
	if (!last)
		return -1;
	*last = '\0';
	before = strrchr(text, ' ');
	if (!before)
		return -1;
	*pc = strtoull(last + 1, NULL, 16);
	*sp = strtoull(before + 1, NULL, 16);
	return *pc && *sp ? 0 : -1;
}

static enum profile_state task_state(int pid, int tid)
{
	char path[64], text[512], *p;

	snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
	p = procfile_read(text, sizeof text, path) > 0 ? strrchr(text, ')') : NULL;
	switch (p ? p[2] : 'R') {
	case 'S':
	case 'I':
		return PROFILE_SLEEPING;
	case 'D':
		return PROFILE_DISK;
	case 'T':
	case 't':
		return PROFILE_STOPPED;
	case 'Z':
	case 'X':
		return PROFILE_ZOMBIE;
	default:
		return PROFILE_RUNNING;
	}
}

static uint32_t sleeping_stack(struct recording *r, struct image *m, const struct wall_thread *t,
			       int64_t now)
{
	static struct window window; /* one thread supervises */
	struct unwind_memory memory = {.extend = extend, .ctx = &window};
	struct unwind_regs regs = {.known = 1u << UNWIND_SP | 1u << UNWIND_IP};
	struct resolve_request q = {.t_ns = now, .addresses = r->wall_addresses};
	struct unwind_result result;
	struct unwind_map map;
	uint32_t stack;

	window.pid = m->space.pid;
	if (blocked_at(m->space.pid, t->tid, &regs.reg[UNWIND_SP], &regs.reg[UNWIND_IP]) ||
	    space_unwind_map(&r->resolver, &m->space, &map))
		return STACK_ROOT;
	result = unwind(&regs, &memory, &map, NULL, r->wall_addresses, UNWIND_DEPTH_MAX);
	q.n = result.n;
	q.end = result.end;
	return result.n && resolve_stack(&r->resolver, &m->space, &q, &stack) == 0 ? stack
										   : STACK_ROOT;
}

/* Innermost open stage of a thread, as far as it was told. */
static uint32_t stage_of(const struct recording *r, uint32_t thread)
{
	uint32_t best = KNOWN_NONE;

	for (uint32_t i = 0; i < r->known.n_stages; i++) {
		const struct known_stage *s = &r->known.stages[i];

		if (s->state == STAGE_OPEN && s->thread == thread &&
		    (best == KNOWN_NONE || s->seq > r->known.stages[best].seq))
			best = i;
	}
	return best;
}

static void add(struct recording *r, const struct wall_thread *t, uint32_t stack, uint64_t count,
		int64_t value)
{
	uint32_t label;

	if (value <= 0)
		return;
	if (stack == STACK_ROOT && resolve_label(&r->resolver, "[not sampled]", &label) == 0)
		stack = label;
	(void)batch_sample(&r->batch, PROFILE_WALL, stage_of(r, t->thread), t->thread, stack, count,
			   value);
}

static int read_schedstat(struct wall_thread *t, int pid, uint64_t *run, uint64_t *wait)
{
	char path[64], text[128], *end;
	long n;

	snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, t->tid);
	if (t->fd >= 0) {
		n = pread(t->fd, text, sizeof text - 1, 0);
		text[n > 0 ? n : 0] = '\0';
	} else {
		n = procfile_read(text, sizeof text, path);
	}
	if (n <= 0)
		return -1;
	*run = strtoull(text, &end, 10);
	*wait = strtoull(end, NULL, 10);
	return 0;
}

/* What passed since the last look: on a CPU (where its samples say), waiting for one, asleep. */
static void account(struct recording *r, struct image *m, struct wall_thread *t, int64_t now)
{
	uint64_t run, wait;
	int64_t ran, slept;
	uint32_t before = t->stack;

	if (read_schedstat(t, m->space.pid, &run, &wait))
		return; /* gone; the list of threads will say so */
	ran = (int64_t)(run - t->run_ns) + (int64_t)(wait - t->wait_ns);
	if (ran > now - t->at_ns)
		ran = now - t->at_ns;
	slept = now - t->at_ns - ran;
	if (run != t->run_ns || wait != t->wait_ns || t->stack == STACK_ROOT) {
		t->state = task_state(m->space.pid, t->tid);
		t->stack = t->state == PROFILE_RUNNING ? STACK_ROOT : sleeping_stack(r, m, t, now);
	}
	add(r, t, r->known.threads[t->thread].last_stack, slept <= 0, ran);
	add(r, t,
	    t->stack != STACK_ROOT ? t->stack
	    : before != STACK_ROOT ? before
				   : r->known.threads[t->thread].last_stack,
	    1, slept);
	if (t->stack != STACK_ROOT)
		batch_tick(&r->batch, t->thread, now, t->stack, t->state);
	t->run_ns = run;
	t->wait_ns = wait;
	t->at_ns = now;
}

static struct wall_thread *find(struct image *m, int tid)
{
	for (uint32_t i = 0; i < m->n_wall; i++)
		if (m->wall[i].tid == tid)
			return &m->wall[i];
	return NULL;
}

static void meet(struct recording *r, struct image *m, int tid, int64_t now)
{
	struct wall_thread *t;
	char path[64];

	if (m->n_wall == m->cap_wall) {
		uint32_t cap = m->cap_wall ? 2 * m->cap_wall : 16;

		t = realloc(m->wall, (size_t)cap * sizeof *t);
		if (!t)
			return;
		m->wall = t;
		m->cap_wall = cap;
	}
	t = &m->wall[m->n_wall];
	memset(t, 0, sizeof *t);
	t->tid = tid;
	t->listed = 1;
	t->fd = -1;
	t->thread = known_thread(&r->known, m->process, tid, now);
	if (t->thread == KNOWN_NONE)
		return;
	snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", m->space.pid, tid);
	if (m->n_wall < FDS_MAX)
		t->fd = open(path, O_RDONLY | O_CLOEXEC);
	t->at_ns = r->known.threads[t->thread].row.start_ns;
	if (t->at_ns > now || t->at_ns <= 0)
		t->at_ns = now;
	m->n_wall++;
}

static void drop(struct image *m, uint32_t i)
{
	if (m->wall[i].fd >= 0)
		(void)close(m->wall[i].fd);
	m->wall[i] = m->wall[--m->n_wall];
}

static void list_threads(struct recording *r, struct image *m, int64_t now)
{
	char path[48];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", m->space.pid);
	dir = opendir(path);
	if (!dir)
		return;
	for (uint32_t i = 0; i < m->n_wall; i++)
		m->wall[i].listed = 0;
	while ((d = readdir(dir)) != NULL) {
		int tid = (int)strtol(d->d_name, NULL, 10);
		struct wall_thread *t = tid > 0 ? find(m, tid) : NULL;

		if (t)
			t->listed = 1;
		else if (tid > 0)
			meet(r, m, tid, now);
	}
	(void)closedir(dir);
	for (uint32_t i = m->n_wall; i-- > 0;)
		if (!m->wall[i].listed)
			drop(m, i);
}

void observe_wall(struct recording *r)
{
	int64_t now = clock_mono_ns();

	if (r->session->mode != SPOOL_MODE_WALL || r->recovering)
		return;
	for (uint32_t i = 0; i < r->n_images; i++) {
		struct image *m = r->images[i];

		if (!m->file.head || m->gone || m->ended || m->space.pid <= 0)
			continue;
		if (now - m->wall_ns > TASKS_NS) {
			m->wall_ns = now;
			list_threads(r, m, now);
		}
		for (uint32_t k = 0; k < m->n_wall; k++)
			account(r, m, &m->wall[k], now);
	}
}

void observe_wall_release(struct image *m)
{
	while (m->n_wall > 0)
		drop(m, m->n_wall - 1);
	free(m->wall);
	m->wall = NULL;
	m->cap_wall = 0;
}
