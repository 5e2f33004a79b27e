/* The loop of a fault twin: `once` runs with the first, second, third … allocation failing, until it
 * runs through. It returns 0 when it succeeded; when it failed it must have left nothing behind (the
 * sanitizer sees leaks). */
#ifndef TESTS_FAULT_EACH_H
#define TESTS_FAULT_EACH_H

#include "tests/fault/fault.h"

#define EACH_LIMIT 100000 /* more allocations than any of these modules makes */

/* Number of failures survived. `may_hide`: a failing allocation need not make `once` fail. */
static inline size_t fault_each(int (*once)(void), int may_hide)
{
	size_t n;

	for (n = 1; n < EACH_LIMIT; n++) {
		int rc, fired;

		fault_arm(n);
		rc = once();
		fired = fault_fired();
		fault_disarm();
		if (!fired) {
			assert_int_equal(rc, 0);
			return n - 1;
		}
		if (!may_hide)
			assert_int_not_equal(rc, 0);
	}
	fail_msg("no end after %d allocations", EACH_LIMIT);
	return 0;
}

#endif
