/* `protea-export check`: the preflight of a job without its work, as an object to print. */
#ifndef JOB_CHECK_H
#define JOB_CHECK_H

#include <jansson.h>

#include "pipeline/job/run.h"

/* {"ok", "problems": [...], "warnings": [...], "estimate": {...}}: a new reference, NULL only without
 * memory. *outcome: RUN_DONE nothing stands in the way, RUN_REFUSED the payload is at fault,
 * RUN_FAILED anything else. Nothing is written anywhere. */
json_t *check_payload(const char *source_url, const json_t *payload, const json_t *environment,
		      const char *base_dir, const struct run_options *options,
		      enum run_outcome *outcome);

#endif
