/* The public header without an agent: every call does nothing, allocates nothing and leaves errno
 * alone, so that a program with stage marks is the program without them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <malloc.h>

#include "protea-prof.h"

static void mark_everything(void)
{
	pp_stage stage = pp_stage_begin("stage");
	pp_token token = pp_stage_token();

	pp_stage_items(&stage, 3);
	pp_stage_param(&stage, "n", 4.5);
	pp_stage_adopt(token);
	pp_stage_adopt_end();
	pp_stage_end(&stage);
	pp_stage_end(&stage);
	pp_counter("rows", 1);
	assert_true(stage.id == 0 && token.id == 0);
}

static void marks_without_an_agent_do_nothing(void **state)
{
	struct mallinfo2 before = mallinfo2(), after;

	(void)state;
	errno = EDOM;
	mark_everything();
	assert_int_equal(errno, EDOM);
	after = mallinfo2();
	assert_int_equal(after.uordblks, before.uordblks);
	assert_false(pp_present());
}

static void profiling_cannot_start_without_an_agent(void **state)
{
	(void)state;
	errno = EDOM;
	assert_int_equal(pp_start("/nowhere/store.sqlite"), -1);
	assert_int_equal(pp_start(NULL), -1);
	assert_int_equal(pp_stop(), -1);
	assert_int_equal(errno, EDOM);
}

static void a_token_may_be_none(void **state)
{
	pp_stage none = {0, 0};

	(void)state;
	pp_stage_items(&none, 1);
	pp_stage_end(&none);
	pp_stage_adopt((pp_token){0, 0});
	pp_stage_adopt_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_without_an_agent_do_nothing),
		cmocka_unit_test(profiling_cannot_start_without_an_agent),
		cmocka_unit_test(a_token_may_be_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
