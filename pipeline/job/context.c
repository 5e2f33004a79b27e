/* What a run has loaded: maps, proteins, sets; see context.h. Pool and PCA are in context_pool.c,
 * auxiliary files in context_files.c, materialised ground truth in groundtruth.c. */
#include "pipeline/job/context.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/job/groundtruth.h"

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
	}
	free(c->truth);
	pool_release(&c->pool);
	pca_release(&c->pca);
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
	if (!c->sets || !c->set_loaded || !c->set_told || !c->truth)
		return err_nomem(err, "annotation sets");
	c->n_sets = plan->n_versions;
	c->n_truth = plan->n_pairs;
	return 0;
}

int context_load_maps(struct context *c, const struct payload *p, const struct plan *plan,
		      struct events *e, struct err *err)
{
	struct events_stage stage;
	int rc;

	if (c->has_ontology) {
		memset(c->set_told, 0, c->n_sets); /* each cell's log tells all that touches it */
		return 0;
	}
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

static int load_set(struct context *c, const struct plan_version *v, struct annset *set,
		    struct err *err)
{
	return annset_load_with(set, c->source, v->set_id, &c->ontology,
				ontology_snapshot_index(&c->ontology, v->snapshot_id),
				(size_t)c->settings->workers, &c->proteins.accessions, &c->strings,
				err);
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
	const struct plan_version *v = &plan->versions[version];
	struct annset *set = &c->sets[version];
	int rc;

	if (!c->set_loaded[version]) {
		rc = load_set(c, v, set, err);
		if (rc)
			return rc;
		c->set_loaded[version] = 1;
	}
	if (!c->set_told[version])
		say_foreign(v, set, e);
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
