/* Final files from shards: assembly, manifest; see publish.h. Upload and registration are in
 * publish_store.c. */
#include "pipeline/job/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/version.h"
#include "pipeline/output/manifest.h"
#include "pipeline/output/parquet.h"
#include "prof/base/buf.h"
#include "prof/base/clock.h"

static json_int_t shard_rows(const json_t *marker, int cat)
{
	const json_t *shard =
		json_object_get(json_object_get(marker, "shards"), category_name[cat]);

	return json_integer_value(json_object_get(shard, "rows"));
}

/* Pairs [from, to) in category order, each category's pairs in order. */
static int join(struct publication *p, const char *name, size_t from, size_t to, char **file,
		uint64_t *rows, struct err *err)
{
	size_t n = 0, i;
	char **input = calloc((to - from) * CATEGORIES + 1, sizeof *input);
	struct events_stage stage;
	uint64_t bytes = 0;
	int cat, rc = 0;

	*rows = 0;
	if (!input)
		return err_nomem(err, name);
	events_stage_begin(p->events, &stage, "parquet");
	for (cat = 0; !rc && cat < CATEGORIES; cat++)
		for (i = from; !rc && i < to; i++) {
			if (shard_rows(p->markers[i], cat) == 0)
				continue;
			input[n] = staging_shard(p->staging, p->plan->pairs[i].label,
						 (enum category)cat);
			rc = input[n++] ? 0 : err_nomem(err, name);
		}
	if (!rc && n) {
		*file = staging_path(p->staging, name);
		rc = *file ? parquet_join(*file, (const char *const *)input, n, p->payload->profile,
					  rows, &bytes, err)
			   : err_nomem(err, name);
	}
	pp_stage_items(&stage.mark, *rows);
	pp_stage_param(&stage.mark, "rows", (double)*rows);
	events_stage_end(&stage, rc || !n ? NULL : "parquet_done",
			 json_pack("{s:s, s:I, s:I}", "file", name, "rows", (json_int_t)*rows,
				   "bytes", (json_int_t)bytes));
	for (i = 0; i < n; i++)
		free(input[i]);
	free(input);
	return rc;
}

static int no_train_rows(const struct publication *p, struct err *err)
{
	struct buf why = BUF_INIT;
	size_t i;
	int rc;

	for (i = 0; i < p->plan->n_train_pairs; i++) {
		const json_t *skipped = json_object_get(p->markers[i], "skipped");

		buf_printf(&why, "%s%s: %s", i ? "; " : "", p->plan->pairs[i].label,
			   skipped ? json_string_value(skipped)
				   : "no candidate in a gained aspect");
	}
	rc = err_set(err, ERR_NOTFOUND, "No training data produced from any split (%s)",
		     buf_str(&why));
	buf_release(&why);
	return rc;
}

static int list_train_pairs(struct publication *p, struct err *err)
{
	size_t i;

	p->train_pairs = json_array();
	for (i = 0; p->train_pairs && i < p->plan->n_train_pairs; i++)
		if (json_integer_value(json_object_get(p->markers[i], "rows")) > 0 &&
		    json_array_append_new(p->train_pairs, json_string(p->plan->pairs[i].label)) !=
			    0)
			return err_nomem(err, "the manifest");
	return p->train_pairs ? 0 : err_nomem(err, "the manifest");
}

static int write_manifest(struct publication *p, struct err *err)
{
	size_t n = json_array_size(p->train_pairs), i;
	const char **labels = malloc((n + 1) * sizeof *labels);
	struct buf text = BUF_INIT;
	struct manifest m = {
		.name = p->payload->output_name,
		.k = p->payload->k,
		.embedding_config_id = p->payload->embedding_config_id,
		.ontology_snapshot_id = p->payload->ontology_snapshot_id,
		.annotation_source = p->payload->annotation_source,
		.train_snapshot_pairs = labels,
		.n_train_snapshot_pairs = n,
		.eval_snapshot_pair = p->plan->pairs[p->plan->n_pairs - 1].label,
		.schema_sha = p->schema_sha,
		.n_train_rows = (int64_t)p->n_train_rows,
		.n_eval_rows = (int64_t)p->n_eval_rows,
		.producer_version = version_text(),
		.producer_git_sha = version_git_sha(),
	};
	int rc;

	if (!labels)
		return err_nomem(err, "the manifest");
	for (i = 0; i < n; i++)
		labels[i] = json_string_value(json_array_get(p->train_pairs, i));
	rc = manifest_format(&m, &text, err);
	p->manifest_file = staging_path(p->staging, "manifest.json");
	if (!rc && (!p->manifest_file || sha256_hex(text.data, text.len, p->manifest_sha) != 0))
		rc = err_nomem(err, "the manifest");
	if (!rc)
		rc = fsio_write_file(p->manifest_file, text.data, text.len, err);
	buf_release(&text);
	free(labels);
	return rc;
}

/* Manifest and report. */
static int describe(struct publication *p, struct err *err)
{
	struct events_stage stage;
	int rc;

	events_stage_begin(p->events, &stage, "describe");
	rc = write_manifest(p, err);
	if (!rc) {
		p->report_file = staging_path(p->staging, "report.json");
		rc = p->report_file ? report_write(p, p->report_file, err)
				    : err_nomem(err, "the report");
	}
	events_stage_end(&stage, rc ? NULL : "manifest_done",
			 json_pack("{s:s, s:s, s:I, s:I}", "file", "manifest.json", "manifest_sha",
				   p->manifest_sha, "_progress_current",
				   (json_int_t)p->plan->n_pairs, "_progress_total",
				   (json_int_t)p->plan->n_pairs));
	return rc;
}

json_t *publish_stats(const struct publication *p)
{
	return json_pack("{s:s, s:I, s:I, s:O, s:s, s:s}", "dump_dir", p->staging->dir,
			 "n_train_rows", (json_int_t)p->n_train_rows, "n_eval_rows",
			 (json_int_t)p->n_eval_rows, "train_snapshot_pairs", p->train_pairs,
			 "eval_snapshot_pair", p->plan->pairs[p->plan->n_pairs - 1].label,
			 "schema_sha", p->schema_sha);
}

static void say_dumped(struct publication *p, double dump_s)
{
	json_t *stats = publish_stats(p);
	int64_t ms = (clock_mono_ns() - p->start_ns) / 1000000;

	json_object_set_new(stats, "elapsed_s", json_rounded(dump_s, 3));
	events_emit(p->events, "info", "dump_done", NULL, stats);
	events_emit(p->events, "info", "done", NULL,
		    json_pack("{s:b, s:s, s:o, s:o, s:o}", "dumped", 1, "dump_path",
			      p->staging->dir, "dump_stats", publish_stats(p), "elapsed_seconds",
			      json_rounded((double)ms / 1000, 1), "elapsed_s",
			      json_rounded((double)ms / 1000, 3)));
}

int publish_assemble(struct publication *p, struct err *err)
{
	struct events_stage stage;
	size_t n_train = p->plan->n_train_pairs;
	double seconds;
	int rc;

	events_stage_begin(p->events, &stage, "dump");
	rc = schema_sha(p->payload->profile, p->schema_sha);
	if (rc)
		err_set(err, rc, "cannot digest the schema");
	if (!rc)
		rc = list_train_pairs(p, err);
	if (!rc)
		rc = join(p, "train.parquet", 0, n_train, &p->train_file, &p->n_train_rows, err);
	if (!rc && p->n_train_rows == 0)
		rc = no_train_rows(p, err);
	if (!rc)
		rc = join(p, "eval.parquet", n_train, n_train + 1, &p->eval_file, &p->n_eval_rows,
			  err);
	if (!rc && p->n_eval_rows == 0)
		events_warn(p->events, "no_eval_rows", NULL,
			    "the test pair %s produced no row: there is no eval.parquet",
			    p->plan->pairs[n_train].label);
	if (!rc)
		rc = describe(p, err);
	seconds = events_stage_end(&stage, NULL, NULL);
	if (!rc)
		say_dumped(p, seconds);
	return rc;
}

void publish_release(struct publication *p)
{
	json_decref(p->train_pairs);
	json_decref(p->result);
	uploads_close(&p->uploads);
	free(p->train_file);
	free(p->eval_file);
	free(p->manifest_file);
	free(p->report_file);
	free(p->train_uri);
	free(p->eval_uri);
	free(p->manifest_uri);
}
