/* Every allocation on the way from a run to a prediction fails once: told as such, and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/analyze/predict.h"
#include "tests/fault/each.h"
#include "tests/unit/model_rig.h"

static struct profile runs[4];

static void fill(void)
{
	char id[16], params[64];
	int i, k;

	for (i = 0; i < 4; i++) {
		uint32_t around;

		snprintf(id, sizeof id, "%d", i);
		snprintf(params, sizeof params, "{\"n\": %d, \"m\": 3}", 1000 << i);
		rig_run(&runs[i], id, i);
		around = rig_stage(&runs[i], "whole", PROFILE_NONE, 3e8 * (1 << i), params);
		rig_stage(&runs[i], "s", around, 1e8 * (1 << i), params);
		for (k = 0; k < 3; k++)
			rig_stage(&runs[i], "window", around, 1e7 * (1 << i), NULL);
	}
}

static int told(int rc, const struct err *err)
{
	if (rc) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err->code, ERR_NOMEM);
	}
	return rc;
}

static int add_all(struct costs *c, struct declarations *d, struct err *err)
{
	static const char file[] = "{\"stages\": {\"window\": {\"wall\": \"n\"}}}";
	int rc = declare_option(d, "s:wall=n", err), i;

	if (rc == 0)
		rc = declare_text(d, file, sizeof file - 1, "f", err);
	if (rc == 0)
		rc = declare_builtin(d, err);
	if (rc == 0)
		rc = costs_init(c, err);
	for (i = 0; rc == 0 && i < 4; i++)
		rc = costs_add_run(c, d, &runs[i], err);
	return rc;
}

static int predicting(void)
{
	const struct predict_options o = {
		.params = {{"n", 64000}}, .n_params = 1, .like = COSTS_NONE};
	struct declarations d = {0};
	struct costs c = {0};
	struct model m = {0};
	struct prediction p;
	struct err err = ERR_INIT;
	int rc = add_all(&c, &d, &err);

	if (rc == 0)
		rc = model_make(&m, &c, &d, &err);
	if (rc == 0) {
		rc = predict_make(&p, &m, &o, &err);
		if (rc == 0)
			predict_release(&p);
	}
	model_release(&m);
	costs_release(&c);
	declarations_release(&d);
	return told(rc, &err);
}

static int keeping(void)
{
	struct declarations d = {0};
	struct costs c = {0}, again = {0};
	struct err err = ERR_INIT;
	char *text = NULL;
	int rc = add_all(&c, &d, &err);

	if (rc == 0)
		rc = costs_to_json(&c, &text, &err);
	if (rc == 0)
		rc = costs_init(&again, &err);
	if (rc == 0)
		rc = costs_from_json(&again, text, strlen(text), "f", &err);
	free(text);
	costs_release(&c);
	costs_release(&again);
	declarations_release(&d);
	return told(rc, &err);
}

static void predictions_survive(void **state)
{
	(void)state;
	assert_true(fault_each(predicting, 0) > 100);
}

/* Parameters are JSON within the store: a reader that could not hold one may take it for none. */
static void kept_models_survive(void **state)
{
	(void)state;
	assert_true(fault_each(keeping, 0) > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(predictions_survive),
		cmocka_unit_test(kept_models_survive),
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
