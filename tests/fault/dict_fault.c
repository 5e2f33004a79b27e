/* Every allocation of a dictionary fails once: what was in it stays, and it can go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "pipeline/core/dict.h"
#include "tests/fault/each.h"

#define TEXTS 400 /* arrays and index grow several times */

static uint32_t intern(struct dict *d, unsigned i)
{
	char text[16];
	int n = snprintf(text, sizeof text, "text%u", i);

	return dict_intern(d, text, (size_t)n);
}

/* Goes on after the failure: ids and texts must be as if it had not been. */
static int fill(void)
{
	struct dict d = DICT_INIT;
	int failed = 0;
	unsigned i;

	for (i = 0; i < TEXTS; i++) {
		uint32_t id = intern(&d, i);

		if (id == DICT_NONE) {
			failed++;
			assert_int_equal(d.count, i);
			id = intern(&d, i);
		}
		assert_int_equal(id, i);
	}
	for (i = 0; i < TEXTS; i++)
		assert_int_equal(intern(&d, i), i);
	dict_release(&d);
	return failed;
}

static void a_dictionary_survives_each_failure(void **state)
{
	(void)state;
	assert_true(fault_each(fill, 0) >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dictionary_survives_each_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
