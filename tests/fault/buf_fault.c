/* Every allocation of a growing buffer fails once: the failure sticks until the buffer is cleared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "prof/base/buf.h"
#include "tests/fault/each.h"

static int grow(void)
{
	struct buf b = BUF_INIT;
	int i, failed;

	for (i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	failed = buf_failed(&b);
	if (failed) {
		size_t len = b.len;

		assert_int_equal(failed, ERR_NOMEM);
		assert_int_equal(buf_puts(&b, "x"), ERR_NOMEM); /* sticks */
		assert_int_equal(b.len, len);
		assert_null(buf_steal(&b, NULL));
		buf_clear(&b);
		assert_int_equal(buf_puts(&b, "again"), 0);
		assert_string_equal(buf_str(&b), "again");
	} else {
		assert_int_equal(b.len, 3890);
		assert_int_equal(strlen(b.data), 3890);
	}
	buf_release(&b);
	return failed;
}

static void a_buffer_survives_each_failure(void **state)
{
	(void)state;
	assert_true(fault_each(grow, 0) >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_survives_each_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
