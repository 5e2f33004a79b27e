/* Recording from outside: live processes, or a command that cannot take the agent, sampled by prof/attach into the
 * store. Reads them at any moment: names of what is known so far come from livenames.h. */
#ifndef RECORD_OUTSIDE_H
#define RECORD_OUTSIDE_H

#include <stdint.h>

#include "prof/attach/sampler.h"
#include "prof/base/err.h"
#include "prof/record/record.h"

struct outside_options { /* strings borrowed */
	const char *store_path, *name, *labels_json, *job;
	const int *pids; /* to attach to; or none and */
	uint32_t n_pids;
	char *const *argv; /* a command to start; NULL: none */
	struct sampler_options sampler;
	int64_t duration_ns;      /* 0: until all end, or we are told to */
	const volatile int *stop; /* becomes 1 (end, keep the data) or 2 (at once); NULL: never */
	int wake_fd;              /* readable when *stop changed; -1 */
	const char *version, *git_sha;
	/* Called once all are attached and about once a second after; NULL. */
	void (*progress)(void *ctx, uint64_t samples, int64_t elapsed_ns);
	void *progress_ctx;
};

struct outside_result {
	struct record_result run; /* exit_code: a command's own, else 0 */
	struct pause_stats pause;
	int64_t first_sample_ns; /* from the call to the first sample; 0: none came */
	int64_t own_cpu_ns;
	uint32_t torn;
	int wall; /* samples are of wall time */
};

/* 0 when what was to be recorded is in the store; else result->run tells how far it came: started 0, nothing was. */
int record_outside(const struct outside_options *o, struct outside_result *result, struct err *err);

#endif
