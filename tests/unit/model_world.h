/* Runs, declarations and their fits together, for tests of fits. */
#ifndef TESTS_MODEL_WORLD_H
#define TESTS_MODEL_WORLD_H

#include <string.h>

#include "prof/analyze/model.h"
#include "tests/unit/model_rig.h"

struct world {
	struct declarations d;
	struct costs c;
	struct model m;
	uint64_t seed;
};

static inline void begin(struct world *w, const char *declared, uint64_t seed)
{
	struct err err = ERR_INIT;

	memset(w, 0, sizeof *w);
	w->seed = seed;
	if (declared)
		assert_int_equal(declare_option(&w->d, declared, &err), 0);
	assert_int_equal(costs_init(&w->c, &err), 0);
}

static inline void end(struct world *w)
{
	model_release(&w->m);
	costs_release(&w->c);
	declarations_release(&w->d);
}

static inline const struct fit *fit_of(struct world *w, const char *stage, enum cost_metric metric)
{
	struct err err = ERR_INIT;
	uint32_t name;

	model_release(&w->m);
	assert_int_equal(model_make(&w->m, &w->c, &w->d, &err), 0);
	assert_true(strtab_find(w->c.strings, stage, strlen(stage), &name));
	assert_non_null(model_fit(&w->m, name, metric));
	return model_fit(&w->m, name, metric);
}

#endif
