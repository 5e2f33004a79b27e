/* The preflight of a job without its work: see check.h. */
#include "pipeline/job/check.h"

#include <stdlib.h>

#include "pipeline/core/fsio.h"
#include "pipeline/features/interpro.h"
#include "pipeline/job/preflight.h"
#include "pipeline/job/refusal.h"
#include "prof/base/buf.h"

struct checking {
	struct problems problems;
	struct notes notes;
	struct settings settings;
	struct source *source;
	struct context context;
	int has_context;
	int refused; /* settings or payload are at fault */
	struct payload payload;
	struct plan plan;
	struct estimate estimate;
	int has_estimate;
};

/* Goes as far as it can: each step needs the ones before it. */
static int walk(struct checking *k, const char *source_url, const json_t *payload,
		const json_t *environment, const char *base_dir, const struct run_options *options,
		struct err *err)
{
	int rc = settings_load(&k->settings, environment, base_dir, &k->problems, err);

	if (rc)
		return rc;
	if (options->workers)
		k->settings.workers = options->workers;
	rc = refusal_check(&k->settings, source_url, payload, &k->problems, err);
	if (rc == 1) {
		k->refused = 1;
		return 0;
	}
	if (!rc)
		rc = payload_parse(&k->payload, payload, &k->problems, err);
	if (!rc)
		rc = source_open(&k->source, source_url, SOURCE_READ | SOURCE_WRITE, err);
	if (rc)
		return rc;
	context_init(&k->context, k->source, &k->settings);
	k->has_context = 1;
	rc = preflight_run(&k->context, &k->payload, &k->plan, options->memory_limit, &k->problems,
			   &k->notes, err);
	if (!rc && k->problems.count == 0) {
		struct events *silent = events_new(NULL, NULL);

		rc = silent ? estimate_make(&k->estimate, &k->context, &k->payload, &k->plan,
					    silent, err)
			    : err_nomem(err, "events");
		k->has_estimate = rc == 0;
		events_free(silent);
	}
	return rc;
}

static json_int_t number_of(const json_t *pair, const char *key)
{
	return json_integer_value(json_object_get(pair, key));
}

/* A run fails when no train pair has a query; queries are counted as far as they can be without reading
 * embeddings, so never too few. */
static void check_queries(struct checking *k)
{
	struct buf why = BUF_INIT;
	size_t i;

	for (i = 0; k->has_estimate && i < k->plan.n_train_pairs; i++) {
		const json_t *pair = json_array_get(k->estimate.by_pair, i);

		if (number_of(pair, "queries") > 0)
			break;
		buf_printf(&why, "%s%s: %s", i ? "; " : "", k->plan.pairs[i].label,
			   number_of(pair, "nk") + number_of(pair, "lk") + number_of(pair, "pk")
				   ? "no query has a sequence"
				   : "no ground truth in any category");
	}
	if (k->has_estimate && i == k->plan.n_train_pairs)
		problems_add(&k->problems, ERR_NOTFOUND,
			     "no training data would come from any split (%s)", buf_str(&why));
	buf_release(&why);
}

/* The table is read with the names of proteins and terms, which the estimate has loaded. */
static void check_interpro(struct checking *k)
{
	const struct context *c = &k->context;
	struct interpro table;
	struct err why = ERR_INIT;

	if (!k->has_estimate || k->payload.profile != SCHEMA_V5_73 || !c->settings->interpro_path)
		return;
	if (interpro_load(&table, c->settings->interpro_path, &c->proteins.accessions, &c->ontology,
			  &why) != 0)
		problems_add_err(&k->problems, &why);
	else
		interpro_release(&table);
}

static void check_space(struct checking *k, const char *what, uint64_t free_bytes, uint64_t need)
{
	if (free_bytes < need)
		problems_add(&k->problems, ERR_LIMIT,
			     "disk: about %llu MiB are needed for %s and %llu MiB are free",
			     (unsigned long long)(need >> 20) + 1, what,
			     (unsigned long long)(free_bytes >> 20));
}

/* Staging holds shards and final files; the store, which may be elsewhere, the final files. */
static void check_disk(struct checking *k)
{
	uint64_t free_bytes;

	if (!k->has_estimate)
		return;
	if (fsio_free_bytes(k->settings.resume_dir, &free_bytes) == 0)
		check_space(k, "staging", free_bytes, k->estimate.disk_bytes);
	if (artifact_free_bytes(k->context.store, &free_bytes) == 0)
		check_space(k, "the artifact store", free_bytes, k->estimate.disk_bytes / 2);
}

static json_t *estimate_json(const struct estimate *x)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:I, s:O}",
		"proteins", (json_int_t)x->proteins, "pool_rows", (json_int_t)x->pool_rows, "dim",
		(json_int_t)x->pool_dim, "queries", (json_int_t)x->queries, "pairs_at_most",
		(json_int_t)x->pairs, "rows_at_most", (json_int_t)x->rows, "memory_bytes", "total",
		(json_int_t)x->memory_bytes, "pool", (json_int_t)x->memory_pool, "maps",
		(json_int_t)x->memory_maps, "knn", (json_int_t)x->memory_knn, "alignment",
		(json_int_t)x->memory_align, "rows", (json_int_t)x->memory_rows, "available",
		(json_int_t)memory_available(), "disk_bytes", (json_int_t)x->disk_bytes, "by_pair",
		x->by_pair);
}

static json_t *result_json(const struct checking *k)
{
	json_t *problems = json_array(), *warnings = json_array(), *out;
	size_t i;

	for (i = 0; i < k->problems.count; i++)
		json_array_append_new(problems, json_string(k->problems.list[i].text));
	for (i = 0; i < notes_count(&k->notes); i++)
		json_array_append_new(warnings, json_string(notes_text(&k->notes, i)));
	out = json_pack("{s:b, s:o, s:o}", "ok", k->problems.count == 0, "problems", problems,
			"warnings", warnings);
	if (out && k->has_estimate)
		json_object_set_new(out, "estimate", estimate_json(&k->estimate));
	return out;
}

static enum run_outcome outcome_of(const struct problems *p)
{
	size_t i;

	if (p->count == 0)
		return RUN_DONE;
	for (i = 0; i < p->count; i++)
		if (p->list[i].code != ERR_ARG && p->list[i].code != ERR_EXISTS)
			return RUN_FAILED;
	return RUN_REFUSED;
}

json_t *check_payload(const char *source_url, const json_t *payload, const json_t *environment,
		      const char *base_dir, const struct run_options *options,
		      enum run_outcome *outcome)
{
	struct checking k = {0};
	struct err err = ERR_INIT;
	json_t *out;

	if (walk(&k, source_url, payload, environment, base_dir, options, &err) != 0)
		problems_add_err(&k.problems, &err);
	check_queries(&k);
	check_interpro(&k);
	check_disk(&k);
	*outcome = k.refused ? RUN_REFUSED : outcome_of(&k.problems);
	out = result_json(&k);
	if (k.has_estimate)
		estimate_release(&k.estimate);
	if (k.has_context)
		context_release(&k.context);
	plan_release(&k.plan);
	payload_release(&k.payload);
	notes_release(&k.notes);
	source_close(k.source);
	settings_release(&k.settings);
	problems_release(&k.problems);
	return out;
}
