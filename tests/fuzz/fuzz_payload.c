/* Any JSON as a payload and as an environment: accepted and sound, or refused with problems. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/job/payload.h"
#include "pipeline/job/problems.h"
#include "pipeline/job/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What later stages rely on. */
static void check_accepted(const struct payload *p)
{
	size_t i;

	if (strspn(p->output_name, "./") != 0 || strchr(p->output_name, '/') || p->k < 1)
		abort();
	if (strlen(p->embedding_config_id) != 36 || strlen(p->ontology_snapshot_id) != 36)
		abort();
	for (i = 1; i < p->n_train_versions; i++)
		if (p->train_versions[i - 1] >= p->train_versions[i])
			abort();
	if (p->n_train_versions < 2 || p->n_test_versions < 1 ||
	    p->test_versions[0] <= p->train_versions[p->n_train_versions - 1])
		abort();
	if (!isnan(p->distance_threshold) && !(p->distance_threshold >= 0))
		abort();
}

static void as_payload(const json_t *value)
{
	struct problems problems = PROBLEMS_INIT;
	struct err err = ERR_INIT;
	struct payload p;
	int rc = payload_parse(&p, value, &problems, &err);

	if ((rc == 0) != (problems.count == 0) || (rc != 0 && rc != ERR_ARG))
		abort();
	if (rc == 0)
		check_accepted(&p);
	payload_release(&p);
	problems_release(&problems);
}

static void as_environment(const json_t *value)
{
	struct problems problems = PROBLEMS_INIT;
	struct err err = ERR_INIT;
	struct settings s;

	if (settings_load(&s, value, "/job", &problems, &err) != 0)
		abort();
	if (s.workers < 1 || s.query_chunk < 1 || s.heartbeat_s < 1 || !s.storage_root)
		abort();
	settings_release(&s);
	problems_release(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *value = json_parse("fuzz", (const char *)data, size, NULL);

	if (!value)
		return 0;
	as_payload(value);
	as_environment(value);
	json_decref(value);
	return 0;
}
