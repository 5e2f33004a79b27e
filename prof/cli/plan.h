/* protea-prof plan: what was asked, what it stands on, and how it is told. Private to prof/cli. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include <stdio.h>

#include "prof/analyze/batch.h"
#include "prof/base/err.h"

enum plan_limit { PLAN_ASKED, PLAN_CGROUP, PLAN_AVAILABLE, PLAN_TOTAL };

struct plan {
	const char *param; /* what batches are counted in; NULL: items */
	enum batch_memory memory;
	const char *what; /* the runs, in words; NULL: numbers of the user alone */
	const struct batch_data *data;
	struct batch_stage *stage; /* NULL likewise */
	struct batch_model model;
	struct batch_limits limits;
	enum plan_limit limit_from;
	double available;       /* bytes of this machine that are free now; NAN: not known */
	struct batch_plan plan; /* of a model that was fitted */
};

/* What this machine or container has, for plans that name no limit. 0, or ERR_UNSUPPORTED. */
int plan_limit_here(struct plan *p, struct err *err);

void plan_text(FILE *out, const struct plan *p);
int plan_json(FILE *out, const struct plan *p, struct err *err);
/* What should be known about what was measured, a sentence each; NULL ends them. Not thread-safe: the texts are good until the next call. */
#define PLAN_REMARKS 16
void plan_remarks(const char *remarks[PLAN_REMARKS], const struct plan *p);

#endif
