/* Every allocation of ranked lists, trees, stages and folded stacks fails once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/stages.h"
#include "prof/analyze/tree.h"
#include "prof/formats/folded.h"
#include "tests/fault/each.h"
#include "tests/unit/made_profile.h"

static struct profile profile;

static int make(void **state)
{
	char path[128];
	int i;

	(void)state;
	if (profile_init(&profile))
		return -1;
	made_thread(&profile, "main", 1);
	made_stage(&profile, "outer", PROFILE_NONE, 10);
	made_stage(&profile, "inner", 0, 5);
	for (i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "main@/bin/p;f%d@/bin/p:x.c:%d;read@/lib/libc.so.6", i,
			 i);
		made_sample(&profile, PROFILE_CPU, 1, 0, path, 1, 10 + i);
	}
	return 0;
}

static int drop(void **state)
{
	(void)state;
	profile_release(&profile);
	return 0;
}

static enum hot_by by;

static int list_once(void)
{
	struct sample_filter f = {.kind = PROFILE_CPU, .stage = "outer", .thread = "main"};
	struct hot_list l;
	int rc = hot_list_make(&l, &profile, by, &f, NULL);

	if (rc == 0) {
		assert_int_equal(l.count, 300);
		hot_list_release(&l);
	}
	return rc;
}

static void ranked_lists(void **state)
{
	(void)state;
	/* Names made the first time stay in the table of strings: it may not need to grow again. */
	for (by = HOT_FUNCTION; by <= HOT_STACK; by++)
		assert_true(fault_each(list_once, 1) > 1);
}

static int tree_once(void)
{
	struct profile_tree t;
	int rc = profile_tree_build(&t, &profile, NULL, 1, 1, NULL);

	if (rc == 0)
		profile_tree_release(&t);
	return rc;
}

static int stages_once(void)
{
	struct stage_list l;
	int rc = stage_list_make(&l, &profile, NULL);

	if (rc == 0)
		stage_list_release(&l);
	return rc;
}

static int folded_once(void)
{
	static FILE *null;

	if (!null)
		null = fopen("/dev/null", "w");
	return null ? folded_write(null, &profile, PROFILE_CPU, FOLDED_VALUE, NULL, NULL, NULL)
		    : -1;
}

static void trees_stages_and_folded(void **state)
{
	(void)state;
	folded_once(); /* stdio makes its buffer */
	assert_true(fault_each(tree_once, 1) > 5);
	assert_true(fault_each(stages_once, 0) > 2);
	assert_true(fault_each(folded_once, 0) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ranked_lists, make, drop),
		cmocka_unit_test_setup_teardown(trees_stages_and_folded, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
