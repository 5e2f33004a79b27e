/* One round over the rings of all images: definitions of all first, then samples and the rest. A round
 * reads up to one moment, so that whatever a record refers to was published before it and is read in
 * the same round or an earlier one. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/record/recording.h"

static int is_definition(enum spool_type type)
{
	return type == SPOOL_THREAD_START || type == SPOOL_THREAD_NAME ||
	       type == SPOOL_MODULE_LOAD || type == SPOOL_MODULE_UNLOAD ||
	       type == SPOOL_STAGE_BEGIN;
}

static int know_rings(struct image *m)
{
	uint32_t n = spool_rings(&m->file);
	struct image_ring *p;

	if (n <= m->n_rings)
		return 0;
	p = realloc(m->rings, (size_t)n * sizeof *p);
	if (!p)
		return ERR_NOMEM;
	memset(p + m->n_rings, 0, (size_t)(n - m->n_rings) * sizeof *p);
	m->rings = p;
	m->n_rings = n;
	return 0;
}

/* A ring that has to be looked at, with its reader made and the claim known. */
static int ring_is_live(struct recording *r, struct image *m, uint32_t i)
{
	struct image_ring *ring = &m->rings[i];
	struct spool_ring *shared = spool_ring_at(&m->file, i);
	uint64_t opened = atomic_load_explicit(&shared->opened, memory_order_acquire);

	if (!ring->ready) {
		if (opened == 0 || ring_reader_init(&ring->reader, &m->file, i))
			return 0;
		ring->ready = 1;
		ring->thread = KNOWN_NONE;
		ring->opened = opened;
		if (r->recovering)
			recover_ring(r, m, i);
		ring->stored = ring->reader.at;
	}
	if (opened != ring->opened) {
		ring->opened = opened;
		ring->thread = KNOWN_NONE;
	}
	return 1;
}

static void note_fill(struct recording *r, const struct image_ring *ring)
{
	uint32_t state = atomic_load_explicit(&ring->reader.ring->state, memory_order_relaxed);

	uint64_t used = ring->reader.limit - ring->stored;
	int pct = (int)(used * 100 / ring->reader.ring_bytes);

	if (pct > r->fill_pct)
		r->fill_pct = pct;
	r->n_ended += state == SPOOL_RING_ENDED;
}

/* Published after the round began: for the next one. Times that no clock has shown yet are no reason to
 * wait for. */
static int too_new(const struct recording *r, int64_t t_ns)
{
	return t_ns > r->round_ns && t_ns <= clock_mono_ns();
}

static int gather(struct recording *r, uint32_t image, uint32_t index)
{
	struct image_ring *ring = &r->images[image]->rings[index];
	struct ring_reader *reader = &ring->reader;
	int64_t clock_now = clock_mono_ns();
	struct spool_view v;
	int rc;

	ring->from = ring->to = reader->at;
	ring_reader_refresh(reader);
	note_fill(r, ring);
	while ((rc = ring_next(reader, &v)) == 1) {
		if (too_new(r, v.t_ns))
			break;
		ring->to = reader->at;
		if (v.t_ns > r->last_ns && v.t_ns <= clock_now)
			r->last_ns = v.t_ns;
		if (is_definition(v.type) && event_keep(r, image, index, &v))
			return ERR_NOMEM;
	}
	if (rc == 0) /* PADs and what is malformed at the end are behind us too */
		ring->to = reader->at;
	if (reader->bad > ring->bad) {
		batch_loss(&r->batch, SPOOL_LOSS_TORN, reader->bad - ring->bad);
		ring->bad = reader->bad;
	}
	return rc < 0 ? rc : 0;
}

static int take_rest(struct recording *r, struct image *m, struct image_ring *ring)
{
	struct ring_reader *reader = &ring->reader;
	struct spool_view v;
	int rc = 0;

	reader->limit = ring->to;
	if (ring->to - ring->from <= reader->ring_bytes)
		reader->at = ring->from;
	while (rc == 0 && (rc = ring_next(reader, &v)) == 1)
		rc = is_definition(v.type) ? 0 : record_take(r, m, ring, &v);
	reader->bad = ring->bad; /* counted when it was gathered */
	reader->at = ring->to;
	return rc;
}

static void note_cpu(struct recording *r, struct image_ring *ring)
{
	int64_t cpu =
		(int64_t)atomic_load_explicit(&ring->reader.ring->cpu_ns, memory_order_relaxed);

	if (ring->thread != KNOWN_NONE && ring->from != ring->to)
		known_thread_cpu(&r->known, ring->thread, cpu);
}

static int gather_image(struct recording *r, uint32_t i)
{
	struct image *m = r->images[i];
	int rc = m->file.head ? know_rings(m) : 0;

	for (uint32_t k = 0; k < m->n_rings && rc == 0; k++)
		if (ring_is_live(r, m, k))
			rc = gather(r, i, k);
	return rc;
}

static int take_image(struct recording *r, struct image *m)
{
	int rc = 0, moved = 0;

	for (uint32_t k = 0; k < m->n_rings && rc == 0; k++) {
		struct image_ring *ring = &m->rings[k];

		if (!ring->ready)
			continue;
		if (ring->from != ring->to) {
			moved = 1;
			rc = take_rest(r, m, ring);
			note_cpu(r, ring);
		} else {
			ring->reader.at = ring->to;
		}
	}
	m->quiet = moved ? 0 : m->quiet + 1;
	return rc;
}

int drain_round(struct recording *r, int final)
{
	int rc = 0;

	r->round_ns = final ? INT64_MAX : clock_mono_ns();
	r->fill_pct = 0;
	r->n_ended = 0;
	for (uint32_t i = 0; i < r->n_images && rc == 0; i++)
		rc = gather_image(r, i);
	if (rc == 0)
		rc = events_apply(r);
	for (uint32_t i = 0; i < r->n_images && rc == 0; i++)
		rc = take_image(r, r->images[i]);
	return rc;
}

static void count_loss(struct recording *r, _Atomic uint64_t *counter, uint64_t *seen,
		       enum spool_loss loss)
{
	uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

	if (now > *seen)
		batch_loss(&r->batch, loss, now - *seen);
	*seen = now;
}

void drain_losses(struct recording *r)
{
	for (uint32_t i = 0; i < r->n_images; i++) {
		struct image *m = r->images[i];

		if (!m->file.head)
			continue;
		for (int k = 0; k < SPOOL_LOSSES; k++)
			count_loss(r, &m->file.head->losses[k], &m->losses[k], (enum spool_loss)k);
		for (uint32_t n = 0; n < m->n_rings; n++)
			for (int k = 0; k < SPOOL_RING_LOSSES && m->rings[n].ready; k++)
				count_loss(r, &m->rings[n].reader.ring->losses[k],
					   &m->rings[n].losses[k], (enum spool_loss)k);
	}
}
