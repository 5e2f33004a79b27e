/* See perf_scan.h. Without memory for the queue a sample is noted and taken when it is handed out. */
#include "prof/attach/perf_scan.h"

#include <stdlib.h>
#include <string.h>

#include "prof/attach/perf_source.h"

void perf_counted_release(struct perf_counted *c)
{
	free(c->ns);
	memset(c, 0, sizeof *c);
}

/* Room for one more. */
static int reserve(struct perf_counted *c)
{
	uint32_t cap = c->cap ? 2 * c->cap : 64;
	int64_t *grown;

	if (c->first > 0 && c->first + c->n == c->cap) {
		memmove(c->ns, c->ns + c->first, c->n * sizeof *c->ns);
		c->first = 0;
	}
	if (c->n == c->cap) {
		grown = realloc(c->ns, cap * sizeof *grown);
		if (!grown)
			return -1;
		c->ns = grown;
		c->cap = cap;
	}
	return 0;
}

static int64_t pop(struct perf_counted *c)
{
	int64_t ns = c->ns[c->first++];

	if (--c->n == 0)
		c->first = 0;
	return ns;
}

static int64_t note(struct perf_source *s, uint32_t ring, const struct perf_record *r)
{
	enum perf_seen seen = perf_set_seen(&s->set, r->tid, ring, r->event, r->stream);
	struct perf_weighed w = {.pid = r->pid,
				 .tid = r->tid,
				 .ring = ring,
				 .stream = r->stream,
				 .value = r->value,
				 .has_value = s->can.value,
				 .takes_over = seen == PERF_SEEN_FIRST};

	return seen == PERF_SEEN_DOUBLE ? PERF_COUNTED_TWICE : perf_weights_note(&s->weights, &w);
}

static void scan_ring(struct perf_source *s, uint32_t i)
{
	const struct perf_ring *ring = &s->rings[i];
	struct perf_counted *c = &s->counted[i];
	const uint8_t *bytes;
	struct perf_record r;
	size_t size;
	int bad;

	if (c->n == 0 && c->upto < ring->tail)
		c->upto = ring->tail;
	while ((bytes = perf_ring_at(ring, c->upto, s->scratch, &size, &bad))) {
		if (perf_record_decode(&r, bytes, size, s->can.value))
			return; /* whoever reads up to here will say so */
		if (r.kind == PERF_IS_SAMPLE) {
			if (reserve(c))
				return;
			c->ns[c->first + c->n++] = note(s, i, &r);
		}
		if (r.kind == PERF_IS_EXIT)
			perf_weights_ends(&s->weights, r.tid);
		c->upto += size;
	}
}

void perf_source_scan(struct perf_source *s, int64_t now)
{
	uint32_t i;

	for (i = 0; i < s->n_rings; i++) {
		if (s->rings[i].fd >= 0)
			scan_ring(s, i);
	}
	perf_weights_compare(&s->weights, now, perf_thread_schedstat);
}

int64_t perf_source_weight(struct perf_source *s, uint32_t ring, const struct perf_record *r)
{
	struct perf_counted *c = &s->counted[ring];
	int64_t ns = c->n > 0 && s->rings[ring].tail < c->upto ? pop(c) : note(s, ring, r);

	return ns == PERF_COUNTED_TWICE ? ns : perf_weights_take(&s->weights, r->tid, ns);
}
