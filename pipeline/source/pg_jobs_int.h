/* What the writing side of a PostgreSQL source shares. Private to pg_jobs*.c.
 *   pg_jobs_transact.c  one transaction, tried again after a failure in passing
 *   pg_jobs.c           claiming jobs
 *   pg_jobs_end.c       leases, ends, putting back
 *   pg_jobs_event.c     events, notices of new jobs
 *   pg_jobs_dataset.c   rows of table dataset
 *   pg_jobs_name.c      the advisory lock on a data set's name */
#ifndef SOURCE_PG_JOBS_INT_H
#define SOURCE_PG_JOBS_INT_H

#include "pipeline/source/pg_source.h"

struct pg_jobs {
	int ascii;           /* the database's encoding cannot hold all of our texts */
	int listening;       /* backend pid of the connection that listens; 0 none */
	int has_offset;      /* offset_us is known */
	int64_t offset_us;   /* the server's clock minus ours */
	int name_backend;    /* who holds the lock on a name: pid and start of that session */
	char name_since[64]; /* text of pg_stat_activity.backend_start */
};

/* p->jobs, made on the first call; NULL: no memory. */
struct pg_jobs *pg_jobs_of(struct pg_source *p, struct err *err);

struct pg_tx {
	struct pg *pg;
	struct pg_jobs *jobs;
	int answer_s; /* the source's */
	int tries;    /* before this one: an earlier one may have been committed, its answer lost */
};

typedef int pg_tx_fn(struct pg_tx *tx, void *ctx, struct err *err);

/* Runs `body` between BEGIN and COMMIT on `pg`; its result, if not negative, is the result. A failure in
 * passing (lost connection, deadlock, serialization, lock timeout) is tried again up to three times with
 * growing pauses, on a new connection if need be, so the body must find out what an earlier try has done. All tries together end
 * within p->answer_s. */
int pg_jobs_transact(struct pg_source *p, struct pg *pg, pg_tx_fn *body, void *ctx,
		     struct err *err);

/* The same once, on the session that holds the name: what it does is done under the lock or not at all.
 * ERR_NETWORK: the session is lost (source_check_name). */
int pg_jobs_held(struct pg_source *p, pg_tx_fn *body, void *ctx, struct err *err);

/* Between the two every wait on `pg` is part of one call, which ends within p->answer_s; after a stop signal
 * within ten seconds of it. */
void pg_jobs_call(const struct pg_source *p, struct pg *pg);
void pg_jobs_call_over(struct pg *pg);

/* A statement inside a transaction; *affected and *rows may be NULL. Letters that the database's encoding
 * does not have become '?'. */
int pg_tx_run(struct pg_tx *tx, const char *sql, const char *const *params, int n_params,
	      long *affected, struct err *err);
int pg_tx_query(struct pg_tx *tx, struct pg_rows **rows, const char *sql, const char *const *params,
		int n_params, struct err *err);

/* A row of job_event with the transaction's time. */
int pg_tx_event(struct pg_tx *tx, const char *job_id, const char *level, const char *event,
		const char *message, const char *fields_json, struct err *err);

/* Unix microseconds of a timestamptz, 0 for NULL. */
#define PG_US(column) "coalesce((extract(epoch FROM " column ") * 1000000)::bigint, 0)"
/* The first row of a SELECT of these columns, as a job. */
#define PG_JOB_COLUMNS                                                                             \
	"job.id, job.status, job.operation, job.payload::text, " PG_US(                            \
		"job.started_at") ", (SELECT count(*) FROM job_event e WHERE e.job_id = job.id "   \
				  "AND"                                                            \
				  " e.event = 'job.requeued')"
int pg_jobs_fill(const struct pg_rows *rows, struct source_job *job, struct err *err);

#define PG_INT_TEXT 24
const char *pg_int_text(int64_t v, char out[PG_INT_TEXT]);

int pg_jobs_require_writing(const struct pg_source *p, struct err *err);

#endif
