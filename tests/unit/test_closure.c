/* Compressed lists and transitive closures, against a matrix of reachability. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/ontology/closure.h"
#include "tests/unit/numbers.h"

static struct err err;

static void lists_keep_the_order_of_pairs(void **state)
{
	static const uint32_t key[] = {2, 0, 2, 2, 0}, item[] = {9, 5, 1, 9, 4};
	struct csr c, t;

	(void)state;
	assert_int_equal(csr_build(&c, 4, key, item, 5, &err), 0);
	assert_int_equal(csr_len(&c, 0), 2);
	assert_int_equal(csr_len(&c, 1), 0);
	assert_int_equal(csr_len(&c, 2), 3);
	assert_int_equal(csr_len(&c, 3), 0);
	assert_memory_equal(csr_at(&c, 0), ((uint32_t[]){5, 4}), 8);
	assert_memory_equal(csr_at(&c, 2), ((uint32_t[]){9, 1, 9}), 12);
	csr_sort_unique(&c);
	assert_memory_equal(csr_at(&c, 0), ((uint32_t[]){4, 5}), 8);
	assert_int_equal(csr_len(&c, 2), 2);
	assert_memory_equal(csr_at(&c, 2), ((uint32_t[]){1, 9}), 8);
	assert_int_equal(csr_transpose(&t, &c, 10, &err), 0);
	assert_int_equal(csr_len(&t, 9), 1);
	assert_int_equal(*csr_at(&t, 9), 2);
	assert_int_equal(csr_len(&t, 0), 0);
	csr_release(&t);
	csr_release(&c);
	assert_null(c.start);
}

static void no_pairs_are_empty_lists(void **state)
{
	struct csr c, t;

	(void)state;
	assert_int_equal(csr_build(&c, 0, NULL, NULL, 0, &err), 0);
	csr_sort_unique(&c);
	assert_int_equal(csr_transpose(&t, &c, 3, &err), 0);
	assert_int_equal(csr_len(&t, 2), 0);
	csr_release(&t);
	csr_release(&c);
	assert_int_equal(csr_build(&c, 2, NULL, NULL, 0, &err), 0);
	assert_int_equal(csr_len(&c, 1), 0);
	csr_release(&c);
}

static struct csr graph_of(const char *edges, uint32_t n)
{
	uint32_t from[32], to[32];
	size_t m = 0;
	struct csr g;

	for (; *edges; edges += 3, m++) { /* "ab,ac,…" */
		from[m] = (uint32_t)(edges[0] - 'a');
		to[m] = (uint32_t)(edges[1] - 'a');
		if (!edges[2])
			edges--;
	}
	assert_int_equal(csr_build(&g, n, from, to, m, &err), 0);
	return g;
}

static void is_list(const struct csr *c, char node, const char *want)
{
	char got[32] = "";
	uint32_t i, k = (uint32_t)(node - 'a');

	for (i = 0; i < csr_len(c, k); i++)
		got[i] = (char)('a' + csr_at(c, k)[i]);
	assert_string_equal(got, want);
}

/* a -> b -> c -> a is a cycle; d hangs on it; e points at itself; f is alone. */
static void a_node_is_its_own_ancestor_only_on_a_cycle(void **state)
{
	struct csr g = graph_of("ab,bc,ca,da,ee", 6), all;

	(void)state;
	assert_int_equal(closure_build(&all, &g, &err), 0);
	is_list(&all, 'a', "abc");
	is_list(&all, 'c', "abc");
	is_list(&all, 'd', "abc");
	is_list(&all, 'e', "e");
	is_list(&all, 'f', "");
	csr_release(&all);
	csr_release(&g);
}

/* A diamond: each ancestor once. */
static void paths_that_meet_count_once(void **state)
{
	struct csr g = graph_of("ab,ac,bd,cd,de,be", 5), all;

	(void)state;
	assert_int_equal(closure_build(&all, &g, &err), 0);
	is_list(&all, 'a', "bcde");
	is_list(&all, 'b', "de");
	is_list(&all, 'e', "");
	csr_release(&all);
	csr_release(&g);
}

static void a_walk_forgets_the_one_before(void **state)
{
	struct csr g = graph_of("ab,cd", 4);
	struct walk w;

	(void)state;
	assert_int_equal(walk_init(&w, 4, &err), 0);
	for (int i = 0; i < 3; i++) {
		if (i == 2)
			w.now = UINT32_MAX; /* the stamp wraps round in between */
		walk_from(&w, &g, 0, 1);
		assert_int_equal(w.n_found, 1);
		assert_int_equal(w.found[0], 1);
		walk_from(&w, &g, 2, 1);
		assert_int_equal(w.n_found, 1);
		assert_int_equal(w.found[0], 3);
	}
	walk_release(&w);
	csr_release(&g);
}

enum { NODES = 40 };

/* Warshall's algorithm. */
static void reach(unsigned char r[NODES][NODES])
{
	for (int k = 0; k < NODES; k++)
		for (int i = 0; i < NODES; i++)
			for (int j = 0; j < NODES; j++)
				r[i][j] |= r[i][k] & r[k][j];
}

static void closures_agree_with_warshall(void **state)
{
	uint64_t s = 5;

	(void)state;
	for (int round = 0; round < 60; round++) {
		unsigned char r[NODES][NODES] = {{0}};
		uint32_t from[400], to[400];
		size_t m = (size_t)round * 6;
		struct csr g, all;

		for (size_t i = 0; i < m; i++) {
			from[i] = (uint32_t)(splitmix(&s) % NODES);
			to[i] = (uint32_t)(splitmix(&s) % NODES);
			if (round % 2) /* without cycles */
				to[i] = from[i] / 2;
			r[from[i]][to[i]] = 1;
		}
		reach(r);
		assert_int_equal(csr_build(&g, NODES, from, to, m, &err), 0);
		assert_int_equal(closure_build(&all, &g, &err), 0);
		for (uint32_t i = 0; i < NODES; i++) {
			uint32_t n = 0;

			for (uint32_t j = 0; j < NODES; j++)
				if (r[i][j])
					assert_int_equal(csr_at(&all, i)[n++], j);
			assert_int_equal(csr_len(&all, i), n);
		}
		csr_release(&all);
		csr_release(&g);
	}
}

/* More ancestors than the first guess of 16 per node. */
static void a_chain_has_all_ancestors(void **state)
{
	enum { LONG = 700 };
	uint32_t from[LONG], to[LONG];
	struct csr g, all;

	(void)state;
	for (uint32_t i = 0; i < LONG; i++) {
		from[i] = i;
		to[i] = i + 1;
	}
	assert_int_equal(csr_build(&g, LONG + 1, from, to, LONG, &err), 0);
	assert_int_equal(closure_build(&all, &g, &err), 0);
	for (uint32_t i = 0; i <= LONG; i++) {
		assert_int_equal(csr_len(&all, i), LONG - i);
		assert_true(i == LONG || csr_at(&all, i)[LONG - i - 1] == LONG);
	}
	csr_release(&all);
	csr_release(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_keep_the_order_of_pairs),
		cmocka_unit_test(no_pairs_are_empty_lists),
		cmocka_unit_test(a_node_is_its_own_ancestor_only_on_a_cycle),
		cmocka_unit_test(paths_that_meet_count_once),
		cmocka_unit_test(a_walk_forgets_the_one_before),
		cmocka_unit_test(closures_agree_with_warshall),
		cmocka_unit_test(a_chain_has_all_ancestors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
