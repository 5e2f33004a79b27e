/* Final files into the artifact store, and the data set into its table. The journal of uploads.h names
 * what this run may have put there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/version.h"
#include "pipeline/job/publish.h"
#include "pipeline/job/retry.h"
#include "prof/base/buf.h"
#include "prof/base/clock.h"

static void make_key(const struct publication *p, const char *name, char key[OBJECT_KEY_BYTES])
{
	object_key(p->payload->output_name, name, key);
}

/* The object's file in staging; NULL: this run has none. */
static const char *object_file(const struct publication *p, int i)
{
	const char *const files[OBJECTS] = {p->train_file, p->eval_file, p->report_file,
					    p->manifest_file};

	return files[i];
}

/* ---- leftovers ---------------------------------------------------------------------------------------- */

/* An object that is there already: from a run of ours that was killed, or somebody else's. */
static int clear_leftover(struct publication *p, int i, const char *scratch, struct err *err)
{
	char key[OBJECT_KEY_BYTES];
	int rc;

	make_key(p, object_names[i], key);
	rc = artifact_exists(p->c->store, key, err);
	if (rc <= 0)
		return rc;
	rc = uploads_ours(&p->uploads, p->c->store, key, scratch, err);
	if (rc == 0)
		return err_set(err, ERR_EXISTS,
			       "the artifact store already holds '%s', and no run of this data set "
			       "put it there; choose another output_name or remove the object",
			       key);
	if (rc < 0)
		return rc;
	events_warn(p->events, "leftover", json_pack("{s:s}", "key", key),
		    "'%s' was left behind by a run that did not finish: it is replaced", key);
	return artifact_remove(p->c->store, key, err);
}

/* The manifest first, so that it never stands for files that are gone. */
static int clear_leftovers(struct publication *p, struct err *err)
{
	char *scratch = staging_path(p->staging, "leftover");
	int i, rc = scratch ? 0 : err_nomem(err, "leftover objects");

	for (i = OBJECTS - 1; !rc && i >= 0; i--)
		rc = clear_leftover(p, i, scratch, err);
	free(scratch);
	return rc;
}

/* ---- upload ------------------------------------------------------------------------------------------- */

static void add_progress(void *ctx, uint64_t bytes)
{
	events_progress_add(ctx, bytes);
}

static int put_object(struct publication *p, int i, struct err *err)
{
	char **const uri[OBJECTS] = {&p->train_uri, &p->eval_uri, NULL, &p->manifest_uri};
	char key[OBJECT_KEY_BYTES], sha[SHA256_HEX];
	uint64_t size;
	int rc;

	make_key(p, object_names[i], key);
	rc = sha256_file(object_file(p, i), sha, &size, err);
	if (!rc)
		rc = uploads_note(&p->uploads, key, sha, err);
	if (rc)
		return rc;
	rc = artifact_put(p->c->store, key, object_file(p, i), add_progress, p->events, err);
	p->in_store[i] = rc != ERR_EXISTS; /* after any other failure it may be there */
	if (!rc && uri[i]) {
		*uri[i] = artifact_uri(p->c->store, key);
		rc = *uri[i] ? 0 : err_nomem(err, "a URI");
	}
	return rc;
}

/* Is what lies there another run's by now? A name that was lost and is ours again may have been registered
 * meanwhile. 0, or why the objects stay is in *why. */
static int may_be_others(struct publication *p, struct err *why)
{
	int rc = source_check_name(p->c->source, why);

	if (rc == 1)
		rc = source_has_dataset(p->c->source, p->payload->output_name, why);
	return rc == 1 ? err_set(why, ERR_EXISTS, "another run has registered this data set") : rc;
}

/* Only while the name is ours. */
static void remove_uploaded(struct publication *p)
{
	struct err lost = ERR_INIT;
	int i, left = 0;

	if (may_be_others(p, &lost)) {
		events_warn(p->events, "cleanup", NULL,
			    "the uploaded objects stay in the artifact store, the next run of this "
			    "job removes what is its own: %s",
			    lost.text);
		return;
	}

	for (i = OBJECTS - 1; i >= 0; i--) {
		char key[OBJECT_KEY_BYTES];
		struct err why = ERR_INIT;

		make_key(p, object_names[i], key);
		if (!p->in_store[i] || artifact_remove(p->c->store, key, &why) == 0 ||
		    why.code == ERR_NOTFOUND)
			continue;
		left = 1;
		events_warn(p->events, "cleanup", json_pack("{s:s}", "key", key),
			    "an uploaded object could not be removed again: %s", why.text);
	}
	if (!left)
		uploads_end(&p->uploads);
}

static int put_objects(struct publication *p, json_t *files, uint64_t *total, struct err *err)
{
	uint64_t size;
	int i, rc = 0;

	for (i = 0; !rc && i < OBJECTS; i++)
		if (object_file(p, i)) {
			rc = fsio_size(object_file(p, i), &size, err);
			*total += rc ? 0 : size;
		}
	events_progress_begin(p->events, "upload", "bytes", *total);
	for (i = 0; !rc && i < OBJECTS; i++) {
		if (!object_file(p, i))
			continue;
		rc = cancel_check(err);
		if (!rc)
			rc = put_object(p, i, err);
		if (!rc)
			json_array_append_new(files, json_string(object_names[i]));
	}
	events_progress_end(p->events);
	return rc;
}

static void say_published(const struct publication *p, json_t *files)
{
	char prefix[OBJECT_KEY_BYTES];

	make_key(p, "", prefix);
	events_emit(p->events, "info", "published", NULL,
		    json_pack("{s:s, s:s, s:O, s:s}", "backend", artifact_backend(p->c->store),
			      "key_prefix", prefix, "files", files, "manifest_sha",
			      p->manifest_sha));
}

int publish_upload(struct publication *p, struct err *err)
{
	struct events_stage stage;
	json_t *files = json_array();
	uint64_t total = 0;
	int rc;

	events_stage_begin(p->events, &stage, "upload");
	rc = uploads_open(&p->uploads, p->c->settings->resume_dir, p->c->source,
			  p->payload->output_name, err);
	if (!rc)
		rc = clear_leftovers(p, err);
	if (!rc) {
		rc = put_objects(p, files, &total, err);
		if (rc)
			remove_uploaded(p);
	}
	pp_stage_param(&stage.mark, "bytes", (double)total);
	events_stage_end(&stage, rc ? NULL : "upload_done",
			 json_pack("{s:O, s:I}", "files", files, "bytes", (json_int_t)total));
	if (!rc)
		say_published(p, files);
	json_decref(files);
	return rc;
}

/* ---- registration -------------------------------------------------------------------------------------- */

static json_t *provenance(const struct publication *p)
{
	return json_pack("{s:O, s:s, s:o, s:s, s:s?, s:s}", "payload", p->payload->json, "profile",
			 schema_profile_name(p->payload->profile), "stages",
			 events_stage_table(p->events), "producer", "protea-export", "git_sha",
			 version_git_sha(), "fingerprint", p->staging->content);
}

/* The objects of this run, still as they were put? Asked when the name was out of our hands for a while. */
static int check_objects(struct publication *p, struct err *err)
{
	char *scratch = staging_path(p->staging, "check"), key[OBJECT_KEY_BYTES];
	int i, rc = scratch ? 0 : err_nomem(err, "the check of the objects");

	for (i = 0; !rc && i < OBJECTS; i++) {
		char want[SHA256_HEX], have[SHA256_HEX];
		uint64_t size;

		if (!object_file(p, i))
			continue;
		make_key(p, object_names[i], key);
		rc = sha256_file(object_file(p, i), want, &size, err);
		if (!rc)
			rc = artifact_get(p->c->store, key, scratch, err);
		if (!rc)
			rc = sha256_file(scratch, have, &size, err);
		if (!rc && strcmp(want, have) != 0)
			rc = err_set(err, ERR_EXISTS,
				     "'%s' was replaced by another run while the data set's name "
				     "was lost with its connection",
				     key);
		(void)fsio_remove(scratch);
	}
	free(scratch);
	return rc;
}

static int insert_once(struct publication *p, const struct source_dataset *row, struct err *err)
{
	int rc = source_check_name(p->c->source, err);

	if (rc == 1)
		rc = check_objects(p, err);
	return rc ? rc : source_insert_dataset(p->c->source, row, err);
}

static int insert_retrying(struct publication *p, const struct source_dataset *row, struct err *err)
{
	struct retry t;
	int rc;

	retry_begin(&t, p->c->settings->db_retry_s);
	while ((rc = insert_once(p, row, err)) != 0) {
		if (t.tries == 0 && (rc == ERR_DATABASE || source_is_passing(err)))
			events_warn(p->events, "register_retry", NULL,
				    "registering the data set failed: %s", err->text);
		if (!retry_again(&t, err))
			return rc;
	}
	return 0;
}

/* Only when the row is known not to be there may the objects go: a registered data set keeps its files,
 * even if the data base could not say that it took the row. */
static void take_back(struct publication *p)
{
	struct source *s = NULL;
	struct err why = ERR_INIT;
	int there = source_open(&s, source_url(p->c->source), SOURCE_READ, &why);

	if (there == 0)
		there = source_has_dataset(s, p->payload->output_name, &why);
	source_close(s);
	if (there == 0)
		remove_uploaded(p);
	else
		events_warn(p->events, "cleanup", NULL,
			    "the uploaded objects stay in the artifact store: whether the data set "
			    "is registered is not known (%s)",
			    there < 0 ? why.text : "its name is in table dataset");
}

static void make_result(struct publication *p, const char *prefix)
{
	double seconds = (double)(clock_mono_ns() - p->start_ns) / 1e9;

	p->result = json_pack(
		"{s:b, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s?, s:s, s:s}", "dumped", 1,
		"dump_path", p->staging->dir, "dump_stats", publish_stats(p), "elapsed_seconds",
		json_rounded(seconds, 1), "dataset_id", p->dataset_id, "output_name",
		p->payload->output_name, "key_prefix", prefix, "storage_backend",
		artifact_backend(p->c->store), "train_uri", p->train_uri, "eval_uri", p->eval_uri,
		"manifest_uri", p->manifest_uri, "manifest_sha", p->manifest_sha);
}

int publish_register(struct publication *p, struct err *err)
{
	char prefix[OBJECT_KEY_BYTES];
	char *pairs = json_compact(p->train_pairs), *meta;
	json_t *origin = provenance(p);
	struct events_stage stage;
	int rc;

	events_stage_begin(p->events, &stage, "register");
	make_key(p, "", prefix);
	meta = origin ? json_compact(origin) : NULL;
	rc = pairs && meta ? uuid_random(p->dataset_id) : ERR_NOMEM;
	if (rc)
		err_set(err, rc, "cannot make the row of table dataset");
	if (!rc) {
		struct source_dataset row = {
			.id = p->dataset_id,
			.name = p->payload->output_name,
			.operation = "export_research_dataset",
			.job_id = p->job_id,
			.storage_backend = artifact_backend(p->c->store),
			.key_prefix = prefix,
			.train_uri = p->train_uri,
			.eval_uri = p->eval_uri,
			.manifest_uri = p->manifest_uri,
			.schema_sha = p->schema_sha,
			.schema_sha_v2 = p->c->settings->schema_sha_v2 ? p->schema_sha : NULL,
			.manifest_sha = p->manifest_sha,
			.n_train_rows = (int64_t)p->n_train_rows,
			.n_eval_rows = (int64_t)p->n_eval_rows,
			.k = p->payload->k,
			.annotation_source = p->payload->annotation_source,
			.embedding_config_id = p->payload->embedding_config_id,
			.ontology_snapshot_id = p->payload->ontology_snapshot_id,
			.train_snapshot_pairs_json = pairs,
			.eval_snapshot_pair = p->plan->pairs[p->plan->n_pairs - 1].label,
			.producer_version = version_text(),
			.producer_git_sha = version_git_sha(),
			.meta_json = meta,
			.created_at_ns = clock_real_ns(),
		};

		rc = insert_retrying(p, &row, err);
	}
	events_stage_end(&stage, rc ? NULL : "registered",
			 json_pack("{s:s, s:s}", "dataset_id", p->dataset_id, "name",
				   p->payload->output_name));
	if (rc) {
		take_back(p);
		err_prefix(err, "the data set could not be registered");
	} else {
		uploads_end(&p->uploads);
		make_result(p, prefix);
	}
	free(pairs);
	free(meta);
	json_decref(origin);
	return rc;
}
