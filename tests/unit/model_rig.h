/* Runs of made stages with a known law and known noise, for tests of the cost model. */
#ifndef TESTS_MODEL_RIG_H
#define TESTS_MODEL_RIG_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "prof/analyze/costs.h"
#include "prof/base/hash.h"
#include "tests/unit/made_profile.h"

/* 0 to 1, neither of them. */
static inline double rig_uniform(uint64_t *seed)
{
	return ((double)(hash_u64(++*seed) >> 12) + 0.5) / (double)(UINT64_C(1) << 52);
}

static inline double rig_normal(uint64_t *seed)
{
	double r = sqrt(-2 * log(rig_uniform(seed)));

	return r * cos(6.283185307179586 * rig_uniform(seed));
}

/* A run called `id`, finished, without stages. */
static inline void rig_run(struct profile *p, const char *id, int64_t started_at)
{
	if (profile_init(p))
		abort();
	p->run.id = made_text(p, id);
	p->run.name = made_text(p, "made");
	p->run.host = made_text(p, "host");
	p->run.cpu_model = made_text(p, "cpu");
	p->run.started_at = started_at;
	p->run.finished = 1;
}

/* A stage with parameters as JSON text (NULL: none); times in ns. */
static inline uint32_t rig_stage(struct profile *p, const char *name, uint32_t parent,
				 double wall_ns, const char *params)
{
	uint32_t at = made_stage(p, name, parent, (int64_t)wall_ns);

	if (params)
		p->stages[at].params = made_text(p, params);
	if (parent == PROFILE_NONE)
		p->run.duration_ns += (int64_t)wall_ns;
	return at;
}

static inline void rig_add(struct costs *c, const struct declarations *d, struct profile *p)
{
	struct err err = ERR_INIT;

	if (costs_add_run(c, d, p, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	profile_release(p);
}

#endif
