/* The operation export_research_dataset: see run.h. */
#include "pipeline/job/run_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/workers.h"
#include "pipeline/job/grid.h"
#include "pipeline/job/preflight.h"
#include "pipeline/job/refusal.h"
#include "pipeline/job/retry.h"
#include "pipeline/job/settle.h"
#include "pipeline/job/staged_texts.h"
#include "pipeline/job/pairs.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"

#define WORK_TRIES 3 /* after the first (spec 6.1) */

/* ---- saying how it begins ---------------------------------------------------------------------------------- */

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

/* A run that lost this job may still hold what it needs, until its heartbeat tells it. */
static void wait_for_loser(const struct run *r, struct retry *t)
{
	retry_begin(t, r->claimed ? 2 * r->c->settings->heartbeat_s + 5 : 0);
}

static int enter_staging(struct run *r, const char *fingerprint, struct err *err)
{
	struct retry t;
	int rc;

	wait_for_loser(r, &t);
	do {
		rc = staging_open(&r->staging, r->c->settings->resume_dir, r->payload.output_name,
				  fingerprint, err);
	} while (rc == ERR_EXISTS && retry_anyway(&t));
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
		rc = enter_staging(r, fingerprint, err);
	if (!rc)
		rc = staging_own(&r->staging, r->c->source, err);
	if (!rc && r->payload.compute_alignments && staging_has_marker(&r->staging, &r->plan))
		rc = staged_texts_check(&r->staging, r->c->source, (size_t)r->c->settings->workers,
					err);
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

/* As long as the database does not answer: hours of work are in staging. */
static int check_unregistered(struct run *r, struct err *err)
{
	struct retry t;
	int rc;

	retry_begin(&t, r->c->settings->db_retry_s);
	do {
		rc = source_has_dataset(r->c->source, r->payload.output_name, err);
	} while (rc < 0 && retry_again(&t, err));
	if (rc == 1)
		return err_set(
			err, ERR_EXISTS,
			"data set '%s' was registered by another run meanwhile; choose another "
			"output_name",
			r->payload.output_name);
	return rc;
}

/* The name may have been lost with its connection; it is then ours again, or another run's. */
static int check_name(struct run *r, struct err *err)
{
	struct retry t;
	int rc;

	retry_begin(&t, r->c->settings->db_retry_s);
	do {
		rc = source_check_name(r->c->source, err);
	} while (rc < 0 && retry_again(&t, err));
	return rc < 0 ? rc : check_unregistered(r, err);
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
		.job_id = r->claim.job_id,
		.start_ns = r->start_ns,
	};
	rc = publish_assemble(&r->publication, err);
	if (!rc)
		rc = check_name(r, err);
	if (!rc)
		rc = artifact_probe(r->c->store, 1, err);
	if (!rc)
		rc = publish_upload(&r->publication, err);
	if (!rc)
		rc = publish_register(&r->publication, err);
	return rc;
}

/* ---- refusal ---------------------------------------------------------------------------------------------- */

/* The name is looked up again once it is ours: another run may have registered it meanwhile. */
static int reserve_name(struct run *r, enum run_outcome *outcome, struct err *err)
{
	struct retry t;
	int rc = 0;

	wait_for_loser(r, &t);
	while (!r->reserved) {
		rc = source_reserve_name(r->c->source, r->payload.output_name, err);
		r->reserved = rc == 0;
		if (rc && (rc != ERR_EXISTS || !retry_anyway(&t)))
			return rc;
	}
	rc = check_unregistered(r, err);
	if (rc == ERR_EXISTS)
		*outcome = RUN_REFUSED;
	return rc;
}

/* A job of ours whose data set is there, but whose end was never written (its worker was killed in between):
 * 1, with the result. */
static int registered_before(struct run *r, struct err *err)
{
	return r->claimed ? settle_result(r->c->source, r->claim.job_id, r->payload.output_name,
					  &r->publication.result, err)
			  : 0;
}

/* Everything before the first row of work. 0 go on, 1 it was all done by an
 * earlier run of the job; else the outcome is in *outcome. */
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
	rc = registered_before(r, err);
	if (rc)
		return rc;
	rc = preflight_run(r->c, &r->payload, &r->plan, r->options->memory_limit, problems,
			   &r->notes, err);
	if (!rc && problems->count) {
		rc = problems_result(problems, err);
		if (problems_of_payload(problems))
			*outcome = RUN_REFUSED;
	}
	return rc ? rc : reserve_name(r, outcome, err);
}

static void release_markers(struct run *r)
{
	size_t i;

	for (i = 0; r->marker && i < r->plan.n_pairs; i++)
		json_decref(r->marker[i]);
	free(r->marker);
	r->marker = NULL;
}

static void release(struct run *r)
{
	release_markers(r);
	publish_release(&r->publication);
	if (r->reserved)
		source_release_name(r->c->source);
	events_free(r->events);
	notes_release(&r->notes);
	problems_release(&r->own_problems);
	plan_release(&r->plan);
	payload_release(&r->payload);
}

/* ---- tries ------------------------------------------------------------------------------------------------ */

static int prepare_and_tell(struct run *r, const json_t *payload, enum run_outcome *outcome,
			    struct err *err)
{
	struct events_stage stage;
	struct err job_err = ERR_INIT;
	int rc = r->claimed && !r->has_job ? run_begin_job(r, err) : 0;

	*outcome = RUN_FAILED;
	if (rc)
		return rc;
	events_stage_begin(r->events, &stage, "preflight");
	rc = prepare(r, payload, outcome, err);
	if (!r->has_job && (!rc || (*outcome == RUN_FAILED && r->payload.json)) &&
	    run_begin_job(r, &job_err) != 0 && !rc) {
		*outcome = RUN_FAILED;
		*err = job_err;
		rc = err->code;
	}
	stage.events = r->events; /* who may be told only now */
	events_stage_end(&stage, rc ? NULL : "preflight_done",
			 json_pack("{s:I, s:i, s:I}", "n_pairs", (json_int_t)r->plan.n_pairs,
				   "_progress_current", 0, "_progress_total",
				   (json_int_t)r->plan.n_pairs));
	return rc;
}

/* Everything up to the finished pairs. 1: it was all done by an earlier run of this job. */
static int work(struct run *r, const json_t *payload, enum run_outcome *outcome, struct err *err)
{
	int rc = prepare_and_tell(r, payload, outcome, err);

	if (rc)
		return rc;
	*outcome = RUN_FAILED;
	say_payload(r);
	say_start(r);
	return compute(r, err);
}

/* Forgets what a try that failed has loaded; staging keeps what it has finished. */
static void start_over(struct run *r)
{
	release_markers(r);
	staging_close(&r->staging);
	notes_release(&r->notes);
	problems_release(r->problems);
	plan_release(&r->plan);
	payload_release(&r->payload);
	r->notes = (struct notes){0};
	r->plan = (struct plan){0};
	r->payload = (struct payload){0};
	grid_start_afresh(r->c);
}

/* What the checks found, an object store that does not answer say, is told at once. */
static int database_in_trouble(const struct run *r, const struct err *err)
{
	return !strcmp(source_kind(r->c->source), "postgresql") && r->problems->count == 0 &&
	       source_is_passing(err);
}

/* A database that went away in the middle of a table is asked anew, from the last finished pair on. */
static int work_retrying(struct run *r, const json_t *payload, enum run_outcome *outcome,
			 struct err *err)
{
	int rc, tries;

	for (tries = 1;; tries++) {
		struct retry t;

		rc = work(r, payload, outcome, err);
		if (rc >= 0 || tries > WORK_TRIES || !r->has_job || *outcome == RUN_REFUSED ||
		    cancel_requested() || !database_in_trouble(r, err))
			return rc;
		events_warn(
			r->events, "database_retry", json_pack("{s:i}", "try", tries),
			"the database failed in passing, the job goes on from what is finished: %s",
			err->text);
		retry_begin(&t, r->c->settings->db_retry_s);
		t.tries = tries;
		if (!retry_anyway(&t))
			return rc;
		start_over(r);
	}
}

enum run_outcome run_export(struct context *c, const json_t *payload,
			    const struct source_claim *claim, const struct run_options *options,
			    json_t **result, struct err *err)
{
	struct run r = {.c = c,
			.options = options,
			.claimed = claim != NULL,
			.start_ns = clock_mono_ns(),
			.staging = {.lock = -1}};
	enum run_outcome outcome = RUN_REFUSED;
	int rc;

	r.whole = pp_stage_begin("export");
	if (claim)
		r.claim = *claim;
	*result = NULL;
	r.problems = options->problems ? options->problems : &r.own_problems;
	rc = work_retrying(&r, payload, &outcome, err);
	if (!rc)
		rc = publish(&r, err);
	if (rc == ERR_EXISTS && registered_before(&r, err) == 1)
		rc = 1; /* by a run that had lost this job, in its last moments */
	if (rc < 0 && cancel_requested() && source_is_passing(err))
		rc = cancel_check(err); /* why the database was not tried any longer */
	if (rc < 0 && r.staging.dir)
		run_say_staging(&r, rc, err);
	if (rc > 0)
		rc = 0; /* done by an earlier run */
	rc = run_end_job(&r, rc, err);
	if (!rc) {
		outcome = RUN_DONE;
		*result = json_incref(r.publication.result);
	}
	if (!rc && !options->keep_staging)
		staging_remove(&r.staging);
	else
		staging_close(&r.staging);
	release(&r);
	pp_stage_end(&r.whole);
	return outcome;
}

enum run_outcome run_payload(const char *source_url, const json_t *payload,
			     const json_t *environment, const char *base_dir,
			     const struct source_claim *claim, const struct run_options *options,
			     json_t **result, struct err *err)
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
	if (!rc && (!claim || problems->count))
		rc = refusal_check(&settings, source_url, payload, problems, err);
	if (rc == 1) {
		rc = problems_result(problems, err);
		outcome = RUN_REFUSED;
	}
	if (!rc)
		rc = retry_open(&source, source_url, SOURCE_READ | SOURCE_WRITE,
				claim ? settings.db_retry_s : 0, err);
	if (!rc) {
		context_init(&context, source, &settings);
		outcome = run_export(&context, payload, claim, options, result, err);
		context_release(&context);
	}
	problems_release(&own);
	source_close(source);
	settings_release(&settings);
	return outcome;
}
