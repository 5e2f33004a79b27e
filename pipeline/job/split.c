/* One pair of releases, alone: what comes before and after the work that is common to all pairs; see split.h. */
#include "pipeline/job/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/job/groundtruth.h"
#include "prof/base/clock.h"

json_t *split_name(const struct split *s)
{
	return plan_split_name(s->plan, s->pair);
}

size_t split_workers(const struct split *s)
{
	return s->c->settings->workers > 1 ? (size_t)s->c->settings->workers : 1;
}

static const struct plan_pair *pair_of(const struct split *s)
{
	return &s->plan->pairs[s->pair];
}

static json_int_t version_of(const struct split *s, size_t version)
{
	return (json_int_t)s->plan->versions[version].version;
}

static void say_start(const struct split *s)
{
	const struct plan_pair *pair = pair_of(s);
	json_int_t v_old = version_of(s, pair->old_version);
	json_int_t v_new = version_of(s, pair->new_version);

	if (pair->is_test)
		events_emit(s->events, "info", "test_knn", NULL,
			    json_pack("{s:I, s:I}", "test_old", v_old, "test_new", v_new));
	events_emit(s->events, "info", "split_start", NULL,
		    json_pack("{s:o, s:I, s:I}", "split", split_name(s), "v_old", v_old, "v_new",
			      v_new));
}

/* Ground truth and queries; *why names the reason to skip the pair. */
static int find_queries(struct split *s, const char **why, struct err *err)
{
	struct events_stage stage;
	int computed = 0, rc;
	size_t n[CATEGORIES], total = 0;
	int cat;

	*why = NULL;
	events_stage_begin(s->events, &stage, "ground_truth");
	rc = groundtruth_buckets(s->c, s->plan, s->pair, &s->buckets, &computed, s->events, err);
	if (!rc)
		rc = groundtruth_queries(s->c, &s->buckets, &s->query_row, &s->n_queries, err);
	for (cat = 0; cat < CATEGORIES; cat++)
		total += n[cat] = s->buckets.gained[cat].n;
	pp_stage_items(&stage.mark, s->n_queries);
	pp_stage_param(&stage.mark, "annotations",
		       (double)s->c->sets[pair_of(s)->old_version].n_rows +
			       (double)s->c->sets[pair_of(s)->new_version].n_rows);
	s->elapsed_s += events_stage_end(
		&stage, rc ? NULL : "groundtruth_done",
		json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:I}", "split", split_name(s), "source",
			  computed ? "computed" : "materialised", "nk", (json_int_t)n[CAT_NK], "lk",
			  (json_int_t)n[CAT_LK], "pk", (json_int_t)n[CAT_PK], "known",
			  (json_int_t)s->buckets.known.n, "queries", (json_int_t)s->n_queries));
	if (!rc && total == 0)
		*why = "no ground truth in any category";
	else if (!rc && s->n_queries == 0)
		*why = "no query embeddings";
	return rc;
}

static int find_references(struct split *s, struct err *err)
{
	struct events_stage stage;
	size_t old_version = pair_of(s)->old_version;
	json_t *counts = json_object();
	uint64_t rows;
	int rc, a;

	events_stage_begin(s->events, &stage, "references");
	rc = context_need_set(s->c, s->plan, old_version, s->events, err);
	if (!rc)
		rc = ref_shelf_take(&s->c->references, old_version, &s->c->sets[old_version],
				    &s->c->ontology, &s->c->pool, &s->refs, err);
	for (a = 0; !rc && a < ASPECTS; a++) {
		json_object_set_new(counts, aspect_export[a],
				    json_integer((json_int_t)s->refs->aspect[a].n));
		events_emit(s->events, "info", "aspect_loaded", NULL,
			    json_pack("{s:o, s:s, s:I}", "split", split_name(s), "aspect",
				      aspect_export[a], "references",
				      (json_int_t)s->refs->aspect[a].n));
	}
	rows = s->refs ? s->refs->annotation_rows : 0;
	pp_stage_items(&stage.mark, rows);
	pp_stage_param(&stage.mark, "annotations", (double)rows);
	s->elapsed_s +=
		events_stage_end(&stage, rc ? NULL : "references_done",
				 json_pack("{s:o, s:o, s:I}", "split", split_name(s), "references",
					   counts, "annotation_rows", (json_int_t)rows));
	return rc;
}

static int skip(struct split *s, const char *why)
{
	events_emit(s->events, "warning", "split_skipped", NULL,
		    json_pack("{s:o, s:s}", "split", split_name(s), "reason", why));
	s->marker =
		json_pack("{s:s, s:s, s:I, s:I}", "pair", pair_of(s)->label, "skipped", why,
			  "queries", (json_int_t)s->n_queries, "total_unlabeled", (json_int_t)0);
	return s->marker ? 0 : ERR_NOMEM;
}

int split_begin(struct split *s, struct err *err)
{
	const char *why = NULL;
	int rc;

	say_start(s);
	rc = find_queries(s, &why, err);
	if (rc)
		return rc;
	s->skipped = why != NULL;
	if (why)
		return skip(s, why);
	s->works = 1;
	return find_references(s, err);
}

/* Sizes for the stages that have none of their own: references of an aspect and annotations of a reference
 * are means of the three aspects. */
static void mark_sizes(struct split *s)
{
	double n = 0;
	int a;

	for (a = 0; a < ASPECTS; a++)
		n += (double)s->refs->aspect[a].n;
	pp_stage_param(&s->mark, "q", (double)s->n_queries);
	pp_stage_param(&s->mark, "n", n / ASPECTS);
	pp_stage_param(&s->mark, "T", n > 0 ? (double)s->refs->annotation_rows / n : 0);
}

/* Made for one pair at a time: the counts of a set are as large as the set. */
static int count_associations(struct split *s, struct err *err)
{
	const struct annset *set = &s->c->sets[pair_of(s)->old_version];
	struct events_stage stage;
	int rc;

	if (!s->payload->compute_association || s->payload->profile != SCHEMA_V5_73)
		return 0;
	events_stage_begin(s->events, &stage, "association");
	rc = association_build(&s->association, set, &s->c->ontology, err);
	s->has_association = rc == 0;
	pp_stage_items(&stage.mark, set->n_rows);
	pp_stage_param(&stage.mark, "annotations", (double)set->n_rows);
	events_stage_end(&stage, rc ? NULL : "association_done",
			 json_pack("{s:o, s:I}", "split", split_name(s), "annotation_rows",
				   (json_int_t)set->n_rows));
	return rc;
}

int split_finish(struct split *s, struct err *err)
{
	int64_t start_ns = clock_mono_ns();
	int rc;

	s->mark = pp_stage_begin("split");
	mark_sizes(s);
	rc = count_associations(s, err);
	if (!rc)
		rc = split_features(s, err);
	if (!rc)
		rc = split_records(s, err);
	pp_stage_end(&s->mark);
	s->elapsed_s += clock_elapsed_s(start_ns);
	return rc;
}

static void say_done(const struct split *s)
{
	const struct plan_pair *pair = pair_of(s);
	const json_t *m = s->marker;
	json_t *fields;
	int cat;

	fields = json_pack("{s:o, s:I, s:I, s:b, s:I}", "split", split_name(s), "v_old",
			   version_of(s, pair->old_version), "v_new",
			   version_of(s, pair->new_version), "skipped",
			   json_object_get(m, "skipped") != NULL, "total_unlabeled",
			   json_integer_value(json_object_get(m, "total_unlabeled")));
	for (cat = 0; cat < CATEGORIES; cat++) {
		const json_t *shard =
			json_object_get(json_object_get(m, "shards"), category_name[cat]);
		char key[32];

		snprintf(key, sizeof key, "%s_positives", category_name[cat]);
		json_object_set_new(
			fields, key,
			json_integer(json_integer_value(json_object_get(shard, "positives"))));
		snprintf(key, sizeof key, "%s_negatives", category_name[cat]);
		json_object_set_new(
			fields, key,
			json_integer(json_integer_value(json_object_get(shard, "negatives"))));
	}
	json_object_set_new(fields, "elapsed_s", json_rounded(s->elapsed_s, 3));
	events_emit(s->events, "info", "split_done", NULL, fields);
}

/* From here on the pair is finished, whatever becomes of the run. */
int split_stage(struct split *s, size_t done, struct err *err)
{
	struct events_stage stage;
	int rc;

	events_stage_begin(s->events, &stage, "stage_pair");
	rc = staging_save_marker(s->staging, pair_of(s)->label, s->marker, err);
	s->elapsed_s += events_stage_end(
		&stage, rc ? NULL : "split_staged",
		json_pack("{s:o, s:I, s:I}", "split", split_name(s), "_progress_current",
			  (json_int_t)done, "_progress_total", (json_int_t)s->plan->n_pairs));
	if (!rc)
		say_done(s);
	return rc;
}

void split_release(struct split *s)
{
	buckets_release(&s->buckets);
	free(s->query_row);
	if (s->refs)
		ref_shelf_give_back(&s->c->references, s->refs, s->c->sharing);
	neighbors_release(&s->own_neighbors);
	pair_list_release(&s->pairs);
	free(s->job_of);
	free(s->align);
	free(s->has_align);
	free(s->tax);
	free(s->pca_scores);
	free(s->in_pool);
	if (s->has_association)
		association_release(&s->association);
	json_decref(s->marker);
	*s = (struct split){0};
}
