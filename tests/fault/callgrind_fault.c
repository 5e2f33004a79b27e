/* Every allocation of callgrind's reader fails once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "prof/formats/callgrind.h"
#include "tests/fault/each.h"

static const char text[] = "pid: 7\ncmd: /opt/app x\nevents: Ir\nob=(1) /opt/app\nfl=(1) a.c\n"
			   "fn=(1) main\n1 10\ncfn=(2) f\ncalls=1 2\n3 90\nfn=(2)\n2 60\n4 30\n"
			   "totals: 100\n";

static int read_once(void)
{
	struct profile p;
	int rc = callgrind_read(text, strlen(text), NULL, &p, NULL);

	if (rc == 0) {
		assert_true(p.counters[0].value == 100);
		profile_release(&p);
	}
	return rc;
}

static void reading(void **state)
{
	(void)state;
	assert_true(fault_each(read_once, 0) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(reading)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
