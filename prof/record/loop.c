/* Rounds, and the last of them: see loop.h. */
#include "prof/record/loop.h"

#include <time.h>

#include "prof/base/clock.h"
#include "prof/record/observe.h"

#define PAUSE_MS      50 /* at rest; a ring of a second's records is then filled to 5 % */
#define PAUSE_BUSY_MS 20
#define PAUSE_FULL_MS 5
#define MANY_ENDED    64                  /* threads come and go: their rings are wanted again */
#define DRAIN_NS      INT64_C(2000000000) /* for processes that write on while we end */
#define PENDING_NS    INT64_C(100000000)

int loop_round(struct recording *r)
{
	int rc = images_scan(r);

	timeline_poll(r);
	if (rc == 0)
		rc = drain_round(r, 0);
	timeline_settle(r);
	if (rc == 0)
		rc = images_watch(r);
	if (rc == 0)
		observe_threads(r);
	if (rc == 0)
		observe_wall(r);
	if (rc == 0)
		rc = heap_look_all(r);
	if (rc == 0)
		rc = sql_look_all(r);
	if (rc == 0)
		rc = snapshots_look(r, clock_mono_ns());
	if (rc >= 0)
		(void)recording_flush(r, rc, NULL); /* what fails is kept and tried again */
	return rc < 0 ? rc : 0;
}

int loop_pause_ms(const struct recording *r)
{
	if (r->session->mode == SPOOL_MODE_WALL) { /* each round is a look at the sleepers */
		uint32_t ms = r->session->rate_hz ? 1000 / r->session->rate_hz : PAUSE_MS;

		return ms < PAUSE_FULL_MS ? PAUSE_FULL_MS : ms > PAUSE_MS ? PAUSE_MS : (int)ms;
	}
	return r->fill_pct > 40                              ? PAUSE_FULL_MS
	       : r->fill_pct > 15 || r->n_ended > MANY_ENDED ? PAUSE_BUSY_MS
							     : PAUSE_MS;
}

/* Files whose agent is just making them are waited for only a moment. */
static int anything_to_drain(const struct recording *r, int64_t waited_ns)
{
	for (uint32_t i = 0; i < r->n_images; i++) {
		const struct image *m = r->images[i];

		if (m->file.head ? !m->ended && m->quiet < 2 : waited_ns < PENDING_NS)
			return 1;
	}
	return 0;
}

static int last_round(struct recording *r)
{
	int rc;

	/* A number is taken before its file is there: a look in between must not be the last one. */
	r->scanned_ns = 0;
	rc = images_scan(r);
	if (rc == 0)
		rc = drain_round(r, 1);
	return rc ? rc : images_watch(r);
}

int loop_drain_all(struct recording *r, uint32_t *alive)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int64_t began = clock_mono_ns(), waited = 0;
	int rc;

	observe_wall(r);
	timeline_poll(r);
	snapshots_begin_end(r);
	rc = last_round(r);

	atomic_store(&r->session->state, SPOOL_CLOSED);
	for (int n = 0; rc == 0 && anything_to_drain(r, waited) && waited < DRAIN_NS; n++) {
		if (n > 2)
			(void)nanosleep(&pause, NULL);
		rc = last_round(r);
		waited = clock_mono_ns() - began;
		if (r->fill_pct > 40)
			(void)recording_flush(r, 1, NULL);
	}
	*alive = 0;
	for (uint32_t i = 0; i < r->n_images && rc == 0; i++) {
		struct image *m = r->images[i];

		if (!m->file.head || m->ended)
			continue;
		*alive += !m->gone;
		rc = image_ended(r, m, clock_mono_ns());
	}
	timeline_end(r);
	return rc ? rc : snapshots_take_last(r, clock_mono_ns());
}
