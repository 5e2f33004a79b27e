/* A run's row in table job: its beginning and its end. See run_int.h. */
#include "pipeline/job/run_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/job/retry.h"
#include "pipeline/job/settle.h"
#include "pipeline/job/sweep.h"
#include "prof/base/log.h"

static int insert_job(struct run *r, struct err *err)
{
	char *payload;
	int rc = uuid_random(r->claim.job_id);

	if (rc)
		return err_set(err, rc, "cannot make a job id");
	r->claim.lease_s = r->c->settings->lease_s;
	payload = json_compact(r->payload.json);
	rc = payload ? source_insert_job(r->c->source, &r->claim, "export_research_dataset",
					 payload, err)
		     : err_nomem(err, "a job");
	free(payload);
	return rc;
}

/* With a database that does not answer: a claimed job is waited for, a user is told. */
static int patience(const struct run *r)
{
	return r->claimed ? r->c->settings->db_retry_s : 0;
}

int run_begin_job(struct run *r, struct err *err)
{
	struct source *sink = NULL;
	int rc = r->claimed ? 0 : insert_job(r, err);

	if (rc)
		return rc;
	r->has_job = 1;
	rc = retry_open(&sink, source_url(r->c->source), SOURCE_WRITE, patience(r), err);
	if (rc)
		return rc;
	r->events = events_new(sink, r->claim.job_id);
	if (!r->events)
		return err_nomem(err, "events");
	r->heartbeat = heartbeat_start(source_url(r->c->source), &r->claim,
				       r->c->settings->heartbeat_s, r->c->settings->look_s);
	if (!r->claimed)
		events_emit(r->events, "info", "job.started", NULL,
			    json_pack("{s:s}", "worker", "protea-export"));
	return 0;
}

/* 1: the job's data set is registered after all, and so is its end. */
static int finish(struct run *r, int rc, const char *text)
{
	struct err why = ERR_INIT;
	json_t *fields = rc ? json_pack("{s:s}", "error_code", err_name(rc))
			    : json_pack("{s:O}", "result", r->publication.result);
	char *fields_json = fields ? json_compact(fields) : NULL;
	char *clean = rc ? text_utf8(text) : NULL;
	const struct source_end end = {.status = rc ? "FAILED" : "SUCCEEDED",
				       .error_code = rc ? err_name(rc) : NULL,
				       .error_message = clean,
				       .fields_json = fields_json};
	int done, after_all = 0;

	events_tell(r->events, rc ? "error" : "info", rc ? "job.failed" : "job.succeeded",
		    rc ? text : NULL, fields);
	done = settle_write(r->c->source, &r->claim, &end, r->c->settings->db_retry_s, &why);
	if (done == 1) {
		log_info("data set '%s' is registered after all", r->payload.output_name);
		done = settle_registered(r->c->source, r->c->settings, &r->claim,
					 r->payload.output_name, &r->publication.result, &why);
		after_all = done == 0;
	}
	if (done == ERR_EXISTS || done == ERR_CANCELLED)
		log_warn("%s", why.text);
	else if (done)
		log_error("the job's row could not be set to %s: %s", end.status, why.text);
	json_decref(fields);
	free(fields_json);
	free(clean);
	return after_all;
}

/* What this run or an earlier one of the job has put into the store: nobody will come back for it. */
static void sweep(struct run *r)
{
	struct err why = ERR_INIT;

	if (r->reserved && r->payload.output_name &&
	    sweep_leftovers(r->c->source, r->c->settings, r->payload.output_name, 1, &why) < 0)
		events_warn(r->events, "cleanup", NULL,
			    "uploaded objects may be left in the artifact store, the next run of "
			    "this data set removes them: %s",
			    why.text);
}

int run_end_job(struct run *r, int rc, const struct err *err)
{
	char *all = rc ? problems_text(r->problems) : NULL; /* an err holds fewer */
	const char *text = all ? all : err->text;
	int cancelled = rc == ERR_CANCELLED && heartbeat_cancelled(r->heartbeat);
	int lost = rc == ERR_CANCELLED && heartbeat_lost(r->heartbeat), after_all = 0;

	if (rc)
		sweep(r);
	heartbeat_stop(r->heartbeat);
	r->heartbeat = NULL;
	if (cancelled) /* who did so has set the row */
		events_emit(r->events, "info", "job.cancelled", text,
			    json_pack("{s:s}", "reason", "cancelled"));
	else if (r->has_job && !lost) /* a lost job is another run's to end */
		after_all = finish(r, rc, text);
	free(all);
	return after_all ? 0 : rc;
}

/* What is finished is not lost; said where doing the same again can help. */
void run_say_staging(const struct run *r, int rc, struct err *err)
{
	size_t len;

	if (rc == ERR_CANCELLED && heartbeat_cancelled(r->heartbeat))
		err_set(err, rc, "job %s was cancelled", r->claim.job_id);
	if (rc == ERR_CANCELLED && heartbeat_lost(r->heartbeat))
		err_set(err, rc, "job %s has been given to somebody else", r->claim.job_id);
	len = strlen(err->text);
	if (rc != ERR_CANCELLED && rc != ERR_IO && rc != ERR_DATABASE && rc != ERR_NETWORK &&
	    rc != ERR_NOMEM && rc != ERR_LIMIT)
		return;
	if (r->claimed)
		snprintf(err->text + len, sizeof err->text - len,
			 "; what is finished is kept in '%s': 'protea-export run --again %s' goes "
			 "on from there, and registers what is complete",
			 r->staging.dir, r->claim.job_id);
	else
		snprintf(err->text + len, sizeof err->text - len,
			 "; what is finished is kept in '%s': run the job again and it goes on "
			 "from there",
			 r->staging.dir);
}
