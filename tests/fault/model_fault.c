/* Every allocation of each table of the model fails once: what was in it stays, and it goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "prof/base/err.h"
#include "prof/model/calltree.h"
#include "prof/model/modtab.h"
#include "tests/fault/each.h"

#define ROWS 1000 /* arrays and indexes grow several times */

static int strings(void)
{
	struct strtab *t = strtab_new();
	uint32_t i, id, rank[ROWS + 1];
	int failed = 0;

	if (!t)
		return ERR_NOMEM;
	for (i = 1; i <= ROWS; i++) {
		char text[16];
		int n = snprintf(text, sizeof text, "text%u", i), rc;

		while ((rc = strtab_intern(t, text, (size_t)n, &id)) != 0) {
			assert_int_equal(rc, ERR_NOMEM);
			assert_int_equal(strtab_count(t), i);
			failed++;
		}
		assert_int_equal(id, i);
	}
	assert_string_equal(strtab_text(t, 17), "text17");
	if (strtab_rank(t, rank) != 0)
		failed++;
	else
		assert_int_equal(rank[STRTAB_EMPTY], 0);
	strtab_free(t);
	return failed;
}

static int frames(void)
{
	struct frametab *t = frametab_new();
	uint32_t i, id;
	int failed = 0;

	if (!t)
		return ERR_NOMEM;
	for (i = 0; i < ROWS; i++) {
		while (frametab_intern(t, (struct frame){i, 1, 0}, &id) != 0)
			failed++;
		assert_int_equal(id, i);
	}
	assert_int_equal(frametab_get(t, 500).rel_addr, 500);
	frametab_free(t);
	return failed;
}

/* A chain of calls, and a tree of them. */
static int stacks(void)
{
	struct stacktab *t = stacktab_new();
	struct calltree tree;
	int failed = 0, rc;

	if (!t)
		return ERR_NOMEM;
	for (uint32_t i = 0, at = STACK_ROOT; i < ROWS; i++) {
		while (stacktab_intern(t, at, i, &at) != 0)
			failed++;
		assert_int_equal(at, i + 1);
	}
	for (;;) {
		struct calltree_sample s = {ROWS, 1, 1};

		rc = calltree_build(&tree, t, &s, 1, NULL);
		if (rc == 0)
			break;
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(tree.nodes);
		failed++;
	}
	assert_int_equal(tree.count, ROWS + 1);
	calltree_release(&tree);
	stacktab_free(t);
	return failed;
}

static int module(struct modtab *t, uint32_t i, uint32_t *id)
{
	char path[16];

	snprintf(path, sizeof path, "lib%u.so", i);
	return modtab_module(t, NULL, path, id);
}

/* A library in ever new places of ever new processes, and questions about the past. */
static int modules(void)
{
	struct strtab *names = strtab_new();
	struct modtab *t = names ? modtab_new(names) : NULL;
	struct modmap *m;
	struct frame f;
	uint32_t i, id;
	int failed = 0;

	if (!t) {
		strtab_free(names);
		return ERR_NOMEM;
	}
	for (i = 0; i < 200; i++) {
		while (module(t, i, &id) != 0)
			failed++;
		assert_int_equal(id, i);
		while (!modtab_space(t, i))
			failed++;
	}
	m = modtab_space(t, 0);
	for (i = 0; i < ROWS; i++) {
		while (modmap_load(m, i, 16 * i, 16 * i + 20, 0, i) != 0) {
			failed++;
			assert_int_equal(modmap_find(m, i, 16 * i + 8, &(struct modrange){0}), 0);
		}
	}
	for (i = 0; i < ROWS; i += 50) {
		while (modtab_frame(t, 0, i, 16 * i + 8, &f) != 0)
			failed++;
		assert_int_equal(f.module, i);
	}
	modtab_free(t);
	strtab_free(names);
	return failed;
}

static void strings_survive_each_failure(void **state)
{
	(void)state;
	assert_true(fault_each(strings, 0) >= 10);
}

static void frames_survive_each_failure(void **state)
{
	(void)state;
	assert_true(fault_each(frames, 0) >= 8);
}

static void stacks_and_trees_survive_each_failure(void **state)
{
	(void)state;
	assert_true(fault_each(stacks, 0) >= 15);
}

static void modules_survive_each_failure(void **state)
{
	(void)state;
	assert_true(fault_each(modules, 0) >= 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_survive_each_failure),
		cmocka_unit_test(frames_survive_each_failure),
		cmocka_unit_test(stacks_and_trees_survive_each_failure),
		cmocka_unit_test(modules_survive_each_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
