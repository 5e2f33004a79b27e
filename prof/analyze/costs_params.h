/* The parameters of a run's stages: each JSON text of the store read once. For costs.c. */
#ifndef ANALYZE_COSTS_PARAMS_H
#define ANALYZE_COSTS_PARAMS_H

#include "prof/analyze/costs.h"

struct stage_params {
	struct cost_param *items_of; /* owned */
	size_t n, cap;
	struct params_range {
		size_t first, n;
	} * ranges; /* owned: of each text */
	size_t n_ranges, cap_ranges;
	struct idmap of; /* string of the profile -> range */
};

/* Names go into `strings`. What is no object of finite numbers of 0 or more is left out. 0, ERR_NOMEM or ERR_LIMIT. */
int stage_params_make(struct stage_params *s, const struct profile *p, struct strtab *strings);
const struct cost_param *stage_params_of(const struct stage_params *s, uint32_t text, size_t *n);
void stage_params_release(struct stage_params *s);

#endif
