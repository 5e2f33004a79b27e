/* Any bytes as a kept cost model, fitted and asked for a larger run; and as the parameters of a stage. Numbers may be absurd:
 * nothing may crash, and no value may be below 0. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/predict.h"
#include "tests/unit/model_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ask(const struct model *m, const char *param)
{
	struct predict_options o = {.params = {{param, 1e5}}, .n_params = 1, .like = COSTS_NONE};
	struct prediction p;
	struct err err = ERR_INIT;
	size_t i;
	int metric;

	if (predict_make(&p, m, &o, &err)) {
		if (err.code != ERR_ARG)
			abort();
		return;
	}
	for (i = 0; i < m->costs->n_nodes; i++)
		for (metric = 0; metric < COST_METRICS; metric++)
			if (p.nodes[i].of[metric].value < 0)
				abort();
	predict_release(&p);
}

static void fit_and_ask(const struct costs *c, const struct declarations *d)
{
	struct model m;
	struct err err = ERR_INIT;
	size_t i;

	if (model_make(&m, c, d, &err))
		abort();
	for (i = 0; i < m.n; i++) {
		size_t k;

		for (k = 0; k < m.fits[i].terms; k++)
			if (!(m.fits[i].c[k] >= 0))
				abort();
		if (model_worst(&m.fits[i]) > m.fits[i].form.n_params)
			abort();
	}
	ask(&m, "n");
	model_release(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct declarations d = {0};
	struct err err = ERR_INIT;
	struct costs c;
	struct profile p;
	int rc;

	if (n > 4096 || costs_init(&c, &err) || declare_option(&d, "s:wall=n*m + n", &err))
		return 0;
	rc = costs_from_json(&c, (const char *)data, n, "f", &err);
	if (rc && rc != ERR_FORMAT)
		abort();
	if (rc == 0 && c.n_obs < 64)
		fit_and_ask(&c, &d);
	if (rc == 0) {
		char *text;

		if (costs_to_json(&c, &text, &err))
			abort();
		free(text);
	}
	rig_run(&p, "a run of its own", 1);
	if (strtab_intern(p.strings, (const char *)data, n, &p.run.name))
		abort();
	p.stages = NULL;
	rig_stage(&p, "s", PROFILE_NONE, 1e6, NULL);
	p.stages[0].params = p.run.name;
	if (rc == 0 && c.n_obs < 64) {
		rig_add(&c, &d, &p);
		fit_and_ask(&c, &d);
	} else {
		profile_release(&p);
	}
	costs_release(&c);
	declarations_release(&d);
	return 0;
}
