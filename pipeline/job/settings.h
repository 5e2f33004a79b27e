/* Environment variables of spec 7 for one job: the process's environment, overridden by the job
 * file's `environment`, overridden by command-line options. Relative paths that come from a job file
 * are relative to its folder. */
#ifndef JOB_SETTINGS_H
#define JOB_SETTINGS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/artifact.h"
#include "prof/base/err.h"

struct problems;

struct settings {       /* texts owned; NULL = unset */
	char *base_dir; /* folder of the job file; NULL: working directory */
	char *anc2vec_path;
	char *interpro_path;
	char *taxonomy_path;
	char *align_cache_dir;
	char *ref_cache_dir;
	char *pca_dir;
	char *resume_dir;
	char *storage_backend, *storage_root;
	char *minio_endpoint, *minio_bucket, *minio_access_key, *minio_secret_key;
	int minio_secure;
	int minio_retry_s; /* ours, not in the spec: how long a request is repeated */
	int workers;       /* PROTEA_PAIR_FEATURE_WORKERS, default 1 */
	int query_chunk;
	int schema_sha_v2;
	int heartbeat_s;
	int look_s;
	int lease_s;    /* ours, as the next: how long a job is a run's without a sign of life */
	int db_retry_s; /* how long the end of a job is tried on a database that does not answer */
	char *warnings; /* owned: "; "-joined remarks such as a non-integer worker count */
};

/* `environment` may be NULL. `base_dir` NULL: relative paths stay relative to the working directory.
 * 0, also when problems were added (the rest is loaded all the same), or ERR_NOMEM. Numbers below 1
 * mean 1. */
int settings_load(struct settings *out, const json_t *environment, const char *base_dir,
		  struct problems *problems, struct err *err);
void settings_release(struct settings *s);
struct artifact_config settings_artifact_config(const struct settings *s);

#endif
