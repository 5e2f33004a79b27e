/* Unit vectors of GO terms and the term pool: see terms.h. */
#include "pipeline/features/terms.h"

#include <stdlib.h>
#include <string.h>

int term_vectors_build(struct term_vectors *v, const struct anc2vec *archive,
		       const struct ontology *o, struct err *err)
{
	uint32_t g;

	*v = (struct term_vectors){.dim = anc2vec_dim(archive), .n_go = o->n_go};
	v->unit = calloc((size_t)o->n_go * v->dim + 1, sizeof *v->unit);
	v->has = calloc((size_t)o->n_go + 1, 1);
	if (!v->unit || !v->has) {
		term_vectors_release(v);
		return err_nomem(err, "anc2vec vectors");
	}
	for (g = 0; g < o->n_go; g++) {
		const float *raw = anc2vec_find(archive, o->go_id[g]);

		if (raw)
			v->has[g] = (unsigned char)anc2vec_unit(raw, v->dim,
								v->unit + (size_t)g * v->dim);
	}
	return 0;
}

void term_vectors_release(struct term_vectors *v)
{
	free(v->unit);
	free(v->has);
	*v = (struct term_vectors){0};
}

uint32_t term_pool_mark(unsigned char *in_pool, const struct term_vectors *v,
			const struct ontology *o, const struct references *refs,
			const struct pairset *known, uint32_t *with_vector)
{
	uint32_t n = 0, g, i;
	size_t k;
	int a;

	memset(in_pool, 0, o->n_go);
	for (a = 0; a < ASPECTS; a++) {
		const struct ref_list *l = &refs->aspect[a];

		for (i = 0; i < l->start[l->n]; i++)
			in_pool[o->term_go[refs->set->term[l->ann[i]]]] = 1;
	}
	for (k = 0; k < known->n; k++)
		in_pool[PAIR_GO(known->key[k])] = 1;
	*with_vector = 0;
	for (g = 0; g < o->n_go; g++) {
		n += in_pool[g];
		*with_vector += in_pool[g] && v->has[g];
	}
	return n;
}
