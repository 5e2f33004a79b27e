/* Every allocation of a neighbour search fails once: the search says so, leaves nothing behind, and
 * works again afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "pipeline/core/half.h"
#include "pipeline/knn/knn.h"
#include "tests/fault/fault.h"

enum { ROWS = 700, DIM = 20, QUERIES = 9, K = 4 };

static uint16_t pool[ROWS * DIM];
static uint32_t rows[ROWS];

static void fail_each(size_t n_workers)
{
	struct knn_params params = {.k = K, .threshold = (double)NAN, .n_workers = n_workers};
	struct knn_hit hits[2 * QUERIES * K] = {{0}}, good[2 * QUERIES * K] = {{0}};
	uint32_t counts[2 * QUERIES];
	struct knn_target found[] = {
		{rows, QUERIES, rows, ROWS, good, counts},
		{rows + 3, QUERIES, rows + 99, ROWS - 99, good + QUERIES * K, counts + QUERIES}};
	struct knn_target targets[] = {found[0], found[1]};
	struct err err = ERR_INIT;
	size_t n, failures = 0;
	int rc;

	targets[0].hits = hits;
	targets[1].hits = hits + QUERIES * K;
	assert_int_equal(knn_search_many(pool, ROWS, DIM, found, 2, &params, &err), 0);
	for (n = 1;; n++) {
		fault_arm(n);
		rc = knn_search_many(pool, ROWS, DIM, targets, 2, &params, &err);
		if (!fault_fired())
			break;
		fault_disarm();
		/* Without memory for threads the caller's thread does all the work. */
		assert_true(rc == ERR_NOMEM || (rc == 0 && n_workers > 1));
		failures += rc != 0;
	}
	fault_disarm();
	assert_int_equal(rc, 0);
	assert_memory_equal(hits, good, sizeof hits);
	assert_true(failures >= 45);
}

static void one_worker_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(1);
}

static void three_workers_fail_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(3);
}

static int fill(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < ROWS * DIM; i++)
		pool[i] = half_from_float((float)((i * 2654435761u) >> 20) / 4096.0f - 0.5f);
	for (i = 0; i < ROWS; i++)
		rows[i] = i;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker_fails_cleanly_at_every_allocation),
		cmocka_unit_test(three_workers_fail_cleanly_at_every_allocation),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
