/* The loop of a fault twin of the store: each of our own allocations fails once; of SQLite's, which are thousands, ever
 * fewer as they go on. */
#ifndef TESTS_FAULT_EACH_SQLITE_H
#define TESTS_FAULT_EACH_SQLITE_H

#include "tests/fault/each.h"
#include "tests/fault/sqlite_fault.h"

/* Number of failures survived; 0: too few for a test. */
static inline size_t each_own_and_some_of_sqlite(int (*once)(void))
{
	size_t own, n, failed = 0;

	sqlite_fault_on = 0;
	own = fault_each(once, 1);
	sqlite_fault_on = 1;
	for (n = 1; n < EACH_LIMIT; n += 1 + n / 12) {
		int rc, fired;

		fault_arm(n);
		rc = once();
		fired = fault_fired();
		fault_disarm();
		if (!fired) {
			assert_int_equal(rc, 0);
			break;
		}
		failed += rc < 0;
	}
	print_message("%zu failures of our own, %zu of SQLite's\n", own, failed);
	return own > 3 && failed > 10 ? own + failed : 0;
}

#endif
