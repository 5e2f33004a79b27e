/* The table of values: what a profile gives, which of it is exact, and what is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/baseline.h"
#include "prof/base/hash.h"
#include "tests/unit/gate_rig.h"

static double value(const struct metric_table *t, const char *stage, enum metric m, size_t at)
{
	const struct metric_row *r = metrics_row(t, stage, m);

	return r ? r->a[at] : NAN;
}

#define NEAR(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static void names_are_read_back(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < METRICS; i++) {
		assert_int_equal(metric_parse(metric_name((enum metric)i)), i);
		assert_true(metric_title((enum metric)i)[0] != '\0');
		assert_int_equal(metric_is_time((enum metric)i),
				 strcmp(metric_unit((enum metric)i), "ns") == 0);
	}
	for (i = 0; i < METRIC_KINDS; i++)
		assert_int_equal(metric_kind_parse(metric_kind_name((enum metric_kind)i)), i);
	assert_int_equal(metric_parse("Wall"), -1);
	assert_int_equal(metric_parse(NULL), -1);
	assert_int_equal(metric_kind_parse("?"), -1);
}

static void values_read_as_people_write_them(void **state)
{
	char text[METRIC_TEXT];

	(void)state;
	assert_string_equal(metric_text(text, METRIC_WALL, 1.24e9), "1.24 s");
	assert_string_equal(metric_text(text, METRIC_PEAK_HEAP, 1536), "1.5 KiB");
	assert_string_equal(metric_text(text, METRIC_ALLOC_BYTES, -1536), "-1.5 KiB");
	assert_string_equal(metric_text(text, METRIC_ALLOC_COUNT, 4096), "4,096");
	assert_string_equal(metric_text(text, METRIC_SQL, 10.5), "10.5");
	assert_string_equal(metric_text(text, METRIC_CPU, NAN), "-");
	assert_string_equal(metric_text(text, METRIC_CPU, INFINITY), "-");
	assert_string_equal(metric_text(text, METRIC_INSTRUCTIONS, 1e20), "1e+20");
}

static void a_run_gives_its_totals(void **state)
{
	struct metric_table t = {0};
	struct profile p;

	(void)state;
	gate_profile(&p, 0, "full");
	p.processes = made_grow(p.processes, 1, sizeof(*p.processes));
	p.processes[1].cpu_ns = 100000000;
	p.processes[1].max_rss_bytes = 70 << 20;
	p.n_processes = 2;
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main", 3, 5000);
	made_sample(&p, PROFILE_ALLOC, PROFILE_NONE, 0, "main;f", 10, 1000);
	made_sample(&p, PROFILE_ALLOC, PROFILE_NONE, 0, "main;g", 5, 500);
	made_sample(&p, PROFILE_PEAK, PROFILE_NONE, 0, "main;g", 2, 700);
	gate_counter(&p, "instructions", 5, 100);
	gate_counter(&p, "instructions", 9, 300);
	gate_counter(&p, "rss_bytes", 11, 1);
	gate_sql(&p, PROFILE_NONE, 7);
	gate_sql(&p, PROFILE_NONE, 4);
	assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
	profile_release(&p);
	assert_int_equal(t.n_a, 1);
	assert_int_equal(t.n_b, 0);
	NEAR(value(&t, NULL, METRIC_WALL, 0), 1e9);
	NEAR(value(&t, NULL, METRIC_CPU, 0), 1e9);
	NEAR(value(&t, NULL, METRIC_PEAK_RSS, 0), 70 << 20);
	NEAR(value(&t, NULL, METRIC_ALLOC_COUNT, 0), 15);
	NEAR(value(&t, NULL, METRIC_ALLOC_BYTES, 0), 1500);
	NEAR(value(&t, NULL, METRIC_PEAK_HEAP, 0), 700);
	NEAR(value(&t, NULL, METRIC_INSTRUCTIONS, 0), 300);
	NEAR(value(&t, NULL, METRIC_SQL, 0), 11);
	assert_int_equal(metrics_row(&t, NULL, METRIC_WALL)->kind, METRIC_KIND_TIME);
	assert_int_equal(metrics_row(&t, NULL, METRIC_PEAK_RSS)->kind, METRIC_KIND_POLLED);
	assert_int_equal(metrics_row(&t, NULL, METRIC_ALLOC_COUNT)->kind, METRIC_KIND_COUNT);
	assert_int_equal(metrics_row(&t, NULL, METRIC_INSTRUCTIONS)->kind, METRIC_KIND_COUNT);
	assert_string_equal(t.runs_a[0].host, "h");
	assert_string_equal(t.runs_a[0].command, "prog --all");
	assert_int_equal(t.runs_a[0].samples, 3);
	assert_int_equal(t.runs_a[0].failed, 0);
	assert_int_equal(t.runs_a[0].cpu_of_samples, 0);
	metrics_release(&t);
}

static void without_tracking_there_is_no_memory(void **state)
{
	struct metric_table t = {0};
	struct profile p;

	(void)state;
	gate_profile(&p, 0, "off");
	assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
	profile_release(&p);
	assert_null(metrics_row(&t, NULL, METRIC_PEAK_HEAP));
	assert_null(metrics_row(&t, NULL, METRIC_ALLOC_COUNT));
	assert_null(metrics_row(&t, NULL, METRIC_SQL));
	assert_null(metrics_row(&t, NULL, METRIC_INSTRUCTIONS));
	assert_non_null(metrics_row(&t, NULL, METRIC_WALL));
	metrics_release(&t);
	/* One that allocated nothing: counted, and none. */
	gate_profile(&p, 0, "full");
	assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
	profile_release(&p);
	NEAR(value(&t, NULL, METRIC_ALLOC_COUNT, 0), 0);
	metrics_release(&t);
}

/* Sampled memory is an estimate; what stages count is not. One such run makes the row one. */
static void estimates_are_no_counts(void **state)
{
	struct metric_table t = {0};
	struct profile p;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		gate_profile(&p, i, i ? "sampled" : "full");
		made_sample(&p, PROFILE_ALLOC, PROFILE_NONE, 0, "main;f", 10, 1000);
		p.samples[0].variance = i;
		made_stage(&p, "load", PROFILE_NONE, 100);
		p.stages[0].alloc_count = 12;
		p.stages[0].alloc_bytes = 1300;
		p.stages[0].peak_heap_bytes = 900;
		assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
		profile_release(&p);
		assert_int_equal(metrics_row(&t, NULL, METRIC_ALLOC_COUNT)->kind,
				 i ? METRIC_KIND_ESTIMATE : METRIC_KIND_COUNT);
		assert_int_equal(metrics_row(&t, "load", METRIC_PEAK_HEAP)->kind,
				 i ? METRIC_KIND_ESTIMATE : METRIC_KIND_COUNT);
		assert_int_equal(metrics_row(&t, "load", METRIC_ALLOC_COUNT)->kind,
				 METRIC_KIND_COUNT);
	}
	NEAR(value(&t, "load", METRIC_ALLOC_COUNT, 1), 12);
	metrics_release(&t);
}

static void cpu_time_falls_back_on_samples_and_says_so(void **state)
{
	struct metric_table t = {0};
	struct profile p;

	(void)state;
	gate_profile(&p, 0, "off");
	p.processes[0].cpu_ns = 0;
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main", 3, 5000);
	assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
	profile_release(&p);
	NEAR(value(&t, NULL, METRIC_CPU, 0), 5000);
	assert_int_equal(t.runs_a[0].cpu_of_samples, 1);
	gate_profile(&p, 1, "off");
	p.processes[0].cpu_ns = 0;
	p.run.duration_ns = 0;
	p.processes[0].max_rss_bytes = 0;
	assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
	profile_release(&p);
	assert_true(isnan(value(&t, NULL, METRIC_CPU, 1)));
	assert_true(isnan(value(&t, NULL, METRIC_WALL, 1)));
	assert_true(isnan(value(&t, NULL, METRIC_PEAK_RSS, 1)));
	metrics_release(&t);
}

/* outer( knn( knn, x ), knn ), knn: the inner one is in the one around it. */
/* Costs of callgrind stand as samples of CPU time, and are none. */
static void costs_of_callgrind_are_no_time(void **state)
{
	struct metric_table t = {0};
	const struct metric_row *r;
	struct profile p;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		gate_profile(&p, i, "");
		p.processes[0].cpu_ns = 0;
		p.run.engine = made_text(&p, "callgrind");
		p.run.mode = made_text(&p, i == 1 ? "Dr" : "Ir");
		made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main;f", 1, 7000);
		if (i == 2)
			gate_counter(&p, "instructions", 0, 7100);
		assert_int_equal(metrics_add_run(&t, 0, &p, NULL), 0);
		assert_false(t.runs_a[i].cpu_of_samples);
		profile_release(&p);
	}
	assert_null(metrics_row(&t, NULL, METRIC_CPU));
	r = metrics_row(&t, NULL, METRIC_INSTRUCTIONS);
	assert_non_null(r);
	assert_int_equal(r->kind, METRIC_KIND_COUNT);
	assert_true(r->a[0] > 6999.5 && r->a[0] < 7000.5);
	assert_true(isnan(r->a[1])); /* reads of memory */
	assert_true(r->a[2] > 7099.5);
	metrics_release(&t);
}

static void stages_of_one_name_add_up_once(void **state)
{
	struct metric_table t = {0};
	const struct metric_row *r;
	struct profile p;
	uint32_t outer, knn, inner, last;

	(void)state;
	gate_profile(&p, 0, "full");
	outer = made_stage(&p, "outer", PROFILE_NONE, 100);
	knn = made_stage(&p, "knn", outer, 40);
	inner = made_stage(&p, "knn", knn, 30);
	made_stage(&p, "x", knn, 5);
	made_stage(&p, "knn", outer, 8);
	last = made_stage(&p, "knn", PROFILE_NONE, 2);
	p.stages[outer].alloc_count = p.stages[outer].alloc_bytes = 9;
	p.stages[knn].alloc_count = 4;
	p.stages[knn].alloc_bytes = 40;
	p.stages[inner].alloc_count = 3;
	p.stages[inner].alloc_bytes = 30;
	p.stages[4].alloc_count = 1;
	p.stages[4].alloc_bytes = 10;
	p.stages[last].alloc_count = 2;
	p.stages[last].alloc_bytes = 20;
	p.stages[knn].peak_heap_bytes = 10;
	p.stages[inner].peak_heap_bytes = 15; /* cannot be, and is taken as it is */
	p.stages[last].peak_rss_bytes = 77;
	p.stages[last].folded = 1000;
	gate_sql(&p, inner, 5);
	gate_sql(&p, last, 3);
	gate_sql(&p, outer, 1);
	gate_sql(&p, PROFILE_NONE, 10);
	assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
	NEAR(value(&t, "knn", METRIC_WALL, 0), 40 + 8 + 2);
	NEAR(value(&t, "knn", METRIC_CPU, 0), 20 + 4 + 1);
	NEAR(value(&t, "knn", METRIC_ALLOC_COUNT, 0), 7);
	NEAR(value(&t, "knn", METRIC_ALLOC_BYTES, 0), 70);
	NEAR(value(&t, "knn", METRIC_PEAK_HEAP, 0), 15);
	NEAR(value(&t, "knn", METRIC_PEAK_RSS, 0), 77);
	NEAR(value(&t, "knn", METRIC_SQL, 0), 8);
	NEAR(value(&t, "outer", METRIC_SQL, 0), 6);
	NEAR(value(&t, "x", METRIC_SQL, 0), 0);
	NEAR(value(&t, NULL, METRIC_SQL, 0), 19);
	NEAR(value(&t, "outer", METRIC_WALL, 0), 100);
	assert_true(isnan(value(&t, "x", METRIC_ALLOC_COUNT, 0)));
	r = metrics_row(&t, "x", METRIC_WALL);
	assert_int_equal(r->depth, 2);
	assert_int_equal(metrics_row(&t, "knn", METRIC_WALL)->depth, 1);
	assert_true(metrics_row(&t, "outer", METRIC_WALL)->place < r->place);
	profile_release(&p);
	metrics_release(&t);
}

static int inside_its_own_name(const struct profile *p, uint32_t stage)
{
	uint32_t at;

	for (at = p->stages[stage].parent; at != PROFILE_NONE; at = p->stages[at].parent)
		if (p->stages[at].name == p->stages[stage].name)
			return 1;
	return 0;
}

/* Is the statement's stage the stage, or inside it? */
static int is_within(const struct profile *p, uint32_t inner, uint32_t outer)
{
	for (; inner != PROFILE_NONE; inner = p->stages[inner].parent)
		if (inner == outer)
			return 1;
	return 0;
}

static void check_tree(const struct metric_table *t, const struct profile *p, const char *name)
{
	double wall = 0, sql = 0;
	uint32_t i;
	size_t k;

	for (i = 0; i < p->n_stages; i++) {
		if (strcmp(strtab_text(p->strings, p->stages[i].name), name) != 0 ||
		    inside_its_own_name(p, i))
			continue;
		wall += (double)p->stages[i].wall_ns;
		for (k = 0; k < p->n_sql; k++)
			if (is_within(p, p->sql[k].stage, i))
				sql += (double)p->sql[k].calls;
	}
	if (!metrics_row(t, name, METRIC_WALL))
		return;
	NEAR(value(t, name, METRIC_WALL, 0), wall);
	NEAR(value(t, name, METRIC_SQL, 0), sql);
}

/* Trees of five names, against sums that ask each stage for all that is around it. */
static void sums_agree_with_slow_ones(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	uint64_t tree, i, seed = 0;

	(void)state;
	for (tree = 0; tree < 200; tree++) {
		struct metric_table t = {0};
		struct profile p;

		gate_profile(&p, 0, "off");
		for (i = 0; i < tree % 60; i++) {
			uint64_t r = hash_u64(++seed);
			uint32_t parent = (uint32_t)(r % (i + 1));

			made_stage(&p, names[(r >> 32) % 5], parent == i ? PROFILE_NONE : parent,
				   (int64_t)((r >> 40) % 1000));
			gate_sql(&p, (uint32_t)((r >> 16) % (i + 1)), (r >> 50) % 7);
		}
		assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
		for (i = 0; i < 5; i++)
			check_tree(&t, &p, names[i]);
		profile_release(&p);
		metrics_release(&t);
	}
}

/* A stage that never ended has no numbers, and its name has none in that run. */
static void open_stages_say_nothing(void **state)
{
	struct metric_table t = {0};
	struct profile p;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		gate_profile(&p, i, "off");
		made_stage(&p, "a", PROFILE_NONE, 10);
		made_stage(&p, "a", PROFILE_NONE, i ? -1 : 10);
		made_stage(&p, "b", PROFILE_NONE, 10);
		assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
		profile_release(&p);
	}
	NEAR(value(&t, "a", METRIC_WALL, 0), 20);
	assert_true(isnan(value(&t, "a", METRIC_WALL, 1)));
	NEAR(value(&t, "b", METRIC_WALL, 1), 10);
	metrics_release(&t);
}

/* Whatever a store says: no negative values, and a run that can be kept and read back. */
static void nonsense_is_no_value(void **state)
{
	struct metric_table t = {0}, u = {0};
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct profile p;

	(void)state;
	gate_profile(&p, 0, "full");
	p.run.started_at = INT64_MIN;
	p.run.exit_code = -7;
	p.run.signal = -1;
	p.run.rate_hz = INFINITY;
	p.run.duration_ns = -5;
	made_sample(&p, PROFILE_ALLOC, PROFILE_NONE, 0, "main;f", 10, -1000);
	made_stage(&p, "a", 0, 10); /* its own parent */
	p.stages[0].cpu_ns = INT64_MIN;
	p.stages[0].wall_ns = INT64_MAX;
	assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
	profile_release(&p);
	assert_true(isnan(value(&t, NULL, METRIC_ALLOC_BYTES, 0)));
	assert_true(isnan(value(&t, NULL, METRIC_WALL, 0)));
	assert_true(isnan(value(&t, "a", METRIC_CPU, 0)));
	assert_int_equal(baseline_write(&b, &t, METRICS_BASE, 0, NULL), 0);
	if (baseline_read(&u, METRICS_BASE, b.data, b.len, "b", &err))
		fail_msg("%s", err.text);
	assert_int_equal(u.runs_a[0].failed, 1);
	metrics_release(&t);
	metrics_release(&u);
	buf_release(&b);
}

static void losses_are_told_by_what_they_spoil(void **state)
{
	struct metric_table t = {0};
	struct profile p;

	(void)state;
	gate_profile(&p, 0, "off");
	gate_loss_row(&p, "late_tick", 3);
	gate_loss_row(&p, "ring_full", 4);
	gate_loss_row(&p, "no_unwind_info", 1000);
	gate_loss_row(&p, "table_full", 5);
	gate_loss_row(&p, "what is that", 6);
	gate_loss_row(&p, "disk_full", UINT64_MAX);
	assert_int_equal(metrics_add_run(&t, METRICS_BASE, &p, NULL), 0);
	profile_release(&p);
	assert_int_equal(t.runs_a[0].loss.samples, 7);
	assert_true(t.runs_a[0].loss.counts == UINT64_MAX);
	assert_true(t.runs_a[0].lost == UINT64_MAX);
	metrics_release(&t);
}

static void ends_of_runs_are_told(void **state)
{
	struct metric_table t = {0};
	struct profile p;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		gate_profile(&p, i, "off");
		p.run.signal = i == 1 ? 9 : 0;
		p.run.exit_code = i == 2 ? 4 : 0;
		p.run.has_exit_code = i != 1;
		p.run.finished = i != 1;
		assert_int_equal(metrics_add_run(&t, METRICS_CANDIDATE, &p, NULL), 0);
		profile_release(&p);
		assert_int_equal(t.runs_b[i].failed, i > 0);
		assert_int_equal(t.runs_b[i].finished, i != 1);
	}
	assert_int_equal(t.runs_b[1].signal, 9);
	assert_int_equal(t.runs_b[2].exit_code, 4);
	for (i = 0; i < 3; i++) { /* brought in after its recorder died */
		static const char *const labels[] = {"{\"recovered\": \"yes\"}",
						     "{\"side\": \"recovered\"}", "no JSON"};

		gate_profile(&p, 3 + i, "off");
		p.run.labels = made_text(&p, labels[i]);
		assert_int_equal(metrics_add_run(&t, METRICS_CANDIDATE, &p, NULL), 0);
		profile_release(&p);
		assert_int_equal(t.runs_b[3 + i].finished, i > 0);
	}
	metrics_release(&t);
}

static void runs_that_lack_a_stage_have_no_value(void **state)
{
	struct metric_table t = {0};
	struct profile p;
	size_t i;

	(void)state;
	for (i = 0; i < 40; i++) { /* rows and runs grow */
		gate_profile(&p, (int)i, "off");
		made_stage(&p, i % 2 ? "odd" : "even", PROFILE_NONE, 10 + (int64_t)i);
		assert_int_equal(metrics_add_run(&t, i % 3 == 0, &p, NULL), 0);
		profile_release(&p);
	}
	assert_int_equal(t.n_a + t.n_b, 40);
	for (i = 0; i < t.n_a; i++)
		assert_int_not_equal(isnan(metrics_row(&t, "odd", METRIC_WALL)->a[i]),
				     isnan(metrics_row(&t, "even", METRIC_WALL)->a[i]));
	for (i = 0; i < t.n_b; i++)
		assert_int_not_equal(isnan(metrics_row(&t, "odd", METRIC_WALL)->b[i]),
				     isnan(metrics_row(&t, "even", METRIC_WALL)->b[i]));
	metrics_release(&t);
}

static void values_are_set_by_hand(void **state)
{
	struct metric_table t = {0};
	struct gate_run run = {.rate_hz = NAN};
	uint32_t *order;

	(void)state;
	assert_int_equal(
		metrics_set(&t, 0, 0, NULL, METRIC_INSTRUCTIONS, METRIC_KIND_COUNT, 1, NULL),
		ERR_ARG);
	assert_int_equal(metrics_add_known(&t, 0, &run, NULL), 0);
	assert_string_equal(t.runs_a[0].host, "");
	assert_true(t.runs_a[0].rate_hz < 1);
	assert_int_equal(metrics_set(&t, 0, 0, "b", METRIC_SQL, METRIC_KIND_COUNT, 5, NULL), 0);
	assert_int_equal(metrics_set(&t, 0, 0, "b", METRIC_WALL, METRIC_KIND_TIME, 5, NULL), 0);
	assert_int_equal(metrics_set(&t, 0, 0, "a", METRIC_WALL, METRIC_KIND_TIME, INFINITY, NULL),
			 0);
	assert_int_equal(metrics_set(&t, 0, 0, NULL, METRIC_SQL, METRIC_KIND_COUNT, 6, NULL), 0);
	assert_int_equal(metrics_set(&t, 0, 0, NULL, METRIC_SQL, METRIC_KIND_COUNT, 7, NULL), 0);
	assert_true(isnan(value(&t, "a", METRIC_WALL, 0)));
	NEAR(value(&t, NULL, METRIC_SQL, 0), 7);
	order = metrics_order(&t);
	assert_non_null(order);
	assert_null(t.rows[order[0]].stage);
	assert_string_equal(t.rows[order[1]].stage, "b");
	assert_int_equal(t.rows[order[1]].metric, METRIC_WALL);
	assert_int_equal(t.rows[order[2]].metric, METRIC_SQL);
	assert_string_equal(t.rows[order[3]].stage, "a");
	free(order);
	assert_int_equal(metrics_set_source(&t, 0, 0, "f", NULL), 0);
	assert_string_equal(t.runs_a[0].source, "f");
	assert_int_equal(metrics_set_source(&t, 1, 0, "f", NULL), ERR_ARG);
	assert_null(metrics_row(&t, "c", METRIC_SQL));
	assert_null(metrics_row(&t, "b", METRICS));
	metrics_release(&t);
}

/* Names become UTF-8 on the way in, on both sides alike. */
static void names_are_utf8(void **state)
{
	struct metric_table t = {0};
	struct gate_run run = {.host = (char *)(uintptr_t) "h\xff"};

	(void)state;
	assert_int_equal(metrics_add_known(&t, 0, &run, NULL), 0);
	assert_string_equal(t.runs_a[0].host, "h\xef\xbf\xbd");
	assert_int_equal(
		metrics_set(&t, 0, 0, "\xc3\xa4\xc3(", METRIC_SQL, METRIC_KIND_COUNT, 5, NULL), 0);
	assert_non_null(metrics_row(&t, "\xc3\xa4\xc3(", METRIC_SQL));
	assert_string_equal(metrics_row(&t, "\xc3\xa4\xc3(", METRIC_SQL)->stage,
			    "\xc3\xa4\xef\xbf\xbd(");
	metrics_release(&t);
}

static void too_many_runs_are_refused(void **state)
{
	struct metric_table t = {0};
	struct gate_run run = {.host = (char *)(uintptr_t) "h"};
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < METRICS_RUNS_MAX; i++)
		assert_int_equal(metrics_add_known(&t, 0, &run, NULL), 0);
	assert_int_equal(metrics_add_known(&t, 0, &run, &err), ERR_LIMIT);
	assert_non_null(strstr(err.text, "10000"));
	metrics_release(&t);
}

static void too_many_rows_are_refused_in_words(void **state)
{
	struct metric_table t = {0};
	struct err err = ERR_INIT;
	char name[32];
	int i, rc = 0;

	(void)state;
	gate_add_runs(&t, METRICS_BASE, 1, 0, 1);
	for (i = 0; rc == 0 && i <= METRICS_ROWS_MAX; i++) {
		snprintf(name, sizeof(name), "item %d", i);
		rc = metrics_set(&t, 0, 0, name, METRIC_WALL, METRIC_KIND_TIME, 1, &err);
	}
	assert_int_equal(rc, ERR_LIMIT);
	assert_int_equal(i, METRICS_ROWS_MAX + 1);
	assert_non_null(strstr(err.text, "rows, one for each stage and metric"));
	assert_non_null(strstr(err.text, "want one name"));
	metrics_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_back),
		cmocka_unit_test(values_read_as_people_write_them),
		cmocka_unit_test(a_run_gives_its_totals),
		cmocka_unit_test(without_tracking_there_is_no_memory),
		cmocka_unit_test(estimates_are_no_counts),
		cmocka_unit_test(cpu_time_falls_back_on_samples_and_says_so),
		cmocka_unit_test(costs_of_callgrind_are_no_time),
		cmocka_unit_test(stages_of_one_name_add_up_once),
		cmocka_unit_test(sums_agree_with_slow_ones),
		cmocka_unit_test(open_stages_say_nothing),
		cmocka_unit_test(nonsense_is_no_value),
		cmocka_unit_test(losses_are_told_by_what_they_spoil),
		cmocka_unit_test(ends_of_runs_are_told),
		cmocka_unit_test(runs_that_lack_a_stage_have_no_value),
		cmocka_unit_test(values_are_set_by_hand),
		cmocka_unit_test(names_are_utf8),
		cmocka_unit_test(too_many_runs_are_refused),
		cmocka_unit_test(too_many_rows_are_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
