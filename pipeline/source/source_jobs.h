/* What a run writes into its source (SOURCE_WRITE): jobs, events, data sets, and the right to a data set's
 * name. Included by source.h.
 *
 * A job belongs to whoever claimed it, for as long as its row is RUNNING with the started_at of that claim.
 * Everything that is later done to the row asks for both, so that a run that lost its job (its lease
 * expired, somebody else has it now) cannot end it for another. A job's end and the event that tells of it
 * are one transaction: there is one job.succeeded or job.failed for each time a job ends.
 *
 * Each function is one transaction, committed when it returns. On a database a failure in passing is tried
 * again a few times, on a new connection if need be; what comes back as ERR_NETWORK was not to be helped
 * by that. A stop signal does not end these functions: a stopped job must still be closed. */
#ifndef SOURCE_SOURCE_JOBS_H
#define SOURCE_SOURCE_JOBS_H

#include <stdint.h>

#include "pipeline/core/text.h"
#include "prof/base/err.h"

struct source;

#define SOURCE_QUEUE   "protea.training" /* where exports are queued (spec 2.1) */
#define SOURCE_LEASE_S 120               /* spec 6.1 */

/* 1: a failure of the database that may pass (no server, connection lost, deadlock, too many sessions). */
int source_is_passing(const struct err *err);

/* ---- jobs --------------------------------------------------------------------------------------- */

struct source_claim {
	char job_id[UUID_TEXT];
	int64_t started_us; /* started_at of the row, unix microseconds by the database's clock */
	int lease_s;        /* 0: SOURCE_LEASE_S */
};

struct source_job { /* a job's row; texts malloc'ed, "" for NULL */
	struct source_claim claim;
	char *status;
	char *operation;
	char *payload_json;
	int requeues; /* how often an expired lease sent it back to its queue */
};
void source_job_release(struct source_job *job); /* zeroed is fine */

struct source_claimant {
	const char *worker; /* "host:pid", for the event job.started */
	int lease_s;        /* 0: SOURCE_LEASE_S */
	int again;          /* source_claim_job: FAILED and CANCELLED jobs too */
};

/* A job made from a job file: inserted as RUNNING with started_at = now. Fills the claim but for its
 * job_id, which is the new row's. */
int source_insert_job(struct source *s, struct source_claim *claim, const char *operation,
		      const char *payload_json, struct err *err);
/* Claims a QUEUED job (conditional update, event job.started in the same transaction). 1 claimed, 0
 * somebody else has it or it is not QUEUED, ERR_NOTFOUND. ERR_CANCELLED: its parent job was cancelled, so
 * this one is now too, with its event (spec 6.1). `job` is zeroed unless claimed. */
int source_claim_job(struct source *s, const char *job_id, const struct source_claimant *who,
		     struct source_job *job, struct err *err);
/* The same for the oldest QUEUED job of a queue; jobs of other operations are left alone, those that
 * somebody else is claiming are passed over. 1 claimed, 0 there is none. */
int source_claim_next(struct source *s, const char *queue, const char *operation,
		      const struct source_claimant *who, struct source_job *job, struct err *err);
/* Takes over a RUNNING job of the queue whose lease has expired, so that it can be ended or put back: it is
 * then ours by a claim of its own, without an event. 1, or 0: there is none (or no column for leases). */
int source_take_expired(struct source *s, const char *queue, const char *operation,
			const struct source_claimant *who, struct source_job *job, struct err *err);
/* Puts a job of ours back into its queue, with event job.requeued {reason, requeues}. */
int source_requeue_job(struct source *s, const struct source_claim *claim, const char *reason,
		       struct err *err);
/* 1 and its row, 0 there is no such job. */
int source_read_job(struct source *s, const char *job_id, struct source_job *job, struct err *err);

/* Of the next three: 0 done; ERR_CANCELLED: somebody cancelled the job; ERR_EXISTS: somebody else has the
 * job, or has ended it; ERR_NOTFOUND: there is no such job. Nothing was changed then. */

struct source_end {
	const char *status;        /* SUCCEEDED or FAILED */
	const char *error_code;    /* FAILED only */
	const char *error_message; /* likewise */
	const char *fields_json;   /* of the event: {"result": …}; NULL: {"error_code": …} */
};
/* Ends a job of ours: status, finished_at, error columns, and event job.succeeded or job.failed. Saying so
 * again is no failure: a commit whose answer was lost has worked. A job that has registered its data set cannot
 * fail: 1, nothing was changed; it is asked under the lock of the job's row that registration takes. */
int source_finish_job(struct source *s, const struct source_claim *claim,
		      const struct source_end *end, struct err *err);
/* leased_until = now + lease_s. */
int source_extend_lease(struct source *s, const struct source_claim *claim, struct err *err);
/* Is it still ours? Writes nothing. */
int source_check_job(struct source *s, const struct source_claim *claim, struct err *err);

/* Waits until a job may have been queued: 1 there was a notice, 0 the time is over or a signal came. In a
 * bundle nobody gives notice. */
int source_wait_jobs(struct source *s, int timeout_ms, struct err *err);

/* ---- events ------------------------------------------------------------------------------------- */

struct source_event {
	const char *job_id;
	int64_t ts_ns;
	const char *level; /* info | warning | error */
	const char *event;
	const char *message;                      /* NULL possible */
	const char *fields_json;                  /* an object */
	int64_t progress_current, progress_total; /* -1: leave job's columns alone */
};
int source_insert_event(struct source *s, const struct source_event *row, struct err *err);

/* ---- data sets ---------------------------------------------------------------------------------- */

/* Exclusive right to a data set name until source_release_name() or the process's end (flock beside a
 * bundle, advisory lock on a connection of its own in PostgreSQL). ERR_EXISTS: another run holds it. */
int source_reserve_name(struct source *s, const char *name, struct err *err);
void source_release_name(struct source *s);
/* Is the name still ours? 0 all the time; 1 it was lost with its connection and is ours again: what was
 * found out about it before must be looked up anew; ERR_EXISTS another run has it now. */
int source_check_name(struct source *s, struct err *err);

int source_has_dataset(struct source *s, const char *name, struct err *err); /* 1, 0, negative */
/* The row as a JSON object (malloc'ed). 1, 0 none of that name, negative. */
int source_read_dataset(struct source *s, const char *name, char **json, struct err *err);

struct source_dataset { /* a row of `dataset`; NULL texts become NULL */
	const char *id, *name, *operation, *job_id, *storage_backend, *key_prefix;
	const char *train_uri, *eval_uri, *manifest_uri, *schema_sha, *schema_sha_v2, *manifest_sha;
	int64_t n_train_rows, n_eval_rows;
	int k;
	const char *annotation_source, *embedding_config_id, *ontology_snapshot_id;
	const char *train_snapshot_pairs_json, *eval_snapshot_pair;
	const char *producer_version, *producer_git_sha, *meta_json;
	int64_t created_at_ns;
};
/* ERR_EXISTS when the name is taken or the job of row.job_id has ended, ERR_CANCELLED when it was cancelled (checked
 * in the same transaction). Once more with the same id is no failure. */
int source_insert_dataset(struct source *s, const struct source_dataset *row, struct err *err);

#endif
