/* See perf_set.h. */
#include "prof/attach/perf_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "prof/attach/proc.h"
#include "prof/base/clock.h"

/* Threads that are created by threads without events need another look; where all are created by ones that have
 * them, the second look finds no uncovered one. Creators that end at once are what more looks are for. */
#define LOOKS 12

/* An event that first ticks after a whole period of its thread's time on one CPU would never do so for many threads that
 * run little, on many CPUs: all of them together would be missing. So a second event ticks at a random moment of the
 * first period, from this part of it on. It is closed once that was seen; what it ticked more until then is left out.
 * It is an event of its own, because heirs keep for ever the interval their creator's event was opened with. (One tick
 * and no more is PERF_EVENT_IOC_REFRESH, which hangs Linux 6.16 and 6.17 with a clock's events.) */
#define EARLIEST   8
#define EARLY_FROM 500000 /* ns, a period: shorter ones do without */
#define EARLY_PART 4      /* of all descriptors: as many events open, and no early ones are added */

void perf_set_init(struct perf_set *s, const struct perf_wish *wish)
{
	struct rlimit files;

	memset(s, 0, sizeof *s);
	s->wish = *wish;
	s->random = (uint64_t)clock_mono_ns();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		s->most = files.rlim_max / EARLY_PART;
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

/* Takes the descriptor, also when it fails. */
static int keep(struct perf_set *s, int fd, int tid, uint32_t ring, int early, struct err *err)
{
	struct perf_event_row *row;
	uint64_t stream = 0;

	if (ioctl(fd, PERF_EVENT_IOC_ID, &stream)) {
		(void)close(fd);
		return err_sys(err, ERR_UNSUPPORTED, "cannot ask for a perf event's number");
	}
	if (grow(s, err) || idmap_set(&s->by_stream, stream, s->n) ||
	    (!early && idmap_set(&s->by_place, place(tid, ring), s->n))) {
		(void)close(fd);
		return err_nomem(err, "perf events");
	}
	row = &s->rows[s->n++];
	*row = (struct perf_event_row){
		.stream = stream, .fd = fd, .tid = tid, .ring = ring, .early = early};
	s->open++;
	return 0;
}

/* A descriptor that writes to the ring; -1 and errno. */
static int open_into(const struct perf_event_attr *attr, const struct perf_ring *ring, int tid)
{
	int fd = perf_open_event(attr, tid, (int)ring->cpu), e;

	if (fd >= 0 && ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd)) {
		e = errno;
		(void)close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

/* 0: opened or nothing to open (the thread ended, the CPU went offline). */
static int add_event(struct perf_set *s, const struct perf_ring *ring, uint32_t i, int tid,
		     struct err *err)
{
	struct perf_event_attr attr;
	int fd;

	perf_attr_sampler(&attr, &s->wish);
	fd = open_into(&attr, ring, tid);
	if (fd < 0 && (errno == ESRCH || errno == ENODEV))
		return 0;
	return fd < 0 ? perf_open_failed(err, tid) : keep(s, fd, tid, i, 0, err);
}

/* Beside the row added last. Without it a thread's first tick on that CPU comes later, no more. */
static void add_early(struct perf_set *s, const struct perf_ring *ring, uint32_t i, int tid)
{
	struct perf_event_attr attr;
	int fd;

	if (s->wish.on_exec || s->wish.period_ns < EARLY_FROM || s->open >= s->most)
		return;
	perf_attr_early(&attr, &s->wish, first_interval(s));
	fd = open_into(&attr, ring, tid);
	if (fd >= 0)
		(void)keep(s, fd, tid, i, 1, NULL);
}

static int add_thread(struct perf_set *s, const struct perf_ring *rings, uint32_t n_rings, int tid,
		      struct err *err)
{
	uint32_t i, before;
	int rc = 0;

	for (i = 0; i < n_rings && rc == 0; i++) {
		before = s->n;
		if (rings[i].fd >= 0)
			rc = add_event(s, &rings[i], i, tid, err);
		if (rc == 0 && s->n > before)
			add_early(s, &rings[i], i, tid);
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
	if (rc == ERR_NOMEM)
		err_nomem(err, "the threads of a process");
	else if (rc)
		rc = err_set(err, ERR_NOTFOUND, "process %d ended", p->pid);
	for (i = 0; i < n && rc == 0; i++) {
		if (is_known(s, n_rings, tids[i]))
			continue;
		rc = add_thread(s, rings, n_rings, tids[i], err);
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

/* The early event beside a row has no more to tell. */
static void end_early(struct perf_set *s, struct perf_event_row *row)
{
	if (row + 1 < s->rows + s->n && row[1].early)
		close_row(s, row + 1);
}

static enum perf_seen seen_early(struct perf_set *s, struct perf_event_row *early)
{
	struct perf_event_row *row = early - 1;

	if (early->fd < 0)
		return PERF_SEEN_DOUBLE;
	close_row(s, early);
	row->late = 1;
	return PERF_SEEN_GOOD;
}

static enum perf_seen seen_own(struct perf_set *s, struct perf_event_row *row)
{
	int late = row->late;

	if (row->fd < 0)
		return PERF_SEEN_DOUBLE;
	end_early(s, row);
	row->late = 0;
	return late ? PERF_SEEN_FIRST : PERF_SEEN_GOOD;
}

enum perf_seen perf_set_seen(struct perf_set *s, int tid, uint32_t ring, uint64_t event,
			     uint64_t stream)
{
	struct perf_event_row *row = row_of(s, stream), *from;

	if (row)
		return row->early ? seen_early(s, row) : seen_own(s, row);
	from = row_of(s, event);
	row = row_at(s, tid, ring);
	/* After an exec a thread may have its creator's number: then the event found is the one inherited from. */
	if (!from || !row || row == from || row->fd < 0)
		return PERF_SEEN_GOOD;
	end_early(s, row);
	close_row(s, row);
	return PERF_SEEN_FIRST;
}

void perf_set_exit(struct perf_set *s, uint32_t n_rings, int tid)
{
	struct perf_event_row *row;
	uint32_t i;

	for (i = 0; i < n_rings; i++) {
		row = row_at(s, tid, i);
		if (!row)
			continue;
		end_early(s, row);
		row->tid = 0;
	}
}
