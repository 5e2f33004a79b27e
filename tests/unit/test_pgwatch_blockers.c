/* Who waits for whom: chains, fans, queues, circles, parallel workers, prepared transactions, sessions that are gone;
 * and random waits against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"
#include "prof/pgwatch/blockers.h"
#include "tests/unit/pgwatch_made.h"

static struct shot shot;
static struct blockers tree;

static void begin(int from, int to)
{
	shot_init(&shot);
	for (; from <= to; from++)
		assert_non_null(made_session(&shot, from, SHOT_ACTIVE));
}

static void find(void)
{
	assert_int_equal(shot_finish(&shot), 0);
	assert_int_equal(blockers_find(&tree, &shot), 0);
}

static void end(void)
{
	blockers_release(&tree);
	shot_release(&shot);
}

/* "1(4) .2(3) ..3" : depth as dots, pid, how many wait. */
static void tree_is(const char *wanted)
{
	char text[1024] = "";
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < tree.n && n < sizeof(text) - 64; i++) {
		const struct block_node *node = &tree.nodes[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s%d", i ? " " : "",
				      (int)node->depth, "..........", node->pid);
		if (node->waiting)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "(%u)", node->waiting);
		if (node->circle)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "!");
	}
	assert_string_equal(text, wanted);
}

static void nobody(void **state)
{
	(void)state;
	begin(1, 5);
	find();
	tree_is("");
	assert_int_equal(tree.n_roots + tree.n_waiting, 0);
	assert_true(tree.longest_s < 0);
	assert_null(blockers_node(&tree, 1));
	end();
}

static void a_chain_of_four_and_a_fan(void **state)
{
	(void)state;
	begin(1, 9);
	assert_int_equal(made_wait(&shot, 3, 2, 3), 0);
	assert_int_equal(made_wait(&shot, 4, 3, 2), 0);
	assert_int_equal(made_wait(&shot, 2, 1, 1), 0);
	assert_int_equal(made_wait(&shot, 5, 1, 4), 0);
	assert_int_equal(made_wait(&shot, 6, 1, 5), 0);
	assert_int_equal(made_wait(&shot, 8, 7, 6), 0);
	find();
	tree_is("1(5) .2(2) ..3(1) ...4 .5 .6 7(1) .8");
	assert_int_equal(tree.n_roots, 2);
	assert_int_equal(tree.n_waiting, 6);
	assert_int_equal(tree.n_circles, 0);
	assert_true(tree.longest_s == 2);
	assert_non_null(blockers_node(&tree, 4)->held);
	assert_string_equal(blockers_node(&tree, 4)->held->mode, "ExclusiveLock");
	assert_string_equal(blockers_node(&tree, 4)->lock->mode, "ShareLock");
	assert_null(blockers_node(&tree, 1)->lock);
	end();
}

static void a_queue_hangs_below_who_has_the_lock(void **state)
{
	(void)state;
	begin(1, 4);
	/* 1 has it; 2, 3, 4 stand in a queue, each behind all before it. */
	assert_int_equal(made_lock(&shot, 1, 1, 1), 0);
	for (int waiter = 2; waiter <= 4; waiter++) {
		assert_int_equal(made_lock(&shot, waiter, 1, 0), 0);
		for (int ahead = waiter - 1; ahead >= 1; ahead--)
			assert_non_null(shot_add_edge(&shot, waiter, ahead));
	}
	find();
	tree_is("1(3) .2(2) .3(1) .4");
	assert_int_equal(blockers_node(&tree, 4)->others, 2);
	assert_int_equal(blockers_node(&tree, 2)->others, 0);
	end();
}

static void behind_in_the_queue_only(void **state)
{
	(void)state;
	begin(1, 2);
	/* The lock that both want is held by nobody that is known. */
	assert_int_equal(made_lock(&shot, 1, 1, 0), 0);
	assert_int_equal(made_lock(&shot, 2, 1, 0), 0);
	assert_non_null(shot_add_edge(&shot, 2, 1));
	find();
	tree_is("1(1) .2");
	assert_null(blockers_node(&tree, 2)->held);
	end();
}

static void a_circle_is_opened_at_its_smallest_pid(void **state)
{
	(void)state;
	begin(1, 6);
	assert_int_equal(made_wait(&shot, 5, 3, 1), 0);
	assert_int_equal(made_wait(&shot, 3, 4, 2), 0);
	assert_int_equal(made_wait(&shot, 4, 5, 3), 0);
	assert_int_equal(made_wait(&shot, 1, 4, 4), 0); /* behind it, and not of it */
	find();
	tree_is("3(3)! .5(3)! ..4(3)! ...1");
	assert_int_equal(tree.n_circles, 1);
	assert_int_equal(tree.n_waiting, 4);
	end();
}

static void oneself(void **state)
{
	(void)state;
	begin(1, 2);
	assert_non_null(shot_add_edge(&shot, 1, 1));
	find();
	assert_int_equal(tree.n_waiting, 0);
	end();
}

static void parallel_workers_count_as_their_leader(void **state)
{
	(void)state;
	begin(1, 4);
	shot.sessions[2].kind = shot.sessions[3].kind = SHOT_WORKER; /* 3, 4 of 2 */
	shot.sessions[2].leader = shot.sessions[3].leader = 2;
	assert_int_equal(made_wait(&shot, 3, 1, 1), 0);
	assert_int_equal(made_wait(&shot, 4, 1, 1), 0);
	find();
	tree_is("1(1) .2");
	assert_non_null(blockers_node(&tree, 2)->lock);
	assert_non_null(blockers_node(&tree, 2)->held);
	end();
}

static void prepared_transactions_are_found_by_their_lock(void **state)
{
	struct shot_prepared *p;

	(void)state;
	begin(1, 3);
	p = shot_add_prepared(&shot);
	p->gid = "other";
	p = shot_add_prepared(&shot);
	p->gid = "left over";
	assert_int_equal(made_wait(&shot, 2, 0, 1), 0);
	shot.locks[0].prepared = 1;
	assert_non_null(shot_add_edge(&shot, 3, 0)); /* whose lock is not told */
	find();
	assert_int_equal(tree.n, 4);
	assert_int_equal(tree.nodes[0].is, BLOCK_PREPARED);
	assert_int_equal(tree.n_roots, 2);
	for (uint32_t i = 0; i < tree.n; i++)
		if (tree.nodes[i].pid == 2)
			assert_string_equal(
				shot.prepared[tree.nodes[tree.nodes[i].parent].item].gid,
				"left over");
	end();
}

static void who_is_gone_stays_in_the_tree(void **state)
{
	(void)state;
	begin(1, 1);
	assert_int_equal(made_wait(&shot, 1, 99, 1), 0);
	find();
	tree_is("99(1) .1");
	assert_int_equal(tree.nodes[0].is, BLOCK_GONE);
	assert_int_equal(tree.nodes[0].item, SHOT_NONE);
	end();
}

/* ---- random waits against a plain model ---- */

#define MANY 24

static void reach(char to[MANY + 1][MANY + 1])
{
	for (int k = 1; k <= MANY; k++)
		for (int i = 1; i <= MANY; i++)
			for (int j = 1; j <= MANY; j++)
				to[i][j] |= (char)(to[i][k] & to[k][j]);
}

static void check_nodes(char blocks[MANY + 1][MANY + 1], char direct[MANY + 1][MANY + 1])
{
	char seen[MANY + 1] = {0};

	for (uint32_t i = 0; i < tree.n; i++) {
		const struct block_node *node = &tree.nodes[i];
		uint32_t waiting = 0, waits = 0;

		assert_in_range(node->pid, 1, MANY);
		assert_int_equal(seen[node->pid]++, 0);
		for (int j = 1; j <= MANY; j++) {
			waiting += j != node->pid && blocks[node->pid][j];
			waits += direct[j][node->pid] != 0;
		}
		assert_int_equal(node->waiting, waiting);
		assert_int_equal(node->circle, blocks[node->pid][node->pid]);
		if (node->parent != SHOT_NONE) {
			assert_true(node->parent < i);
			assert_int_equal(node->depth, tree.nodes[node->parent].depth + 1);
			assert_true(direct[tree.nodes[node->parent].pid][node->pid]);
			assert_int_equal(node->others, waits - 1);
		} else {
			/* A root waits for nobody, or is of a circle. */
			assert_true(waits == 0 || blocks[node->pid][node->pid]);
		}
	}
	for (int j = 1; j <= MANY; j++) {
		int in = 0;

		for (int k = 1; k <= MANY; k++)
			in |= direct[j][k] | direct[k][j];
		assert_int_equal(seen[j], in);
	}
}

static void random_waits(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 400; seed++) {
		char direct[MANY + 1][MANY + 1], blocks[MANY + 1][MANY + 1];
		uint64_t r = seed, n = seed % 60;

		memset(direct, 0, sizeof(direct));
		begin(1, MANY);
		for (uint64_t i = 0; i < n; i++) {
			int waiter = 1 + (int)((r = hash_u64(r)) % MANY);
			int blocker = 1 + (int)((r = hash_u64(r)) % MANY);

			if (waiter == blocker)
				continue;
			direct[blocker][waiter] = 1;
			if (r & 1024)
				assert_int_equal(
					made_wait(&shot, waiter, blocker, (uint32_t)waiter), 0);
			else
				assert_non_null(shot_add_edge(&shot, waiter, blocker));
		}
		memcpy(blocks, direct, sizeof(blocks));
		reach(blocks);
		find();
		check_nodes(blocks, direct);
		end();
	}
}

static void a_long_queue_is_quick_enough(void **state)
{
	int k;

	(void)state;
	begin(1, 1000);
	assert_int_equal(made_lock(&shot, 1, 1, 1), 0);
	for (int waiter = 2; waiter <= 1000; waiter++) {
		assert_int_equal(made_lock(&shot, waiter, 1, 0), 0);
		for (k = 1; k < waiter; k++)
			assert_non_null(shot_add_edge(&shot, waiter, k));
	}
	find();
	assert_int_equal(tree.n, 1000);
	assert_int_equal(tree.n_roots, 1);
	assert_int_equal(tree.nodes[0].waiting, 999);
	assert_int_equal(tree.nodes[999].depth, 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody),
		cmocka_unit_test(a_chain_of_four_and_a_fan),
		cmocka_unit_test(a_queue_hangs_below_who_has_the_lock),
		cmocka_unit_test(behind_in_the_queue_only),
		cmocka_unit_test(a_circle_is_opened_at_its_smallest_pid),
		cmocka_unit_test(oneself),
		cmocka_unit_test(parallel_workers_count_as_their_leader),
		cmocka_unit_test(prepared_transactions_are_found_by_their_lock),
		cmocka_unit_test(who_is_gone_stays_in_the_tree),
		cmocka_unit_test(random_waits),
		cmocka_unit_test(a_long_queue_is_quick_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
