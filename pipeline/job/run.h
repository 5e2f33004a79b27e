/* The operation export_research_dataset (spec 4.0, 6.1): from a payload to a registered data set. */
#ifndef JOB_RUN_H
#define JOB_RUN_H

#include <jansson.h>

#include "pipeline/job/context.h"
#include "pipeline/job/problems.h"

struct run_options {
	uint64_t memory_limit; /* bytes; 0: what is available */
	int workers;           /* 0: PROTEA_PAIR_FEATURE_WORKERS */
	int keep_staging;      /* do not remove the staging folder after success */
	struct problems
		*problems; /* borrowed, may be NULL: gets all that stood in the way, one by one */
};

enum run_outcome {
	RUN_DONE,
	RUN_FAILED,  /* err says why; a job row, if any, is FAILED */
	RUN_REFUSED, /* the payload is at fault: nothing was computed, nothing left behind */
};

/* Runs one payload on a source. `claim`: the job's row, claimed; NULL: a row is made. The context may have been used by
 * other cells of a grid. *result (NULL possible): a new reference to the job's result. */
enum run_outcome run_export(struct context *c, const json_t *payload,
			    const struct source_claim *claim, const struct run_options *options,
			    json_t **result, struct err *err);

/* Opens source and settings and runs a payload. `environment` and `base_dir` as in a job file. */
enum run_outcome run_payload(const char *source_url, const json_t *payload,
			     const json_t *environment, const char *base_dir,
			     const struct source_claim *claim, const struct run_options *options,
			     json_t **result, struct err *err);

#endif
