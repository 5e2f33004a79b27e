/* Tests of fitted costs: made runs with a known law and multiplicative noise. Intervals must hold the truth as often as they
 * say; what cannot be told must be said; worse growth must be named, and nothing else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "prof/analyze/model.h"
#include "tests/unit/model_rig.h"
#include "tests/unit/model_world.h"

static void near(double a, double b, double by)
{
	if (!(fabs(a - b) <= by))
		fail_msg("%.12g is not %.12g", a, b);
}

/* One run with a stage "s" of that time for each of the sizes n, all of them `slow` times as long. */
static void add_run(struct world *w, int number, const double *n, size_t count, double slow,
		    double (*law)(double), double noise)
{
	struct profile p;
	char id[32], params[64];
	size_t i;

	snprintf(id, sizeof id, "run-%d", number);
	rig_run(&p, id, number);
	for (i = 0; i < count; i++) {
		snprintf(params, sizeof params, "{\"n\": %.17g}", n[i]);
		rig_stage(&p, "s", PROFILE_NONE,
			  law(n[i]) * slow * exp(noise * rig_normal(&w->seed)), params);
	}
	rig_add(&w->c, &w->d, &p);
}

static double linear(double n)
{
	return 2e6 + 1000 * n;
}

static double square(double n)
{
	return 2e6 + n * n;
}

static double flat(double n)
{
	(void)n;
	return 5e7;
}

static double n_log_n(double n)
{
	return 100 * n * log2(n);
}

static double mostly_fixed(double n)
{
	return 5e8 + 10 * n;
}

/* Runs of doubling sizes, `repeats` of each. */
static void add_sizes(struct world *w, double (*law)(double), int sizes, int repeats, double noise,
		      double run_noise)
{
	int i, k;

	for (i = 0; i < sizes; i++)
		for (k = 0; k < repeats; k++) {
			double n = 10000 * (double)(1 << i);

			add_run(w, i * repeats + k, &n, 1, exp(run_noise * rig_normal(&w->seed)),
				law, noise);
		}
}

static void coefficients_are_found(void **state)
{
	struct world w;
	const struct fit *f;

	(void)state;
	begin(&w, "s:wall=n", 1);
	add_sizes(&w, linear, 5, 4, 0.02, 0);
	f = fit_of(&w, "s", COST_WALL);
	assert_int_equal(f->state, FIT_OK);
	assert_int_equal(f->n, 20);
	assert_int_equal(f->n_sizes, 5);
	near(f->c[1], 1000, 30);
	near(f->c[0], 2e6, 6e5);
	near(f->s, 0.02, 0.01);
	assert_true(f->r2 > 0.99);
	assert_true(f->cv_mean < 0.03);
	assert_int_equal(model_worst(f), 1);
	end(&w);
}

/* The truth is in 95 of 100 intervals: of the slope, with noise of its own and with noise that a run has in common. */
static void intervals_hold_what_they_promise(void **state)
{
	int round, inside[2] = {0, 0}, kind;

	(void)state;
	for (kind = 0; kind < 2; kind++)
		for (round = 0; round < 400; round++) {
			struct world w;
			const struct fit *f;
			int i;

			begin(&w, "s:wall=n", 1000 + (uint64_t)round * 2 + (uint64_t)kind);
			for (i = 0; i < 8; i++) {
				double n[] = {10000.0 * (1 + i), 15000.0 * (1 + i),
					      20000.0 * (1 + i)};

				add_run(&w, i, n, 3, exp(kind * 0.08 * rig_normal(&w.seed)), linear,
					kind ? 0.02 : 0.08);
			}
			f = fit_of(&w, "s", COST_WALL);
			inside[kind] += f->lo[1] <= 1000 && f->hi[1] >= 1000;
			end(&w);
		}
	/* 380, and four standard deviations; with few runs the common part is itself estimated. */
	if (inside[0] < 362 || inside[0] > 398 || inside[1] < 350)
		fail_msg("%d and %d of 400 intervals of 95 %%", inside[0], inside[1]);
}

static void worse_growth_is_named(void **state)
{
	struct world w;
	const struct fit *f;

	(void)state;
	begin(&w, "s:wall=n", 2);
	add_sizes(&w, square, 5, 3, 0.05, 0);
	f = fit_of(&w, "s", COST_WALL);
	assert_int_equal(model_worst(f), 0);
	assert_int_equal(f->growth[0].verdict, GROWTH_WORSE);
	near(f->growth[0].declared, 1, 1e-9);
	near(f->growth[0].excess, 1, 0.1);
	assert_true(f->growth[0].lo < 1 && f->growth[0].hi > 1);
	end(&w);
}

/* A hundred worlds in which the declared growth holds: none may be accused. */
static void declared_growth_is_not_accused(void **state)
{
	static const struct {
		double (*law)(double);
		const char *declared;
	} laws[] = {{linear, "s:wall=n"},
		    {square, "s:wall=n^2"},
		    {flat, "s:wall=n"},
		    {n_log_n, "s:wall=n*log(n)"},
		    {mostly_fixed, "s:wall=n"}};
	int round, accused = 0;

	(void)state;
	for (round = 0; round < 500; round++) {
		struct world w;
		const struct fit *f;

		begin(&w, laws[round % 5].declared, 5000 + (uint64_t)round);
		add_sizes(&w, laws[round % 5].law, 4 + round % 2, 1 + round % 4, 0.05, 0.05);
		f = fit_of(&w, "s", COST_WALL);
		accused += model_worst(f) < 1;
		end(&w);
	}
	if (accused > 5)
		fail_msg("%d of 500 were accused", accused);
}

/* The constant rules at small sizes: the plain power law bends, the test does not. */
static void constants_hide_no_growth_and_make_none(void **state)
{
	struct world w;
	const struct fit *f;

	(void)state;
	begin(&w, "s:wall=n", 3);
	add_sizes(&w, mostly_fixed, 6, 3, 0.01, 0);
	f = fit_of(&w, "s", COST_WALL);
	assert_true(f->power.params[0].exponent < 0.3);
	assert_true(f->growth[0].verdict != GROWTH_WORSE);
	end(&w);
}

static void superlinear_growth_within_n_log_n(void **state)
{
	struct world w;
	const struct fit *f;

	(void)state;
	begin(&w, "s:wall=n", 4);
	add_sizes(&w, n_log_n, 5, 4, 0.02, 0);
	f = fit_of(&w, "s", COST_WALL); /* n^1.09 or so: less than the margin */
	assert_true(f->growth[0].verdict != GROWTH_WORSE);
	assert_true(f->growth[0].hi > 0);
	end(&w);
}

static void too_few_sizes_are_said(void **state)
{
	struct world w;
	const struct fit *f;
	double n = 1000;

	(void)state;
	begin(&w, "s:wall=n", 5);
	add_run(&w, 0, &n, 1, 1, square, 0.05);
	f = fit_of(&w, "s", COST_WALL);
	assert_int_equal(f->state, FIT_ONE_SIZE);
	assert_int_equal(f->growth[0].verdict, GROWTH_FIXED);
	assert_true(isnan(f->lo[1]) && isnan(f->cv_mean));
	n = 2000;
	add_run(&w, 1, &n, 1, 1, square, 0.05);
	f = fit_of(&w, "s", COST_WALL);
	assert_int_equal(f->state, FIT_OK);
	assert_int_equal(f->growth[0].verdict, GROWTH_FEW);
	assert_true(isnan(f->cv_mean));
	end(&w);
}

static void short_stages_are_not_judged(void **state)
{
	struct world w;
	const struct fit *f;
	int i;

	(void)state;
	begin(&w, "s:wall=n", 6);
	for (i = 0; i < 12; i++) {
		double n = 10 * (double)(1 << i / 3);

		add_run(&w, i, &n, 1, 1, square, 0.01); /* 2 ms */
	}
	f = fit_of(&w, "s", COST_WALL);
	assert_true(f->growth[0].verdict == GROWTH_SHORT || f->growth[0].verdict == GROWTH_FEW);
	end(&w);
}

static void missing_parameters_are_named(void **state)
{
	struct world w;
	const struct fit *f;

	(void)state;
	begin(&w, "s:wall=n*m", 7);
	add_sizes(&w, linear, 3, 1, 0, 0);
	f = fit_of(&w, "s", COST_WALL);
	assert_int_equal(f->state, FIT_NO_PARAM);
	assert_string_equal(f->form.params[f->missing], "m");
	assert_int_equal(f->left_out, 3);
	end(&w);
}

/* Two parameters that always vary together: one stands for both, and that is said. */
static void tied_parameters_are_named(void **state)
{
	struct world w;
	const struct fit *f;
	int i;

	(void)state;
	begin(&w, "s:wall=n*q", 8);
	for (i = 0; i < 12; i++) {
		double n = 1000 * (double)(1 << i / 2);
		struct profile p;
		char id[16], params[64];

		snprintf(id, sizeof id, "%d", i);
		snprintf(params, sizeof params, "{\"n\": %g, \"q\": %g}", n, n / 10);
		rig_run(&p, id, i);
		rig_stage(&p, "s", PROFILE_NONE, 1e6 + n * n * exp(0.03 * rig_normal(&w.seed)),
			  params);
		rig_add(&w.c, &w.d, &p);
	}
	f = fit_of(&w, "s", COST_WALL);
	assert_int_equal(f->growth[1].verdict, GROWTH_TIED);
	assert_int_equal(f->growth[1].with, 0);
	assert_true(f->growth[0].verdict != GROWTH_WORSE);
	near(f->growth[0].excess, 0, 0.1);
	end(&w);
}

static void an_outlier_does_not_pull(void **state)
{
	struct world w;
	const struct fit *f;
	double n = 40000;

	(void)state;
	begin(&w, "s:wall=n", 9);
	add_sizes(&w, linear, 5, 4, 0.02, 0);
	add_run(&w, 99, &n, 1, 5, linear, 0);
	f = fit_of(&w, "s", COST_WALL);
	near(f->c[1], 1000, 50);
	near(f->worst, 4, 0.5);
	end(&w);
}

static void zero_and_missing_values_are_left_out(void **state)
{
	struct world w;
	struct profile p;
	const struct fit *f;
	uint32_t at;

	(void)state;
	begin(&w, "s:wall=n", 10);
	add_sizes(&w, linear, 3, 2, 0.02, 0);
	rig_run(&p, "odd", 77);
	rig_stage(&p, "s", PROFILE_NONE, 0, "{\"n\": 5}");       /* took nothing */
	rig_stage(&p, "s", PROFILE_NONE, -1, "{\"n\": 5}");      /* open */
	rig_stage(&p, "s", PROFILE_NONE, 1e6, "{\"n\": -5}");    /* no size */
	rig_stage(&p, "s", PROFILE_NONE, 1e6, "{\"n\": 1e999}"); /* no JSON */
	rig_stage(&p, "s", PROFILE_NONE, 1e6, "{\"n\": \"x\"}");
	rig_stage(&p, "s", PROFILE_NONE, 1e6, "nonsense");
	at = rig_stage(&p, "s", PROFILE_NONE, 1e9, "{\"n\": 5}");
	p.stages[at].folded = 7;
	rig_add(&w.c, &w.d, &p);
	assert_int_equal(w.c.runs[6].open, 1);
	assert_int_equal(w.c.runs[6].many, 7);
	f = fit_of(&w, "s", COST_WALL);
	assert_int_equal(f->n, 6);
	near(f->c[1], 1000, 60);
	end(&w);
}

/* Windows without sizes of their own are one observation of the pair that has them; a stage with its own stands alone. */
static void windows_are_added_up(void **state)
{
	struct world w;
	struct profile p;
	const struct fit *f;
	int i, k;

	(void)state;
	begin(&w, "window:wall=rows", 11);
	rig_run(&p, "r", 1);
	for (i = 1; i <= 4; i++) {
		char params[32];
		uint32_t around;

		snprintf(params, sizeof params, "{\"rows\": %d}", 1000 * i);
		around = rig_stage(&p, "pair", PROFILE_NONE, 1e9 * i, params);
		for (k = 0; k < 3 * i; k++) {
			uint32_t at = rig_stage(&p, "window", around, 1e8, NULL);

			p.stages[at].items = 10;
			p.stages[at].peak_heap_bytes = 100 + k;
		}
	}
	rig_add(&w.c, &w.d, &p);
	f = fit_of(&w, "window", COST_WALL);
	assert_int_equal(f->n, 4);
	near(f->c[1], 3e5, 1);
	assert_int_equal(w.c.obs[1].instances, 3);
	near(w.c.obs[1].items, 30, 0);
	near(w.c.obs[1].value[COST_PEAK_HEAP], 102, 0);
	near(w.c.obs[0].value[COST_SELF_WALL], 7e8, 1);
	end(&w);
	begin(&w, "window:wall=items", 11);
	rig_run(&p, "r", 1);
	i = (int)rig_stage(&p, "pair", PROFILE_NONE, 1e9, "{\"rows\": 5}");
	for (k = 1; k < 4; k++) {
		uint32_t at = rig_stage(&p, "window", (uint32_t)i, 1e8, NULL);

		p.stages[at].items = k;
	}
	rig_add(&w.c, &w.d, &p);
	assert_int_equal(fit_of(&w, "window", COST_WALL)->n, 3);
	end(&w);
}

/* Of what nothing is declared, the one parameter that explains it is found; where none does, a constant. */
static void the_same_run_counts_once(void **state)
{
	struct world w;
	double n = 1000;

	(void)state;
	begin(&w, "s:wall=n", 13);
	add_run(&w, 5, &n, 1, 1, linear, 0);
	add_run(&w, 5, &n, 1, 1, linear, 0);
	assert_int_equal(w.c.n_runs, 1);
	assert_int_equal(w.c.n_obs, 1);
	end(&w);
}

/* What is kept and read again gives the same fit, and keeping that gives the same text. */
static void kept_models_are_the_same(void **state)
{
	struct world w, again;
	struct err err = ERR_INIT;
	char *text, *twice;
	struct fit f;

	(void)state;
	begin(&w, "s:wall=n", 14);
	add_sizes(&w, linear, 4, 2, 0.05, 0.02);
	f = *fit_of(&w, "s", COST_WALL);
	assert_int_equal(costs_to_json(&w.c, &text, &err), 0);
	begin(&again, "s:wall=n", 14);
	assert_int_equal(costs_from_json(&again.c, text, strlen(text), "f", &err), 0);
	near(fit_of(&again, "s", COST_WALL)->c[1], f.c[1], 0);
	near(fit_of(&again, "s", COST_WALL)->hi[1], f.hi[1], 0);
	assert_int_equal(costs_to_json(&again.c, &twice, &err), 0);
	assert_string_equal(text, twice);
	assert_int_equal(costs_from_json(&again.c, text, strlen(text), "f", &err), 0);
	assert_int_equal(again.c.n_runs, 8); /* not twice */
	free(text);
	free(twice);
	end(&w);
	end(&again);
}

static void damaged_models_are_refused(void **state)
{
	struct world w;
	struct err err = ERR_INIT;
	char *text;
	size_t n, i;

	(void)state;
	begin(&w, "s:wall=n", 15);
	add_sizes(&w, linear, 2, 1, 0.05, 0);
	assert_int_equal(costs_to_json(&w.c, &text, &err), 0);
	end(&w);
	n = strlen(text);
	for (i = 0; i < n; i += 7) {
		struct costs c;

		assert_int_equal(costs_init(&c, &err), 0);
		assert_int_equal(costs_from_json(&c, text, i, "kept.json", &err), ERR_FORMAT);
		assert_non_null(strstr(err.text, "kept.json"));
		costs_release(&c);
	}
	for (i = 0; i < n; i++) { /* any digit another: refused, or read without harm */
		struct costs c;
		char was = text[i];

		if (was < '0' || was > '9')
			continue;
		text[i] = was == '9' ? '-' : '9';
		assert_int_equal(costs_init(&c, &err), 0);
		(void)costs_from_json(&c, text, n, "kept.json", &err);
		costs_release(&c);
		text[i] = was;
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coefficients_are_found),
		cmocka_unit_test(intervals_hold_what_they_promise),
		cmocka_unit_test(worse_growth_is_named),
		cmocka_unit_test(declared_growth_is_not_accused),
		cmocka_unit_test(constants_hide_no_growth_and_make_none),
		cmocka_unit_test(superlinear_growth_within_n_log_n),
		cmocka_unit_test(too_few_sizes_are_said),
		cmocka_unit_test(short_stages_are_not_judged),
		cmocka_unit_test(missing_parameters_are_named),
		cmocka_unit_test(tied_parameters_are_named),
		cmocka_unit_test(an_outlier_does_not_pull),
		cmocka_unit_test(zero_and_missing_values_are_left_out),
		cmocka_unit_test(windows_are_added_up),
		cmocka_unit_test(the_same_run_counts_once),
		cmocka_unit_test(kept_models_are_the_same),
		cmocka_unit_test(damaged_models_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
