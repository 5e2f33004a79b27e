/* Every allocation of a command line fails once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/cli/gate_command.h"
#include "tests/fault/each.h"

static const char *text;

static int make_once(void)
{
	struct gate_command c;
	int rc = gate_command_make(&c, text, NULL);

	if (rc == 0) {
		assert_null(c.argv[c.n]);
		gate_command_release(&c);
	} else {
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(c.argv);
	}
	return rc;
}

static void commands(void **state)
{
	static const char *const texts[] = {"ls -l a b c", "ls | cat", "cd /opt"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		text = texts[i];
		assert_true(fault_each(make_once, 0) >= 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(commands)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
