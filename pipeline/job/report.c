/* The degeneracy report beside the manifest: what a reader of the data set wants to know before training
 * on it. Contents do not depend on how the run went, except for the section "run". */
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/version.h"
#include "pipeline/job/publish.h"
#include "pipeline/output/colstats.h"

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Takes the value; 0, or -1 without memory. */
static int set(json_t *o, const char *key, json_t *value)
{
	return value && json_object_set_new(o, key, value) == 0 ? 0 : -1;
}

/* Adds null shares; names the columns that say nothing. */
static int judge_columns(json_t *file, json_t *constant, json_t *empty)
{
	json_int_t rows = number(file, "rows");
	const char *name;
	json_t *column;
	int rc = 0;

	json_object_foreach(json_object_get(file, "columns"), name, column)
	{
		json_int_t nulls = number(column, "nulls");

		rc |= set(column, "null_share",
			  json_rounded(rows ? (double)nulls / (double)rows : 0, 6));
		if (rows && nulls == rows)
			rc |= json_array_append_new(empty, json_string(name));
		else if (rows && json_is_true(json_object_get(column, "constant")))
			rc |= json_array_append_new(constant, json_string(name));
	}
	return rc;
}

/* Statistics of pairs [from, to) in file order, with null shares and the list of suspects. */
static json_t *file_report(const struct publication *p, size_t from, size_t to)
{
	size_t most = (to - from) * CATEGORIES, n = 0, i;
	const json_t **shards = malloc((most + 1) * sizeof *shards);
	json_t *out, *constant = json_array(), *empty = json_array();
	int cat, rc;

	for (cat = 0; shards && cat < CATEGORIES; cat++)
		for (i = from; i < to; i++) {
			const json_t *shard = json_object_get(
				json_object_get(p->markers[i], "shards"), category_name[cat]);

			if (number(shard, "rows") > 0)
				shards[n++] = json_object_get(shard, "columns");
		}
	out = shards ? colstats_join(shards, n, p->payload->profile) : NULL;
	free(shards);
	rc = out ? judge_columns(out, constant, empty) : -1;
	rc |= set(out, "constant_columns", constant);
	rc |= set(out, "empty_columns", empty);
	if (rc)
		json_decref(out);
	return rc ? NULL : out;
}

static json_t *pair_report(const struct publication *p, size_t i)
{
	const json_t *m = p->markers[i];
	json_t *skipped = json_object_get(m, "skipped");
	json_int_t groups = number(m, "groups");
	json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I}", "pair", p->plan->pairs[i].label,
			      "queries", number(m, "queries"), "pairs", number(m, "pairs"),
			      "candidates", number(m, "candidates"), "rows", number(m, "rows"));
	int cat, rc = 0;

	if (skipped)
		rc |= json_object_set(o, "skipped", skipped);
	rc |= set(
		o, "self_neighbor_share",
		json_rounded(groups ? (double)number(m, "self_neighbors") / (double)groups : 0, 6));
	for (cat = 0; cat < CATEGORIES; cat++) {
		const json_t *shard =
			json_object_get(json_object_get(m, "shards"), category_name[cat]);

		rc |= set(o, category_name[cat],
			  json_pack("{s:I, s:I}", "positives", number(shard, "positives"),
				    "negatives", number(shard, "negatives")));
	}
	if (rc)
		json_decref(o);
	return rc ? NULL : o;
}

static json_int_t over_pairs(const struct publication *p, const char *key)
{
	json_int_t sum = 0;
	size_t i;

	for (i = 0; i < p->plan->n_pairs; i++)
		sum += number(p->markers[i], key);
	return sum;
}

/* Of the run that computed the pair, which may be an earlier one. */
static json_t *pair_alignments(const struct publication *p)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < p->plan->n_pairs; i++)
		if (json_array_append_new(
			    list, json_pack("{s:s, s:I, s:I}", "pair", p->plan->pairs[i].label,
					    "cache_hits", number(p->markers[i], "cache_hits"),
					    "computed", number(p->markers[i], "aligned"))) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

int report_write(const struct publication *p, const char *path, struct err *err)
{
	const struct context *c = p->c;
	json_t *pairs = json_array(), *root;
	uint64_t without_row = 0;
	size_t i;
	uint32_t k;
	char *text;
	int rc;

	for (i = 0; i < p->plan->n_pairs; i++)
		if (json_array_append_new(pairs, pair_report(p, i)) != 0) {
			json_decref(pairs);
			return err_nomem(err, "the report");
		}
	for (k = 0; k < c->proteins.n; k++)
		without_row +=
			c->proteins.sequence_id[k] >= 0 && pool_row(&c->pool, k) == POOL_NONE;
	root = json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I},"
		" s:{s:s, s:s?, s:o, s:i, s:{s:I, s:I, s:o}}}",
		"name", p->payload->output_name, "schema_profile",
		schema_profile_name(p->payload->profile), "schema_sha", p->schema_sha, "train",
		file_report(p, 0, p->plan->n_train_pairs), "eval",
		file_report(p, p->plan->n_train_pairs, p->plan->n_pairs), "pairs", pairs,
		"dropped_proteins", "no_sequence", (json_int_t)c->proteins.n_without_sequence,
		"no_embedding", (json_int_t)(without_row - c->pool.dropped_non_finite),
		"not_finite", (json_int_t)c->pool.dropped_non_finite, "duplicate_embedding_rows",
		(json_int_t)c->pool.duplicate_rows, "run", "producer_version", version_text(),
		"producer_git_sha", version_git_sha(), "stages", events_stage_table(p->events),
		"workers", c->settings->workers, "alignments", "cache_hits",
		(json_int_t)over_pairs(p, "cache_hits"), "computed",
		(json_int_t)over_pairs(p, "aligned"), "pairs", pair_alignments(p));
	if (!root)
		return err_nomem(err, "the report");
	text = json_pretty_ascii(root);
	json_decref(root);
	if (!text)
		return err_nomem(err, "the report");
	rc = fsio_write_file(path, text, strlen(text), err);
	free(text);
	return rc;
}
