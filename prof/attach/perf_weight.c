/* See perf_weight.h. A chained table by tid whose rows are used again: threads come and go for days. */
#include "prof/attach/perf_weight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "prof/attach/proc.h"
#include "prof/base/hash.h"

#define READ_AFTER 32                  /* periods; 160 ms of CPU time at 199 Hz */
#define READ_NS    INT64_C(1000000000) /* or so long, if there is a sample */
#define LATE       3 /* periods in one sample: it was held up, perhaps by a hypervisor */

void perf_weights_init(struct perf_weights *w, uint32_t n_rings, uint64_t period_ns, int64_t now_ns,
		       int64_t stale_ns)
{
	memset(w, 0, sizeof *w);
	w->stale_ns = stale_ns;
	w->n_rings = n_rings;
	w->period_ns = period_ns;
	w->begin_ns = now_ns;
}

void perf_weights_release(struct perf_weights *w)
{
	uint32_t i;

	for (i = 0; i < w->n; i++)
		free(w->rows[i].counts);
	free(w->rows);
	free(w->touched);
	free(w->chains);
	memset(w, 0, sizeof *w);
}

static uint32_t *chain_of(struct perf_weights *w, int tid)
{
	return &w->chains[hash_u64((uint32_t)tid) & w->mask];
}

static void link_row(struct perf_weights *w, uint32_t i)
{
	uint32_t *chain = chain_of(w, w->rows[i].tid);

	w->rows[i].next = *chain;
	*chain = i + 1;
}

static int grow(struct perf_weights *w)
{
	uint32_t cap = w->cap ? 2 * w->cap : 64, i;
	struct perf_weight_row *rows = realloc(w->rows, cap * sizeof *rows);
	uint32_t *chains, *touched;

	if (!rows)
		return -1;
	w->rows = rows;
	touched = realloc(w->touched, cap * sizeof *touched);
	if (!touched)
		return -1;
	w->touched = touched;
	chains = calloc(cap, sizeof *chains);
	if (!chains)
		return -1;
	free(w->chains);
	w->chains = chains;
	w->mask = cap - 1;
	w->cap = cap;
	for (i = 0; i < w->n; i++) /* growing comes when no row is free */
		link_row(w, i);
	return 0;
}

static struct perf_weight_row *find(struct perf_weights *w, int tid)
{
	uint32_t i = w->chains ? *chain_of(w, tid) : 0;

	while (i && w->rows[i - 1].tid != tid)
		i = w->rows[i - 1].next;
	return i ? &w->rows[i - 1] : NULL;
}

static struct perf_weight_row *add(struct perf_weights *w, int pid, int tid)
{
	struct perf_count *counts;
	int again = w->free != 0;
	uint32_t i;

	if (!w->free && w->n == w->cap && grow(w))
		return NULL;
	counts = calloc(w->n_rings, sizeof *counts);
	if (!counts)
		return NULL;
	if (again) {
		i = w->free - 1;
		w->free = w->rows[i].next;
	} else {
		i = w->n++;
	}
	/* `touched` stays: a row used again within a round is listed already. */
	w->rows[i] = (struct perf_weight_row){
		.pid = pid, .tid = tid, .touched = again && w->rows[i].touched, .counts = counts};
	link_row(w, i);
	return &w->rows[i];
}

void perf_weights_meet(struct perf_weights *w, int pid, int tid, int64_t clock_ns)
{
	struct perf_weight_row *row = find(w, tid);

	if (row)
		return;
	row = add(w, pid, tid);
	if (row && clock_ns > 0)
		row->first_ns = clock_ns;
}

/* What the row's event on that CPU counted since its last sample. */
static int64_t counted(const struct perf_weights *w, struct perf_weight_row *row,
		       const struct perf_weighed *s)
{
	struct perf_count *count = &row->counts[s->ring];
	uint64_t before = 0;

	if (!s->has_value)
		return (int64_t)w->period_ns;
	if (count->stream == s->stream || s->takes_over)
		before = count->value;
	*count = (struct perf_count){s->stream, s->value};
	return s->value > before ? (int64_t)(s->value - before) : 0;
}

static void touch(struct perf_weights *w, struct perf_weight_row *row)
{
	if (!row->touched)
		w->touched[w->n_touched++] = (uint32_t)(row - w->rows);
	row->touched = 1;
}

int64_t perf_weights_note(struct perf_weights *w, const struct perf_weighed *s)
{
	struct perf_weight_row *row = find(w, s->tid);
	int64_t ns;

	if (!row)
		row = add(w, s->pid, s->tid);
	if (!row)
		return (int64_t)w->period_ns;
	ns = counted(w, row, s);
	row->noted++;
	row->noted_ns += ns;
	row->unread += ns;
	if (ns >= LATE * (int64_t)w->period_ns)
		row->late = 1;
	touch(w, row);
	return ns;
}

/* What the clock says beyond what all samples carry. Up to a period may not have been counted yet and is none, and
 * so is what the kernel may not have added to the clock yet: only what was surely too much is taken back. More than
 * there was time for: it is another thread's clock, by an exec or a number used again. */
static void compare(struct perf_weights *w, struct perf_weight_row *row, int64_t clock, int64_t now)
{
	int64_t period = (int64_t)w->period_ns, all = row->given + row->noted_ns;
	int64_t more = clock - row->first_ns - all;

	if (row->unknown) { /* nothing ran before time did */
		row->first_ns = clock > all ? clock - all : 0;
		more = clock - row->first_ns - all;
	} else if (clock < row->first_ns || more > now - row->read_ns + period) {
		row->first_ns = clock - all;
		more = 0;
	}
	row->unknown = 0;
	row->unread = 0;
	row->read_ns = now;
	row->was_read = 1;
	row->late = 0;
	row->doubtful = 0;
	if (more > 0) {
		more = more > period ? more - period / 2 : 0;
	} else {
		int64_t behind = row->ended ? 0 : w->stale_ns;
		int64_t sure = more < -behind ? more + behind : 0;

		row->doubtful = sure - more > period;
		more = sure;
	}
	row->correction = more;
}

/* Reading a clock costs three system calls: at a thread's first sample, at one that is late, then now and then; and
 * at each round while a difference may be the clock's: the reading that meets the clock furthest behind settles it. */
static int is_due(const struct perf_weights *w, const struct perf_weight_row *row, int64_t now)
{
	return row->tid != 0 &&
	       (!row->was_read || row->late || row->doubtful || now >= row->read_ns + READ_NS ||
		row->unread >= READ_AFTER * (int64_t)w->period_ns);
}

void perf_weights_compare(struct perf_weights *w, int64_t now_ns, perf_thread_clock *clock)
{
	struct perf_weight_row *row;
	int64_t ns;
	uint32_t i;

	for (i = 0; i < w->n_touched; i++) {
		row = &w->rows[w->touched[i]];
		row->touched = 0;
		ns = is_due(w, row, now_ns) ? clock(row->pid, row->tid) : -1;
		if (ns >= 0)
			compare(w, row, ns, now_ns);
	}
	w->n_touched = 0;
}

/* The noted samples share what is missing. What was too much is taken from the next ones, but a period or half of it stays
 * with each: none stands for nothing, and a late one gives back what held it up. */
static int64_t share(const struct perf_weights *w, const struct perf_weight_row *row,
		     int64_t counted)
{
	int64_t period = (int64_t)w->period_ns, most = counted / 2;

	if (row->correction >= 0)
		return row->noted > 1 ? row->correction / row->noted : row->correction;
	if (counted > 2 * period)
		most = counted - period;
	return row->correction < -most ? -most : row->correction;
}

int64_t perf_weights_take(struct perf_weights *w, int tid, int64_t counted_ns)
{
	struct perf_weight_row *row = find(w, tid);
	int64_t more;

	if (!row || row->noted == 0) /* it ended, and this came from another one with its number */
		return counted_ns;
	more = share(w, row, counted_ns);
	row->correction -= more;
	row->noted--;
	row->noted_ns -= counted_ns;
	row->given += counted_ns + more;
	return counted_ns + more;
}

int64_t perf_thread_stale_ns(void)
{
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick))
		return 0;
	return tick.tv_sec * INT64_C(1000000000) + tick.tv_nsec;
}

int64_t perf_thread_schedstat(int pid, int tid)
{
	struct proc_schedstat stat;
	char path[64], text[128];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof text - 1);
	(void)close(fd);
	if (n <= 0)
		return -1;
	text[n] = 0;
	return proc_schedstat_parse(&stat, text) ? -1 : (int64_t)stat.run_ns;
}

void perf_weights_exec(struct perf_weights *w, int pid)
{
	struct perf_weight_row *row = find(w, pid);

	if (!row)
		row = add(w, pid, pid);
	if (!row)
		return;
	row->unknown = 1;
	row->correction = 0;
}

void perf_weights_ends(struct perf_weights *w, int tid)
{
	struct perf_weight_row *row = find(w, tid);

	if (row)
		row->late = row->ended = 1;
}

void perf_weights_exit(struct perf_weights *w, int tid)
{
	struct perf_weight_row *row;
	uint32_t *at, i;

	if (!w->chains)
		return;
	for (at = chain_of(w, tid); *at; at = &w->rows[*at - 1].next) {
		i = *at - 1;
		row = &w->rows[i];
		if (row->tid != tid)
			continue;
		*at = row->next;
		free(row->counts);
		*row = (struct perf_weight_row){.next = w->free, .touched = row->touched};
		w->free = i + 1;
		return;
	}
}
