/* Failure records: what they say, what they keep, and that they never overflow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "prof/base/err.h"

static void a_record_holds_code_and_sentence(void **state)
{
	struct err e = {.code = 5, .sys = 7, .text = "old"};

	(void)state;
	assert_int_equal(err_set(&e, ERR_FORMAT, "%s:%d: bad", "f", 3), ERR_FORMAT);
	assert_int_equal(e.code, ERR_FORMAT);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.text, "f:3: bad");
}

static void a_failed_call_is_named_with_errno(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	errno = ENOSPC;
	assert_int_equal(err_sys(&e, ERR_IO, "cannot write '%s'", "x"), ERR_IO);
	assert_int_equal(e.sys, ENOSPC);
	assert_string_equal(e.text, "cannot write 'x': No space left on device");
}

static void nobody_may_listen(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_ARG, "x"), ERR_ARG);
	assert_int_equal(err_sys(NULL, ERR_IO, "x"), ERR_IO);
	assert_int_equal(err_nomem(NULL, "x"), ERR_NOMEM);
	assert_true(err_prefix(NULL, "x") < 0);
}

static void a_prefix_keeps_code_and_errno(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	errno = EACCES;
	err_sys(&e, ERR_IO, "open");
	assert_int_equal(err_prefix(&e, "row %d", 4), ERR_IO);
	assert_int_equal(e.sys, EACCES);
	assert_string_equal(e.text, "row 4: open: Permission denied");
	assert_int_equal(err_nomem(&e, "the pool"), ERR_NOMEM);
	assert_string_equal(e.text, "no memory for the pool");
}

static void long_texts_are_cut_to_fit(void **state)
{
	char longer[2 * ERR_TEXT_MAX];
	struct err e = ERR_INIT;

	(void)state;
	memset(longer, 'y', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	err_set(&e, ERR_FORMAT, "%s", longer);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_int_equal(err_prefix(&e, "front"), ERR_FORMAT);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(e.text, "front: yyy", 10);
	errno = EIO;
	err_sys(&e, ERR_IO, "%s", longer);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_int_equal(err_prefix(&e, "%s", longer), ERR_IO);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
}

static void every_code_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = ERR_INTERNAL; a <= ERR_OK; a++)
		for (int b = ERR_INTERNAL; b < a; b++)
			assert_string_not_equal(err_name(a), err_name(b));
	assert_string_equal(err_name(ERR_CANCELLED), "WorkerShutdown");
	assert_string_equal(err_name(-999), err_name(ERR_INTERNAL));
	assert_string_equal(err_name(1), err_name(ERR_INTERNAL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_holds_code_and_sentence),
		cmocka_unit_test(a_failed_call_is_named_with_errno),
		cmocka_unit_test(nobody_may_listen),
		cmocka_unit_test(a_prefix_keeps_code_and_errno),
		cmocka_unit_test(long_texts_are_cut_to_fit),
		cmocka_unit_test(every_code_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
