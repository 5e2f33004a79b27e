/* Jobs, events and data sets of a source: see source_jobs.h. Passes every call on; knows no SQL. */
#include "pipeline/source/source_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/source/source_ops.h"
#include "prof/postgres/pg.h"

int source_is_passing(const struct err *err)
{
	return err->code == ERR_NETWORK || pg_is_transient(err);
}

void source_job_release(struct source_job *job)
{
	free(job->status);
	free(job->operation);
	free(job->payload_json);
	*job = (struct source_job){0};
}

/* What a failed claim filled is nobody's. */
static int claimed(struct source_job *job, int rc)
{
	if (rc != 1)
		source_job_release(job);
	return rc;
}

int source_insert_job(struct source *s, struct source_claim *claim, const char *operation,
		      const char *payload_json, struct err *err)
{
	return s->ops->insert_job(s, claim, operation, payload_json, err);
}

int source_claim_job(struct source *s, const char *job_id, const struct source_claimant *who,
		     struct source_job *job, struct err *err)
{
	*job = (struct source_job){0};
	return claimed(job, s->ops->claim_job(s, job_id, who, job, err));
}

int source_claim_next(struct source *s, const char *queue, const char *operation,
		      const struct source_claimant *who, struct source_job *job, struct err *err)
{
	*job = (struct source_job){0};
	return claimed(job, s->ops->claim_next(s, queue, operation, who, job, err));
}

int source_take_expired(struct source *s, const char *queue, const char *operation,
			const struct source_claimant *who, struct source_job *job, struct err *err)
{
	*job = (struct source_job){0};
	return claimed(job, s->ops->take_expired(s, queue, operation, who, job, err));
}

int source_requeue_job(struct source *s, const struct source_claim *claim, const char *reason,
		       struct err *err)
{
	return s->ops->requeue_job(s, claim, reason, err);
}

int source_read_job(struct source *s, const char *job_id, struct source_job *job, struct err *err)
{
	*job = (struct source_job){0};
	return claimed(job, s->ops->read_job(s, job_id, job, err));
}

int source_finish_job(struct source *s, const struct source_claim *claim,
		      const struct source_end *end, struct err *err)
{
	return s->ops->finish_job(s, claim, end, err);
}

int source_extend_lease(struct source *s, const struct source_claim *claim, struct err *err)
{
	return s->ops->extend_lease(s, claim, err);
}

int source_check_job(struct source *s, const struct source_claim *claim, struct err *err)
{
	return s->ops->check_job(s, claim, err);
}

int source_wait_jobs(struct source *s, int timeout_ms, struct err *err)
{
	return s->ops->wait_jobs(s, timeout_ms, err);
}

int source_insert_event(struct source *s, const struct source_event *row, struct err *err)
{
	return s->ops->insert_event(s, row, err);
}

int source_reserve_name(struct source *s, const char *name, struct err *err)
{
	return s->ops->reserve_name(s, name, err);
}

void source_release_name(struct source *s)
{
	s->ops->release_name(s);
}

int source_check_name(struct source *s, struct err *err)
{
	return s->ops->check_name(s, err);
}

int source_has_dataset(struct source *s, const char *name, struct err *err)
{
	return s->ops->has_dataset(s, name, err);
}

int source_read_dataset(struct source *s, const char *name, char **json, struct err *err)
{
	*json = NULL;
	return s->ops->read_dataset(s, name, json, err);
}

int source_may_register(const struct source_dataset *row, const char *status, struct err *err)
{
	if (strcmp(status, "RUNNING") == 0 || strcmp(status, "QUEUED") == 0)
		return 0;
	return err_set(err, strcmp(status, "CANCELLED") == 0 ? ERR_CANCELLED : ERR_EXISTS,
		       "data set '%s' is not registered: job %s is %.20s by now", row->name,
		       row->job_id, status);
}

int source_insert_dataset(struct source *s, const struct source_dataset *row, struct err *err)
{
	return s->ops->insert_dataset(s, row, err);
}
