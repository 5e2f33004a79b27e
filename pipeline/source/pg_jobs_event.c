/* Events of a PostgreSQL source, and notices of new jobs. An event's time is ours when it happened, put on
 * the server's clock, so that the events of a job are in order wherever its worker runs; by it an event is
 * known again when the answer to its insertion was lost. */
#include "pipeline/source/pg_jobs_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "pipeline/core/cancel.h"
#include "prof/base/clock.h"

#define CHANNEL     "protea_job" /* docs/worker.md has the trigger that notifies it */
#define CLOCK_TRIES 5
#define CLOCK_GOOD_NS                                                                              \
	2000000 /* from question to answer; where the network takes longer, the quickest of all */

/* ---- events ---------------------------------------------------------------------------------------- */

/* The server's clock against ours, once per source: by the quickest of a few questions, for whoever is not run between
 * question and answer does not know when the server looked. */
static int learn_offset(struct pg_tx *tx, struct err *err)
{
	int64_t best = INT64_MAX;
	int rc = 0;

	for (int i = 0; !rc && i < CLOCK_TRIES && best > CLOCK_GOOD_NS; i++) {
		struct pg_rows *rows;
		int64_t before = clock_real_ns(), took;

		rc = pg_tx_query(tx, &rows, "SELECT " PG_US("clock_timestamp()"), NULL, 0, err);
		took = clock_real_ns() - before;
		if (rc == 0 && took >= 0 && took < best) {
			best = took;
			tx->jobs->offset_us =
				pg_rows_int(rows, 0, 0, 0) - (before + took / 2) / 1000;
			tx->jobs->has_offset = 1;
		}
		pg_rows_free(rows);
	}
	return rc;
}

static int put_progress(struct pg_tx *tx, const struct source_event *e, struct err *err)
{
	char current[PG_INT_TEXT], total[PG_INT_TEXT];
	const char *const params[] = {
		e->job_id,
		e->progress_current < 0 ? NULL : pg_int_text(e->progress_current, current),
		e->progress_total < 0 ? NULL : pg_int_text(e->progress_total, total)};

	if (e->progress_current < 0 && e->progress_total < 0)
		return 0;
	return pg_tx_run(tx,
			 "UPDATE job SET progress_current = coalesce($2::bigint, progress_current),"
			 " progress_total = coalesce($3::bigint, progress_total) WHERE id = $1",
			 params, 3, NULL, err);
}

static int event_body(struct pg_tx *tx, void *ctx, struct err *err)
{
	const struct source_event *e = ctx;
	char stamp[PG_INT_TEXT];
	const char *params[] = {e->job_id, NULL,       e->level,
				e->event,  e->message, e->fields_json ? e->fields_json : "{}"};
	int rc = tx->jobs->has_offset ? 0 : learn_offset(tx, err);

	params[1] = pg_int_text(e->ts_ns / 1000 + tx->jobs->offset_us, stamp);
	if (rc == 0)
		rc = pg_tx_run(tx,
			       tx->tries
				       ? "INSERT INTO job_event (job_id, ts, level, event,"
					 " message, fields) SELECT $1::uuid, timestamptz 'epoch' +"
					 " $2::bigint * interval '1 microsecond', $3::text,"
					 " $4::text, $5::text, $6::jsonb WHERE NOT EXISTS"
					 " (SELECT 1 FROM job_event x WHERE x.job_id = $1::uuid AND"
					 " x.event = $4::text AND x.ts = timestamptz 'epoch' +"
					 " $2::bigint * interval '1 microsecond')"
				       : "INSERT INTO job_event (job_id, ts, level, event,"
					 " message, fields) VALUES ($1, timestamptz 'epoch' +"
					 " $2::bigint * interval '1 microsecond', $3, $4, $5, $6)",
			       params, 6, NULL, err);
	return rc ? rc : put_progress(tx, e, err);
}

int pg_source_insert_event(struct source *s, const struct source_event *row, struct err *err)
{
	struct pg_source *p = pg_of(s);
	int rc = pg_jobs_require_writing(p, err);

	return rc ? rc : pg_jobs_transact(p, p->pg, event_body, (void *)(uintptr_t)row, err);
}

/* ---- notices --------------------------------------------------------------------------------------- */

static int stop_waiting(void *ctx)
{
	(void)ctx;
	return cancel_requested();
}

/* 1: from now on; what was told before is lost. 0: before already. */
static int listen(struct pg_source *p, struct pg_jobs *jobs, struct err *err)
{
	int rc = 0;

	pg_jobs_call(p, p->pg);
	if (!pg_usable(p->pg))
		rc = pg_reopen(p->pg, err);
	if (rc == 0 && jobs->listening != pg_backend_pid(p->pg)) {
		rc = pg_exec(p->pg, "LISTEN " CHANNEL, err);
		jobs->listening = rc == 0 ? pg_backend_pid(p->pg) : 0;
		rc = rc == 0 ? 1 : rc;
	}
	pg_jobs_call_over(p->pg);
	return rc;
}

int pg_source_wait_jobs(struct source *s, int timeout_ms, struct err *err)
{
	struct pg_source *p = pg_of(s);
	struct pg_jobs *jobs = pg_jobs_of(p, err);
	int rc = jobs ? 0 : ERR_NOMEM;

	if (rc == 0)
		rc = listen(p, jobs, err);
	if (rc == 0) {
		pg_set_stop(p->pg, stop_waiting, NULL);
		rc = pg_wait_notify(p->pg, timeout_ms, err);
		pg_set_stop(p->pg, NULL, NULL);
	}
	return rc == ERR_CANCELLED ? 0 : rc;
}
