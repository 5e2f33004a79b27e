/* The parity family `association` of spec 4.12: how often terms go together in an annotation set, in
 * distinct proteins. Terms of a protein are those of its experimental, non-negated rows, without
 * propagation, for the query and for the counts alike. Built once per set, asked per candidate. */
#ifndef FEATURES_ASSOCIATION_H
#define FEATURES_ASSOCIATION_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/ontology/annset.h"
#include "pipeline/ontology/ontology.h"
#include "prof/base/err.h"

struct association {
	const struct ontology *ontology; /* borrowed */
	struct csr proteins;             /* go -> proteins that carry it, ascending */
	struct csr terms;                /* protein -> gos it carries, ascending */
};

int association_build(struct association *a, const struct annset *set, const struct ontology *o,
		      struct err *err);
void association_release(struct association *a);

struct association_score {
	double total, cross, present;
};

/* The sums of one query for every term at once; scratch memory of one thread. */
struct association_table {
	const struct association *a;
	double *total, *cross; /* owned: per go, for the query at hand */
	uint32_t *count;       /* owned scratch: zeros between uses */
	uint32_t *touched;     /* owned: gos with a total */
	uint32_t n_touched;
	uint32_t *marked; /* owned scratch */
};

int association_table_init(struct association_table *t, const struct association *a,
			   struct err *err);
/* Turns to another query. */
void association_table_query(struct association_table *t, uint32_t protein);
void association_table_release(struct association_table *t);
struct association_score association_of(const struct association_table *t, uint32_t go);

#endif
