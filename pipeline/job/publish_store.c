/* Final files into the artifact store, and the data set into its table. A journal in the staging folder
 * names what this run may have put into the store, so that a run killed in the middle can clear its own
 * leftovers and nobody else's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/version.h"
#include "pipeline/job/publish.h"
#include "prof/base/buf.h"
#include "prof/base/clock.h"

#define JOURNAL       "uploads.txt"
#define JOURNAL_MAX   65536
#define INSERT_TRIES  4
#define KEY_MAX_BYTES 512

struct object {
	const char *name; /* "train.parquet" */
	const char *file; /* borrowed; NULL: this run has none */
	char **uri;       /* where its URI goes, may be NULL */
};

static void make_key(const struct publication *p, const char *name, char key[KEY_MAX_BYTES])
{
	snprintf(key, KEY_MAX_BYTES, "datasets/%s/%s", p->payload->output_name, name);
}

/* ---- journal ------------------------------------------------------------------------------------------ */

static int journal_has(const struct publication *p, const char *key)
{
	char *path = staging_path(p->staging, JOURNAL);
	struct buf text = BUF_INIT;
	char line[KEY_MAX_BYTES + 2];
	int has = 0;

	snprintf(line, sizeof line, "%s\n", key);
	if (path && fsio_exists(path) && fsio_read_all(path, JOURNAL_MAX, &text, NULL) == 0)
		has = strstr(buf_str(&text), line) != NULL;
	buf_release(&text);
	free(path);
	return has;
}

static int journal_add(const struct publication *p, const char *key, struct err *err)
{
	char *path = staging_path(p->staging, JOURNAL);
	struct buf text = BUF_INIT;
	int rc = path ? 0 : err_nomem(err, "the upload journal");

	if (!rc && fsio_exists(path))
		rc = fsio_read_all(path, JOURNAL_MAX, &text, err);
	if (!rc && buf_printf(&text, "%s\n", key) != 0)
		rc = err_nomem(err, "the upload journal");
	if (!rc)
		rc = fsio_write_file(path, text.data, text.len, err);
	buf_release(&text);
	free(path);
	return rc;
}

/* ---- upload ------------------------------------------------------------------------------------------- */

static void add_progress(void *ctx, uint64_t bytes)
{
	events_progress_add(ctx, bytes);
}

static int put_object(struct publication *p, const struct object *o, struct err *err)
{
	char key[KEY_MAX_BYTES];
	int rc;

	make_key(p, o->name, key);
	rc = artifact_exists(p->c->store, key, err);
	if (rc < 0)
		return rc;
	if (rc == 1) {
		/* Ours from a run that was killed, or somebody else's. */
		if (!journal_has(p, key))
			return err_set(err, ERR_EXISTS,
				       "the artifact store already holds '%s', and this run did "
				       "not put it there; "
				       "choose another output_name or remove the object",
				       key);
		rc = artifact_remove(p->c->store, key, err);
		if (rc)
			return rc;
	}
	rc = journal_add(p, key, err);
	if (!rc)
		rc = artifact_put(p->c->store, key, o->file, add_progress, p->events, err);
	if (!rc && o->uri) {
		*o->uri = artifact_uri(p->c->store, key);
		rc = *o->uri ? 0 : err_nomem(err, "a URI");
	}
	return rc;
}

static void remove_uploaded(struct publication *p)
{
	static const char *const names[] = {"manifest.json", "train.parquet", "eval.parquet",
					    "report.json"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		char key[KEY_MAX_BYTES];
		struct err why = ERR_INIT;

		make_key(p, names[i], key);
		if (journal_has(p, key) && artifact_remove(p->c->store, key, &why) != 0 &&
		    why.code != ERR_NOTFOUND)
			events_warn(p->events, "cleanup", json_pack("{s:s}", "key", key),
				    "an uploaded object could not be removed again: %s", why.text);
	}
}

int publish_upload(struct publication *p, struct err *err)
{
	const struct object objects[] = {
		{"train.parquet", p->train_file, &p->train_uri},
		{"eval.parquet", p->eval_file, &p->eval_uri},
		{"report.json", p->report_file, NULL},
		{"manifest.json", p->manifest_file,
		 &p->manifest_uri}, /* last: it means "complete" */
	};
	struct events_stage stage;
	json_t *files = json_array();
	uint64_t total = 0, size;
	size_t i;
	int rc = 0;

	events_stage_begin(p->events, &stage, "upload");
	for (i = 0; !rc && i < 4; i++)
		if (objects[i].file) {
			rc = fsio_size(objects[i].file, &size, err);
			total += rc ? 0 : size;
		}
	events_progress_begin(p->events, "upload", "bytes", total);
	for (i = 0; !rc && i < 4; i++) {
		if (!objects[i].file)
			continue;
		rc = cancel_check(err);
		if (!rc)
			rc = put_object(p, &objects[i], err);
		if (!rc)
			json_array_append_new(files, json_string(objects[i].name));
	}
	events_progress_end(p->events);
	if (rc)
		remove_uploaded(p);
	events_stage_end(&stage, rc ? NULL : "upload_done",
			 json_pack("{s:O, s:I}", "files", files, "bytes", (json_int_t)total));
	if (!rc) {
		char prefix[KEY_MAX_BYTES];

		make_key(p, "", prefix);
		events_emit(p->events, "info", "published", NULL,
			    json_pack("{s:s, s:s, s:O, s:s}", "backend",
				      artifact_backend(p->c->store), "key_prefix", prefix, "files",
				      files, "manifest_sha", p->manifest_sha));
	}
	json_decref(files);
	return rc;
}

/* ---- registration -------------------------------------------------------------------------------------- */

static json_t *provenance(const struct publication *p)
{
	return json_pack("{s:O, s:s, s:o, s:s, s:s?, s:s}", "payload", p->payload->json, "profile",
			 schema_profile_name(p->payload->profile), "stages",
			 events_stage_table(p->events), "producer", "protea-export", "git_sha",
			 version_git_sha(), "fingerprint", p->staging->fingerprint);
}

/* One try on a connection of its own: the run may have lasted hours. */
static int insert_once(const struct publication *p, const struct source_dataset *row,
		       struct err *err)
{
	struct source *s = NULL;
	int rc = source_open(&s, source_url(p->c->source), SOURCE_WRITE, err);

	if (!rc)
		rc = source_insert_dataset(s, row, err);
	source_close(s);
	return rc;
}

static int insert_retrying(const struct publication *p, const struct source_dataset *row,
			   struct err *err)
{
	int rc = 0, i;

	for (i = 0; i < INSERT_TRIES; i++) {
		struct timespec pause = {.tv_sec = i ? 1 << (i - 1) : 0};

		nanosleep(&pause, NULL);
		rc = insert_once(p, row, err);
		if (rc != ERR_DATABASE && rc != ERR_NETWORK)
			return rc;
		events_warn(p->events, "register_retry", NULL,
			    "registering the data set failed: %s", err->text);
	}
	return rc;
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
	char prefix[KEY_MAX_BYTES];
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
		remove_uploaded(p);
		err_prefix(err,
			   "the data set could not be registered; its files are kept in '%s': run "
			   "the job "
			   "again and it goes on from there",
			   p->staging->dir);
	} else {
		make_result(p, prefix);
	}
	free(pairs);
	free(meta);
	json_decref(origin);
	return rc;
}
