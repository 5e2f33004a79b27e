/* Reading a source: the rings' records merged by time, decoded in place and handed out. Rings that make no sense are
 * the kernel's fault or another writer's; such a ring is left out from there on. */
#include <limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "prof/attach/perf_records.h"
#include "prof/attach/perf_source.h"
#include "prof/base/clock.h"

#define NOTHING  INT64_MAX /* no record is waiting */
#define BAD_RING INT_MIN   /* no handler returns this */

struct perf_sample perf_sample_of(const struct perf_record *r)
{
	struct perf_sample s = {
		.pid = r->pid,
		.tid = r->tid,
		.t_ns = r->t_ns,
		.cpu = r->cpu,
		.regs = r->regs,
		.stack = r->stack,
		.stack_bytes = r->stack_bytes,
		.stack_cut = r->stack_asked > 0 && r->stack_bytes == r->stack_asked,
	};

	return s;
}

static int give_sample(struct perf_source *s, uint32_t ring, const struct perf_record *r,
		       const struct perf_handler *h)
{
	struct perf_sample out = perf_sample_of(r);

	out.cpu_ns = perf_source_weight(s, ring, r);
	if (out.cpu_ns == PERF_COUNTED_TWICE)
		return 0;
	s->facts.samples++;
	s->facts.cut += (uint64_t)out.stack_cut;
	return h->sample ? h->sample(h->ctx, &out) : 0;
}

static int give_task(const struct perf_record *r, enum perf_task_event event,
		     const struct perf_handler *h)
{
	struct perf_task out = {
		.event = event,
		.pid = r->pid,
		.tid = r->tid,
		.ppid = r->ppid,
		.ptid = r->ptid,
		.t_ns = r->t_ns,
		.comm = event == PERF_TASK_MMAP ? NULL : r->text,
		.address = r->address,
		.length = r->length,
		.offset = r->offset,
		.path = event == PERF_TASK_MMAP ? r->text : NULL,
		.device = makedev(r->major, r->minor),
		.inode = r->inode,
	};

	return h->task ? h->task(h->ctx, &out) : 0;
}

static int give_exit(struct perf_source *s, const struct perf_record *r,
		     const struct perf_handler *h)
{
	perf_weights_exit(&s->weights, r->tid);
	perf_set_exit(&s->set, s->n_rings, r->tid);
	if (r->tid == r->pid)
		perf_source_leader_ended(s, r->pid);
	return give_task(r, PERF_TASK_EXIT, h);
}

static int give_fork(struct perf_source *s, const struct perf_record *r,
		     const struct perf_handler *h)
{
	/* Without memory its events stay as they are when the others' change. */
	if (r->pid != r->ppid && s->o.children)
		(void)perf_source_note(s, r->pid);
	return give_task(r, PERF_TASK_FORK, h);
}

static int give_switch(const struct perf_record *r, const struct perf_handler *h)
{
	struct perf_switch out = {r->pid, r->tid, r->in, r->preempted, r->t_ns};

	return h->switched ? h->switched(h->ctx, &out) : 0;
}

static void give_lost(struct perf_source *s, uint64_t records, const struct perf_handler *h)
{
	s->facts.lost += records;
	if (h->lost)
		h->lost(h->ctx, records);
}

static int give(struct perf_source *s, uint32_t ring, const struct perf_record *r,
		const struct perf_handler *h)
{
	switch (r->kind) {
	case PERF_IS_SAMPLE:
		return give_sample(s, ring, r, h);
	case PERF_IS_FORK:
		return give_fork(s, r, h);
	case PERF_IS_EXIT:
		return give_exit(s, r, h);
	case PERF_IS_COMM:
		return r->pid == getpid() ? 0 : give_task(r, PERF_TASK_COMM, h);
	case PERF_IS_EXEC:
		perf_weights_exec(&s->weights, r->pid);
		return give_task(r, PERF_TASK_EXEC, h);
	case PERF_IS_MMAP:
		return give_task(r, PERF_TASK_MMAP, h);
	case PERF_IS_SWITCH:
		return give_switch(r, h);
	case PERF_IS_LOST:
		give_lost(s, r->lost, h);
		return 0;
	case PERF_IS_THROTTLE:
		s->facts.throttled++;
		return 0;
	case PERF_IS_OTHER:
		break;
	}
	return 0;
}

/* When the ring's next record was written. */
static int look_ahead(struct perf_source *s, uint32_t ring)
{
	int bad;
	size_t size;
	const uint8_t *bytes = perf_ring_peek(&s->rings[ring], s->scratch, &size, &bad);

	s->times[ring] = bytes ? perf_record_time(bytes, size) : NOTHING;
	return bad ? BAD_RING : 0;
}

static int look_at_rings(struct perf_source *s)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < s->n_rings && rc == 0; i++) {
		s->times[i] = NOTHING;
		if (s->rings[i].fd >= 0 && perf_ring_look(&s->rings[i]))
			rc = BAD_RING;
		if (rc == 0 && s->rings[i].fd >= 0)
			rc = look_ahead(s, i);
	}
	return rc;
}

/* The ring with the oldest record of those written before `limit`; n_rings: none. */
static uint32_t oldest(const struct perf_source *s, int64_t limit)
{
	uint32_t i, best = s->n_rings;

	for (i = 0; i < s->n_rings; i++) {
		if (s->times[i] < limit && (best == s->n_rings || s->times[i] < s->times[best]))
			best = i;
	}
	return best;
}

static int take_record(struct perf_source *s, uint32_t ring, const struct perf_handler *h)
{
	struct perf_record r;
	size_t size;
	int bad, rc;
	const uint8_t *bytes = perf_ring_peek(&s->rings[ring], s->scratch, &size, &bad);

	if (!bytes || perf_record_decode(&r, bytes, size, s->can.value))
		return BAD_RING;
	rc = give(s, ring, &r, h);
	perf_ring_take(&s->rings[ring], size);
	return rc ? rc : look_ahead(s, ring);
}

static int drain(struct perf_source *s, const struct perf_handler *h, int64_t now, int64_t limit)
{
	uint32_t i, ring;
	int rc = look_at_rings(s);

	if (rc == 0)
		perf_source_scan(s, now);
	while (rc == 0 && (ring = oldest(s, limit)) < s->n_rings)
		rc = take_record(s, ring, h);
	for (i = 0; i < s->n_rings; i++) {
		if (s->rings[i].fd < 0)
			continue;
		if (rc == BAD_RING) {
			perf_ring_skip(&s->rings[i]);
			perf_counted_release(&s->counted[i]);
		}
		perf_ring_free(&s->rings[i]);
	}
	return rc;
}

int perf_source_read(struct perf_source *s, const struct perf_handler *h)
{
	/* A record younger than this may have older ones behind it in a ring that was looked at before. */
	int64_t now = clock_mono_ns();
	int rc;

	perf_source_adapt(s, now);
	rc = drain(s, h, now, s->stopped ? NOTHING : now);
	if (rc == 0 && s->stopped && !s->flushed) {
		s->flushed = 1;
		perf_source_flush_lost(s);
		rc = drain(s, h, now, NOTHING);
	}
	if (rc == BAD_RING) {
		give_lost(s, 1, h); /* nobody can say how many */
		rc = ERR_FORMAT;
	}
	return rc;
}
