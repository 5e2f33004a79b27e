/* Every allocation of loading a taxonomy fails once: the load says so and leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/taxonomy/taxonomy.h"
#include "tests/fault/fault.h"

static char dir[PATH_MAX], sqlite_path[PATH_MAX + 16];

static void put(const char *name, const char *text, size_t n)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(fsio_write_file(path, text, n, NULL), 0);
}

/* More than 1024 nodes, so that growing fails too. */
static void make_dump(void)
{
	struct buf nodes = BUF_INIT, merged = BUF_INIT;
	int i;

	for (i = 1; i <= 3000; i++)
		buf_printf(&nodes, "%d\t|\t%d\t|\n", i, i == 1 ? 1 : i / 2);
	for (i = 1; i <= 600; i++)
		buf_printf(&merged, "%d\t|\t%d\t|\n", 5000 + i, i);
	put("nodes.dmp", buf_str(&nodes), nodes.len);
	put("merged.dmp", buf_str(&merged), merged.len);
	buf_release(&nodes);
	buf_release(&merged);
}

static void make_ete(void)
{
	sqlite3 *db;

	snprintf(sqlite_path, sizeof sqlite_path, "%s/taxa.sqlite", dir);
	assert_int_equal(sqlite3_open(sqlite_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "CREATE TABLE species (taxid INT PRIMARY KEY, track TEXT);"
				      "CREATE TABLE merged (taxid_old INT, taxid_new INT);"
				      "INSERT INTO species VALUES (1, '1'), (6, '6,3,2,1');"
				      "INSERT INTO merged VALUES (777, 6);",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
}

static int prepare(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%s/taxfault.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	make_dump();
	make_ete();
	return 0;
}

static int cleanup(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static void fail_each(const char *path)
{
	struct err err = ERR_INIT;
	struct taxonomy *t = NULL;
	size_t n;
	int rc;

	for (n = 1;; n++) {
		fault_arm(n);
		rc = taxonomy_open(&t, path, &err);
		if (!fault_fired())
			break;
		fault_disarm();
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
		assert_null(t);
	}
	fault_disarm();
	assert_int_equal(rc, 0);
	assert_true(n > 5);
	taxonomy_close(t);
}

static void a_dump_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(dir);
}

static void an_ete3_file_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(sqlite_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump_fails_cleanly_at_every_allocation),
		cmocka_unit_test(an_ete3_file_fails_cleanly_at_every_allocation),
	};

	return cmocka_run_group_tests(tests, prepare, cleanup);
}
