/* Making and releasing a recording. */
#include "prof/record/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"

#define BUSY_MS 20 /* a flush is tried again; the rings have to be read meanwhile */

int recording_init(struct recording *r, struct store *store, int64_t run,
		   struct spool_session *session, const char *session_path)
{
	memset(r, 0, sizeof *r);
	r->store = store;
	r->run = run;
	r->session = session;
	snprintf(r->session_path, sizeof r->session_path, "%s", session_path);
	batch_init(&r->batch);
	buf_init(&r->event_bytes, BUF_NO_LIMIT);
	r->images_next = UINT32_MAX; /* the first look is not skipped */
	r->flushed_ns = clock_mono_ns();
	if (store)
		store_wait(store, BUSY_MS);
	if (known_init(&r->known))
		return ERR_NOMEM;
	resolver_init(&r->resolver, &r->known, &r->batch, session->cache_dir);
	return 0;
}

void recording_release(struct recording *r)
{
	while (r->n_images > 0)
		image_close(r, r->n_images - 1, 0);
	free(r->images);
	free(r->events);
	free(r->marks);
	free(r->stage_marks);
	held_free(r->held);
	snapshots_release(&r->snapshots);
	timeline_release(r);
	buf_release(&r->event_bytes);
	resolver_release(&r->resolver);
	batch_release(&r->batch);
	known_release(&r->known);
	memset(r, 0, sizeof *r);
}
