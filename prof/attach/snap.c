/* All threads of a process at a moment: see snap.h. Which threads there are, those that sleep, names and states;
 * those that run are snap_run.c's. What a thread waits for is put into words (waits.h) after every stack was
 * read: it takes longer. */
#include "prof/attach/snap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/blocked.h"
#include "prof/attach/rights.h"
#include "prof/attach/snap_internal.h"
#include "prof/attach/waits.h"
#include "prof/base/clock.h"

#define LOOKS  3 /* at a thread that moved while it was read */
#define ROUNDS 5 /* of listing threads: a program may start some for ever */

struct seen { /* tids that have rows, ascending */
	int *now, *next;
	uint32_t n_now, n_next, cap_now, cap_next;
};

struct snap_thread *snap_add(struct snap *s)
{
	struct snap_thread *t;

	if (s->n == s->cap) {
		uint32_t cap = s->cap ? 2 * s->cap : 16;

		if (cap < s->cap)
			return NULL;
		t = realloc(s->threads, cap * sizeof *t);
		if (!t)
			return NULL;
		s->threads = t;
		s->cap = cap;
	}
	t = &s->threads[s->n++];
	memset(t, 0, sizeof *t);
	t->call.nr = -1;
	t->how = SNAP_NONE;
	return t;
}

void snap_release(struct snap *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->threads[i].addresses);
	free(s->threads);
	memset(s, 0, sizeof *s);
}

/* ---- one thread ---- */

int snap_keep(struct snap_maker *m, struct snap_thread *t)
{
	const struct attach_stack *stack = m->stack;
	uint32_t max = m->options->max_frames, n = stack->n;

	t->end = stack->end;
	if (max && n > max) {
		n = max;
		t->end = UNWIND_DEPTH;
	}
	free(t->addresses);
	t->n_frames = 0;
	t->addresses = malloc((n ? n : 1) * sizeof *t->addresses);
	if (!t->addresses)
		return ERR_NOMEM;
	memcpy(t->addresses, stack->addresses, n * sizeof *t->addresses);
	t->n_frames = n;
	t->guessed = stack->guessed;
	t->torn = stack->torn;
	return 0;
}

int snap_look(struct snap_maker *m, struct snap_thread *t)
{
	switch (blocked_stack(m->p, &m->memory, m->space, t->tid, LOOKS, m->stack, &t->call)) {
	case BLOCKED_OK:
		t->how = SNAP_BLOCKED;
		t->call_state = t->call.nr >= 0 ? PROC_CALL_IN : PROC_CALL_NONE;
		return snap_keep(m, t) == 0 ? 1 : ERR_NOMEM;
	case BLOCKED_RUNNING:
		t->call_state = PROC_CALL_RUNNING;
		return 0;
	case BLOCKED_DENIED:
		t->call_state = PROC_CALL_DENIED;
		t->why = "may not be looked at";
		return ERR_DENIED;
	case BLOCKED_GONE:
		break;
	}
	t->tid = 0;
	return ERR_NOTFOUND;
}

/* Its number as its own pid namespace counts; 0: it is gone. */
static int ns_tid(const struct snap_maker *m, int tid)
{
	char name[64], text[4096];
	struct proc_status status;

	(void)snprintf(name, sizeof name, "task/%d/status", tid);
	if (proc_read(m->p, name, text, sizeof text) < 0 || proc_status_parse(&status, text) < 0)
		return 0;
	return status.ns_pid ? status.ns_pid : tid;
}

static void describe(const struct snap_maker *m, struct snap_thread *t, int other_ns)
{
	struct proc_stat stat;
	struct proc_schedstat sched;

	if (proc_task_stat(m->p, t->tid, &stat) < 0) {
		t->tid = 0;
		return;
	}
	memcpy(t->name, stat.comm, sizeof t->name);
	t->letter = stat.state;
	t->cpu_ns = stat.user_ns + stat.system_ns;
	if (proc_schedstat(m->p, t->tid, &sched) == 0 && sched.run_ns && sched.run_ns < INT64_MAX)
		t->cpu_ns = (int64_t)sched.run_ns;
	t->ns_tid = other_ns ? ns_tid(m, t->tid) : t->tid;
}

/* The state that goes with the stack: it was looked up a moment before. */
static void settle_state(struct snap_thread *t)
{
	if (t->how == SNAP_BLOCKED && t->letter == 'R')
		t->letter = 'S';
	if (t->how == SNAP_STOPPED || t->how == SNAP_PERF)
		t->letter = 'R';
	t->state = proc_state(t->letter);
}

/* ---- which threads ---- */

static int compare_tids(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Rows for threads that have none yet: how many, or negative. */
static int add_new(struct snap_maker *m, struct seen *seen)
{
	int added = 0, rc = proc_tasks(m->p, &seen->next, &seen->n_next, &seen->cap_next);
	struct seen before = *seen;

	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < seen->n_next; i++) {
		struct snap_thread *t;

		if (seen->n_now && bsearch(&seen->next[i], seen->now, seen->n_now,
					   sizeof *seen->now, compare_tids))
			continue;
		t = snap_add(m->snap);
		if (!t)
			return ERR_NOMEM;
		t->tid = seen->next[i];
		added++;
	}
	*seen = (struct seen){before.next, before.now,      before.n_next,
			      0,           before.cap_next, before.cap_now};
	return added;
}

/* Rows of threads that ended are taken out, from `first` on. */
static void compact(struct snap *s, uint32_t first)
{
	uint32_t kept = first;

	for (uint32_t i = first; i < s->n; i++) {
		if (s->threads[i].tid)
			s->threads[kept++] = s->threads[i];
		else
			free(s->threads[i].addresses);
	}
	s->n = kept;
}

/* A main thread that ended before the others is still there, as a zombie. */
static int has_ended(struct snap_thread *t)
{
	if (t->letter != 'Z' && t->letter != 'X')
		return 0;
	t->call_state = PROC_CALL_NONE;
	t->why = "has ended";
	return 1;
}

static int is_asked_for(const struct snap_maker *m, const struct snap_thread *t)
{
	return !m->options->wanted || m->options->wanted(m->options->wanted_ctx, t);
}

static int read_round(struct snap_maker *m, uint32_t first, int other_ns)
{
	struct snap *s = m->snap;
	int rc = 0;

	for (uint32_t i = first; i < s->n && rc != ERR_NOMEM; i++) {
		describe(m, &s->threads[i], other_ns);
		if (!is_asked_for(m, &s->threads[i]))
			s->threads[i].tid = 0;
		if (s->threads[i].tid && !has_ended(&s->threads[i]))
			rc = snap_look(m, &s->threads[i]);
		if (rc == ERR_DENIED && i == 0)
			return rc;
	}
	if (rc == ERR_NOMEM || snap_running(m, first) != 0)
		return ERR_NOMEM;
	compact(s, first);
	for (uint32_t i = first; i < s->n; i++)
		settle_state(&s->threads[i]);
	return 0;
}

/* Threads start while others are looked at: until no new one turns up. */
static int read_all(struct snap_maker *m, int other_ns)
{
	struct seen seen = {0};
	int rc = 0;

	for (int round = 0; round < ROUNDS && rc >= 0; round++) {
		uint32_t first = m->snap->n;

		rc = add_new(m, &seen);
		if (rc == 0)
			break;
		if (rc > 0)
			rc = read_round(m, first, other_ns);
	}
	free(seen.now);
	free(seen.next);
	/* One that ends while its threads are looked at is shown as far as it was read. */
	return rc > 0 || (rc == ERR_NOTFOUND && m->snap->n) ? 0 : rc;
}

/* ---- the whole ---- */

static int main_first(const void *a, const void *b)
{
	const struct snap_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static void order(struct snap *s)
{
	if (s->n == 0)
		return;
	qsort(s->threads, s->n, sizeof *s->threads, main_first);
	for (uint32_t i = 1; i < s->n; i++) {
		struct snap_thread main_thread = s->threads[i];

		if (main_thread.tid != s->pid)
			continue;
		memmove(&s->threads[1], &s->threads[0], i * sizeof *s->threads);
		s->threads[0] = main_thread;
	}
}

static void put_in_words(struct snap_maker *m)
{
	for (uint32_t i = 0; i < m->snap->n; i++) {
		struct snap_thread *t = &m->snap->threads[i];

		if (t->call_state != PROC_CALL_IN)
			continue;
		waits_syscall(m->p, &m->memory, &t->call, t->syscall, sizeof t->syscall);
		waits_on(m->p, &m->memory, &t->call, t->waits_on, sizeof t->waits_on);
	}
}

static int maker_open(struct snap_maker *m)
{
	size_t bytes = (unwind_cache_bytes() + 63) / 64 * 64;

	remote_init(&m->memory, m->p->pid);
	m->stopper = m->options->stopper;
	m->stack = malloc(sizeof *m->stack);
	m->window = malloc(sizeof *m->window);
	m->cache = aligned_alloc(64, bytes);
	if (!m->stack || !m->window || !m->cache)
		return ERR_NOMEM;
	memset(m->cache, 0, bytes);
	m->stack->running = 0;
	return 0;
}

static void maker_close(struct snap_maker *m)
{
	if (m->stopper)
		stopper_stats(m->stopper, &m->snap->pause);
	stopper_free(m->own);
	remote_close(&m->memory);
	free(m->stack);
	free(m->window);
	free(m->cache);
	free(m->copies);
}

static int is_other_ns(const struct proc *p)
{
	struct proc_status status;

	return proc_status(p, &status) == 0 && status.ns_pid && status.ns_pid != p->pid;
}

static int refuse(const struct snap_maker *m, int rc, struct err *err)
{
	struct rights rights;

	switch (rc) {
	case ERR_NOMEM:
		return err_nomem(err, "stacks of a process");
	case ERR_DENIED:
		rights_look(&rights, m->p);
		return rights_refuse(&rights, RIGHT_READ, m->p, err);
	default:
		return err_set(err, ERR_NOTFOUND, "process %d ended before it could be read",
			       m->p->pid);
	}
}

int snap_take(struct snap *s, const struct proc *p, struct attach_space *space,
	      const struct snap_options *o, struct err *err)
{
	struct snap_maker m = {.snap = s, .p = p, .space = space, .options = o};
	int rc;

	memset(s, 0, sizeof *s);
	s->pid = p->pid;
	s->at_ns = clock_mono_ns();
	proc_name(p, s->name, sizeof s->name);
	rc = attach_space_refresh(space, 0, err);
	if (rc != 0)
		return rc == ERR_DENIED ? refuse(&m, rc, err) : rc;
	rc = maker_open(&m);
	if (rc == 0)
		rc = read_all(&m, is_other_ns(p));
	if (rc == 0 && s->n == 0 && !o->wanted)
		rc = ERR_NOTFOUND;
	if (rc == 0) {
		order(s);
		put_in_words(&m);
	}
	maker_close(&m);
	s->took_ns = clock_mono_ns() - s->at_ns;
	if (rc == 0)
		return 0;
	rc = refuse(&m, rc, err);
	snap_release(s);
	return rc;
}
