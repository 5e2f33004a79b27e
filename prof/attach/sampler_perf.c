/* The perf engine: what the rings hold becomes samples, and tells of threads, children, execs and mappings in the
 * order in which they happened. Nothing of the target is stopped. CPU time is what the task-clock counted; what a
 * thread ran since its last sample (half an interval on average), or in the kernel where only user code may be
 * seen, is in its row's cpu_ns and not in sampled_ns. */
#include "prof/attach/sampler_internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "prof/base/clock.h"

#define SWITCHES_MAX 20000u /* records a second: 40 bytes and 100 ns each, 0.2 % of a CPU */

/* A child that ended before its records were read, a shell's for instance: they tell what there is to know. */
static struct live_process *meet_gone(struct sampler *s, int pid, int ppid, int64_t t_ns,
				      int64_t now)
{
	const struct live_process *parent = rows_process(s, ppid);
	struct proc proc = {.pid = pid, .dir = -1, .pidfd = -1};
	struct live_process *p = rows_meet_process(s, &proc, ppid, 0, t_ns, now);

	if (!p)
		return NULL;
	p->listed_ns = t_ns;
	if (parent) {
		p->lender = parent->gone ? parent->lender : parent->space;
		p->root_pid = parent->gone ? parent->root_pid : parent->proc.pid;
	}
	return p;
}

static void end_gone(struct sampler *s)
{
	for (uint32_t i = s->n_processes; i-- > 0;)
		if (s->processes[i]->gone)
			rows_end_process(s, i, s->processes[i]->listed_ns);
}

/* Its files are found where its parent's are, in whatever container that lives. */
static void map_gone(struct live_process *p, const struct perf_task *t)
{
	char file[PATH_MAX];
	int named = t->path && t->path[0] == '/' && t->path[1] != '/' && p->root_pid > 0;
	struct attach_part part = {.start = t->address,
				   .end = t->address + t->length,
				   .offset = t->offset,
				   .path = t->path ? t->path : "",
				   .file = named ? file : NULL,
				   .source = MODULE_UNKNOWN};

	if (part.end <= part.start || p->lender)
		return;
	if (named && snprintf(file, sizeof file, "/proc/%d/root%s", p->root_pid, t->path) >=
			     (int)sizeof file)
		part.file = NULL;
	(void)attach_space_add(p->space, &part, NULL); /* without it: an address only */
}

/* A library that is loaded and closed again while its samples wait in a ring is in no maps when they are read. */
static int tell_space(struct live_process *p, const struct perf_task *t)
{
	struct attach_told told = {.start = t->address,
				   .end = t->address + t->length,
				   .offset = t->offset,
				   .device = t->device,
				   .inode = t->inode,
				   .path = t->path};

	return attach_space_told(p->space, &told);
}

static void name_gone(struct sampler *s, struct live_process *p, const struct perf_task *t)
{
	uint32_t at = rows_thread(s, t->tid);

	if (!t->comm)
		return;
	snprintf(s->process_rows[p->row].name, sizeof s->process_rows[p->row].name, "%.*s",
		 PROC_COMM_MAX - 1, t->comm);
	if (at != NONE && !s->live[at].overflow)
		snprintf(s->thread_rows[s->live[at].row].name, PROC_COMM_MAX, "%.*s",
			 PROC_COMM_MAX - 1, t->comm);
}

static struct live_process *process_of(struct sampler *s, int pid, int ppid, int64_t t_ns,
				       int64_t now)
{
	struct live_process *p = rows_process(s, pid);
	struct sampler_process *row;
	char name[sizeof row->name];
	struct proc proc;

	if (p || !s->o.children)
		return p;
	if (proc_open(&proc, pid, NULL))
		return meet_gone(s, pid, ppid, t_ns, now);
	proc_name(&proc, name, sizeof name);
	p = name[0] ? rows_meet_process(s, &proc, ppid, 0, t_ns, now) : NULL;
	if (!p) {
		proc_close(&proc);
		return name[0] ? NULL : meet_gone(s, pid, ppid, t_ns, now);
	}
	row = &s->process_rows[p->row];
	if (!row->name[0]) /* it ended just now */
		memcpy(row->name, name, sizeof name);
	p->listed_ns = t_ns;
	sampler_watch(s, p);
	return p;
}

static uint32_t thread_of(struct sampler *s, int pid, int tid, int64_t t_ns, int64_t now)
{
	uint32_t at = rows_thread(s, tid);
	struct live_process *p;

	if (at != NONE && s->live[at].process->proc.pid == pid)
		return at;
	p = process_of(s, pid, 0, t_ns, now);
	if (!p)
		return NONE;
	if (at != NONE)
		rows_end_thread(s, at, t_ns);
	at = rows_meet_thread(s, p, tid, t_ns, now);
	if (at == NONE)
		return NONE;
	s->live[at].met_ns = t_ns; /* its end may be among these records, too */
	if (p->gone && !s->live[at].overflow)
		snprintf(s->thread_rows[s->live[at].row].name, PROC_COMM_MAX, "%.*s",
			 PROC_COMM_MAX - 1, s->process_rows[p->row].name);
	return at;
}

static int on_sample(void *ctx, const struct perf_sample *p)
{
	struct sampler *s = ctx;
	int64_t now = s->drain_ns;
	uint32_t at = thread_of(s, p->pid, p->tid, p->t_ns, now);
	struct copied_stack c = {.regs = &p->regs, .bytes = p->stack, .size = p->stack_bytes};
	struct delivery d = {.part = SAMPLE_CPU,
			     .t_ns = p->t_ns,
			     .value_ns = p->cpu_ns,
			     .count = 1,
			     .state = PROFILE_RUNNING};
	struct stack_view v = {.end = UNWIND_NO_TABLE, .end_module = MODULE_NONE};

	if (at == NONE || s->live[at].process->before_exec)
		return s->rc;
	if (p->regs.known)
		v = stack_unwind(s, &s->live[at], &c, now);
	stack_deliver(s, &s->live[at], &v, &d);
	if (s->o.wall)
		wall_ran(s, &s->live[at], &v, p->cpu_ns, p->t_ns);
	return s->rc;
}

static void on_fork(struct sampler *s, const struct perf_task *t)
{
	int64_t now = s->drain_ns;
	struct live_process *p = process_of(s, t->pid, t->ppid, t->t_ns, now);
	uint32_t at = rows_thread(s, t->tid);

	if (!p)
		return;
	rows_name_by_parent(s, &s->process_rows[p->row], t->ppid);
	if (at != NONE && s->live[at].met_ns > t->t_ns) { /* a list of tasks had it first */
		struct sampler_thread *row = &s->thread_rows[s->live[at].row];

		if (row->start_ns > t->t_ns && !s->live[at].overflow)
			row->start_ns = t->t_ns;
		return;
	}
	(void)thread_of(s, t->pid, t->tid, t->t_ns, now);
}

static void on_exit(struct sampler *s, const struct perf_task *t)
{
	uint32_t at = rows_thread(s, t->tid);

	/* Met after that: its number is another thread's now. */
	if (at == NONE || s->live[at].met_ns > t->t_ns)
		return;
	if (s->live[at].process->gone)
		s->live[at].process->listed_ns = t->t_ns; /* when it was there last */
	rows_end_thread(s, at, t->t_ns);
}

static int on_task(void *ctx, const struct perf_task *t)
{
	struct sampler *s = ctx;
	struct live_process *p = rows_process(s, t->pid);

	switch (t->event) {
	case PERF_TASK_FORK:
		on_fork(s, t);
		break;
	case PERF_TASK_EXIT:
		on_exit(s, t);
		break;
	case PERF_TASK_EXEC:
		if (p)
			tasks_exec(s, p, t->t_ns);
		if (p && p->gone)
			name_gone(s, p, t);
		break;
	case PERF_TASK_MMAP:
		if (p && p->gone)
			map_gone(p, t);
		else if (p && tell_space(p, t))
			p->stale = 1;
		break;
	case PERF_TASK_COMM: {
		uint32_t at = rows_thread(s, t->tid);

		if (p && p->gone)
			name_gone(s, p, t);
		else if (at != NONE && !s->live[at].overflow)
			tasks_name_thread(s, &s->live[at]);
		break;
	}
	}
	return s->rc;
}

/* Where a thread sleeps is seen at looks; from when to when, these tell. */
static int on_switch(void *ctx, const struct perf_switch *p)
{
	struct sampler *s = ctx;
	uint32_t at = rows_thread(s, p->tid);
	struct live_thread *t;

	s->switches++;
	if (at == NONE || !s->switching)
		return s->rc;
	t = &s->live[at];
	if (p->in) {
		if (!t->first_in_ns)
			t->first_in_ns = p->t_ns;
		t->last_out_ns = 0;
	} else if (!p->preempted) {
		t->last_out_ns = p->t_ns;
	}
	return s->rc;
}

/* A look's share of them is read before it; when they come too fast, looks alone must do. */
static void ration_switches(struct sampler *s)
{
	if (s->switching && s->switches > SWITCHES_MAX) {
		s->switching = 0;
		perf_source_no_switches(s->perf);
		for (uint32_t i = 0; i < s->n_live; i++)
			s->live[i].first_in_ns = s->live[i].last_out_ns = 0;
		sampler_add_note(
			s, "threads switch more than 10,000 times a second: where they sleep is "
			   "told by looks at the rate only");
	}
	if (s->drain_ns - s->switches_ns >= NS_PER_S) {
		s->switches_ns = s->drain_ns;
		s->switches = 0;
	}
}

static void on_lost(void *ctx, uint64_t records)
{
	struct sampler *s = ctx;

	s->loss[SAMPLER_RECORD_DROPPED] += records;
	for (uint32_t i = 0; i < s->n_processes; i++) { /* what was it? */
		s->processes[i]->relist = 1;
		s->processes[i]->stale = 1;
	}
}

void perf_engine_drain(struct sampler *s)
{
	struct perf_handler h = {.ctx = s, .sample = on_sample, .task = on_task, .lost = on_lost};
	int rc;

	if (!s->perf)
		return;
	if (s->switching)
		h.switched = on_switch;
	s->drain_ns = clock_mono_ns();
	rc = perf_source_read(s->perf, &h);
	if (rc && s->rc == 0)
		s->rc = rc;
	end_gone(s);
	ration_switches(s);
}

static int open_source(struct sampler *s, int on_exec, struct err *err)
{
	struct perf_options o = {
		.rate_hz = s->o.rate_hz, .children = s->o.children, .on_exec = on_exec};
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
	int rc = perf_source_new(&s->perf, &o, err);

	if (rc) {
		s->perf = NULL;
		return rc;
	}
	s->switching = s->o.wall;
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, perf_source_fd(s->perf), &e))
		return err_sys(err, ERR_IO, "cannot wait for perf events");
	return 0;
}

int perf_engine_add(struct sampler *s, struct live_process *p, int on_exec, struct err *err)
{
	int rc = s->perf ? 0 : open_source(s, on_exec, err);

	return rc ? rc : perf_source_add(s->perf, p->proc.pid, err);
}
