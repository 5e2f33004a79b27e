/* A source's life: rings, one generation of events, another one when the copies of stacks must change. What the kernel
 * is asked is perf_attr.c, which events there are perf_set.c, one ring perf_ring.c; reading is perf_read.c. */
#include "prof/attach/perf_source.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "prof/attach/perf_records.h"
#include "prof/base/clock.h"

#define RING_LEAST                                                                                 \
	((uint64_t)512 << 10) /* kernel.perf_event_mlock_kb gives each CPU this without privilege */
#define RING_MOST  ((uint64_t)4 << 20)
#define RINGS_MOST ((uint64_t)64 << 20) /* all together, where that leaves RING_LEAST to each */
#define COPY       20480                /* bytes of a sample, for estimates */
#define LATE       20                   /* rings must hold what comes in such a part of a second */
#define CPUS_NS    INT64_C(1000000000)  /* between looks for CPUs that came online */
#define PERIOD_MIN 10000                /* ns, the kernel's own lower bound */

static struct perf_wish wish_of(const struct perf_source *s)
{
	struct perf_wish w = {
		.can = s->can,
		.period_ns = s->weights.period_ns,
		.stack_bytes = s->o.stack_bytes ? s->o.stack_bytes : s->adapt.bytes,
		.inherit = 1,
		.children = s->o.children,
		.switches = s->o.switches,
		.on_exec = s->o.on_exec,
	};

	if (w.stack_bytes > PERF_STACK_MAX)
		w.stack_bytes = PERF_STACK_MAX;
	return w;
}

static uint64_t rate_of(const struct perf_source *s)
{
	return 1000000000u / s->weights.period_ns + 1;
}

/* A second's worth, so that a reader that has to wait for a CPU loses nothing. */
static uint64_t ring_bytes(const struct perf_source *s)
{
	uint64_t copy = s->o.stack_bytes ? s->o.stack_bytes + 512 : COPY;
	uint64_t bytes = RING_LEAST;

	while (s->can.kernel && bytes < rate_of(s) * copy && bytes < RING_MOST &&
	       2 * bytes * s->n_rings <= RINGS_MOST)
		bytes *= 2;
	return bytes;
}

static int watch(struct perf_source *s, const struct perf_ring *r, struct err *err)
{
	struct epoll_event ev = {.events = EPOLLIN};

	ev.data.u32 = r->cpu;
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, r->fd, &ev))
		return err_sys(err, ERR_IO, "cannot wait for perf's rings");
	return 0;
}

static int make_rings(struct perf_source *s, struct err *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint32_t i;

	s->n_rings = cpus < 1 ? 1 : (uint32_t)cpus;
	s->rings = calloc(s->n_rings, sizeof *s->rings);
	s->times = calloc(s->n_rings, sizeof *s->times);
	s->counted = calloc(s->n_rings, sizeof *s->counted);
	if (!s->rings || !s->times || !s->counted)
		return err_nomem(err, "perf's rings");
	for (i = 0; i < s->n_rings; i++)
		s->rings[i].fd = -1;
	return 0;
}

static void close_rings(struct perf_source *s)
{
	uint32_t i;

	for (i = 0; s->rings && i < s->n_rings; i++)
		perf_ring_close(&s->rings[i]);
}

/* One ring for each CPU that is online, all of a size: less than `*bytes` where that cannot be had. 1: try again. */
static int open_rings(struct perf_source *s, uint64_t *bytes, struct err *err)
{
	uint32_t cpu, have = 0;
	int rc;

	for (cpu = 0; cpu < s->n_rings; cpu++) {
		rc = perf_ring_open(&s->rings[cpu], cpu, (size_t)*bytes, err);
		if (rc == ERR_NOTFOUND)
			continue;
		if (rc == 0)
			rc = watch(s, &s->rings[cpu], err);
		if (rc)
			return rc;
		have++;
		if (s->rings[cpu].bytes < *bytes) {
			*bytes = s->rings[cpu].bytes;
			close_rings(s);
			return 1;
		}
	}
	s->n_offline = s->n_rings - have;
	return have ? 0 : err_set(err, ERR_UNSUPPORTED, "perf finds no CPU online");
}

static int make(struct perf_source *s, struct err *err)
{
	struct perf_wish w = wish_of(s);
	uint64_t bytes;
	int rc = perf_attr_probe(&s->can, &w, err);

	if (rc)
		return rc;
	s->scratch = malloc(PERF_RECORD_MAX);
	if (!s->scratch)
		return err_nomem(err, "perf events");
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		return err_sys(err, ERR_LIMIT, "cannot wait for perf's rings");
	rc = make_rings(s, err);
	bytes = rc ? 0 : ring_bytes(s);
	while (rc == 0 && (rc = open_rings(s, &bytes, err)) == 1)
		rc = 0;
	if (rc)
		return rc;
	perf_adapt_init(&s->adapt, bytes / (rate_of(s) / LATE + 1));
	perf_weights_init(&s->weights, s->n_rings, s->weights.period_ns, clock_mono_ns(),
			  perf_thread_stale_ns());
	w = wish_of(s);
	perf_set_init(&s->set, &w);
	return 0;
}

int perf_source_new(struct perf_source **out, const struct perf_options *o, struct err *err)
{
	struct perf_source *s = calloc(1, sizeof *s);
	uint64_t period = o->rate_hz ? 1000000000u / o->rate_hz : 1000000000u;
	int rc;

	*out = NULL;
	if (!s)
		return err_nomem(err, "perf events");
	s->o = *o;
	s->epoll = -1;
	s->weights.period_ns = period < PERIOD_MIN ? PERIOD_MIN : period;
	perf_adapt_init(&s->adapt, 0);
	rc = make(s, err);
	if (rc) {
		perf_source_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void perf_source_free(struct perf_source *s)
{
	uint32_t i;

	if (!s)
		return;
	perf_set_release(&s->set);
	close_rings(s);
	if (s->epoll >= 0)
		(void)close(s->epoll);
	perf_weights_release(&s->weights);
	free(s->rings);
	free(s->pids);
	for (i = 0; s->counted && i < s->n_rings; i++)
		perf_counted_release(&s->counted[i]);
	free(s->counted);
	free(s->times);
	free(s->scratch);
	free(s);
}

int perf_source_fd(const struct perf_source *s)
{
	return s->epoll;
}

static int is_gone(int pid)
{
	return kill(pid, 0) && errno == ESRCH;
}

static void forget_pid(struct perf_source *s, int pid)
{
	uint32_t i;

	for (i = 0; i < s->n_pids; i++) {
		if (s->pids[i] == pid) {
			s->pids[i] = s->pids[--s->n_pids];
			return;
		}
	}
}

int perf_source_note(struct perf_source *s, int pid)
{
	uint32_t cap, i;
	int *pids;

	forget_pid(s, pid);
	for (i = s->n_pids; s->n_pids == s->cap_pids && i-- > 0;) {
		if (is_gone(s->pids[i]))
			s->pids[i] = s->pids[--s->n_pids];
	}
	if (s->n_pids == s->cap_pids) {
		cap = s->cap_pids ? 2 * s->cap_pids : 16;
		pids = realloc(s->pids, cap * sizeof *pids);
		if (!pids)
			return ERR_NOMEM;
		s->pids = pids;
		s->cap_pids = cap;
	}
	s->pids[s->n_pids++] = pid;
	return 0;
}

void perf_source_leader_ended(struct perf_source *s, int pid)
{
	if (is_gone(pid)) /* else other threads live on, or nobody has waited for it yet */
		forget_pid(s, pid);
}

int perf_source_add(struct perf_source *s, int pid, struct err *err)
{
	uint32_t first = s->set.n, i;
	const struct perf_event_row *row;
	int rc = perf_source_note(s, pid);

	if (rc)
		return err_nomem(err, "perf events");
	rc = perf_set_add(&s->set, s->rings, s->n_rings, pid, err);
	if (rc) {
		forget_pid(s, pid);
		return rc;
	}
	for (i = first; i < s->set.n; i++) {
		row = &s->set.rows[i];
		if (i == first || row->tid != row[-1].tid)
			perf_weights_meet(&s->weights, pid, row->tid,
					  perf_thread_schedstat(pid, row->tid));
	}
	if (!s->o.on_exec)
		perf_set_enable(&s->set, first);
	return 0;
}

/* New events for all beside the old ones, then the change from one to the other. Fails without harm: the old ones
 * stay. */
static int renew(struct perf_source *s)
{
	struct perf_wish w = wish_of(s);
	struct perf_set fresh;
	uint32_t i;
	int rc = 0;

	w.on_exec = 0;
	perf_set_init(&fresh, &w);
	for (i = 0; i < s->n_pids && rc == 0; i++) {
		rc = perf_set_add(&fresh, s->rings, s->n_rings, s->pids[i], NULL);
		if (rc == ERR_NOTFOUND)
			rc = 0;
	}
	if (rc) {
		perf_set_release(&fresh);
		return rc;
	}
	perf_set_enable(&fresh, 0);
	perf_set_release(&s->set);
	s->set = fresh;
	return 0;
}

void perf_source_no_switches(struct perf_source *s)
{
	if (!s->o.switches)
		return;
	s->o.switches = 0;
	(void)renew(
		s); /* else the old ones go on; whoever asked takes no notice of what they tell */
}

static void adapt(struct perf_source *s)
{
	uint32_t bytes = s->o.stack_bytes ? 0 : perf_adapt_next(&s->adapt);
	uint32_t before = s->adapt.bytes;

	if (!bytes)
		return;
	perf_adapt_set(&s->adapt, bytes);
	if (renew(s)) { /* too few descriptors, most likely: that does not change */
		s->adapt.bytes = before;
		s->adapt.frozen = 1;
	}
}

/* CPUs that came online get rings, and all threads events for them. */
static void meet_cpus(struct perf_source *s, int64_t now)
{
	uint32_t i, fresh = 0;

	if (s->n_offline == 0 || now < s->cpus_due)
		return;
	s->cpus_due = now + CPUS_NS;
	for (i = 0; i < s->n_rings; i++) {
		if (s->rings[i].fd >= 0 ||
		    perf_ring_open(&s->rings[i], i, (size_t)ring_bytes(s), NULL))
			continue;
		(void)watch(s, &s->rings[i], NULL); /* without, it is read a bit later */
		s->n_offline--;
		fresh++;
	}
	if (fresh)
		(void)renew(s);
}

void perf_source_adapt(struct perf_source *s, int64_t now)
{
	if (s->stopped)
		return;
	adapt(s);
	meet_cpus(s, now);
}

void perf_source_tell(struct perf_source *s, int complete, size_t used)
{
	perf_adapt_tell(&s->adapt, complete, used);
}

void perf_source_stop(struct perf_source *s)
{
	perf_set_disable(&s->set);
	s->stopped = 1;
}

void perf_source_facts(const struct perf_source *s, struct perf_facts *f)
{
	*f = s->facts;
	f->events = s->set.open;
	f->stack_bytes = s->set.wish.stack_bytes;
	f->switches = s->o.switches;
}
