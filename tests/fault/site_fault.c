/* Every allocation on the way from runs to the index of a site fails once: told as such, and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/fault/each.h"
#include "tests/unit/site_rig.h"

static struct site_rig rig;
static FILE *null;

static int make(void)
{
	struct site_links links = {"compare.html", 4};
	struct err err = ERR_INIT;
	struct site_grid g;
	int rc = site_grid_make(&g, &rig.site, &err);

	if (rc == 0) {
		rc = site_index(null, &rig.site, &g, &links, &err);
		site_grid_release(&g);
	}
	if (rc != 0) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
	}
	return rc;
}

static void test_memory(void **state)
{
	static const char *const rows[] = {"a", "b"};

	(void)state;
	rig_site(&rig, rows, 2, 3);
	assert_true(fault_each(make, 0) > 20);
}

static void test_full_disk(void **state)
{
	struct site_links links = {0};
	struct err err = ERR_INIT;
	struct site_grid g;
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(site_grid_make(&g, &rig.site, &err), 0);
	assert_int_equal(site_index(full, &rig.site, &g, &links, &err), ERR_IO);
	assert_int_equal(err.sys, ENOSPC);
	fclose(full);
	site_grid_release(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_full_disk),
	};

	null = fopen("/dev/null", "w");
	return null ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
