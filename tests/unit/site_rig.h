/* Sites made by hand for tests. */
#ifndef TESTS_SITE_RIG_H
#define TESTS_SITE_RIG_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "viewer/site.h"

#define RIG_RUNS 24

static const struct site_metric rig_metrics[] = {
	{"wall", "time of the run.", SITE_NS},
	{"peak memory", "the most it had.", SITE_BYTES},
	{"KNN share", "stage knn in the run.", SITE_SHARE},
};

struct site_rig {
	struct site site;
	struct site_run runs[RIG_RUNS];
	struct site_stage stages[RIG_RUNS][3];
	struct site_loss losses[RIG_RUNS];
	char ids[RIG_RUNS][40];
};

/* Rows `rows`, columns "3", "5", "10", `repeats` runs of each: run i takes 100 ms more than the one before. */
static inline void rig_site(struct site_rig *r, const char *const *rows, uint32_t n_rows,
			    uint32_t repeats)
{
	static const char *const columns[] = {"3", "5", "10"};
	uint32_t i;

	memset(r, 0, sizeof *r);
	r->site = (struct site){.row_name = "plm",
				.col_name = "k",
				.runs = r->runs,
				.metrics = rig_metrics,
				.n_runs = n_rows * 3 * repeats,
				.n_metrics = 3};
	for (i = 0; i < r->site.n_runs && i < RIG_RUNS; i++) {
		struct site_run *run = &r->runs[i];
		double wall = 1e9 + i * 1e8;

		snprintf(r->ids[i], sizeof r->ids[i], "%08x-0000-4000-8000-000000000000", i + 1);
		r->stages[i][0] = (struct site_stage){"export", 0,           1,   wall,
						      wall,     (double)NAN, 1e6, (double)NAN};
		r->stages[i][1] =
			(struct site_stage){"knn", 1, 5, wall / 4, wall / 4, 100 * (i + 1), 1e6, i};
		r->stages[i][2] =
			(struct site_stage){"tiny", 1, 1, 1000, 900, 7, (double)NAN, (double)NAN};
		r->losses[i] = (struct site_loss){"late_tick", i};
		*run = (struct site_run){.id = r->ids[i],
					 .name = "cell",
					 .command = "export run job.json",
					 .host = "vm",
					 .cpu_model = "EPYC",
					 .kernel = "Linux 6.1",
					 .version = "0.1.0",
					 .git_sha = "0123456789abcdef",
					 .data_set = "tiny",
					 .how = "perf, cpu",
					 .row = rows[i % (n_rows * 3) / 3],
					 .column = columns[i % 3],
					 .ncpu = 2,
					 .rate_hz = 999,
					 .started_at = INT64_C(1700000000000000000) +
						       i * INT64_C(60000000000),
					 .samples = 100 + i,
					 .value = {wall, (double)((64 + i) << 20), 0.25},
					 .stages = r->stages[i],
					 .losses = &r->losses[i],
					 .n_stages = 3,
					 .n_losses = i > 0};
	}
}

#endif
