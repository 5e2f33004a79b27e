/* From memory to the store: when to flush, the marks that say how far the rings are in it, and what
 * happens to rings and images once they are. */
#include <string.h>

#include "prof/base/clock.h"
#include "prof/record/recording.h"

#define FLUSH_NS   INT64_C(1000000000)
#define FLUSH_FILL 40 /* percent of a ring: flush now */
#define FLUSH_ENDED                                                                                \
	64 /* rings of ended threads: new threads want them (a fresh one costs 100 us) */
#define GIVE_BACK_FILL 65 /* percent: give the ring back even though its data are in memory only */
#define RETRY_NS       INT64_C(200000000)

static int mark(struct recording *r, const struct image *m, uint32_t ring, enum mark_kind kind,
		uint64_t offset)
{
	struct batch_mark mark = {m->name_string, ring + SPOOL_RINGS_MAX * (uint32_t)kind, offset,
				  KNOWN_NONE, KNOWN_NONE};

	return batch_mark(&r->batch, &mark);
}

static int mark_ring(struct recording *r, const struct image *m, uint32_t i)
{
	const struct image_ring *ring = &m->rings[i];
	struct batch_mark thread = {m->name_string, i + SPOOL_RINGS_MAX * MARK_THREAD, 0,
				    ring->thread, KNOWN_NONE};
	int rc = 0;

	if (!ring->ready)
		return 0;
	if (ring->reader.at != ring->stored)
		rc = mark(r, m, i, MARK_POSITION, ring->reader.at);
	if (rc == 0 && ring->thread != KNOWN_NONE && ring->marked_opened != ring->opened) {
		rc = batch_mark(&r->batch, &thread);
		if (rc == 0)
			rc = mark(r, m, i, MARK_OPENED, ring->opened);
	}
	for (int k = 0; k < SPOOL_RING_LOSSES && rc == 0; k++)
		if (ring->losses[k] != ring->marked_losses[k])
			rc = mark(r, m, i, (enum mark_kind)(MARK_LOSSES + k), ring->losses[k]);
	return rc;
}

static int mark_image(struct recording *r, const struct image *m)
{
	struct batch_mark process = {m->name_string, SPOOL_RINGS_MAX * MARK_FILE, 0, KNOWN_NONE,
				     m->process};
	int rc = m->process_marked ? 0 : batch_mark(&r->batch, &process);

	for (uint32_t k = 0; k < SPOOL_LOSSES && rc == 0; k++)
		if (m->losses[k] != m->marked_losses[k])
			rc = mark(r, m, 1 + k, MARK_FILE, m->losses[k]);
	for (uint32_t i = 0; i < m->n_rings && rc == 0; i++)
		rc = mark_ring(r, m, i);
	return rc;
}

static int make_marks(struct recording *r)
{
	int rc = 0;

	batch_forget_marks(&r->batch);
	for (uint32_t i = 0; i < r->n_images && rc == 0; i++)
		if (r->images[i]->file.head)
			rc = mark_image(r, r->images[i]);
	return rc;
}

int recording_marked(const struct recording *r, const struct image *m, uint32_t ring,
		     enum mark_kind kind, uint64_t *offset)
{
	ring += SPOOL_RINGS_MAX * (uint32_t)kind;
	for (uint32_t i = 0; i < r->n_marks; i++)
		if (r->marks[i].ring == ring && strcmp(r->marks[i].file, m->name) == 0) {
			*offset = r->marks[i].offset;
			return 1;
		}
	return 0;
}

static void count_ticks(struct recording *r, struct image_ring *ring)
{
	uint64_t ticks = atomic_load_explicit(&ring->reader.ring->ticks, memory_order_relaxed);

	if (ticks > ring->ticks)
		r->totals.ticks += ticks - ring->ticks;
	ring->ticks = ticks;
}

static void give_back(struct recording *r, struct image *m)
{
	for (uint32_t i = 0; i < m->n_rings; i++) {
		struct image_ring *ring = &m->rings[i];

		if (!ring->ready)
			continue;
		count_ticks(r, ring);
		if (ring->reader.at == ring->stored && !m->gone &&
		    atomic_load_explicit(&ring->reader.ring->state, memory_order_relaxed) !=
			    SPOOL_RING_ENDED)
			continue;
		ring_consume(&ring->reader);
		ring->stored = ring->reader.at;
		if (ring_recycle(&ring->reader))
			ring->ticks = 0;
	}
}

static void note_marked(struct image *m)
{
	m->process_marked = 1;
	memcpy(m->marked_losses, m->losses, sizeof m->losses);
	for (uint32_t i = 0; i < m->n_rings; i++) {
		struct image_ring *ring = &m->rings[i];

		if (ring->thread != KNOWN_NONE)
			ring->marked_opened = ring->opened;
		memcpy(ring->marked_losses, ring->losses, sizeof ring->losses);
	}
}

/* Memory goes with the rest: what it refers to has rows by then. */
static int write_memory(void *ctx, struct err *err)
{
	int rc = heap_write(ctx, err);

	if (rc == 0)
		rc = sql_write(ctx, err);
	return rc ? rc : snapshots_write(ctx, err);
}

static void after_commit(struct recording *r)
{
	heap_written(r);
	sql_written(r);
	snapshots_written(r);
	for (uint32_t i = r->n_images; i-- > 0;) {
		struct image *m = r->images[i];

		if (m->file.head) {
			note_marked(m);
			give_back(r, m);
		}
		if (m->ended)
			image_close(r, i, 1);
	}
}

static void after_failure(struct recording *r, const struct err *err)
{
	size_t n = strnlen(err->text, sizeof r->flush_error - 1);

	r->failed_ns = clock_mono_ns();
	memcpy(r->flush_error, err->text, n);
	r->flush_error[n] = '\0';
	if (r->fill_pct < GIVE_BACK_FILL)
		return;
	for (uint32_t i = 0; i < r->n_images; i++) /* better in memory than not at all */
		if (r->images[i]->file.head)
			give_back(r, r->images[i]);
}

int recording_flush(struct recording *r, int now, struct err *err)
{
	const struct batch_more more = {write_memory, r};
	int64_t t = clock_mono_ns();
	struct err own = ERR_INIT;
	int rc;

	if (!now && t - r->flushed_ns < FLUSH_NS && r->fill_pct < FLUSH_FILL &&
	    r->n_ended < FLUSH_ENDED)
		return 0;
	if (!now && r->failed_ns && t - r->failed_ns < RETRY_NS && r->fill_pct < GIVE_BACK_FILL)
		return 0;
	drain_losses(r);
	rc = heap_look_all(r);
	if (rc == 0)
		rc = sql_look_all(r);
	if (rc == 0)
		rc = make_marks(r);
	if (rc == 0)
		rc = batch_flush(&r->batch, &r->known, r->store, r->run, &more, &own);
	else
		err_nomem(&own, "marks");
	if (rc) {
		after_failure(r, &own);
		if (err)
			*err = own;
		return rc;
	}
	r->failed_ns = 0;
	r->flushed_ns = t;
	after_commit(r);
	return 0;
}
