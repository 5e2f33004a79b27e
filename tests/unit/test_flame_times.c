/* Stages as they ran and samples in time in the data of a page, read back and compared with the rows of the profile; and
 * what stays of them when there is little room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "prof/base/hash.h"
#include "tests/unit/flame_read.h"
#include "tests/unit/flame_rig.h"

#define ROOMY ((size_t)64 << 20)
#define START 5000000000000

static uint64_t number(const struct data *d, const char *column, size_t row)
{
	size_t n;
	uint64_t *all = data_numbers(d, column, &n), v;

	assert_true(row < n);
	v = all[row];
	free(all);
	return v;
}

static int64_t head_number(const struct data *d, const char *member, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(d->head, member), key));
}

/* ---- stages ---- */

static struct profile_stage *add_stage(struct profile *p, uint32_t parent, const char *name,
				       int64_t start, int64_t wall)
{
	uint32_t at = rig_stage(p, parent, name);

	p->stages[at].start_ns = p->run.start_ns + start;
	p->stages[at].wall_ns = wall;
	return &p->stages[at];
}

static void fill(struct profile *p)
{
	assert_int_equal(profile_init(p), 0);
	rig_run(p, "r", "c");
	p->run.start_ns = START;
}

static void a_stage_is_told_with_all_that_is_known_of_it(void **state)
{
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	struct profile_stage *s;
	struct data d;
	double *items;
	uint32_t thread;
	size_t n;
	char *params;

	(void)state;
	fill(&p);
	thread = rig_thread(&p, "p", 3, "t", 4);
	add_stage(&p, PROFILE_NONE, "late", 500, -1);
	s = add_stage(&p, PROFILE_NONE, "early", -100, 700);
	s->thread = thread;
	s->cpu_ns = 650;
	s->items = 12.5;
	s->params = rig_string(&p, "{\"n\":1}");
	s->alloc_bytes = 0;
	s->alloc_count = 77;
	s->peak_heap_bytes = INT64_C(1) << 40;
	s->peak_rss_bytes = 4096;
	s->samples = 9;
	add_stage(&p, 1, "inner", 300, 10);
	d = data_of(&o, ROOMY);
	assert_int_equal(data_column(&d, "span.run").rows, 0);
	assert_int_equal(data_column(&d, "span.stage").rows, 3);
	assert_int_equal(data_signed(number(&d, "span.start", 0)), -100);
	assert_int_equal(data_signed(number(&d, "span.start", 1)), 400);
	assert_int_equal(data_signed(number(&d, "span.start", 2)), 200);
	assert_int_equal(number(&d, "span.wall", 0), 701);
	assert_int_equal(number(&d, "span.wall", 1), 11);
	assert_int_equal(number(&d, "span.wall", 2), 0); /* open */
	assert_int_equal(number(&d, "span.thread", 0), 1);
	assert_int_equal(number(&d, "span.thread", 1), 0);
	assert_int_equal(number(&d, "thread.tid", 0), 4);
	assert_int_equal(number(&d, "span.cpu", 0), 651);
	items = data_reals(&d, "span.items", &n);
	assert_true(n == 3 && items[0] == 12.5 && items[1] == 0);
	free(items);
	params = data_string(&d, number(&d, "span.params", 0));
	assert_string_equal(params, "{\"n\":1}");
	free(params);
	assert_int_equal(number(&d, "span.alloc_bytes", 0), 1);
	assert_int_equal(number(&d, "span.alloc_bytes", 1), 0); /* not measured */
	assert_int_equal(number(&d, "span.alloc_count", 0), 78);
	assert_true(number(&d, "span.peak_heap", 0) == (UINT64_C(1) << 40) + 1);
	assert_int_equal(number(&d, "span.peak_rss", 0), 4097);
	assert_int_equal(number(&d, "span.samples", 0), 9);
	assert_int_equal(number(&d, "span.folded", 0), 1);
	/* inner is inside early */
	assert_int_equal(number(&d, "stage.parent", number(&d, "span.stage", 1)),
			 number(&d, "span.stage", 0) + 1);
	assert_int_equal(head_number(&d, "spans", "kept"), 3);
	assert_int_equal(head_number(&d, "spans", "of"), 3);
	data_release(&d);
	profile_release(&p);
}

struct span_sums {
	uint64_t rows, kept, folded, wall, cpu, alloc, peak, samples;
	double items;
};

/* What rows of stages of a name add up to, of a run: peaks to their highest. */
static struct span_sums sums_of(const struct data *d, const char *name, uint64_t run)
{
	struct span_sums sums = {0};
	size_t n, n_runs, i;
	uint64_t *stage = data_numbers(d, "span.stage", &n),
		 *of = data_numbers(d, "stage.name", NULL),
		 *runs = data_numbers(d, "span.run", &n_runs),
		 *wall = data_numbers(d, "span.wall", NULL),
		 *cpu = data_numbers(d, "span.cpu", NULL),
		 *folded = data_numbers(d, "span.folded", NULL),
		 *alloc = data_numbers(d, "span.alloc_bytes", NULL),
		 *peak = data_numbers(d, "span.peak_heap", NULL),
		 *samples = data_numbers(d, "span.samples", NULL);
	double *items = data_reals(d, "span.items", &n);

	for (i = 0; i < n; i++) {
		char *text = data_string(d, of[stage[i]]);

		if (strcmp(text, name) == 0 && (n_runs ? runs[i] : 0) == run) {
			sums.rows++;
			sums.kept += folded[i] == 1;
			sums.folded += folded[i];
			sums.wall += wall[i] - 1;
			sums.cpu += cpu[i] - 1;
			sums.alloc += alloc[i] - 1;
			sums.peak = peak[i] > sums.peak ? peak[i] : sums.peak;
			sums.samples += samples[i];
			sums.items += items[i];
		}
		free(text);
	}
	free(stage);
	free(of);
	free(runs);
	free(wall);
	free(cpu);
	free(folded);
	free(alloc);
	free(peak);
	free(samples);
	free(items);
	return sums;
}

/* `n` stages, a third each of names a, b and c; those of c are the longest. */
static void fill_stages(struct profile *p, uint32_t n)
{
	static const char *const names[] = {"a", "b", "c"};
	uint32_t i;

	fill(p);
	for (i = 0; i < n; i++) {
		struct profile_stage *s =
			add_stage(p, PROFILE_NONE, names[i % 3],
				  1000 * (int64_t)i + (int64_t)(hash_u64(i) & 511),
				  (i % 3 == 2 ? 1000000 : 1) + (int64_t)(hash_u64(i) & 1023));
		char text[64];

		snprintf(text, sizeof text, "{\"n\":%llu}", (unsigned long long)hash_u64(i));
		s->params = rig_string(p, text);
		s->cpu_ns = 7;
		s->items = 0.5;
		s->alloc_bytes = 3;
		s->peak_heap_bytes = i;
		s->samples = 2;
	}
}

static void the_shortest_stages_of_a_path_are_one_row(void **state)
{
	enum { n = 9000 };
	struct profile p[2];
	struct flame_run runs[2] = {{.p = &p[0]}, {.p = &p[1]}};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = runs, .n_runs = 2};
	static const char *const names[] = {"a", "b", "c"};
	struct span_sums s;
	struct data d;
	uint32_t run, k, i;
	uint64_t rows = 0, kept = 0;

	(void)state;
	fill_stages(&p[0], n);
	fill_stages(&p[1], n / 3);
	p[1].stages[0].folded = 50; /* of the store's own folding */
	d = data_of(&o, ROOMY);
	for (run = 0; run < 2; run++)
		for (k = 0; k < 3; k++) {
			uint32_t all = run ? n / 9 : n / 3;
			uint64_t wall = 0;

			for (i = k; i < (run ? n / 3 : n); i += 3)
				wall += (uint64_t)p[run].stages[i].wall_ns;
			s = sums_of(&d, names[k], run);
			assert_int_equal(s.folded, all + (run && k == 0 ? 49 : 0));
			assert_int_equal(s.wall, wall);
			assert_int_equal(s.cpu, 7 * all);
			assert_int_equal(s.alloc, 3 * all);
			assert_int_equal(s.samples, 2 * all);
			assert_true(s.items == 0.5 * all);
			assert_int_equal(s.peak, 1 + 3 * (all - 1) + k);
			/* All of the long ones have a row of their own, as they are fewer than 4,000. */
			assert_true(k != 2 || (s.rows == all && s.kept == all));
			rows += s.rows;
			kept += s.kept;
		}
	assert_true(rows > GRAPH_SPANS_MAX && rows <= GRAPH_SPANS_MAX + 4);
	assert_int_equal(head_number(&d, "spans", "kept"), kept);
	assert_int_equal(head_number(&d, "spans", "of"), n + n / 3 + 49);
	data_release(&d);
	profile_release(&p[0]);
	profile_release(&p[1]);
}

static void starts_of_stages_are_told_from_each_runs_own(void **state)
{
	struct profile p[2];
	struct flame_run runs[2] = {{.p = &p[0]}, {.p = &p[1]}};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = runs, .n_runs = 2};
	struct data d;

	(void)state;
	fill(&p[0]);
	fill(&p[1]);
	p[1].run.start_ns = 77;
	add_stage(&p[0], PROFILE_NONE, "a", 100, 5);
	add_stage(&p[0], PROFILE_NONE, "a", 400, 5);
	add_stage(&p[1], PROFILE_NONE, "a", 90, 5);
	d = data_of(&o, ROOMY);
	assert_int_equal(data_signed(number(&d, "span.start", 0)), 100);
	assert_int_equal(data_signed(number(&d, "span.start", 1)), 300);
	assert_int_equal(data_signed(number(&d, "span.start", 2)), 90);
	assert_int_equal(number(&d, "span.run", 2), 1);
	assert_int_equal(data_column(&d, "stage.name").rows, 1); /* one path for both */
	data_release(&d);
	profile_release(&p[0]);
	profile_release(&p[1]);
}

/* Rows of stages go when there is no room; the stages that samples are of are still there, with those around them. */
static void stages_of_samples_stay_with_those_around_them(void **state)
{
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	struct data d;
	uint64_t inner;
	char *name;

	(void)state;
	fill(&p);
	add_stage(&p, PROFILE_NONE, "aside", 1, 9);
	add_stage(&p, PROFILE_NONE, "outer", 1, 9);
	add_stage(&p, 1, "inner", 1, 9);
	rig_sample(&p, 2, PROFILE_NONE, 0, 1, 1);
	d = data_of(&o, 10);
	assert_int_equal(data_column(&d, "span.stage").rows, 0);
	assert_int_equal(head_number(&d, "spans", "kept"), 0);
	assert_int_equal(head_number(&d, "spans", "of"), 3);
	assert_int_equal(data_column(&d, "stage.name").rows, 2);
	inner = number(&d, "group.stage", 0) - 1;
	name = data_string(&d, number(&d, "stage.name", inner));
	assert_string_equal(name, "inner");
	free(name);
	name = data_string(&d, number(&d, "stage.name", number(&d, "stage.parent", inner) - 1));
	assert_string_equal(name, "outer");
	free(name);
	data_release(&d);
	profile_release(&p);
}

static void stages_take_an_eighth_of_the_room(void **state)
{
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	uint64_t before = UINT64_MAX;
	size_t room;

	(void)state;
	fill_stages(&p, 3000);
	for (room = 1 << 20; room > 500; room /= 3) {
		struct data d = data_of(&o, room);
		struct span_sums a = sums_of(&d, "a", 0), c = sums_of(&d, "c", 0);

		assert_true(d.packed < room / 8 + 1500); /* the head, and a few rows */
		assert_true(c.kept + a.kept <= before);
		assert_true(a.kept == 0 || c.kept == 1000); /* the longest stay */
		assert_true(c.rows == 0 || c.folded == 1000);
		before = c.kept + a.kept;
		data_release(&d);
	}
	assert_int_equal(before, 0);
	profile_release(&p);
}

/* ---- samples in time ---- */

static uint32_t fill_ticks(struct profile *p, uint32_t n)
{
	uint32_t thread[2], stack[40], i;
	char text[16];

	fill(p);
	thread[0] = rig_thread(p, "p", 1, "main", 1);
	thread[1] = rig_thread(p, "p", 1, "worker", 2);
	for (i = 0; i < 40; i++) {
		snprintf(text, sizeof text, "f%u", i);
		stack[i] = rig_stack(p, i ? stack[i / 2] : 0,
				     rig_frame(p, PROFILE_NONE, text, "", 0, 0));
		rig_sample(p, PROFILE_NONE, thread[i % 2], stack[i], n, (int64_t)n * 5000000);
	}
	for (i = 0; i < n; i++) {
		uint64_t seed = hash_u64(i);

		/* Two of three are of the worker; one in 16 is of no thread. */
		rig_tick(p, (int64_t)i * 5025126 + (int64_t)(seed & 0xffff),
			 seed >> 60 ? thread[i % 3 != 0] : PROFILE_NONE, stack[seed >> 20 & 31],
			 (uint32_t)(seed >> 40) % PROFILE_STATES);
	}
	return n;
}

/* Names of nodes by place; the root is "". */
static char **node_names(const struct data *d, size_t *n)
{
	uint64_t *labels = data_numbers(d, "node.label", n),
		 *names = data_numbers(d, "label.function", NULL);
	char **texts = calloc(*n + 1, sizeof *texts);
	size_t i;

	assert_non_null(texts);
	texts[0] = strdup("");
	for (i = 0; i < *n; i++)
		texts[i + 1] = data_string(d, names[labels[i]]);
	++*n;
	free(labels);
	free(names);
	return texts;
}

static const char *function_of(const struct profile *p, uint32_t stack)
{
	return strtab_text(p->strings, p->frames[p->stacks[stack].frame].function);
}

/* The ticks of a page are those of the profile but for some left out of each thread, evenly; where their function was
 * folded, they are of "(other)". How many there are. */
static size_t check_ticks(const struct data *d, const struct profile *p, size_t stride)
{
	size_t n, n_nodes, i, at[3] = {0}, k;
	uint64_t *t = data_numbers(d, "tick.t", &n), *thread = data_numbers(d, "tick.thread", NULL),
		 *node = data_numbers(d, "tick.node", NULL),
		 *states = data_numbers(d, "tick.state", NULL);
	char **names = node_names(d, &n_nodes);
	uint64_t now = 0;
	int64_t place = 0;

	for (i = 0; i < n; i++) {
		uint32_t of = thread[i] ? (uint32_t)thread[i] - 1 : PROFILE_NONE;
		size_t *next = &at[of == PROFILE_NONE ? 2 : of];
		const struct profile_tick *want;

		now += t[i];
		place += data_signed(node[i]);
		assert_true(place >= 0 && (size_t)place < n_nodes);
		for (k = 0;; ++*next) {
			assert_true(*next < p->n_ticks);
			if (p->ticks[*next].thread == of && k++ == 0)
				break;
		}
		want = &p->ticks[*next];
		/* Times are rounded down, by less than a 64th of the time between samples. */
		assert_true((int64_t)now <= want->t_ns - START &&
			    (int64_t)now > want->t_ns - START - 5025126 / 64);
		assert_int_equal(states[i], want->state);
		assert_true(strcmp(names[place], function_of(p, want->stack)) == 0 ||
			    strcmp(names[place], "(other)") == 0);
		for (k = 0; k < stride && *next < p->n_ticks; ++*next)
			k += p->ticks[*next].thread == of;
	}
	data_free_strings(names, n_nodes);
	free(t);
	free(thread);
	free(node);
	free(states);
	return n;
}

static void a_sample_before_the_start_is_at_it(void **state)
{
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	uint32_t stack, thread;
	struct data d;

	(void)state;
	fill(&p);
	p.run.rate_hz = 1e9; /* to the nanosecond */
	thread = rig_thread(&p, "p", 1, "t", 1);
	stack = rig_stack(&p, 0, rig_frame(&p, PROFILE_NONE, "f", "", 0, 0));
	rig_sample(&p, PROFILE_NONE, thread, stack, 1, 1);
	rig_tick(&p, -7, thread, stack, 0);
	rig_tick(&p, 12, thread, stack, 0);
	d = data_of(&o, ROOMY);
	assert_int_equal(number(&d, "tick.t", 0), 0);
	assert_int_equal(number(&d, "tick.t", 1), 12);
	data_release(&d);
	profile_release(&p);
}

/* What columns take when they are packed by themselves. */
static size_t packed(const struct data *d, const char *const *names, size_t n)
{
	size_t all = 0, i;

	for (i = 0; i < n; i++) {
		struct column_bytes c = data_column(d, names[i]);
		uLongf size = compressBound(c.bytes);
		Bytef *out = malloc(size);

		assert_non_null(out);
		assert_int_equal(compress2(out, &size, c.at, c.bytes, 6), Z_OK);
		all += size;
		free(out);
	}
	return all;
}

static void samples_in_time_are_all_there(void **state)
{
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	struct data d;

	(void)state;
	fill_ticks(&p, 3000);
	d = data_of(&o, ROOMY);
	assert_int_equal(check_ticks(&d, &p, 1), 3000);
	assert_int_equal(head_number(&d, "ticks", "kept"), 3000);
	assert_int_equal(head_number(&d, "ticks", "of"), 3000);
	data_release(&d);
	o.kind = PROFILE_ALLOC;
	o.only_kind = 1; /* which says nothing about time */
	d = data_of(&o, ROOMY);
	assert_int_equal(data_column(&d, "tick.t").rows, 0);
	assert_null(json_object_get(d.head, "ticks"));
	data_release(&d);
	profile_release(&p);
}

static void samples_in_time_are_thinned_evenly(void **state)
{
	static const char *const columns[] = {"tick.t", "tick.thread", "tick.node", "tick.state"};
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	size_t room, stride = 1, n, before = SIZE_MAX;

	(void)state;
	fill_ticks(&p, 20000);
	for (room = 1 << 18; room > 4000; room /= 2) {
		struct data d = data_of(&o, room);

		n = data_column(&d, "tick.t").rows;
		while (n < 19990 / stride)
			stride *= 2;
		assert_int_equal(check_ticks(&d, &p, stride), n);
		assert_true(n <= before && n > 0);
		assert_true(d.packed <= room);
		assert_true(packed(&d, columns, 4) <= room / 4 + 50);
		assert_int_equal(head_number(&d, "ticks", "kept"), n);
		assert_int_equal(head_number(&d, "ticks", "of"), 20000);
		before = n;
		data_release(&d);
	}
	assert_true(stride >= 16);
	profile_release(&p);
}

/* Where each function was folded to is where its samples in time are. */
static void samples_in_time_are_folded_with_their_functions(void **state)
{
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	uint32_t thread, i;
	size_t nodes;
	struct data d;
	char text[32];

	(void)state;
	fill(&p);
	thread = rig_thread(&p, "p", 1, "t", 1);
	for (i = 0; i < 2000; i++) {
		uint32_t stack;

		snprintf(text, sizeof text, "%llx", (unsigned long long)hash_u64(i));
		stack = rig_stack(&p, i % 5 ? (uint32_t)(hash_u64(i) % p.n_stacks) : 0,
				  rig_frame(&p, PROFILE_NONE, text, "", 0, 0));
		rig_sample(&p, PROFILE_NONE, thread, stack, 1, (int64_t)(hash_u64(i) >> 44));
		if (i < 600)
			rig_tick(&p, i * INT64_C(5025126), thread, stack, 0);
	}
	d = data_of(&o, 8000);
	nodes = data_column(&d, "node.up").rows;
	assert_true(nodes > 50 && nodes < 1900);
	assert_int_equal(check_ticks(&d, &p, 1), 600);
	data_release(&d);
	profile_release(&p);
}

static void a_comparison_has_no_times(void **state)
{
	struct profile p;
	struct flame_run runs[2] = {{.p = &p}, {.p = &p}};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = runs, .n_runs = 2};
	struct data d;

	(void)state;
	fill_ticks(&p, 100);
	rig_counter(&p, 5, "rss_bytes", 1);
	d = data_of(&o, ROOMY);
	assert_int_equal(data_column(&d, "tick.t").rows + data_column(&d, "series.t").rows, 0);
	assert_null(json_object_get(d.head, "ticks"));
	assert_null(json_object_get(d.head, "series"));
	data_release(&d);
	profile_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stage_is_told_with_all_that_is_known_of_it),
		cmocka_unit_test(the_shortest_stages_of_a_path_are_one_row),
		cmocka_unit_test(starts_of_stages_are_told_from_each_runs_own),
		cmocka_unit_test(stages_of_samples_stay_with_those_around_them),
		cmocka_unit_test(stages_take_an_eighth_of_the_room),
		cmocka_unit_test(a_sample_before_the_start_is_at_it),
		cmocka_unit_test(samples_in_time_are_all_there),
		cmocka_unit_test(samples_in_time_are_thinned_evenly),
		cmocka_unit_test(samples_in_time_are_folded_with_their_functions),
		cmocka_unit_test(a_comparison_has_no_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
