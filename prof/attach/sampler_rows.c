/* Who is there: the rows of processes and threads that callers see, which only grow, and what is alive of them,
 * found by number. Numbers are reused by the kernel: an end takes the number out of the index before another
 * begin can put it in. Bounded: beyond the limits threads share a row, processes are left out, both counted. */
#include "prof/attach/sampler_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/clock.h"

#define TIDY_SLACK 4096u /* dead numbers in the index before it is made anew */

static int grow(void **array, uint32_t *cap, uint32_t n, uint32_t most, size_t size)
{
	uint32_t want = *cap ? *cap * 2 : 16;
	void *p;

	if (n < *cap)
		return 0;
	if (want > most)
		want = most;
	if (n >= want)
		return -1;
	p = realloc(*array, (size_t)want * size);
	if (!p)
		return -1;
	*array = p;
	*cap = want;
	return 0;
}

#define GROW(array, cap, n, most)                                                                  \
	grow((void **)(void *)&(array), &(cap), (n), (most), sizeof *(array))

void rows_name_by_parent(const struct sampler *s, struct sampler_process *row, int ppid)
{
	for (uint32_t i = s->n_process_rows; i-- > 0 && !row->name[0];)
		if (s->process_rows[i].proc.pid == ppid)
			memcpy(row->name, s->process_rows[i].name, sizeof row->name);
}

static struct sampler_process *add_process_row(struct sampler *s, const struct proc *proc, int ppid,
					       int added, int64_t start_ns)
{
	struct sampler_process *row;

	if (GROW(s->process_rows, s->cap_process_rows, s->n_process_rows, PROCESS_ROWS))
		return NULL;
	row = &s->process_rows[s->n_process_rows];
	memset(row, 0, sizeof *row);
	row->proc = *proc;
	row->ppid = ppid;
	row->added = added;
	row->start_ns = start_ns;
	if (proc->dir >= 0)
		proc_name(proc, row->name, sizeof row->name);
	rows_name_by_parent(s, row, ppid); /* it may have ended just now */
	return row;
}

static int prepare_process(struct sampler *s, struct live_process *p)
{
	size_t cache_bytes = (unwind_cache_bytes() + 63) & ~(size_t)63;

	p->gone = p->proc.dir < 0;
	p->space = attach_space_new(s->modules, p->gone ? NULL : &p->proc);
	p->cache = aligned_alloc(64, cache_bytes);
	if (!p->space || !p->cache)
		return -1;
	attach_space_linger(p->space);
	memset(p->cache, 0, cache_bytes);
	remote_init(&p->memory, p->proc.pid);
	p->has_clock = !p->gone && clock_getcpuclockid(p->proc.pid, &p->clock) == 0;
	p->overflow = NONE;
	p->stale = !p->gone;
	p->image = p->gone ? 0 : tasks_image(p);
	return 0;
}

static void free_process(struct live_process *p)
{
	if (!p)
		return;
	attach_space_free(p->space);
	free(p->cache);
	free(p->gaps);
	free(p);
}

/* `old`: it ran before, which is not the recording's. */
static void first_numbers(struct live_process *p, struct sampler_process *row, int old)
{
	struct proc_stat st;

	row->cpu_ns = tasks_clock(p);
	if (old)
		row->base_cpu_ns = row->cpu_ns;
	if (proc_stat(&p->proc, &st) == 0) {
		if (old) {
			p->minor_base = st.minor_faults;
			p->major_base = st.major_faults;
		}
		row->rss_bytes = st.rss_bytes;
		row->max_rss_bytes = st.rss_bytes;
	}
}

struct live_process *rows_meet_process(struct sampler *s, struct proc *proc, int ppid, int added,
				       int64_t start_ns, int64_t now)
{
	struct live_process *p = calloc(1, sizeof *p);
	struct sampler_process *row;

	if (!p)
		return NULL;
	p->proc = *proc;
	if (GROW(s->processes, s->cap_processes, s->n_processes, PROCESS_ROWS) ||
	    prepare_process(s, p) || idmap_set(&s->by_pid, (uint64_t)proc->pid, s->n_processes))
		goto free_p;
	row = add_process_row(s, proc, ppid, added, start_ns);
	if (!row) {
		(void)idmap_set(&s->by_pid, (uint64_t)proc->pid, GONE);
		goto free_p;
	}
	p->row = s->n_process_rows++;
	s->processes[s->n_processes++] = p;
	first_numbers(p, row, start_ns >= now);
	return p;
free_p:
	s->loss[SAMPLER_THREAD_LIMIT]++;
	free_process(p);
	return NULL;
}

int64_t rows_begin(struct sampler *s, struct live_process *p)
{
	struct sampler_process *row = &s->process_rows[p->row];

	row->base_cpu_ns = row->cpu_ns = tasks_clock(p);
	row->start_ns = clock_mono_ns();
	return row->start_ns;
}

struct live_process *rows_process(const struct sampler *s, int pid)
{
	uint32_t at = idmap_get(&s->by_pid, (uint64_t)pid);

	return at < s->n_processes ? s->processes[at] : NULL;
}

void rows_end_process(struct sampler *s, uint32_t place, int64_t now)
{
	struct live_process *p = s->processes[place];
	struct sampler_process *row = &s->process_rows[p->row];
	int64_t cpu = tasks_clock(p);

	for (uint32_t i = 0; i < s->n_processes; i++)
		if (s->processes[i]->lender == p->space)
			s->processes[i]->lender = NULL;
	for (uint32_t i = s->n_live; i-- > 0;)
		if (s->live[i].process == p)
			rows_end_thread(s, i, now);
	if (cpu > row->cpu_ns)
		row->cpu_ns = cpu;
	row->end_ns = now;
	row->proc.dir = row->proc.pidfd = -1;
	(void)idmap_set(&s->by_pid, (uint64_t)p->proc.pid, GONE);
	s->processes[place] = s->processes[--s->n_processes];
	if (place < s->n_processes)
		(void)idmap_set(&s->by_pid, (uint64_t)s->processes[place]->proc.pid, place);
	remote_close(&p->memory);
	proc_close(&p->proc); /* its pidfd leaves the epoll by that */
	free_process(p);
}

void rows_drop_process(struct sampler *s, struct live_process *p)
{
	uint32_t row = p->row;

	for (uint32_t i = 0; i < s->n_processes; i++)
		if (s->processes[i] == p) {
			rows_end_process(s, i, clock_mono_ns());
			break;
		}
	if (row + 1 == s->n_process_rows)
		s->n_process_rows--;
	while (s->n_thread_rows > 0 && s->thread_rows[s->n_thread_rows - 1].process == row)
		s->n_thread_rows--;
}

/* The row of a thread, or the one that stands for all beyond the limit. */
static uint32_t thread_row(struct sampler *s, struct live_process *p, int tid, int64_t start_ns,
			   uint32_t *overflow)
{
	int full = s->n_thread_rows >= THREAD_ROWS;
	struct sampler_thread *row;

	*overflow = full ? 1u : 0u;
	if (full)
		s->loss[SAMPLER_THREAD_LIMIT]++;
	if (full && p->overflow != NONE)
		return p->overflow;
	if (GROW(s->thread_rows, s->cap_thread_rows, s->n_thread_rows, THREAD_ROWS + PROCESS_ROWS))
		return NONE;
	row = &s->thread_rows[s->n_thread_rows];
	memset(row, 0, sizeof *row);
	row->process = p->row;
	row->tid = full ? 0 : tid;
	row->start_ns = start_ns;
	if (full)
		p->overflow = s->n_thread_rows;
	return s->n_thread_rows++;
}

static void first_look(struct sampler *s, struct live_thread *t, int64_t start_ns, int64_t now)
{
	struct sampler_thread *row = &s->thread_rows[t->row];
	struct proc_schedstat seen;

	t->fd = -1;
	if (s->open_files < s->max_open_files) {
		char name[64];

		snprintf(name, sizeof name, "task/%d/schedstat", t->tid);
		t->fd = proc_openat(&t->process->proc, name, O_RDONLY);
		s->open_files += t->fd >= 0 ? 1u : 0u;
	}
	/* Of one that began under our eyes all time counts. */
	if (start_ns >= now && tasks_schedstat(s, t, &seen) == 0) {
		t->seen = seen;
		if (!t->overflow)
			row->base_cpu_ns = row->cpu_ns = (int64_t)seen.run_ns;
	}
	if (!t->overflow)
		tasks_name_thread(s, t);
}

uint32_t rows_meet_thread(struct sampler *s, struct live_process *p, int tid, int64_t start_ns,
			  int64_t now)
{
	struct live_thread *t;
	uint32_t place = s->n_live;

	if (GROW(s->live, s->cap_live, s->n_live, THREAD_ROWS))
		goto full;
	t = &s->live[place];
	memset(t, 0, sizeof *t);
	t->row = thread_row(s, p, tid, start_ns < now ? start_ns : now, &t->overflow);
	if (t->row == NONE || idmap_set(&s->by_tid, (uint64_t)tid, place))
		goto full;
	t->process = p;
	t->tid = tid;
	t->hot = NONE;
	t->met_ns = now;
	t->at_ns = start_ns < now ? start_ns : now;
	t->ran_ns = t->pending_ns = now;
	t->flushed_ns = 0; /* its first sleep is told at once */
	t->still_ns = 0;   /* hot for its first look only, unless it runs */
	t->listed = t->fresh = 1;
	s->n_live++;
	s->n_fresh++;
	p->n_threads++;
	first_look(s, t, start_ns, now);
	if (p->polled || s->o.wall)
		rows_heat(s, place);
	return place;
full:
	s->loss[SAMPLER_THREAD_LIMIT]++;
	return NONE;
}

uint32_t rows_thread(const struct sampler *s, int tid)
{
	uint32_t at = idmap_get(&s->by_tid, (uint64_t)tid);

	return at < s->n_live ? at : NONE;
}

/* The last one moves to `place`. */
static void fill_gap(struct sampler *s, uint32_t place)
{
	uint32_t last = --s->n_live;

	if (place == last)
		return;
	s->live[place] = s->live[last];
	if (s->live[place].hot != NONE)
		s->hot[s->live[place].hot] = place;
	(void)idmap_set(&s->by_tid, (uint64_t)s->live[place].tid,
			place); /* known: no memory needed */
}

void rows_end_thread(struct sampler *s, uint32_t place, int64_t now)
{
	struct live_thread *t = &s->live[place];
	struct sampler_thread *row = &s->thread_rows[t->row];

	poll_settle(s, t, now);
	wall_settle(s, t, now);
	if (!t->overflow) {
		/* perf may know of more than was read of its clock in time. */
		if (row->cpu_ns < row->base_cpu_ns + row->sampled_ns)
			row->cpu_ns = row->base_cpu_ns + row->sampled_ns;
		if (t->process->gone)
			s->process_rows[t->process->row].cpu_ns += row->cpu_ns;
		row->end_ns = now;
		row->state = PROFILE_ZOMBIE;
	}
	rows_cool(s, place);
	s->n_fresh -= t->fresh;
	if (t->fd >= 0) {
		(void)close(t->fd);
		s->open_files--;
	}
	stack_release(&t->ran);
	stack_release(&t->sleep);
	if (t->process->n_threads)
		t->process->n_threads--;
	(void)idmap_set(&s->by_tid, (uint64_t)t->tid, GONE);
	fill_gap(s, place);
}

/* Puts a thread on the list of those that ran lately: they are looked at first. */
void rows_heat(struct sampler *s, uint32_t place)
{
	if (s->live[place].hot != NONE ||
	    GROW(s->hot, s->cap_hot, s->n_hot, THREAD_ROWS)) /* stays cold: looked at less often */
		return;
	s->live[place].hot = s->n_hot;
	s->hot[s->n_hot++] = place;
}

void rows_cool(struct sampler *s, uint32_t place)
{
	uint32_t at = s->live[place].hot;

	if (at == NONE)
		return;
	s->live[place].hot = NONE;
	s->hot[at] = s->hot[--s->n_hot];
	if (at < s->n_hot)
		s->live[s->hot[at]].hot = at;
}

/* The index forgets numbers of the dead, so that it does not grow with the churn. */
void rows_tidy(struct sampler *s)
{
	struct idmap fresh = IDMAP_INIT;

	if (s->by_tid.count < 2 * (size_t)s->n_live + TIDY_SLACK)
		return;
	for (uint32_t i = 0; i < s->n_live; i++)
		if (idmap_set(&fresh, (uint64_t)s->live[i].tid, i)) {
			idmap_release(&fresh); /* the old one still serves */
			return;
		}
	idmap_release(&s->by_tid);
	s->by_tid = fresh;
}

void rows_release(struct sampler *s)
{
	for (uint32_t i = 0; i < s->n_live; i++) {
		if (s->live[i].fd >= 0)
			(void)close(s->live[i].fd);
		stack_release(&s->live[i].ran);
		stack_release(&s->live[i].sleep);
	}
	for (uint32_t i = 0; i < s->n_processes; i++) {
		remote_close(&s->processes[i]->memory);
		proc_close(&s->processes[i]->proc);
		free_process(s->processes[i]);
	}
	free(s->live);
	free(s->processes);
	free(s->hot);
	free(s->process_rows);
	free(s->thread_rows);
	idmap_release(&s->by_tid);
	idmap_release(&s->by_pid);
}
