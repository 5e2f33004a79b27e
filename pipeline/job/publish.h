/* From finished pairs to the published data set: final files, manifest, report, upload, row in
 * `dataset` (spec 4.13, 5.3 - 5.5). */
#ifndef JOB_PUBLISH_H
#define JOB_PUBLISH_H

#include "pipeline/core/digest.h"
#include "pipeline/job/context.h"
#include "pipeline/job/objects.h"
#include "pipeline/job/staging.h"
#include "pipeline/job/uploads.h"

struct publication {
	struct context *c; /* borrowed, as the next five */
	const struct payload *payload;
	const struct plan *plan;
	struct staging *staging;
	struct events *events;
	json_t *const *markers; /* one per pair */
	const char *job_id;
	int64_t start_ns; /* of the run */

	uint64_t n_train_rows, n_eval_rows;
	char schema_sha[16];
	char manifest_sha[SHA256_HEX];
	json_t *train_pairs; /* owned: labels that contributed a row */
	char *train_file, *eval_file, *manifest_file, *report_file; /* owned: paths in staging */
	char *train_uri, *eval_uri, *manifest_uri;                  /* owned */
	struct uploads uploads;
	int in_store[OBJECTS]; /* objects this process has put, or may have */
	char dataset_id[UUID_TEXT];
	json_t *result; /* owned: result of the job (spec 5.5) */
};

/* Writes the final files into the staging folder. ERR_NOTFOUND: no train row in any pair. */
int publish_assemble(struct publication *p, struct err *err);
/* Uploads them, manifest last, and registers the data set. What this run uploaded is removed again
 * when a later step fails; staging stays. */
int publish_upload(struct publication *p, struct err *err);
int publish_register(struct publication *p, struct err *err);
void publish_release(struct publication *p);

json_t *publish_stats(const struct publication *p); /* dump_stats of spec 5.5, new reference */

/* report.c: the degeneracy report. */
int report_write(const struct publication *p, const char *path, struct err *err);

#endif
