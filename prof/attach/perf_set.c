/* See perf_set.h. */
#include "prof/attach/perf_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "prof/attach/proc.h"
#include "prof/base/clock.h"

/* Threads that are created by threads without events need another look; where all are created by ones that have
 * them, the second look finds no uncovered one. Creators that end at once are what more looks are for. */
#define LOOKS 12

/* An event that first ticks after a whole period of its thread's time on one CPU would never do so for many threads that
 * run little, on many CPUs: all of them together would be missing. So first intervals are random, from this part of
 * a period on. Heirs begin with the interval their creator's event has at that moment: so not for a process's first
 * thread, which mostly creates the others. */
#define EARLIEST 8

void perf_set_init(struct perf_set *s, const struct perf_wish *wish)
{
	memset(s, 0, sizeof *s);
	s->wish = *wish;
	s->random = (uint64_t)clock_mono_ns();
}

static uint64_t place(int tid, uint32_t ring)
{
	return (uint64_t)(uint32_t)tid << 32 | ring;
}

static void close_row(struct perf_set *s, struct perf_event_row *row)
{
	if (row->fd < 0)
		return;
	(void)close(row->fd);
	row->fd = -1;
	s->open--;
}

void perf_set_release(struct perf_set *s)
{
	uint32_t i;

	for (i = 0; i < s->n; i++)
		close_row(s, &s->rows[i]);
	idmap_release(&s->by_stream);
	idmap_release(&s->by_place);
	free(s->rows);
	memset(s, 0, sizeof *s);
}

/* Closes rows from `n` on. Their keys stay in the tables and point at rows that are not there; see row_of(). */
static void cut(struct perf_set *s, uint32_t n)
{
	while (s->n > n)
		close_row(s, &s->rows[--s->n]);
}

static struct perf_event_row *row_at(struct perf_set *s, int tid, uint32_t ring)
{
	uint32_t i = idmap_get(&s->by_place, place(tid, ring));

	if (i >= s->n || s->rows[i].tid != tid || s->rows[i].ring != ring)
		return NULL;
	return &s->rows[i];
}

static struct perf_event_row *row_of(struct perf_set *s, uint64_t stream)
{
	uint32_t i = idmap_get(&s->by_stream, stream);

	return i < s->n && s->rows[i].stream == stream ? &s->rows[i] : NULL;
}

static int grow(struct perf_set *s, struct err *err)
{
	uint32_t cap = s->cap ? 2 * s->cap : 64;
	struct perf_event_row *rows;

	if (s->n < s->cap)
		return 0;
	rows = cap > UINT32_MAX / 4 ? NULL : realloc(s->rows, cap * sizeof *rows);
	if (!rows)
		return err_nomem(err, "perf events");
	s->rows = rows;
	s->cap = cap;
	return 0;
}

static uint64_t first_interval(struct perf_set *s)
{
	uint64_t least = s->wish.period_ns / EARLIEST;

	s->random = hash_u64(s->random + 1);
	return least + s->random % (s->wish.period_ns - least);
}

static int keep(struct perf_set *s, int fd, int tid, uint32_t ring, struct err *err)
{
	struct perf_event_row *row;
	uint64_t stream = 0;

	if (ioctl(fd, PERF_EVENT_IOC_ID, &stream)) {
		(void)close(fd);
		return err_sys(err, ERR_UNSUPPORTED, "cannot ask for a perf event's number");
	}
	if (grow(s, err) || idmap_set(&s->by_stream, stream, s->n) ||
	    idmap_set(&s->by_place, place(tid, ring), s->n)) {
		(void)close(fd);
		return err_nomem(err, "perf events");
	}
	row = &s->rows[s->n++];
	*row = (struct perf_event_row){.stream = stream, .fd = fd, .tid = tid, .ring = ring};
	s->open++;
	return 0;
}

/* 0: opened or nothing to open (the thread ended, the CPU went offline). */
static int add_event(struct perf_set *s, struct perf_event_attr *attr, const struct perf_ring *ring,
		     uint32_t i, int tid, int early, struct err *err)
{
	int fd, e, rc;

	attr->sample_period = early ? first_interval(s) : s->wish.period_ns;
	fd = perf_open_event(attr, tid, (int)ring->cpu);
	if (fd < 0 && (errno == ESRCH || errno == ENODEV))
		return 0;
	if (fd < 0)
		return perf_open_failed(err, tid);
	if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd)) {
		e = errno;
		(void)close(fd);
		errno = e;
		return err_sys(err, ERR_UNSUPPORTED, "cannot join a perf event to its ring");
	}
	rc = keep(s, fd, tid, i, err);
	if (rc == 0)
		s->rows[s->n - 1].early = early;
	return rc;
}

static int add_thread(struct perf_set *s, const struct perf_ring *rings, uint32_t n_rings, int tid,
		      int early, struct err *err)
{
	struct perf_event_attr attr;
	uint32_t i;
	int rc = 0;

	perf_attr_sampler(&attr, &s->wish);
	for (i = 0; i < n_rings && rc == 0; i++) {
		if (rings[i].fd >= 0)
			rc = add_event(s, &attr, &rings[i], i, tid, early, err);
	}
	return rc;
}

static int is_known(struct perf_set *s, uint32_t n_rings, int tid)
{
	uint32_t i;

	for (i = 0; i < n_rings; i++) {
		if (row_at(s, tid, i))
			return 1;
	}
	return 0;
}

/* One look at the list of threads: how many were new, or negative. */
static int look(struct perf_set *s, const struct perf_ring *rings, uint32_t n_rings,
		const struct proc *p, struct err *err)
{
	int *tids = NULL, rc, fresh = 0;
	uint32_t n = 0, cap = 0, i;

	rc = proc_tasks(p, &tids, &n, &cap);
	for (i = 0; i < n && rc == 0; i++) {
		if (is_known(s, n_rings, tids[i]))
			continue;
		rc = add_thread(s, rings, n_rings, tids[i], tids[i] != p->pid, err);
		fresh++;
	}
	free(tids);
	return rc ? rc : fresh;
}

int perf_set_add(struct perf_set *s, const struct perf_ring *rings, uint32_t n_rings, int pid,
		 struct err *err)
{
	uint32_t before = s->n;
	struct proc p;
	int looks, rc;

	rc = proc_open(&p, pid, err);
	if (rc)
		return rc;
	for (looks = 0, rc = 1; looks < LOOKS && rc > 0; looks++)
		rc = look(s, rings, n_rings, &p, err);
	proc_close(&p);
	if (rc >= 0 && s->n == before && !is_known(s, n_rings, pid))
		rc = err_set(err, ERR_NOTFOUND, "process %d ended", pid);
	if (rc < 0)
		cut(s, before);
	return rc < 0 ? rc : 0;
}

void perf_set_enable(struct perf_set *s, uint32_t first)
{
	uint32_t i;

	for (i = first; i < s->n; i++) {
		if (s->rows[i].fd >= 0)
			(void)ioctl(s->rows[i].fd, PERF_EVENT_IOC_ENABLE, 0);
	}
}

void perf_set_disable(struct perf_set *s)
{
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		if (s->rows[i].fd >= 0)
			(void)ioctl(s->rows[i].fd, PERF_EVENT_IOC_DISABLE, 0);
	}
}

static void settle(const struct perf_set *s, struct perf_event_row *row)
{
	uint64_t period = s->wish.period_ns;

	if (row->early && row->fd >= 0)
		(void)ioctl(row->fd, PERF_EVENT_IOC_PERIOD, &period);
	row->early = 0;
}

enum perf_seen perf_set_seen(struct perf_set *s, int tid, uint32_t ring, uint64_t event,
			     uint64_t stream)
{
	struct perf_event_row *row = row_of(s, stream), *from;

	if (row) {
		settle(s, row);
		return row->fd >= 0 ? PERF_SEEN_GOOD : PERF_SEEN_DOUBLE;
	}
	from = row_of(s, event);
	row = row_at(s, tid, ring);
	/* After an exec a thread may have its creator's number: then the event found is the one inherited from. */
	if (!from || !row || row == from || row->fd < 0)
		return PERF_SEEN_GOOD;
	close_row(s, row);
	return PERF_SEEN_FIRST;
}

void perf_set_exit(struct perf_set *s, uint32_t n_rings, int tid)
{
	struct perf_event_row *row;
	uint32_t i;

	for (i = 0; i < n_rings; i++) {
		row = row_at(s, tid, i);
		if (row)
			row->tid = 0;
	}
}
