/* Every allocation of making a bundle, and of deriving term vectors from it, fails once: the failure is
 * told, nothing has the final name, nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/anc2vec_make.h"
#include "tests/fault/fault.h"
#include "tests/unit/bundle_inputs.h"

static struct inputs in;

static int prepare(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	inputs_make(&in);
	return 0;
}

static int cleanup(void **state)
{
	inputs_release(&in);
	return scratch_remove(state);
}

static void create_fails_cleanly_at_every_allocation(void **state)
{
	struct create_report report;
	struct err err;
	size_t n;
	int rc;

	(void)state;
	in.opt.keep_unknown = 1;
	for (n = 1;; n++) {
		err = (struct err)ERR_INIT;
		fault_arm(n);
		rc = bundle_create(&in.opt, &report, &err);
		if (!fault_fired())
			break;
		fault_disarm();
		create_report_release(&report);
		if (rc == 0) { /* only the path of the folder to sync may be done without */
			assert_int_equal(fsio_remove(in.opt.out), 0);
			continue;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
		assert_false(fsio_exists(in.opt.out));
	}
	fault_disarm();
	assert_int_equal(rc, 0);
	assert_true(n > 100);
	create_report_release(&report);
	assert_true(fsio_exists(in.opt.out));
}

static void derived_vectors_fail_cleanly_at_every_allocation(void **state)
{
	struct anc2vec_vectors v;
	struct err err;
	size_t n;
	int rc;

	(void)state;
	for (n = 1;; n++) {
		err = (struct err)ERR_INIT;
		fault_arm(n);
		rc = anc2vec_make(&v, in.opt.out, NULL, 16, 0, &err);
		if (!fault_fired())
			break;
		fault_disarm();
		if (rc == 0) { /* looking for a journal beside the bundle may be done without */
			assert_non_null(v.vectors);
			anc2vec_vectors_release(&v);
			continue;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(v.vectors);
	}
	fault_disarm();
	assert_int_equal(rc, 0);
	assert_true(n > 10);
	anc2vec_vectors_release(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(create_fails_cleanly_at_every_allocation),
		cmocka_unit_test(derived_vectors_fail_cleanly_at_every_allocation),
	};

	return cmocka_run_group_tests(tests, prepare, cleanup);
}
