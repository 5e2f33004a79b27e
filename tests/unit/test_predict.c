/* Tests of predictions: a made program of several sizes, the law of each of its stages known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "prof/analyze/predict.h"
#include "tests/unit/model_rig.h"

static void near(double a, double b, double part)
{
	if (!(fabs(a - b) <= part * fabs(b)))
		fail_msg("%.9g is not %.9g", a, b);
}

struct world {
	struct declarations d;
	struct costs c;
	struct model m;
	struct prediction p;
	uint64_t seed;
};

/* whole (n, q) around: load ~ n; per pair (five, of q each 1, 1.1, …): search ~ q n, align ~ cells = q^1 * 300;
 * windows of a pair, one for each 100 rows, ~ rows = 8 q. Outside: 50 ms. */
static double add_run(struct world *w, const char *id, double n, double q, double noise)
{
	struct profile p;
	uint32_t whole, pair, at;
	char params[128];
	double sum = 0, t, slow = exp(noise * rig_normal(&w->seed));
	int i, k;

	rig_run(&p, id, (int64_t)n);
	snprintf(params, sizeof params, "{\"n\": %.17g}", n);
	whole = rig_stage(&p, "whole", PROFILE_NONE, 0, params);
	t = (1e7 + 2e3 * n) * slow * exp(noise * rig_normal(&w->seed));
	rig_stage(&p, "load", whole, t, params);
	sum += t;
	for (i = 0; i < 5; i++) {
		double own = q * (1 + 0.1 * i), rows = 8 * own, inner = 0;

		snprintf(params, sizeof params, "{\"q\": %.17g, \"rows\": %.17g}", own, rows);
		pair = rig_stage(&p, "pair", whole, 0, params);
		snprintf(params, sizeof params, "{\"q\": %.17g, \"n\": %.17g}", own, n);
		t = 1e3 * own * n * slow * exp(noise * rig_normal(&w->seed));
		at = rig_stage(&p, "search", pair, t, params);
		p.stages[at].peak_heap_bytes = (int64_t)(1e6 + 100 * n);
		inner += t;
		snprintf(params, sizeof params, "{\"cells\": %.17g}", 300 * own);
		t = (1e6 + 5e4 * own) * slow * exp(noise * rig_normal(&w->seed));
		rig_stage(&p, "align", pair, t, params);
		inner += t;
		for (k = 0; k < rows / 100; k++) {
			t = rows * 1e4 / ceil(rows / 100) * slow *
			    exp(noise * rig_normal(&w->seed));
			rig_stage(&p, "window", pair, t, NULL);
			inner += t;
		}
		inner += 1e6;
		p.stages[pair].wall_ns = (int64_t)inner;
		sum += inner;
	}
	p.stages[whole].wall_ns = (int64_t)sum + 2000000;
	p.stages[whole].peak_heap_bytes = (int64_t)(1e6 + 100 * n);
	p.run.duration_ns = p.stages[whole].wall_ns + 50000000;
	sum = (double)p.run.duration_ns;
	rig_add(&w->c, &w->d, &p);
	return sum;
}

static void begin(struct world *w, uint64_t seed)
{
	static const char *const declared[] = {"load:wall=n",      "search:wall=q*n",
					       "search:memory=n",  "align:wall=cells",
					       "window:wall=rows", NULL};
	struct err err = ERR_INIT;
	int i;

	memset(w, 0, sizeof *w);
	w->seed = seed;
	for (i = 0; declared[i]; i++)
		assert_int_equal(declare_option(&w->d, declared[i], &err), 0);
	assert_int_equal(costs_init(&w->c, &err), 0);
}

static void end(struct world *w)
{
	predict_release(&w->p);
	model_release(&w->m);
	costs_release(&w->c);
	declarations_release(&w->d);
}

static void predict(struct world *w, const struct predict_options *o)
{
	struct err err = ERR_INIT;

	predict_release(&w->p);
	model_release(&w->m);
	assert_int_equal(model_make(&w->m, &w->c, &w->d, &err), 0);
	if (predict_make(&w->p, &w->m, o, &err))
		fail_msg("%s", err.text);
}

static const struct predict_node *node(const struct world *w, const char *name)
{
	size_t i;

	for (i = 0; i < w->c.n_nodes; i++)
		if (strcmp(strtab_text(w->c.strings, w->c.nodes[i].name), name) == 0)
			return &w->p.nodes[i];
	fail_msg("no stage %s", name);
	return NULL;
}

static const struct predict_options four_times = {
	.params = {{"n", 80000}, {"q", 5600}}, .n_params = 2, .like = COSTS_NONE};

static void add_three_sizes(struct world *w, int repeats, double noise)
{
	char id[16];
	int i, k;

	for (i = 0; i < 3; i++)
		for (k = 0; k < repeats; k++) {
			snprintf(id, sizeof id, "%d-%d", i, k);
			add_run(w, id, 5000 * (double)(1 << i), 250 * (double)(1 << i), noise);
		}
}

static void four_times_the_size_without_noise(void **state)
{
	struct world w, held;
	double all;

	(void)state;
	begin(&w, 1);
	begin(&held, 1);
	add_three_sizes(&w, 1, 0);
	all = add_run(&held, "held", 80000, 4000, 0);
	predict(&w, &four_times);
	/* The largest q of a run is that of its last pair, 1.4 times the first. */
	near(w.p.asked[1].like, 1400, 1e-9);
	near(w.p.asked[0].beyond, 4, 1e-9);
	near(node(&w, "load")->of[COST_WALL].value, 1e7 + 2e3 * 80000, 1e-3);
	near(node(&w, "search")->of[COST_WALL].value, 1e3 * 80000 * 4000 * 6, 1e-3);
	near(node(&w, "align")->of[COST_WALL].value, 5e6 + 5e4 * 4000 * 6, 1e-3);
	near(node(&w, "window")->of[COST_WALL].value, 8e4 * 4000 * 6, 1e-3);
	near(node(&w, "search")->of[COST_PEAK_HEAP].value, 1e6 + 100 * 80000, 1e-3);
	near(w.p.total[COST_PEAK_HEAP].value, 1e6 + 100 * 80000, 1e-3);
	near(w.p.total[COST_WALL].value, all, 1e-3);
	near(w.p.outside_ns, 5e7, 1e-3);
	end(&w);
	end(&held);
}

/* Stages within each other count once: the total is the run's, as measured, for its own sizes. */
static void its_own_size_gives_the_run_itself(void **state)
{
	const struct predict_options own = {
		.params = {{"n", 20000}}, .n_params = 1, .like = COSTS_NONE};
	struct world w;

	(void)state;
	begin(&w, 2);
	add_three_sizes(&w, 2, 0);
	predict(&w, &own);
	near(w.p.total[COST_WALL].value, w.p.total[COST_WALL].seen, 1e-3);
	near(w.p.total[COST_WALL].seen, (double)w.c.runs[w.p.like].duration_ns, 1e-9);
	near(node(&w, "pair")->of[COST_WALL].value, node(&w, "pair")->of[COST_WALL].seen, 1e-3);
	near(w.p.asked[0].beyond, 1, 1e-9);
	end(&w);
}

/* Parameters that nobody gave follow those that were given. */
static void other_parameters_follow(void **state)
{
	const struct predict_options only_n = {
		.params = {{"n", 80000}}, .n_params = 1, .like = COSTS_NONE};
	struct world w;

	(void)state;
	begin(&w, 3);
	add_three_sizes(&w, 1, 0);
	predict(&w, &only_n);
	near(node(&w, "search")->of[COST_WALL].value, 1e3 * 80000 * 4000 * 6, 1e-3);
	near(node(&w, "align")->of[COST_WALL].value, 5e6 + 5e4 * 4000 * 6, 1e-3);
	end(&w);
}

/* The measured value is in the interval at least as often as it says (which also has the error of a size left out). */
static void intervals_hold_the_larger_run(void **state)
{
	int round, inside = 0, total = 0;

	(void)state;
	for (round = 0; round < 60; round++) {
		struct world w, held;
		double all;

		begin(&w, 100 + (uint64_t)round);
		begin(&held, 7000 + (uint64_t)round);
		add_three_sizes(&w, 2, 0.05);
		all = add_run(&held, "held", 80000, 4000, 0.05);
		predict(&w, &four_times);
		inside += w.p.total[COST_WALL].lo <= all && all <= w.p.total[COST_WALL].hi;
		total++;
		near(w.p.total[COST_WALL].value, all, 0.35);
		end(&w);
		end(&held);
	}
	if (inside < 54)
		fail_msg("%d of %d intervals of 95 %%", inside, total);
}

static void more_pairs_take_more(void **state)
{
	struct predict_options more = {.params = {{"n", 20000}},
				       .n_params = 1,
				       .times = {{"pair", 10}},
				       .n_times = 1,
				       .like = COSTS_NONE};
	struct world w;
	double load;

	(void)state;
	begin(&w, 4);
	add_three_sizes(&w, 1, 0);
	predict(&w, &more);
	near(node(&w, "pair")->instances, 10, 1e-9);
	near(node(&w, "search")->of[COST_WALL].value, 2 * node(&w, "search")->of[COST_WALL].seen,
	     1e-3);
	near(node(&w, "window")->of[COST_WALL].value, 2 * node(&w, "window")->of[COST_WALL].seen,
	     1e-3);
	load = node(&w, "load")->of[COST_WALL].seen;
	near(node(&w, "load")->of[COST_WALL].value, load, 1e-3);
	near(node(&w, "search")->of[COST_PEAK_HEAP].value,
	     node(&w, "search")->of[COST_PEAK_HEAP].seen, 1e-3);
	end(&w);
}

static void other_proportions_are_said(void **state)
{
	const struct predict_options odd = {
		.params = {{"n", 80000}, {"q", 1400}}, .n_params = 2, .like = COSTS_NONE};
	struct world w;

	(void)state;
	begin(&w, 5);
	add_three_sizes(&w, 1, 0);
	predict(&w, &four_times);
	assert_int_equal(w.p.asked[1].state, POWER_TIED);
	assert_false(w.p.asked[1].off);
	predict(&w, &odd);
	assert_true(w.p.asked[1].off);
	end(&w);
}

static void one_size_grows_as_declared(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 6);
	add_run(&w, "only", 20000, 1000, 0);
	predict(&w, &four_times);
	assert_true(node(&w, "load")->notes[COST_WALL] & PREDICT_ONE_SIZE);
	near(node(&w, "load")->of[COST_WALL].value, 4 * node(&w, "load")->of[COST_WALL].seen, 1e-3);
	assert_true(isnan(node(&w, "load")->of[COST_WALL].lo));
	assert_int_equal(w.p.asked[0].state, POWER_CONSTANT);
	end(&w);
}

/* Stages that ran side by side take together what they took: not their sum. */
static void stages_side_by_side(void **state)
{
	const struct predict_options twice = {
		.params = {{"n", 16000}}, .n_params = 1, .like = COSTS_NONE};
	struct world w;
	int i;

	(void)state;
	begin(&w, 7);
	for (i = 0; i < 4; i++) {
		double n = 1000 * (double)(1 << i);
		struct profile p;
		char id[8], params[32];
		uint32_t whole;

		snprintf(id, sizeof id, "%d", i);
		snprintf(params, sizeof params, "{\"n\": %g}", n);
		rig_run(&p, id, i);
		whole = rig_stage(&p, "whole", PROFILE_NONE, 1e6 + 1e5 * n, params);
		rig_stage(&p, "load", whole, 1e5 * n, params);
		rig_stage(&p, "load", whole, 1e5 * n, params);
		rig_add(&w.c, &w.d, &p);
	}
	predict(&w, &twice);
	near(node(&w, "load")->of[COST_WALL].value, 2 * 1e5 * 16000, 1e-3);
	near(node(&w, "whole")->of[COST_WALL].value, 1e5 * 16000, 0.01);
	near(w.p.total[COST_WALL].value, 1e5 * 16000, 0.01);
	end(&w);
}

/* Declared n, measured n²: what is said of four times the size is what was measured. */
static void worse_growth_is_predicted_as_measured(void **state)
{
	const struct predict_options more = {
		.params = {{"n", 64000}}, .n_params = 1, .like = COSTS_NONE};
	struct err err = ERR_INIT;
	struct world w;
	int i;

	(void)state;
	begin(&w, 9);
	assert_int_equal(declare_option(&w.d, "dedup:wall=n", &err), 0);
	for (i = 0; i < 10; i++) {
		double n = 1000 * (double)(1 << i / 2);
		struct profile p;
		char id[16], params[32];

		snprintf(id, sizeof id, "%d", i);
		snprintf(params, sizeof params, "{\"n\": %g}", n);
		rig_run(&p, id, i);
		rig_stage(&p, "dedup", PROFILE_NONE,
			  (1e6 + n * n) * exp(0.03 * rig_normal(&w.seed)), params);
		rig_add(&w.c, &w.d, &p);
	}
	predict(&w, &more);
	assert_true(node(&w, "dedup")->notes[COST_WALL] & PREDICT_WORSE);
	near(node(&w, "dedup")->of[COST_WALL].value, 64000.0 * 64000.0, 0.25);
	assert_true(node(&w, "dedup")->of[COST_WALL].lo < 64000.0 * 64000.0);
	assert_true(node(&w, "dedup")->of[COST_WALL].hi > 64000.0 * 64000.0);
	assert_true(isnan(node(&w, "dedup")->cv[COST_WALL]));
	end(&w);
}

static void refuses(struct world *w, const struct predict_options *o, const char *why)
{
	struct err err = ERR_INIT;
	struct prediction p;

	if (predict_make(&p, &w->m, o, &err) != ERR_ARG || !strstr(err.text, why))
		fail_msg("'%s' for %s", err.text, why);
}

static void wrong_questions_are_refused(void **state)
{
	struct predict_options o = {.like = COSTS_NONE};
	struct world w;

	(void)state;
	begin(&w, 8);
	add_three_sizes(&w, 1, 0);
	predict(&w, &four_times);
	refuses(&w, &o, "no size");
	o.n_params = 1;
	o.params[0] = (struct predict_param){"m", 5};
	refuses(&w, &o, "n, q, rows");
	o.params[0] = (struct predict_param){"load", 5}; /* a name, but of no parameter */
	refuses(&w, &o, "no stage has a parameter 'load'");
	o.params[0] = (struct predict_param){"n", 0};
	refuses(&w, &o, "no number above 0");
	o.params[0] = (struct predict_param){"n", INFINITY};
	refuses(&w, &o, "no number above 0");
	o.params[0] = (struct predict_param){"n", 5};
	o.n_times = 1;
	o.times[0] = (struct predict_param){"nosuch", 5};
	refuses(&w, &o, "no stage 'nosuch'");
	o.times[0] = (struct predict_param){"pair", -1};
	refuses(&w, &o, "not above 0");
	end(&w);
	begin(&w, 8);
	assert_int_equal(model_make(&w.m, &w.c, &w.d, NULL), 0);
	refuses(&w, &four_times, "no runs");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_times_the_size_without_noise),
		cmocka_unit_test(its_own_size_gives_the_run_itself),
		cmocka_unit_test(other_parameters_follow),
		cmocka_unit_test(intervals_hold_the_larger_run),
		cmocka_unit_test(more_pairs_take_more),
		cmocka_unit_test(other_proportions_are_said),
		cmocka_unit_test(one_size_grows_as_declared),
		cmocka_unit_test(stages_side_by_side),
		cmocka_unit_test(worse_growth_is_predicted_as_measured),
		cmocka_unit_test(wrong_questions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
