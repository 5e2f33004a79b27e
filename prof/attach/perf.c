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
	((size_t)512 << 10) /* kernel.perf_event_mlock_kb gives each CPU this without privilege */
#define RING_MOST  ((size_t)4 << 20)
#define RING_SLACK 4                   /* holds what comes in this part of a second */
#define CPUS_NS    INT64_C(1000000000) /* between looks for CPUs that came online */
#define PERIOD_MIN 10000               /* ns, the kernel's own lower bound */

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

static size_t ring_bytes(const struct perf_wish *w)
{
	uint64_t rate = 1000000000u / w->period_ns + 1;
	uint64_t need = rate * (w->stack_bytes + 512) / RING_SLACK;
	size_t bytes = RING_LEAST;

	while (bytes < need && bytes < RING_MOST)
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

/* One ring for each CPU that can be had; one that is offline gets none. */
static int open_rings(struct perf_source *s, struct err *err)
{
	struct perf_wish w = wish_of(s);
	size_t bytes = ring_bytes(&w);
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint32_t cpu, have = 0;
	int rc = 0;

	s->n_rings = cpus < 1 ? 1 : (uint32_t)cpus;
	s->rings = calloc(s->n_rings, sizeof *s->rings);
	s->times = calloc(s->n_rings, sizeof *s->times);
	s->counted = calloc(s->n_rings, sizeof *s->counted);
	if (!s->rings || !s->times || !s->counted)
		return err_nomem(err, "perf's rings");
	for (cpu = 0; cpu < s->n_rings; cpu++)
		s->rings[cpu].fd = -1;
	for (cpu = 0; cpu < s->n_rings; cpu++) {
		rc = perf_ring_open(&s->rings[cpu], cpu, bytes, err);
		if (rc == ERR_NOTFOUND)
			continue;
		if (rc == 0)
			rc = watch(s, &s->rings[cpu], err);
		if (rc)
			return rc;
		bytes = (size_t)s->rings[cpu].bytes; /* the limit holds for the next one, too */
		have++;
	}
	s->n_offline = s->n_rings - have;
	return have ? 0 : err_set(err, ERR_UNSUPPORTED, "perf finds no CPU online");
}

int perf_source_new(struct perf_source **out, const struct perf_options *o, struct err *err)
{
	struct perf_source *s = calloc(1, sizeof *s);
	uint64_t period = o->rate_hz ? 1000000000u / o->rate_hz : 1000000000u;
	struct perf_wish w;
	int rc;

	*out = NULL;
	if (!s)
		return err_nomem(err, "perf events");
	s->o = *o;
	s->epoll = -1;
	perf_adapt_init(&s->adapt);
	s->weights.period_ns = period < PERIOD_MIN ? PERIOD_MIN : period;
	w = wish_of(s);
	rc = perf_attr_probe(&s->can, &w, err);
	if (rc == 0 && !(s->scratch = malloc(PERF_RECORD_MAX)))
		rc = err_nomem(err, "perf events");
	if (rc == 0 && (s->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		rc = err_sys(err, ERR_LIMIT, "cannot wait for perf's rings");
	if (rc == 0)
		rc = open_rings(s, err);
	if (rc) {
		perf_source_free(s);
		return rc;
	}
	perf_weights_init(&s->weights, s->n_rings, s->weights.period_ns, clock_mono_ns());
	w = wish_of(s);
	perf_set_init(&s->set, &w);
	*out = s;
	return 0;
}

void perf_source_free(struct perf_source *s)
{
	uint32_t i;

	if (!s)
		return;
	perf_set_release(&s->set);
	for (i = 0; s->rings && i < s->n_rings; i++)
		perf_ring_close(&s->rings[i]);
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
	struct perf_wish w = wish_of(s);
	uint32_t i, fresh = 0;

	if (s->n_offline == 0 || now < s->cpus_due)
		return;
	s->cpus_due = now + CPUS_NS;
	for (i = 0; i < s->n_rings; i++) {
		if (s->rings[i].fd >= 0 || perf_ring_open(&s->rings[i], i, ring_bytes(&w), NULL))
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
