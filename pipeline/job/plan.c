/* What a payload means for a source: see plan.h. */
#include "pipeline/job/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- versions -------------------------------------------------------------------------------------- */

static int collect_versions(struct plan *plan, const struct payload *p, struct err *err)
{
	size_t i, n = p->n_train_versions + p->n_test_versions;

	plan->versions = calloc(n, sizeof *plan->versions);
	if (!plan->versions)
		return err_nomem(err, "versions");
	/* Both lists ascend and the first test version is above the last train version. */
	for (i = 0; i < n; i++)
		plan->versions[plan->n_versions++].version =
			i < p->n_train_versions ? p->train_versions[i]
						: p->test_versions[i - p->n_train_versions];
	return 0;
}

struct choice {
	const struct plan_version *version;
	char text[24];
	struct plan_version best;
	int64_t best_created_ns;
	size_t matches;
};

struct version_search {
	struct choice *list;
	size_t n;
};

/* Rows come by id, so of equal stamps the smallest id is the first. */
static int offer_set(void *ctx, const struct source_annotation_set *row, struct err *err)
{
	struct version_search *v = ctx;
	size_t i;

	(void)err;
	for (i = 0; row->source_version && i < v->n; i++) {
		struct choice *c = &v->list[i];

		if (strcmp(c->text, row->source_version) != 0)
			continue;
		if (c->matches++ == 0 || row->created_at_ns > c->best_created_ns) {
			c->best_created_ns = row->created_at_ns;
			memccpy(c->best.set_id, row->id, '\0', UUID_TEXT - 1);
			memccpy(c->best.snapshot_id, row->snapshot_id, '\0', UUID_TEXT - 1);
		}
	}
	return 0;
}

static void keep_choice(struct plan_version *v, const struct choice *c, const char *source_name,
			struct problems *problems, struct notes *notes)
{
	if (!c->matches) {
		problems_add(problems, ERR_NOTFOUND,
			     "no annotation set with source '%s' and version %" PRId64
			     "; load it or change train_versions or test_versions",
			     source_name, v->version);
		return;
	}
	memcpy(v->set_id, c->best.set_id, UUID_TEXT);
	memcpy(v->snapshot_id, c->best.snapshot_id, UUID_TEXT);
	if (c->matches > 1)
		notes_add(notes, "several_annotation_sets",
			  json_pack("{s:I, s:I, s:s}", "version", (json_int_t)v->version, "matches",
				    (json_int_t)c->matches, "annotation_set_id", v->set_id),
			  "%zu annotation sets have version %" PRId64 ": the newest, %s, is used",
			  c->matches, v->version, v->set_id);
}

static int resolve_versions(struct plan *plan, struct source *s, const struct payload *p,
			    struct problems *problems, struct notes *notes, struct err *err)
{
	struct version_search search = {.n = plan->n_versions};
	size_t i;
	int rc;

	search.list = calloc(plan->n_versions, sizeof *search.list);
	if (!search.list)
		return err_nomem(err, "versions");
	for (i = 0; i < search.n; i++)
		snprintf(search.list[i].text, sizeof search.list[i].text, "%" PRId64,
			 plan->versions[i].version);
	rc = source_annotation_sets(s, p->annotation_source, offer_set, &search, err);
	for (i = 0; !rc && i < search.n; i++)
		keep_choice(&plan->versions[i], &search.list[i], p->annotation_source, problems,
			    notes);
	free(search.list);
	return rc;
}

/* ---- pairs ----------------------------------------------------------------------------------------- */

static void set_pair(struct plan *plan, size_t at, size_t old_version, size_t new_version)
{
	struct plan_pair *pair = &plan->pairs[at];

	pair->old_version = old_version;
	pair->new_version = new_version;
	snprintf(pair->label, sizeof pair->label, "v%" PRId64 "-v%" PRId64,
		 plan->versions[old_version].version, plan->versions[new_version].version);
}

static int make_pairs(struct plan *plan, const struct payload *p, struct err *err)
{
	size_t i;

	plan->n_train_pairs = p->n_train_versions - 1;
	plan->n_pairs = p->n_train_versions;
	plan->pairs = calloc(plan->n_pairs, sizeof *plan->pairs);
	if (!plan->pairs)
		return err_nomem(err, "pairs");
	for (i = 0; i < plan->n_pairs; i++)
		set_pair(plan, i, i,
			 i + 1); /* the first test version follows the last train version */
	plan->pairs[plan->n_pairs - 1].is_test = 1;
	return 0;
}

struct evaluation_choice {
	const char *pivot;
	char id[UUID_TEXT];
	char other_pivot[UUID_TEXT]; /* of the chosen row, when it is another than ours */
	char *uri;                   /* owned */
	int64_t created_ns;
	int pivot_matches;
	size_t rows;
	size_t candidates; /* rows as good in the first criterion */
};

static int offer_evaluation(void *ctx, const struct source_evaluation_set *row, struct err *err)
{
	struct evaluation_choice *c = ctx;
	int match = row->pivot_snapshot_id && strcmp(row->pivot_snapshot_id, c->pivot) == 0;

	if (match > c->pivot_matches)
		c->candidates = 0;
	if (match >= c->pivot_matches)
		c->candidates++;
	if (c->rows++ > 0 && (match < c->pivot_matches ||
			      (match == c->pivot_matches && row->created_at_ns <= c->created_ns)))
		return 0;
	c->pivot_matches = match;
	c->created_ns = row->created_at_ns;
	memccpy(c->id, row->id, '\0', UUID_TEXT - 1);
	c->other_pivot[0] = '\0';
	if (row->pivot_snapshot_id && !match)
		memccpy(c->other_pivot, row->pivot_snapshot_id, '\0', UUID_TEXT - 1);
	free(c->uri);
	c->uri = row->groundtruth_uri ? strdup(row->groundtruth_uri) : NULL;
	return row->groundtruth_uri && !c->uri ? err_nomem(err, "evaluation sets") : 0;
}

static void say_evaluation(const struct plan_pair *pair, const struct evaluation_choice *c,
			   const char *pivot, int uri_used, struct notes *notes)
{
	if (c->candidates > 1)
		notes_add(notes, "several_evaluation_sets",
			  json_pack("{s:s, s:I, s:s}", "pair", pair->label, "matches",
				    (json_int_t)c->candidates, "evaluation_set_id", c->id),
			  "%zu evaluation sets fit pair %s: the newest, %s, is used", c->candidates,
			  pair->label, c->id);
	if (uri_used && c->other_pivot[0])
		notes_add(
			notes, "evaluation_set_other_pivot",
			json_pack("{s:s, s:s, s:s, s:s}", "pair", pair->label, "evaluation_set_id",
				  c->id, "evaluation_pivot", c->other_pivot, "payload_pivot",
				  pivot),
			"evaluation set %s of pair %s was made for pivot %s, the payload's is %s: "
			"positives outside the payload's pivot vanish",
			c->id, pair->label, c->other_pivot, pivot);
}

static int find_evaluation(const struct plan *plan, struct plan_pair *pair, struct source *s,
			   const struct payload *p, struct notes *notes, struct err *err)
{
	struct evaluation_choice c = {.pivot = p->ontology_snapshot_id};
	const struct plan_version *old_v = &plan->versions[pair->old_version];
	const struct plan_version *new_v = &plan->versions[pair->new_version];
	int rc;

	if (!old_v->set_id[0] || !new_v->set_id[0])
		return 0; /* already a problem */
	rc = source_evaluation_sets(s, old_v->set_id, new_v->set_id, offer_evaluation, &c, err);
	if (!rc && c.rows) {
		int uri_used = c.uri && !p->compute_groundtruth;

		memcpy(pair->evaluation_set, c.id, UUID_TEXT);
		say_evaluation(pair, &c, p->ontology_snapshot_id, uri_used, notes);
		if (uri_used) {
			pair->groundtruth_uri = c.uri;
			c.uri = NULL;
		}
	}
	free(c.uri);
	return rc;
}

/* ---- configuration and pivot ------------------------------------------------------------------------ */

struct config_search {
	const char *id;
	char *model_name; /* owned */
	int found;
};

static int offer_config(void *ctx, const struct source_config *row, struct err *err)
{
	struct config_search *c = ctx;

	if (strcmp(row->id, c->id) != 0)
		return 0;
	c->found = 1;
	free(c->model_name);
	c->model_name = strdup(row->model_name);
	return c->model_name ? 0 : err_nomem(err, "embedding configurations");
}

static int check_config(struct plan *plan, struct source *s, const struct payload *p,
			struct problems *problems, struct err *err)
{
	struct config_search c = {.id = p->embedding_config_id};
	uint64_t rows, dim;
	int rc = source_configs(s, offer_config, &c, err);

	plan->model_name = c.model_name;
	if (rc)
		return rc;
	if (!c.found) {
		problems_add(problems, ERR_NOTFOUND,
			     "embedding configuration %s does not exist in %s", c.id,
			     source_name(s));
		return 0;
	}
	rc = source_embedding_estimate(s, c.id, &rows, &dim, err);
	if (!rc && rows == 0)
		problems_add(problems, ERR_NOTFOUND,
			     "embedding configuration %s (%s) has no embeddings in %s", c.id,
			     c.model_name, source_name(s));
	return rc;
}

static int check_pivot(struct source *s, const struct payload *p, struct problems *problems,
		       struct err *err)
{
	int rc = source_has_snapshot(s, p->ontology_snapshot_id, err);

	if (rc == 0)
		problems_add(problems, ERR_NOTFOUND,
			     "ontology snapshot %s (the pivot) does not exist in %s",
			     p->ontology_snapshot_id, source_name(s));
	return rc < 0 ? rc : 0;
}

int plan_make(struct plan *plan, struct source *s, const struct payload *payload,
	      struct problems *problems, struct notes *notes, struct err *err)
{
	size_t i;
	int rc;

	*plan = (struct plan){0};
	rc = collect_versions(plan, payload, err);
	if (!rc)
		rc = check_config(plan, s, payload, problems, err);
	if (!rc)
		rc = check_pivot(s, payload, problems, err);
	if (!rc)
		rc = resolve_versions(plan, s, payload, problems, notes, err);
	if (!rc)
		rc = make_pairs(plan, payload, err);
	for (i = 0; !rc && i < plan->n_pairs; i++)
		rc = find_evaluation(plan, &plan->pairs[i], s, payload, notes, err);
	if (rc)
		plan_release(plan);
	return rc;
}

void plan_release(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->n_pairs; i++)
		free(plan->pairs[i].groundtruth_uri);
	free(plan->pairs);
	free(plan->versions);
	free(plan->model_name);
	*plan = (struct plan){0};
}

json_t *plan_split_name(const struct plan *plan, size_t pair)
{
	return plan->pairs[pair].is_test ? json_string("test") : json_integer((json_int_t)pair + 1);
}
