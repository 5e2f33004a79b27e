/* The pairs of a run, stage by stage: see pairs.h. */
#include "pipeline/job/pairs.h"

#include <stdlib.h>

#include "pipeline/core/cancel.h"

static void say_resumed(const struct pairs *r, size_t i)
{
	const struct plan_pair *pair = &r->plan->pairs[i];
	int skipped = json_object_get(r->split[i].marker, "skipped") != NULL;

	if (pair->is_test)
		events_emit(r->events, "info", "test_resumed", NULL,
			    json_pack("{s:I, s:I}", "test_old",
				      (json_int_t)r->plan->versions[pair->old_version].version,
				      "test_new",
				      (json_int_t)r->plan->versions[pair->new_version].version));
	else
		events_emit(
			r->events, "info", "split_resumed", NULL,
			json_pack("{s:I, s:b}", "split", (json_int_t)i + 1, "skipped", skipped));
}

/* Is the pair finished by an earlier run? */
static int resume(struct pairs *r, size_t i)
{
	const char *label = r->plan->pairs[i].label;
	struct events_stage stage;
	char why[256];

	if (!r->staging)
		return 0;
	events_stage_begin(r->events, &stage, "resume_check");
	r->split[i].marker = staging_load_marker(r->staging, label, why);
	events_stage_end(&stage, NULL, NULL);
	if (r->split[i].marker) {
		r->n_done++;
		say_resumed(r, i);
		return 1;
	}
	if (why[0])
		events_warn(r->events, "resume", json_pack("{s:s}", "pair", label),
			    "%s: the pair is computed again", why);
	return 0;
}

/* Old versions are read until a pair is finished; the new one of a pair only for its ground truth. */
static int still_needed(const struct pairs *r, size_t version)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (!r->split[i].marker && r->plan->pairs[i].old_version == version)
			return 1;
	return 0;
}

static void drop_sets(struct pairs *r)
{
	size_t i;

	for (i = 0; i < r->plan->n_versions; i++)
		if (!still_needed(r, i))
			context_drop_set(r->c, i);
}

/* All pairs that are not finished have ground truth, queries and references after this. */
static int begin(struct pairs *r, struct err *err)
{
	size_t i;
	int rc = 0;

	r->n = r->plan->n_pairs;
	r->split = calloc(r->n + 1, sizeof *r->split);
	if (!r->split)
		return err_nomem(err, "pairs");
	for (i = 0; i < r->n; i++) {
		r->split[i] = (struct split){.c = r->c,
					     .payload = r->payload,
					     .plan = r->plan,
					     .staging = r->staging,
					     .events = r->events,
					     .pair = i};
		(void)resume(r, i);
	}
	for (i = 0; !rc && i < r->n; i++) {
		rc = cancel_check(err);
		if (!rc && !r->split[i].marker)
			rc = split_begin(&r->split[i], err);
	}
	drop_sets(r);
	return rc;
}

static int any_works(const struct pairs *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->split[i].works)
			return 1;
	return 0;
}

static int finish_pair(struct pairs *r, struct split *s, struct err *err)
{
	int rc = cancel_check(err);

	if (!rc && r->payload->compute_alignments)
		rc = pairs_take_alignments(r, s, err);
	if (!rc)
		rc = split_finish(s, err);
	if (!rc)
		rc = split_stage(s, ++r->n_done, err);
	return rc;
}

/* What was made for the pair goes as soon as it is finished; its marker stays. */
static int finish(struct pairs *r, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < r->n; i++) {
		struct split *s = &r->split[i];
		json_t *marker;

		if (s->skipped)
			rc = split_stage(s, ++r->n_done, err);
		if (!s->works)
			continue;
		rc = finish_pair(r, s, err);
		marker = json_incref(s->marker);
		split_release(s);
		s->marker = marker;
		drop_sets(r);
	}
	return rc;
}

int pairs_search(struct pairs *r, struct err *err)
{
	int rc = begin(r, err);

	if (!rc && any_works(r))
		rc = pairs_neighbors(r, err);
	return rc;
}

int pairs_run(struct pairs *r, json_t **marker, struct err *err)
{
	size_t i;
	int rc = pairs_search(r, err);

	if (!rc && any_works(r) && r->payload->use_embedding_pca)
		rc = pairs_project(r, err);
	if (!r->c->sharing)
		pool_drop_values(&r->c->pool); /* neighbours and scores are there */
	if (!rc && any_works(r) && r->payload->compute_alignments)
		rc = pairs_alignments(r, err);
	if (!rc)
		rc = finish(r, err);
	for (i = 0; r->split && i < r->n; i++)
		marker[i] = json_incref(r->split[i].marker);
	return rc;
}

void pairs_release(struct pairs *r)
{
	size_t i;

	for (i = 0; r->split && i < r->n; i++)
		split_release(&r->split[i]);
	free(r->split);
	align_work_release(&r->work);
	*r = (struct pairs){0};
}
