/* Definitions (threads, modules, stages that begin) are gathered from all rings of a round and applied in
 * the order of time, before anything that needs them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/record/recording.h"

static int grow_events(struct recording *r)
{
	uint32_t cap = r->cap_events ? 2 * r->cap_events : 64;
	struct round_event *p;

	if (r->n_events < r->cap_events)
		return 0;
	p = realloc(r->events, (size_t)cap * sizeof *p);
	if (!p)
		return ERR_NOMEM;
	r->events = p;
	r->cap_events = cap;
	return 0;
}

int event_keep(struct recording *r, uint32_t image, uint32_t ring, const struct spool_view *v)
{
	size_t at = r->event_bytes.len;

	if (grow_events(r) || buf_put(&r->event_bytes, v->payload, v->payload_bytes) ||
	    buf_put(&r->event_bytes, "\0\0\0\0\0\0\0", 8)) /* texts end, the next one is aligned */
		return ERR_NOMEM;
	r->events[r->n_events++] = (struct round_event){
		v->t_ns, image, ring, (uint32_t)v->type, v->extra, at, v->payload_bytes};
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct round_event *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static int take_thread_start(struct recording *r, struct image *m, struct image_ring *ring,
			     const struct round_event *e, const uint8_t *payload)
{
	const struct spool_thread *s = (const void *)payload;
	struct known_thread *t;

	ring->thread = known_thread(&r->known, m->process, (int)e->extra, e->t_ns);
	if (ring->thread == KNOWN_NONE)
		return ERR_NOMEM;
	t = &r->known.threads[ring->thread];
	memcpy(t->name, s->name, SPOOL_NAME_MAX);
	t->changed = 1;
	if (r->attached && t->row.cpu_ns == 0 && t->sampled_ns == 0)
		t->base_ns = s->start_cpu_ns;
	known_thread_cpu(&r->known, ring->thread, s->start_cpu_ns);
	return 0;
}

static void take_thread_name(struct recording *r, struct image *m, struct image_ring *ring,
			     const struct round_event *e, const uint8_t *payload)
{
	uint32_t thread = ring_thread(r, m, ring, e->t_ns);
	struct known_thread *t;
	struct known_process *p;

	if (thread == KNOWN_NONE)
		return;
	t = &r->known.threads[thread];
	p = &r->known.processes[t->process];
	memcpy(t->name, payload, SPOOL_NAME_MAX);
	t->changed = 1;
	if (p->main_thread == thread) { /* the process's name is its main thread's */
		memcpy(p->name, t->name, sizeof p->name);
		p->changed = 1;
	}
}

/* While the process that loaded it lives, or just before it ended: its file may be gone when names are looked up. */
static int hold_file(struct recording *r, const struct image *m, const struct spool_module *module,
		     const char *path)
{
	char build_id[sizeof module->build_id + 1];

	if (r->recovering || m->process == KNOWN_NONE)
		return 0;
	if (!r->held)
		r->held = held_new();
	if (!r->held)
		return ERR_NOMEM;
	snprintf(build_id, sizeof build_id, "%.*s", (int)sizeof module->build_id, module->build_id);
	held_add(r->held, (int)r->known.processes[m->process].row.pid, path, build_id);
	return 0;
}

static int take_module(struct recording *r, struct image *m, const struct round_event *e,
		       const struct spool_module *module, const char *path)
{
	journal_module(r, m, e, (const void *)module);
	if (hold_file(r, m, module, path))
		return ERR_NOMEM;
	return space_load(&r->resolver, &m->space, e->t_ns, module, path);
}

static int apply(struct recording *r, const struct round_event *e)
{
	const uint8_t *payload = (const uint8_t *)r->event_bytes.data + e->at;
	struct image *m = r->images[e->image];
	struct image_ring *ring = &m->rings[e->ring];
	uint64_t range[2];

	switch (e->type) {
	case SPOOL_THREAD_START:
		return take_thread_start(r, m, ring, e, payload);
	case SPOOL_THREAD_NAME:
		take_thread_name(r, m, ring, e, payload);
		return 0;
	case SPOOL_MODULE_LOAD:
		return take_module(r, m, e, (const void *)payload,
				   (const char *)payload + sizeof(struct spool_module));
	case SPOOL_MODULE_UNLOAD:
		journal_module(r, m, e, payload);
		memcpy(range, payload, sizeof range);
		return space_unload(&r->resolver, &m->space, e->t_ns, range[0], range[1]);
	case SPOOL_STAGE_BEGIN:
		return stage_begin(r, m, ring_thread(r, m, ring, e->t_ns), e->t_ns,
				   (const void *)payload,
				   (const char *)payload + sizeof(struct spool_stage_begin));
	default:
		return 0;
	}
}

int events_apply(struct recording *r)
{
	int rc = 0;

	if (r->n_events)
		qsort(r->events, r->n_events, sizeof *r->events, by_time);
	for (uint32_t i = 0; i < r->n_events && rc != ERR_NOMEM; i++) {
		rc = apply(r, &r->events[i]);
		if (rc == ERR_LIMIT)
			batch_loss(&r->batch, SPOOL_LOSS_TABLE_FULL, 1);
	}
	r->n_events = 0;
	buf_clear(&r->event_bytes);
	return rc == ERR_NOMEM ? rc : 0;
}
