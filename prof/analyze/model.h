/* All fits of all stages: what each is declared to cost, or, where nothing is declared, which one of its parameters its
 * cost follows (or none). */
#ifndef ANALYZE_MODEL_H
#define ANALYZE_MODEL_H

#include "prof/analyze/fit.h"

struct model {
	const struct costs *costs; /* borrowed */
	struct fit *fits; /* owned; stages in the order of their first node, COST_VALUES each */
	size_t n;
	struct idmap of; /* stage -> its first fit */
};

/* Fits what is measured; growth is tested and judged over all stages together (false discoveries). */
int model_make(struct model *m, const struct costs *c, const struct declarations *d,
	       struct err *err);
void model_release(struct model *m);
const struct fit *model_fit(const struct model *m, uint32_t stage, enum cost_metric metric);

/* The parameter (place in form.params) whose growth is worst, of a fit with GROWTH_WORSE; else form.n_params. */
size_t model_worst(const struct fit *f);

#endif
