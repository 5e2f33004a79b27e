/* top's model: sums, recursion, spans, reset, the tree, folding of what is cold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "tests/unit/top_feed_made.h"

struct world {
	struct strtab *strings;
	struct top_model m;
};
static struct world w;

static int make(void **state)
{
	(void)state;
	w.strings = strtab_new();
	return w.strings ? top_model_init(&w.m, w.strings) : -1;
}

static int drop(void **state)
{
	(void)state;
	top_model_release(&w.m);
	strtab_free(w.strings);
	return 0;
}

static const struct top_function *function(const char *name)
{
	uint32_t i;

	for (i = 0; i < w.m.n_functions; i++)
		if (strcmp(strtab_text(w.strings, w.m.functions[i].name), name) == 0)
			return &w.m.functions[i];
	return NULL;
}

static double ms(const char *name, enum top_span span, int total)
{
	const struct top_function *f = function(name);

	return !f      ? -1
	       : total ? f->cost[TOP_CPU].total[span] / 1e6
		       : f->cost[TOP_CPU].self[span] / 1e6;
}

#define assert_ms(got, want) assert_true(fabs((got) - (want)) < 1e-3)

static void selfs_and_totals_add_up(void **state)
{
	static const char *const paths[] = {"main;work;leaf", "main;work", "main;leaf", NULL};
	static const int times[] = {30, 20, 10};

	(void)state;
	assert_int_equal(made_interval(&w.m, paths, times), 0);
	assert_ms(ms("leaf", TOP_NOW, 0), 40);
	assert_ms(ms("leaf", TOP_NOW, 1), 40);
	assert_ms(ms("work", TOP_NOW, 0), 20);
	assert_ms(ms("work", TOP_NOW, 1), 50);
	assert_ms(ms("main", TOP_NOW, 0), 0);
	assert_ms(ms("main", TOP_NOW, 1), 60);
	assert_ms(w.m.sum[TOP_CPU][TOP_NOW] / 1e6, 60);
	assert_true(w.m.samples[TOP_CPU][TOP_NOW] == 3);
	assert_true(w.m.nodes[0].cost[TOP_CPU].total[TOP_NOW] == 60e6);
}

static void a_function_that_calls_itself_counts_once(void **state)
{
	static const char *const paths[] = {"main;f@1;f@2;f@1;f@3", "main;f@2;g;f@2", NULL};
	static const int times[] = {10, 5};
	uint32_t i;

	(void)state;
	assert_int_equal(made_interval(&w.m, paths, times), 0);
	assert_ms(ms("f", TOP_NOW, 1), 15);
	assert_ms(ms("f", TOP_NOW, 0), 15);
	for (i = 1; i < w.m.n_lines; i++)
		assert_true(w.m.lines[i].cost[TOP_CPU].total[TOP_NOW] <= 15e6);
	assert_true(w.m.nodes[0].cost[TOP_CPU].total[TOP_NOW] == 15e6);
}

static void kinds_are_apart(void **state)
{
	(void)state;
	top_model_begin(&w.m);
	assert_int_equal(made_add(&w.m, TOP_CPU, "main;a", 1e6), 0);
	assert_int_equal(made_add(&w.m, TOP_WALL, "main;a", 5e6), 0);
	assert_int_equal(top_model_close(&w.m, 1000000000), 0);
	assert_true(function("a")->cost[TOP_CPU].self[TOP_NOW] == 1e6);
	assert_true(function("a")->cost[TOP_WALL].self[TOP_NOW] == 5e6);
	assert_true(w.m.nodes[0].cost[TOP_WALL].total[TOP_ALL] == 5e6);
}

static void spans_decay_and_last(void **state)
{
	static const char *const first[] = {"main;a", NULL}, *const none[] = {NULL};
	static const int times[] = {80};
	int i;

	(void)state;
	assert_int_equal(made_interval(&w.m, first, times), 0);
	for (i = 0; i < 5; i++)
		assert_int_equal(made_interval(&w.m, none, times), 0);
	assert_ms(ms("a", TOP_NOW, 0), 0);
	assert_ms(ms("a", TOP_RECENT, 0), 40); /* the half life has passed */
	assert_ms(ms("a", TOP_ALL, 0), 80);
	assert_ms(w.m.sum[TOP_CPU][TOP_RECENT] / 1e6, 40);
	for (i = 0; i < 200; i++)
		assert_int_equal(made_interval(&w.m, none, times), 0);
	assert_true(ms("a", TOP_RECENT, 0) == 0);
	assert_ms(ms("a", TOP_ALL, 0), 80);
	assert_true(w.m.span_ns == 206 * INT64_C(1000000000));
}

static void a_reset_forgets(void **state)
{
	static const char *const paths[] = {"main;a", NULL};
	static const int times[] = {80};
	uint32_t generation = w.m.generation;

	(void)state;
	assert_int_equal(made_interval(&w.m, paths, times), 0);
	assert_int_equal(top_model_reset(&w.m), 0);
	assert_null(function("a"));
	assert_int_equal(w.m.n_nodes, 1);
	assert_int_not_equal(w.m.generation, generation);
	assert_true(w.m.sum[TOP_CPU][TOP_ALL] == 0);
	assert_int_equal(made_interval(&w.m, paths, times), 0);
	assert_ms(ms("a", TOP_ALL, 0), 80);
}

/* ---- the tree ---- */

static uint32_t child(uint32_t parent, const char *name)
{
	uint32_t n;

	for (n = w.m.nodes[parent].child; n; n = w.m.nodes[n].next)
		if (strcmp(strtab_text(w.strings, w.m.functions[w.m.nodes[n].function].name),
			   name) == 0)
			return n;
	return TOP_NONE;
}

static void the_tree_has_a_node_per_path(void **state)
{
	static const char *const paths[] = {"main;a@1;x", "main;a@2;x", "main;b;x", "main;a;a",
					    NULL};
	static const int times[] = {1, 2, 4, 8};
	uint32_t main_node, a, b;

	(void)state;
	assert_int_equal(made_interval(&w.m, paths, times), 0);
	main_node = child(0, "main");
	a = child(main_node, "a");
	b = child(main_node, "b");
	assert_true(w.m.nodes[main_node].cost[TOP_CPU].total[TOP_NOW] == 15e6);
	assert_true(w.m.nodes[a].cost[TOP_CPU].total[TOP_NOW] == 11e6);
	assert_true(w.m.nodes[child(a, "x")].cost[TOP_CPU].self[TOP_NOW] == 3e6);
	assert_true(w.m.nodes[child(a, "a")].cost[TOP_CPU].self[TOP_NOW] == 8e6);
	assert_true(w.m.nodes[child(b, "x")].cost[TOP_CPU].total[TOP_ALL] == 4e6);
}

static void an_empty_stack_counts_at_the_root(void **state)
{
	(void)state;
	top_model_begin(&w.m);
	assert_int_equal(top_model_add(&w.m, TOP_CPU, NULL, 0, 7e6, 1), 0);
	assert_int_equal(top_model_close(&w.m, 1), 0);
	assert_true(w.m.nodes[0].cost[TOP_CPU].self[TOP_ALL] == 7e6);
	assert_true(w.m.sum[TOP_CPU][TOP_ALL] == 7e6);
}

/* ---- folding ---- */

static double sum_of_selfs(const struct top_cost *first, size_t step, uint32_t n)
{
	double sum = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		sum += ((const struct top_cost *)(const void *)((const char *)first +
								i * step))[TOP_CPU]
			       .self[TOP_ALL];
	return sum;
}

/* Every interval `n` functions that were never seen before, one that is hot in all. */
static void churn(int intervals, int n)
{
	char path[64];
	int i, k;

	for (i = 0; i < intervals; i++) {
		top_model_begin(&w.m);
		assert_int_equal(made_add(&w.m, TOP_CPU, "main;run;hot", 500e6), 0);
		for (k = 0; k < n; k++) {
			snprintf(path, sizeof(path), "main;c%d;d%d@%d", i * n + k, i * n + k,
				 k + 2);
			assert_int_equal(made_add(&w.m, TOP_CPU, path, 1e6), 0);
		}
		assert_int_equal(top_model_close(&w.m, 1000000000), 0);
	}
}

static void what_is_cold_is_folded_and_sums_stay(void **state)
{
	double whole = 60 * (500e6 + 50 * 1e6);
	uint32_t i, generation = w.m.generation;

	(void)state;
	w.m.max_functions = 200;
	w.m.max_lines = 300;
	w.m.max_nodes = 250;
	churn(60, 50);
	assert_true(w.m.n_functions <= 200 && w.m.n_lines <= 300 && w.m.n_nodes <= 250);
	assert_int_not_equal(w.m.generation, generation);
	assert_true(w.m.pruned > 0);
	assert_ms(ms("hot", TOP_ALL, 0), 60 * 500);
	assert_ms(ms("main", TOP_ALL, 1), whole / 1e6);
	assert_true(ms("[other]", TOP_ALL, 0) > 0);
	assert_true(fabs(sum_of_selfs(w.m.functions[0].cost, sizeof(w.m.functions[0]),
				      w.m.n_functions) -
			 whole) < 10);
	assert_true(fabs(sum_of_selfs(w.m.lines[0].cost, sizeof(w.m.lines[0]), w.m.n_lines) -
			 whole) < 10);
	assert_true(fabs(sum_of_selfs(w.m.nodes[0].cost, sizeof(w.m.nodes[0]), w.m.n_nodes) -
			 whole) < 10);
	assert_true(fabs(w.m.nodes[0].cost[TOP_CPU].total[TOP_ALL] - whole) < 10);
	for (i = 1; i < w.m.n_nodes; i++) {
		const struct top_node *n = &w.m.nodes[i];

		assert_true(n->parent < i && n->function < w.m.n_functions);
		assert_true(n->cost[TOP_CPU].total[TOP_ALL] <=
			    w.m.nodes[n->parent].cost[TOP_CPU].total[TOP_ALL] + 1);
	}
}

static void folding_keeps_what_is_open(void **state)
{
	uint32_t node;

	(void)state;
	w.m.max_nodes = 100;
	churn(1, 10);
	node = child(child(0, "main"), "run");
	w.m.nodes[node].fold = TOP_FOLD_CLOSED;
	churn(5, 60);
	assert_true(w.m.n_nodes <= 100);
	assert_int_equal(w.m.nodes[child(child(0, "main"), "run")].fold, TOP_FOLD_CLOSED);
}

static void rows_as_warm_as_each_other_are_kept_up_to_the_limit(void **state)
{
	char path[32];
	int i;

	(void)state;
	w.m.max_functions = 100;
	top_model_begin(&w.m);
	for (i = 0; i < 150; i++) {
		snprintf(path, sizeof(path), "f%d", i);
		assert_int_equal(made_add(&w.m, TOP_CPU, path, 1e6), 0);
	}
	assert_int_equal(top_model_close(&w.m, 1000000000), 0);
	assert_in_range(w.m.n_functions, 49, 51);
	assert_true(ms("[other]", TOP_ALL, 0) >= 99.99);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		T(selfs_and_totals_add_up),
		T(a_function_that_calls_itself_counts_once),
		T(kinds_are_apart),
		T(spans_decay_and_last),
		T(a_reset_forgets),
		T(the_tree_has_a_node_per_path),
		T(an_empty_stack_counts_at_the_root),
		T(what_is_cold_is_folded_and_sums_stay),
		T(folding_keeps_what_is_open),
		T(rows_as_warm_as_each_other_are_kept_up_to_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
