/* A comparison made by hand for tests of the verdict: ten pairs of runs taken in turns in which nothing changed, to
 * begin with, and what is asked of its result. Include cmocka.h before. */
#ifndef TESTS_VERDICT_RIG_H
#define TESTS_VERDICT_RIG_H

#include "prof/analyze/gate.h"
#include "prof/base/hash.h"
#include "tests/unit/gate_rig.h"

#define PAIRS 10

struct rig {
	struct metric_table t;
	struct gate_result g;
	struct gate_options o;
	struct thresholds limits;
};

/* About 1 with a spread of 1 %, the same each time. */
static inline double rig_noise(uint64_t seed)
{
	double sum = 0;
	uint64_t i;

	for (i = 0; i < 12; i++)
		sum += (double)(hash_u64(seed * 12 + i) >> 11) / 9007199254740992.0;
	return 1 + 0.01 * (sum - 6);
}

static inline void rig_times(struct metric_table *t, const char *stage, enum metric m, double base,
			     double by)
{
	size_t i;
	uint64_t seed = (stage ? strlen(stage) : 0) * 1000 + (uint64_t)m * 100;

	for (i = 0; i < t->n_a; i++)
		metrics_set(t, 0, i, stage, m, METRIC_KIND_TIME, base * rig_noise(seed + i), NULL);
	for (i = 0; i < t->n_b; i++)
		metrics_set(t, 1, i, stage, m, METRIC_KIND_TIME,
			    base * by * rig_noise(seed + 50 + i), NULL);
}

static inline void rig_counts(struct metric_table *t, const char *stage, enum metric m, double a,
			      double b)
{
	size_t i;

	for (i = 0; i < t->n_a; i++)
		metrics_set(t, 0, i, stage, m, METRIC_KIND_COUNT, a, NULL);
	for (i = 0; i < t->n_b; i++)
		metrics_set(t, 1, i, stage, m, METRIC_KIND_COUNT, b, NULL);
}

static inline void rig_values(struct metric_table *t)
{
	rig_times(t, NULL, METRIC_WALL, 2e9, 1);
	rig_times(t, NULL, METRIC_CPU, 1.8e9, 1);
	rig_counts(t, NULL, METRIC_ALLOC_COUNT, 10000, 10000);
	rig_counts(t, NULL, METRIC_ALLOC_BYTES, 1e6, 1e6);
	rig_counts(t, NULL, METRIC_PEAK_HEAP, 5e5, 5e5);
	rig_times(t, "knn", METRIC_WALL, 1e9, 1);
	rig_counts(t, "knn", METRIC_ALLOC_COUNT, 4000, 4000);
	rig_times(t, "align", METRIC_WALL, 4e8, 1);
}

static inline void rig_begin_with(struct rig *r, size_t n_a, size_t n_b, int step)
{
	memset(r, 0, sizeof(*r));
	gate_add_runs(&r->t, METRICS_BASE, n_a, 0, step);
	gate_add_runs(&r->t, METRICS_CANDIDATE, n_b, step == 2 ? 1 : 40, step);
	rig_values(&r->t);
	r->o.kind = PROFILE_CPU;
}

static inline void rig_begin(struct rig *r)
{
	rig_begin_with(r, PAIRS, PAIRS, 2);
}

static inline void rig_limits(struct rig *r, const char *text)
{
	struct err err = ERR_INIT;

	if (thresholds_read(&r->limits, text, strlen(text), "g.json", &err))
		fail_msg("%s", err.text);
	r->o.thresholds = &r->limits;
}

static inline enum verdict rig_judge(struct rig *r)
{
	struct err err = ERR_INIT;

	gate_release(&r->g);
	if (gate_judge(&r->g, &r->t, NULL, &r->o, &err))
		fail_msg("%s", err.text);
	assert_non_null(r->g.why);
	assert_true(r->g.why[0] != '\0');
	return r->g.verdict;
}

static inline const struct gate_row *rig_row(const struct rig *r, const char *stage, enum metric m)
{
	size_t i;

	for (i = 0; i < r->g.n; i++) {
		const struct gate_row *x = &r->g.rows[i];

		if (x->metric == m && !x->stage == !stage &&
		    (!stage || strcmp(x->stage, stage) == 0))
			return x;
	}
	fail_msg("no row %s:%s", stage ? stage : "", metric_name(m));
	return NULL;
}

static inline int rig_remarked(const struct rig *r, const char *words)
{
	size_t i;

	for (i = 0; i < r->g.n_remarks; i++)
		if (strstr(r->g.remarks[i], words))
			return 1;
	return 0;
}

static inline void rig_end(struct rig *r)
{
	gate_release(&r->g);
	metrics_release(&r->t);
	thresholds_release(&r->limits);
}

#endif
