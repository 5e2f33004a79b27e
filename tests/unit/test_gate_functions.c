/* Functions in a verdict: what moved is named with its stack; it fails a gate only where the thresholds say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/compare.h"
#include "tests/unit/verdict_rig.h"

/* 8 runs of each side (unless told); `work` takes 300 ms, and 600 ms in the candidate; `rest` 500 ms in both. */
static struct compare *make_of(struct rig *r, enum profile_kind kind, int runs)
{
	const struct compare_options o = {.kind = kind};
	struct compare *c = NULL;
	int i;

	memset(r, 0, sizeof(*r));
	r->o.kind = kind;
	assert_int_equal(compare_new(&c, &o, NULL), 0);
	for (i = 0; i < 2 * runs; i++) {
		struct profile p;
		uint32_t stage;
		int64_t ms = 1000000 + (i * 7919) % 10007;

		gate_profile(&p, i, "full");
		stage = made_stage(&p, "load", PROFILE_NONE, 900000000);
		made_sample(&p, kind, stage, 0, "main@/opt/prog;work@/opt/prog:work.c:7", 300,
			    (i % 2 ? 600 : 300) * ms);
		made_sample(&p, kind, PROFILE_NONE, 0, "main@/opt/prog;rest@/opt/prog", 500,
			    500 * ms);
		assert_int_equal(metrics_add_run(&r->t, i % 2, &p, NULL), 0);
		assert_int_equal(compare_add_run(c, i % 2, &p, NULL), 0);
		profile_release(&p);
	}
	assert_int_equal(compare_finish(c, NULL), 0);
	return c;
}

static struct compare *make(struct rig *r, enum profile_kind kind)
{
	return make_of(r, kind, 8);
}

static enum verdict judge_with(struct rig *r, const struct compare *c)
{
	struct err err = ERR_INIT;

	gate_release(&r->g);
	if (gate_judge(&r->g, &r->t, c, &r->o, &err))
		fail_msg("%s", err.text);
	return r->g.verdict;
}

static void functions_explain(void **state)
{
	const struct gate_function *f;
	struct rig r;
	struct compare *c = make(&r, PROFILE_CPU);

	(void)state;
	r.o.normalise = "none";
	assert_int_equal(judge_with(&r, c), VERDICT_OK);
	compare_free(c); /* the result has its own texts */
	assert_int_equal(r.g.n_functions, 1);
	f = &r.g.functions[0];
	assert_string_equal(f->function, "work");
	assert_non_null(strstr(f->module, "prog"));
	assert_string_equal(f->stage, "load");
	assert_non_null(strstr(f->stack_text, "main;work"));
	assert_int_equal(f->verdict, VERDICT_REGRESSION);
	assert_false(f->fails);
	assert_true(f->base > 299e6 && f->base < 305e6);
	assert_true(f->candidate > 599e6 && f->candidate < 610e6);
	assert_true(f->change > 0.95 && f->change < 1.05);
	assert_true(f->lo <= f->change && f->change <= f->hi);
	assert_string_equal(r.g.normalise, "none");
	rig_end(&r);
}

static void they_fail_where_the_thresholds_say_so(void **state)
{
	struct rig r;
	struct compare *c = make(&r, PROFILE_CPU);

	(void)state;
	rig_limits(&r, "{\"functions\": {\"relative\": 0.5, \"absolute\": \"100ms\"}}");
	assert_int_equal(judge_with(&r, c), VERDICT_REGRESSION);
	assert_true(r.g.functions[0].fails);
	assert_string_equal(r.g.why, "function work costs more than the thresholds allow");
	thresholds_release(&r.limits);
	rig_limits(&r, "{\"functions\": {\"relative\": 0.5, \"absolute\": \"400ms\"}}");
	assert_int_equal(judge_with(&r, c), VERDICT_OK);
	thresholds_release(&r.limits);
	rig_limits(&r, "{\"functions\": {\"relative\": 1.5}}");
	assert_int_equal(judge_with(&r, c), VERDICT_OK);
	/* Not where samples of different rates are compared. */
	thresholds_release(&r.limits);
	rig_limits(&r, "{\"functions\": {}}");
	assert_int_equal(judge_with(&r, c), VERDICT_REGRESSION);
	r.t.runs_b[0].rate_hz = 99;
	assert_int_equal(judge_with(&r, c), VERDICT_INCONCLUSIVE);
	assert_false(r.g.functions[0].fails);
	compare_free(c);
	rig_end(&r);
}

static void bytes_have_their_own_amount(void **state)
{
	struct rig r;
	struct compare *c = make(&r, PROFILE_ALLOC);

	(void)state;
	r.o.metrics = 1u << METRIC_WALL;
	rig_limits(&r, "{\"functions\": {\"absolute\": \"100ms\"}}"); /* of times, not of these */
	assert_int_equal(judge_with(&r, c), VERDICT_REGRESSION);
	thresholds_release(&r.limits);
	rig_limits(&r, "{\"functions\": {\"absolute\": \"1GiB\"}}");
	assert_int_equal(judge_with(&r, c), VERDICT_OK);
	compare_free(c);
	rig_end(&r);
}

/* What runs differ by is not known of one of each. */
static void one_run_a_side_proves_nothing(void **state)
{
	struct rig r;
	struct compare *c = make_of(&r, PROFILE_CPU, 1);

	(void)state;
	rig_limits(&r, "{\"functions\": {\"relative\": 0.5, \"absolute\": \"100ms\"}}");
	assert_int_equal(judge_with(&r, c), VERDICT_INCONCLUSIVE);
	assert_int_equal(r.g.n_functions, 1);
	assert_string_equal(r.g.functions[0].function, "work");
	assert_true(r.g.functions[0].unproven);
	assert_int_equal(r.g.functions[0].verdict, VERDICT_INCONCLUSIVE);
	assert_false(r.g.functions[0].fails);
	assert_true(rig_remarked(&r, "one run a side"));
	/* Counts of callgrind are the same each time. */
	free(r.t.runs_a[0].engine);
	free(r.t.runs_b[0].engine);
	r.t.runs_a[0].engine = strdup("callgrind");
	r.t.runs_b[0].engine = strdup("callgrind");
	assert_int_equal(judge_with(&r, c), VERDICT_REGRESSION);
	assert_false(r.g.functions[0].unproven);
	assert_true(r.g.functions[0].fails);
	assert_false(rig_remarked(&r, "one run a side"));
	compare_free(c);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_explain),
		cmocka_unit_test(they_fail_where_the_thresholds_say_so),
		cmocka_unit_test(one_run_a_side_proves_nothing),
		cmocka_unit_test(bytes_have_their_own_amount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
