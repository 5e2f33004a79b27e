/* Every allocation on the way from a profile to its page fails once: told as such, and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/fault/each.h"
#include "tests/unit/flame_rig.h"
#include "viewer/flame.h"
#include "viewer/graph.h"
#include "viewer/graph_tree.h"
#include "viewer/payload.h"

static struct profile profile;
static FILE *null;

static void fill(struct profile *p)
{
	uint32_t module, thread, stage, stack = 0, i;
	char name[32];

	assert_int_equal(profile_init(p), 0);
	rig_run(p, "run", "command");
	module = rig_module(p, "/bin/x");
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "f%u", i);
		thread = rig_thread(p, "p", 1, name, 1 + i);
		stage = rig_stage(p, i ? i - 1 : PROFILE_NONE, i % 2 ? "odd" : "even");
		stack = rig_stack(p, stack, rig_frame(p, module, name, "f.c", i, i % 2));
		rig_sample(p, stage, thread, stack, 1, 1000 + i);
		p->samples[i].kind = i % 4 ? PROFILE_CPU : PROFILE_ALLOC;
		p->stages[stage].wall_ns = i;
		p->stages[stage].params = rig_string(p, name);
		rig_tick(p, i, thread, stack, PROFILE_RUNNING);
		rig_counter(p, i, i % 2 ? "odd" : "even", i / 7.0);
	}
}

static int page(void)
{
	static const struct flame_run run = {.p = &profile};
	static const struct flame_options cpu = {
		.kind = PROFILE_CPU, .runs = &run, .n_runs = 1, .only_kind = 1};
	struct err err = ERR_INIT;
	int rc = flame_write(null, &cpu, &err);

	if (rc != 0) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
	}
	return rc;
}

/* All that a page can have, in so little room that all of it is thinned. */
static int thinned(void)
{
	static const struct flame_line lines[] = {{5, {1}, {2}}};
	static const struct flame_window windows[] = {{5, 1, "text\n", 5}};
	static const struct flame_file files[] = {{"f.c", lines, 1, windows, 1}};
	static const struct flame_source source = {files, 1, {PROFILE_CPU}, 1, 0};
	static const struct flame_run run = {.p = &profile};
	static const struct flame_options all = {
		.kind = PROFILE_CPU, .runs = &run, .n_runs = 1, .source = &source};
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	struct graph g;
	int rc = graph_build(&g, &all, &err);

	if (rc == 0) {
		rc = payload_write(&out, &g, &all, 2500, &err);
		graph_release(&g);
	}
	buf_release(&out);
	if (rc != 0) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
	}
	return rc;
}

static int compared(void)
{
	static const struct flame_run runs[] = {{.p = &profile}, {.p = &profile}};
	static const struct flame_options two = {
		.kind = PROFILE_ALLOC, .runs = runs, .n_runs = 2, .redact = 1};
	struct err err = ERR_INIT;
	int rc = flame_write(null, &two, &err);

	if (rc != 0) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
	}
	return rc;
}

static int fold(void)
{
	static const struct flame_run run = {.p = &profile};
	static const struct flame_options cpu = {
		.kind = PROFILE_CPU, .runs = &run, .n_runs = 1, .only_kind = 1};
	struct graph g;
	uint32_t before;
	int rc = graph_build(&g, &cpu, NULL);

	if (rc != 0)
		return rc;
	before = g.n_nodes;
	rc = graph_fold(&g, 50, NULL);
	if (rc != 0)
		assert_int_equal(g.n_nodes, before);
	graph_release(&g);
	return rc;
}

static int tree(void)
{
	enum { n = 101 };
	uint32_t parents[n], labels[n], ranks[n], n_nodes, *node_of, i;
	uint64_t firsts[n], weights[n];
	struct tree_paths paths = {n, parents, labels, firsts, weights, ranks, 10, n - 1};
	struct graph_node *nodes;
	int rc;

	for (i = 0; i < n; i++) {
		parents[i] = i / 2;
		labels[i] = ranks[i] = i % 7;
		firsts[i] = weights[i] = i;
	}
	rc = tree_make(&paths, &nodes, &n_nodes, &node_of);
	if (rc != 0)
		assert_true(!nodes && !node_of && n_nodes == 0);
	free(nodes);
	free(node_of);
	return rc;
}

static void a_page_fails_clean(void **state)
{
	(void)state;
	assert_true(fault_each(page, 0) > 30);
}

static void a_thinned_page_fails_clean(void **state)
{
	(void)state;
	assert_true(fault_each(thinned, 0) > 60);
}

static void a_comparison_fails_clean(void **state)
{
	(void)state;
	assert_true(fault_each(compared, 0) > 50);
}

static void a_fold_fails_clean(void **state)
{
	(void)state;
	assert_true(fault_each(fold, 0) > 20);
}

static void a_tree_fails_clean(void **state)
{
	(void)state;
	assert_true(fault_each(tree, 0) > 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_fails_clean),
		cmocka_unit_test(a_thinned_page_fails_clean),
		cmocka_unit_test(a_comparison_fails_clean),
		cmocka_unit_test(a_fold_fails_clean),
		cmocka_unit_test(a_tree_fails_clean),
	};
	int failed;

	null = fopen("/dev/null", "w");
	if (!null)
		return 1;
	fill(&profile);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	profile_release(&profile);
	fclose(null);
	return failed;
}
