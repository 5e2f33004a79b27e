/* Every allocation of a comparison fails once: decisions say so, nothing is left behind, and the next try succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "prof/analyze/decide.h"
#include "prof/base/err.h"
#include "tests/fault/each.h"

enum { SERIES = 40, RUNS = 30 };

static double a[RUNS], b[RUNS];

static int compare_once(void)
{
	static struct decision d[SERIES];
	struct decide_scratch scratch = {0};
	struct decide_rule r = {.relative = 0.02};
	size_t i;
	int rc = 0;

	for (i = 0; i < SERIES && rc == 0; i++) {
		struct decide_series s = {a,          b, 2 + i % (RUNS - 1), 2 + i % (RUNS - 1),
					  i % 2 == 0, 0};

		rc = decide(&d[i], &s, &r, &scratch);
		if (rc) {
			assert_int_equal(rc, ERR_NOMEM);
			assert_int_equal(d[i].reason, DECIDE_NO_MEMORY);
			assert_int_equal(d[i].verdict, VERDICT_INCONCLUSIVE);
			assert_true(isnan(d[i].change));
		}
	}
	if (rc == 0)
		rc = decide_family(d, SERIES, 0.01);
	decide_scratch_release(&scratch);
	return rc;
}

static void a_comparison_survives_every_failure(void **state)
{
	(void)state;
	assert_true(fault_each(compare_once, 0) >= 3);
}

/* A family that cannot be judged leaves the decisions as they are. */
static void a_family_that_fails_changes_nothing(void **state)
{
	struct decision d[2] =
		{{.verdict = VERDICT_REGRESSION, .test = DECIDE_PAIRED, .p = 0.9, .q = 7},
		 {.verdict = VERDICT_OK, .test = DECIDE_PAIRED, .p = 0.5, .q = 7}},
			before[2];

	(void)state;
	memcpy(before, d, sizeof(d));
	fault_arm(1);
	assert_int_equal(decide_family(d, 2, 0.01), ERR_NOMEM);
	fault_disarm();
	assert_memory_equal(before, d, sizeof(d));
	assert_int_equal(decide_family(d, 2, 0.01), 0);
	assert_int_equal(d[0].verdict, VERDICT_INCONCLUSIVE);
}

/* More runs than can be: refused like a want of memory, before anything is read. */
static void absurd_sizes_are_refused(void **state)
{
	struct decide_scratch scratch = {0};
	struct decide_rule r = {0};
	struct decision d;

	(void)state;
	assert_int_equal(decide(&d, &(struct decide_series){a, b, SIZE_MAX, 2, 0, 0}, &r, &scratch),
			 ERR_NOMEM);
	assert_int_equal(
		decide(&d, &(struct decide_series){a, b, 2, SIZE_MAX / 8, 0, 0}, &r, &scratch),
		ERR_NOMEM);
	assert_null(scratch.values);
}

static int fill(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < RUNS; i++) {
		a[i] = 100 + (double)(i * 7 % 13);
		b[i] = 101 + (double)(i * 5 % 13);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_comparison_survives_every_failure),
		cmocka_unit_test(a_family_that_fails_changes_nothing),
		cmocka_unit_test(absurd_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
