/* The features of a pair that are made before the candidates: taxonomy per pair, the anc2vec term pool.
 * PCA scores are common to all pairs: pairs_pca.c. */
#include <stdlib.h>

#include "pipeline/core/workers.h"
#include "pipeline/job/split.h"

#define ITEM_PAIRS 4096

static int64_t taxon_of(const struct split *s, uint32_t row)
{
	int64_t taxon;

	return taxonomy_parse_id(s->c->proteins.taxonomy[s->c->pool.protein[row]], &taxon) ? taxon
											   : 0;
}

static int compare_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct split *s = ctx;
	uint32_t i, from = (uint32_t)item * ITEM_PAIRS;
	uint32_t to = s->pairs.n - from < ITEM_PAIRS ? s->pairs.n : from + ITEM_PAIRS;

	(void)worker;
	(void)err;
	for (i = from; i < to; i++)
		taxonomy_compare(s->c->taxonomy, taxon_of(s, s->query_row[s->pairs.query[i]]),
				 taxon_of(s, s->pairs.ref_row[i]), &s->tax[i]);
	return 0;
}

static int compare_taxa(struct split *s, struct err *err)
{
	struct events_stage stage;
	int rc = 0;

	if (!s->payload->compute_taxonomy)
		return 0;
	events_stage_begin(s->events, &stage, "taxonomy");
	s->tax = malloc(((size_t)s->pairs.n + 1) * sizeof *s->tax);
	if (!s->tax)
		rc = err_nomem(err, "taxonomy");
	else
		rc = workers_run(split_workers(s), (s->pairs.n + ITEM_PAIRS - 1) / ITEM_PAIRS,
				 compare_item, s, err);
	pp_stage_items(&stage.mark, s->pairs.n);
	events_stage_end(
		&stage, rc ? NULL : "taxonomy_done",
		json_pack("{s:o, s:I}", "split", split_name(s), "pairs", (json_int_t)s->pairs.n));
	return rc;
}

static int mark_terms(struct split *s, struct err *err)
{
	struct events_stage stage;
	uint32_t terms = 0, with_vector = 0;
	int rc = 0;

	events_stage_begin(s->events, &stage, "anc2vec");
	s->in_pool = malloc((size_t)s->c->ontology.n_go + 1);
	if (!s->in_pool)
		rc = err_nomem(err, "the term pool");
	else
		terms = term_pool_mark(s->in_pool, &s->c->vectors, &s->c->ontology, s->refs,
				       &s->buckets.known, &with_vector);
	pp_stage_items(&stage.mark, terms);
	events_stage_end(&stage, rc ? NULL : "anc2vec_done",
			 json_pack("{s:o, s:I, s:I}", "split", split_name(s), "terms",
				   (json_int_t)terms, "terms_with_vector",
				   (json_int_t)with_vector));
	return rc;
}

int split_features(struct split *s, struct err *err)
{
	int rc = compare_taxa(s, err);

	return rc ? rc : mark_terms(s, err);
}
