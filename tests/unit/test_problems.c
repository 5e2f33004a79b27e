/* A list of everything that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/job/problems.h"

static void an_empty_list_is_no_failure(void **state)
{
	struct problems p = PROBLEMS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(problems_result(&p, &err), 0);
	assert_int_equal(err.code, 0);
	problems_release(&p);
}

static void all_texts_are_joined_under_the_first_code(void **state)
{
	struct problems p = PROBLEMS_INIT;
	struct err err = ERR_INIT, one = ERR_INIT;

	(void)state;
	problems_add(&p, ERR_ARG, "payload.k: %s", "must be greater than 0");
	err_set(&one, ERR_NOTFOUND, "no file a");
	problems_add_err(&p, &one);
	assert_int_equal(p.count, 2);
	assert_int_equal(p.list[1].code, ERR_NOTFOUND);
	assert_int_equal(problems_result(&p, &err), ERR_ARG);
	assert_int_equal(err.code, ERR_ARG);
	assert_string_equal(err.text, "payload.k: must be greater than 0; no file a");
	problems_release(&p);
	assert_int_equal(p.count, 0);
	problems_release(&p);
}

static void a_long_list_is_kept_whole(void **state)
{
	struct problems p = PROBLEMS_INIT;
	struct err err = ERR_INIT;
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		problems_add(&p, ERR_ARG, "problem %d", i);
	assert_int_equal(p.count, 1000);
	assert_string_equal(p.list[999].text, "problem 999");
	assert_int_equal(problems_result(&p, &err), ERR_ARG); /* cut to what an err holds */
	assert_true(strlen(err.text) > 1000);
	problems_release(&p);
}

static void a_list_that_lost_everything_is_still_a_failure(void **state)
{
	struct problems p = {.lost = 1};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(problems_result(&p, &err), ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_list_is_no_failure),
		cmocka_unit_test(all_texts_are_joined_under_the_first_code),
		cmocka_unit_test(a_long_list_is_kept_whole),
		cmocka_unit_test(a_list_that_lost_everything_is_still_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
