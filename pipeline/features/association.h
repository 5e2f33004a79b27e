/* The parity family `association` of spec 4.12: how often terms go together in an annotation set, in
 * distinct proteins. Terms of a protein are those of its experimental, non-negated rows, without
 * propagation, for the query and for the counts alike. Built once per set, asked per candidate: terms that
 * many proteins carry have their counts made then, the others when a query has them. */
#ifndef FEATURES_ASSOCIATION_H
#define FEATURES_ASSOCIATION_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/ontology/annset.h"
#include "pipeline/ontology/ontology.h"
#include "pipeline/ontology/termbits.h"
#include "prof/base/err.h"

struct together {       /* of a go with a given one */
	uint32_t go, n; /* proteins that carry both */
};

struct association {
	const struct ontology *ontology; /* borrowed */
	struct csr proteins;             /* go -> proteins that carry it, ascending */
	struct csr terms;                /* protein -> gos it carries, ascending */
	uint32_t *start;                 /* owned: go -> its counts; an empty list: none are kept */
	struct together *together;       /* owned: the counts, each list ascending */
};

int association_build(struct association *a, const struct annset *set, const struct ontology *o,
		      struct err *err);
void association_release(struct association *a);

struct association_score {
	double total, cross, present;
};

/* Walks proteins that carry a term; scratch memory of one thread. */
struct association_walk {
	uint32_t *count;        /* owned: per go, zeros between uses */
	struct termbits marked; /* gos met */
	struct together *met;   /* owned: what was counted, ascending */
	uint32_t n;
};

/* The sums of one query for every term at once; scratch memory of one thread. */
struct association_table {
	const struct association *a;
	struct association_sum {
		double total, cross;
	} * sum;           /* owned: per go, for the query at hand */
	uint32_t *touched; /* owned: gos with a total */
	uint32_t n_touched;
	struct association_walk walk;
};

int association_table_init(struct association_table *t, const struct association *a,
			   struct err *err);
/* Turns to another query. */
void association_table_query(struct association_table *t, uint32_t protein);
void association_table_release(struct association_table *t);
struct association_score association_of(const struct association_table *t, uint32_t go);

#endif
