/* What a run has loaded: maps, proteins, sets; see context.h. Pool and PCA are in context_pool.c,
 * auxiliary files in context_files.c, materialised ground truth in groundtruth.c. */
#include "pipeline/job/context.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/job/groundtruth.h"
#include "pipeline/ontology/shortnames.h"

void context_init(struct context *c, struct source *source, const struct settings *settings)
{
	*c = (struct context){.source = source, .settings = settings};
}

void context_release(struct context *c)
{
	size_t i;
	int cat;

	for (i = 0; i < c->n_sets; i++)
		if (c->set_loaded[i])
			annset_release(&c->sets[i]);
	free(c->sets);
	free(c->set_loaded);
	free(c->set_told);
	for (i = 0; i < c->n_truth; i++) {
		for (cat = 0; cat < CATEGORIES; cat++)
			pairset_release(&c->truth[i].gained[cat]);
		pairset_release(&c->truth[i].known);
		buckets_release(&c->made[i].buckets);
	}
	free(c->truth);
	free(c->made);
	ref_shelf_clear(&c->references);
	align_texts_release(&c->texts);
	pool_release(&c->pool);
	pool_shelf_clear(&c->shelf);
	pca_release(&c->pca);
	pca_scores_release(&c->scores);
	anc2vec_close(c->archive);
	term_vectors_release(&c->vectors);
	taxonomy_close(c->taxonomy);
	interpro_release(&c->interpro);
	free(c->ia);
	ontology_release(&c->ontology);
	proteins_release(&c->proteins);
	dict_release(&c->strings);
	artifact_close(c->store);
	*c = (struct context){0};
}

static int load_ontology(struct context *c, const struct payload *p, const struct plan *plan,
			 struct err *err)
{
	const char **native = malloc((plan->n_versions + 1) * sizeof *native);
	size_t i;
	int rc;

	if (!native)
		return err_nomem(err, "ontology maps");
	for (i = 0; i < plan->n_versions; i++)
		native[i] = plan->versions[i].snapshot_id;
	rc = ontology_load(&c->ontology, c->source, p->ontology_snapshot_id, native,
			   plan->n_versions, err);
	free(native);
	return rc;
}

static int make_slots(struct context *c, const struct plan *plan, struct err *err)
{
	c->sets = calloc(plan->n_versions, sizeof *c->sets);
	c->set_loaded = calloc(plan->n_versions, 1);
	c->set_told = calloc(plan->n_versions, 1);
	c->truth = calloc(plan->n_pairs, sizeof *c->truth);
	c->made = calloc(plan->n_pairs, sizeof *c->made);
	if (!c->sets || !c->set_loaded || !c->set_told || !c->truth || !c->made)
		return err_nomem(err, "annotation sets");
	c->n_sets = plan->n_versions;
	c->n_truth = plan->n_pairs;
	return 0;
}

static int load_maps(struct context *c, const struct payload *p, const struct plan *plan,
		     struct events *e, struct err *err)
{
	struct events_stage stage;
	int rc;

	events_stage_begin(e, &stage, "load_maps");
	rc = make_slots(c, plan, err);
	if (!rc) {
		rc = proteins_load(&c->proteins, c->source, err);
		c->has_proteins = rc == 0;
	}
	if (!rc)
		rc = load_ontology(c, p, plan, err);
	if (!rc)
		rc = groundtruth_read_all(c, plan, err);
	if (!rc)
		rc = ontology_finish(&c->ontology, err);
	if (!rc) {
		groundtruth_finish(c);
		c->has_ontology = 1;
	}
	pp_stage_items(&stage.mark, c->ontology.n_terms);
	pp_stage_param(&stage.mark, "proteins", (double)c->proteins.n);
	pp_stage_param(&stage.mark, "terms", (double)c->ontology.n_terms);
	events_stage_end(&stage, rc ? NULL : "maps_loaded",
			 json_pack("{s:I, s:I, s:I, s:I}", "proteins", (json_int_t)c->proteins.n,
				   "without_sequence", (json_int_t)c->proteins.n_without_sequence,
				   "terms", (json_int_t)c->ontology.n_terms, "go_ids",
				   (json_int_t)c->ontology.n_go));
	return rc;
}

static int load_set(struct context *c, const struct plan_version *v, const struct shortnames *names,
		    struct annset *set, struct err *err)
{
	return annset_load_with(set, c->source, v->set_id, &c->ontology,
				ontology_snapshot_index(&c->ontology, v->snapshot_id),
				(size_t)c->settings->workers, names, &c->proteins.accessions,
				&c->strings, err);
}

/* `names`: of the accessions; NULL: they are made if they are needed. */
static int need_set(struct context *c, const struct plan *plan, size_t version,
		    const struct shortnames *names, struct err *err)
{
	int rc;

	if (c->set_loaded[version])
		return 0;
	rc = load_set(c, &plan->versions[version], names, &c->sets[version], err);
	c->set_loaded[version] = rc == 0;
	return rc;
}

/* The sets that ground truth, references and counts of the pairs are made from. Each is read once, and before
 * there is a pool: what reading takes is free again by then. */
static int load_sets(struct context *c, const struct plan *plan, struct events *e, struct err *err)
{
	struct events_stage stage;
	struct shortnames names;
	uint64_t rows = 0, n = 0;
	size_t i;
	int rc = 0;

	events_stage_begin(e, &stage, "load_annotations");
	shortnames_make(&names, &c->proteins.accessions);
	for (i = 0; !rc && i < plan->n_pairs; i++) {
		const struct plan_pair *pair = &plan->pairs[i];

		rc = need_set(c, plan, pair->old_version, &names, err);
		if (!rc && !c->truth[i].present)
			rc = need_set(c, plan, pair->new_version, &names, err);
	}
	shortnames_release(&names);
	for (i = 0; i < c->n_sets; i++) {
		n += c->set_loaded[i];
		rows += c->set_loaded[i] ? c->sets[i].n_rows + c->sets[i].n_foreign : 0;
	}
	pp_stage_items(&stage.mark, rows);
	pp_stage_param(&stage.mark, "annotations", (double)rows);
	pp_stage_param(&stage.mark, "proteins", (double)c->proteins.n);
	pp_stage_param(&stage.mark, "terms", (double)c->ontology.n_terms);
	events_stage_end(&stage, rc ? NULL : "annotations_loaded",
			 json_pack("{s:I, s:I}", "sets", (json_int_t)n, "rows", (json_int_t)rows));
	return rc;
}

int context_load_maps(struct context *c, const struct payload *p, const struct plan *plan,
		      struct events *e, struct err *err)
{
	int rc;

	if (c->has_ontology) {
		memset(c->set_told, 0, c->n_sets); /* each cell's log tells all that touches it */
		return 0;
	}
	rc = load_maps(c, p, plan, e, err);
	return rc ? rc : load_sets(c, plan, e, err);
}

static void say_foreign(const struct plan_version *v, const struct annset *set, struct events *e)
{
	if (set->n_foreign)
		events_warn(
			e, "foreign_terms",
			json_pack("{s:I, s:I}", "version", (json_int_t)v->version, "rows",
				  (json_int_t)set->n_foreign),
			"%llu annotations of version %lld name terms of no snapshot in use and are "
			"ignored",
			(unsigned long long)set->n_foreign, (long long)v->version);
}

int context_need_set(struct context *c, const struct plan *plan, size_t version, struct events *e,
		     struct err *err)
{
	int rc = need_set(c, plan, version, NULL, err);

	if (rc)
		return rc;
	if (!c->set_told[version])
		say_foreign(&plan->versions[version], &c->sets[version], e);
	c->set_told[version] = 1;
	return 0;
}

void context_drop_set(struct context *c, size_t version)
{
	if (c->sharing || !c->set_loaded[version])
		return;
	annset_release(&c->sets[version]);
	c->set_loaded[version] = 0;
}
