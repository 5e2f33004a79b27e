/* The plan of a batch, and the stages it stands on: what can be reckoned by hand, sizes that did not fit, runs that failed, rows
 * that are wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/batch.h"
#include "tests/unit/made_profile.h"

#define MIB  1048576.0
#define NONE ((double)NAN)

static void near(double a, double b, double by)
{
	if (!(fabs(a - b) <= by))
		fail_msg("%.12g is not %.12g", a, b);
}

/* ---- plans ---- */

static const struct batch_given none = {NONE, NONE, NONE};

static void worked_example(void **state)
{
	const struct batch_given given = {800 * MIB, 323 * MIB, 2873 * MIB};
	const struct batch_limits limits = {.memory = 16384 * MIB, .headroom = 0.85, .cpus = 2};
	const struct batch_limits decimal = {.memory = 16e9, .headroom = 0.85};
	struct batch_model m;
	struct batch_plan plan;

	(void)state;
	assert_int_equal(batch_fit(&m, NULL, &given, NULL), 0);
	assert_int_equal(m.reason, BATCH_FITTED);
	batch_plan_make(&plan, &m, NULL, &limits);
	near(plan.usable, 13926.4 * MIB, 1);
	near(plan.for_items, 12803.4 * MIB, 1);
	near(plan.exact, 12803.4 / 2873, 1e-9);
	near(plan.largest, 4, 0);
	near(plan.at_estimate, 4, 0);
	assert_int_equal(plan.n_rows, 3); /* 1, 2, 4 */
	near(plan.rows[0].memory, (800 + 323 + 2873) * MIB, 1);
	near(plan.rows[0].workers, 3, 0); /* 13603.4 / 3673 */
	near(plan.rows[1].workers, 2, 0); /* 13603.4 / 6546 */
	near(plan.rows[2].workers, 1, 0); /* 13603.4 / 12292 */
	assert_true(isnan(plan.rows[0].latency) && plan.best == SIZE_MAX);
	batch_plan_make(&plan, &m, NULL, &decimal);
	near(plan.largest, 4, 0);
}

/* Points of one run each; memory in MiB. */
static struct batch_stage *stage_of(const double *items, const double *memory, const double *shared,
				    const double *wall, size_t n)
{
	static struct batch_point points[16];
	static struct batch_stage s;
	size_t i;

	for (i = 0; i < n; i++)
		points[i] = (struct batch_point){.items = items[i],
						 .memory = memory[i] * MIB,
						 .shared = shared ? shared[i] * MIB : NONE,
						 .wall_ns = wall ? wall[i] * 1e6 : NONE,
						 .cpu_ns = wall ? wall[i] * 1e6 : NONE,
						 .run = (uint32_t)i,
						 .n = 1};
	s = (struct batch_stage){.name = "s", .points = points, .n = n, .stages = n};
	return &s;
}

static void what_is_shared_is_no_base(void **state)
{
	static const double items[] = {1, 2, 4, 8}, memory[] = {160, 220, 340, 580};
	static const double shared[] = {30, 30, 30, 30}, wall[] = {15, 25, 45, 85};
	const struct batch_limits limits = {.memory = 1000 * MIB, .headroom = 1, .cpus = 1};
	struct batch_stage *s = stage_of(items, memory, shared, wall, 4);
	struct batch_model m;
	struct batch_plan plan;

	(void)state;
	assert_int_equal(batch_fit(&m, s, &none, NULL), 0);
	assert_int_equal(m.reason, BATCH_FITTED);
	near(m.base, 70 * MIB, 10);
	near(m.shared, 30 * MIB, 10);
	near(m.per_item, 60 * MIB, 10);
	batch_plan_make(&plan, &m, s, &limits);
	near(plan.largest, 15, 0);
	near(plan.rows[0].workers, 7, 0); /* 970 / 130 */
	near(plan.rows[0].latency, 15e6, 1);
	near(plan.rows[0].useful, 1, 0);
	near(plan.rows[0].all_per_second, 1000 / 15.0, 1e-6); /* one CPU, all of it busy */
	near(plan.rows[plan.n_rows - 1].items, 15, 0);
	near(plan.rows[plan.n_rows - 1].latency, 155e6, 1);
	assert_true(plan.best == plan.n_rows - 1);
	assert_true(plan.rows[0].measured && !plan.rows[plan.n_rows - 1].measured);
}

/* 5 + 10 x items of time: two workers of 4 items are as good as one of 8. */
static void workers_beside_each_other_do_more(void **state)
{
	static const double items[] = {1, 2, 4, 8}, memory[] = {110, 210, 410, 810};
	static const double wall[] = {15, 25, 45, 85};
	struct batch_stage *s = stage_of(items, memory, NULL, wall, 4);
	const struct batch_limits limits = {.memory = 820 * MIB, .headroom = 1, .cpus = 100};
	struct batch_model m;
	struct batch_plan plan;

	(void)state;
	assert_int_equal(batch_fit(&m, s, &none, NULL), 0);
	assert_false(m.shared_known);
	batch_plan_make(&plan, &m, s, &limits);
	near(plan.largest, 8, 0);
	near(plan.rows[0].workers, 7, 0);
	near(plan.rows[0].all_per_second, 7 * 1000 / 15.0, 1e-3);
	near(plan.rows[2].workers, 2, 0); /* 820 / 410 */
	near(plan.rows[2].all_per_second, 2 * 4 * 1000 / 45.0, 1e-3);
	near(plan.rows[plan.best].items, 1, 0);
}

static void the_upper_end_is_planned_with(void **state)
{
	static const double items[] = {1, 2, 4, 8}, memory[] = {161, 219, 341, 579};
	struct batch_stage *s = stage_of(items, memory, NULL, NULL, 4);
	struct batch_limits limits = {.memory = 100000 * MIB, .headroom = 1};
	struct batch_model m;
	struct batch_plan sure, likely;

	(void)state;
	assert_int_equal(batch_fit(&m, s, &none, NULL), 0);
	assert_true(m.lo < m.per_item && m.per_item < m.hi);
	batch_plan_make(&sure, &m, s, &limits);
	limits.optimistic = 1;
	batch_plan_make(&likely, &m, s, &limits);
	assert_true(sure.largest < likely.largest);
	near(sure.at_estimate, likely.largest, 0);
}

static void what_bends_is_not_trusted_beyond(void **state)
{
	static const double items[] = {1, 2, 4, 8}, memory[] = {101, 104, 116, 164};
	struct batch_stage *s = stage_of(items, memory, NULL, NULL, 4);
	const struct batch_limits limits = {.memory = 10000 * MIB, .headroom = 1};
	struct batch_model m;
	struct batch_plan plan;

	(void)state;
	assert_int_equal(batch_fit(&m, s, &none, NULL), 0);
	near(m.steep, 12 * MIB, 1);
	near(m.steep_from, 4, 0);
	batch_plan_make(&plan, &m, s, &limits);
	near(plan.largest, 8, 0);
	assert_true(plan.bends);
}

static void a_size_that_did_not_fit_is_not_planned(void **state)
{
	static const double items[] = {1, 2, 4, 8, 8}, memory[] = {110, 120, 140, 180, 195};
	struct batch_stage *s = stage_of(items, memory, NULL, NULL, 5);
	const struct batch_limits limits = {.memory = 190 * MIB, .headroom = 1, .optimistic = 1};
	struct batch_model m;
	struct batch_plan plan;

	(void)state;
	assert_int_equal(batch_fit(&m, s, &none, NULL), 0);
	batch_plan_make(&plan, &m, s, &limits);
	near(plan.largest, 7, 0);
	near(plan.too_large, 8, 0);
}

static void what_cannot_be_said(void **state)
{
	static const double items[] = {1, 2, 4}, same[] = {4, 4, 4}, memory[] = {10, 20, 40};
	static const double falls[] = {40, 20, 10}, not_measured[] = {NAN, NAN, NAN};
	struct batch_model m;

	(void)state;
	assert_int_equal(batch_fit(&m, stage_of(same, memory, NULL, NULL, 3), &none, NULL), 0);
	assert_int_equal(m.reason, BATCH_ONE_SIZE);
	assert_int_equal(batch_fit(&m, stage_of(items, not_measured, NULL, NULL, 3), &none, NULL),
			 0);
	assert_int_equal(m.reason, BATCH_NO_MEMORY);
	assert_int_equal(batch_fit(&m, stage_of(items, falls, NULL, NULL, 3), &none, NULL), 0);
	assert_int_equal(m.reason, BATCH_DOES_NOT_GROW);
	assert_int_equal(batch_fit(&m, stage_of(items, memory, NULL, NULL, 0), &none, NULL), 0);
	assert_int_equal(m.reason, BATCH_NO_ITEMS);
	assert_int_equal(batch_fit(&m, NULL, &none, NULL), 0);
	assert_int_equal(m.reason, BATCH_NO_ITEMS);
	for (int r = BATCH_FITTED; r <= BATCH_NOT_FINITE; r++)
		assert_true(*batch_reason_text((enum batch_reason)r));
}

static void limits_below_the_base_fit_nothing(void **state)
{
	const struct batch_given given = {800 * MIB, 0, 10 * MIB};
	const struct batch_limits limits = {.memory = 900 * MIB, .headroom = 0.85};
	const struct batch_limits little = {.memory = 950 * MIB, .headroom = 0.85};
	struct batch_model m;
	struct batch_plan plan;

	(void)state;
	assert_int_equal(batch_fit(&m, NULL, &given, NULL), 0);
	batch_plan_make(&plan, &m, NULL, &limits);
	assert_true(plan.for_items < 0 && plan.n_rows == 0);
	near(plan.largest, 0, 0);
	batch_plan_make(&plan, &m, NULL, &little);
	assert_true(plan.for_items > 0);
	near(plan.largest, 0, 0);
}

static void many_sizes_are_a_few_rows(void **state)
{
	const struct batch_given given = {0, 0, 1};
	const struct batch_limits limits = {.memory = 1e14, .headroom = 1};
	struct batch_model m;
	struct batch_plan plan;
	size_t i;

	(void)state;
	assert_int_equal(batch_fit(&m, NULL, &given, NULL), 0);
	batch_plan_make(&plan, &m, NULL, &limits);
	near(plan.largest, 1e14, 0);
	assert_int_equal(plan.n_rows, BATCH_ROWS_MAX);
	for (i = 1; i < plan.n_rows; i++)
		assert_true(plan.rows[i].items > plan.rows[i - 1].items);
	near(plan.rows[plan.n_rows - 1].items, 1e14, 0);
}

/* ---- stages of a run ---- */

static void batch_stage_row(struct profile *p, const char *name, int64_t start, double items,
			    int64_t rss, const char *params)
{
	uint32_t i = made_stage(p, name, PROFILE_NONE, 100);

	p->stages[i].start_ns = start;
	p->stages[i].items = items;
	p->stages[i].peak_rss_bytes = rss;
	p->stages[i].peak_heap_bytes = rss / 2;
	p->stages[i].params = made_text(p, params);
}

static void counter(struct profile *p, int64_t t, double value)
{
	p->counters = made_grow(p->counters, p->n_counters, sizeof *p->counters);
	p->counters[p->n_counters++] =
		(struct profile_counter){t, made_text(p, "rss_shared_bytes"), value};
}

static void run_of_batches(struct profile *p)
{
	assert_int_equal(profile_init(p), 0);
	p->run.finished = 1;
	made_thread(p, "main", 1);
	batch_stage_row(p, "b", 1000, 2, 5000, "{\"n\": 20}");
	batch_stage_row(p, "b", 2000, 4, 9000, "{\"n\": 40}");
	batch_stage_row(p, "b", 3000, 2, 9000, "{\"n\": 20}");
	batch_stage_row(p, "b", 4000, 4, 9100, "{\"n\": \"many\"}");
	batch_stage_row(p, "b", 5000, 0, 9100, "no JSON");
	batch_stage_row(p, "b", 6000, (double)NAN, 9100, "{}");
	batch_stage_row(p, "other", 7000, 1, 100, "{}");
	counter(p, 900, 700);
	counter(p, 1950, 800);
	counter(p, 2050, 900);
	counter(p, 2500, 100);
}

static const struct batch_stage *named(const struct batch_data *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (strcmp(d->stages[i].name, name) == 0)
			return &d->stages[i];
	fail_msg("no stage %s", name);
	return NULL;
}

static void stages_become_points(void **state)
{
	struct batch_data d = {0};
	const struct batch_stage *s;
	struct profile p;

	(void)state;
	run_of_batches(&p);
	assert_int_equal(batch_add_run(&d, &p, NULL, BATCH_RSS, NULL), 0);
	s = named(&d, "b");
	assert_int_equal(s->n, 2);
	near(s->points[0].items, 2, 0);
	near(s->points[0].memory, 5000, 0); /* what came after the larger one says nothing */
	near(s->points[0].shared, 700, 0);  /* of the last point before it began */
	near(s->points[1].memory, 9100, 0);
	near(s->points[1].shared, 900, 0);
	assert_int_equal(s->points[1].n, 2);
	assert_int_equal(s->after, 1);
	assert_int_equal(s->no_items, 2);
	assert_int_equal(s->stages, 6);
	assert_int_equal(named(&d, "other")->n, 1);
	batch_data_release(&d);

	/* The heap goes down again. */
	assert_int_equal(batch_add_run(&d, &p, NULL, BATCH_HEAP, NULL), 0);
	assert_int_equal(named(&d, "b")->after, 0);
	near(named(&d, "b")->points[0].memory, 4500, 0);
	assert_true(isnan(named(&d, "b")->points[0].shared));
	batch_data_release(&d);
	profile_release(&p);
}

static void a_parameter_may_be_the_batch(void **state)
{
	struct batch_data d = {0};
	const struct batch_stage *s;
	struct profile p;

	(void)state;
	run_of_batches(&p);
	assert_int_equal(batch_add_run(&d, &p, "n", BATCH_RSS, NULL), 0);
	assert_int_equal(batch_add_run(&d, &p, "n", BATCH_RSS, NULL), 0);
	s = named(&d, "b");
	assert_int_equal(s->n, 4); /* two sizes in two runs */
	near(s->points[0].items, 20, 0);
	near(s->points[3].items, 40, 0);
	assert_int_equal(s->points[3].run, 1);
	assert_int_equal(s->no_items, 6);
	batch_data_release(&d);
	profile_release(&p);
}

/* Its stages begin with 2 items and end with 4 of "b", open or not. */
static void of_a_failed_run_only_the_last_size_counts(void **state)
{
	static const double items[] = {1, 2, 4, 8}, memory[] = {110, 120, 140, 180};
	const struct batch_limits limits = {.memory = 1000 * MIB, .headroom = 1, .optimistic = 1};
	const struct batch_given per_item = {NONE, NONE, 10 * MIB};
	struct batch_data d = {0};
	struct batch_stage *s;
	struct batch_model m;
	struct batch_plan plan;
	struct profile p;
	uint32_t i, last = 0;

	(void)state;
	run_of_batches(&p);
	for (i = 1; i < p.n_stages; i++)
		if (p.stages[i].name == p.stages[0].name &&
		    p.stages[i].start_ns >= p.stages[last].start_ns)
			last = i;
	p.stages[last].items = 5;
	p.stages[last].wall_ns = -1;
	p.run.has_exit_code = 1;
	p.run.exit_code = 1;
	assert_int_equal(batch_add_run(&d, &p, NULL, BATCH_RSS, NULL), 0);
	assert_true(d.failed == 1 && d.runs == 0);
	assert_int_equal(named(&d, "b")->n, 0);
	near(named(&d, "b")->failed_at, 5, 0);
	p.run.exit_code = 0;
	p.run.signal = 9;
	p.stages[last].items = 3;
	assert_int_equal(batch_add_run(&d, &p, NULL, BATCH_RSS, NULL), 0);
	assert_int_equal(d.failed, 2);
	near(named(&d, "b")->failed_at, 3, 0); /* the smallest */
	batch_data_release(&d);
	profile_release(&p);

	s = stage_of(items, memory, NULL, NULL, 4);
	s->failed_at = 5.5;
	assert_int_equal(batch_fit(&m, s, &none, NULL), 0);
	batch_plan_make(&plan, &m, s, &limits);
	near(plan.largest, 5, 0);
	near(plan.failed_at, 5.5, 0);
	assert_int_equal(batch_fit(&m, s, &per_item, NULL), 0);
	batch_plan_make(&plan, &m, s, &limits);
	near(plan.largest, 90, 0); /* what is given counts instead */
	near(plan.failed_at, 0, 0);
}

static void hostile_rows_do_no_harm(void **state)
{
	struct batch_data d = {0};
	struct profile p;

	(void)state;
	run_of_batches(&p);
	p.stages[0].start_ns = INT64_MIN;
	p.stages[1].wall_ns = INT64_MAX;
	p.stages[2].thread = 77;
	p.stages[3].items = (double)INFINITY;
	p.stages[4].folded = 100;
	p.stages[5].parent = 4; /* inside one of its name */
	p.stages[6].peak_rss_bytes = INT64_MAX;
	p.counters[0].t_ns = INT64_MIN;
	p.counters[1].value = (double)NAN;
	p.processes[0].end_ns = INT64_MIN;
	assert_int_equal(batch_add_run(&d, &p, NULL, BATCH_RSS, NULL), 0);
	assert_int_equal(named(&d, "b")->folded, 100);
	assert_true(isnan(named(&d, "other")->points[0].memory));
	batch_data_release(&d);
	profile_release(&p);
}

static void what_several_processes_share_is_not_known(void **state)
{
	struct batch_data d = {0};
	struct profile p;

	(void)state;
	run_of_batches(&p);
	p.processes = made_grow(p.processes, 1, sizeof *p.processes);
	p.processes[1].start_ns = 0;
	p.processes[1].end_ns = 1500; /* beside the first stage alone */
	p.n_processes = 2;
	assert_int_equal(batch_add_run(&d, &p, NULL, BATCH_RSS, NULL), 0);
	assert_int_equal(named(&d, "b")->processes, 1);
	assert_true(isnan(named(&d, "b")->points[0].shared));
	near(named(&d, "b")->points[1].shared, 900, 0);
	batch_data_release(&d);
	profile_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worked_example),
		cmocka_unit_test(what_is_shared_is_no_base),
		cmocka_unit_test(workers_beside_each_other_do_more),
		cmocka_unit_test(the_upper_end_is_planned_with),
		cmocka_unit_test(what_bends_is_not_trusted_beyond),
		cmocka_unit_test(a_size_that_did_not_fit_is_not_planned),
		cmocka_unit_test(what_cannot_be_said),
		cmocka_unit_test(limits_below_the_base_fit_nothing),
		cmocka_unit_test(many_sizes_are_a_few_rows),
		cmocka_unit_test(stages_become_points),
		cmocka_unit_test(a_parameter_may_be_the_batch),
		cmocka_unit_test(of_a_failed_run_only_the_last_size_counts),
		cmocka_unit_test(hostile_rows_do_no_harm),
		cmocka_unit_test(what_several_processes_share_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
