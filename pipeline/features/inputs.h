/* Everything the features of one pair read, borrowed from the run. Built before the query threads start
 * and never changed while they work. */
#ifndef FEATURES_INPUTS_H
#define FEATURES_INPUTS_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/align/align.h"
#include "pipeline/features/interpro.h"
#include "pipeline/features/neighbors.h"
#include "pipeline/features/references.h"
#include "pipeline/features/terms.h"
#include "pipeline/ontology/buckets.h"
#include "pipeline/output/schema.h"
#include "pipeline/pca/pca.h"
#include "pipeline/taxonomy/taxonomy.h"

struct association; /* association.h */

struct feature_inputs {
	const struct ontology *ontology;
	const struct pool *pool;
	const struct references *refs;
	const struct neighbors *neighbors;
	const struct pair_list *pairs;
	const struct buckets *buckets;
	const uint32_t *query_row; /* pool row of each query */
	uint32_t n_queries;
	uint32_t k; /* as requested */
	int expand; /* ancestor candidates */
	enum schema_profile profile;

	const struct term_vectors *vectors;
	const unsigned char *in_pool;     /* per go: in the term pool of the pair */
	const struct align_values *align; /* per pair; NULL: family off */
	const unsigned char *has_align;   /* per pair: both texts are there */
	int sane_empty_sw;
	const struct tax_pair *tax;      /* per pair; NULL: family off */
	const double *const *pca_scores; /* per query: PCA_COMPONENTS; NaN: missing; NULL: off */
	const struct interpro *interpro; /* NULL: no table */
	const double *ia;                /* per go; NULL: every weight is 1 */
	int self_prior;
	const struct association *association; /* NULL: family off */
};

#endif
