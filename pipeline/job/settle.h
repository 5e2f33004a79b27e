/* Ends of jobs: writing one although the database does not answer at once, and what becomes of a job whose
 * run is gone (its process died, its lease expired). */
#ifndef JOB_SETTLE_H
#define JOB_SETTLE_H

#include <jansson.h>

#include "pipeline/job/settings.h"
#include "pipeline/source/source.h"

#define SETTLE_REQUEUES 3 /* spec 6.1 */

/* source_finish_job(), again and again for `patience_s` seconds while the database does not answer; from the
 * second time on over a connection of its own, because the caller's may be what failed. */
int settle_write(struct source *s, const struct source_claim *claim, const struct source_end *end,
		 int patience_s, struct err *err);

/* Has this job registered the data set of this name? 1 and the job's result (a new reference), 0, negative. */
int settle_result(struct source *s, const char *job_id, const char *name, json_t **result,
		  struct err *err);
/* Writes SUCCEEDED for a job whose data set is registered, with *result, which is looked up by name (may be NULL) if
 * it is NULL. */
int settle_registered(struct source *s, const struct settings *settings,
		      const struct source_claim *claim, const char *name, json_t **result,
		      struct err *err);

enum settled {
	SETTLED_SUCCEEDED, /* its data set is registered: only the end was missing */
	SETTLED_REQUEUED,
	SETTLED_FAILED,
	SETTLED_ELSEWHERE, /* somebody else has ended it, or has it now */
};

struct settle_reason {
	const char *code;    /* error_code if it fails: "WorkerCrashed" */
	const char *message; /* likewise */
	const char
		*requeue; /* reason for putting it back into its queue, up to SETTLE_REQUEUES times;
			      * NULL: it fails */
};

/* Ends a RUNNING job that is ours and that nobody works on, or puts it back; what it had uploaded is removed before
 * (sweep.h), where this machine knows of it. 0 or a failure; *what is told. */
int settle_job(struct source *s, const struct settings *settings, const struct source_job *job,
	       const struct settle_reason *why, enum settled *what, struct err *err);

#endif
