/* Any bytes as a file of thresholds: read whole, or refused with a line; what was read answers for any stage; a change
 * accepted in it can be read back and leaves every other rule as it was. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/thresholds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ask(const struct thresholds *t, const char *stage)
{
	const struct threshold_accept *expired;
	struct threshold_found found;
	int m;

	for (m = 0; m < METRICS; m++) {
		thresholds_find(t, stage, (enum metric)m, METRIC_KIND_COUNT, &found);
		if (!(found.relative >= 0) || !(found.absolute >= 0))
			abort();
		thresholds_accepted(t, stage, (enum metric)m, 0.1, 0, &expired);
	}
}

static void same_but_for_one(const struct thresholds *a, const struct thresholds *b)
{
	size_t i;

	if (a->n_stages != b->n_stages || a->named != b->named ||
	    a->functions.fail != b->functions.fail || b->n_accept < a->n_accept ||
	    b->n_accept > a->n_accept + 1)
		abort();
	for (i = 0; i < a->n_stages; i++)
		if (strcmp(a->stages[i].pattern, b->stages[i].pattern) != 0 ||
		    a->stages[i].named != b->stages[i].named)
			abort();
}

static void add(const struct thresholds *t, const char *text, size_t n)
{
	const struct threshold_new new = {
		.stage = "a \"stage\"", .metric = METRIC_SQL, .up_to = 0.5, .reason = "r\n"};
	const struct threshold_accept *expired;
	struct thresholds u;
	size_t out_n;
	char *out;

	if (thresholds_add_accept(&out, &out_n, text, n, "f", &new, NULL))
		abort();
	if (thresholds_read(&u, out, out_n, "f", NULL))
		abort();
	same_but_for_one(t, &u);
	if (!thresholds_accepted(&u, new.stage, new.metric, 0.5, 0, &expired))
		abort();
	thresholds_release(&u);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;
	struct err err = ERR_INIT;
	struct thresholds t;
	size_t i;
	int rc = thresholds_read(&t, text, n, "f", &err);

	if (rc) {
		if ((rc != ERR_FORMAT && rc != ERR_LIMIT) || strncmp(err.text, "f:", 2) != 0)
			abort();
		return 0;
	}
	ask(&t, NULL);
	ask(&t, "knn");
	for (i = 0; i < t.n_stages && i < 8; i++)
		ask(&t, t.stages[i].pattern);
	if (n)
		add(&t, text, n);
	thresholds_release(&t);
	return 0;
}
