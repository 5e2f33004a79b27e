/* Call paths as ids: prefixes shared, parents before children, recursion a new path each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/model/stacktab.h"
#include "tests/unit/numbers.h"

static uint32_t intern(struct stacktab *t, uint32_t parent, uint32_t frame)
{
	uint32_t id = UINT32_MAX;

	assert_int_equal(stacktab_intern(t, parent, frame, &id), 0);
	return id;
}

static void recursion_is_a_new_path(void **state)
{
	struct stacktab *t = stacktab_new();
	uint32_t once = intern(t, STACK_ROOT, 7);

	(void)state;
	assert_int_not_equal(intern(t, once, 7), once);
	assert_int_equal(intern(t, STACK_ROOT, 7), once);
	stacktab_free(t);
	stacktab_free(NULL);
}

static void the_root_is_the_empty_path(void **state)
{
	struct stacktab *t = stacktab_new();
	uint32_t frame;

	(void)state;
	assert_int_equal(stacktab_count(t), 1);
	assert_int_equal(stacktab_parent(t, STACK_ROOT), STACK_ROOT);
	assert_int_equal(stacktab_frame(t, STACK_ROOT), UINT32_MAX);
	assert_int_equal(stacktab_depth(t, STACK_ROOT), 0);
	assert_int_equal(stacktab_walk(t, STACK_ROOT, &frame, 1), 0);
	assert_int_equal(stacktab_frame(t, 4), UINT32_MAX); /* never given out */
	assert_int_equal(stacktab_walk(t, 4, &frame, 1), 0);
	stacktab_free(t);
}

static void a_parent_must_exist(void **state)
{
	struct stacktab *t = stacktab_new();
	uint32_t id = 3;

	(void)state;
	assert_int_equal(stacktab_intern(t, 1, 7, &id), ERR_ARG);
	assert_int_equal(stacktab_intern(t, STACK_ROOT, UINT32_MAX, &id), ERR_ARG);
	assert_int_equal(id, 3);
	assert_int_equal(stacktab_count(t), 1);
	stacktab_free(t);
}

static void a_walk_gives_back_the_path(void **state)
{
	static const uint32_t path[] = {5, 4, 4, 2, 0}; /* innermost first */
	struct stacktab *t = stacktab_new();
	uint32_t id, again, got[8];

	(void)state;
	assert_int_equal(stacktab_intern_path(t, path, 5, &id), 0);
	assert_int_equal(stacktab_intern_path(t, path, 5, &again), 0);
	assert_int_equal(id, again);
	assert_int_equal(stacktab_count(t), 6);
	assert_int_equal(stacktab_depth(t, id), 5);
	assert_int_equal(stacktab_walk(t, id, got, 8), 5);
	assert_memory_equal(got, path, sizeof path);
	assert_int_equal(stacktab_walk(t, id, got, 2), 2);
	assert_int_equal(got[1], 4);
	assert_int_equal(stacktab_intern_path(t, path + 1, 4, &again), 0);
	assert_int_equal(again, stacktab_parent(t, id)); /* the callers are there already */
	assert_int_equal(stacktab_intern_path(t, NULL, 0, &again), 0);
	assert_int_equal(again, STACK_ROOT);
	stacktab_free(t);
}

static void a_full_table_refuses_new_paths_only(void **state)
{
	struct stacktab *t = stacktab_new();
	uint32_t id = 9;

	(void)state;
	stacktab_set_limit(t, 3);
	assert_int_equal(intern(t, STACK_ROOT, 1), 1);
	assert_int_equal(intern(t, 1, 1), 2);
	assert_int_equal(stacktab_intern(t, 2, 1, &id), ERR_LIMIT);
	assert_int_equal(id, 9);
	assert_int_equal(intern(t, 1, 1), 2);
	stacktab_free(t);
}

static void deep_recursion_is_one_row_per_call(void **state)
{
	enum { DEEP = 200000 };
	struct stacktab *t = stacktab_new();
	uint32_t at = STACK_ROOT, *frames = malloc(DEEP * sizeof *frames);

	(void)state;
	for (uint32_t i = 0; i < DEEP; i++)
		at = intern(t, at, i % 3);
	assert_int_equal(stacktab_depth(t, at), DEEP);
	assert_int_equal(stacktab_count(t), DEEP + 1);
	assert_int_equal(stacktab_walk(t, at, frames, DEEP), DEEP);
	for (uint32_t i = 0; i < DEEP; i++)
		assert_int_equal(frames[i], (DEEP - 1 - i) % 3);
	free(frames);
	stacktab_free(t);
}

/* Random paths over few frames, so that most prefixes are shared: each id is compared with a list of
 * all paths seen. */
static void ids_agree_with_a_list_of_paths(void **state)
{
	enum { ROUNDS = 3000, MOST = 6 };
	struct path {
		uint32_t n, id, frames[MOST];
	} *seen = calloc(ROUNDS, sizeof *seen);
	struct stacktab *t = stacktab_new();
	uint32_t n_seen = 0, i, id;
	uint64_t s = 3;

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct path p = {.n = (uint32_t)(splitmix(&s) % (MOST + 1))};
		uint32_t got[MOST];

		for (i = 0; i < p.n; i++)
			p.frames[i] = (uint32_t)(splitmix(&s) % 4);
		assert_int_equal(stacktab_intern_path(t, p.frames, p.n, &p.id), 0);
		for (i = 0; i < n_seen; i++) {
			int same = seen[i].n == p.n &&
				   memcmp(seen[i].frames, p.frames, sizeof p.frames) == 0;

			assert_int_equal(seen[i].id == p.id, same);
		}
		seen[n_seen++] = p;
		assert_int_equal(stacktab_walk(t, p.id, got, MOST), p.n);
		assert_memory_equal(got, p.frames, p.n * sizeof *got);
	}
	for (id = 1; id < stacktab_count(t); id++) {
		assert_true(stacktab_parent(t, id) < id);
		assert_int_equal(stacktab_depth(t, id),
				 stacktab_depth(t, stacktab_parent(t, id)) + 1);
	}
	free(seen);
	stacktab_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recursion_is_a_new_path),
		cmocka_unit_test(the_root_is_the_empty_path),
		cmocka_unit_test(a_parent_must_exist),
		cmocka_unit_test(a_walk_gives_back_the_path),
		cmocka_unit_test(a_full_table_refuses_new_paths_only),
		cmocka_unit_test(deep_recursion_is_one_row_per_call),
		cmocka_unit_test(ids_agree_with_a_list_of_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
