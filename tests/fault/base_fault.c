/* Every allocation of arenas and hash tables fails once: what was in them stays, and they go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "prof/base/arena.h"
#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "tests/fault/each.h"

#define ROWS 1000

static int arenas(void)
{
	struct arena a = ARENA_INIT;
	int failed = 0;

	for (int i = 0; i < 50; i++) {
		size_t used = a.used_bytes, held = a.held_bytes;
		char *p = arena_calloc(&a, 10000, i % 7 == 3 ? 40 : 1);

		if (!p) {
			failed++;
			assert_int_equal(a.used_bytes, used);
			assert_int_equal(a.held_bytes, held);
			continue;
		}
		memset(p, 1, 10000);
	}
	arena_release(&a);
	return failed;
}

static int maps(void)
{
	struct idmap m = IDMAP_INIT;
	int failed = 0;

	for (uint32_t i = 0; i < ROWS; i++) {
		if (i & 1) {
			while (idmap_set(&m, i, i) != 0)
				failed++;
		} else {
			while (idmap_intern(&m, i, i) == IDMAP_NONE)
				failed++;
		}
	}
	for (uint32_t i = 0; i < ROWS; i++)
		assert_int_equal(idmap_get(&m, i), i);
	assert_int_equal(m.count, ROWS);
	idmap_release(&m);
	return failed;
}

static int same(const void *ctx, uint32_t id)
{
	return *(const uint32_t *)ctx == id;
}

static int indexes(void)
{
	struct hashidx h = HASHIDX_INIT;
	int failed = 0;

	for (uint32_t i = 0; i < ROWS; i++)
		while (hashidx_add(&h, hash_u64(i), i) != 0)
			failed++;
	for (uint32_t i = 0; i < ROWS; i++)
		assert_int_equal(hashidx_find(&h, hash_u64(i), same, &i), i);
	assert_int_equal(h.count, ROWS);
	hashidx_release(&h);
	return failed;
}

static void arenas_survive_each_failure(void **state)
{
	(void)state;
	assert_true(fault_each(arenas, 0) >= 5);
}

static void maps_survive_each_failure(void **state)
{
	(void)state;
	assert_true(fault_each(maps, 0) >= 8);
}

static void indexes_survive_each_failure(void **state)
{
	(void)state;
	assert_true(fault_each(indexes, 0) >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arenas_survive_each_failure),
		cmocka_unit_test(maps_survive_each_failure),
		cmocka_unit_test(indexes_survive_each_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
