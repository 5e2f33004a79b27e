/* The operation export_research_dataset: see run.h. */
#include "pipeline/job/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/workers.h"
#include "pipeline/job/heartbeat.h"
#include "pipeline/job/preflight.h"
#include "pipeline/job/publish.h"
#include "pipeline/job/refusal.h"
#include "pipeline/job/pairs.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"

struct run {
	struct context *c;
	const struct run_options *options;
	struct problems own_problems;
	struct problems *problems; /* the caller's, or own_problems */
	struct payload payload;
	struct plan plan;
	struct notes notes;
	struct events *events;
	struct heartbeat *heartbeat;
	struct staging staging;
	json_t **marker; /* owned: one per pair */
	struct publication publication;
	const char *job_id;
	char own_job_id[UUID_TEXT];
	int has_job; /* a job row is RUNNING in our name */
	int reserved;
	int64_t start_ns;
	pp_stage whole;
};

/* ---- saying how it began and ended ---------------------------------------------------------------------- */

static void say_payload(struct run *r)
{
	const struct payload *p = &r->payload;

	if (json_array_size(p->unknown_keys))
		notes_add(&r->notes, "unknown_keys", json_pack("{s:O}", "keys", p->unknown_keys),
			  "the payload has keys this program does not know; they are ignored");
	if (p->backend_is_alias)
		notes_add(&r->notes, "search_backend",
			  json_pack("{s:s}", "search_backend", p->search_backend),
			  "search_backend '%s' runs as the exact search", p->search_backend);
	if (p->ignored_known)
		notes_add(&r->notes, "ignored_fields", NULL,
			  "stable_feature_cache and classifier_variants are accepted and ignored");
	if (r->c->settings->warnings)
		notes_add(&r->notes, "settings", NULL, "%s", r->c->settings->warnings);
}

static json_t *versions_json(const int64_t *v, size_t n)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(list, json_integer((json_int_t)v[i]));
	return list;
}

static void say_start(struct run *r)
{
	const struct payload *p = &r->payload;

	events_emit(r->events, "info", "start", NULL,
		    json_pack("{s:s, s:o, s:o, s:I, s:s, s:i, s:i, s:b}", "name", p->output_name,
			      "train_versions",
			      versions_json(p->train_versions, p->n_train_versions),
			      "test_versions", versions_json(p->test_versions, p->n_test_versions),
			      "n_pairs", (json_int_t)r->plan.n_pairs, "training_scope", "per_cell",
			      "max_models", 12, "per_cell_min_positives", 200, "ia_weighted",
			      p->ia_file != NULL));
	notes_say(&r->notes, r->events);
}

/* ---- job row and events --------------------------------------------------------------------------------- */

static int begin_job(struct run *r, struct err *err)
{
	struct source *sink = NULL;
	char *payload;
	int rc = 0;

	if (!r->job_id) {
		rc = uuid_random(r->own_job_id);
		if (rc)
			return err_set(err, rc, "cannot make a job id");
		payload = json_compact(r->payload.json);
		rc = payload ? source_insert_job(r->c->source, r->own_job_id,
						 "export_research_dataset", payload, err)
			     : err_nomem(err, "a job");
		free(payload);
		if (rc)
			return rc;
		r->job_id = r->own_job_id;
	}
	r->has_job = 1;
	rc = source_open(&sink, source_url(r->c->source), SOURCE_WRITE, err);
	if (rc)
		return rc;
	r->events = events_new(sink, r->job_id);
	if (!r->events)
		return err_nomem(err, "events");
	r->heartbeat =
		heartbeat_start(source_url(r->c->source), r->job_id, r->c->settings->heartbeat_s);
	if (r->job_id == r->own_job_id)
		events_emit(r->events, "info", "job.started", NULL,
			    json_pack("{s:s}", "worker", "protea-export"));
	return 0;
}

static int finish(const struct run *r, struct source *s, const char *status, int rc,
		  const char *text, struct err *why)
{
	return source_finish_job(s, r->job_id, status, rc ? err_name(rc) : NULL, rc ? text : NULL,
				 why);
}

/* On a connection of its own: the run's may be what failed (spec 6.1). */
static int finish_again(const struct run *r, const char *status, int rc, const char *text,
			struct err *why)
{
	struct source *s = NULL;
	int done = source_open(&s, source_url(r->c->source), SOURCE_WRITE, why);

	if (!done)
		done = finish(r, s, status, rc, text, why);
	source_close(s);
	return done;
}

static void end_job(struct run *r, int rc, const struct err *err)
{
	struct err why = ERR_INIT;
	const char *status = rc ? "FAILED" : "SUCCEEDED";
	char *all = rc ? problems_text(r->problems) : NULL; /* an err holds fewer */
	const char *text = all ? all : err->text;
	int cancelled = rc == ERR_CANCELLED && heartbeat_cancelled(r->heartbeat);

	heartbeat_stop(r->heartbeat);
	if (cancelled) /* who did so has set the row */
		events_emit(r->events, "info", "job.cancelled", text,
			    json_pack("{s:s}", "reason", "cancelled"));
	else if (r->has_job && rc)
		events_emit(r->events, "error", "job.failed", text,
			    json_pack("{s:s}", "error_code", err_name(rc)));
	else if (r->has_job)
		events_emit(r->events, "info", "job.succeeded", NULL,
			    json_pack("{s:O}", "result", r->publication.result));
	if (r->has_job && !cancelled && finish(r, r->c->source, status, rc, text, &why) != 0 &&
	    finish_again(r, status, rc, text, &why) != 0)
		log_error("the job's row could not be set to %s: %s", status, why.text);
	free(all);
}

/* What is finished is not lost; said where doing the same again can help. */
static void say_staging(const struct run *r, int rc, struct err *err)
{
	size_t len;

	if (rc == ERR_CANCELLED && heartbeat_cancelled(r->heartbeat))
		err_set(err, rc, "job %s was cancelled", r->job_id);
	len = strlen(err->text);
	if (rc != ERR_CANCELLED && rc != ERR_IO && rc != ERR_DATABASE && rc != ERR_NETWORK &&
	    rc != ERR_NOMEM && rc != ERR_LIMIT)
		return;
	snprintf(err->text + len, sizeof err->text - len,
		 "; what is finished is kept in '%s': run the job again and it goes on from there",
		 r->staging.dir);
}

/* ---- the work -------------------------------------------------------------------------------------------- */

static int load(struct run *r, struct err *err)
{
	int rc = context_load_maps(r->c, &r->payload, &r->plan, r->events, err);

	if (!rc)
		rc = context_load_pool(r->c, &r->payload, r->events, err);
	if (!rc)
		rc = context_load_pca(r->c, &r->payload, r->events, err);
	if (!rc)
		rc = context_load_auxiliary(r->c, &r->payload, r->events, err);
	return rc;
}

static int open_staging(struct run *r, struct err *err)
{
	char fingerprint[SHA256_HEX];
	struct events_stage stage;
	int rc;

	events_stage_begin(r->events, &stage, "fingerprint");
	rc = staging_fingerprint(r->c, &r->payload, &r->plan, fingerprint, err);
	if (!rc)
		rc = staging_open(&r->staging, r->c->settings->resume_dir, r->payload.output_name,
				  fingerprint, err);
	if (!rc)
		rc = staging_own(&r->staging, r->c->source, err);
	events_stage_end(&stage, rc ? NULL : "resume_dir",
			 json_pack("{s:s}", "staging_dir", rc ? "" : r->staging.dir));
	return rc;
}

/* Sizes of the run, for stages that have none of their own. */
static void mark_sizes(struct run *r)
{
	pp_stage_param(&r->whole, "n", (double)r->c->pool.n);
	pp_stage_param(&r->whole, "d", (double)r->c->pool.dim);
	pp_stage_param(&r->whole, "k", (double)r->payload.k);
	pp_stage_param(&r->whole, "p", PCA_COMPONENTS);
	pp_stage_param(&r->whole, "splits", (double)r->plan.n_pairs);
	pp_stage_param(&r->whole, "workers", (double)r->c->settings->workers);
}

static int compute(struct run *r, struct err *err)
{
	struct pairs pairs = {
		.c = r->c,
		.payload = &r->payload,
		.plan = &r->plan,
		.staging = &r->staging,
		.events = r->events,
	};
	int rc = load(r, err);

	mark_sizes(r);
	if (!rc)
		rc = open_staging(r, err);
	if (rc)
		return rc;
	r->marker = calloc(r->plan.n_pairs, sizeof *r->marker);
	if (!r->marker)
		return err_nomem(err, "pairs");
	rc = pairs_run(&pairs, r->marker, err);
	pairs_release(&pairs);
	return rc;
}

static int check_unregistered(struct run *r, struct err *err)
{
	int rc = source_has_dataset(r->c->source, r->payload.output_name, err);

	if (rc == 1)
		return err_set(
			err, ERR_EXISTS,
			"data set '%s' was registered by another run meanwhile; choose another "
			"output_name",
			r->payload.output_name);
	return rc;
}

static int publish(struct run *r, struct err *err)
{
	int rc;

	r->publication = (struct publication){
		.c = r->c,
		.payload = &r->payload,
		.plan = &r->plan,
		.staging = &r->staging,
		.events = r->events,
		.markers = r->marker,
		.job_id = r->job_id,
		.start_ns = r->start_ns,
	};
	rc = publish_assemble(&r->publication, err);
	if (!rc)
		rc = check_unregistered(r, err);
	if (!rc)
		rc = artifact_probe(r->c->store, 1, err);
	if (!rc)
		rc = publish_upload(&r->publication, err);
	if (!rc)
		rc = publish_register(&r->publication, err);
	return rc;
}

/* ---- refusal ---------------------------------------------------------------------------------------------- */

/* Is the payload alone at fault? Then nothing is left behind. */
static int refusal(const struct problems *problems)
{
	size_t i;

	for (i = 0; i < problems->count; i++)
		if (problems->list[i].code != ERR_ARG && problems->list[i].code != ERR_EXISTS)
			return 0;
	return problems->count > 0;
}

/* The name is looked up again once it is ours: another run may have registered it meanwhile. */
static int reserve_name(struct run *r, enum run_outcome *outcome, struct err *err)
{
	int rc = source_reserve_name(r->c->source, r->payload.output_name, err);

	if (rc)
		return rc;
	r->reserved = 1;
	rc = check_unregistered(r, err);
	if (rc == ERR_EXISTS)
		*outcome = RUN_REFUSED;
	return rc;
}

/* Everything before the first row of work. 0 go on; else the outcome is in *outcome. */
static int prepare(struct run *r, const json_t *payload, enum run_outcome *outcome, struct err *err)
{
	struct problems *problems = r->problems;
	int rc = payload_parse(&r->payload, payload, problems, err);

	*outcome = rc == ERR_ARG ? RUN_REFUSED : RUN_FAILED;
	if (rc) {
		if (problems->count)
			rc = problems_result(problems, err);
		return rc;
	}
	rc = preflight_run(r->c, &r->payload, &r->plan, r->options->memory_limit, problems,
			   &r->notes, err);
	if (!rc && problems->count) {
		rc = problems_result(problems, err);
		if (refusal(problems))
			*outcome = RUN_REFUSED;
	}
	return rc ? rc : reserve_name(r, outcome, err);
}

static void release(struct run *r)
{
	size_t i;

	for (i = 0; r->marker && i < r->plan.n_pairs; i++)
		json_decref(r->marker[i]);
	free(r->marker);
	publish_release(&r->publication);
	if (r->reserved)
		source_release_name(r->c->source);
	events_free(r->events);
	notes_release(&r->notes);
	problems_release(&r->own_problems);
	plan_release(&r->plan);
	payload_release(&r->payload);
}

enum run_outcome run_export(struct context *c, const json_t *payload, const char *job_id,
			    const struct run_options *options, json_t **result, struct err *err)
{
	struct run r = {.c = c,
			.options = options,
			.job_id = job_id,
			.start_ns = clock_mono_ns(),
			.staging = {.lock = -1}};
	enum run_outcome outcome = RUN_REFUSED;
	struct events_stage stage;
	int prepared, rc;

	r.whole = pp_stage_begin("export");
	*result = NULL;
	r.problems = options->problems ? options->problems : &r.own_problems;
	events_stage_begin(NULL, &stage, "preflight");
	prepared = prepare(&r, payload, &outcome, err);
	rc = prepared;
	if (!prepared || (outcome == RUN_FAILED && r.payload.json) || job_id) {
		struct err job_err = ERR_INIT;
		int job_rc = begin_job(&r, &job_err);

		if (job_rc && !rc) {
			rc = job_rc;
			*err = job_err;
		}
	}
	stage.events = r.events; /* who could be told only now */
	events_stage_end(&stage, rc ? NULL : "preflight_done",
			 json_pack("{s:I, s:i, s:I}", "n_pairs", (json_int_t)r.plan.n_pairs,
				   "_progress_current", 0, "_progress_total",
				   (json_int_t)r.plan.n_pairs));
	if (!rc) {
		say_payload(&r);
		say_start(&r);
		rc = compute(&r, err);
	}
	if (!rc)
		rc = publish(&r, err);
	if (rc && r.staging.dir)
		say_staging(&r, rc, err);
	end_job(&r, rc, err);
	if (!rc) {
		outcome = RUN_DONE;
		*result = json_incref(r.publication.result);
		if (options->keep_staging)
			staging_close(&r.staging);
		else
			staging_remove(&r.staging);
	} else {
		if (!prepared)
			outcome = RUN_FAILED;
		staging_close(&r.staging);
	}
	release(&r);
	pp_stage_end(&r.whole);
	return outcome;
}

enum run_outcome run_payload(const char *source_url, const json_t *payload,
			     const json_t *environment, const char *base_dir, const char *job_id,
			     const struct run_options *options, json_t **result, struct err *err)
{
	struct problems own = PROBLEMS_INIT;
	struct problems *problems = options->problems ? options->problems : &own;
	struct settings settings = {0};
	struct source *source = NULL;
	struct context context;
	enum run_outcome outcome = RUN_FAILED;
	int rc = settings_load(&settings, environment, base_dir, problems, err);

	*result = NULL;
	if (!rc && options->workers)
		settings.workers = options->workers;
	/* A claimed job has a row that must say why: run_export() finds its faults again. */
	if (!rc && (!job_id || problems->count))
		rc = refusal_check(&settings, source_url, payload, problems, err);
	if (rc == 1) {
		rc = problems_result(problems, err);
		outcome = RUN_REFUSED;
	}
	if (!rc)
		rc = source_open(&source, source_url, SOURCE_READ | SOURCE_WRITE, err);
	if (!rc) {
		context_init(&context, source, &settings);
		outcome = run_export(&context, payload, job_id, options, result, err);
		context_release(&context);
	}
	problems_release(&own);
	source_close(source);
	settings_release(&settings);
	return outcome;
}
