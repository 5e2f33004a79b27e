/* What the parts of a prediction share. Private to predict*.c. */
#ifndef ANALYZE_PREDICT_INTERNAL_H
#define ANALYZE_PREDICT_INTERNAL_H

#include "prof/analyze/predict.h"

struct predict_factor {
	double factor, error; /* error: relative */
};

struct predict_work {
	struct prediction *p;
	const struct model *m;
	const struct costs *c;
	const struct predict_options *o;
	struct follow follow;
	uint32_t names[PREDICT_PARAMS];
	double *count;                  /* owned, per node: factor of how many */
	double *error;                  /* owned, per node: of the fit that its peak is from */
	struct idmap slot;              /* (stage, param) -> place in factors */
	struct predict_factor *factors; /* owned */
	size_t n_factors, cap_factors;
};

/* Fills `asked`, `like` and what follows from them (predict_asked.c). */
int predict_asked(struct predict_work *w, struct err *err);
/* A metric of all stages of a node (predict_value.c). 0 or ERR_NOMEM. */
int predict_value(struct predict_work *w, uint32_t node, enum cost_metric metric,
		  struct predicted *out, double *cv, unsigned *notes);
/* The interval of a value above 0 whose error is a factor. */
void predict_interval(struct predicted *out);

#endif
