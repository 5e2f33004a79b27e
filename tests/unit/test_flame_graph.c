/* The tree a page shows: sums, inlined functions, lines, stages and threads, folding; rows that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "prof/base/hash.h"
#include "tests/unit/flame_rig.h"
#include "viewer/graph.h"
#include "viewer/graph_tree.h"

static const struct flame_options cpu = {.kind = PROFILE_CPU};

/* What a node and all below it have of a kind, from the samples. */
struct sums {
	uint64_t count, value;
};

static struct sums sums_of(const struct graph *g, uint32_t node, uint32_t kind)
{
	struct sums sums = {0};
	size_t i;

	for (i = 0; i < g->n_samples; i++) {
		const struct graph_sample *s = &g->samples[i];

		if (g->groups[s->group].kind != kind || s->node < node ||
		    s->node >= g->nodes[node].end)
			continue;
		sums.count += s->count;
		sums.value += s->value;
	}
	return sums;
}

static struct graph build(const struct profile *p, const struct flame_options *options)
{
	struct err err = ERR_INIT;
	struct flame_run run = {.p = p};
	struct flame_options o = *options;
	struct graph g;

	if (!o.runs)
		o.runs = &run;
	o.n_runs = 1;
	if (graph_build(&g, &o, &err) != 0)
		fail_msg("%s", err.text);
	return g;
}

static const char *name(const struct graph *g, uint32_t node)
{
	return strtab_text(g->strings, g->labels[g->nodes[node].label].function);
}

/* "name:count/value(children…)" of the kind shown first; "~" before inlined ones. */
static size_t print(const struct graph *g, uint32_t i, char *out)
{
	const struct graph_node *n = &g->nodes[i];
	struct sums sums = sums_of(g, i, 0);
	size_t at = 0;
	uint32_t c;

	if (i > 0)
		at = (size_t)snprintf(out, 128,
				      "%s%s:", g->labels[n->label].flags & GRAPH_INLINED ? "~" : "",
				      name(g, i));
	at += (size_t)snprintf(out + at, 64, "%d/%d", (int)sums.count, (int)sums.value);
	for (c = i + 1; c < n->end; c = g->nodes[c].end) {
		out[at++] = c == i + 1 ? '(' : ' ';
		assert_int_equal(g->nodes[c].parent, i);
		at += print(g, c, out + at);
	}
	if (n->end > i + 1)
		out[at++] = ')';
	out[at] = '\0';
	return at;
}

static void is_graph(const struct graph *g, const char *want)
{
	char text[4096];

	assert_int_equal(g->nodes[0].end, g->n_nodes);
	print(g, 0, text);
	assert_string_equal(text, want);
}

/* main calls work (at two lines, one of them with a function inlined into it) and idle. */
static void fill(struct profile *p)
{
	uint32_t m, lib, main_at, t[2], stage[2], work, more, in, idle;

	assert_int_equal(profile_init(p), 0);
	rig_run(p, "run", "command");
	m = rig_module(p, "/bin/prog");
	lib = rig_module(p, "/lib/libx.so");
	t[0] = rig_thread(p, "prog", 1, "main", 1);
	t[1] = rig_thread(p, "prog", 1, "worker", 2);
	stage[0] = rig_stage(p, PROFILE_NONE, "outer");
	stage[1] = rig_stage(p, stage[0], "inner");
	rig_stage(p, PROFILE_NONE, "unused");
	main_at = rig_stack(p, 0, rig_frame(p, m, "main", "main.c", 10, 0));
	work = rig_stack(p, main_at, rig_frame(p, m, "work", "work.c", 20, 0));
	more = rig_stack(p, main_at, rig_frame(p, m, "work", "work.c", 30, 0));
	in = rig_stack(p, more, rig_frame(p, m, "tiny", "tiny.h", 3, 1));
	idle = rig_stack(p, main_at, rig_frame(p, lib, "idle", "", 0, 0));
	rig_sample(p, PROFILE_NONE, t[0], main_at, 1, 10);
	rig_sample(p, stage[0], t[0], work, 2, 20);
	rig_sample(p, stage[1], t[0], in, 3, 30);
	rig_sample(p, stage[1], t[1], in, 4, 40);
	rig_sample(p, stage[0], t[0], more, 1, 5);
	rig_sample(p, PROFILE_NONE, t[1], idle, 1, 10);
	p->samples[p->n_samples - 1].kind = PROFILE_CPU;
	rig_sample(p, PROFILE_NONE, t[1], idle, 7, 700);
	p->samples[p->n_samples - 1].kind = PROFILE_WALL;
	rig_tick(p, 5, t[0], work, PROFILE_RUNNING);
	rig_tick(p, 9, t[1], in, PROFILE_SLEEPING);
}

static void functions_join_whatever_their_lines(void **state)
{
	struct profile p;
	struct graph g;

	(void)state;
	fill(&p);
	g = build(&p, &cpu);
	is_graph(&g, "12/115(main:12/115(work:10/95(~tiny:7/70) idle:1/10))");
	graph_release(&g);
	profile_release(&p);
}

static void a_node_has_the_line_it_spends_most_at(void **state)
{
	struct profile p;
	struct graph g;

	(void)state;
	fill(&p);
	g = build(&p, &cpu);
	/* work: line 30 has 75 with what is inlined there, line 20 has 20. */
	assert_string_equal(name(&g, 2), "work");
	assert_int_equal(g.sites[g.nodes[2].site].line, 30);
	assert_int_equal(g.sites[g.nodes[3].site].line, 3);
	assert_string_equal(strtab_text(g.strings, g.sites[g.nodes[3].site].file), "tiny.h");
	assert_int_equal(g.nodes[0].site, GRAPH_NONE);
	graph_release(&g);
	profile_release(&p);
}

/* Lines 1 to 3 of one function with a value each of CPU time and bytes: which one it is said to be at. */
static uint32_t line_of(const int64_t ns[3], const int64_t bytes[3])
{
	struct profile p;
	struct graph g;
	uint32_t i, line;

	assert_int_equal(profile_init(&p), 0);
	rig_run(&p, "r", "c");
	for (i = 0; i < 3; i++) {
		uint32_t stack =
			rig_stack(&p, 0, rig_frame(&p, PROFILE_NONE, "f", "f.c", i + 1, 0));

		rig_sample(&p, PROFILE_NONE, PROFILE_NONE, stack, 1, ns[i]);
		rig_sample(&p, PROFILE_NONE, PROFILE_NONE, stack, 1, bytes[i]);
		p.samples[p.n_samples - 1].kind = PROFILE_ALLOC;
	}
	g = build(&p, &cpu);
	assert_int_equal(g.n_nodes, 2);
	line = g.sites[g.nodes[1].site].line;
	graph_release(&g);
	profile_release(&p);
	return line;
}

static void lines_are_those_of_the_kind_shown_first(void **state)
{
	(void)state;
	assert_int_equal(line_of((int64_t[]){3, 5, 4}, (int64_t[]){90, 1, 2}), 2);
	assert_int_equal(line_of((int64_t[]){5, 3, 5}, (int64_t[]){1, 90, 2}), 3);
	assert_int_equal(line_of((int64_t[]){4, 4, 4}, (int64_t[]){7, 7, 7}), 1);
}

static void samples_know_their_stage_and_thread(void **state)
{
	uint64_t inner = 0, worker = 0;
	struct profile p;
	struct graph g;
	size_t i;

	(void)state;
	fill(&p);
	g = build(&p, &cpu);
	assert_int_equal(g.n_stages, 3);
	assert_int_equal(g.stages[1].parent, 0);
	assert_int_equal(g.n_threads, 2);
	for (i = 0; i < g.n_samples; i++) {
		const struct graph_group *at = &g.groups[g.samples[i].group];

		if (i > 0)
			assert_true(g.samples[i].group > g.samples[i - 1].group ||
				    g.samples[i].node > g.samples[i - 1].node);
		if (g.kinds[at->kind] != PROFILE_CPU)
			continue;
		if (at->stage == 1)
			inner += g.samples[i].count;
		if (g.threads[at->thread].tid == 2)
			worker += g.samples[i].value;
	}
	assert_int_equal(inner, 7);
	assert_int_equal(worker, 50);
	graph_release(&g);
	profile_release(&p);
}

static int only_worker(void *ctx, const struct profile_sample *s)
{
	++*(int *)ctx;
	return s->thread == 1;
}

static void a_filter_sees_samples_of_every_kind(void **state)
{
	int asked = 0;
	struct profile p;
	struct flame_run run = {.p = &p, .include = only_worker, .ctx = &asked};
	struct flame_options o = {
		.kind = PROFILE_CPU, .runs = &run, .filter_text = "thread worker"};
	struct graph g;

	(void)state;
	fill(&p);
	g = build(&p, &o);
	assert_int_equal(asked, 9); /* and samples in time */
	is_graph(&g, "5/50(main:5/50(work:4/40(~tiny:4/40) idle:1/10))");
	graph_release(&g);
	o = (struct flame_options){.kind = PROFILE_WALL, .only_kind = 1};
	g = build(&p, &o);
	is_graph(&g, "7/700(main:7/700(idle:7/700))");
	graph_release(&g);
	o.kind = PROFILE_GPU;
	g = build(&p, &o);
	is_graph(&g, "0/0");
	assert_int_equal(g.n_samples + g.n_groups, 0);
	graph_release(&g);
	profile_release(&p);
}

static void counts_are_weights_where_there_are_no_values(void **state)
{
	struct profile p;
	struct graph g;
	uint32_t thread, m;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	rig_run(&p, "r", "c");
	m = rig_module(&p, "m");
	thread = rig_thread(&p, "p", 1, "t", 1);
	rig_sample(&p, PROFILE_NONE, thread, rig_stack(&p, 0, rig_frame(&p, m, "a", "", 0, 0)), 1,
		   0);
	rig_sample(&p, PROFILE_NONE, thread, rig_stack(&p, 0, rig_frame(&p, m, "b", "", 0, 0)), 9,
		   0);
	g = build(&p, &cpu);
	is_graph(&g, "10/0(b:9/0 a:1/0)");
	assert_int_equal(graph_fold(&g, 3, NULL), 0);
	is_graph(&g, "10/0(b:9/0 (other):1/0)");
	assert_true(graph_folded_share(&g) == 0.1);
	graph_release(&g);
	profile_release(&p);
}

static void too_many_threads_are_shown_by_name(void **state)
{
	struct profile p;
	struct graph g;
	uint32_t stack, i;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	rig_run(&p, "r", "c");
	stack = rig_stack(&p, 0, rig_frame(&p, PROFILE_NONE, "f", "", 0, 0));
	for (i = 0; i < GRAPH_THREADS_MAX + 10; i++)
		rig_sample(&p, PROFILE_NONE,
			   rig_thread(&p, "p", 1, i % 3 ? "worker" : "io", 100 + i), stack, 1, 1);
	g = build(&p, &cpu);
	assert_int_equal(g.n_threads, 2);
	assert_int_equal(g.threads[0].threads + g.threads[1].threads, GRAPH_THREADS_MAX + 10);
	assert_int_equal(g.threads[0].tid, 0);
	assert_int_equal(g.n_samples, 2);
	graph_release(&g);
	p.n_samples = GRAPH_THREADS_MAX;
	g = build(&p, &cpu);
	assert_int_equal(g.n_threads, GRAPH_THREADS_MAX);
	assert_int_equal(g.threads[5].tid, 105);
	graph_release(&g);
	profile_release(&p);
}

/* `n` stacks at random below each other. */
static void fill_random(struct profile *p, uint32_t n)
{
	uint32_t frames[40], thread, i;
	uint64_t seed = 11;
	char text[16];

	assert_int_equal(profile_init(p), 0);
	rig_run(p, "r", "c");
	thread = rig_thread(p, "p", 1, "t", 1);
	for (i = 0; i < 40; i++) {
		snprintf(text, sizeof text, "f%u", i);
		frames[i] = rig_frame(p, PROFILE_NONE, text, "", 0, 0);
	}
	for (i = 0; i < n; i++) {
		uint32_t at;

		seed = hash_u64(seed + 1);
		at = rig_stack(p, (uint32_t)(seed % p->n_stacks), frames[seed >> 32 & 31]);
		rig_sample(p, PROFILE_NONE, thread, at, 1 + (seed >> 40 & 3),
			   (int64_t)(seed >> 50));
	}
}

static void check_sums(const struct graph *g)
{
	uint64_t *value = calloc(g->n_nodes, sizeof *value);
	uint32_t i;
	size_t s;

	assert_non_null(value);
	for (s = 0; s < g->n_samples; s++) {
		assert_true(g->samples[s].node < g->n_nodes);
		value[g->samples[s].node] += g->samples[s].value;
	}
	for (i = g->n_nodes; i-- > 1;) {
		const struct graph_node *n = &g->nodes[i];

		assert_int_equal(value[i], n->first);
		assert_true(n->parent < i && n->end > i && n->end <= g->nodes[n->parent].end);
		value[n->parent] += value[i];
	}
	assert_int_equal(value[0], g->nodes[0].first);
	free(value);
}

static void folding_changes_no_sum(void **state)
{
	struct profile p;
	struct graph g;
	uint32_t keep, all, i;
	uint64_t value, others;

	(void)state;
	fill_random(&p, 4000);
	g = build(&p, &cpu);
	check_sums(&g);
	value = g.nodes[0].first;
	all = g.n_nodes;
	for (keep = 2000; keep > 2; keep /= 3) {
		assert_int_equal(graph_fold(&g, keep, NULL), 0);
		check_sums(&g);
		assert_int_equal(g.nodes[0].first, value);
		assert_true(g.n_nodes <= keep && g.n_nodes > keep - keep / 20 - 5);
		for (i = 1, others = 0; i < g.n_nodes; i++)
			if (g.nodes[i].label == g.other) {
				others += g.nodes[i].first;
				/* A leaf, and the last of its parent's children. */
				assert_int_equal(g.nodes[i].end, i + 1);
				assert_int_equal(g.nodes[g.nodes[i].parent].end, i + 1);
			}
		assert_true(fabs(graph_folded_share(&g) - (double)others / (double)value) < 1e-12);
	}
	assert_true(g.folded_nodes > all / 2 && g.folded_nodes < all);
	graph_release(&g);
	profile_release(&p);
}

static void few_paths_stay_of_many_and_none_of_their_weight_is_lost(void **state)
{
	enum { n = 5001, keep = 300, other = n };
	static uint32_t parents[n], labels[n], ranks[n + 1];
	static uint64_t firsts[n], weights[n];
	struct tree_paths paths = {n, parents, labels, firsts, weights, ranks, keep, other};
	uint32_t n_nodes, *node_of, i, kept = 0;
	struct graph_node *nodes;
	uint64_t sum = 0;

	(void)state;
	for (i = 0; i < n; i++) {
		uint64_t seed = hash_u64(i);

		parents[i] = i ? (uint32_t)(seed % i) / 2 : 0;
		labels[i] = i ? i : GRAPH_NONE;
		ranks[i] = n - i;
		/* Nearly equal: the limit is among equals. */
		weights[i] = i ? 1000 + (seed >> 60) : 0;
		firsts[i] = i ? 3000 - weights[i] : 0; /* another order than that of weights */
		sum += firsts[i];
	}
	assert_int_equal(tree_make(&paths, &nodes, &n_nodes, &node_of), 0);
	assert_int_equal(nodes[0].first, sum);
	assert_int_equal(nodes[0].end, n_nodes);
	for (i = 1; i < n_nodes; i++) {
		const struct graph_node *node = &nodes[i], *parent = &nodes[node->parent];
		uint32_t next = node->end;

		kept += node->label != other;
		assert_true(node->parent < i && next <= parent->end && next > i);
		assert_true(node->label != other || next == i + 1);
		if (next < parent->end && nodes[next].label != other)
			assert_true(node->first >= nodes[next].first);
	}
	assert_int_equal(kept, keep);
	for (i = 1; i < n; i++)
		assert_true(nodes[node_of[i]].label == i ||
			    (nodes[node_of[i]].label == other &&
			     (nodes[node_of[parents[i]]].label != other ||
			      node_of[parents[i]] == node_of[i])));
	free(nodes);
	free(node_of);
}

static void a_scale_tells_who_is_heavy(void **state)
{
	struct weight_scale s;
	struct weight_limit limit;
	unsigned i;

	(void)state;
	assert_int_equal(weight_scale_init(&s), 0);
	for (i = 0; i < 64; i++)
		weight_scale_add(&s, (uint64_t)1 << i);
	weight_scale_add(&s, UINT64_MAX);
	weight_scale_add(&s, 0);
	assert_int_equal(weight_scale_limit(&s, 100).sure, 1);
	limit = weight_scale_limit(&s, 10); /* 2^64 - 1, 2^63 … 2^55 */
	assert_true(limit.sure > (uint64_t)1 << 54 && limit.sure <= (uint64_t)1 << 55);
	assert_int_equal(limit.room, 0);
	assert_true(weight_scale_limit(&s, 0).sure > (uint64_t)1 << 63);
	for (i = 0; i < 1000; i++)
		weight_scale_add(&s, 77);
	limit = weight_scale_limit(&s, 500);
	assert_true(limit.sure == 78 && limit.maybe == 77);
	assert_int_equal(limit.room, 500 - 58); /* 2^7 and up, and the largest */
	weight_scale_release(&s);
}

/* One row changed for the worse at a time. */
static void rows_that_lie_are_refused(void **state)
{
	struct err err = ERR_INIT;
	struct graph g;
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	int k;

	(void)state;
	for (k = 0; k < 15; k++) {
		fill(&p);
		if (k == 0)
			p.stacks[2].parent = 2;
		if (k == 1)
			p.stacks[3].frame = p.n_frames;
		if (k == 2)
			p.frames[1].module = p.n_modules;
		if (k == 3)
			p.samples[1].stack = p.n_stacks;
		if (k == 4)
			p.samples[1].stage = p.n_stages;
		if (k == 5)
			p.samples[1].thread = p.n_threads;
		if (k == 6)
			p.samples[1].value = -1;
		if (k == 7)
			p.stages[0].parent = 1;
		if (k == 8)
			p.n_stacks = 0;
		if (k == 9)
			p.samples[2].kind = PROFILE_KINDS;
		if (k == 10)
			p.stages[1].thread = p.n_threads;
		if (k == 11)
			p.ticks[1].t_ns = -1;
		if (k == 12)
			p.ticks[1].stack = p.n_stacks;
		if (k == 13)
			p.ticks[1].thread = p.n_threads;
		if (k == 14)
			p.ticks[1].state = PROFILE_STATES;
		assert_int_equal(graph_build(&g, &o, &err), ERR_FORMAT);
		assert_non_null(strstr(err.text, "contradicts itself"));
		assert_null(g.nodes);
		profile_release(&p);
	}
	fill(&p);
	p.samples[0].value = p.samples[1].value = p.samples[2].value = INT64_MAX;
	assert_int_equal(graph_build(&g, &o, &err), ERR_LIMIT);
	profile_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_join_whatever_their_lines),
		cmocka_unit_test(a_node_has_the_line_it_spends_most_at),
		cmocka_unit_test(lines_are_those_of_the_kind_shown_first),
		cmocka_unit_test(samples_know_their_stage_and_thread),
		cmocka_unit_test(a_filter_sees_samples_of_every_kind),
		cmocka_unit_test(counts_are_weights_where_there_are_no_values),
		cmocka_unit_test(too_many_threads_are_shown_by_name),
		cmocka_unit_test(folding_changes_no_sum),
		cmocka_unit_test(few_paths_stay_of_many_and_none_of_their_weight_is_lost),
		cmocka_unit_test(a_scale_tells_who_is_heavy),
		cmocka_unit_test(rows_that_lie_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
