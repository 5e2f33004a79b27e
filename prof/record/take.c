/* Records of a ring in their order: samples, ends, counters. Definitions went before (events.c). */
#include <string.h>

#include "prof/record/recording.h"

uint32_t ring_thread(struct recording *r, struct image *m, struct image_ring *ring, int64_t t_ns)
{
	int tid;

	if (ring->thread != KNOWN_NONE)
		return ring->thread;
	tid = atomic_load_explicit(&ring->reader.ring->tid, memory_order_relaxed);
	ring->thread = known_thread(&r->known, m->process, tid, t_ns);
	return ring->thread;
}

/* Foreign numbers are not believed beyond what a clock can have counted. */
static int64_t sane_ns(int64_t ns)
{
	return ns < 0 ? 0 : ns > INT64_C(1) << 56 ? 0 : ns;
}

static uint32_t clamp_state(uint32_t state)
{
	return state < PROFILE_STATES ? state : PROFILE_RUNNING;
}

static int take_sample(struct recording *r, struct image *m, struct image_ring *ring,
		       const struct spool_view *v)
{
	const struct spool_sample *s = (const void *)v->payload;
	const uint8_t *after = v->payload + sizeof *s + (size_t)v->extra * sizeof(uint64_t);
	struct resolve_request q = {
		.t_ns = v->t_ns,
		.addresses = (const uint64_t *)(const void *)(v->payload + sizeof *s),
		.n = v->extra,
		.end = (enum unwind_end)(v->flags & SPOOL_SAMPLE_END_MASK),
		.truncated = (v->flags & SPOOL_SAMPLE_TRUNCATED) != 0,
	};
	uint32_t thread = ring_thread(r, m, ring, v->t_ns), stack, stage;
	int64_t value = sane_ns(s->value_ns);
	int rc;

	if (thread == KNOWN_NONE)
		return ERR_NOMEM;
	if (v->type == SPOOL_SAMPLE_RAW) {
		q.raw = (const void *)after;
		q.stack = after + sizeof *q.raw;
	}
	rc = resolve_stack(&r->resolver, &m->space, &q, &stack);
	if (rc) {
		batch_loss(&r->batch, SPOOL_LOSS_TABLE_FULL, 1);
		return 0;
	}
	stage = known_stage_find(&r->known, m->space.id, s->stage_id);
	if (stage != KNOWN_NONE)
		r->known.stages[stage].samples++;
	if (batch_sample(&r->batch, v->flags & SPOOL_SAMPLE_WALL ? PROFILE_WALL : PROFILE_CPU,
			 stage, thread, stack, 1, value) == 0 &&
	    !(v->flags & SPOOL_SAMPLE_WALL))
		r->known.threads[thread].sampled_ns += value;
	r->known.threads[thread].last_stack = stack;
	batch_tick(&r->batch, thread, v->t_ns, stack, (enum profile_state)clamp_state(s->state));
	return 0;
}

static void take_thread_end(struct recording *r, struct image *m, struct image_ring *ring,
			    const struct spool_view *v)
{
	uint32_t thread = ring_thread(r, m, ring, v->t_ns);
	struct known_thread *t;
	uint64_t cpu;

	if (thread == KNOWN_NONE)
		return;
	memcpy(&cpu, v->payload, sizeof cpu);
	t = &r->known.threads[thread];
	t->row.end_ns = v->t_ns;
	t->changed = 1;
	known_thread_cpu(&r->known, thread, sane_ns((int64_t)cpu));
}

static int take_counter(struct recording *r, const struct spool_view *v)
{
	const char *name = (const char *)v->payload + sizeof(double);
	uint32_t string;
	double value;
	int rc;

	memcpy(&value, v->payload, sizeof value);
	rc = strtab_intern_text(r->known.strings, name, &string);
	if (rc == 0)
		batch_counter(&r->batch, v->t_ns, string, value);
	else
		batch_loss(&r->batch, SPOOL_LOSS_TABLE_FULL, 1);
	return 0;
}

int record_take(struct recording *r, struct image *m, struct image_ring *ring,
		const struct spool_view *v)
{
	uint32_t thread;

	switch (v->type) {
	case SPOOL_SAMPLE:
	case SPOOL_SAMPLE_RAW:
		return take_sample(r, m, ring, v);
	case SPOOL_THREAD_END:
		take_thread_end(r, m, ring, v);
		return 0;
	case SPOOL_COUNTER:
		return take_counter(r, v);
	case SPOOL_STAGE_END:
		return stage_end(r, m, v);
	case SPOOL_STAGE_ADD:
		return stage_add(r, m, v);
	case SPOOL_STAGE_WHOLE:
		thread = ring_thread(r, m, ring, v->t_ns);
		return stage_whole(r, m, thread, v);
	case SPOOL_STAGE_FOLD:
		thread = ring_thread(r, m, ring, v->t_ns);
		return stage_fold(r, m, thread, v);
	default:
		return 0;
	}
}
