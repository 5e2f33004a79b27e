/* The sampler's loop: waits for rings, ends of processes, the next look; see sampler.h. What is done then is in the
 * other parts (sampler_internal.h). */
#include "prof/attach/sampler_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "prof/attach/rights.h"
#include "prof/base/clock.h"

#define RATE_DEFAULT 199u
#define RATE_MAX     10000u
#define DRAIN_NS     (20 * NS_PER_MS) /* rings that are not full yet; what they tell is not older */
#define FIRST_NS                                                                                   \
	(4 * NS_PER_MS)     /* until the first sample came, for a second: someone waits for it */
#define FILES_KEPT    64u   /* descriptors left for others */
#define BRIEF_THREADS 50u   /* that ended: worth a word, if they took most of the time */
#define HURRY         (-10) /* nice: the weight of nine threads that are not */

/* ---- made and ended ------------------------------------------------------------------------------- */

static uint32_t files_allowed(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / 4 < FILES_KEPT)
		return 0;
	return limit.rlim_cur / 4 < OPEN_FILES ? (uint32_t)(limit.rlim_cur / 4) : OPEN_FILES;
}

/* Among many threads that want to run, ours would come late and rings would run full. So a round goes first
 * where that is permitted and the user has not asked for the contrary, and so does what comes before the first one;
 * nobody inherits it. What is done between rounds (names, the store) does not. */
static void hurry(struct sampler *s, int on)
{
	struct sched_param p = {0};

	if (!s->asked_hurry) {
		s->asked_hurry = 1;
		s->may_hurry = getpriority(PRIO_PROCESS, 0) == 0 &&
			       sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p) == 0;
	}
	if (!s->may_hurry)
		return;
	if (on)
		s->may_hurry = setpriority(PRIO_PROCESS, 0, HURRY) == 0;
	else if (getpriority(PRIO_PROCESS, 0) == HURRY)
		(void)setpriority(PRIO_PROCESS, 0, 0);
	else /* someone gave us another one meanwhile */
		s->may_hurry = 0;
}

static void set_defaults(struct sampler *s)
{
	int64_t now = clock_mono_ns();

	if (s->o.rate_hz == 0)
		s->o.rate_hz = RATE_DEFAULT;
	if (s->o.rate_hz > RATE_MAX)
		s->o.rate_hz = RATE_MAX;
	s->interval_ns = NS_PER_S / s->o.rate_hz;
	s->start_ns = s->tokens_ns = now;
	s->look_due = s->drain_due = s->house_due = s->children_due = now;
	s->own_base_ns = clock_process_cpu_ns();
	s->random = hash_u64((uint64_t)now);
	s->max_open_files = files_allowed();
	s->hot_tokens = s->cold_tokens = s->fresh_tokens = s->stop_tokens = SAMPLER_TOKENS;
}

int sampler_new(struct sampler **out, const struct sampler_options *o, struct err *err)
{
	struct sampler *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return err_nomem(err, "a sampler");
	hurry(s, 1);
	s->o = *o;
	s->epoll = -1;
	if (o->cache_dir && !(s->cache_dir = strdup(o->cache_dir)))
		goto no_memory;
	s->o.cache_dir = s->cache_dir;
	s->modules = module_set_new(s->cache_dir);
	if (!s->modules)
		goto no_memory;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0) {
		err_sys(err, ERR_IO, "cannot wait for processes");
		sampler_free(s);
		return ERR_IO;
	}
	set_defaults(s);
	*out = s;
	return 0;
no_memory:
	sampler_free(s);
	return err_nomem(err, "a sampler");
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	perf_source_free(s->perf);
	poll_engine_release(s);
	rows_release(s);
	module_set_free(s->modules);
	if (s->epoll >= 0)
		(void)close(s->epoll);
	free(s->tids);
	free(s->cache_dir);
	hurry(s, 0);
	free(s);
}

void sampler_add_note(struct sampler *s, const char *text)
{
	size_t len = strlen(s->note);

	if (strstr(s->note, text))
		return;
	if (len > 0 && len + 2 < sizeof s->note) {
		memcpy(s->note + len, "; ", 3);
		len += 2;
	}
	snprintf(s->note + len, sizeof s->note - len, "%s", text);
}

/* ---- processes ------------------------------------------------------------------------------------ */

void sampler_watch(struct sampler *s, struct live_process *p)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};

	if (p->proc.pidfd >= 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, p->proc.pidfd, &e)) {
		(void)close(p->proc.pidfd); /* asked for by /proc instead */
		p->proc.pidfd = -1;
		s->process_rows[p->row].proc.pidfd = -1;
	}
}

/* perf, or polling where that is not permitted, and then says why. */
static int choose_engine(struct sampler *s, struct live_process *p, int before_exec,
			 struct err *err)
{
	struct err why = ERR_INIT;
	int rc = ERR_UNSUPPORTED;

	if (s->o.engine != SAMPLER_POLL)
		rc = perf_engine_add(s, p, before_exec, &why);
	if (rc == 0) {
		s->any_perf = 1;
		return 0;
	}
	if (s->o.engine == SAMPLER_PERF || rc == ERR_NOMEM || rc == ERR_NOTFOUND) {
		if (rc == ERR_NOMEM)
			return err_nomem(err, "perf events");
		if (err)
			*err = why;
		return rc;
	}
	if (s->o.engine == SAMPLER_AUTO)
		sampler_add_note(s, why.text);
	p->polled = 1;
	s->any_polled = 1;
	return poll_engine_start(s, err);
}

static int refuse(const struct live_process *p, enum right right, struct err *err)
{
	struct rights r;

	rights_look(&r, &p->proc);
	return rights_refuse(&r, right, &p->proc, err);
}

static int prepare(struct sampler *s, struct live_process *p, int before_exec, struct err *err)
{
	int64_t now = clock_mono_ns();
	int rc = attach_space_refresh(p->space, 0, err);

	if (rc == ERR_DENIED)
		return refuse(p, RIGHT_READ, err);
	if (rc)
		return rc;
	p->stale = 0;
	p->fresh_ns = now;
	p->before_exec = before_exec != 0;
	rc = choose_engine(s, p, before_exec, err);
	if (rc == ERR_DENIED)
		return refuse(p, RIGHT_PERF, err);
	if (rc)
		return rc;
	sampler_watch(s, p);
	now = rows_begin(s, p);
	rc = tasks_list(s, p, now);
	if (rc == ERR_NOMEM)
		return err_nomem(err, "the threads of a process");
	return rc ? err_set(err, rc, "process %d has ended", p->proc.pid) : 0;
}

static int add(struct sampler *s, int pid, int before_exec, struct err *err)
{
	int64_t now = clock_mono_ns();
	struct live_process *p = rows_process(s, pid);
	struct proc proc;
	int rc;

	if (p) { /* a child of one that was added before */
		s->process_rows[p->row].added = 1;
		return 0;
	}
	rc = proc_open(&proc, pid, err);
	if (rc)
		return rc;
	p = rows_meet_process(s, &proc, 0, 1, now, now);
	if (!p) {
		proc_close(&proc);
		return err_nomem(err, "a process");
	}
	rc = prepare(s, p, before_exec, err);
	if (rc)
		rows_drop_process(s, p);
	else
		s->adopts |= !before_exec;
	return rc;
}

int sampler_add(struct sampler *s, int pid, struct err *err)
{
	return add(s, pid, 0, err);
}

int sampler_add_before_exec(struct sampler *s, int pid, struct err *err)
{
	return add(s, pid, 1, err);
}

/* ---- rounds --------------------------------------------------------------------------------------- */

static uint64_t next_random(struct sampler *s)
{
	s->random += UINT64_C(0x9e3779b97f4a7c15); /* hash_u64 of a counter: every state once */
	return hash_u64(s->random);
}

static int looks(const struct sampler *s)
{
	return s->any_polled || s->o.wall;
}

static int64_t next_due(const struct sampler *s)
{
	int64_t due = s->house_due;

	if (s->perf && s->drain_due < due)
		due = s->drain_due;
	if (looks(s) && s->look_due < due)
		due = s->look_due;
	return due;
}

/* Which of our descriptors have something; a process that ended is marked. */
static void take_events(struct sampler *s)
{
	struct epoll_event events[32];
	int n = epoll_wait(s->epoll, events, 32, 0);

	for (int i = 0; i < n; i++) {
		struct live_process *p = events[i].data.ptr;

		if (events[i].data.ptr == s) {
			s->drain_due = 0;
			continue;
		}
		p->ended = 1;
		s->drain_due = s->house_due = 0; /* its last records, and its row */
	}
}

/* Until something is due; not longer than `timeout_ms`. */
static void wait_for_work(struct sampler *s, int timeout_ms, int wake_fd)
{
	int64_t now = clock_mono_ns(), until = next_due(s), limit = now + timeout_ms * NS_PER_MS;
	struct pollfd fds[2] = {{.fd = s->epoll, .events = POLLIN},
				{.fd = wake_fd, .events = POLLIN}};
	struct timespec ts;
	int64_t left;

	if (timeout_ms >= 0 && limit < until)
		until = limit;
	left = until > now ? until - now : 0;
	ts.tv_sec = left / NS_PER_S;
	ts.tv_nsec = left % NS_PER_S;
	if (ppoll(fds, wake_fd >= 0 ? 2 : 1, &ts, NULL) > 0 && fds[0].revents)
		take_events(s);
}

/* Jittered; looks that were missed are counted and left out. */
static void look(struct sampler *s, int64_t now)
{
	int64_t late = now - s->look_due;

	if (late > s->interval_ns && s->n_live > 0)
		s->loss[SAMPLER_LATE] += (uint64_t)(late / s->interval_ns);
	poll_look(s, now);
	s->look_due =
		now + s->interval_ns / 2 + (int64_t)(next_random(s) % (uint64_t)s->interval_ns);
}

static void drain(struct sampler *s, int64_t now)
{
	perf_engine_drain(s);
	s->drain_due = now + (s->delivered || now > s->start_ns + NS_PER_S ? DRAIN_NS : FIRST_NS);
}

static int one_round(struct sampler *s, int timeout_ms, int wake_fd, sampler_take *take, void *ctx)
{
	int looking;
	int64_t now;

	s->take = take;
	s->take_ctx = ctx;
	s->rc = 0;
	if (s->n_processes > 0)
		wait_for_work(s, timeout_ms, wake_fd);
	now = clock_mono_ns();
	looking = looks(s) && now >= s->look_due;
	if (s->perf && (now >= s->drain_due || (looking && s->switching)))
		drain(s, now);
	if (looking)
		look(s, now);
	tasks_house(s, now);
	return s->rc ? s->rc : s->n_processes == 0;
}

int sampler_round(struct sampler *s, int timeout_ms, int wake_fd, sampler_take *take, void *ctx)
{
	int rc;

	hurry(s, 1);
	rc = one_round(s, timeout_ms, wake_fd, take, ctx);
	hurry(s, 0);
	return rc;
}

/* Threads that end before a first sample or look leave their time without stacks. */
static void note_brief_threads(struct sampler *s)
{
	int64_t cpu = 0, sampled = 0;
	uint32_t ended = 0;

	for (uint32_t i = 0; i < s->n_process_rows; i++)
		cpu += s->process_rows[i].cpu_ns - s->process_rows[i].base_cpu_ns;
	for (uint32_t i = 0; i < s->n_thread_rows; i++) {
		sampled += s->thread_rows[i].sampled_ns;
		ended += s->thread_rows[i].end_ns != 0;
	}
	if (ended >= BRIEF_THREADS && sampled < cpu / 2)
		sampler_add_note(
			s, "most CPU time was used by threads or processes that ended before they "
			   "were sampled: a higher rate sees more of them");
}

int sampler_finish(struct sampler *s, sampler_take *take, void *ctx)
{
	int64_t now;

	s->take = take;
	s->take_ctx = ctx;
	s->rc = 0;
	if (s->perf) {
		perf_source_stop(s->perf);
		perf_engine_drain(s);
	}
	now = clock_mono_ns();
	poll_last_look(s, now);
	for (uint32_t i = s->n_processes; i-- > 0;)
		tasks_renew_process(s, s->processes[i]);
	note_brief_threads(s);
	return s->rc;
}

/* ---- what is known -------------------------------------------------------------------------------- */

uint32_t sampler_processes(const struct sampler *s, const struct sampler_process **rows)
{
	*rows = s->process_rows;
	return s->n_process_rows;
}

uint32_t sampler_threads(const struct sampler *s, const struct sampler_thread **rows)
{
	*rows = s->thread_rows;
	return s->n_thread_rows;
}

struct module_set *sampler_modules(struct sampler *s)
{
	return s->modules;
}

uint64_t sampler_loss(const struct sampler *s, enum sampler_loss loss)
{
	return loss < SAMPLER_LOSSES ? s->loss[loss] : 0;
}

void sampler_pauses(const struct sampler *s, struct pause_stats *stats)
{
	memset(stats, 0, sizeof *stats);
	if (s->stopper)
		stopper_stats(s->stopper, stats);
}

const char *sampler_engine_name(const struct sampler *s)
{
	return s->any_perf ? "perf" : "poll";
}

const char *sampler_note(const struct sampler *s)
{
	return s->note;
}

int64_t sampler_own_cpu_ns(const struct sampler *s)
{
	return clock_process_cpu_ns() - s->own_base_ns;
}
