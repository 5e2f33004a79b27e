/* The numbers of top's head and its threads: differences of what the sampler and /proc told an interval ago. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "prof/attach/waits.h"
#include "prof/base/clock.h"
#include "prof/cli/shown_command.h"
#include "prof/cli/top_feed.h"
#include "prof/cli/top_grow.h"

/* /proc/PID/task/TID/status takes the kernel about 10 us: with more threads than this switches are not told. */
#define SWITCHES_THREADS 64u

struct use { /* sums of an interval */
	struct top_feed *f;
	int64_t interval_ns;
	double cpu_ns, rss_bytes, rss_grown, minor, major, switches[2];
	uint32_t processes, threads, running;
	int switches_known;
};

/* ---- processes ---- */

static struct top_feed_process *process_at(struct top_feed *f, uint32_t place)
{
	if (place >= f->n_processes &&
	    TOP_GROW(f->processes, f->n_processes, place + 1 - f->n_processes, f->cap_processes))
		return NULL;
	for (; f->n_processes <= place; f->n_processes++)
		memset(&f->processes[f->n_processes], 0, sizeof(*f->processes));
	return &f->processes[place];
}

/* As it is now; of one that has ended what the sampler saw last. */
static void look_at_process(struct top_feed_process *now, const struct top_feed_process *before,
			    const struct sampler_process *p)
{
	struct proc_stat st;
	struct timespec ts;
	clockid_t clock;

	*now = *before;
	now->met = 1;
	now->ended = p->end_ns != 0;
	if (p->cpu_ns > now->cpu_ns)
		now->cpu_ns = p->cpu_ns;
	if (now->ended)
		now->rss_bytes = 0;
	if (now->ended || proc_stat(&p->proc, &st))
		return;
	now->rss_bytes = st.rss_bytes;
	now->minor_faults = st.minor_faults;
	now->major_faults = st.major_faults;
	if (clock_getcpuclockid(p->proc.pid, &clock) == 0 && clock_gettime(clock, &ts) == 0)
		now->cpu_ns = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int use_process(struct use *u, uint32_t place, const struct sampler_process *p)
{
	struct top_feed_process *before = process_at(u->f, place), now;

	if (!before)
		return ERR_NOMEM;
	if (before->ended)
		return 0;
	look_at_process(&now, before, p);
	if (!before->met) /* a child that began in this interval: all of it counts */
		before->cpu_ns = p->base_cpu_ns;
	u->cpu_ns += now.cpu_ns > before->cpu_ns ? (double)(now.cpu_ns - before->cpu_ns) : 0;
	u->minor += (double)(now.minor_faults - before->minor_faults);
	u->major += (double)(now.major_faults - before->major_faults);
	u->rss_bytes += (double)now.rss_bytes;
	u->rss_grown += (double)(now.rss_bytes - before->rss_bytes);
	u->processes += !now.ended;
	*before = now;
	return 0;
}

/* ---- threads ---- */

static uint64_t number_behind(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void use_switches(struct use *u, struct top_feed_thread *before, const struct proc *p,
			 int tid)
{
	char name[48], text[4096];
	uint64_t now[2];
	int i;

	snprintf(name, sizeof(name), "task/%d/status", tid);
	if (proc_read(p, name, text, sizeof(text)) <= 0)
		return;
	now[0] = number_behind(text, "\nvoluntary_ctxt_switches:");
	now[1] = number_behind(text, "\nnonvoluntary_ctxt_switches:");
	for (i = 0; i < 2; i++) {
		if (before->counted)
			u->switches[i] += (double)(now[i] - before->switches[i]);
		before->switches[i] = now[i];
	}
	before->counted = 1;
}

/* The system call of a thread that no sample of this interval tells of. One that did not run since it was asked is
 * where it was. */
static void use_call(struct top_feed_thread *before, const struct sampler_thread *t,
		     const struct proc *p)
{
	struct proc_syscall call;

	if (before->call_ns == before->cpu_ns)
		return;
	before->call_ns = before->cpu_ns;
	before->syscall = NULL;
	if (proc_syscall(p, t->tid, &call) == PROC_CALL_IN)
		before->syscall = syscall_name(call.nr);
}

static int add_thread(struct use *u, const struct sampler_thread *t,
		      const struct top_feed_thread *before, const struct sampler_process *p,
		      int64_t used)
{
	struct top_thread *row = top_model_thread(&u->f->model);

	if (!row)
		return ERR_NOMEM;
	row->pid = p->proc.pid;
	row->tid = t->tid;
	snprintf(row->name, sizeof(row->name), "%s", t->name);
	row->state = t->state;
	row->ended = t->end_ns != 0;
	row->cpu_ns = used;
	row->total_cpu_ns = before->cpu_ns;
	row->cpu_pct = u->interval_ns > 0 ? 100.0 * (double)used / (double)u->interval_ns : 0;
	row->samples = before->samples;
	row->function = before->function;
	row->syscall = row->state == PROFILE_RUNNING || row->state == PROFILE_RUNNABLE || row->ended
			       ? NULL
			       : before->syscall;
	return 0;
}

/* CPU time by now; of one that has ended what the sampler saw last. Of a thread without a sample the sampler's
 * own look (once a second) tells whether it ran at all: hundreds of idle threads cost nothing here. */
static int64_t cpu_now(const struct sampler_thread *t, struct top_feed_thread *before,
		       const struct proc *p)
{
	struct proc_schedstat seen;
	int idle = before->cpu_ns >= 0 && t->cpu_ns == before->row_ns && !before->ran;

	before->row_ns = t->cpu_ns;
	if (idle)
		return before->cpu_ns;
	if (!t->end_ns && t->tid && proc_schedstat(p, t->tid, &seen) == 0)
		return (int64_t)seen.run_ns;
	return t->cpu_ns;
}

static int use_thread(struct use *u, const struct sampler_thread *t, struct top_feed_thread *before,
		      const struct sampler_process *p, int count_switches)
{
	struct top_feed *f = u->f;
	int64_t now = cpu_now(t, before, &p->proc), used;
	int first = before->cpu_ns < 0, rc;

	if (t->end_ns && before->ended)
		return 0;
	if (first)
		before->cpu_ns = t->base_cpu_ns;
	used = now > before->cpu_ns ? now - before->cpu_ns : 0;
	before->cpu_ns += used;
	before->ended = t->end_ns != 0;
	if (used && !before->samples) {
		before->function = STRTAB_EMPTY;
		before->syscall = NULL;
	}
	if (!t->end_ns) {
		u->threads++;
		u->running += t->state == PROFILE_RUNNING || t->state == PROFILE_RUNNABLE;
		if (count_switches && (used || first))
			use_switches(u, before, &p->proc, t->tid);
		if (f->look_at_calls && (f->kind == TOP_CPU || !before->samples))
			use_call(before, t, &p->proc);
	}
	rc = add_thread(u, t, before, p, used);
	before->samples = 0;
	before->ran = 0;
	/* In wall mode a thread without a sample is where it was; where it used CPU time last is not where it sleeps. */
	if (f->kind == TOP_CPU)
		before->function = STRTAB_EMPTY;
	return rc;
}

/* ---- all ---- */

static void tell(const struct use *u)
{
	struct top_feed *f = u->f;
	struct top_status *s = &f->status;
	double seconds = (double)u->interval_ns / 1e9, per = seconds > 0 ? 1 / seconds : 0;
	int64_t own = clock_process_cpu_ns();

	s->processes = u->processes;
	s->threads = u->threads;
	s->running = u->running;
	s->cpu_pct = 100 * per * u->cpu_ns / 1e9;
	s->rss_bytes = (int64_t)u->rss_bytes;
	s->rss_rate = per * u->rss_grown;
	s->minor_rate = per * u->minor;
	s->major_rate = per * u->major;
	s->voluntary_rate = u->switches_known ? per * u->switches[0] : -1;
	s->involuntary_rate = u->switches_known ? per * u->switches[1] : -1;
	s->engine = sampler_engine_name(f->sampler);
	snprintf(s->note, sizeof(s->note), "%s", sampler_note(f->sampler));
	s->rate_hz = f->options.rate_hz;
	sampler_pauses(f->sampler, &s->pause);
	s->own_cpu_pct = 100 * per * (double)(own - f->own_cpu_ns) / 1e9;
	s->running_ns = clock_mono_ns() - f->started_ns;
	f->own_cpu_ns = own;
}

/* Rows of the sampler and what is kept of them. 0 or ERR_NOMEM. */
static int list(struct top_feed *f, const struct sampler_process **processes, uint32_t *n_processes,
		const struct sampler_thread **threads, uint32_t *n_threads)
{
	*n_processes = sampler_processes(f->sampler, processes);
	*n_threads = sampler_threads(f->sampler, threads);
	if (*n_processes && !process_at(f, *n_processes - 1))
		return ERR_NOMEM;
	return *n_threads && !top_feed_thread_at(f, *n_threads - 1) ? ERR_NOMEM : 0;
}

int top_feed_first_use(struct top_feed *f)
{
	const struct sampler_process *processes;
	const struct sampler_thread *threads;
	uint32_t n_processes, n_threads, i;
	struct use ignored = {.f = f};

	if (list(f, &processes, &n_processes, &threads, &n_threads))
		return ERR_NOMEM;
	for (i = 0; i < n_processes; i++)
		look_at_process(&f->processes[i], &f->processes[i], &processes[i]);
	for (i = 0; i < n_threads; i++) {
		const struct proc *p = &processes[threads[i].process].proc;

		f->threads[i].cpu_ns = cpu_now(&threads[i], &f->threads[i], p);
		if (n_threads <= SWITCHES_THREADS)
			use_switches(&ignored, &f->threads[i], p, threads[i].tid);
	}
	f->status.threads = n_threads;
	return 0;
}

int top_feed_use(struct top_feed *f, int64_t interval_ns)
{
	struct use u = {.f = f, .interval_ns = interval_ns};
	const struct sampler_process *processes;
	const struct sampler_thread *threads;
	uint32_t n_processes, n_threads, i;
	int rc = list(f, &processes, &n_processes, &threads, &n_threads);

	u.switches_known = f->status.threads <= SWITCHES_THREADS;
	for (i = 0; !rc && i < n_processes; i++)
		rc = use_process(&u, i, &processes[i]);
	for (i = 0; !rc && i < n_threads; i++)
		rc = use_thread(&u, &threads[i], &f->threads[i], &processes[threads[i].process],
				u.switches_known);
	if (rc)
		return rc;
	tell(&u);
	top_feed_describe(f); /* it may have become another program */
	return 0;
}

/* The first process that is alive; what is told of the last one stays. */
void top_feed_describe(struct top_feed *f)
{
	const struct sampler_process *rows, *p = NULL;
	struct top_status *s = &f->status;
	uint32_t n_rows = sampler_processes(f->sampler, &rows), k;

	for (k = 0; k < n_rows && !p; k++)
		if (!rows[k].end_ns)
			p = &rows[k];
	if (!p)
		return;
	s->pid = p->proc.pid;
	snprintf(s->name, sizeof(s->name), "%s", p->name);
	shown_command(&p->proc, s->command, sizeof(s->command));
}
