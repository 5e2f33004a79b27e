/* Runs made by hand for tests of comparisons: a profile of a finished run on one machine, and tables of known values. */
#ifndef TESTS_GATE_RIG_H
#define TESTS_GATE_RIG_H

#include <math.h>
#include <stdio.h>

#include "prof/analyze/metrics.h"
#include "tests/unit/made_profile.h"

#define GATE_START INT64_C(1750000000000000000)

/* A finished run of 1 s on host "h", the `at`-th of the day. Memory: "off", "full", "sampled". */
static inline void gate_profile(struct profile *p, int at, const char *memory)
{
	char id[40];

	if (profile_init(p))
		abort();
	snprintf(id, sizeof(id), "%08x-0000-4000-8000-000000000000", (unsigned)at + 0xa0000000u);
	p->run.id = made_text(p, id);
	p->run.name = made_text(p, "prog");
	p->run.command = made_text(p, "prog --all");
	p->run.labels = made_text(p, "{}");
	p->run.host = made_text(p, "h");
	p->run.cpu_model = made_text(p, "cpu");
	p->run.kernel = made_text(p, "6.1");
	p->run.mode = made_text(p, "cpu");
	p->run.engine = made_text(p, "clock");
	p->run.memory = made_text(p, memory);
	p->run.memory_rate_bytes = strcmp(memory, "sampled") == 0 ? 524288 : 0;
	p->run.ncpu = 2;
	p->run.rate_hz = 999;
	p->run.started_at = GATE_START + at * INT64_C(1000000000);
	p->run.duration_ns = 1000000000;
	p->run.finished = 1;
	p->run.has_exit_code = 1;
	made_thread(p, "main", 100);
	p->processes[0].cpu_ns = 900000000;
	p->processes[0].max_rss_bytes = 50 << 20;
}

static inline void gate_loss_row(struct profile *p, const char *reason, uint64_t n)
{
	p->losses = made_grow(p->losses, p->n_losses, sizeof(*p->losses));
	p->losses[p->n_losses].reason = made_text(p, reason);
	p->losses[p->n_losses++].count = n;
}

static inline void gate_counter(struct profile *p, const char *name, int64_t t_ns, double value)
{
	p->counters = made_grow(p->counters, p->n_counters, sizeof(*p->counters));
	p->counters[p->n_counters].t_ns = t_ns;
	p->counters[p->n_counters].name = made_text(p, name);
	p->counters[p->n_counters++].value = value;
}

static inline void gate_sql(struct profile *p, uint32_t stage, uint64_t calls)
{
	p->sql = made_grow(p->sql, p->n_sql, sizeof(*p->sql));
	p->sql[p->n_sql].fingerprint = made_text(p, "f");
	p->sql[p->n_sql].stage = stage;
	p->sql[p->n_sql++].calls = calls;
}

/* A run known by its facts alone, as gate_profile()'s; texts are literals. */
static inline struct gate_run gate_known(int at)
{
	static char id[64][16];
	struct gate_run r = {
		.name = (char *)(uintptr_t) "prog",
		.label = (char *)(uintptr_t) "{}",
		.host = (char *)(uintptr_t) "h",
		.cpu_model = (char *)(uintptr_t) "cpu",
		.kernel = (char *)(uintptr_t) "6.1",
		.mode = (char *)(uintptr_t) "cpu",
		.engine = (char *)(uintptr_t) "clock",
		.memory = (char *)(uintptr_t) "full",
		.ncpu = 2,
		.rate_hz = 999,
		.started_at = GATE_START + at * INT64_C(1000000000),
		.finished = 1,
		.samples = 1000,
	};

	snprintf(id[at & 63], sizeof(id[0]), "run%d", at);
	r.id = id[at & 63];
	return r;
}

/* `n` runs of a group; the first is the `from`-th of the day, the next `step` later. */
static inline void gate_add_runs(struct metric_table *t, int group, size_t n, int from, int step)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct gate_run r = gate_known(from + (int)i * step);

		if (metrics_add_known(t, group, &r, NULL))
			abort();
	}
}

/* The values of a row in a group. */
static inline void gate_set(struct metric_table *t, int group, const char *stage, enum metric m,
			    enum metric_kind kind, const double *values, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (metrics_set(t, group, i, stage, m, kind, values[i], NULL))
			abort();
}

#endif
