/* Ends of jobs: see settle.h. */
#include "pipeline/job/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/text.h"
#include "pipeline/job/retry.h"
#include "pipeline/job/sweep.h"
#include "prof/base/log.h"

/* Spec 3, output_name. */
#define LETTERS        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define BLANK          " \t\n\v\f\r"
#define NAME_MAX_BYTES 255

/* ---- writing ------------------------------------------------------------------------------------------ */

int settle_write(struct source *s, const struct source_claim *claim, const struct source_end *end,
		 int patience_s, struct err *err)
{
	struct source *fresh = NULL;
	struct retry t;
	int rc = source_finish_job(s, claim, end, err);

	retry_begin(&t, patience_s);
	while (rc < 0 && rc != ERR_CANCELLED && rc != ERR_EXISTS && rc != ERR_NOTFOUND &&
	       retry_again(&t, err)) {
		rc = fresh ? 0 : source_open(&fresh, source_url(s), SOURCE_WRITE, err);
		if (!rc)
			rc = source_finish_job(fresh, claim, end, err);
	}
	source_close(fresh);
	return rc;
}

/* ---- what was registered ------------------------------------------------------------------------------ */

/* A jsonb value comes as it is, the text of a bundle as a string. Like the next one: 1 when there is no memory. */
static int take_list(json_t *to, const json_t *row, const char *key)
{
	json_t *v = json_object_get(row, key);
	struct err err = ERR_INIT;

	if (!json_is_string(v))
		return v && json_object_set(to, key, v) != 0;
	v = json_parse(key, json_string_value(v), json_string_length(v), &err);
	return v ? json_object_set_new(to, key, v) != 0 : err.code == ERR_NOMEM;
}

/* `key` of the row under the same name or as `name`. */
static int take(json_t *to, const char *name, const json_t *row, const char *key)
{
	json_t *v = json_object_get(row, key);

	return v && json_object_set(to, name, v) != 0;
}

static int put_stats(json_t *stats, const json_t *row)
{
	static const char *const keys[] = {"n_train_rows", "n_eval_rows", "eval_snapshot_pair",
					   "schema_sha"};
	int bad = 0;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		bad |= take(stats, keys[i], row, keys[i]);
	return bad | take_list(stats, row, "train_snapshot_pairs");
}

/* NULL: no memory. */
static json_t *result_of(const json_t *row)
{
	static const char *const keys[] = {"key_prefix", "storage_backend", "train_uri",
					   "eval_uri",   "manifest_uri",    "manifest_sha"};
	json_t *result = json_object(), *stats = json_object();
	int bad = json_object_set_new(result, "dumped", json_true()) | put_stats(stats, row);

	bad |= json_object_set_new(result, "dump_stats", stats);
	bad |= take(result, "dataset_id", row, "id") | take(result, "output_name", row, "name");
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		bad |= take(result, keys[i], row, keys[i]);
	bad |= json_object_set_new(result, "registered_before", json_true());
	if (!bad)
		return result;
	json_decref(result);
	return NULL;
}

int settle_result(struct source *s, const char *job_id, const char *name, json_t **result,
		  struct err *err)
{
	char *text;
	json_t *row;
	const char *maker;
	int rc = source_read_dataset(s, name, &text, err);

	*result = NULL;
	if (rc <= 0)
		return rc;
	row = json_parse("the row of table dataset", text, strlen(text), err);
	free(text);
	if (!row)
		return err && err->code ? err->code : ERR_FORMAT;
	maker = json_string_value(json_object_get(row, "job_id"));
	rc = maker && strcmp(maker, job_id) == 0;
	if (rc) {
		*result = result_of(row);
		if (!*result)
			rc = err_nomem(err, "the job's result");
	}
	json_decref(row);
	return rc;
}

/* ---- a job without a run ------------------------------------------------------------------------------ */

/* The name in the job's payload, trimmed: *name, malloc'ed. NULL: none, or none that a run would take. */
static int name_of(const struct source_job *job, char **name, struct err *err)
{
	struct err why = ERR_INIT;
	json_t *payload =
		json_parse("the job's payload", job->payload_json, strlen(job->payload_json), &why);
	const char *text = json_string_value(json_object_get(payload, "output_name"));
	int rc = why.code == ERR_NOMEM ? err_nomem(err, "the job's payload") : 0;
	size_t n;

	*name = NULL;
	if (text) {
		text += strspn(text, BLANK);
		n = strspn(text, LETTERS "._-");
		if (strspn(text, LETTERS) && n <= NAME_MAX_BYTES &&
		    text[n + strspn(text + n, BLANK)] == '\0' && !(*name = strndup(text, n)))
			rc = err_nomem(err, "the job's payload");
	}
	json_decref(payload);
	return rc;
}

int settle_registered(struct source *s, const struct settings *settings,
		      const struct source_claim *claim, const char *name, json_t **result,
		      struct err *err)
{
	int rc = *result || !name ? 0 : settle_result(s, claim->job_id, name, result, err);
	json_t *fields = rc < 0 ? NULL : json_pack("{s:O?}", "result", *result);
	char *text = fields ? json_compact(fields) : NULL;
	const struct source_end end = {.status = "SUCCEEDED", .fields_json = text};

	if (rc >= 0)
		rc = text ? settle_write(s, claim, &end, settings->db_retry_s, err)
			  : err_nomem(err, "the job's result");
	json_decref(fields);
	free(text);
	return rc;
}

static int fail(struct source *s, const struct settings *settings, const struct source_job *job,
		const struct settle_reason *why, struct err *err)
{
	const struct source_end end = {
		.status = "FAILED", .error_code = why->code, .error_message = why->message};

	return settle_write(s, &job->claim, &end, settings->db_retry_s, err);
}

/* 0 also when it cannot be done: a job ends although its store is out of reach. */
static int sweep(struct source *s, const struct settings *settings, const struct source_job *job,
		 const char *name, struct err *err)
{
	int rc = sweep_leftovers(s, settings, name, 0, err);

	if (rc >= 0)
		return 0;
	if (source_is_passing(err) || rc == ERR_NOMEM)
		return rc;
	log_warn("job %s: what it may have uploaded could not be removed: %s", job->claim.job_id,
		 err->text);
	return 0;
}

int settle_job(struct source *s, const struct settings *settings, const struct source_job *job,
	       const struct settle_reason *why, enum settled *what, struct err *err)
{
	json_t *result = NULL;
	char *name;
	int rc = name_of(job, &name, err);

	if (rc == 0 && name)
		rc = settle_result(s, job->claim.job_id, name, &result, err);
	if (rc == 0 && name)
		rc = sweep(s, settings, job, name, err);
	if (rc == 0 && why->requeue && job->requeues < SETTLE_REQUEUES) {
		*what = SETTLED_REQUEUED;
		rc = source_requeue_job(s, &job->claim, why->requeue, err);
	} else if (rc == 0) {
		*what = SETTLED_FAILED;
		rc = fail(s, settings, job, why, err);
	}
	if (rc == 1) { /* there from the first, or since a moment ago */
		*what = SETTLED_SUCCEEDED;
		rc = settle_registered(s, settings, &job->claim, name, &result, err);
	}
	if (rc == ERR_CANCELLED || rc == ERR_EXISTS || rc == ERR_NOTFOUND) {
		*what = SETTLED_ELSEWHERE;
		rc = 0;
	}
	json_decref(result);
	free(name);
	return rc;
}
