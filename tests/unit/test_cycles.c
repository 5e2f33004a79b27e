/* Cycle search against small graphs with known answers, and against a slow rule on random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/cycles.h"
#include "pipeline/core/pcg64.h"

static uint64_t find(uint32_t n, const struct cycle_edge *edges, size_t n_edges, uint32_t **path,
		     size_t *len)
{
	struct err err = ERR_INIT;
	uint64_t cycles = 99;

	assert_int_equal(cycles_find(n, edges, n_edges, &cycles, path, len, &err), 0);
	return cycles;
}

static void a_diamond_has_no_cycle(void **state)
{
	const struct cycle_edge edges[] = {{0, 1}, {0, 2}, {1, 3}, {2, 3}, {0, 3}, {0, 3}};
	uint32_t *path;
	size_t len;

	(void)state;
	assert_int_equal(find(4, edges, 6, &path, &len), 0);
	assert_null(path);
	assert_int_equal(find(0, NULL, 0, &path, &len), 0);
}

static void the_first_cycle_is_told_in_order(void **state)
{
	const struct cycle_edge edges[] = {{0, 1}, {1, 2}, {2, 3}, {3, 1}, {4, 4}};
	uint32_t *path;
	size_t len;

	(void)state;
	assert_int_equal(find(5, edges, 5, &path, &len), 2);
	assert_int_equal(len, 3);
	assert_int_equal(path[0], 1);
	assert_int_equal(path[1], 2);
	assert_int_equal(path[2], 3);
	free(path);
}

static void an_edge_to_itself_is_a_cycle(void **state)
{
	const struct cycle_edge edges[] = {{1, 1}};
	uint32_t *path;
	size_t len;

	(void)state;
	assert_int_equal(find(2, edges, 1, &path, &len), 1);
	assert_int_equal(len, 1);
	assert_int_equal(path[0], 1);
	free(path);
}

static void depth_needs_no_stack(void **state)
{
	enum { N = 300000 };
	struct cycle_edge *edges = malloc(N * sizeof *edges);
	uint32_t *path;
	size_t len;
	uint32_t i;

	(void)state;
	assert_non_null(edges);
	for (i = 0; i < N; i++)
		edges[i] = (struct cycle_edge){i, (i + 1) % N};
	assert_int_equal(find(N, edges, N, &path, &len), 1);
	assert_int_equal(len, N);
	free(path);
	assert_int_equal(find(N, edges, N - 1, &path, &len), 0);
	free(edges);
}

/* A graph is acyclic iff nodes without outgoing edges can be taken away until none is left. */
static int has_cycle(uint32_t n, const struct cycle_edge *edges, size_t n_edges)
{
	unsigned char gone[16] = {0};
	uint32_t left = n, before, i;
	size_t e;

	do {
		before = left;
		for (i = 0; i < n; i++) {
			int out = 0;

			for (e = 0; e < n_edges; e++)
				out |= edges[e].from == i && !gone[edges[e].to];
			if (!gone[i] && !out) {
				gone[i] = 1;
				left--;
			}
		}
	} while (left < before);
	return left > 0;
}

static void random_graphs_agree_with_the_slow_rule(void **state)
{
	struct cycle_edge edges[24];
	struct pcg64 g;
	uint32_t *path;
	size_t len, n_edges, i, k;
	int round, found, with = 0;

	(void)state;
	pcg64_seed(&g, 7);
	for (round = 0; round < 3000; round++) {
		n_edges = pcg64_below(&g, 24);
		for (i = 0; i < n_edges; i++)
			edges[i] = (struct cycle_edge){pcg64_below(&g, 12), pcg64_below(&g, 12)};
		found = find(12, edges, n_edges, &path, &len) > 0;
		assert_int_equal(found, has_cycle(12, edges, n_edges));
		with += found;
		for (k = 0; found && k < len; k++) { /* each step of the path is an edge */
			for (i = 0; i < n_edges; i++) {
				if (edges[i].from == path[k] && edges[i].to == path[(k + 1) % len])
					break;
			}
			assert_true(i < n_edges);
		}
		free(path);
	}
	assert_in_range(with, 300, 2700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_diamond_has_no_cycle),
		cmocka_unit_test(the_first_cycle_is_told_in_order),
		cmocka_unit_test(an_edge_to_itself_is_a_cycle),
		cmocka_unit_test(depth_needs_no_stack),
		cmocka_unit_test(random_graphs_agree_with_the_slow_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
