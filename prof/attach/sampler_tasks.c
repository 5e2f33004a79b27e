/* Who comes and goes, by /proc: lists of threads when their number changed, children, ends by pidfd, execs by the
 * auxiliary vector (its addresses are drawn anew), and the numbers that rows show: names, states, memory,
 * faults, CPU clocks. Each thing at a pace that its own cost allows. */
#include "prof/attach/sampler_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/attach/pick.h"
#include "prof/base/clock.h"

#define HOUSE_NS    (100 * NS_PER_MS)
#define LIST_NS     (10 * NS_PER_MS) /* at most this often, and 1 % of a CPU */
#define NOTICE_NS   (NS_PER_MS / 5)  /* the more processes, the less often */
#define RENEW_NS    (NS_PER_MS / 5)  /* per thread: for each the kernel adds numbers up */
#define CHILDREN_NS (20 * NS_PER_MS)
#define COST_SHARE  100
#define ROW_SHARE   10 /* of a process's threads, rows renewed per housekeeping: each once a second */
#define ROW_NS      (HOUSE_NS / 400)
#define ROW_CHECK   4u
#define AUXV_MAX    1024
#define SLICES_MANY 10000u /* a second */

int tasks_schedstat(struct sampler *s, struct live_thread *t, struct proc_schedstat *now)
{
	char text[128];
	ssize_t n;

	(void)s;
	if (t->fd < 0)
		return proc_schedstat(&t->process->proc, t->tid, now);
	n = pread(t->fd, text, sizeof text - 1, 0);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return proc_schedstat_parse(now, text);
}

/* 0 when it cannot be read (any more). */
int64_t tasks_clock(const struct live_process *p)
{
	struct timespec ts;

	if (!p->has_clock || clock_gettime(p->clock, &ts))
		return 0;
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

uint64_t tasks_image(const struct live_process *p)
{
	char auxv[AUXV_MAX];
	long n = proc_read(&p->proc, "auxv", auxv, sizeof auxv);

	return n > 0 ? hash_bytes(auxv, (size_t)n, 1) : 0;
}

int64_t tasks_began(uint64_t start_ticks, int64_t after, int64_t now)
{
	static int64_t tick_ns;
	struct timespec boot;
	int64_t ago;

	if (!tick_ns) {
		long hz = sysconf(_SC_CLK_TCK);

		tick_ns = NS_PER_S / (hz > 0 ? hz : 100);
	}
	if (clock_gettime(CLOCK_BOOTTIME, &boot) || start_ticks > INT64_MAX / (uint64_t)tick_ns)
		return now - 1 > after ? now - 1 : after;
	ago = (int64_t)boot.tv_sec * NS_PER_S + boot.tv_nsec - (int64_t)start_ticks * tick_ns;
	if (ago < 1)
		ago = 1;
	return now - ago > after ? now - ago : after;
}

/* One that stands still in our own hands runs: it came late, and is let go as soon as our tracer sees it. */
static int is_held_by_us(const struct live_thread *t)
{
	struct proc_status st;

	return proc_task_status(&t->process->proc, t->tid, &st) == 0 &&
	       (st.tracer == 0 || syscall(SYS_tgkill, getpid(), st.tracer, 0) == 0);
}

static enum profile_state state_told(const struct live_thread *t, char letter)
{
	return letter == 't' && is_held_by_us(t) ? PROFILE_RUNNABLE : proc_state(letter);
}

enum profile_state tasks_state(const struct live_thread *t)
{
	struct proc_stat st;

	if (proc_task_stat(&t->process->proc, t->tid, &st))
		return PROFILE_SLEEPING;
	return state_told(t, st.state);
}

void tasks_name_thread(struct sampler *s, const struct live_thread *t)
{
	struct sampler_thread *row = &s->thread_rows[t->row];
	struct proc_stat st;

	if (proc_task_stat(&t->process->proc, t->tid, &st))
		return;
	memcpy(row->name, st.comm, sizeof row->name);
	if (state_told(t, st.state) != PROFILE_RUNNABLE) /* what it was before we took it */
		row->state = proc_state(st.state);
}

static int64_t thread_began(struct live_process *p, int tid, int64_t now)
{
	struct proc_stat st;

	if (!p->listed_ns || proc_task_stat(&p->proc, tid, &st))
		return now;
	return tasks_began(st.start_ticks, p->listed_ns, now);
}

int tasks_list(struct sampler *s, struct live_process *p, int64_t now)
{
	int64_t cpu = clock_thread_cpu_ns();
	int rc = proc_tasks(&p->proc, &s->tids, &s->n_tids, &s->cap_tids);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < s->n_live; i++)
		if (s->live[i].process == p)
			s->live[i].listed = 0;
	for (uint32_t i = 0; i < s->n_tids; i++) {
		uint32_t at = rows_thread(s, s->tids[i]);

		if (at != NONE &&
		    s->live[at].process != p) { /* its number went to another process */
			rows_end_thread(s, at, now);
			at = NONE;
		}
		if (at != NONE)
			s->live[at].listed = 1;
		else
			(void)rows_meet_thread(s, p, s->tids[i], thread_began(p, s->tids[i], now),
					       now);
	}
	for (uint32_t i = s->n_live; i-- > 0;)
		if (s->live[i].process == p && !s->live[i].listed)
			rows_end_thread(s, i, now);
	p->listed_ns = now;
	p->relist = 0;
	p->list_cost = clock_thread_cpu_ns() - cpu;
	return 0;
}

/* Did threads come or go? One small look at the folder: its links count them. */
static void notice_threads(struct sampler *s, struct live_process *p, int64_t now)
{
	struct stat st;

	if (now - p->noticed_ns < LIST_NS + s->n_processes * NOTICE_NS ||
	    now - p->listed_ns < p->list_cost * COST_SHARE)
		return;
	p->noticed_ns = now;
	/* perf tells of threads itself, as long as no record is lost. Where nobody does, one that came while another
	 * went leaves the number as it was. So once a second regardless. */
	if (p->polled && fstatat(p->proc.dir, "task", &st, 0) == 0 &&
	    st.st_nlink != p->task_links) {
		p->task_links = st.st_nlink;
		p->relist = 1;
	}
	if (!p->relist && now - p->listed_ns < NS_PER_S)
		return;
	perf_engine_drain(s); /* what went before the list comes before it */
	(void)tasks_list(s, p, now);
}

/* Everything of the process is another one: its code and its name; of its threads one is left. */
void tasks_exec(struct sampler *s, struct live_process *p, int64_t now)
{
	struct sampler_process *row = &s->process_rows[p->row];

	(void)attach_space_exec(p->space);
	p->lender = NULL;
	p->stale = !p->gone;
	p->fresh_ns = 0;
	if (p->gone)
		return;
	p->image = tasks_image(p);
	proc_name(&p->proc, row->name, sizeof row->name);
	if (p->before_exec) { /* what went before was ours */
		p->before_exec = 0;
		row->start_ns = now;
	}
	for (uint32_t i = 0; i < s->n_live; i++)
		if (s->live[i].process == p) {
			stack_release(&s->live[i].ran);
			stack_release(&s->live[i].sleep);
			s->n_fresh += !s->live[i].fresh;
			s->live[i].fresh = 1;
			s->live[i].outer = 0;
			rows_heat(s, i);
		}
	p->relist = 1;
}

static void notice_exec(struct sampler *s, struct live_process *p, int64_t now)
{
	uint64_t image = tasks_image(p);

	if (image && p->image && image != p->image)
		tasks_exec(s, p, now);
	else if (image)
		p->image = image;
}

void tasks_renew_process(struct sampler *s, struct live_process *p)
{
	struct sampler_process *row = &s->process_rows[p->row];
	int64_t cpu = tasks_clock(p);
	struct proc_stat st;

	if (cpu > row->cpu_ns)
		row->cpu_ns = cpu;
	if (proc_stat(&p->proc, &st))
		return;
	row->ppid = st.ppid;
	if (st.rss_bytes > 0)
		row->rss_bytes = st.rss_bytes;
	if (st.rss_bytes > row->max_rss_bytes)
		row->max_rss_bytes = st.rss_bytes;
	row->minor_faults = st.minor_faults - p->minor_base;
	row->major_faults = st.major_faults - p->major_base;
}

static void renew_thread_row(struct sampler *s, struct live_thread *t, int64_t now)
{
	struct proc_schedstat seen;

	if (!t->overflow)
		tasks_name_thread(s, t);
	if (t->process->polled || s->o.wall) /* looked at by these */
		return;
	if (tasks_schedstat(s, t, &seen)) {
		t->process->relist = 1;
		return;
	}
	if (!t->overflow && seen.run_ns > t->seen.run_ns)
		s->thread_rows[t->row].cpu_ns += (int64_t)(seen.run_ns - t->seen.run_ns);
	if (t->seen.slices && seen.slices > t->seen.slices) /* 0: not looked at before */
		s->slices += seen.slices - t->seen.slices;
	t->seen = seen;
	t->at_ns = now;
}

/* Each time that a thread gets a CPU the kernel arms the event's timer: 4 us of the target's time, where a
 * switch takes 4 without it (measured by bench_attach_perf). Worth a word from 4 % of a CPU on. */
static void note_switches(struct sampler *s, int64_t now)
{
	if (now - s->slices_ns < NS_PER_S)
		return;
	if (s->slices_ns && s->slices > (uint64_t)((now - s->slices_ns) / NS_PER_S) * SLICES_MANY)
		sampler_add_note(s, "its threads sleep and wake more than 10,000 times a second, "
				    "and perf events make each time some microseconds dearer: "
				    "--engine clock does not");
	s->slices_ns = now;
	s->slices = 0;
}

/* Of a tenth of the threads, as far as the time goes. */
static void renew_thread_rows(struct sampler *s, int64_t now)
{
	uint32_t share = s->n_live / ROW_SHARE + 1, n = share < s->n_live ? share : s->n_live;
	int64_t cpu = clock_thread_cpu_ns();

	for (uint32_t i = 0; i < n; i++) {
		if (i % ROW_CHECK == ROW_CHECK - 1 && clock_thread_cpu_ns() - cpu > ROW_NS)
			return;
		renew_thread_row(s, &s->live[s->next_row++ % s->n_live], now);
	}
}

static void meet_child(struct sampler *s, int pid, int64_t now)
{
	struct live_process *p;
	struct proc proc;
	struct proc_stat st;
	int64_t began;

	if (rows_process(s, pid) || proc_open(&proc, pid, NULL))
		return;
	if (proc_stat(&proc, &st) || st.state == 'Z' || st.state == 'X') {
		proc_close(&proc);
		return;
	}
	began = tasks_began(st.start_ticks, 0, now);
	if (began < s->start_ns)
		began = now;
	p = rows_meet_process(s, &proc, st.ppid, 0, began, now);
	if (!p) {
		proc_close(&proc);
		return;
	}
	sampler_watch(s, p);
	p->polled = s->perf ? perf_engine_add(s, p, 0, NULL) != 0 : 1;
	s->any_polled |= p->polled;
	if (began < now)
		p->listed_ns = began;
	(void)tasks_list(s, p, now);
}

/* Children of what is polled: those that perf follows tell themselves, but for one that was forked after whoever adds
 * processes looked for children and before the parent's events were open. */
static void notice_children(struct sampler *s, int64_t now)
{
	int64_t cpu = clock_thread_cpu_ns();
	struct pick_list list = {0};
	struct err err = ERR_INIT;

	if (!s->o.children || (!s->any_polled && !s->adopts) || now < s->children_due)
		return;
	if (s->adopts && s->perf)
		perf_engine_drain(s); /* those that told of themselves meanwhile are known */
	s->adopts = 0;
	for (uint32_t i = 0; i < s->n_processes; i++)
		if (pick_add(&list, s->processes[i]->proc.pid))
			break;
	if (list.n > 0 && pick_children(&list, &err) == 0)
		for (uint32_t i = 0; i < list.n; i++)
			meet_child(s, list.pids[i], now);
	pick_release(&list);
	cpu = clock_thread_cpu_ns() - cpu;
	s->children_due = now + (cpu * COST_SHARE > CHILDREN_NS ? cpu * COST_SHARE : CHILDREN_NS);
}

static void notice_end(struct sampler *s, uint32_t place, int64_t now)
{
	struct live_process *p = s->processes[place];

	if (p->ended || (p->proc.pidfd < 0 && !proc_is_alive(&p->proc)))
		rows_end_process(s, place, now);
}

void tasks_house(struct sampler *s, int64_t now)
{
	notice_children(s, now);
	for (uint32_t i = s->n_processes; i-- > 0;) {
		struct live_process *p = s->processes[i];

		if (p->before_exec)
			notice_exec(s, p, now);
		notice_threads(s, p, now);
	}
	if (now < s->house_due)
		return;
	s->house_due = now + HOUSE_NS;
	for (uint32_t i = s->n_processes; i-- > 0;) {
		struct live_process *p = s->processes[i];

		if (now - p->renewed_ns >= p->n_threads * RENEW_NS) {
			p->renewed_ns = now;
			tasks_renew_process(s, p);
		}
		if (p->polled)
			notice_exec(s, p, now);
		notice_end(s, i, now);
	}
	if (s->n_live > 0)
		renew_thread_rows(s, now);
	if (s->perf)
		note_switches(s, now);
	rows_tidy(s);
}
