/* One transaction of the writing side: see pg_jobs_int.h. A stop signal does not end it: a stopped job must
 * still be closed. */
#include "pipeline/source/pg_jobs_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/core/cancel.h"

#define TRIES          3
#define FIRST_PAUSE_MS 100
#define PAUSE_FACTOR   4
#define PARAMS_MAX     24

/* Limits of the role would end what is short anyway; a row that somebody keeps locked must not hold us up. What we
 * no longer wait for ends on the server too. A statement behind a lock sees what was done under it. */
#define BEGIN                                                                                      \
	"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout TO '%ds'; SET LOCAL "   \
	"lock_timeout TO '%dms';"                                                                  \
	" SET LOCAL idle_in_transaction_session_timeout TO '%ds'"
#define LOCK_MS 20000

#define STOPPED_MS 10000 /* what a stop signal leaves to a call */

struct pg_jobs *pg_jobs_of(struct pg_source *p, struct err *err)
{
	if (!p->jobs)
		p->jobs = calloc(1, sizeof *p->jobs);
	if (!p->jobs)
		err_nomem(err, "a database's jobs");
	return p->jobs;
}

int pg_jobs_require_writing(const struct pg_source *p, struct err *err)
{
	if (p->writing)
		return 0;
	return err_set(err, ERR_INTERNAL, "'%s' was opened for reading only", p->base.name);
}

const char *pg_int_text(int64_t v, char out[PG_INT_TEXT])
{
	snprintf(out, PG_INT_TEXT, "%" PRId64, v);
	return out;
}

/* ---- texts the database cannot hold -------------------------------------------------------------- */

/* A copy with '?' for each character beyond ASCII; fine inside JSON. */
static char *ascii_copy(const char *text)
{
	size_t n = strlen(text), out = 0;
	char *copy = malloc(n + 1);

	for (size_t i = 0; copy && i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x80)
			copy[out++] = text[i];
		else if (c >= 0xc0)
			copy[out++] = '?'; /* its first byte; the others are passed over */
	}
	if (copy)
		copy[out] = '\0';
	return copy;
}

static int query(struct pg_tx *tx, struct pg_rows **rows, const char *sql,
		 const char *const *params, int n_params, struct err *err)
{
	char *copy[PARAMS_MAX] = {0};
	const char *used[PARAMS_MAX] = {0};
	int rc = n_params <= PARAMS_MAX ? 0 : err_set(err, ERR_INTERNAL, "too many parameters");

	for (int i = 0; rc == 0 && i < n_params; i++) {
		used[i] = params[i];
		if (!tx->jobs->ascii || !params[i])
			continue;
		used[i] = copy[i] = ascii_copy(params[i]);
		if (!copy[i])
			rc = err_nomem(err, "a statement");
	}
	if (rc == 0)
		rc = pg_query(tx->pg, rows, sql, used, n_params, err);
	for (int i = 0; i < n_params && i < PARAMS_MAX; i++)
		free(copy[i]);
	return rc;
}

int pg_tx_query(struct pg_tx *tx, struct pg_rows **rows, const char *sql, const char *const *params,
		int n_params, struct err *err)
{
	*rows = NULL;
	return query(tx, rows, sql, params, n_params, err);
}

int pg_tx_run(struct pg_tx *tx, const char *sql, const char *const *params, int n_params,
	      long *affected, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = query(tx, &rows, sql, params, n_params, err);

	if (rc == 0 && affected)
		*affected = pg_affected(rows);
	pg_rows_free(rows);
	return rc;
}

/* ---- trying again -------------------------------------------------------------------------------- */

void pg_jobs_call_over(struct pg *pg)
{
	pg_set_stop(pg, NULL, NULL);
	pg_set_deadline(pg, 0);
}

/* A stop ends no call, it leaves less time to it. */
static int hurry(void *ctx)
{
	struct pg *pg = ctx;

	if (cancel_requested()) {
		pg_set_stop(pg, NULL, NULL);
		if (pg_time_left_ms(pg) > STOPPED_MS)
			pg_set_deadline(pg, STOPPED_MS);
	}
	return 0;
}

void pg_jobs_call(const struct pg_source *p, struct pg *pg)
{
	pg_set_deadline(pg, p->answer_s * INT64_C(1000));
	pg_set_stop(pg, hurry, pg);
}

static void pause_ms(int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

/* 0: this was the last try. */
static int again(struct pg_tx *tx, const struct err *why)
{
	int64_t pause = FIRST_PAUSE_MS, left = pg_time_left_ms(tx->pg);

	if (!tx->jobs->ascii && (pg_sqlstate_is(why, "22P05") || pg_sqlstate_is(why, "22021"))) {
		tx->jobs->ascii = 1;
		return 1;
	}
	if (tx->tries >= TRIES || left == 0 || (why->code != ERR_NETWORK && !pg_is_transient(why)))
		return 0;
	for (int i = 0; i < tx->tries; i++)
		pause *= PAUSE_FACTOR;
	pause_ms(pause < left ? pause : left);
	tx->tries++;
	return 1;
}

static int begin(struct pg_tx *tx, struct err *err)
{
	int lock_ms = tx->answer_s * 667 < LOCK_MS ? tx->answer_s * 667 : LOCK_MS;
	char sql[sizeof BEGIN + 40];

	snprintf(sql, sizeof sql, BEGIN, tx->answer_s, lock_ms, 2 * tx->answer_s);
	return pg_exec(tx->pg, sql, err);
}

static int once(struct pg_tx *tx, pg_tx_fn *body, void *ctx, struct err *err)
{
	int rc = begin(tx, err);
	int done;

	if (rc == 0)
		rc = body(tx, ctx, err);
	if (rc < 0) {
		pg_rollback(tx->pg);
		return rc;
	}
	done = pg_commit(tx->pg, err);
	return done < 0 ? done : rc;
}

int pg_jobs_transact(struct pg_source *p, struct pg *pg, pg_tx_fn *body, void *ctx, struct err *err)
{
	struct pg_tx tx = {.pg = pg, .jobs = pg_jobs_of(p, err), .answer_s = p->answer_s};
	struct err own = ERR_INIT;
	int rc;

	if (!tx.jobs)
		return ERR_NOMEM;
	pg_jobs_call(p, pg);
	do {
		rc = pg_usable(pg) ? 0 : pg_reopen(pg, &own);
		if (rc == 0)
			rc = once(&tx, body, ctx, &own);
	} while (rc < 0 && again(&tx, &own));
	pg_jobs_call_over(pg);
	if (rc < 0 && err)
		*err = own;
	return rc;
}

int pg_jobs_held(struct pg_source *p, pg_tx_fn *body, void *ctx, struct err *err)
{
	struct pg_tx tx = {.pg = p->name_pg, .jobs = pg_jobs_of(p, err), .answer_s = p->answer_s};
	struct err own = ERR_INIT;
	int rc;

	if (!tx.jobs)
		return ERR_NOMEM;
	if (!pg_usable(p->name_pg))
		return err_set(err, ERR_NETWORK,
			       "'%s': the connection that holds the data set's name is lost",
			       p->base.name);
	pg_jobs_call(p, p->name_pg);
	do {
		rc = once(&tx, body, ctx, &own);
	} while (rc < 0 && own.code != ERR_NETWORK && again(&tx, &own));
	pg_jobs_call_over(p->name_pg);
	if (rc < 0 && err)
		*err = own;
	return rc;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

int pg_tx_event(struct pg_tx *tx, const char *job_id, const char *level, const char *event,
		const char *message, const char *fields_json, struct err *err)
{
	const char *const params[] = {job_id, level, event, message, fields_json};

	return pg_tx_run(tx,
			 "INSERT INTO job_event (job_id, ts, level, event, message, fields)"
			 " VALUES ($1, now(), $2, $3, $4, $5)",
			 params, 5, NULL, err);
}

static char *copy_text(const struct pg_rows *rows, int col)
{
	const char *text = pg_rows_text(rows, 0, col);

	return strdup(text ? text : "");
}

int pg_jobs_fill(const struct pg_rows *rows, struct source_job *job, struct err *err)
{
	source_job_release(job);
	if (!pg_rows_text(rows, 0, 0) ||
	    uuid_normalise(pg_rows_text(rows, 0, 0), job->claim.job_id) != 0)
		return err_set(err, ERR_FORMAT, "a job's id is no UUID");
	job->status = copy_text(rows, 1);
	job->operation = copy_text(rows, 2);
	job->payload_json = copy_text(rows, 3);
	job->claim.started_us = pg_rows_int(rows, 0, 4, 0);
	job->requeues = (int)pg_rows_int(rows, 0, 5, 0);
	return job->status && job->operation && job->payload_json ? 1 : err_nomem(err, "a job");
}

void pg_jobs_close(struct pg_source *p)
{
	pg_source_release_name(&p->base);
	pg_close(p->name_pg);
	p->name_pg = NULL;
	free(p->jobs);
	p->jobs = NULL;
}
