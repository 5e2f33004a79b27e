/* Unit vectors of GO terms (spec 4.8), once per run, and which terms are in the term pool of a pair. */
#ifndef FEATURES_TERMS_H
#define FEATURES_TERMS_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/anc2vec/anc2vec.h"
#include "pipeline/features/references.h"
#include "pipeline/ontology/buckets.h"
#include "pipeline/ontology/ontology.h"
#include "prof/base/err.h"

struct term_vectors {
	size_t dim;
	uint32_t n_go;
	float *unit;        /* owned: n_go x dim */
	unsigned char *has; /* owned: per go, its norm is > 0 */
};

int term_vectors_build(struct term_vectors *v, const struct anc2vec *archive,
		       const struct ontology *o, struct err *err);
void term_vectors_release(struct term_vectors *v);

static inline const float *term_vector(const struct term_vectors *v, uint32_t go)
{
	return v->unit + (size_t)go * v->dim;
}

/* Marks in_pool[go] for all terms of references and of `known`; returns their number and, in
 * *with_vector, how many have a vector. */
uint32_t term_pool_mark(unsigned char *in_pool, const struct term_vectors *v,
			const struct ontology *o, const struct references *refs,
			const struct pairset *known, uint32_t *with_vector);

#endif
