/* Every allocation of `bundle info` and `bundle check` fails once, SQLite's and jansson's included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/bundle/check.h"
#include "pipeline/bundle/info.h"
#include "tests/fault/fault.h"
#include "tests/fault/sqlite_fault.h"
#include "tests/unit/bundle_fixture.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];

static int setup(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	/* something of each kind to report, and more than one growth of the tables */
	fixture_sql(path,
		    "UPDATE go_term SET go_id = CAST(id AS BLOB) WHERE id < 3;"
		    "UPDATE protein SET sequence_id = 99 WHERE accession = 'P1';"
		    "UPDATE sequence_embedding SET embedding = x'00' WHERE id = 1;"
		    "INSERT INTO go_term_relationship VALUES (9, 1, 4, 'is_a', '" SNAP_1 "')");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static int describe(struct err *err)
{
	struct buf text = BUF_INIT;
	json_t *info;
	int rc;

	rc = bundle_info(&info, path, err);
	if (rc < 0)
		return rc;
	bundle_info_text(info, &text);
	rc = buf_failed(&text);
	buf_release(&text);
	json_decref(info);
	return rc;
}

static int check(struct err *err)
{
	struct bundle_report report;
	struct buf text = BUF_INIT;
	json_t *json;
	int rc = bundle_check(&report, path, NULL, NULL, err);

	if (rc < 0)
		return rc;
	json = bundle_report_json(&report);
	bundle_report_text(&report, &text);
	rc = json ? buf_failed(&text) : ERR_NOMEM;
	json_decref(json);
	buf_release(&text);
	bundle_report_release(&report);
	return rc;
}

/* Every `step`-th allocation. */
static void fail_each(int (*act)(struct err *err), size_t step)
{
	struct err err = ERR_INIT;
	size_t n;
	int rc;

	for (n = 1;; n += step) {
		fault_arm(n);
		rc = act(&err);
		if (!fault_fired())
			break;
		fault_disarm();
		/* SQLite gets by without some of its buffers */
		assert_true(rc == 0 || rc == ERR_NOMEM);
	}
	fault_disarm();
	assert_int_equal(rc, 0);
	assert_true(n > 20);
}

static void info_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	sqlite_fault_on = 0;
	fail_each(describe, 1);
	sqlite_fault_on = 1;
	fail_each(describe, 3);
}

static void check_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	sqlite_fault_on = 0;
	fail_each(check, 1);
	sqlite_fault_on = 1;
	fail_each(check, 17); /* there are thousands, of the same kinds over and over */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info_fails_cleanly_at_every_allocation),
		cmocka_unit_test(check_fails_cleanly_at_every_allocation),
	};

	sqlite_fault_install();
	return cmocka_run_group_tests(tests, setup, teardown);
}
